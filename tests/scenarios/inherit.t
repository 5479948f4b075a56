#!/usr/bin/perl
# inherit.t -- `model: inherit`: who is consulted, or goes on, is asked with the model of who asked.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

my $home = Try::home();

sub agent {
    my ($name, $model, $relations) = @_;
    Try::write_file("$home->{work}/agents/$name.md", "---\nname: $name\ndescription: x\nmodel: $model\ntools: []\n---\nYou are $name.\n\n$relations\n");
}

agent('asker-agent', 'haiku', "### Next Agents (Auto-chain to):\n- heir-agent (for the rest)\n\n### Escalate To:\n- chief-agent (for decisions)\n");
agent('chief-agent', 'inherit', "### Escalate To:\n- owner-agent (for more)\n");
agent('owner-agent', 'Inherit', '');
agent('heir-agent', 'inherit', '');
Try::write_file("$home->{dir}/played.lua", <<'LUA');
local rehearse = require "lib.rehearse"
local function any() return true end
return { agents = {
  ["asker-agent"] = { {
    { expect = any, calls = { { "escalate", { to = "chief-agent", question = "How?" } } } },
    { expect = rehearse.result("escalate", "So."), calls = { { "handoff", { to = "heir-agent", reason = "r", result = "done" } } } },
  } },
  ["chief-agent"] = { {
    { expect = any, calls = { { "escalate", { to = "owner-agent", question = "May I?" } } } },
    { expect = rehearse.result("escalate", "Yes."), text = "So." },
  } },
  ["owner-agent"] = { { { expect = any, text = "Yes." } }, { { expect = any, text = "Yes." } } },
  ["heir-agent"] = { { { expect = any, text = "All done." } } },
} }
LUA
Try::write_file("$home->{work}/asks.lua", 'return { run = function(run) return run.ask("owner-agent", "Well?") end }');

my $server = Try::serve($home, "$home->{dir}/played.lua", 1) or BAIL_OUT('no server');

# What each agent of the run and its children was asked with.
sub models {
    my (@words) = @_;
    my $ran = Try::run(home => $home, env => { ANTHROPIC_BASE_URL => $server->{url}, ANTHROPIC_API_KEY => 'x' },
        args => ['run', '--events', '--store', $home->{store}, @words]);
    is($ran->{exit}, 0, "the run of @words ends well") or diag($ran->{err});
    my @events = map { $Try::JSON->decode($_) } split /\n/, $ran->{out};
    return { map { $_->{body}{agent} => $_->{body}{model} } grep { $_->{kind} eq 'decision' && $_->{body}{what} eq 'model' } @events };
}

my $asked = models('asker', 'Do it.');
like($asked->{'asker-agent'}, qr/haiku/, 'an agent is asked with its own model');
is($asked->{'chief-agent'}, $asked->{'asker-agent'}, 'who is consulted inherits it');
is($asked->{'owner-agent'}, $asked->{'asker-agent'}, 'and so does who is consulted in turn, however it is spelt');
is($asked->{'heir-agent'}, $asked->{'asker-agent'}, 'so does who goes on');
$asked = models('asks.lua');
like($asked->{'owner-agent'}, qr/sonnet/, 'a child of a chain, which has no model, is asked with that of its tier');

kill 'INT', $server->{live}{pid};
Try::finish($server->{live});
done_testing();
