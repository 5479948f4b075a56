#!/usr/bin/perl
# resume_tools.t -- what tools know and keep, when the host is killed and the run goes on: calls in flight,
# background jobs, the shell's folder and variables, what was read before an edit, files that came with the
# task. What is gone the model is told.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Digest::SHA qw(sha256_hex);
use Test::More;
use Try;

my $SANDBOX = Try::run(home => Try::home(), args => ['doctor'])->{exit} == 0;

# A run of an agent that makes these calls, one a turn; its reply holds what each answered, under its number.
sub begin {
    my ($calls, %how) = @_;
    my $home = $how{home} || Try::home();
    Try::write_file("$home->{config}/perigee/agents/one-agent.md",
        "---\nname: one-agent\ndescription: One.\ntools: [read, edit, write, bash, bash_output, bash_kill, again, once, look]\n---\nYou work.\n\n### Escalate To:\n- User (always)\n");
    my $turns = join '', map { "    { expect = whatever, text = keep, calls = { $_ } },\n" } @$calls;
    Try::write_file("$home->{dir}/scenario.lua", <<"LUA");
local rehearse = require "lib.rehearse"
local whatever = rehearse.anything("what tools answer is the test")
-- Each turn says what the call before it answered, so that the journal has it.
local function keep(given) return given.results[1] and given.results[1].text or given.first end
return { agents = { ["one-agent"] = { {
$turns    { expect = whatever, text = keep },
} } } }
LUA
    return ($home, [@{ $how{args} || [] }, 'run', '--json', '--store', $home->{store}, '--workspace', $home->{work},
        '--model', "rehearsal:$home->{dir}/scenario.lua", 'one-agent', 'Do it.', @{ $how{more} || [] }]);
}

# Kills the host once that file of the workspace is there.
sub killed_at {
    my ($home, $args, $file) = @_;
    my $live = Try::start(home => $home, args => $args);
    ok(Try::until_true(sub { -e "$home->{work}/$file" || Try::ended($live) }) && -e "$home->{work}/$file", "a run comes as far as $file")
        or diag(Try::read_file($live->{err}));
    my @seen = grep { (readlink("$_/cwd") // '') =~ m{^\Q$home->{work}\E(/|$)} } glob '/proc/[0-9]*';
    ok(@seen > 1, 'its command is seen at work'); # besides the host
    kill 'KILL', $live->{pid};
    Try::finish($live);
    is_deeply(still_running($home), [], 'killed with the host, before anybody goes on');
}

sub parked { my ($home, $args) = @_; my $ran = Try::run(home => $home, args => $args); is($ran->{exit}, 40, 'a run waits') or diag($ran->{err}) }

sub verb { my ($home, @args) = @_; return Try::run(home => $home, args => ['runs', @args, '--store', $home->{store}]) }

# Processes that work below the place, commands in a sandbox too, whose environment says nothing. Waits
# until there are none.
sub still_running {
    my ($home) = @_;
    my @left;
    Try::until_true(sub {
        @left = grep { (readlink("$_/cwd") // '') =~ m{^\Q$home->{dir}\E(/|$)} } glob '/proc/[0-9]*';
        return !@left;
    });
    return [@left, Try::until_quiet($home)];
}

# What the results of these tools said, in order.
sub results {
    my ($home, $tool) = @_;
    return map { $_->{body}{text} } grep { $_->{kind} eq 'result' && $_->{body}{name} eq $tool } Try::journal($home);
}

my $ASK = '{ "escalate", { to = "User", question = "Go?" } }';

# -- calls in flight ----------------------------------------------------------------------------------

# A tool of that effect whose first call hangs once it has left a mark; each call counts.
sub hanging {
    my ($home, $name, $lines) = @_;
    Try::write_file("$home->{config}/perigee/tools/$name.lua", <<"LUA");
local schema = require "lib.schema"
return {
  description = "Counts.", input = schema.object {}, $lines
  needs = { exec = { "sh" }, read = { "." }, write = { "." } },
  run = function(input, call)
    local done, err = call.exec { "sh", "-c", "echo x >> $name.count; [ -e $name.hung ] || { : > $name.hung; sleep 1000; }; wc -l < $name.count" }
    return done and done.stdout, err
  end,
}
LUA
}

SKIP: {
    skip 'no sandbox on this machine', 12 if !$SANDBOX;
    for my $case (['again', 'effect = "outside", repeatable = true,', 1], ['once', 'effect = "outside",', 0]) {
        my ($name, $lines, $repeats) = @$case;
        my ($home, $args) = begin(["{ '$name', {} }"]);
        hanging($home, $name, $lines);
        Try::write_file("$home->{config}/perigee/config.yaml", "policy: { rules: [ { allow: \"*\" } ] }\n");
        killed_at($home, $args, "$name.hung");
        my $ran = verb($home, 'resume', 'last');
        is($ran->{exit}, 0, "$name: the run goes on") or diag($ran->{err});
        my ($result) = grep { $_->{kind} eq 'result' } Try::journal($home);
        if ($repeats) {
            is($result->{body}{text}, "2\n", "$name: what may be repeated is made again");
        }
        else {
            is($result->{body}{code}, 'unknown', "$name: of what may not be repeated the outcome is unknown");
            like($result->{body}{text}, qr/The outcome of this call is unknown.*What it had started is dead/s, "$name: which the model is told");
            is(Try::read_file("$home->{work}/$name.count"), "x\n", "$name: it was made once");
        }
        is(scalar(grep { $_->{kind} eq 'call' } Try::journal($home)), 1, "$name: it stands in the journal once");
        is_deeply(still_running($home), [], "$name: nothing of it runs any more");
    }
}

SKIP: {
    skip 'no sandbox on this machine', 4 if !$SANDBOX;
    my ($home, $args) = begin(["{ 'look', {} }"]);
    Try::write_file("$home->{config}/perigee/tools/look.lua", <<'LUA');
local schema = require "lib.schema"
return {
  description = "Looks.", input = schema.object {}, effect = "read", needs = { exec = { "sh" }, read = { "." } },
  run = function(input, call)
    local done, err = call.exec { "sh", "-c", "if [ -e hang ]; then sleep 1000; fi; echo seen" }
    return done and done.stdout, err
  end,
}
LUA
    Try::write_file("$home->{work}/hang", '');
    my $live = Try::start(home => $home, args => [map { $_ eq '--json' ? '--events' : $_ } @$args]);
    ok(Try::until_text($live, 'out', qr/"kind":"call"/), 'a look is under way');
    kill 'KILL', $live->{pid};
    Try::finish($live);
    unlink "$home->{work}/hang";
    is(verb($home, 'resume', 'last')->{exit}, 0, 'the run goes on');
    is((results($home, 'look'))[0], "seen\n", 'what only reads is made again');
    is_deeply([map { $_->{kind} } grep { $_->{kind} =~ /^(call|result)$/ } Try::journal($home)], ['call', 'result'], 'and stands in the journal once');
}

# -- the shell and its jobs ----------------------------------------------------------------------------

my $JOB = '{ "bash", { command = "echo up; tail -f /dev/null", background = true } }';

SKIP: {
    skip 'no sandbox on this machine', 20 if !$SANDBOX;
    my ($home, $args) = begin([
        '{ "bash", { command = "mkdir -p sub; cd sub; export WORD=kept; echo x > /tmp/scratch" } }', $JOB, $JOB, '{ "bash_kill", { job = 2 } }',
        '{ "bash", { command = "touch ../here; sleep 1000" } }',
        '{ "bash_output", { job = 1 } }', '{ "bash", { command = "echo $WORD; ls /tmp" } }',
        '{ "bash_output", { job = 2 } }', $JOB, '{ "bash", { command = "true" } }']);
    killed_at($home, $args, 'here');
    my $ran = verb($home, 'resume', 'last');
    is($ran->{exit}, 0, 'the run goes on') or diag($ran->{err});
    my @bash = results($home, 'bash');
    my @output = results($home, 'bash_output');
    like($bash[3], qr/outcome of this call is unknown/, 'of the command in flight nothing is known');
    like($output[0], qr/\[job 1 \(echo up.*\) is dead: the run was interrupted, and its jobs with it; start it again if it is needed\]/,
        'who asks for the output of a job is told that it is dead');
    like($bash[4], qr/^kept\n/, 'what the shell exported is there');
    like($bash[4], qr/\nin sub\]|\[in sub\]/, 'and it is in the folder that it was in');
    like($bash[4], qr/\[the run was interrupted since the last command: files under \/tmp are gone\]/, 'what is gone is said');
    unlike($bash[4], qr/scratch/, 'since it is');
    unlike($bash[4], qr/job/, 'of a job nobody is told twice');
    like($output[1], qr/job 2 .* is dead/, 'one that was ended before is not there either');
    like($bash[5], qr/\[job 3 \(echo up.*\) is running\]/, 'a new job has a number of its own');
    unlike($bash[6], qr/interrupted|job/, 'the next command is one like others');
    is_deeply(still_running($home), [], 'and no job is left');

    ($home, $args) = begin([$JOB, $ASK, '{ "bash", { command = "true" } }', '{ "bash", { command = "true" } }', '{ "bash_output", { job = 1 } }']);
    parked($home, $args);
    is_deeply(still_running($home), [], 'no job runs while a run waits');
    $ran = verb($home, 'answer', 'last', 'yes');
    is($ran->{exit}, 0, 'answered, the run goes on') or diag($ran->{err});
    @bash = results($home, 'bash');
    like($bash[1], qr/\[job 1 \(echo up.*\) is dead/, 'the next command says which job died');
    unlike($bash[2], qr/job 1/, 'once');
    like((results($home, 'bash_output'))[0], qr/job 1 .* is dead/, 'and again who asks');
}

# -- read before the kill -------------------------------------------------------------------------------

{
    my $edit = '{ "edit", { path = "a.txt", old = "two", new = "2" } }';
    my ($home, $args) = begin(['{ "read", { path = "a.txt" } }', $ASK, $edit]);
    Try::write_file("$home->{work}/a.txt", "one\ntwo\n");
    parked($home, $args);
    is(verb($home, 'answer', 'last', 'yes')->{exit}, 0, 'a run that read a file goes on');
    is(Try::read_file("$home->{work}/a.txt"), "one\n2\n", 'what it read before counts as read');
    like((results($home, 'edit'))[0], qr/^Replaced/, 'for its edit');

    ($home, $args) = begin(['{ "read", { path = "a.txt" } }', $ASK, $edit]);
    Try::write_file("$home->{work}/a.txt", "one\ntwo\n");
    parked($home, $args);
    Try::write_file("$home->{work}/a.txt", "one\ntwo\nthree, by somebody else\n");
    is(verb($home, 'answer', 'last', 'yes')->{exit}, 0, 'a run goes on whose file was changed meanwhile');
    is(Try::read_file("$home->{work}/a.txt"), "one\ntwo\nthree, by somebody else\n", 'which it does not change unseen');
    like((results($home, 'edit'))[0], qr/changed since this run read it; nothing was written/, 'the model is told');

    ($home, $args) = begin(['{ "write", { path = "own.txt", content = "mine\n" } }', $ASK, '{ "write", { path = "own.txt", content = "mine again\n" } }']);
    parked($home, $args);
    is(verb($home, 'answer', 'last', 'yes')->{exit}, 0, 'a run goes on that wrote a file');
    is(Try::read_file("$home->{work}/own.txt"), "mine again\n", 'which it knows: it may write it again');

    ($home, $args) = begin(['{ "write", { path = "own.txt", content = "mine\n" } }', $ASK, '{ "write", { path = "own.txt", content = "mine again\n" } }']);
    parked($home, $args);
    Try::write_file("$home->{work}/own.txt", "yours\n");
    verb($home, 'answer', 'last', 'yes');
    is(Try::read_file("$home->{work}/own.txt"), "yours\n", 'one that somebody changed meanwhile it does not write over');
}

# -- the half of a file -------------------------------------------------------------------------------------

# What a process that is killed between two system calls leaves; its name has the mark of its run.
SKIP: {
    skip 'no sandbox on this machine', 9 if !$SANDBOX;
    my ($home, $args) = begin(["{ 'once', {} }"]);
    hanging($home, 'once', 'effect = "outside",');
    Try::write_file("$home->{config}/perigee/config.yaml", "policy: { rules: [ { allow: \"*\" } ] }\n");
    killed_at($home, $args, 'once.hung');
    my ($run) = map { $_->{run} } @{ $Try::JSON->decode(verb($home, 'list', '--json')->{out})->{runs} };
    my $mark = substr sha256_hex($run), 0, 8;
    my ($ours, $others) = ("src/.new-${mark}00000001", 'src/.new-0123456789abcdef');
    Try::write_file("$home->{work}/$_", 'half') for "src\nperigee: all is well/.new-${mark}00000002", $ours, $others, "src/.new-$mark";
    my $live = Try::start(home => $home, args => ['runs', 'resume', 'last', '--events', '--store', $home->{store}]);
    my $ran = Try::finish($live);
    is($ran->{exit}, 0, 'a run goes on that was killed while it wrote') or diag($ran->{err});
    ok(!-e "$home->{work}/$ours", 'the half of a file that it left is gone');
    like($ran->{out}, qr/\Q$ours\E is removed: the interrupted process was writing it/, 'which is said');
    like($ran->{out}, qr{src\\\\x0Aperigee: all is well/}, 'in one line, whatever its folder is called');
    ok(-e "$home->{work}/$others" && -e "$home->{work}/src/.new-$mark", 'what has not just such a name is nobody\'s to remove');

    ($home, $args) = begin([$ASK]);
    parked($home, $args);
    ($run) = map { $_->{run} } @{ $Try::JSON->decode(verb($home, 'list', '--json')->{out})->{runs} };
    $ours = '.new-' . substr(sha256_hex($run), 0, 8) . '00000001';
    Try::write_file("$home->{work}/$ours", 'half');
    verb($home, 'answer', 'last', 'yes');
    ok(-e "$home->{work}/$ours", 'nor is anything removed where nothing was being written');
}

# The same as it happens, where the program can be killed there.
SKIP: {
    skip 'a release build has no faults', 12 if ($ENV{MODE} // 'release') eq 'release';
    skip 'no sandbox on this machine', 12 if !$SANDBOX;
    my $write = '{ "write", { path = "src/a.txt", content = "new\n" } }';
    my ($home, $args) = begin(['{ "read", { path = "src/a.txt" } }', $write]);
    Try::write_file("$home->{work}/src/a.txt", "old\n");
    my $ran = Try::run(home => $home, args => $args, env => { PERIGEE_FAULT => 'files.rename:1!' });
    is($ran->{exit}, 137, 'killed while it puts a file in its place');
    is(scalar(my @left = glob "$home->{work}/src/.new-*"), 1, 'the half of it is there');
    is(verb($home, 'resume', 'last')->{exit}, 0, 'the run goes on');
    is(scalar(@left = glob "$home->{work}/src/.new-*"), 0, 'and it is gone');
    is(Try::read_file("$home->{work}/src/a.txt"), "old\n", 'the file is as it was');

    ($home) = begin(['{ "read", { path = "src/a.txt" } }', $write, '{ "write", { path = "b.txt", content = "b\n" } }']);
    Try::write_file("$home->{work}/src/a.txt", "old\n");
    Try::write_file("$home->{dir}/chain.lua", <<'LUA');
local schema = require "lib.schema"
return { params = schema.object {}, run = function(run)
  local said, patch = run.ask("one-agent", "Do it.", { workspace = "copy" })
  return said and { files = patch.files, text = patch.text }, patch
end }
LUA
    my @args = ('run', '--json', '--store', $home->{store}, '--workspace', $home->{work}, '--model', "rehearsal:$home->{dir}/scenario.lua", "$home->{dir}/chain.lua");
    is(Try::run(home => $home, args => \@args, env => { PERIGEE_FAULT => 'files.rename:1!' })->{exit}, 137, 'killed in a copy of the workspace');
    is(scalar(@left = glob "$home->{home}/.cache/perigee/copies/*/b/src/.new-*"), 1, 'the half of a file is there');
    $ran = verb($home, 'resume', 'last', '--json');
    is($ran->{exit}, 0, 'the run goes on') or diag($ran->{err});
    is_deeply($Try::JSON->decode($ran->{out})->{value}{files}, ['b.txt'], 'and it is in no patch');
}

# -- what came with the task ------------------------------------------------------------------------------

for my $fate (qw(changed gone)) {
    my $home = Try::home();
    Try::write_file("$home->{dir}/notes.txt", "as it was\n");
    (undef, my $args) = begin([$ASK], home => $home, more => ['--attach', "$home->{dir}/notes.txt"]);
    my $scenario = Try::read_file("$home->{dir}/scenario.lua");
    $scenario =~ s/text = keep \},\n\} \} \}/text = function(given) return given.first end },\n} } }/ or die;
    Try::write_file("$home->{dir}/scenario.lua", $scenario);
    parked($home, $args);
    if ($fate eq 'gone') { unlink "$home->{dir}/notes.txt" or die }
    else                 { Try::write_file("$home->{dir}/notes.txt", "changed\n") }
    my $ran = verb($home, 'answer', 'last', 'yes');
    is($ran->{exit}, 0, "$fate: a run goes on to which a file was attached") or diag($ran->{err});
    my ($prompt) = grep { $_->{kind} eq 'prompt' } Try::journal($home);
    is($ran->{out} =~ s/\n+\z//r, $prompt->{body}{first} =~ s/\n+\z//r, "$fate: the model gets the bytes that it got before");
    like($ran->{out}, qr/notes\.txt\n```\nas it was/, "$fate: the file as it was");
}

done_testing();
