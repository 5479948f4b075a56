#!/usr/bin/perl
# route.t -- perigee route: who would get a task, who would go on after a reply, and why, without a
# model and without a run; a table of cases; what is wrong with a policy; a question at the terminal.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

my $TEAM = "$FindBin::Bin/team";
my $TERMINAL = $Try::TERMINAL;
$TERMINAL = "$Try::ROOT/$TERMINAL" if $TERMINAL !~ m{^/};

sub route { my ($home, @args) = @_; return Try::run(home => $home, args => ['route', '--project', $TEAM, @args]) }
sub told { my ($ran) = @_; return eval { $Try::JSON->decode($ran->{out}) } || diag($ran->{out}, $ran->{err}) }

sub reply_file {
    my ($home, $text) = @_;
    Try::write_file("$home->{dir}/reply.txt", $text);
    return "$home->{dir}/reply.txt";
}

sub routing { my ($home, $text) = @_; Try::write_file("$home->{config}/perigee/lua/routing.lua", $text) }

# -- who gets a task --------------------------------------------------------------------------------

{
    my $home = Try::home();
    my $ran = route($home, 'Write the first version of a letter');
    is($ran->{exit}, 0, 'a task that somebody claims has an answer');
    like($ran->{out}, qr/^draft-agent\n  why +it fits.*"first", "version"/, 'the choice and its reason are printed');
    like($ran->{out}, qr/  model +none: what the definition asks for; model "sonnet" needs a key: set ANTHROPIC_API_KEY/, 'that no model can be asked is said');
    $ran = Try::run(home => $home, args => ['route', '--project', $TEAM, 'Write the first version of a letter'], env => { ANTHROPIC_API_KEY => 'x' });
    like($ran->{out}, qr/  model +claude-sonnet\S+ \(anthropic\)(, then [^:]+)?: what the definition asks for; .*sonnet/, 'so is the model that would be asked, and where');
    unlike($ran->{out}, qr/holds/, 'and no rule without --explain');

    $ran = route($home, '--explain', 'Write the first version of a letter');
    like($ran->{out}, qr/choose, \S*lua\/routing\.lua .*\n  -> who says that this is their work: .*\(lua\/routing\.lua:\d+, rule 1\)/,
        '--explain shows the rule that decided, with its place');
    like($ran->{out}, qr/\n   - the budget is nearly spent: \$5\.00 are left  \(lua\/routing\.lua:\d+, rule 1\)/, 'and why another did not hold');

    my $found = told(route($home, '--json', 'Write the first version of a letter and send it off'));
    is_deeply([$found->{to}, $found->{runners_up}[0]{to}], ['draft-agent', 'ship-agent'], '--json has the choice and who comes after');
    ok($found->{score} > $found->{runners_up}[0]{score}, 'with their scores');
    is_deeply([map { $_->{what} } @{ $found->{looked} }], ['choose', 'model'], 'and what was looked at');

    $ran = route($home, '--json', 'Xyzzy plugh');
    is($ran->{exit}, 34, 'where nobody claims the task that is an error');
    like(told($ran)->{error}{message}, qr/no agent says that this task is its work/, 'which says what to do');
    ok(!-e $home->{store} && !-e "$home->{state}/perigee/journal.db", 'no run was begun');
}

# -- who goes on ------------------------------------------------------------------------------------

{
    my $home = Try::home();
    my $file = reply_file($home, "I am done.\n\n  So: The draft stands \x{e2}\x{80}\x{94} check-agent should read it.\n");
    my $ran = route($home, '--from', 'draft', '--reply', $file);
    like($ran->{out}, qr/^draft-agent -> check-agent\n  why +trigger phrase: The draft stands/, 'a phrase moves the work');
    like($ran->{out}, qr/\n  evidence \Q$file\E:3:7 /, 'the evidence stands at line and column of the reply');
    like($ran->{out}, qr/names check-agent \(\S*draft-agent\.md:20\)/, 'and at the line of the definition');
    my $found = told(route($home, '--from', 'draft', '--reply', $file, '--json'));
    is_deeply($found->{evidence}{at}, { line => 3, column => 7, text => "The draft stands \x{2014} check-agent should read it" },
        '--json has the span');

    $ran = route($home, '--from', 'draft', '--handoff', 'ship', '--explain');
    like($ran->{out}, qr/-> ship-agent\n  why +it called handoff.*\n.*-> the agent called handoff/s, 'a handoff is explained');
    is(route($home, '--from', 'draft', '--handoff', 'lone')->{exit}, 35, 'one to a stranger is refused');

    $file = reply_file($home, 'Nothing to say.');
    like(route($home, '--from', 'draft', '--reply', $file, '--explain')->{out},
        qr/^draft-agent: the end\n.*   - the agent called handoff: it did not.*   - its final reply says .*: it says none/s,
        'without a rule that holds it ends, and each says why not');
    like(route($home, '--from', 'draft', '--reply', $file, '--hops', 'full')->{out},
        qr/-> check-agent\n  why +next of the primary chain\nitinerary +check-agent, ship-agent\n.*nobody-agent.*skipped/s,
        '--hops full tells the itinerary and what of it is passed over');
    like(route($home, '--from', 'draft', '--reply', $file, '--hops', 'off')->{out}, qr/hops are off/, '--hops off ends it');
    $file = reply_file($home, "- The draft stands - check-agent should read it\n- The draft is perfect - ship-agent can send it\n");
    like(route($home, '--from', 'draft', '--reply', $file)->{out}, qr/the end\n.*repeats.*\nonly repeated from its instructions\n.*:1:3 /s,
        'an echo of the instructions is no hop, and is shown');
}

# -- an agent's own hook ----------------------------------------------------------------------------

{
    my $home = Try::home();
    my $folder = "$home->{config}/perigee/agents";
    Try::write_file("$folder/own.md", "---\nname: own-agent\ndescription: Owns.\ntools: []\n---\nYou own.\n\n"
        . "## Agent Relationships\n### Next Agents (Auto-chain to):\n- lone-agent (always)\n");
    Try::write_file("$folder/own.lua", <<'LUA');
local route = require "lib.route"
return { next = route.first {
  { why = "rejected work goes back", to = "lone-agent", when = function(_, ending) return ending.reply:find("rejected", 1, true) end },
} }
LUA
    my $ran = route($home, '--from', 'own', '--reply', reply_file($home, 'It is rejected.'), '--explain');
    like($ran->{out}, qr/-> lone-agent\n  why +rejected work goes back\n/, 'the hook of an agent is asked first');
    like($ran->{out}, qr/next, \Q$folder\E\/own\.lua /, 'and shown with its file');
    like(route($home, '--from', 'own', '--reply', reply_file($home, 'Fine.'), '--explain')->{out}, qr/own\.lua.*routing\.lua/s,
        'where it has nothing to say routing.lua is asked');
    Try::write_file("$folder/own.lua", "\nreturn { next = function() return { to = 'chief-agent' } end }\n");
    $ran = route($home, '--from', 'own', '--reply', reply_file($home, 'Fine.'));
    is($ran->{exit}, 35, 'a hook that names none of the targets is refused');
    like($ran->{err}, qr/own\.lua:2: next: it sends own-agent to "chief-agent"/, 'with file and line');
}

# -- what is wrong ----------------------------------------------------------------------------------

my %BAD = (
    'that loops'                => ['function() while true do end end', 32, qr/routing\.lua:2: .*endless loop/],
    'that raises'               => ["function() error('no way') end", 39, qr/routing\.lua:2: no way/],
    'that waits'                => ["function() coroutine.yield() end", 39, qr/routing\.lua:2: /],
    'that knows a stranger'     => ["function() return 'stranger-agent' end", 35, qr/routing\.lua:2: choose: no agent is called "stranger-agent"/],
    'with an unknown key'       => ["function() return { too = 'lone' } end", 35, qr/routing\.lua:2: choose: .*too is not known/],
    'that answers a number'     => ['function() return 7 end', 35, qr/routing\.lua:2: choose: /],
    'that asks for a stranger'  => ["function() return { ask = { 'lone', 'stranger-agent' } } end", 35, qr/no agent is called "stranger-agent"/],
    'that is no function'       => ["{}", 35, qr/routing\.lua: choose is a table; it should be a function/],
);
for my $what (sort keys %BAD) {
    my ($choose, $exit, $pattern) = @{ $BAD{$what} };
    my $home = Try::home();
    routing($home, "return { model = function() end, next = function() end,\n  choose = $choose }\n");
    my $ran = route($home, 'Anything.');
    ok($ran->{exit} == $exit && $ran->{err} =~ $pattern && $ran->{err} =~ /\Q$home->{config}\E/, "a choose $what is refused with its file")
        or diag("exit $ran->{exit}: $ran->{err}");
    is_deeply([Try::until_quiet($home)], [], 'and nothing is left running');
}
for my $case (['model', 'while true do end', 32, qr/routing\.lua:2: .*endless loop/], ['model', "return { models = 7 }", 35, qr/routing\.lua:2: model: .*models/],
    ['model', "return { effort = 'huge' }", 35, qr/routing\.lua:2: model: .*effort/], ['next', "return { to = 'draft-agent', ends = true }", 35, qr/routing\.lua:2: next: /],
    ['next', 'while true do end', 32, qr/routing\.lua:2: .*endless loop/], ['next', "error('no way')", 39, qr/routing\.lua:2: no way/]) {
    my ($what, $body, $exit, $pattern) = @$case;
    my $home = Try::home();
    my %function = (model => 'function() end', next => 'function() end');
    delete $function{$what};
    my ($other) = keys %function;
    routing($home, "return { choose = function() return 'draft' end, $other = $function{$other},\n  $what = function() $body end }\n");
    my $ran = $what eq 'model' ? route($home, 'Anything.') : route($home, '--from', 'draft', '--reply', reply_file($home, 'x'));
    ok($ran->{exit} == $exit && $ran->{err} =~ $pattern, "a $what such as '$body' is refused with file and line") or diag("exit $ran->{exit}: $ran->{err}");
}
{
    my $home = Try::home();
    routing($home, "return { model = function() end, next = function() end }\n");
    my $ran = route($home, 'Anything.');
    like($ran->{err}, qr/no agent says/, 'a routing.lua that chooses nobody says so');
    for my $words ([], [''], ['a', 'b'], ['--from', 'draft'], ['--reply', 'x', 'task'], ['--from', 'draft', '--reply', 'x', 'task'],
        ['--hops', 'much', 'task']) {
        is(route($home, @$words)->{exit}, 2, "'@$words' is no command line");
    }
    is(route($home, '--from', 'draft', '--reply', "$home->{dir}/none")->{exit}, 34, 'a reply that is not there is not found');
    is(route($home, '--from', 'nobody-at-all', '--reply', '-')->{exit}, 34, 'nor is an agent that is not');
    is(Try::run(home => $home, args => ['run', '--project', $TEAM, '--chooser', 'dice', 'task'])->{exit}, 2, 'there are two choosers');
    my $one = Try::run(home => $home, args => ['run', '--project', $TEAM, 'lone']);
    ok($one->{exit} == 2 && $one->{err} =~ /the task is missing: "lone" names the agent lone-agent/, 'one word that names an agent is no task');
}

# -- a table of cases -------------------------------------------------------------------------------

{
    my $home = Try::home();
    my $cases = "$home->{dir}/cases.lua";
    Try::write_file($cases, <<'LUA');
return {
  { task = "Write the first version of a letter", to = "draft" },
  { task = "Sends finished work off", to = { "chief", "ship" } },
  { task = "Xyzzy", to = false },
  { name = "by phrase", from = "draft", reply = "The draft stands - check-agent should read it", to = "check" },
  { from = "draft", handoff = "ship", to = "ship" },
  { from = "draft", reply = "No.", to = false },
}
LUA
    my $ran = route($home, 'test', $cases);
    is($ran->{exit}, 0, 'cases that all hold exit with 0') or diag($ran->{out}, $ran->{err});
    like($ran->{out}, qr/ok 4 - by phrase -> check-agent\n.*choose 3 cases, precision 1\.00 \(2 of 2\), recall 1\.00 \(2 of 2\)\nhop    3 cases, precision 1\.00/s,
        'each is shown, and precision and recall by kind');

    Try::write_file($cases, <<'LUA');
return {
  { task = "Write the first version of a letter", to = "chief" },
  { task = "Xyzzy", to = "chief" },
  { task = "Sends finished work off", to = "ship" },
  { from = "draft", reply = "The draft stands - check-agent should read it", to = false },
}
LUA
    $ran = route($home, 'test', $cases, '--json');
    is($ran->{exit}, 1, 'a case that fails exits with 1');
    my $found = told($ran);
    is_deeply([map { $_->{ok} ? 1 : 0 } @{ $found->{cases} }], [0, 0, 1, 0], '--json tells which');
    is($found->{choose}{precision}, 0.5, 'precision is what was right of what was named');
    ok(abs($found->{choose}{recall} - 1 / 3) < 1e-9, 'recall what was right of what was wanted');
    is($found->{hop}{precision}, 0, 'a hop that nobody wanted counts');
    like(route($home, 'test', $cases)->{out}, qr/not ok 1 .*-> draft-agent\n   wanted chief-agent\n   it fits.*\(lua\/routing\.lua:\d+, rule 1\)/, 'and why it fell as it did');

    my %wrong = ('{ { task = "x" } }' => qr/cases\[1\]\.to is missing/, '{ { task = "x", to = true } }' => qr/cases\[1\]: to is an agent/,
        '{ { to = "x" } }' => qr/neither task nor from/, '{ { from = "x", to = "y" } }' => qr/needs reply or handoff/,
        '{ { taks = "x", to = "y" } }' => qr/taks is not known/, '{}' => qr/cases/, '7' => qr/returns a number|should return a table/);
    for my $text (sort keys %wrong) {
        Try::write_file($cases, "return $text\n");
        $ran = route($home, 'test', $cases);
        ok($ran->{exit} >= 35 && $ran->{err} =~ $wrong{$text}, "cases such as $text are refused") or diag("$ran->{exit} $ran->{err}");
    }
    is(route($home, 'test', "$home->{dir}/none.lua")->{exit}, 34, 'cases that are not there are not found');
    Try::write_file($cases, 'return { { task = "x", to = "stranger-agent" } }');
    like(route($home, 'test', $cases)->{out}, qr/what is wanted: no agent is called "stranger-agent"/, 'a case that wants a stranger fails and says so');
}

# -- a question at the terminal ---------------------------------------------------------------------

{
    my $home = Try::home();
    Try::write_file("$home->{dir}/asks.lua", <<'LUA');
local rehearse = require "lib.rehearse"
return { agents = { ["draft-agent"] = { {
  { expect = rehearse.tools("escalate"), calls = { { "escalate", { to = "User", question = "Which\27[2J language?" } } } },
  { expect = rehearse.result("escalate", "French, please"), text = "Baleines." },
} } } }
LUA
    my $ran = Try::run(home => $home, program => $TERMINAL, args => ["language?\r\n  : ", "French, please\n", '--', $Try::PROGRAM, 'run',
        '--project', $TEAM, '--store', $home->{store}, '--workspace', $home->{work}, '--model', "rehearsal:$home->{dir}/asks.lua", 'draft', 'Write.']);
    like($ran->{out}, qr/draft-agent asks you/, 'on a terminal the user is asked at once') or diag($ran->{out}, $ran->{err});
    unlike($ran->{out}, qr/\x1b\[2J/, 'and the question cannot drive the terminal');
    my ($question) = grep { $_->{kind} eq 'question' } Try::journal($home);
    my ($answer) = grep { $_->{kind} eq 'answer' } Try::journal($home);
    is_deeply([$question->{body}{to}, @{ $answer->{body} }{qw(text by)}], ['User', 'French, please', 'person'], 'question and answer are journaled with who gave it');
    like($ran->{out}, qr/Baleines/, 'and the agent goes on with the answer');
}

done_testing();
