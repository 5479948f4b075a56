#!/usr/bin/perl
# bad_input.t -- what authors get wrong in chains, scenarios, policies and catalogs: each has one clear
# error with file and line, and no run is left.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

my $SCENARIO = <<'LUA';
local function any() return true end
return { agents = { ["alpha-agent"] = { { { expect = any, calls = { { "write", { path = "x", content = "y" } } } },
  { expect = any, text = function(given) return given.results[1].text end } } } } }
LUA

sub place {
    my (%files) = @_;
    my $home = Try::home();
    Try::write_file("$home->{work}/agents/alpha-agent.md", "---\nname: alpha-agent\ndescription: x\n---\nYou.\n");
    Try::write_file("$home->{dir}/played.lua", $SCENARIO);
    Try::write_file("$home->{work}/$_", $files{$_}) for keys %files;
    return $home;
}

# Runs; answers the result with what was said, and checks that nothing is left.
sub run_of {
    my ($home, $name, @words) = @_;
    my $ran = Try::run(home => $home, args => ['run', '--json', '--store', $home->{store}, '--model', "rehearsal:$home->{dir}/played.lua", @words]);
    my @journal = Try::journal($home);
    ok(!$ran->{hung} && (!@journal || $journal[-1]{kind} eq 'run.finished') && !Try::until_quiet($home), "$name: it ends, and no run is left")
        or diag("exit $ran->{exit}", $ran->{out}, $ran->{err});
    $ran->{result} = eval { $Try::JSON->decode($ran->{out}) } || {};
    $ran->{said} = ($ran->{result}{error}{message} // '') . $ran->{err};
    return $ran;
}

# -- chains ------------------------------------------------------------------------------------------

for my $case (
    ['a chain that forgets to return', "return {\n  run = function(run)\n    run.log('x')\n  end,\n}", 39, qr/chain\.lua:2: 'run' returned nothing; return a value/],
    ['a chain that starts a thousand children', "return { run = function(run)\n  local all = {}\n  for i = 1, 1000 do all[i] = function() return run.ask('alpha-agent', 'x') end end\n  return run.all(all)\nend }",
        32, qr/the limit of 20 children is reached/, '--limit', 'children=20'],
    ['a chain that catches everything', "return { run = function(run)\n  while true do pcall(run.sleep, 60000) end\nend }", 32, qr/time limit/, '--limit', 'time=1s'],
    ['a chain that catches its children\'s failures for ever', "return { run = function(run)\n  while true do pcall(run.ask, 'nobody', 'x') end\nend }", 32, qr/time limit/, '--limit', 'time=1s'],
    ['a chain that returns a number and an unknown key', "return { run = function() return 1 end, descripton = 'x' }", 35, qr/chain\.lua: unknown key "descripton"; did you mean "description"/],
) {
    my ($name, $text, $exit, $pattern, @words) = @$case;
    my $home = place('chain.lua' => $text);
    my $ran = run_of($home, $name, @words, 'chain.lua');
    is($ran->{exit}, $exit, "$name: its exit code") or diag($ran->{said});
    like($ran->{said}, $pattern, "$name: what was wrong, and where");
}

# -- scenarios ---------------------------------------------------------------------------------------

{
    my $home = place();
    Try::write_file("$home->{dir}/played.lua", <<'LUA');
local rehearse = require "lib.rehearse"
return { agents = { ["alpha-agent"] = { {
  { expect = function() return true end, text = "The end." },
  { expect = rehearse.result("bash", "2"), text = "Never." },
} } } }
LUA
    my $ran = run_of($home, 'a scenario with a turn behind the end', 'alpha', 'x');
    is($ran->{exit}, 0, 'a turn that nobody comes to is not missed: the run may go another way');

    Try::write_file("$home->{dir}/played.lua", <<'LUA');
return { agents = { ["alpha-agent"] = { {
  { expect = function() return true end, calls = { { "read", { path = "x" } } } },
  { expect = function(given)
      return given.results[1].name == "bash", "the result of bash, which was never called" end, text = "Never." },
} } } }
LUA
    $ran = run_of($home, 'a scenario that contradicts itself', 'alpha', 'x');
    is($ran->{exit}, 35, 'it ends as invalid');
    like($ran->{said}, qr/alpha-agent, visit 1, turn 2: expected the result of bash, which was never called \(\S+played\.lua:3\)/, 'with what was expected, file and line');
    Try::write_file("$home->{dir}/played.lua", 'return { agents = { ["alpha-agent"] = { { { expect = true, text = "x", txt = "y" } } } } }');
    $ran = run_of($home, 'a turn with a wrong key', 'alpha', 'x');
    like($ran->{said}, qr/played\.lua: alpha-agent, visit 1, turn 1: unknown key "txt"/, 'it is refused with its place');
}

# -- policies ----------------------------------------------------------------------------------------

for my $case (
    ['waits', "return { decide = function()\n  coroutine.yield()\nend }", qr/policy\.lua failed: .*policy\.lua:2: /],
    ['loops', "return { decide = function()\n  while true do end\nend }", qr/policy\.lua failed: .*policy\.lua:2: .*endless loop/],
    ['raises', "return { decide = function()\n  error('no luck')\nend }", qr/policy\.lua failed: .*policy\.lua:2: no luck/],
    ['answers an unknown key', "return { decide = function()\n  return { verdict = 'allow', wy = 'x' }\nend }", qr/policy\.lua:1: decide: the answer\.wy is not known; did you mean "why"/],
) {
    my ($what, $text, $pattern) = @$case;
    my $home = place();
    Try::write_file("$home->{config}/perigee/lua/policy.lua", $text);
    my $ran = run_of($home, "a policy that $what", 'alpha', 'x');
    like($ran->{result}{text}, $pattern, "a policy that $what denies, and says why and where");
    ok(!-e "$home->{work}/x", 'and nothing is written');
}

# -- catalogs ----------------------------------------------------------------------------------------

{
    my $home = Try::home();
    for my $i (1 .. 5000) {
        my $name = sprintf '%04d-agent', $i == 4000 ? 17 : $i;
        Try::write_file(sprintf('%s/agents/%d/%04d.md', $home->{work}, $i % 10, $i), "---\ndescription: x\nname: $name\n---\nYou.\n");
    }
    my $ran = Try::run(home => $home, args => ['agents', 'check', "$home->{work}/agents", '--json']);
    is($ran->{exit}, 1, 'a catalog of 5,000 files with one name twice is an error');
    my @double = grep { $_->{rule} eq 'duplicate-name' } @{ $Try::JSON->decode($ran->{out})->{diagnostics} };
    is(scalar @double, 1, 'which is told once');
    like("$double[0]{file}:$double[0]{line}:$double[0]{column}", qr{/7/0017\.md:3:7$}, 'with file, line and column') or diag($Try::JSON->encode($double[0]));
    like($double[0]{message}, qr/0017-agent is defined in \S+0\/4000\.md too; that one is first/, 'and the other file');
    $ran = Try::run(home => $home, args => ['agents', 'show', '3999-agent']);
    is($ran->{exit}, 0, 'and the others can be used');
}

done_testing();
