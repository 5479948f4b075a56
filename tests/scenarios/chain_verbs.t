#!/bin/sh
# Chains end to end: perigee run CHAIN.lua, rehearsed, with real tools, journal and children.
cd "$(dirname "$0")" || exit 1
here=$(pwd)
temp=$(mktemp -d) || exit 1
trap 'rm -rf "$temp"' EXIT INT TERM
mkdir "$temp/work"
touch "$temp/work/a.txt" "$temp/work/b.txt"
export XDG_CONFIG_HOME="$temp/config"
mkdir -p "$temp/config/perigee/agents"
printf -- '---\nname: slow-agent\ndescription: waits for ever\n---\nWait.\n' >"$temp/config/perigee/agents/slow-agent.md"
echo 'return { before = function(run) run.sleep(600000) end }' >"$temp/config/perigee/agents/slow-agent.lua"
number=0

ok() { # ok NAME COMMAND... : the command holds
  name=$1
  shift
  number=$((number + 1))
  if "$@"; then
    echo "ok $number - $name"
  else
    echo "not ok $number - $name"
    sed 's/^/# /' "$temp/out" "$temp/err" | head -n 40
  fi
}

chain() { # chain NAME ARGUMENTS...
  name=$1
  shift
  "$PERIGEE" run --json --model "rehearsal:$here/chain_replies.lua" --workspace "$temp/work" \
    --store "$temp/state/journal.db" "$@" "$here/$name.lua" count >"$temp/out" 2>"$temp/err"
  code=$?
}

out_has() { grep -qF -- "$1" "$temp/out"; }
err_has() { grep -qF -- "$1" "$temp/err"; }
exited() { [ "$code" -eq "$1" ]; }
runs_say() { "$PERIGEE" runs list --children --store "$temp/state/journal.db" >"$temp/runs" 2>&1; [ "$(grep -c "$1" "$temp/runs")" -eq "$2" ]; }

chain chain_whole --set times=3
ok "a chain that asks, calls a tool, works side by side and keeps a step ends well" exited 0
ok "what the agent said comes back" out_has '"said":"Three files."'
ok "the tool saw the workspace" out_has 'a.txt'
ok "each branch gave its result" out_has '"juniors":{"junior1":"Done by the junior.","junior2":"Done by the junior.","junior3":"Done by the junior."}'
ok "the race was won by who answered" out_has '"key":"asks"'
ok "the step gave what its function answered" out_has '"length":12'
ok "every child has ended in the journal" runs_say running 0

chain chain_whole --set times=none
ok "parameters are checked before anything runs" exited 35
ok "and the message names the parameter" err_has times

chain chain_child_fails
ok "a chain may go on after a child failed" exited 0
ok "what had finished before is kept" out_has '"early":"Done by the junior."'
ok "what was cancelled is not" sh -c '! grep -q never "$1"' sh "$temp/out"

chain chain_race_loser
ok "a race against an agent that waits is won by the other" out_has '"winner":"Done by the junior."'
ok "the loser's run has ended in the journal" runs_say running 0
loser=$(awk '/slow-agent/ { print $1; exit }' "$temp/runs")
"$PERIGEE" runs show "$loser" --store "$temp/state/journal.db" >"$temp/out" 2>"$temp/err"
ok "with a last record that says so" out_has 'run.finished cancelled'

chain chain_thousand
ok "a thousand branches end well" exited 0
ok "none was lost" out_has '{"count":1000,"said":40,"sum":480000}'

chain chain_loops --limit time=300ms
ok "a chain with an endless loop ends at the run's time limit" exited 32
ok "and says so" sh -c 'grep -q "time limit" "$1" "$2"' sh "$temp/out" "$temp/err"

chain chain_refused
ok "a chain is told what it may not do, and goes on" exited 0
ok "an agent that nobody knows" out_has '"nobody":"not_found: '
ok "an option that is not known" out_has "hop"
ok "a tool that does not exist" out_has "no_such_tool"
ok "an input that does not fit" out_has "patern"
ok "a path outside of the workspace" sh -c '! grep -q root: "$1"' sh "$temp/out"
ok "a value that cannot cross" out_has "is a function; only plain data can be passed"
ok "a wait inside a sort comparator" out_has "cannot wait here"

chain chain_thousand --limit children=5
ok "children are counted against the run's limit" out_has "the limit of 5 children is reached"

echo 'return { run = function() end' >"$temp/broken.lua"
"$PERIGEE" run --store "$temp/state/journal.db" --workspace "$temp/work" "$temp/broken.lua" x >"$temp/out" 2>"$temp/err"
code=$?
ok "a chain that cannot be read is refused with file and line" err_has "broken.lua:2:"
ok "and nothing has run" sh -c '[ "$1" -ne 0 ]' sh "$code"

echo "1..$number"
