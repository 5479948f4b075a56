#!/usr/bin/perl
# chains.t -- chains: what works side by side, and what their authors get wrong.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

my $SCENARIO = <<'LUA';
local rehearse = require "lib.rehearse"
local function says(text) return { { { expect = rehearse.anything("the chain is the test"), text = text } },
  { { expect = rehearse.anything("the chain is the test"), text = text } } } end
return { agents = {
  ["draft-agent"] = says "A draft.", ["check-agent"] = says "Checked.", ["ship-agent"] = says "Shipped.",
  ["lone-agent"] = { { { expect = rehearse.first("never given"), text = "No." } } },
} }
LUA

# Runs a chain whose `run` has this body; answers Try::run with `result` and `journal`.
sub chain {
    my ($body, %how) = @_;
    my $home = $how{home} = Try::home();
    my $file = "$home->{dir}/chain.lua";
    my $params = $how{params} || 'schema.object {}';
    Try::write_file($file, $how{whole} || <<LUA);
local schema = require "lib.schema"
return { params = $params, run = function(run, params)
$body
end }
LUA
    Try::write_file("$home->{dir}/scenario.lua", $SCENARIO);
    my $ran = Try::run(home => $home, args => ['run', '--json', '--store', $home->{store}, '--project', "$FindBin::Bin/team",
        '--model', "rehearsal:$home->{dir}/scenario.lua", @{ $how{args} || [] }, $file, @{ $how{task} || [] }]);
    $ran->{result}  = eval { $Try::JSON->decode($ran->{out}) } || {};
    $ran->{home} = $home;
    $ran->{journal} = [Try::journal($home)];
    return $ran;
}

sub good {
    my ($name, $body, $want, %how) = @_;
    my $ran = chain($body, %how);
    my $why = $ran->{exit} ? "exit $ran->{exit}" : Try::differs($want, $ran->{result}, 'result');
    ok(!$why, $name) or diag("  $why", "  $ran->{out}", "  $ran->{err}");
    return $ran;
}

sub bad {
    my ($name, $body, $exit, $pattern, %how) = @_;
    my $ran = chain($body, %how);
    my $said = ($ran->{result}{error} ? $ran->{result}{error}{message} : '') . $ran->{err};
    my @wrong;
    push @wrong, 'it hung' if $ran->{hung};
    push @wrong, "exit $ran->{exit}, not $exit" if $ran->{exit} != $exit;
    push @wrong, "it does not say $pattern" if $said !~ /$pattern/s;
    push @wrong, 'the journal is not closed' if @{ $ran->{journal} } && $ran->{journal}[-1]{kind} ne 'run.finished';
    push @wrong, "still running: $_" for Try::until_quiet($ran->{home});
    ok(!@wrong, $name) or diag(map({ "  $_\n" } @wrong), "  it said: $said");
    return $ran;
}

# -- what works -------------------------------------------------------------------------------------

good('one agent after the other', <<'LUA', { status => 'ok', value => 'A draft. Checked.' });
  local draft = assert(run.ask("draft-agent", "Write."))
  return draft .. " " .. assert(run.ask("check-agent", { task = "Check.", draft = draft }))
LUA
good('agents side by side answer in the order they were named', <<'LUA', { value => ['A draft.', 'Checked.', 'Shipped.'] });
  return run.all {
    function() return (run.ask("draft-agent", "a")) end,
    function() return (run.ask("check-agent", "b")) end,
    function() return (run.ask("ship-agent", "c")) end,
  }
LUA
good('the first of a race wins, the others are cancelled', <<'LUA', { value => 'Checked.' });
  return run.race {
    function() run.sleep(3600 * 1000) return "late" end,
    function() return (run.ask("check-agent", "x")) end,
  }
LUA
good('a failure of one cancels its siblings, and the chain may go on', <<'LUA', { value => 'went on: never given' });
  local done, err = run.all {
    function() run.sleep(3600 * 1000) return "late" end,
    function() return assert(run.ask("lone-agent", "x")) end,
  }
  assert(not done)
  return "went on: " .. (tostring(type(err) == "table" and err.message or err):match("never given") or "?")
LUA
my $ran = good('a child that is not asked to does not hop', <<'LUA', { value => 'Done.' }, args => []);
  local said = run.ask("draft-agent", "The draft stands - check-agent should read it")
  return said and "Done."
LUA
is(scalar(grep { $_->{kind} eq 'hop' } @{ $ran->{journal} }), 0, 'and no hop is journaled');
is(scalar(grep { $_->{kind} eq 'child' } @{ $ran->{journal} }), 1, 'but the child is');
good('params come from the task and --set', 'return params.task .. params.n', { value => 'go3' },
    params => 'schema.object { { "task", schema.text {}, "The task." }, { "n", schema.integer {}, "A number." } }',
    args => ['--set', 'n=3'], task => ['go']);
good('numbers, null, empty lists and 2^53+1 survive', 'return require("lib.json").decode(\'{"a":[],"n":null,"big":9007199254740993}\')',
    { value => { a => [], n => undef } });

# -- what authors get wrong ---------------------------------------------------------------------------

bad('a mistake of syntax', '', 39, 'chain\.lua:2', whole => "return {\n  run = functon() end }\n");
bad('an error at load', '', 39, 'chain\.lua:1: no luck', whole => "error('no luck')\n");
bad('an unknown key', '', 35, 'paramz.*params', whole => "return { paramz = {}, run = function() end }\n");
bad('no run', '', 35, 'run is missing', whole => "return {}\n");
bad('an endless loop at load', '', 32, 'endless|instructions', whole => "while true do end\n");
bad('an error in run', 'local t = nil; return t.x', 39, 'chain\.lua:3: .*nil');
bad('an error value that is a table', 'error({ code = "not_found", message = "nothing there" })', 34, 'nothing there');
bad('a failure that is returned', 'return nil, { code = "unavailable", message = "closed today" }', 36, 'closed today');
bad('an endless loop', 'while true do end', 32, 'time limit', args => ['--limit', 'time=1s']);
bad('an endless loop without a limit of time', 'while true do end', 32, 'endless loop');
bad('an endless loop that catches everything', 'while true do pcall(function() while true do end end) end', 32, 'time limit', args => ['--limit', 'time=1s']);
bad('memory beyond the quota', 'local t, much = {}, ("x"):rep(1 << 20); for i = 1, math.huge do t[i] = much .. i end', 32, 'memory');
bad('a result with a cycle', 'local t = {}; t.me = { t }; return t', 39, 'cycle|me');
bad('a result with a function', 'return { f = function() end }', 39, 'f.*function|function');
bad('waiting in a sort', 'local t = { 3, 1, 2 }; table.sort(t, function(a, b) run.sleep(1) return a < b end); return t', 39, 'wait');
bad('waiting in a gsub', 'return (("abc"):gsub(".", function() run.sleep(1) end))', 39, 'wait');
bad('waiting in a coroutine of its own', 'local c = coroutine.wrap(function() run.sleep(1) end); c(); return 1', 39, 'wait');
bad('an agent that is not there', 'return assert(run.ask("draft-agnet", "x"))', 34, 'draft-agent');
bad('an agent that fails', 'return run.ask("lone-agent", "x")', 35, 'never given');
bad('a tool that is not there', 'return run.tool("raed", {})', 34, 'read');
bad('a task that is no text', 'local said = run.ask("draft-agent", 7) return said', 39, 'chain\.lua:3:.*task');
bad('a parameter of the wrong type', 'return 1', 35, 'n.*integer|integer', params => 'schema.object { { "n", schema.integer {}, "N." } }', args => ['--set', 'n=many']);
bad('a parameter that is missing', 'return 1', 35, 'n', params => 'schema.object { { "n", schema.integer {}, "N." } }');
bad('a parameter that does not exist', 'return 1', 35, 'm', args => ['--set', 'm=1']);
$ran = bad('children without end', 'while true do run.ask("check-agent", "x") end', 32, 'time limit', args => ['--limit', 'children=5,time=2s']);
is(scalar(grep { $_->{kind} eq 'child' } @{ $ran->{journal} }), 5, 'and a limit of children holds');
bad('the limit of time in two branches', 'return run.all { function() run.sleep(3600000) end, function() while true do end end }', 32, 'time limit',
    args => ['--limit', 'time=1s']);

done_testing();
