#!/bin/sh
# The last record of a run is appended after its result was shown. When it could not be written, the
# program said so and ended with 0 all the same: the outcome came in while the store was being closed,
# after the exit code had been chosen. A script that trusts the code then finds a run that is "running".
# So did one that waits for a person, with 40.
set -u
cd "$(dirname "$0")/../.." || exit 1
echo 1..2
top=$(mktemp -d) || exit 1
trap 'rm -rf "$top"' EXIT INT TERM
mkdir "$top/work"
cat >"$top/short.lua" <<'SCENARIO'
local rehearse = require "lib.rehearse"
return { task = "Say yes.", agents = { ["062-development-backend-senior-guardian"] = { {
  { expect = rehearse.anything("only the ending matters"), text = "Yes." },
} } } }
SCENARIO
echo 'return { run = function(run) return run.question("Shall it go?") end }' >"$top/asks.lua"

run() { # STORE WHAT...
  store=$1
  shift
  "$PERIGEE" run --json --model "rehearsal:$top/short.lua" --workspace "$top/work" --store "$store" "$@" >>"$top/out" 2>&1
}

number=0
check() { # NAME CODE WHAT...: the run that ends with CODE when all is well
  name=$1 code=$2 number=$((number + 1))
  shift 2
  [ "$MODE" != release ] || { echo "ok $number - $name # SKIP a release build holds no faults"; return; }
  run "$top/whole$number.db" "$@"
  [ $? -eq "$code" ] || { echo "not ok $number - $name"; sed 's/^/# /' "$top/out"; return; }
  records=$("$PERIGEE" runs show last --json --store "$top/whole$number.db" | wc -l)
  PERIGEE_FAULT="store.append:$records" run "$top/cut$number.db" "$@"
  status=$?
  [ $status -eq 38 ] && { echo "ok $number - $name"; return; }
  echo "not ok $number - $name"
  echo "# it ended with $status; append $records was made to fail"
  sed 's/^/# /' "$top/out"
}

check "a run whose last record is lost does not end with 0" 0 062 "Say yes."
check "nor one that waits for a person with 40" 40 "$top/asks.lua" ""
