#!/usr/bin/perl
# resume_on_bad_disks.t -- the journal cannot be written at some append, or says so of one that it wrote,
# or the disk is full: the run ends with a status, an exit code and a message, and once there is room
# it goes on as if nothing had been.
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

# What is wrong with a run that met a bad disk in its first process, in words; `exit` is the code.
sub wrong_with {
    my ($ran) = @_;
    return Crash::differs($plain, $ran) || ($ran->{first} =~ /journal|No space|full|injected/ ? '' : "it said only: $ran->{first}");
}

SKIP: {
    skip 'a release build holds no faults', 3 if ($ENV{MODE} // 'release') eq 'release';
    for my $seam (qw(store.append store.commit store.committed)) {
        my ($k, $met, @wrong) = (1, 0);
        while ($k < 300) {
            my $ran = Crash::disturbed(faults => ["$seam:$k"]);
            last if $ran->{ends}[0] == 40; # there is no such pass
            $met++;
            my $why = $ran->{ends}[0] == 38 ? wrong_with($ran) : "it ended with $ran->{ends}[0]";
            push @wrong, "$seam:$k (@{ $ran->{ends} }): $why" if $why;
            $k += $long ? 1 : 19;
        }
        ok(!@wrong && $met, "where $seam fails the run ends as io, and goes on later") or diag(join "\n", @wrong);
        note("$met times");
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
        my $why = $ran->{ends}[0] == 38 ? wrong_with($ran) : "it ended with $ran->{ends}[0]: $ran->{first}";
        push @wrong, "$room KB (@{ $ran->{ends} }): $why" if $why;
    }
    ok(!@wrong && $met, 'on a full disk the run ends as io, and goes on once there is room') or diag(join "\n", @wrong);
    note("$met times");
}

done_testing();
