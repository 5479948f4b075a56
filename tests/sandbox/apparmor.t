#!/bin/sh
# The AppArmor profile: installed only when asked for, with the helper's own path, and one that the
# parser takes (its `userns` needs AppArmor 4; older parsers read the rest).
set -u
cd "$(dirname "$0")/../.." || exit 1
number=0
failed=0
check() { # NAME, then a command that must succeed
  number=$((number + 1))
  name=$1
  shift
  if "$@" >/dev/null 2>&1; then echo "ok $number - $name"; else echo "not ok $number - $name"; failed=1; fi
}
skip() { number=$((number + 1)); echo "ok $number - $1 # SKIP $2"; }

to=$(mktemp -d) || exit 1
trap 'rm -rf "$to"' EXIT INT TERM
install_into() { # FOLDER, further words for make: the install verb alone, what is built is built
  folder=$1
  shift
  make -s install DESTDIR="$folder" PREFIX=/opt/perigee MODE="${MODE:-release}" "$@"
}

check "make install works" install_into "$to/plain"
check "make install lays the profile down to read" test -f "$to/plain/opt/perigee/share/perigee/apparmor/perigee-sandbox"
check "make install alone changes nothing in /etc" test ! -e "$to/plain/etc"
check "make install APPARMOR=1 works" install_into "$to/asked" APPARMOR=1
profile=$to/asked/etc/apparmor.d/perigee-sandbox
check "the profile is put where AppArmor looks" test -f "$profile"
check "it names the installed helper" grep -q '"/opt/perigee/libexec/perigee/perigee-sandbox"' "$profile"
check "it grants user namespaces" grep -q '^  userns,$' "$profile"
check "no placeholder is left in it" sh -c "! grep -q @ '$profile'"

parser=${APPARMOR_PARSER:-$(command -v apparmor_parser || echo /sbin/apparmor_parser)}
if [ ! -x "$parser" ]; then
  skip "the parser takes it" "apparmor_parser is not installed"
elif "$parser" --version 2>/dev/null | grep -qE 'version [4-9]'; then
  check "the parser takes it" "$parser" -Q -K "$profile"
else
  # without what its older grammar does not know
  sed -e '/^  userns,$/d' -e 's|abi/4.0|abi/3.0|' -e 's/flags=(unconfined)//' "$profile" >"$to/older"
  check "an older parser takes all but userns" "$parser" -Q -K ${APPARMOR_BASE:+--base "$APPARMOR_BASE"} "$to/older"
fi
echo "1..$number"
exit $failed
