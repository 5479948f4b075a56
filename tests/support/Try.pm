# Try.pm -- the program under test, from outside: start it, wait for what it says, read its journal.
#
# Use    my $home = Try::home();                          folders of its own: config, state, work
#        my $ran  = Try::run(args => [...], home => $home);   { exit, out, err }
#        my $live = Try::start(args => [...], home => $home);
#        Try::until_text($live, 'err', qr/waiting/);      bounded, never a fixed sleep
#        my $ran  = Try::finish($live);
# Marks  Everything started carries the home's path in its environment or its command line, so that
#        what was left behind can be found: Try::left_over($home).
package Try;
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use JSON::PP;
use POSIX qw(:sys_wait_h setpgid);
use Time::HiRes qw(sleep time);

our $ROOT    = abs_path(dirname(__FILE__) . '/../..');
our $PROGRAM = abs_path($ENV{PERIGEE} || "$ROOT/perigee");
our $TERMINAL = abs_path(($ENV{BUILD} || "$ROOT/build/release") . '/tests/support/terminal'); # terminal.c
our $BOUND   = 60; # seconds after which something that was awaited counts as hung
our $JSON    = JSON::PP->new->utf8->canonical->allow_nonref;

# A fresh place for one test: { dir, work, config, state, store }.
sub home {
    my $dir = abs_path(tempdir('perigee-XXXXXXXX', TMPDIR => 1, CLEANUP => 1));
    my %home = (dir => $dir, store => "$dir/state/journal.db");
    for my $name (qw(work config state home)) {
        $home{$name} = "$dir/$name";
        make_path($home{$name});
    }
    return \%home;
}

sub write_file {
    my ($path, $text) = @_;
    make_path(dirname($path));
    open my $file, '>:raw', $path or die "open $path: $!";
    print $file $text;
    close $file or die "write $path: $!";
}

sub read_file {
    my ($path) = @_;
    open my $file, '<:raw', $path or return '';
    local $/;
    return scalar(<$file>) // '';
}

# A copy of the program in which the verb `tools` is the test's own Lua: what verbs are given can be
# tried from there before, or without, a verb that does it.
sub program_with {
    my ($home, $lua) = @_;
    my $own = "$home->{dir}/program";
    make_path($own);
    system('cp', '-rL', "$ROOT/lua", "$ROOT/tools", "$ROOT/agents", $PROGRAM, $own) == 0 or die "copy: $?";
    symlink dirname($PROGRAM) . '/perigee-sandbox', "$own/perigee-sandbox";
    write_file("$own/lua/cli/tools.lua", $lua);
    return "$own/perigee";
}

# Starts the program in a process group of its own. Takes args, home; may take env (a hash; undef
# unsets), stdin (a path), cwd, program, stdout (a handle instead of a file).
sub start {
    my (%how) = @_;
    my $home = $how{home};
    my $base = "$home->{dir}/run" . ++$home->{count};
    my $live = { home => $home, out => "$base.out", err => "$base.err" };
    my @command = ($how{program} || $PROGRAM, @{ $how{args} });
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        setpgid(0, 0);
        $SIG{$_} = 'DEFAULT' for qw(INT TERM PIPE QUIT);
        open STDIN, '<', $how{stdin} || '/dev/null' or POSIX::_exit(98);
        if ($how{stdout}) { open STDOUT, '>&', $how{stdout} or POSIX::_exit(98) }
        else              { open STDOUT, '>', $live->{out} or POSIX::_exit(98) }
        open STDERR, '>', $live->{err} or POSIX::_exit(98);
        chdir($how{cwd} || $home->{work}) or POSIX::_exit(98);
        delete @ENV{ grep { /_BASE_URL$|_API_KEY$|^OLLAMA_HOST$|_proxy$|_PROXY$/ } keys %ENV };
        $ENV{HOME}            = $home->{home};
        $ENV{XDG_CONFIG_HOME} = $home->{config};
        $ENV{XDG_STATE_HOME}  = $home->{state};
        $ENV{TEST_HOME_MARK}  = $home->{dir};
        for my $name (keys %{ $how{env} || {} }) {
            if (defined $how{env}{$name}) { $ENV{$name} = $how{env}{$name} }
            else                          { delete $ENV{$name} }
        }
        exec { $command[0] } @command or POSIX::_exit(99);
    }
    setpgid($pid, $pid);
    $live->{pid} = $pid;
    return $live;
}

# Waits until `test` says yes, at most $BOUND seconds. False when it never did.
sub until_true {
    my ($test) = @_;
    my $end = time + $BOUND;
    while (time < $end) {
        my $answer = $test->();
        return $answer if $answer;
        sleep 0.01;
    }
    return 0;
}

# Waits until `what` (out or err) of a started program matches; false when it ended before.
sub until_text {
    my ($live, $what, $pattern) = @_;
    my $said = until_true(sub {
        my $over = ended($live);
        return 1  if read_file($live->{$what}) =~ $pattern;
        return -1 if $over;
        return 0;
    });
    return $said == 1;
}

# True once the program has ended; its status is kept.
sub ended {
    my ($live) = @_;
    return 1 if defined $live->{status};
    my $got = waitpid $live->{pid}, WNOHANG;
    $live->{status} = $? if $got == $live->{pid};
    return defined $live->{status};
}

# Waits for the end and answers { exit, signal, out, err, hung }. What hangs is killed.
sub finish {
    my ($live) = @_;
    my $hung = !until_true(sub { ended($live) });
    if ($hung) {
        kill 'KILL', -$live->{pid}, $live->{pid};
        waitpid $live->{pid}, 0;
        $live->{status} = $?;
    }
    return { exit => $live->{status} & 127 ? 128 + ($live->{status} & 127) : $live->{status} >> 8,
        signal => $live->{status} & 127, hung => $hung,
        out => read_file($live->{out}), err => read_file($live->{err}) };
}

sub run { return finish(start(@_)) }

# The records of a run in the store of `home`, oldest first; none when they cannot be read.
sub journal {
    my ($home, $which) = @_;
    my $ran = run(home => $home, args => ['runs', 'show', $which // 'last', '--json', '--store', $home->{store}]);
    my @records = map { eval { $JSON->decode($_) } || { kind => 'unreadable', body => $_ } } split /\n/, $ran->{out};
    return @records;
}

# Command lines of processes that belong to `home` and still run.
sub left_over {
    my ($home) = @_;
    my @found;
    for my $folder (glob '/proc/[0-9]*') {
        my ($pid) = $folder =~ /(\d+)$/;
        next if $pid == $$;
        my $line = read_file("$folder/cmdline");
        my $all  = $line . "\0" . read_file("$folder/environ");
        next if $all !~ /\Q$home->{dir}\E/ || $line eq '';
        push @found, "$pid: " . join ' ', split /\0/, $line;
    }
    return @found;
}

# Waits until nothing of `home` runs any more; answers what does, if something stays.
sub until_quiet {
    my ($home) = @_;
    my @left;
    until_true(sub { @left = left_over($home); return !@left });
    return @left;
}

# Serves a scenario on loopback; { url, live }. Ended by stop_serving.
sub serve {
    my ($home, $scenario, $seed, $dialect) = @_;
    my $live = start(home => $home,
        args => ['models', 'serve', "rehearsal:$scenario", '--port', '0', '--cut', $seed,
            '--dialect', $dialect || 'anthropic']);
    until_text($live, 'out', qr{^http://\S+\n}) or return;
    my ($url) = read_file($live->{out}) =~ m{^(http://\S+)};
    return { url => $url, live => $live };
}

sub stop_serving {
    my ($served) = @_;
    kill 'INT', $served->{live}{pid};
    return finish($served->{live});
}

# A user's models.lua by which the server at OPENAI_BASE_URL speaks `dialect`.
sub speaking {
    my ($dialect) = @_;
    return <<"END";
return { add = { providers = { openai = { dialect = "$dialect",
  base_url = "http://127.0.0.1:1", base_url_variable = "OPENAI_BASE_URL" } } } }
END
}

# models.lua of the distribution with other limits, as the user's own: stalls that a test can await.
sub limits {
    my ($home, %limits) = @_;
    my $text = read_file("$ROOT/lua/models.lua");
    for my $name (keys %limits) {
        $text =~ s/(\n  limits = \{.*?\b\Q$name\E = )[0-9][0-9 *]*/$1$limits{$name}/s or die "models.lua has no limit $name";
    }
    write_file("$home->{config}/perigee/lua/models.lua", $text);
}

# What of `want` does not stand in `got`: objects are compared by the keys of `want`, lists entry by
# entry, a text that begins with ~ is a pattern. Empty when all of it stands.
sub differs {
    my ($want, $got, $at) = @_;
    $at //= 'value';
    if (ref $want eq 'HASH') {
        return "$at is no object" if ref $got ne 'HASH';
        for my $key (sort keys %$want) {
            my $why = differs($want->{$key}, $got->{$key}, "$at.$key");
            return $why if $why;
        }
        return '';
    }
    if (ref $want eq 'ARRAY') {
        return "$at is no list" if ref $got ne 'ARRAY';
        return "$at has " . @$got . " entries, not " . @$want if @$got != @$want;
        for my $i (0 .. $#$want) {
            my $why = differs($want->[$i], $got->[$i], "$at\[$i]");
            return $why if $why;
        }
        return '';
    }
    my $said = $JSON->encode($got);
    if (defined $want && !ref $want && $want =~ /^~(.*)/s) {
        my $pattern = $1;
        return defined $got && !ref $got && $got =~ /$pattern/s ? '' : "$at is $said, which does not match $pattern";
    }
    my $wanted = $JSON->encode($want);
    s/^"(-?\d+)"$/$1/ for my ($a, $b) = ($wanted, $said);
    return $a eq $b ? '' : "$at is $said, not $wanted";
}

1;
