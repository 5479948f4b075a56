#!/usr/bin/perl
# resume.t -- the program is killed at each append to the journal, before and after the commit, in the
# first process, in the next ones, again and again; and it goes on: each recorded step is there once,
# each effect happened once or its result says that nobody knows, the end is that of a run that nobody
# disturbed. A build without faults is killed after each number of events instead. What `make faults`
# asks for (PERIGEE_LONG) is all of it; without, a few of each kind.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Time::HiRes qw(sleep);
use Crash;
use Try;

my $long  = $ENV{PERIGEE_LONG};
my $seams = ($ENV{MODE} // 'release') ne 'release';
srand($ENV{SEED} // 1);

my $plain = Crash::undisturbed();
is(Crash::differs($plain, $plain), '', 'a run that nobody disturbs ends well')
    or BAIL_OUT('there is nothing to compare with');

# Many disturbed runs under one name.
sub all_like {
    my ($name, @runs) = @_;
    my ($count, $disturbed, @wrong) = (0, 0);
    for my $run (@runs) {
        my ($said, $ran) = $run->() or last;
        $count++;
        $disturbed++ if grep { $_ == 137 || $_ == 130 } @{ $ran->{ends} };
        my $why = Crash::differs($plain, $ran);
        push @wrong, "$said (@{ $ran->{ends} }): $why" if $why;
    }
    my $met = $disturbed || $name =~ /random/; # a random instant may lie behind the end of a run
    ok(!@wrong && $met, $name) or diag(join "\n", @wrong ? @wrong : 'it never happened');
    note("$disturbed of $count");
}

# Killed at the k-th pass through a seam, in the process of that number, for each k that there is.
sub at_each {
    my ($seam, $process, $step) = @_;
    my $k = 1 - $step;
    my $over;
    return map {
        sub {
            return if $over;
            $k += $step;
            my @faults = (undef) x $process;
            my $ran = Crash::disturbed(faults => [@faults, "$seam:$k!"]);
            $over = ($ran->{ends}[$process] // 0) != 137;
            return ("$seam:$k in process $process", $ran);
        }
    } 1 .. 500;
}

# A signal after so many lines of events have come. They come in groups: not each number is met exactly.
sub after_events {
    my ($count, $signal) = @_;
    return sub {
        my $ran = Crash::disturbed(events => 1, kills => [sub {
            my ($live) = @_;
            Try::until_true(sub { (() = Try::read_file($live->{out}) =~ /\n/g) >= $count || Try::ended($live) });
            kill $signal, $live->{pid};
        }]);
        return ("$signal after $count events", $ran);
    };
}

# A signal after a random time, to each of the first processes.
sub at_random {
    my ($signal, $processes) = @_;
    return sub {
        my @when = map { rand($plain->{seconds}) } 1 .. $processes;
        my @kills = map { my $s = $_; sub { sleep $s; kill $signal, $_[0]{pid} } } @when;
        return ("$signal at random @when", Crash::disturbed(kills => \@kills));
    };
}

if ($seams) {
    my $step = $long ? 1 : 17;
    for my $process (0 .. ($long ? 3 : 1)) {
        all_like("killed after a commit of process $process", at_each('store.committed', $process, $step));
        all_like("killed before an append of process $process", at_each('store.append', $process, $step));
    }
    all_like('killed again and again, soon after it went on', map { my $k = $_; sub {
        return ("each before append $k", Crash::disturbed(always => "store.append:$k!")) } } $long ? (6 .. 20) : 11);
}
else {
    all_like('killed after a number of events', map { after_events($_ * 17, 'KILL') } 1 .. 6);
}
all_like('killed at a random instant', map { at_random('KILL', 1 + $_ % 3) } 1 .. ($long ? 300 : 3));
all_like('interrupted after a number of events', map { after_events($_, 'INT') } 5, 25, 60);
all_like('interrupted at a random instant', map { at_random('INT', 1 + $_ % 2) } 1 .. ($long ? 60 : 2));

done_testing();
