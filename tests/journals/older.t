#!/usr/bin/perl
# older.t -- journals that earlier versions left, and one of today's form: all that is in them can be
# listed, shown and exported, and what was not at its end goes on; what cannot go on says why, and what
# it came to stays. The journals are specimens (README.md); a change that breaks one breaks people's runs.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Crash;
use Specimen;
use Try;

my $SQL = "$Try::ROOT/" . ($ENV{BUILD} || 'build/release') . '/tests/support/journal_sql';

# What such a journal cannot know.
my %LACKS = (
    'first.sql'         => { places => 1 }, # where the steps of a chain stood
    'before_resume.sql' => { places => 1 },
);

# The journal in a home of its own: { home, sql, ids, exits }.
sub laid_out {
    my ($file) = @_;
    my $home = Try::home();
    my $text = Try::read_file($file);
    $text =~ s/\@HOME\@/$home->{dir}/g;
    Specimen::place($home);
    Specimen::workspace($home, $_) for @Specimen::RUNS;
    my %old = (home => $home, name => $file =~ m{([^/]+)$});
    while ($text =~ /^-- (run|file) (\S+) (.*)$/mg) {
        if ($1 eq 'run') { @{ $old{runs}{$2} }{qw(id exit)} = split / /, $3 }
        else             { Try::write_file("$home->{work}/$2", $Try::JSON->decode($3)) }
    }
    Try::write_file("$home->{dir}/journal.sql", $text);
    system("mkdir -p $home->{state} && '$SQL' run $home->{store} <$home->{dir}/journal.sql") == 0 or die "$file cannot be loaded";
    return \%old;
}

sub perigee {
    my ($old, @args) = @_;
    return Try::run(home => $old->{home}, args => [@args, '--store', $old->{home}{store}]);
}

# A few words of what a program said, for a failure.
sub brief { my ($ran) = @_; return substr("exit $ran->{exit}: $ran->{err} $ran->{out}", 0, 600) }

sub records_of {
    my ($old, $id) = @_;
    my $ran = perigee($old, 'runs', 'export', $id, '--format', 'jsonl');
    return $ran->{exit} != 0 ? () : map { $Try::JSON->decode($_) } grep { /^\{"run":[^{]*"seq":\d/ } split /\n/, $ran->{out};
}

# -- what must hold of each journal before anything goes on ----------------------------------------

my %STATUS = (0 => 'ok', 38 => 'interrupted', 39 => 'script', 40 => 'waiting');

sub wrong_to_read {
    my ($old) = @_;
    my @wrong;
    my $list = perigee($old, 'runs', 'list', '--json');
    return 'list: ' . brief($list) if $list->{exit} != 0;
    my %status = map { $_->{run} => $_->{status} } @{ $Try::JSON->decode($list->{out})->{runs} };
    for my $name (sort keys %{ $old->{runs} }) {
        my ($id, $exit) = @{ $old->{runs}{$name} }{qw(id exit)};
        push @wrong, "$name is " . ($status{$id} // 'not there') if ($status{$id} // '') ne $STATUS{$exit};
        for my $verb ([qw(show)], [qw(export --format html)], [qw(export --format jsonl)]) {
            my $ran = perigee($old, 'runs', $verb->[0], $id, @$verb[1 .. $#$verb]);
            push @wrong, "@$verb $name: " . brief($ran) if $ran->{exit} != 0 || $ran->{err} ne '' || $ran->{out} !~ /The task of $name/ || $verb->[0] eq 'show' && $ran->{out} =~ /\bnil\b/;
        }
        push @wrong, "$name: " . Crash::doubled([records_of($old, $id)]) if Crash::doubled([records_of($old, $id)]);
    }
    return join "\n", @wrong;
}

# -- and of each run that goes on ------------------------------------------------------------------

# What carries it on, or what makes another of it.
sub onward {
    my ($old, $run) = @_;
    my ($id, $exit) = @{ $old->{runs}{ $run->{name} } }{qw(id exit)};
    return perigee($old, 'runs', 'resume', $id, '--json') if $exit != 40;
    my $list = perigee($old, 'runs', 'list', '--waiting', '--json');
    my ($row) = grep { $_->{run} eq $id } @{ $Try::JSON->decode($list->{out})->{runs} };
    my ($open) = @{ $row->{waiting} || [] } or return { %$list, exit => -1 };
    my ($verb, @words) = @{ $run->{say} };
    return perigee($old, 'runs', $verb, "$open->{run}:$open->{seq}", @words, '--json');
}

sub wrong_of_run {
    my ($old, $run) = @_;
    my $id  = $old->{runs}{ $run->{name} }{id};
    my $ran = onward($old, $run);
    return brief($ran) if $ran->{exit} != 0;
    my @wrong;
    push @wrong, 'it says ' . brief($ran) if $ran->{out} !~ /\Q$run->{text}\E/;
    my @records = records_of($old, $id);
    push @wrong, grep { $_ } Crash::doubled(\@records);
    my $unknown = keys %{ Crash::unknown(\@records) };
    push @wrong, "$unknown calls have an unknown outcome" if $unknown != ($run->{unknown} // 0);
    for my $word (sort keys %{ $run->{marks} }) {
        my $count = Try::read_file("$old->{home}{work}/$run->{name}/marks/$word") || 0;
        push @wrong, "$word was marked $count times" if $count != $run->{marks}{$word};
    }
    push @wrong, 'the end is not there' if !@records || !grep { $_->{run} eq $id && $_->{kind} eq 'run.finished' } @records;
    return join "\n", @wrong;
}

# Killed while it is brought up to date, it is the old one; the next to open it does it.
sub wrong_when_killed {
    my ($file) = @_;
    my $old = laid_out($file);
    my $before = `'$SQL' dump $old->{home}{store}`;
    my $ran = Try::run(home => $old->{home}, env => { PERIGEE_FAULT => 'store.migrate:1!' },
        args => ['runs', 'list', '--store', $old->{home}{store}]);
    return 'it was not killed: ' . brief($ran) if $ran->{exit} != 137;
    return 'it is another now' if `'$SQL' dump $old->{home}{store}` ne $before;
    return wrong_to_read($old);
}

SKIP: {
    skip 'a release build holds no faults', 1 if ($ENV{MODE} // 'release') eq 'release';
    is(wrong_when_killed("$FindBin::Bin/first.sql"), '', 'first.sql: killed while it is brought up to date it is as it was');
}

for my $file (sort glob "$FindBin::Bin/*.sql") {
    my $old = laid_out($file);
    my $lacks = $LACKS{ $old->{name} } || {};
    is(wrong_to_read($old), '', "$old->{name}: each run is listed, shown and exported");
    like(`'$SQL' dump $old->{home}{store}`, qr/^PRAGMA user_version=2;$/m, "$old->{name}: it was brought up to date");
    for my $run (@Specimen::RUNS) {
        my ($id, $exit) = @{ $old->{runs}{ $run->{name} } }{qw(id exit)};
        my @before = records_of($old, $id);
        if ($exit == 0) {
            my $ran = perigee($old, 'runs', 'resume', $id);
            ok($ran->{exit} != 0 && $ran->{err} =~ /has ended well.*--from STEP.*fork/, "$old->{name}: $run->{name} has ended, which is said") or diag(brief($ran));
            my $fork = perigee($old, 'runs', 'fork', $id, '--at', 2, '--no-run');
            is($fork->{exit}, 0, "$old->{name}: of $run->{name} another run can be made") or diag(brief($fork));
        }
        elsif ($lacks->{places} && $run->{who} =~ /\.lua$/) {
            my $ran = perigee($old, 'runs', 'resume', $id);
            ok($ran->{exit} != 0 && $ran->{err} =~ /earlier version.*perigee run \S+, with the same task, begins it again.*perigee runs show $id/s,
                "$old->{name}: $run->{name} cannot go on, and says why and what to do") or diag(brief($ran));
            is_deeply([records_of($old, $id)], \@before, "$old->{name}: what $run->{name} came to is as it was");
        }
        else {
            is(wrong_of_run($old, $run), '', "$old->{name}: $run->{name} goes on, with nothing done twice");
        }
    }
}

my $newer = laid_out("$FindBin::Bin/format_2.sql");
system(qq{echo "UPDATE records SET body=replace(body, '\\"format\\":2', '\\"format\\":3')" | '$SQL' run $newer->{home}{store}}) == 0 or die 'update';
for my $name (qw(interrupted chain)) {
    my $ran = perigee($newer, 'runs', 'resume', $newer->{runs}{$name}{id});
    ok($ran->{exit} == 35 && $ran->{err} =~ /newer perigee.*format 3.*go on with that one/, "a run of a newer form of records is left to the newer program: $name")
        or diag(brief($ran));
}
my $waits = onward($newer, (grep { $_->{name} eq 'question' } @Specimen::RUNS)[0]);
ok($waits->{exit} == 35 && $waits->{err} =~ /newer perigee/, 'so is one that waits for an answer') or diag(brief($waits));
is(wrong_to_read($newer), '', 'it is shown as far as it is understood');

done_testing();
