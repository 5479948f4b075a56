#!/usr/bin/perl
# park.t -- a run waits for a person without a process: only when nothing in it can go on, with what it wants said, and
# it goes on from there, as often as it takes; a question that has a time of day gets its default afterwards.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

my $home = Try::home();
my @team = ('--project', "$FindBin::Bin/team", '--store', $home->{store}, '--workspace', $home->{work}, '--model', "rehearsal:$home->{dir}/scenario.lua");

Try::write_file("$home->{dir}/scenario.lua", <<'LUA');
local rehearse = require "lib.rehearse"
return { agents = { ["draft-agent"] = { {
  { expect = rehearse.tools("escalate"), calls = { { "write", { path = "draft.txt", content = "draft\n" } },
    { "escalate", { to = "User", question = "Which language?" } } } },
  { expect = rehearse.result("escalate", "French"), text = "Baleines." },
} } } }
LUA
Try::write_file("$home->{dir}/chain.lua", <<'LUA');
local schema = require "lib.schema"
return { params = schema.object {}, run = function(run)
  local got, err = run.all {
    asks  = function() return run.question("Which colour?", { choices = { "red", "blue" } }) end,
    child = function() return run.ask("draft-agent", "Write.") end,
    goes_on = function()
      run.sleep(50)
      run.tool("write", { path = "beside.txt", content = "one\n" })
      return run.step("last", function() return 7 end)
    end,
  }
  if not got then return nil, err end
  return got
end }
LUA
Try::write_file("$home->{dir}/timed.lua", <<'LUA');
local schema = require "lib.schema"
return { params = schema.object { { "timeout", schema.text {}, "How long." } }, run = function(run, params)
  return run.question("Ship it?", { choices = { "yes", "no" }, default = "no", timeout = params.timeout })
end }
LUA

sub run  { return Try::run(home => $home, args => ['run', '--json', @team, @_]) }
sub runs { return Try::run(home => $home, args => ['runs', @_, '--store', $home->{store}]) }
sub said { return eval { $Try::JSON->decode((split /\n/, $_[0]{out})[-1]) } || diag("$_[0]{out}$_[0]{err}") && {} }

{
    my $ran  = run("$home->{dir}/chain.lua");
    my $said = said($ran);
    is($ran->{exit}, 40, 'a run that waits for a person ends with 40');
    is($said->{status}, 'waiting', 'its status says so');
    is_deeply([sort map { $_->{text} } @{ $said->{waiting} }], ['Which colour?', 'Which language?'], 'and what it wants');
    my @kinds = map { $_->{kind} } Try::journal($home);
    ok((grep { $_ eq 'step' } @kinds), 'what could go on beside the questions went on to its end');
    is($kinds[-1], 'run.parked', 'the last record says that the run waits');
    ok(!Try::left_over($home), 'and no process is left');

    my $again = Try::run(home => $home, args => ['runs', 'resume', 'last', '--json', '--store', $home->{store}]);
    is($again->{exit}, 40, 'taken up without an answer it waits again');
    is(scalar(grep { $_->{kind} eq 'question' } Try::journal($home)), 1, 'and asks the same question, not another');

    my ($colour)   = grep { $_->{text} eq 'Which colour?' } @{ $said->{waiting} };
    my ($language) = grep { $_->{text} eq 'Which language?' } @{ $said->{waiting} };
    isnt(runs('answer', "$colour->{run}:$colour->{seq}", 'green', '--json')->{exit}, 0, 'what is none of the choices is no answer');
    my $one = runs('answer', "$colour->{run}:$colour->{seq}", 'blue', '--json');
    is($one->{exit}, 40, 'with one answer of two it goes on and waits for the other');
    my $two = said(runs('answer', "$language->{run}:$language->{seq}", 'French', '--json'));
    is_deeply($two->{value}, { asks => 'blue', child => 'Baleines.', goes_on => 7 }, 'with both it comes to its end');
    my @all = Try::journal($home);
    for my $kind (qw(step woke)) {
        is(scalar(grep { $_->{kind} eq $kind } @all), 1, "what was done before was not done again: $kind");
    }
    is_deeply([map { Try::read_file("$home->{work}/$_.txt") } qw(beside draft)], ["one\n", "draft\n"], 'nor the files');
}

{
    my $ran = run('--set', 'timeout=1h', "$home->{dir}/timed.lua");
    is($ran->{exit}, 40, 'a question with a time to answer waits, though it has a default');
    is(said(runs('answer', 'last', 'yes', '--json'))->{text}, 'yes', 'and is answered in time');
    $ran = run('--set', 'timeout=1ms', "$home->{dir}/timed.lua");
    if ($ran->{exit} == 40) { $ran = Try::run(home => $home, args => ['runs', 'resume', 'last', '--json', '--store', $home->{store}]) }
    is(said($ran)->{text}, 'no', 'after that time the default is the answer');
    my ($answer) = grep { $_->{kind} eq 'answer' } Try::journal($home);
    is($answer->{body}{by}, 'default', 'as the journal says');
}

{
    my $ran = run('--setting', 'policy.unanswered=refuse', "$home->{dir}/timed.lua", '--set', 'timeout=1h');
    is(said($ran)->{text}, 'no', 'who says that nobody will answer does not wait');
}

done_testing();
