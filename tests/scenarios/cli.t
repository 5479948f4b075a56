#!/usr/bin/perl
# cli.t -- the command line with what people and machines get wrong: agents and definitions, folders,
# stores, inputs, outputs that close; and several processes on one journal.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

my $TEAM = "$FindBin::Bin/team";

# -- what is refused before a run exists: name, exit code, pattern of stderr, words ------------------

sub refused {
    my ($name, $exit, $pattern, $words, %how) = @_;
    my $home = $how{home} || Try::home();
    my $ran = Try::run(home => $home, args => $words, %how);
    my @wrong;
    push @wrong, 'it hung' if $ran->{hung};
    push @wrong, "exit code $ran->{exit}, not $exit" if $ran->{exit} != $exit;
    push @wrong, "stderr does not say $pattern" if $ran->{err} !~ /$pattern/s;
    push @wrong, 'stderr holds a traceback' if $ran->{err} =~ /stack traceback|lua\/cli\/\w+\.lua:\d/;
    push @wrong, 'stderr is endless' if length $ran->{err} > 20_000;
    ok(!@wrong, $name) or diag(map({ "  $_\n" } @wrong), '  stderr: ' . substr $ran->{err}, 0, 2000);
    return $ran;
}

my @run = ('run', '--project', $TEAM, '--model', 'rehearsal:demo');

refused('an unknown agent: the nearest is offered', 34, 'no agent is called "draft-agnet".*draft-agent', [@run, 'draft-agnet', 'x']);
refused('part of a name that many have', 35, 'names \d+ agents.*ring-a-agent', [@run, 'ring', 'x']);
refused('no words', 2, 'usage', ['run']);
refused('an agent without a task', 2, 'task', [@run, 'draft-agent']);
refused('an empty task', 2, 'task', [@run, 'draft-agent', '']);
refused('one argument that is a task nobody claims', 34, 'name one: perigee run AGENT TASK', [@run, 'Xyzzy plugh']);
refused('a verb of routing without a task', 2, 'the task is missing', ['route']);
refused('an unknown verb', 2, "did you mean 'run'", ['rn']);
refused('an unknown option', 2, '--modle.*--model', ['run', '--modle', 'x', 'draft-agent', 'x']);
refused('an option without its value', 2, '--model', ['run', 'draft-agent', 'x', '--model']);
refused('a way of hopping that does not exist', 2, 'off, auto or full', [@run, '--hops', 'often', 'draft-agent', 'x']);
refused('a limit that does not exist', 2, 'turms.*turns', [@run, '--limit', 'turms=3', 'draft-agent', 'x']);
refused('a limit that is no number', 2, 'turns=many', [@run, '--limit', 'turns=many', 'draft-agent', 'x']);
refused('a limit that is negative', 2, 'turns=-1', [@run, '--limit', 'turns=-1', 'draft-agent', 'x']);
refused('a time that is none', 2, 'time=soon', [@run, '--limit', 'time=soon', 'draft-agent', 'x']);
refused('a verb of help that does not exist', 2, "no verb 'frob'", ['help', 'frob']);
refused('a command without a time', 2, 'timeout.*20s', ['exec', '--timeout', 'soon', '--', 'true']);
refused('a command without memory', 2, '--memory: .*1M', ['exec', '--memory', '0', '--', 'true']);
refused('a task that is not UTF-8', 35, 'UTF-8', [@run, 'draft-agent', "Gr\xfc\xdfe"]);
refused('a misspelt part of a name', 34, 'nearest are trusted-agent', [@run, 'trustd', 'x']);
is(Try::run(home => Try::home(), args => ['help', @$_])->{exit}, 0, "help @$_") for [], ['help'], ['--help'], ['run'];
refused('a project that is not there', 34, 'no such folder', ['run', '--project', '/nowhere', 'draft-agent', 'x']);
refused('a project without agents', 34, 'holds no agents', ['run', '--project', '.', 'draft-agent', 'x']);
refused('a rehearsal that is not there', 34, 'no scenario of that name', ['run', '--project', $TEAM, '--model', 'rehearsal:gone', 'draft-agent', 'x']);
refused('a chain that is not there', 34, 'no such chain', ['run', 'gone.lua', 'x']);
refused('an attachment that is not there', 34, 'gone\.txt', [@run, '--attach', 'gone.txt', 'draft-agent', 'x']);
refused('an attachment that is a folder', 35, 'no regular file', [@run, '--attach', '.', 'draft-agent', 'x']);
refused('a model that nobody knows', 34, 'nonesuch', ['run', '--project', $TEAM, '--model', 'nonesuch', 'draft-agent', 'x'],
    env => { ANTHROPIC_API_KEY => 'sk-test-unused' });

{
    my $home = Try::home();
    Try::write_file("$home->{dir}/latin1", "Gr\xfc\xdfe");
    refused('a task on stdin that is not UTF-8', 35, 'UTF-8', [@run, 'draft-agent', '-'], home => $home, stdin => "$home->{dir}/latin1");
    Try::write_file("$home->{dir}/huge", 'task ' x 4_000_000);
    refused('a task on stdin of 20 MB', 32, 'stdin', [@run, 'draft-agent', '-'], home => $home, stdin => "$home->{dir}/huge");
    refused('an empty stdin', 2, 'task', [@run, 'draft-agent', '-'], home => $home);
}

# -- workspaces ---------------------------------------------------------------------------------------

{
    my $home = Try::home();
    refused('the root as workspace', 33, 'workspace /', [@run, '--workspace', '/', 'draft-agent', 'x'], home => $home);
    refused('the home folder as workspace', 33, 'home', [@run, '--workspace', $home->{home}, 'draft-agent', 'x'], home => $home);
    refused('a workspace that is not there', 34, 'gone', [@run, '--workspace', "$home->{dir}/gone", 'draft-agent', 'x'], home => $home);
    Try::write_file("$home->{dir}/file", 'x');
    refused('a workspace that is a file', 35, 'file', [@run, '--workspace', "$home->{dir}/file", 'draft-agent', 'x'], home => $home);
    refused('a workspace that holds the journal', 33, 'journal', [@run, '--workspace', $home->{state}, '--store', "$home->{state}/j.db", 'draft-agent', 'x'], home => $home);
    refused('the home folder as the current one', 33, 'home', [@run, 'draft-agent', 'x'], home => $home, cwd => $home->{home});
}

# -- stores -------------------------------------------------------------------------------------------

{
    my $home = Try::home();
    refused('a store that is a folder', 35, 'config.*--store', [@run, '--store', $home->{config}, 'draft-agent', 'x'], home => $home);
    Try::write_file("$home->{dir}/garbage.db", 'This is no journal. ' x 500);
    refused('a store that is no journal', 35, 'garbage\.db', [@run, '--store', "$home->{dir}/garbage.db", 'draft-agent', 'x'], home => $home);
    is(substr(Try::read_file("$home->{dir}/garbage.db"), 0, 19), 'This is no journal.', 'and it is left as it is');
    refused('no place for a store', 35, 'HOME', [@run, 'draft-agent', 'x'], home => $home, env => { HOME => undef, XDG_STATE_HOME => undef });
    refused('no runs to show', 34, 'no journal|no run', ['runs', 'show', 'last', '--store', "$home->{dir}/none.db"], home => $home);
    is(Try::run(home => $home, args => ['runs', 'list'])->{exit}, 0, 'a list of no runs is no error');
}

# -- scenarios and definitions ------------------------------------------------------------------------

sub scenario {
    my ($home, $text) = @_;
    my $file = "$home->{dir}/scenario.lua";
    Try::write_file($file, $text);
    return ['run', '--project', $TEAM, '--store', $home->{store}, '--model', "rehearsal:$file", 'lone-agent', 'x'];
}
for my $case (
    ['with a mistake of syntax', "return {\n  agents = [\n}\n", 'scenario\.lua:2', 39],
    ['that raises', "error('no luck')\n", 'scenario\.lua:1: no luck', 39],
    ['that never ends', "while true do end\n", 'scenario\.lua|endless', 32],
    ['that is no table', "return 7\n", 'scenario', undef],
    ['without expect', "return { agents = { ['lone-agent'] = { { { text = 'x' } } } } }\n", 'expect is missing', 35],
    ['for somebody else', "return { agents = {} }\n", 'lone-agent, visit 1', 35],
) {
    my ($name, $text, $pattern, $exit) = @$case;
    my $home = Try::home();
    my $ran = Try::run(home => $home, args => scenario($home, $text));
    ok(!$ran->{hung} && $ran->{exit} && (!defined $exit || $ran->{exit} == $exit) && $ran->{err} =~ /$pattern/ && $ran->{exit} != 70,
        "a scenario $name is refused") or diag("  $ran->{exit}: $ran->{err}");
}

my %DEFINITIONS = (
    'fine.md'     => "---\nname: fine-agent\ndescription: Fine.\ntools: []\n---\n\nYou are fine.\n",
    'unclosed.md' => "---\nname: unclosed-agent\ndescription: Never closed.\n\nText.\n",
    'nothing.md'  => '',
    'binary.md'   => "---\nname: bin\x00ary\n---\n\x00\x01\x02\xff" . join('', map { chr($_ % 256) } 0 .. 4095),
    'latin1.md'   => "---\nname: latin-agent\ndescription: Gr\xfc\xdfe.\n---\n\nH\xe4llo.\n",
    'twice.md'    => "---\nname: twice-agent\nname: other-agent\ndescription: Twice.\n---\n\nText.\n",
    'bomb.md'     => "---\nname: bomb-agent\n" . "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        . join('', map { "a$_: &a$_ [" . join(', ', ('*a' . ($_ - 1)) x 10) . "]\n" } 1 .. 9) . "---\n\nText.\n",
    'deep.md'     => "---\nname: deep-agent\ndescription: " . '[' x 20000 . "\n---\n\nText.\n",
    'ten.md'      => "---\nname: ten-agent\n" . join('', map { "key$_: " . 'v' x 1000 . "\n" } 1 .. 10_000) . "---\n\nText.\n",
    'list.md'     => "---\n- name\n- description\n---\n\nText.\n",
    'nofront.md'  => "# Just a page\n\nText.\n",
);
{
    my $home = Try::home();
    Try::write_file("$home->{dir}/project/agents/$_", $DEFINITIONS{$_}) for keys %DEFINITIONS;
    mkdir "$home->{dir}/project/agents/folder.md";
    system 'mkfifo', "$home->{dir}/project/agents/fifo.md";
    symlink '/dev/zero', "$home->{dir}/project/agents/zero.md";
    symlink "$home->{dir}/gone", "$home->{dir}/project/agents/dangling.md";
    my $check = Try::run(home => $home, args => ['agents', 'check', "$home->{dir}/project"]);
    is($check->{exit}, 1, 'agents check answers 1 for a folder with broken definitions') or diag($check->{err});
    my $said = $check->{out} . $check->{err};
    like($said, qr/\b$_\.md/, "agents check names $_.md") for qw(unclosed binary latin1 twice bomb deep ten list fifo zero dangling);
    cmp_ok(length $said, '<', 20_000, 'and does not repeat what it read');
    my $list = Try::run(home => $home, args => ['agents', 'list', '--project', "$home->{dir}/project"]);
    like($list->{out}, qr/^fine-agent\b/m, 'the good one beside them is listed');

    for my $case (['folder.md', 'folder|directory'], ['fifo.md', 'FIFO|file'], ['zero.md', 'file|device'], ['dangling.md', 'dangling'],
        ['ten.md', 'at most'], ['nothing.md', '']) {
        my ($file, $pattern) = @$case;
        my $ran = Try::run(home => $home, args => [@run, '--store', $home->{store}, "$home->{dir}/project/agents/$file", 'x']);
        ok(!$ran->{hung} && $ran->{exit} >= 31 && $ran->{exit} < 40 && $ran->{err} =~ /$pattern/i, "run refuses $file")
            or diag("  $ran->{exit}: " . substr $ran->{err}, 0, 1000);
    }
}

# -- what was printed ---------------------------------------------------------------------------------

my $SAYS = <<'LUA';
local rehearse = require "lib.rehearse"
return { agents = { ["lone-agent"] = { {
  { expect = rehearse.anything("output is the test"), text = "Looking.", calls = { { "read", { path = "." } } } },
  { expect = rehearse.result("read"), text = "Bell \7, escape \27[31m, \u{9b}31m and a line.\n" },
} } } }
LUA
{
    my $home = Try::home();
    my $words = scenario($home, $SAYS);
    my $ran = Try::run(home => $home, args => $words);
    is($ran->{exit}, 0, 'a run in plain text ends well') or diag($ran->{err});
    like($ran->{out}, qr/^Bell .*a line\.\n\z/s, 'stdout holds the result and nothing else');
    unlike($ran->{out} . $ran->{err}, qr/[\x00-\x08\x0b-\x1f\x7f]|\xc2\x9b/, 'nothing that drives a terminal is printed');
    like($ran->{err}, qr/\+ read \./, 'stderr shows the call with its outcome');
    like($ran->{err}, qr/^ok .* 2 turns .* 1 call .*rehearsed/m, 'and ends with a line of counts');

    my $events = Try::run(home => $home, args => ['run', '--events', @$words[1 .. $#$words]]);
    my @objects = map { eval { $Try::JSON->decode($_) } } split /\n/, $events->{out};
    is(scalar(@objects), scalar(split /\n/, $events->{out}), '--events prints one JSON object a line');
    is(scalar(grep { $_->{kind} eq 'run.finished' } @objects), 1, 'with exactly one run.finished');
    is($objects[-1]{kind}, 'run.finished', 'which is the last');
    ok(!grep({ !exists $_->{run} || !exists $_->{time} || !exists $_->{seq} || !exists $_->{body} } @objects), 'and each has run, seq, time, kind, body');
    my @kept = grep { defined $_->{seq} } @objects;
    my @journal = Try::journal($home);
    is_deeply([map { "$_->{seq} $_->{kind}" } @kept], [map { "$_->{seq} $_->{kind}" } @journal], 'events with a seq are the journal');

    my $shown = Try::run(home => $home, args => ['runs', 'show', 'last', '--store', $home->{store}]);
    unlike($shown->{out}, qr/[\x00-\x08\x0b-\x1f\x7f]|\xc2\x9b/, 'runs show prints nothing that drives a terminal either');
    my $list = Try::run(home => $home, args => ['runs', 'list', '--json', '--store', $home->{store}]);
    is(scalar @{ $Try::JSON->decode($list->{out})->{runs} }, 2, 'runs list has both');
    my ($id) = $journal[0]{run};
    is(scalar(Try::journal($home, substr $id, -6)), scalar @journal, 'a run is found by any unique part of its id');
    refused('a part that every id has', 35, '2 runs|several|names', ['runs', 'show', '20', '--store', $home->{store}], home => $home);
    refused('a run that is not there', 34, 'nonesuch', ['runs', 'show', 'nonesuch', '--store', $home->{store}], home => $home);
}

{ # who reads goes away: no crash, and the journal is whole
    my $home = Try::home();
    my $words = scenario($home, $SAYS);
    for my $option ([], ['--events'], ['--json']) {
        pipe my $read, my $write or die "pipe: $!";
        close $read;
        my $live = Try::start(home => $home, args => ['run', @$option, @$words[1 .. $#$words]], stdout => $write);
        close $write;
        my $ran = Try::finish($live);
        my $how = "@$option" || 'text';
        ok(!$ran->{hung} && $ran->{signal} != 11 && $ran->{signal} != 6, "stdout closed early ($how) is no crash") or diag("  $ran->{exit}: $ran->{err}");
        is("$ran->{exit} $ran->{err}" =~ /Broken pipe/ ? $ran->{err} : $ran->{exit}, 141, "stdout closed early ($how) ends as head ends programs, without a word of it");
        is((Try::journal($home))[-1]{kind}, 'run.finished', "stdout closed early ($how) leaves a closed journal");
    }
    open my $full, '>', '/dev/full' or die "open /dev/full: $!";
    my $ran = Try::finish(Try::start(home => $home, args => ['agents', 'list', '--project', $TEAM], stdout => $full));
    isnt($ran->{exit}, 0, 'a full disk under stdout is told by the exit code') or diag($ran->{err});
}

# -- several processes on one journal -----------------------------------------------------------------

{
    my $home = Try::home();
    my $words = scenario($home, $SAYS);
    my @live = map { Try::start(home => $home, args => ['run', '--json', @$words[1 .. $#$words]]) } 1 .. 4;
    my @ran = map { Try::finish($_) } @live;
    is(scalar(grep { $_->{exit} == 0 } @ran), 4, 'four processes run on one journal at the same time') or diag(map { $_->{err} } @ran);
    my %ids = map { (eval { $Try::JSON->decode($_->{out})->{run} } || 'none') => 1 } @ran;
    is(scalar keys %ids, 4, 'with an id each');
    my @whole = grep {
        my @records = Try::journal($home, $_);
        @records && $records[-1]{kind} eq 'run.finished' && !grep({ $records[$_]{seq} != $_ + 1 } 0 .. $#records);
    } keys %ids;
    is(scalar @whole, 4, 'and a whole journal each');
}

# -- real input -----------------------------------------------------------------------------------------

SKIP: {
    my $shared = $ENV{PERIGEE_SHARED};
    skip "the seed's own file: PERIGEE_SHARED is not set", 4 if !$shared || !-d "$shared/seed";
    my ($seed) = glob "$shared/seed/062-*.md";
    my $home = Try::home();
    system 'cp', '-R', "$FindBin::Bin/demo/workspace/.", $home->{work};
    my $task = Try::read_file("$FindBin::Bin/demo/task");
    my $show = Try::run(home => $home, args => ['agents', 'show', $seed, '--project', "$shared/corpus/guardians"]);
    is($show->{exit}, 0, "the seed's own file can be shown") or diag($show->{err});
    my $scenario = "$home->{dir}/seed.lua";
    my $text = Try::read_file("$Try::ROOT/lua/scenarios/demo.lua");
    my ($phrase) = grep { /072-/ } map { /^- "(.*)"\s*$/ ? $1 : () } split /\n/, Try::read_file($seed);
    SKIP: {
        skip "the seed's phrase for 072 was not found in its file", 3 if !$phrase;
        $text =~ s/^local PHRASE.*?\n(?=\n|local)/'local PHRASE <const> = ' . lua_text($phrase) . "\n"/mse;
        Try::write_file($scenario, $text);
        my $doctor = Try::run(home => $home, args => ['doctor']);
        skip 'no sandbox on this machine', 3 if $doctor->{exit};
        my $ran = Try::run(home => $home, args => ['run', '--json', '--store', $home->{store}, '--workspace', $home->{work},
            '--project', "$shared/corpus/guardians", '--model', "rehearsal:$scenario", $seed, $task]);
        my $result = eval { $Try::JSON->decode($ran->{out}) } || {};
        is($ran->{exit}, 0, "the seed's own file runs the demo beside its family") or diag("  $ran->{out} $ran->{err}");
        is($result->{agent}, '072-development-quality-senior-guardian', 'and its own phrase hands over to 072');
        is(scalar @{ $result->{hops} || [] }, 2, 'in one hop');
    }
}

done_testing();

sub lua_text {
    my ($text) = @_;
    $text =~ s/(["\\])/\\$1/g;
    return qq("$text");
}
