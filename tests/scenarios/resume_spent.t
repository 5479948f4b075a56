#!/usr/bin/perl
# resume_spent.t -- what a run spent is the same when it went on: also what children cost whose branch
# was cancelled, whose copy is gone, or that failed. Money that was spent cannot be had back by a kill.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use File::Path qw(remove_tree);
use Test::More;
use Crash;
use Misbehave;
use Try;

my $SCENARIO = <<'LUA';
local rehearse = require "lib.rehearse"
local whatever = rehearse.anything("what it costs is the test")
local function turn(said, ...)
  return { expect = whatever, text = said, calls = { ... }, usage = { input = 100, output = 10 } }
end
local asks = { turn("I write, then I ask.", { "write", { path = "asked.txt", content = "yes\n" } }),
  turn("I ask.", { "escalate", { to = "User", question = "Which colour?" } }), turn("Done.") }
return { agents = {
  ["draft-agent"] = { asks, asks },
  ["check-agent"] = { { turn("Checked.") }, { turn("Checked.") } },
  ["lone-agent"] = { { turn("I read.", { "read", { path = "none.txt" } }) } }, -- and then it fails
} }
LUA

# Plays a chain until it waits, with a policy.lua if there is one; answers { home, parked: what it had spent then }.
sub begin {
    my ($body, $policy) = @_;
    my $home = Try::home();
    policy($home, $policy) if $policy;
    Try::write_file("$home->{dir}/scenario.lua", $SCENARIO);
    Try::write_file("$home->{dir}/chain.lua", "local schema = require 'lib.schema'\nreturn { params = schema.object {}, run = function(run)\n$body\nend }\n");
    my $ran = Try::run(home => $home, args => ['run', '--json', '--store', $home->{store}, '--project', "$FindBin::Bin/team",
        '--model', "rehearsal:$home->{dir}/scenario.lua", '--workspace', $home->{work}, "$home->{dir}/chain.lua"]);
    is($ran->{exit}, 40, 'the run waits') or diag($ran->{out}, $ran->{err});
    return ($home, of_last($home, 'run.parked'), $Try::JSON->decode($ran->{out}));
}

sub policy {
    my ($home, $more) = @_;
    Try::write_file("$home->{config}/perigee/lua/policy.lua", "return { decide = function() return { verdict = 'allow' } end, $more }\n");
    chmod 0700, $home->{config}, "$home->{config}/perigee", "$home->{config}/perigee/lua";
}

# What the top-level run had spent at its last record of that kind.
sub of_last {
    my ($home, $kind) = @_;
    return (grep { $_->{kind} eq $kind } Try::journal($home))[-1]{body}{spent};
}

sub verb { my ($home, @args) = @_; return Try::run(home => $home, args => ['runs', @args, '--json', '--store', $home->{store}]) }

# The end of one that worked in a copy is taken back, and its branch is over before it has another copy.
SKIP: {
    skip 'no sandbox on this machine', 4 if Try::run(home => Try::home(), args => ['doctor'])->{exit} != 0;
    my ($home, $before, $said) = begin(<<'LUA');
  return run.race {
    slow = function()
      run.ask("check-agent", "Check it", { workspace = "copy" })
      return run.question("Slow?")
    end,
    quick = function() return run.ask("draft-agent", "Draft it") end,
  }
LUA
    my ($open) = grep { $_->{text} =~ /colour/ } @{ $said->{waiting} };
    is(verb($home, 'answer', "$open->{run}:$open->{seq}", 'yes')->{exit}, 0, 'the other branch wins');
    my $spent = of_last($home, 'run.finished')->{tokens};
    my ($end) = grep { $_->{kind} eq 'child.finished' && $_->{body}{agent} eq 'check-agent' } Try::journal($home);
    is(verb($home, 'resume', 'last', '--from', $end->{seq})->{exit}, 0, 'and again');
    cmp_ok(of_last($home, 'run.finished')->{tokens}, '>=', $spent, 'what the first had cost stays paid for');
}

{
    my ($home, $before, $said) = begin(<<'LUA');
  local won = run.race {
    slow = function() return run.ask("draft-agent", "Draft it") end, -- waits for a person
    quick = function()
      while not run.tool("read", { path = "asked.txt" }) do run.sleep(5) end
      run.sleep(50)
      return "quick"
    end,
  }
  return won .. run.question("Go?")
LUA
    cmp_ok($before->{turns}, '>=', 1, 'the branch that lost the race has cost something');
    my $ran = verb($home, 'answer', "$said->{waiting}[0]{run}:$said->{waiting}[0]{seq}", 'yes');
    is($ran->{exit}, 0, 'the run goes on') or diag($ran->{out}, $ran->{err});
    is_deeply(of_last($home, 'run.finished'), $before, 'and has spent the same');
    is($Try::JSON->decode($ran->{out})->{turns}, $before->{turns}, 'its last line says so too');
}
{
    my ($home, $before, $said) = begin(<<'LUA');
  local both, err = run.all {
    bad = function()
      while not run.tool("read", { path = "asked.txt" }) do run.sleep(5) end
      run.sleep(50)
      return run.ask("lone-agent", "Fail")
    end,
    slow = function() return run.ask("draft-agent", "Draft it") end,
  }
  return tostring(both) .. run.question("Go?")
LUA
    my $ran = verb($home, 'answer', "$said->{waiting}[0]{run}:$said->{waiting}[0]{seq}", 'yes');
    is($ran->{exit}, 0, 'a run with a child that failed, and one that was cancelled for it, goes on') or diag($ran->{out}, $ran->{err});
    is_deeply(of_last($home, 'run.finished'), $before, 'and has spent the same');
}
{
    my ($home, $before, $said) = begin(<<'LUA');
  return run.ask("draft-agent", "Draft it", { workspace = "copy" })
LUA
    is($before->{turns}, 2, 'an agent waits in a copy');
    my ($copy) = glob "$home->{home}/.cache/perigee/copies/copy.*";
    ok($copy && -e "$copy/b/asked.txt", 'which is kept with what it wrote');
    remove_tree($copy);
    my $ran = verb($home, 'resume', 'last');
    is($ran->{exit}, 40, 'where the copy is gone the agent begins anew') or diag($ran->{out}, $ran->{err});
    my $again = of_last($home, 'run.parked');
    is($again->{turns}, 4, 'and what it did before counts');
    my ($open) = @{ $Try::JSON->decode($ran->{out})->{waiting} };
    $ran = verb($home, 'answer', "$open->{run}:$open->{seq}", 'blue');
    is($ran->{exit}, 0, 'the run comes to its end') or diag($ran->{out}, $ran->{err});
    is(of_last($home, 'run.finished')->{turns}, 5, 'with all that was spent');
    my @left = glob "$home->{home}/.cache/perigee/copies/copy.*";
    is(@left, 0, 'and no copy is left');
}
{
    my ($home, $before, $said) = begin('return run.ask("draft-agent", "Draft it")', 'limits = function() return { turns = 2 } end');
    is($before->{turns}, 2, 'an agent waits at the end of what policy gives its part');
    policy($home, '');
    my $ran = verb($home, 'answer', "$said->{waiting}[0]{run}:$said->{waiting}[0]{seq}", 'blue');
    is($ran->{exit}, 32, 'that was decided, and is not decided again') or diag($ran->{out}, $ran->{err});
    like($ran->{out}, qr/the limit of 2 turns of draft-agent's part is reached/, 'the limit of then holds');
}
{
    my ($home, $before, $said) = begin('return run.ask("draft-agent", "Draft it")');
    policy($home, 'limits = function() return { turns = 2 } end');
    my $ran = verb($home, 'answer', "$said->{waiting}[0]{run}:$said->{waiting}[0]{seq}", 'blue');
    is($ran->{exit}, 0, 'nor is a part limited that began without a limit') or diag($ran->{out}, $ran->{err});
}

# A server that counts nothing: what was estimated is spent in the next process too.
{
    my $home = Try::home();
    my $server = Misbehave::serve(sub {
        my ($client) = @_;
        print {$client} Misbehave::stream_head()
            . Misbehave::event('message_start', '"message":{"id":"m1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null}')
            . Misbehave::event('content_block_start', '"index":0,"content_block":{"type":"tool_use","id":"call_1","name":"escalate","input":{}}')
            . Misbehave::event('content_block_delta', '"index":0,"delta":{"type":"input_json_delta","partial_json":"{\"to\": \"User\", \"question\": \"Which colour?\"}"}')
            . Misbehave::event('content_block_stop', '"index":0') . Misbehave::event('message_delta', '"delta":{"stop_reason":"tool_use"}') . Misbehave::event('message_stop', '');
    });
    my %how = (home => $home, env => { ANTHROPIC_BASE_URL => $server->{url}, ANTHROPIC_API_KEY => 'a-key' });
    my $ran = Try::run(%how, args => ['run', '--json', '--store', $home->{store}, '--project', "$FindBin::Bin/team", '--workspace', $home->{work},
        '--model', 'claude-sonnet-5-5', '--limit', 'tokens=900000', 'draft-agent', 'Draft.']);
    is($ran->{exit}, 40, 'an agent waits whose server counts nothing') or diag($ran->{out}, $ran->{err});
    my $before = of_last($home, 'run.parked');
    cmp_ok($before->{tokens}, '>', 100, 'what it may have cost is spent');
    is(Try::run(%how, args => ['runs', 'resume', 'last', '--store', $home->{store}])->{exit}, 40, 'it is taken up, and waits again');
    is_deeply(of_last($home, 'run.parked'), $before, 'and has spent the same');
    Misbehave::stop($server);
}

done_testing();
