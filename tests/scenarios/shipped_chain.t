#!/bin/sh
# The chain that ships runs as it stands, with the demo's scenario for a model.
cd "$(dirname "$0")/../.." || exit 1
temp=$(mktemp -d) || exit 1
trap 'rm -rf "$temp"' EXIT INT TERM
mkdir -p "$temp/work/notes"
cat >"$temp/work/notes/visits.csv" <<'TABLE'
day,page,visitors
2026-11-16,start,120
2026-11-16,docs,45
2026-11-17,start,98
2026-11-17,docs,61
2026-11-18,start,143
TABLE
"$PERIGEE" run --json --model rehearsal:demo --workspace "$temp/work" --store "$temp/state/journal.db" \
  build_and_check.lua "Write a C program, visits.c, for notes/visits.csv" >"$temp/out" 2>"$temp/err"
code=$?
if [ $code -eq 0 ] && grep -q '"checked":"Accepted' "$temp/out" && [ -x "$temp/work/visits" ]; then
  echo "ok 1 - build_and_check builds with one agent and checks with another"
else
  echo "not ok 1 - build_and_check builds with one agent and checks with another"
  echo "# exit code $code"
  sed 's/^/# /' "$temp/out" "$temp/err" | head -n 20
fi
children=$("$PERIGEE" runs list --children --store "$temp/state/journal.db" | grep -c "child of")
if [ "$children" -eq 2 ]; then
  echo "ok 2 - both are children of the chain's run"
else
  echo "not ok 2 - both are children of the chain's run"
  echo "# $children children"
fi
echo "1..2"
