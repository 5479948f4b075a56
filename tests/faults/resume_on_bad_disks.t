#!/usr/bin/perl
# resume_on_bad_disks.t -- the journal cannot be written at some append, or says so of one that it wrote;
# the disk does not take a page, or half of it, or refuses to keep what it took, or loses it; or it is full:
# the run ends with a status, an exit code and a message, and once the disk is well it goes on as if
# nothing had been: each step is there once, each effect happened once or is said to be unknown.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Crash;
use Try;

# A disk of its own needs a mount namespace, which root can have.
if (!$ENV{OWN_MOUNTS} && $> == 0 && system('unshare -m true 2>/dev/null') == 0) {
    exec 'env', 'OWN_MOUNTS=1', 'unshare', '-m', $^X, $0 or die "unshare: $!";
}

my $long  = $ENV{PERIGEE_LONG};
my $plain = Crash::undisturbed();
is($plain->{last}{exit}, 0, 'a run on a good disk ends well') or BAIL_OUT('there is nothing to compare with');

# Where the k-th pass through a seam fails in the process of that number; undef: there is no such pass.
sub failing {
    my ($seam, $process, $k) = @_;
    my $ran = Crash::disturbed(faults => [(undef) x $process, "$seam:$k"]);
    my $met = $ran->{processes}[$process];
    return if $met->{err} !~ /fault: \Q$seam\E:$k fails/;
    my $why = Crash::differs($plain, $ran);
    $why ||= "it ended with $met->{exit}" if $met->{exit} != 38 && !ended_before($met);
    $why ||= "it said only: $met->{out} $met->{err}" if $met->{exit} == 38 && "$met->{out}$met->{err}" !~ /journal|No space|full|injected|disk/;
    return $why ? "$seam:$k in process $process (@{ $ran->{ends} }): $why" : '';
}

# The log is emptied when all is written and answered: what fails then costs nobody anything.
sub ended_before { my ($ran) = @_; return $ran->{err} =~ /: checkpoint: / && ($ran->{exit} == 0 || $ran->{exit} == 40) }

my %OFTEN = map { $_ => 1 } qw(store.commit store.write); # passed hundreds of times

# Each pass, or every so many; of a seam that is passed often the later ones ever more rarely.
sub at_each {
    my ($seam, $process, $step) = @_;
    my ($met, @wrong) = (0);
    for (my $k = 1; $k < 5000; $k += $step + ($OFTEN{$seam} ? int($k / ($long ? 12 : 2)) : 0)) {
        my $why = failing($seam, $process, $k) // last;
        $met++;
        push @wrong, $why if $why;
    }
    ok(!@wrong && $met, "where $seam fails in process $process the run ends as io, and goes on later") or diag(join "\n", @wrong);
    note("$met times");
}

SKIP: {
    skip 'a release build holds no faults', 1 if ($ENV{MODE} // 'release') eq 'release';
    for my $seam (qw(store.append store.commit store.committed store.write store.fsync store.lost)) {
        at_each($seam, 0, $long ? 1 : $seam =~ /fsync|lost/ ? 5 : 19);
    }
    for my $seam ($long ? qw(store.append store.committed store.write store.fsync store.lost) : 'store.fsync') {
        at_each($seam, 1, $long ? 1 : 3); # with a branch that only waits
    }
}

SKIP: {
    skip 'only root can mount a small disk here', 1 if !$ENV{OWN_MOUNTS};
    my ($met, @wrong) = (0);
    for my $room (map { $_ * ($long ? 24 : 120) } 1 .. ($long ? 60 : 12)) {
        my $ran = Crash::disturbed(before => sub {
            my ($home, $number) = @_;
            return unlink "$home->{state}/ballast" if $number > 0;
            system('mount', '-t', 'tmpfs', '-o', 'size=8m', 'none', $home->{state}) == 0 or die 'mount';
            system('dd', 'if=/dev/zero', "of=$home->{state}/ballast", 'bs=1024', 'count=' . (8192 - $room), 'status=none');
        });
        system('umount', $ran->{home}{state});
        next if $ran->{ends}[0] == 40; # there was room enough
        $met++;
        my $why = $ran->{ends}[0] == 38 ? Crash::differs($plain, $ran) : "it ended with $ran->{ends}[0]: $ran->{first}";
        $why ||= "it said only: $ran->{first}" if $ran->{first} !~ /No space|full/;
        push @wrong, "$room KB (@{ $ran->{ends} }): $why" if $why;
    }
    ok(!@wrong && $met, 'on a full disk the run ends as io, and goes on once there is room') or diag(join "\n", @wrong);
    note("$met times");
}

done_testing();
