#!/usr/bin/perl
# resume_at_random.t -- the program is killed, or interrupted, at random instants while it is at work, up to
# four times in a row, and goes on as if nothing had been (resume.t says what that means). An instant is
# some time after one of the events that a run tells, so that nearly each lies between the first record of
# a process and the last. `make faults` asks for hundreds (PERIGEE_LONG); SEED chooses others.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Crash;
use Try;

my $long = $ENV{PERIGEE_LONG};
my $seed = $ENV{SEED} // 1;
srand($seed);

my $plain = Crash::undisturbed();
is(Crash::differs($plain, $plain), '', 'a run that nobody disturbs ends well')
    or BAIL_OUT('there is nothing to compare with');

# How many events its processes tell, up to where each waits for a person: measured, not known.
my $told = Crash::disturbed(strikes => [map { { after => 0, wait => 0, signal => 'KILL' } } 1 .. 4]);
my @EVENTS = map { $_->{told} // () } @{ $told->{processes} };
is(Crash::differs($plain, $told), '', 'nor does one that tells its events');

# A signal at an instant of the process that comes after those: of what there is to tell up to the next wait
# for a person a killed one has told some already.
sub strike {
    my ($signal, @before) = @_;
    my ($stage, $left) = (0, $EVENTS[0]);
    for my $ran (@before) {
        if ($ran->{exit} == 40) { $left = $EVENTS[++$stage] // 1 }
        else                    { $left -= $ran->{told} }
    }
    return { after => 1 + int(rand($left > 4 ? $left - 3 : 1)), wait => rand(0.002), signal => $signal };
}

sub all_like {
    my ($name, $signal, $runs, $most) = @_;
    my ($struck, $hit, @wrong) = (0, 0);
    for my $number (1 .. $runs) {
        my @strikes;
        my $ran = Crash::disturbed(strikes => [map { sub { push @strikes, strike($signal, @_); $strikes[-1] } } 0 .. $number % $most]);
        $struck += grep { defined $_->{told} } @{ $ran->{processes} };
        $hit    += grep { $_->{hit} } @{ $ran->{processes} };
        my $why = Crash::differs($plain, $ran) or next;
        my $said = join ', ', map { "$_->{after} + $_->{wait} s" } @strikes;
        push @wrong, "seed $seed, run $number: $signal after $said (@{ $ran->{ends} }): $why";
    }
    ok(!@wrong, $name) or diag(join "\n", @wrong);
    cmp_ok($hit, '>=', $struck / 2, "$name: most of them while it was at work");
    note("$runs runs, $struck signals, $hit between the first record of a process and the last");
}

all_like('killed at random instants', 'KILL', $long ? 160 : 3, 4);
all_like('interrupted at random instants', 'INT', $long ? 40 : 2, 2);

done_testing();
