#!/usr/bin/perl
# resume_trust.t -- a run that was made with a project's Lua goes on with it while the project is trusted,
# also where its files have changed; once the trust is taken back nothing of it runs, neither what the run
# recorded nor what lies there now.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

sub tool { return qq[local schema = require "lib.schema"\nreturn { description = "Says.", input = schema.object {}, effect = "read", run = function() return "$_[0]" end }] }

my $ROUTING = 'local r = require "lib.route" return { model = function() return { models = "small", why = "as the project says" } end, next = r.by_relations }';

# A trusted project with a tool, hooks, routing and a chain, whose run waits before it calls the tool.
sub begin {
    my ($what, @how) = @_;
    my $home = Try::home();
    my $project = "$home->{dir}/project";
    Try::write_file("$project/agents/one-agent.md", "---\nname: one-agent\ndescription: One.\ntools: [word]\n---\nYou work.\n\n### Escalate To:\n- User (always)\n");
    Try::write_file("$project/agents/one-agent.lua", 'return { accept = function(reply) return reply.text:find("first", 1, true) ~= nil, "say first" end }') if $what eq 'hooks';
    Try::write_file("$project/tools/word.lua", tool('first')) if $what ne 'hooks';
    Try::write_file("$project/lua/routing.lua", $ROUTING) if $what eq 'all';
    Try::write_file("$project/lua/chains/two.lua", 'local schema = require "lib.schema" return { params = schema.object {}, run = function(run) run.question("Go?") return run.tool("word", {}) end }') if $what eq 'all';
    Try::write_file("$home->{dir}/scenario.lua", <<'LUA');
local rehearse = require "lib.rehearse"
local whatever = rehearse.anything("trust is the test")
return { agents = { ["one-agent"] = { {
  { expect = whatever, text = "I ask.", calls = { { "escalate", { to = "User", question = "Go?" } } } },
  { expect = whatever, text = "I call.", calls = { { "word", {} } } },
  { expect = whatever, text = function(given) return "It says first: " .. given.results[1].text end },
} } } }
LUA
    is(perigee($home, 'trust', $project, @how)->{exit}, 0, "$what: the project is trusted");
    my $who = $what eq 'all' ? "$project/lua/chains/two.lua" : 'one-agent';
    my $ran = perigee($home, 'run', '--store', $home->{store}, '--project', $project, '--workspace', $home->{work},
        '--model', "rehearsal:$home->{dir}/scenario.lua", $who, $what eq 'all' ? () : 'Do it.');
    is($ran->{exit}, 40, "$what: a run waits") or diag($ran->{err});
    return ($home, $project);
}

sub perigee { my ($home, @args) = @_; return Try::run(home => $home, args => \@args) }
sub verb { my ($home, @args) = @_; return perigee($home, 'runs', @args, '--store', $home->{store}) }

for my $what (qw(tool all hooks)) {
    my ($home, $project) = begin($what);
    perigee($home, 'trust', '--revoke', $project);
    my $ran = verb($home, 'answer', 'last', 'yes');
    is($ran->{exit}, 33, "$what: what is not trusted any more does not run on") or diag($ran->{out}, $ran->{err});
    like($ran->{err}, qr/\Q$project\E is not trusted any more.*neither as it was nor as it is.*perigee trust \Q$project\E, and resume/, "$what: and how it can is said");
    my @kinds = map { $_->{kind} } Try::journal($home);
    is($kinds[-1], 'run.parked', "$what: nothing was recorded");
    Try::write_file("$project/tools/word.lua", tool('second'));
    is(verb($home, 'resume', 'last')->{exit}, 33, "$what: nor does it when it has changed");
    unlink "$project/tools/word.lua" if $what eq 'hooks';
    is(perigee($home, 'trust', $project)->{exit}, 0, "$what: trusted again");
    $ran = verb($home, 'resume', 'last');
    is($ran->{exit}, 0, "$what: it goes on, and the answer was kept") or diag($ran->{err});
    like($ran->{out}, qr/first/, "$what: as it was when it ran");
}

{
    my $home = Try::home();
    my $project = "$home->{dir}/project";
    Try::write_file("$project/agents/one-agent.md", "---\nname: one-agent\ndescription: One.\ntools: [read]\n---\nYou work.\n");
    Try::write_file("$project/lua/chains/two.lua", 'local schema = require "lib.schema" return { params = schema.object {}, run = function(run) return run.question("Go?") end }');
    perigee($home, 'trust', $project);
    is(perigee($home, 'run', '--store', $home->{store}, '--project', $project, '--workspace', $home->{work}, '--model', 'rehearsal:demo', 'two.lua')->{exit}, 40, 'a chain of the project waits');
    perigee($home, 'trust', '--revoke', $project);
    my $ran = verb($home, 'resume', 'last', '--with-current');
    is($ran->{exit}, 35, 'with the files of today it is not there any more') or diag($ran->{err});
    like($ran->{err}, qr/the script has ended \(.*two\.lua.*\); the journal has step 1/, 'which is said with what the journal has');
}
{
    my ($home, $project) = begin('hooks');
    perigee($home, 'trust', '--revoke', $project);
    Try::write_file("$project/.perigee/agents/one-agent.md", Try::read_file("$project/agents/one-agent.md"));
    rename "$project/agents", "$home->{dir}/agents" or die $!;
    my $ran = verb($home, 'answer', 'last', 'yes');
    is($ran->{exit}, 33, 'nor do hooks of it where its agents lie elsewhere by now') or diag($ran->{out}, $ran->{err});
    like($ran->{err}, qr{\Q$project/agents/one-agent.lua\E}, 'which are named');
}
{
    my ($home, $project) = begin('tool');
    perigee($home, 'trust', '--revoke', $project);
    verb($home, 'answer', 'last', 'yes', '--no-run');
    my $ran = verb($home, 'resume', 'last', '--with-current');
    is($ran->{exit}, 35, 'with the files of today a conversation does not go on that had a tool of the project') or diag($ran->{err});
    like($ran->{err}, qr/not loaded: tools\/word\.lua of \Q$project\E.*the journal offers the tool word/s, 'and both are said');
    my ($prompt) = grep { $_->{kind} eq 'prompt' } Try::journal($home);
    $ran = verb($home, 'resume', 'last', '--with-current', '--from', $prompt->{seq});
    is($ran->{exit}, 40, 'begun anew it goes on without, as any run does') or diag($ran->{err});
    is_deeply((grep { $_->{kind} eq 'prompt' } Try::journal($home))[-1]{body}{tools}, ['escalate'], 'its tool is not offered');
}
{
    my ($home, $project) = begin('tool');
    Try::write_file("$project/tools/word.lua", tool('second'));
    my $ran = verb($home, 'answer', 'last', 'yes');
    is($ran->{exit}, 0, 'a project that is trusted and has changed') or diag($ran->{err});
    like($ran->{out}, qr/first: first/, 'is what it was when the run began');
}
{
    my ($home, $project) = begin('all', '--pin');
    Try::write_file("$project/lua/routing.lua", "$ROUTING -- changed");
    Try::write_file("$project/tools/word.lua", tool('second'));
    is(perigee($home, 'run', '--store', "$home->{dir}/other.db", '--project', $project, '--workspace', $home->{work}, 'one-agent', 'x')->{exit}, 33,
        'where pinned files changed that say what may happen no run begins');
    my $ran = verb($home, 'answer', 'last', 'yes');
    is($ran->{exit}, 0, 'one that was made with the pinned ones goes on with them') or diag($ran->{err});
    like($ran->{out}, qr/^first$/m, 'as it was when it ran');
}
{
    my ($home, $project) = begin('all', '--pin');
    Try::write_file("$project/lua/context.lua", 'return {}');
    Try::write_file("$project/lua/policy.lua", 'return { decide = function() return { verdict = "deny", why = "no more" } end }');
    my $ran = verb($home, 'answer', 'last', 'yes');
    is($ran->{exit}, 33, 'a policy that is new, and was not pinned, stops it: what forbids is today\'s') or diag($ran->{err});
    like($ran->{err}, qr/policy\.lua is not loaded \(it is new since the folder was pinned\)/, 'by name');
    unlink "$project/lua/policy.lua";
    is(verb($home, 'resume', 'last')->{exit}, 0, 'a new context does not: the run has the one that it had');
}

done_testing();
