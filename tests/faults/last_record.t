#!/bin/sh
# The last record of a run is appended after its result was shown. When it could not be written, the
# program said so and ended with 0 all the same: the outcome came in while the store was being closed,
# after the exit code had been chosen. A script that trusts the code then finds a run that is "running".
set -u
cd "$(dirname "$0")/../.." || exit 1
echo 1..1
name="a run whose last record is lost does not end with 0"
[ "$MODE" != release ] || { echo "ok 1 - $name # SKIP a release build holds no faults"; exit 0; }
top=$(mktemp -d) || exit 1
trap 'rm -rf "$top"' EXIT INT TERM
mkdir "$top/work"
cat >"$top/short.lua" <<'SCENARIO'
local rehearse = require "lib.rehearse"
return { task = "Say yes.", agents = { ["062-development-backend-senior-guardian"] = { {
  { expect = rehearse.anything("only the ending matters"), text = "Yes." },
} } } }
SCENARIO
run() { "$PERIGEE" run --model "rehearsal:$top/short.lua" --workspace "$top/work" --store "$1" 062 "Say yes." >>"$top/out" 2>&1; }
run "$top/whole.db" || { echo "not ok 1 - $name"; sed 's/^/# /' "$top/out"; exit 1; }
records=$("$PERIGEE" runs show last --json --store "$top/whole.db" | wc -l)
PERIGEE_FAULT="store.append:$records" run "$top/cut.db"
status=$?
[ $status -eq 38 ] && { echo "ok 1 - $name"; exit 0; }
echo "not ok 1 - $name"
echo "# it ended with $status; append $records was made to fail"
sed 's/^/# /' "$top/out"
