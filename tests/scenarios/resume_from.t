#!/usr/bin/perl
# resume_from.t -- a step of a child can be done again: the child is taken up there, what came of it above
# follows, and what went on beside it is kept. Where that makes no sense the run stays as it is, and why
# is said.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

# Each agent reads its file and says what stands there, and who it is asked after.
my $SCENARIO = <<'LUA';
local rehearse = require "lib.rehearse"
local whatever = rehearse.anything("what is done again is the test")
local usage = { input = 100, output = 10 }
local function reads(name)
  return {
    { expect = whatever, usage = usage, text = "I read.", calls = { { "read", { path = name .. ".txt" } } } },
    { expect = whatever, usage = usage, text = function(given) return name .. "=" .. given.results[1].text:gsub("\n", "") end },
  }
end
local function asks(...)
  return {
    { expect = whatever, text = "I ask.", calls = { { "escalate", { to = "chief-agent", question = "What is it?" } } } },
    { expect = whatever, text = function(given) return "asked: " .. given.results[1].text end },
  }
end
return { agents = {
  ["left-agent"] = { reads "left", reads "left", reads "left", reads "left" }, ["right-agent"] = { reads "right", reads "right" },
  ["last-agent"] = { reads "last", reads "last" }, ["asking-agent"] = { asks(), asks() },
  ["chief-agent"] = { reads "chief", reads "chief" },
  ["copying-agent"] = { {
    { expect = whatever, text = "I read.", calls = { { "read", { path = "left.txt" } } } },
    { expect = whatever, text = "I ask.", calls = { { "escalate", { to = "User", question = "Well?" } } } },
  } },
} }
LUA

my $HEAD = "local schema = require 'lib.schema'\nreturn { params = schema.object {}, run = function(run)\n";
my %CHAIN = (
    plain => <<'LUA',
  local both = run.all {
    left = function() return run.ask("left-agent", "Read") end,
    right = function() return run.ask("right-agent", "Read") end,
  }
  return both.left .. " " .. both.right .. " " .. run.ask("last-agent", "Read")
LUA
    asking => <<'LUA',
  local both = run.all {
    asking = function() return run.ask("asking-agent", "Ask") end,
    right = function() return run.ask("right-agent", "Read") end,
  }
  return both.asking .. " " .. both.right
LUA
    inside => <<'LUA',
  local said = run.step("inside", function() return run.ask("left-agent", "Read") end)
  return said .. " " .. run.ask("last-agent", "Read")
LUA
    race => <<'LUA',
  local won = run.race {
    slow = function() run.sleep(600000) return run.ask("left-agent", "Read") end,
    quick = function() return run.ask("right-agent", "Read") end,
    other = function() return run.ask("waiting-agent", "Read") end,
  }
  return won .. " " .. run.ask("last-agent", "Read")
LUA
    waits => <<'LUA',
  return run.ask("copying-agent", "Read", { workspace = "copy" })
LUA
    question => <<'LUA',
  local word = run.tool("read", { path = "left.txt" })
  return run.question("Delete " .. word .. "?") .. " " .. run.ask("waiting-agent", "Wait")
LUA
    copy => <<'LUA',
  local said, patch = run.ask("left-agent", "Read", { workspace = "copy" })
  return said .. " " .. run.ask("last-agent", "Read")
LUA
);

sub put { my ($home, $word) = @_; Try::write_file("$home->{work}/$_.txt", "$word\n") for qw(left right last chief) }

# A run of that chain that has ended (or waits, by its exit code), in which all files said "old"; they say
# "new" now. `hook`: of the last agent.
sub begin {
    my ($name, %how) = @_;
    my $home = Try::home();
    my %more = ('copying-agent' => "\n### Escalate To:\n- User (always)\n", 'asking-agent' => "\n### Escalate To:\n- chief-agent (when it is unclear)\n",
        'waiting-agent' => "\n### Escalate To:\n- User (always)\n");
    for my $agent (qw(left-agent right-agent last-agent asking-agent chief-agent waiting-agent copying-agent)) {
        Try::write_file("$home->{config}/perigee/agents/$agent.md",
            "---\nname: $agent\ndescription: One.\ntools: [read]\n---\nYou read.\n" . ($more{$agent} // ''));
    }
    Try::write_file("$home->{config}/perigee/agents/last-agent.lua", $how{hook}) if $how{hook};
    my $scenario = $SCENARIO;
    $scenario =~ s/(?=\["chief-agent"\])/["waiting-agent"] = { { { expect = whatever, text = "I ask.", calls = { { "escalate", { to = "User", question = "Well?" } } } } } },\n  /;
    Try::write_file("$home->{dir}/scenario.lua", $scenario);
    Try::write_file("$home->{dir}/chain.lua", "$HEAD$CHAIN{$name}end }\n");
    put($home, 'old');
    my $ran = Try::run(home => $home, args => ['run', '--store', $home->{store}, '--workspace', $home->{work},
        '--model', "rehearsal:$home->{dir}/scenario.lua", "$home->{dir}/chain.lua"]);
    is($ran->{exit}, $how{exit} // 0, "$name: a run") or diag($ran->{err});
    put($home, 'new');
    return ($home, said($ran));
}

sub said { my ($ran) = @_; return $ran->{out} =~ s/\n+\z//r }

sub verb { my ($home, @args) = @_; return Try::run(home => $home, args => ['runs', @args, '--store', $home->{store}]) }

# The runs of the tree by their agents, and the records of one.
sub children { my ($home) = @_; return map { $_->{agent} => $_->{run} } reverse @{ $Try::JSON->decode(verb($home, 'list', '--children', '--json')->{out})->{runs} } }

sub seq_of { my ($home, $run, $kind) = @_; my ($one) = grep { $_->{kind} eq $kind } Try::journal($home, $run); return $one->{seq} }

sub count { my ($home, $run, $kind) = @_; return scalar grep { $_->{kind} eq $kind } Try::journal($home, $run) }

# -- two side by side, and one that followed ---------------------------------------------------------

{
    my ($home, $was) = begin('plain');
    is($was, 'left=old right=old last=old', 'of three agents');
    my %run = children($home);
    my $top = $run{chain};
    my $call = seq_of($home, $run{'left-agent'}, 'call');
    my $ran = verb($home, 'resume', $top, '--from', "$run{'left-agent'}:$call");
    is(said($ran), 'left=new right=old last=new', 'a call of one is made again: who stood beside is kept, who came after begins again')
        or diag($ran->{err});
    is(count($home, $run{'left-agent'}, 'prompt'), 1, 'in the same conversation');
    is(count($home, $run{'right-agent'}, 'turn'), 2, 'and the other was asked nothing');
    # Six turns, of which three were taken back and asked for again.
    is((grep { $_->{kind} eq 'run.finished' } Try::journal($home, $top))[-1]{body}{spent}{tokens}, 9 * 110, 'what was taken back stays paid for, in the child too');
    my ($again) = grep { $_->{kind} eq 'run.resumed' } Try::journal($home, $top);
    is($again->{body}{from}, "$run{'left-agent'}:$call", 'the record names the step');
    like(verb($home, 'show', $top)->{out}, qr/run\.resumed\s+resume from $run{'left-agent'}:$call/, 'and people see it');

    Try::write_file("$home->{work}/right.txt", "newer\n");
    my $turn = (grep { $_->{kind} eq 'turn' } Try::journal($home, $run{'right-agent'}))[-1]{seq};
    $ran = verb($home, 'resume', $run{'right-agent'}, '--from', $turn);
    is(said($ran), 'left=new right=old last=new', "a child's own id with a number means its record: its last turn is asked for again")
        or diag($ran->{err});
    is(count($home, $run{'right-agent'}, 'turn'), 3, 'and nothing before it');
    my $prompt = seq_of($home, $run{'right-agent'}, 'prompt');
    $ran = verb($home, 'resume', $top, '--from', substr($run{'right-agent'}, -6) . ":$prompt");
    is(said($ran), 'left=new right=newer last=new', 'a part of the id does too, and from its prompt on the child begins anew') or diag($ran->{err});
    my $result = (grep { $_->{kind} eq 'result' } Try::journal($home, $run{'left-agent'}))[-1]{seq};
    Try::write_file("$home->{work}/left.txt", "newest\n");
    is(said(verb($home, 'resume', $top, '--from', "$run{'left-agent'}:$result")), 'left=newest right=newer last=new',
        'from a result its call is made again');

    $ran = verb($home, 'fork', $top, '--at', (grep { $_->{kind} eq 'run.resumed' } Try::journal($home, $top))[-1]{seq});
    is(said($ran), 'left=newest right=newer last=new', 'a copy of such a run knows what was taken back in its own children') or diag($ran->{err});

    my %copy = children($home);
    isnt($copy{'left-agent'}, $run{'left-agent'}, 'which have names of their own');
    Try::write_file("$home->{work}/left.txt", "last\n");
    my $last = (grep { $_->{kind} eq 'call' } Try::journal($home, $copy{'left-agent'}))[-1]{seq};
    $ran = verb($home, 'resume', $copy{chain}, '--from', "$copy{'left-agent'}:$last");
    is(said($ran), 'left=last right=newer last=new', 'a step of one of them can be done again') or diag($ran->{err});

    $ran = verb($home, 'resume', $top, '--from', "$run{'left-agent'}:999");
    is($ran->{exit}, 34, 'a record that is not there');
    like($ran->{err}, qr/no step $run{'left-agent'}:999/, 'is named');
    is(verb($home, 'resume', $top, '--from', 'nobody:1')->{exit}, 34, 'and so is a run that is no part of it');
    my ($gone) = grep { $_->{kind} eq 'child' && $_->{body}{agent} eq 'last-agent' } Try::journal($home, $top);
    $ran = verb($home, 'resume', $top, '--from', "$gone->{body}{run}:3");
    is($ran->{exit}, 35, 'a child that an earlier --from took back') or diag($ran->{err});
    like($ran->{err}, qr/$gone->{body}{run} is no part of $top any more/, 'is not taken up');
}

# -- killed before the child was reached --------------------------------------------------------------

{
    my ($home) = begin('plain');
    my %run  = children($home);
    my $call = seq_of($home, $run{'left-agent'}, 'call');
    my $live = Try::start(home => $home, args => ['runs', 'resume', $run{chain}, '--from', "$run{'left-agent'}:$call", '--events', '--store', $home->{store}]);
    Try::until_text($live, 'out', qr/"run\.resumed"/) or diag(Try::read_file($live->{err}));
    kill 'KILL', $live->{pid};
    Try::finish($live);
    my $ran = verb($home, 'resume', $run{chain});
    my $ended = $ran->{err} =~ /has ended well/; # the kill came too late
    ok($ended || said($ran) eq 'left=new right=old last=new', 'what was taken back stays so, whoever goes on') or diag($ran->{out}, $ran->{err});
}

# -- a child of a child, and one inside a step --------------------------------------------------------

{
    my ($home, $was) = begin('asking');
    is($was, 'asked: chief=old right=old', 'an agent that asked another');
    my %run = children($home);
    my $ran = verb($home, 'resume', $run{chain}, '--from', "$run{'chief-agent'}:" . seq_of($home, $run{'chief-agent'}, 'call'));
    is(said($ran), 'asked: chief=new right=old', 'the answer of who was asked is used by who asked') or diag($ran->{err});
    is(count($home, $run{'asking-agent'}, 'prompt'), 1, 'in the conversation in which it asked');
    is(count($home, $run{'asking-agent'}, 'turn'), 3, 'of which only the turn behind the answer is new');
    is(count($home, $run{'right-agent'}, 'turn'), 2, 'who stood beside is kept');
    is(said(verb($home, 'resume', $run{chain}, '--from', "$run{'asking-agent'}:" . seq_of($home, $run{'asking-agent'}, 'turn'))), 'asked: chief=new right=old',
        'from before the question another child is asked');
}
{
    my ($home, $was) = begin('inside');
    my %run = children($home);
    my $ran = verb($home, 'resume', $run{chain}, '--from', "$run{'left-agent'}:" . seq_of($home, $run{'left-agent'}, 'call'));
    is(said($ran), 'left=new last=new', 'the step in whose function a child was asked is done again') or diag($ran->{err});
    is(count($home, $run{'left-agent'}, 'prompt'), 1, 'and takes that child up');
}

# A child that a hook asked, in one of its branches: the hook is done again, but for the other branch.
{
    my ($home) = begin('plain', hook => <<'LUA');
return { before = function(run, input)
  local both = run.all {
    one = function() return run.ask("left-agent", "Read") end,
    two = function() return run.ask("right-agent", "Read") end,
  }
  return { context = both.one .. " " .. both.two }
end }
LUA
    my %run = children($home);
    my ($last) = $run{'last-agent'};
    my ($asked) = map { $_->{body}{run} } grep { $_->{kind} eq 'child' && $_->{body}{agent} eq 'left-agent' } Try::journal($home, $last);
    ok($asked, 'a hook asked two agents') or diag(verb($home, 'show', $last)->{out});
    my $ran = verb($home, 'resume', $run{chain}, '--from', "$asked:" . seq_of($home, $asked, 'call'));
    is(said($ran), 'left=old right=old last=new', 'a child of a hook is taken up, and its agent begins anew behind it') or diag($ran->{err});
    my @opened = map { $_->{body}{first} =~ /(left=.*)/ } grep { $_->{kind} eq 'prompt' } Try::journal($home, $last);
    is_deeply(\@opened, ['left=old right=old', 'left=new right=old'], 'with what the hook says now: the branch beside it is kept');
}

# A child that waits in its copy of the workspace.
SKIP: {
    skip 'no sandbox on this machine', 3 if Try::run(home => Try::home(), args => ['doctor'])->{exit} != 0;
    my ($home) = begin('waits', exit => 40);
    my %run = children($home);
    my ($copied) = glob "$home->{home}/.cache/perigee/copies/*/b/left.txt";
    Try::write_file($copied, "newer\n");
    my $child = $run{'copying-agent'};
    my $ran = verb($home, 'resume', $run{chain}, '--from', "$child:" . seq_of($home, $child, 'call'));
    is($ran->{exit}, 40, 'a child that waits in a copy is taken up in it') or diag($ran->{err});
    like((grep { $_->{kind} eq 'result' && $_->{body}{name} eq 'read' } Try::journal($home, $child))[-1]{body}{text}, qr/newer/, 'which is as it was left');
    is(count($home, $child, 'prompt'), 1, 'in its conversation');
}

# -- what a person had said already -----------------------------------------------------------------------

{
    my ($home) = begin('question', exit => 40);
    my $top = { children($home) }->{chain};
    my $asked = "$top:" . seq_of($home, $top, 'question');
    verb($home, 'answer', $asked, 'yes', '--no-run');
    my $ran = verb($home, 'resume', $top, '--from', '1');
    is($ran->{exit}, 40, 'a question that was taken back is asked anew') or diag($ran->{err});
    like($ran->{err}, qr/what was said to \Q$asked\E is not taken: that was taken back.*asks: Delete new/s, 'and what was said to the other is told to be lost');
    my $now = "$top:" . (grep { $_->{kind} eq 'question' } Try::journal($home, $top))[-1]{seq};
    $ran = verb($home, 'answer', $now, 'no');
    unlike($ran->{err}, qr/not taken/, 'once');
    my %run = children($home);
    $asked = "$run{'waiting-agent'}:" . seq_of($home, $run{'waiting-agent'}, 'question');
    verb($home, 'answer', $asked, 'yes', '--no-run');
    like(verb($home, 'resume', $top, '--from', '1')->{err}, qr/what was said to \Q$asked\E is not taken: that was taken back/, 'also of a child that was begun behind it');
    verb($home, 'answer', 'last', 'yes');
    verb($home, 'resume', $top, '--from', '3'); # the agent is asked anew, while the first one waits
    my @waiting = map { "$_->{run} $_->{text}" } map { @{ $_->{waiting} } } @{ $Try::JSON->decode(verb($home, 'list', '--waiting', '--json')->{out})->{runs} };
    %run = children($home);
    is_deeply(\@waiting, ["$run{'waiting-agent'} Well?"], 'and what that had asked waits for nobody');
    isnt("$run{'waiting-agent'}:", $asked =~ s/:.*/:/r, 'it is another');
}

# -- where it makes no sense --------------------------------------------------------------------------

{
    my ($home, $was) = begin('race');
    my %run = children($home);
    my $ran = verb($home, 'resume', $run{chain}, '--from', "$run{'waiting-agent'}:3");
    is($ran->{exit}, 35, 'who lost a race cannot go on: nobody waits for it') or diag($ran->{out}, $ran->{err});
    like($ran->{err}, qr/$run{'waiting-agent'} was cancelled when the branch beside it.*take back the step that began it, $run{chain}:1\.other\/1/, 'and what to take back instead is named');
    is(said(verb($home, 'resume', $run{chain}, '--from', "$run{'right-agent'}:" . seq_of($home, $run{'right-agent'}, 'call'))), 'right=new last=new',
        'who won may win again');
}
SKIP: {
    skip 'no sandbox on this machine', 4 if Try::run(home => Try::home(), args => ['doctor'])->{exit} != 0;
    my ($home, $was) = begin('copy');
    my %run = children($home);
    my $ran = verb($home, 'resume', $run{chain}, '--from', "$run{'left-agent'}:" . seq_of($home, $run{'left-agent'}, 'call'));
    is($ran->{exit}, 35, 'who worked in a copy cannot go on where the copy is gone') or diag($ran->{out}, $ran->{err});
    like($ran->{err}, qr/worked in a copy.*$run{chain}:1 does all of its work again/, 'and how it is done again is said');
    is(said(verb($home, 'resume', $run{chain}, '--from', "$run{chain}:1")), 'left=new last=new', 'as a whole it is');
}

done_testing();
