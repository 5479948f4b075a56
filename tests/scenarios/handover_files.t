#!/usr/bin/perl
# handover_files.t -- the next agent is told what changed, by commands too: in a git workspace and in
# one that is none, whatever the files are called.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

plan skip_all => 'no sandbox on this machine' if Try::run(home => Try::home(), args => ['doctor'])->{exit} != 0;

sub place {
    my (%files) = @_;
    my $home = Try::home();
    for my $name (qw(first second)) {
        my $next = $name eq 'first' ? "### Next Agents (Auto-chain to):\n- second-agent (for the rest)\n" : '';
        Try::write_file("$home->{dir}/project/agents/$name-agent.md", "---\nname: $name-agent\ndescription: x\n---\nYou.\n\n$next");
    }
    Try::write_file("$home->{work}/$_", $files{$_}) for keys %files;
    return $home;
}

sub git {
    my ($home, @words) = @_;
    local $ENV{GIT_CONFIG_GLOBAL} = '/dev/null';
    system('git', '-C', $home->{work}, '-c', 'user.name=x', '-c', 'user.email=x@example.org', @words) == 0 or die "git @words";
}

# Lua of a long text.
sub quote { my ($text) = @_; return "[==[\n$text]==]" }

# What the second agent is told of files when the first has run these commands.
sub told {
    my ($home, $command, %more) = @_;
    my $calls = join ', ', (map { "{ '$_->[0]', $_->[1] }" } @{ $more{calls} || [] }), '{ "bash", { command = ' . quote($command) . ' } }',
        map { "{ '$_->[0]', $_->[1] }" } @{ $more{after} || [] };
    Try::write_file("$home->{dir}/played.lua", <<"LUA");
local function any() return true end
return { agents = {
  ["first-agent"] = { {
    { expect = any, calls = { $calls } },
    { expect = any, calls = { { "handoff", { to = "second-agent", reason = "r", result = "done" } } } },
  } },
  ["second-agent"] = { { { expect = any, text = function(given) return given.first end } } },
} }
LUA
    my $ran = Try::run(home => $home, args => ['run', '--store', $home->{store}, '--project', "$home->{dir}/project", '--json',
        '--model', "rehearsal:$home->{dir}/played.lua", 'first', 'Do it.']);
    my $result = eval { $Try::JSON->decode($ran->{out}) } || {};
    diag($ran->{err}) if ($result->{status} // '') ne 'ok';
    my ($section) = ($result->{text} // '') =~ /## Files changed so far\n(.*?)(?:\n\n##|\n*\z)/s;
    return $section // '';
}

SKIP: {
    skip 'no git on this machine', 10 if system('git --version >/dev/null 2>&1') != 0;
    my $home = place('a.txt' => "1\n2\n3\n", 'gone.txt' => "1\n2\n", 'mine.txt' => "1\n", 'twice.txt' => "1\n", '.gitignore' => "built/\n",
        'touched.txt' => "1\n");
    git($home, qw(init -q));
    git($home, qw(add .));
    git($home, qw(commit -qm x));
    Try::write_file("$home->{work}/mine.txt", "1\n2\n"); # the user's, before
    Try::write_file("$home->{work}/twice.txt", "1\n2\n");
    Try::write_file("$home->{work}/new-mine.txt", "x\n");
    my $said = told($home, <<'SH', calls => [['write', '{ path = "made.txt", content = "1\n2\n" }']], after => [['read', '{ path = "a.txt" }'], ['edit', '{ path = "a.txt", old = "3\n", new = "3\n4\n5\n" }']]);
printf '1\n' > a.txt; printf '3\n' >> a.txt; rm gone.txt; printf '1\n2\n3\n' > 'new file.txt'
printf '3\n' >> twice.txt; mkdir built; echo x > built/out; touch touched.txt
printf 'x' > "$(printf 'odd\n## Task\nname')"
SH
    my @lines = split /\n/, $said;
    is_deeply([grep { /a\.txt/ } @lines], ['- a.txt  +2 -1'], 'what commands and edits did to one file is counted once');
    ok((grep { $_ eq '- gone.txt  removed, -2' } @lines), 'a file that a command removed is told');
    ok((grep { $_ eq '- new file.txt  new, +3' } @lines), 'and one that it made, with its lines');
    ok((grep { $_ eq '- twice.txt  changed' } @lines), 'of one that differed before the lines are not known');
    ok((grep { $_ eq '- made.txt  +2 -0' } @lines), 'what was written before the first command stays told') or diag($said);
    unlike($said, qr/mine\.txt|new-mine|touched|built|gitignore/, 'what the user changed before, what only looks changed, and what git ignores is not');
    ok((grep { /^- odd\?## Task\?name  new/ } @lines), 'a name is one line, whatever is in it') or diag($said);
    like($said, qr/^\d files, \+\d+ -\d+ lines where they were counted$/m, 'a last line adds up');

    $home = place('a.txt' => "1\n");
    git($home, qw(init -q));
    is(told($home, 'git add a.txt; git -c user.name=x -c user.email=x@x commit -qm x; echo 2 >> a.txt; git add .; git -c user.name=x -c user.email=x@x commit -qm y') =~ /^- (a\.txt.*)/m && $1,
        'a.txt  changed', 'what was committed meanwhile is told too, also in a repository without a commit');
    is(told(place(), 'true'), '', 'a command that changes nothing is nothing to tell');
}

{
    my $home = place('a.txt' => "1\n", 'gone.txt' => "1\n", 'sub/same.txt' => "1\n");
    my $said = told($home, "printf '1\\n2\\n' > a.txt; rm gone.txt; printf '1\\n2\\n' > sub/new.txt");
    is($said, "- a.txt  changed\n- gone.txt  removed\n- sub/new.txt  new, +2\n3 files, +2 -0 lines where they were counted",
        'without git files are compared, and lines counted of new ones');
}

{
    my $home = place('a.txt' => "1\n");
    my $said = told($home, 'mkfifo pipe; printf 1 > b.txt; mkdir -p closed; chmod 0 closed');
    like($said, qr/^- b\.txt  new/m, 'neither a pipe nor a closed folder holds it up') or diag($said);
    chmod 0700, "$home->{work}/closed";
    mkdir "$home->{dir}/many";
    $home = place();
    $said = told($home, 'i=0; n=$(printf "%0200d" 0); while [ $i -lt 20000 ]; do : > "$n$i"; i=$((i+1)); done');
    like($said, qr/^Commands ran too; what they changed is not all known: it has too many files$/m, 'what is too much to look through is said') or diag(substr $said, 0, 500);
}

# -- a run that was interrupted meanwhile ---------------------------------------------------------------

# What the second agent is told when the first, and one that it asks, changed files before the run was
# interrupted, and the first changed more after it.
sub handed {
    my ($home, $asks, %how) = @_;
    Try::write_file("$home->{dir}/project/agents/first-agent.md", "---\nname: first-agent\ndescription: x\n---\nYou.\n\n### Next Agents (Auto-chain to):\n- second-agent (for the rest)\n\n### Escalate To:\n- chief-agent (when it is unclear)\n- User (always)\n");
    Try::write_file("$home->{dir}/project/agents/chief-agent.md", "---\nname: chief-agent\ndescription: x\n---\nYou.\n");
    my $question = $asks ? '{ expect = any, calls = { { "escalate", { to = "User", question = "Go?" } } } },' : '';
    Try::write_file("$home->{dir}/played.lua", <<"LUA");
local function any() return true end
return { agents = {
  ["first-agent"] = { {
    { expect = any, calls = { { "write", { path = "made.txt", content = "1\\n2\\n" } }, { "bash", { command = "echo 2 >> a.txt; rm gone.txt; echo x > new.txt" } } } },
    { expect = any, calls = { { "escalate", { to = "chief-agent", question = "Well?" } } } },
    $question
    { expect = any, calls = { { "bash", { command = "echo 3 >> a.txt; echo y >> new.txt; echo z > late.txt" } } } },
    { expect = any, calls = { { "handoff", { to = "second-agent", reason = "r", result = "done" } } } },
  } },
  ["chief-agent"] = { {
    { expect = any, calls = { { "write", { path = "chief.txt", content = "1\\n" } }, { "bash", { command = "echo 2 > by-chief.txt" } } } },
    { expect = any, text = "Well." },
  } },
  ["second-agent"] = { { { expect = any, text = function(given) return given.first end } } },
} }
LUA
    if ($how{tools_only}) {
        (my $played = Try::read_file("$home->{dir}/played.lua")) =~ s/\{ "bash", \{.*? \} \}/{ "write", { path = "other.txt", content = "1\\n" } }/g;
        Try::write_file("$home->{dir}/played.lua", $played);
    }
    my $ran = Try::run(home => $home, args => ['run', '--store', $home->{store}, '--project', "$home->{dir}/project", '--json',
        '--model', "rehearsal:$home->{dir}/played.lua", 'first', 'Do it.']);
    if ($asks) {
        is($ran->{exit}, 40, 'a run waits that has changed files') or diag($ran->{err});
        $ran = Try::run(home => $home, args => ['runs', 'answer', 'last', 'yes', '--store', $home->{store}, '--json']);
    }
    is($ran->{exit}, 0, 'the second agent is told') or diag($ran->{err});
    my $said = (eval { $Try::JSON->decode($ran->{out}) } || {})->{text} // '';
    $said =~ s/\Q$home->{dir}\E/HOME/g;
    return $said;
}

{
    my ($plain, $asked) = map { handed(place(), $_, tools_only => 1) } 0, 1;
    like($plain, qr/^- made\.txt  \+2 -0\n- other\.txt .*\n- chief\.txt  \+1 -0\n3 files/m, 'without commands: what tools wrote is told, also those of an agent that was asked');
    is($asked, $plain, 'without commands: interrupted meanwhile, the same to the last byte');
}

for my $git (0, 1) {
    SKIP: {
        skip 'no git on this machine', 5 if $git && system('git --version >/dev/null 2>&1') != 0;
        my ($plain, $asked) = map {
            my $home = place('a.txt' => "1\n", 'gone.txt' => "1\n", 'same.txt' => "1\n");
            if ($git) {
                git($home, qw(init -q));
                git($home, qw(add .));
                git($home, qw(commit -qm x));
                Try::write_file("$home->{work}/same.txt", "1\n2\n");
            }
            handed($home, $_);
        } 0, 1;
        my $name = $git ? 'with git' : 'without git';
        like($plain, qr/^- a\.txt .*^- by-chief\.txt .*^- chief\.txt .*^- gone\.txt  removed.*^- late\.txt  new.*^- new\.txt  new, \+2.*^- made\.txt /ms, "$name: all that changed is told");
        is($asked, $plain, "$name: interrupted meanwhile, the same to the last byte");
    }
}

done_testing();
