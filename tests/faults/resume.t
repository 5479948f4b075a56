#!/usr/bin/perl
# resume.t -- the program is killed at each append to the journal, before and after the commit, in the
# first process, in the next ones, again and again; and it goes on: each recorded step is there once,
# each effect happened once or its result says that nobody knows, the end is that of a run that nobody
# disturbed. A build without faults is killed after some numbers of events instead; any instant is for
# resume_at_random.t. What `make faults` asks for (PERIGEE_LONG) is all of it; without, a few of each kind.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Crash;
use Try;

my $long  = $ENV{PERIGEE_LONG};
my $seams = ($ENV{MODE} // 'release') ne 'release';

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
    ok(!@wrong && $disturbed, $name) or diag(join "\n", @wrong ? @wrong : 'it never happened');
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

# A signal after so many events.
sub after_events {
    my ($count, $signal) = @_;
    return sub {
        return ("$signal after $count events", Crash::disturbed(strikes => [{ after => $count, wait => 0, signal => $signal }]));
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
all_like('interrupted after a number of events', map { after_events($_, 'INT') } $long ? (map { $_ * 3 } 1 .. 22) : (5, 25, 60));

done_testing();
