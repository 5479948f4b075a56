#!/usr/bin/perl
# resume_shipped.t -- the chains that ship, played by the scenarios that ship, killed at several points:
# each goes on to the end that it has undisturbed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Crash;
use Try;

plan skip_all => 'no sandbox here, so these chains cannot run' if Try::run(home => Try::home(), args => ['doctor'])->{exit} != 0;

# Chain, task, options, files.
my @CHAINS = (
    ['backend_guild', 'Write greet.sh, which greets the name that a stranger gives it.', [], {}],
    ['fix_and_review', 'sum.sh adds up only the first two lines. It should add all of them.', [],
        { 'sum.sh' => qq(head -n 2 "\$1" | awk '{ n += \$1 } END { print n }'\n) }],
    ['map_reduce', 'Who owes how much?', ['--set', 'files=notes/*.txt', '--set', 'at_once=2'],
        { map { ("notes/$_.txt" => $_ == 4 ? "???\n" : "owes $_\n") } 1 .. 6 }],
);

# Plays a chain; killed after so many records where that is given. Then it goes on.
sub play {
    my ($chain, $after) = @_;
    my ($name, $task, $options, $files) = @$chain;
    my $home = Try::home();
    Try::write_file("$home->{work}/$_", $files->{$_}) for keys %$files;
    my $live = Try::start(home => $home, args => ['run', '--events', '--store', $home->{store}, '--workspace', $home->{work},
        '--project', $Try::ROOT, '--model', "rehearsal:$name", @$options, "$Try::ROOT/lua/chains/$name.lua", $task]);
    if ($after) {
        Try::until_true(sub { (() = Try::read_file($live->{out}) =~ /"seq":\d/g) >= $after || Try::ended($live) });
        kill 'KILL', $live->{pid};
    }
    my $ran = Try::finish($live);
    my $killed = $ran->{signal} == 9;
    $ran = Try::run(home => $home, args => ['runs', 'resume', 'last', '--json', '--store', $home->{store}]) if $killed;
    my @records = Crash::records($home);
    my ($end) = grep { $_->{kind} eq 'run.finished' && $_->{run} eq $records[0]{run} } reverse @records;
    return { ran => $ran, killed => $killed, records => \@records, files => Crash::files($home->{work}),
        end => $end && $end->{body},
        unknown => scalar(grep { $_->{kind} eq 'result' && ($_->{body}{code} // '') eq 'unknown' } @records) };
}

# What of a run that was killed is not as it should be. Where a command was under way then, nobody knows
# what it did, and the scenario does not know what to say to that.
sub wrong_with {
    my ($plain, $ran) = @_;
    my $doubled = Crash::doubled($ran->{records});
    return $doubled if $doubled || $ran->{unknown};
    return "no end; exit code $ran->{ran}{exit}: $ran->{ran}{err}" if !$ran->{end};
    delete $_->{end}{spent}{written} for $plain, $ran; # blocks of the disk, not what a command meant to write
    my ($want, $got) = map { $Try::JSON->encode([$_->{end}{status}, $_->{end}{result}, $_->{end}{spent}, $_->{files}]) } $plain, $ran;
    s/visit \d/visit/g for $want, $got; # agents side by side come in any order
    return $want eq $got ? '' : "$got, not $want; $ran->{ran}{err}";
}

for my $chain (@CHAINS) {
    my $name  = $chain->[0];
    my $plain = play($chain);
    is($plain->{end}{status}, 'ok', "$name: ends well where nobody disturbs it") or diag($plain->{ran}{err});
    my ($alike, @wrong) = (0);
    for my $part (1 .. 6) {
        my $after = int(@{ $plain->{records} } * $part / 7);
        my $ran = play($chain, $after);
        my $why = wrong_with($plain, $ran);
        push @wrong, "after $after: $why" if $why;
        $alike++ if $ran->{killed} && !$ran->{unknown};
    }
    ok(!@wrong, "$name: killed at any part of it, it goes on to the same end, nothing twice") or diag(join "\n", @wrong);
    cmp_ok($alike, '>', 0, "$name: also where nothing is unknown");
}

done_testing();
