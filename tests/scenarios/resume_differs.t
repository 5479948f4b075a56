#!/usr/bin/perl
# resume_differs.t -- a chain was changed while its run waited. With the recorded texts the run ends as
# it began; with today's the first difference is named, both sides with file and line, and the run stays
# as it is. A step can be asked for again.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

my $CHAIN = <<'LUA';
local schema = require "lib.schema"
return { params = schema.object {}, run = function(run)
  local one = run.step("one", function(n) return n + 1 end, 1)
  run.tool("write", { path = "a.txt", content = "a\n" })
  local both = run.all {
    left = function() return run.step("left", function() return "l" end) end,
    right = function() return run.step("right", function() return "r" end) end,
  }
  local word = run.question("Go?")
  run.tool("write", { path = "b.txt", content = word .. "\n" })
  return one .. both.left .. both.right .. word
end }
LUA

# Changed how: what to replace by what, and the two sides that the message has to name.
my @CHANGES = (
    ['a step is gone', qr/  local one = run\.step.*\n/, "  local one = 2\n",
        'step 1: the journal has a run.step "one" (CHAIN:3)', 'the script asks for a run.tool write (CHAIN:4)'],
    ['a step was added', qr/(?=  run\.tool\("write", \{ path = "a)/, "  run.step(\"new\", function() end)\n",
        'step 2: the journal has a run.tool write (CHAIN:4)', 'the script asks for a run.step "new" (CHAIN:4)'],
    ['a step has other arguments', qr/"a\\n"/, '"A\n"',
        'step 2: the journal has a run.tool write (CHAIN:4)', 'the script asks for a run.tool write (CHAIN:4), with other arguments'],
    ['a step is of another kind', qr/run\.step\("one".*\n/, "(run.sleep(1) and 2)\n",
        'step 1: the journal has a run.step "one" (CHAIN:3)', 'the script asks for a run.sleep (CHAIN:3)'],
    ['a branch has another name', qr/left = function/, 'other = function',
        'next in the journal is step 3.left/1, a run.step "left" (CHAIN:6)', 'for a run.step "right" (CHAIN:7)'],
    ['the script ends before', qr/(?=  local word)/, "  do return one end\n",
        'the script has ended; the journal has step 4', 'run.question "Go?" (CHAIN:9)'],
);

sub begin {
    my $home = Try::home();
    Try::write_file("$home->{dir}/chain.lua", $CHAIN);
    my $ran = Try::run(home => $home, args => ['run', '--json', '--store', $home->{store}, '--workspace', $home->{work},
        '--model', 'rehearsal:demo', "$home->{dir}/chain.lua"]);
    is($ran->{exit}, 40, 'the run waits') or diag($ran->{out}, $ran->{err});
    return $home;
}

sub verb { my ($home, @args) = @_; return Try::run(home => $home, args => ['runs', @args, '--store', $home->{store}]) }

sub status_of { my ($home) = @_; return $Try::JSON->decode(verb($home, 'list', '--json')->{out})->{runs}[0]{status} }

for my $change (@CHANGES) {
    my ($name, $from, $to, @sides) = @$change;
    my $home = begin();
    (my $changed = $CHAIN) =~ s/$from/$to/ or die "$name: nothing to change";
    Try::write_file("$home->{dir}/chain.lua", $changed);
    my $ran = verb($home, 'resume', 'last', '--with-current');
    is($ran->{exit}, 35, "$name: with today's file it does not go on") or diag($ran->{err});
    for my $side (@sides) {
        $side =~ s/CHAIN/$home->{dir}\/chain.lua/;
        like($ran->{err}, qr/\Q$side\E/, "$name: said is $side");
    }
    is(status_of($home), 'interrupted', "$name: the run stays");
    $ran = verb($home, 'resume', 'last');
    is($ran->{exit}, 40, "$name: with its own it waits again") or diag($ran->{err});
    like($ran->{err}, qr/not as they are now.*chain\.lua/, "$name: and that is said");
    $ran = verb($home, 'answer', 'last', 'yes');
    is($ran->{exit}, 0, "$name: and comes to its end") or diag($ran->{err});
    like($ran->{out}, qr/^2lryes$/m, "$name: which is that of the script as it was");
}

# -- a script that never goes the same way ----------------------------------------------------------

# The file is not the same when the run goes on, and no record says what it was.
{
    my $home = Try::home();
    Try::write_file("$home->{dir}/chain.lua", <<'LUA');
local schema = require "lib.schema"
return { params = schema.object {}, run = function(run)
  local order = run.tool("read", { path = "order.txt" }) == "1" and { "a", "b" } or { "b", "a" }
  for _, name in ipairs(order) do run.step(name, function() return name end) end
  return run.question("Go?")
end }
LUA
    Try::write_file("$home->{work}/order.txt", "1\n");
    my @args = ('run', '--store', $home->{store}, '--workspace', $home->{work}, '--model', 'rehearsal:demo', "$home->{dir}/chain.lua");
    is(Try::run(home => $home, args => \@args)->{exit}, 40, 'a chain that goes by a file waits');
    Try::write_file("$home->{work}/order.txt", "2\n");
    my $ran = verb($home, 'answer', 'last', 'yes');
    is($ran->{exit}, 0, 'what it read stands in the journal, so it goes the same way') or diag($ran->{err});
    like($ran->{out}, qr/^yes$/m, 'and gets its answer');
}

# -- the order in which children ended ---------------------------------------------------------------

{
    my $home = Try::home();
    Try::write_file("$home->{dir}/chain.lua", <<'LUA');
local schema = require "lib.schema"
return { params = schema.object {}, run = function(run)
  local order = {}
  run.all {
    first = function() run.sleep(60) order[#order + 1] = "first" return 1 end,
    second = function() run.sleep(30) order[#order + 1] = "second" return 2 end,
    third = function() run.sleep(1) order[#order + 1] = "third" return 3 end,
  }
  local won, who = run.race {
    slow = function() run.sleep(40) return "slow" end,
    quick = function() run.sleep(1) return "quick" end,
  }
  run.question("Go?")
  return table.concat(order, " ") .. " " .. won .. " " .. who
end }
LUA
    my $ran = Try::run(home => $home, args => ['run', '--json', '--store', $home->{store}, '--workspace', $home->{work},
        '--model', 'rehearsal:demo', "$home->{dir}/chain.lua"]);
    is($ran->{exit}, 40, 'branches that end in another order than they began');
    $ran = verb($home, 'answer', 'last', 'yes');
    is($ran->{exit}, 0, 'the run goes on') or diag($ran->{err});
    like($ran->{out}, qr/^third second first quick quick$/m, 'they end in the same order, and who had won has won');
}

# -- once more from a step ---------------------------------------------------------------------------

{
    my $home = Try::home();
    Try::write_file("$home->{dir}/chain.lua", <<'LUA');
local schema = require "lib.schema"
return { params = schema.object {}, run = function(run)
  local both = run.all {
    left = function() return run.tool("read", { path = "a.txt" }) end,
    right = function() return run.tool("read", { path = "a.txt" }) end,
  }
  local last = run.tool("read", { path = "a.txt" })
  return both.left .. " " .. both.right .. " " .. last
end }
LUA
    Try::write_file("$home->{work}/a.txt", "old\n");
    my $ran = Try::run(home => $home, args => ['run', '--store', $home->{store}, '--workspace', $home->{work},
        '--model', 'rehearsal:demo', "$home->{dir}/chain.lua"]);
    like($ran->{out}, qr/^old old old$/m, 'a chain that read three times') or diag($ran->{err});
    Try::write_file("$home->{work}/a.txt", "new\n");
    like(verb($home, 'resume', 'last')->{err}, qr/has ended well.*--from STEP/, 'it has ended: only a step of it can be done again');
    like(verb($home, 'resume', 'last', '--from', '2')->{out}, qr/^old old new$/m, 'from the last step on');
    like(verb($home, 'resume', 'last', '--from', '1.right/1')->{out}, qr/^old new new$/m, 'from a step in a branch: what went on beside it is kept');
    like(verb($home, 'resume', 'last', '--from', '1.left/1')->{out}, qr/^new new new$/m, 'from the other, where the last ones are new already');
    $ran = verb($home, 'resume', 'last', '--from', '7.none/1');
    is($ran->{exit}, 34, 'a step that is not there') or diag($ran->{err});
    like($ran->{err}, qr/no step 7\.none\/1/, 'is named');
}

# -- an agent from a record on -----------------------------------------------------------------------

{
    my $home = Try::home();
    Try::write_file("$home->{dir}/scenario.lua", <<'LUA');
local rehearse = require "lib.rehearse"
return { agents = { ["lone-agent"] = { {
  { expect = rehearse.anything("the file is the test"), text = "I read.", calls = { { "read", { path = "a.txt" } } } },
  { expect = rehearse.anything("the file is the test"), text = function(given) return "It says " .. given.results[1].text end },
} } } }
LUA
    Try::write_file("$home->{work}/a.txt", "old\n");
    my $ran = Try::run(home => $home, args => ['run', '--store', $home->{store}, '--project', "$FindBin::Bin/team", '--workspace', $home->{work},
        '--model', "rehearsal:$home->{dir}/scenario.lua", 'lone-agent', 'Read it.']);
    like($ran->{out}, qr/It says old/, 'an agent that read') or diag($ran->{err});
    my ($call) = grep { $_->{kind} eq 'call' } Try::journal($home);
    Try::write_file("$home->{work}/a.txt", "new\n");
    like(verb($home, 'resume', 'last', '--from', $call->{seq})->{out}, qr/It says new/, 'reads again from the record of its call on');
    is(scalar(grep { $_->{kind} eq 'prompt' } Try::journal($home)), 1, 'in the same conversation');
    my ($prompt) = grep { $_->{kind} eq 'prompt' } Try::journal($home);
    like(verb($home, 'resume', 'last', '--from', $prompt->{seq})->{out}, qr/It says new/, 'and begins anew from the record that opened it, as if for the first time');
}

# -- agents that are not what they were ---------------------------------------------------------------

# A run whose first agent has handed over to a second one, which waits.
sub begin_agents {
    my ($home) = (Try::home());
    my %text = (one => "You are the first.\n\n### Next Agents (Auto-chain to):\n- two-agent (for the rest)\n",
        two => "You are the second.\nYou read.\n\n### Escalate To:\n- User (always)\n");
    Try::write_file("$home->{config}/perigee/agents/$_-agent.md", "---\nname: $_-agent\ndescription: One.\ntools: [read, word]\n---\n$text{$_}") for keys %text;
    Try::write_file("$home->{config}/perigee/tools/word.lua", 'local schema = require "lib.schema" return { description = "Says.", input = schema.object {}, effect = "read", run = function() return "first" end }');
    Try::write_file("$home->{dir}/scenario.lua", <<'LUA');
local rehearse = require "lib.rehearse"
local whatever = rehearse.anything("what agents are is the test")
return { agents = {
  ["one-agent"] = { { { expect = whatever, calls = { { "handoff", { to = "two-agent", reason = "r", result = "done" } } } } } },
  ["two-agent"] = { {
    { expect = whatever, text = "I ask.", calls = { { "escalate", { to = "User", question = "Go?" } } } },
    { expect = whatever, text = "I call.", calls = { { "word", {} } } },
    { expect = whatever, text = function(given) return given.results[1].text .. ", told: " .. given.system:match("You are the (%w+)") end },
  } },
} }
LUA
    my $ran = Try::run(home => $home, args => ['run', '--json', '--store', $home->{store}, '--workspace', $home->{work},
        '--model', "rehearsal:$home->{dir}/scenario.lua", 'one-agent', 'Do it.']);
    is($ran->{exit}, 40, 'the second agent waits') or diag($ran->{out}, $ran->{err});
    verb($home, 'answer', 'last', 'yes', '--no-run');
    return ($home, "$home->{config}/perigee");
}

sub edit { my ($path, $from, $to) = @_; my $text = Try::read_file($path); $text =~ s/$from/$to/ or die "$path: nothing to change"; Try::write_file($path, $text) }

{
    my ($home, $user) = begin_agents();
    edit("$user/agents/two-agent.md", qr/second\.\n/, "second one.\n");
    my $ran = verb($home, 'resume', 'last', '--with-current');
    is($ran->{exit}, 35, 'a definition was changed: with today\'s its conversation does not go on') or diag($ran->{out}, $ran->{err});
    like($ran->{err}, qr/record \d+, a prompt: the journal has \Q$user\E\/agents\/two-agent\.md:6 as "You are the second\."; now \Q$user\E\/agents\/two-agent\.md:6 is "You are the second one\."/,
        'both sides are named with file and line');
    my ($run, $seq) = $ran->{err} =~ /--from RUN:SEQ --with-current begins anew.*from this record \((\S+):(\d+)\)/;
    ok($seq, 'and what can be done');
    is(status_of($home), 'waiting', 'the run stays as it is');
    $ran = verb($home, 'resume', 'last', '--from', "$run:$seq", '--with-current');
    is($ran->{exit}, 40, 'begun anew it is today\'s, and asks again') or diag($ran->{err});
    $ran = verb($home, 'answer', 'last', 'yes');
    is($ran->{exit}, 0, 'and is answered') or diag($ran->{err});
}
{
    my ($home, $user) = begin_agents();
    edit("$user/agents/two-agent.md", qr/second\.\n/, "third.\n");
    my $ran = verb($home, 'resume', 'last');
    is($ran->{exit}, 0, 'with what it was it goes on') or diag($ran->{err});
    like($ran->{out}, qr/told: second/, 'as it was');
}
{
    my ($home, $user) = begin_agents();
    edit("$user/agents/two-agent.md", qr/read, word/, 'read');
    my $ran = verb($home, 'resume', 'last', '--with-current');
    like($ran->{err}, qr/the journal offers the tool word to two-agent \(\S+two-agent\.md\); now \S+two-agent\.md:4 does not: its definition no longer gives it/, 'a tool that was taken away is named') or diag($ran->{out});
}
{
    my ($home, $user) = begin_agents();
    Try::write_file("$user/tools/word.lua", "return {\n  oops = \n}");
    my $ran = verb($home, 'resume', 'last', '--with-current');
    like($ran->{err}, qr/the journal offers the tool word.*word\.lua:3: /s, 'one that is broken with its line') or diag($ran->{out});
}
{
    my ($home, $user) = begin_agents();
    edit("$user/tools/word.lua", qr/"first"/, '"mended"');
    edit("$user/agents/two-agent.md", qr/One\./, 'Another description.');
    edit("$user/agents/one-agent.md", qr/the first/, 'the very first');
    my $ran = verb($home, 'resume', 'last', '--with-current');
    is($ran->{exit}, 0, 'a tool that was mended, a description, an agent whose part is over: these fit') or diag($ran->{err});
    like($ran->{out}, qr/^mended, told: second/m, 'and today\'s tool is called');
}
{
    my ($home, $user) = begin_agents();
    unlink "$user/agents/two-agent.md" or die;
    my $ran = verb($home, 'resume', 'last', '--with-current');
    is($ran->{exit}, 35, 'an agent that is gone') or diag($ran->{err});
    like($ran->{err}, qr/record \d+, a hop: the journal has one-agent hand over to two-agent; there is no agent two-agent now/, 'is named, where the run came to it');
    my ($turn) = grep { $_->{kind} eq 'turn' } Try::journal($home);
    $ran = verb($home, 'resume', 'last', '--from', $turn->{seq}, '--with-current');
    unlike($ran->{err}, qr/journal has/, 'from before that the run may go another way');
}
{
    my ($home, $user) = begin_agents();
    edit("$user/agents/one-agent.md", qr/- two-agent.*\n/, "- three-agent (for the rest)\n");
    my $ran = verb($home, 'resume', 'last', '--with-current');
    like($ran->{err}, qr/a hop: the journal has one-agent hand over to two-agent; now \S+one-agent\.md does not lead there/, 'a way that is gone is named, with the file');
}

# What was taken back, or given up, goes on with nobody.
{
    my ($home, $user) = begin_agents();
    Try::write_file("$home->{dir}/chain.lua", 'local schema = require "lib.schema" return { params = schema.object {}, run = function(run) return run.ask("two-agent", "Do it.") end }');
    is(Try::run(home => $home, args => ['run', '--json', '--store', $home->{store}, '--workspace', $home->{work},
        '--model', "rehearsal:$home->{dir}/scenario.lua", "$home->{dir}/chain.lua"])->{exit}, 40, 'an agent of a chain waits');
    edit("$user/agents/two-agent.md", qr/second\.\n/, "third.\n");
    my $ran = verb($home, 'resume', 'last', '--with-current');
    is($ran->{exit}, 35, 'it does not go on as another');
    $ran = verb($home, 'resume', 'last', '--with-current', '--from', '1');
    is($ran->{exit}, 40, 'but where it is taken back another begins') or diag($ran->{err});
    is(verb($home, 'resume', 'last', '--with-current')->{exit}, 40, 'which goes on with today\'s, whatever the first was');
}

# An agent of a file that the command line named.
for my $changed (0, 1) {
    my ($home, $user) = begin_agents();
    rename "$user/agents/two-agent.md", "$home->{dir}/two.md" or die $!;
    my $ran = Try::run(home => $home, args => ['run', '--json', '--store', $home->{store}, '--workspace', $home->{work},
        '--model', "rehearsal:$home->{dir}/scenario.lua", "$home->{dir}/two.md", 'Do it.']);
    is($ran->{exit}, 40, 'an agent of a named file waits') or diag($ran->{err});
    verb($home, 'answer', 'last', 'yes', '--no-run');
    edit("$home->{dir}/two.md", qr/second\.\n/, "third.\n") if $changed;
    $ran = verb($home, 'resume', 'last', '--with-current');
    is($ran->{exit}, $changed ? 35 : 0, 'with its file of today it goes on where that is the same') or diag($ran->{err});
    like($ran->{err}, qr/two\.md:6 as "You are the second\."; now \S+two\.md:6 is "You are the third\."/, 'else both are named') if $changed;
}

done_testing();
