#!/usr/bin/perl
# choose_corpus.t -- whom real definitions are found by, for tasks as people write them
# (choose_corpus.tsv). One half was looked at while the ranking was made; the other was measured once.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

my $CORPUS = ($ENV{PERIGEE_SHARED} || '') . '/corpus/guardians';
plan skip_all => 'the corpus is elsewhere: PERIGEE_SHARED is not set' if !$ENV{PERIGEE_SHARED} || !-d $CORPUS;

# Of a hundred: the first agent is right, and one of the first three is.
my %LEAST = (tune => [75, 90], held => [70, 80]);

my $home = Try::home();
my %seen;

for my $line (split /\n/, Try::read_file("$FindBin::Bin/choose_corpus.tsv")) {
    next if $line =~ /^#/;
    my ($half, $task, $wanted) = split /\t/, $line;
    my %right = map { $_ => 1 } split / /, $wanted;
    my $ran = Try::run(home => $home, args => ['route', '--json', '--project', $CORPUS, $task]);
    my $found = $Try::JSON->decode($ran->{out});
    my @order = $found->{to} ? ($found->{to}, map { $_->{to} } @{ $found->{runners_up} }) : ();
    my $first = @order && $right{ $order[0] };
    my $three = grep { $right{$_} } grep { defined } @order[0 .. 2];
    my $of = $seen{$half} //= { count => 0, first => 0, three => 0 };
    $of->{count}++;
    $of->{first}++ if $first;
    $of->{three}++ if $three;
    note(($first ? '+ ' : $three ? '~ ' : '- ') . "$task: @order[0 .. ($#order < 2 ? $#order : 2)]");
}

for my $half (sort keys %LEAST) {
    my $of = $seen{$half};
    my ($one, $three) = map { 100 * $of->{$_} / $of->{count} } qw(first three);
    note(sprintf '%s: %d tasks, %.0f %% at 1, %.0f %% at 3', $half, $of->{count}, $one, $three);
    cmp_ok($of->{count}, '>=', 30, "the table has tasks enough ($half)");
    cmp_ok($one, '>=', $LEAST{$half}[0], "the agent that is chosen is right often enough ($half)");
    cmp_ok($three, '>=', $LEAST{$half}[1], "one of the first three is right often enough ($half)");
}
my $health = $Try::JSON->decode(Try::run(home => $home, args => ['route', '--json', '--project', $CORPUS, 'Add a health check to the server'])->{out});
like($health->{to}, qr/backend-senior/, 'work on a server is for those who build servers');

done_testing();
