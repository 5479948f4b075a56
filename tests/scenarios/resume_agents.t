#!/usr/bin/perl
# resume_agents.t -- agents that wait for an answer and go on in another process: one that a model chose
# for the task, one with an itinerary before it. What came before them is answered by its own records.
# A run whose agent was chosen by a model gave the chooser's turn to that agent when it went on.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Crash;
use Try;

my $ASKS = <<'LUA';
{ { expect = whatever, text = "I ask.", calls = { { "escalate", { to = "User", question = "Which colour?" } } } },
  { expect = rehearse.result("escalate", "blue"), text = "It is blue." } }
LUA

# Plays it until it waits, answers, and says what came of it.
sub answered {
    my ($agents, @args) = @_;
    my $home = Try::home();
    Try::write_file("$home->{dir}/scenario.lua", <<"LUA");
local rehearse = require "lib.rehearse"
local whatever = rehearse.anything("going on is the test")
return { agents = { $agents } }
LUA
    my $ran = Try::run(home => $home, args => ['run', '--json', '--store', $home->{store}, '--project', "$FindBin::Bin/team",
        '--model', "rehearsal:$home->{dir}/scenario.lua", '--workspace', $home->{work}, @args]);
    is($ran->{exit}, 40, "run @args: waits") or diag($ran->{out}, $ran->{err});
    $ran = Try::run(home => $home, args => ['runs', 'answer', 'last', 'blue', '--json', '--store', $home->{store}]);
    is($ran->{exit}, 0, 'it is answered, and comes to its end') or diag($ran->{out}, $ran->{err});
    is(Crash::doubled([Crash::records($home)]), '', 'nothing was done twice');
    return $Try::JSON->decode($ran->{out} || '{}');
}

my $said = answered("chooser = { { { expect = whatever, calls = { { \"choose\", { to = \"draft-agent\", why = \"it drafts\" } } } } } },
  [\"draft-agent\"] = { $ASKS }", '--chooser', 'model', 'write a first version of a draft');
is($said->{text}, 'It is blue.', 'the agent that a model chose has its own turns');
is_deeply([$said->{turns}, $said->{calls}], [3, 1], 'the choice counts, and is no call of that agent');

$said = answered("[\"draft-agent\"] = { $ASKS }, [\"check-agent\"] = { { { expect = whatever, text = \"Checked.\" } } },
  [\"ship-agent\"] = { { { expect = whatever, text = \"Sent.\" } } }", '--hops', 'full', 'draft-agent', 'write');
is_deeply([map { $_->{agent} } @{ $said->{hops} }], ['draft-agent', 'check-agent', 'ship-agent'], 'the itinerary is walked to its end');
is($said->{text}, 'Sent.', 'by each in its turn');

done_testing();
