#!/usr/bin/perl
# relations_corpus.t -- real definitions, read where they lie: the edges that the program finds in
# fourteen of them beside those that a person found (relations_corpus.tsv), by kind; and what is said
# of the whole family.
use strict;
use warnings;
use File::Copy qw(copy);
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

my $CORPUS = ($ENV{PERIGEE_SHARED} || '') . '/corpus';
plan skip_all => 'the corpus is elsewhere: PERIGEE_SHARED is not set' if !$ENV{PERIGEE_SHARED} || !-d "$CORPUS/guardians";

my $home = Try::home();

sub base { return ($_[0] =~ m{([^/]+)$})[0] }

sub slurp_rows {
    my @rows;
    for my $line (split /\n/, Try::read_file("$FindBin::Bin/relations_corpus.tsv")) {
        next if $line =~ /^#/;
        my %row;
        @row{qw(file line kind target resolved to)} = map { $_ eq '-' ? '' : $_ } split /\t/, $line;
        push @rows, \%row;
    }
    return @rows;
}

sub graph_of {
    my ($folder) = @_;
    my $ran = Try::run(home => $home, args => ['agents', 'graph', $folder, '--format', 'json']);
    is($ran->{exit}, 0, 'the graph can be drawn') or diag($ran->{err});
    return $Try::JSON->decode($ran->{out});
}

# Two catalogs: the family as it was, and the same with members of other days in place of their namesakes.
my %files = map { $_ => 1 } split /\n/, `find $CORPUS/guardians -name '*.md'`;
my @drift = do { my %seen; grep { /^guardians-drift\// && !$seen{$_}++ } map { $_->{file} } slurp_rows() };
my $mixed = "$home->{dir}/mixed";
mkdir $mixed;
for my $file (sort keys %files) {
    my $name = base($file);
    copy($file, "$mixed/$name") if !grep { /-\Q$name\E$/ } @drift;
}
for my $file (@drift) { copy("$CORPUS/$file", "$mixed/" . base($file)) }

my %found;
for my $graph (['guardians', graph_of("$CORPUS/guardians")], ['guardians-drift', graph_of($mixed)]) {
    for my $edge (@{ $graph->[1]{edges} }) {
        my $name = base($edge->{file});
        my $key = join "\t", $edge->{line}, $edge->{kind}, $edge->{target}, $edge->{resolved}, $edge->{to} // '';
        $found{"$graph->[0]/$name"}{$key} = $edge;
    }
}

# Precision and recall by kind, and each difference.
my (%right, %given, %wanted, @differ, %seen);
for my $row (slurp_rows()) {
    my $key = join "\t", @$row{qw(line kind target resolved to)};
    $seen{ $row->{file} }{$key} = 1;
    $wanted{ $row->{kind} }++;
    if ($found{ $row->{file} }{$key}) { $right{ $row->{kind} }++ }
    else                              { push @differ, "not found: $row->{file}\t$key" }
}
for my $file (sort keys %seen) {
    for my $key (sort keys %{ $found{$file} || {} }) {
        $given{ $found{$file}{$key}{kind} }++;
        push @differ, "invented: $file\t$key" if !$seen{$file}{$key};
    }
}
for my $kind (qw(next escalate primary conditional trigger input diagram collaborate)) {
    my $precision = ($right{$kind} || 0) / ($given{$kind}  || 1);
    my $recall    = ($right{$kind} || 0) / ($wanted{$kind} || 1);
    ok($precision == 1 && $recall == 1, "$kind edges: all that are there, and no others")
        or diag(sprintf '  precision %.3f, recall %.3f', $precision, $recall);
    note(sprintf '%-12s %3d expected, %3d found, precision %.3f, recall %.3f',
        $kind, $wanted{$kind} || 0, $given{$kind} || 0, $precision, $recall);
}
diag(map { "  $_\n" } @differ) if @differ;

# An edge keeps words that stand on its own line, or on the way to it.
my $astray = 0;
for my $file (keys %seen) {
    my ($path) = grep { base($_) eq base($file) } $file =~ m{^guardians/} ? sort keys %files : map { "$CORPUS/$_" } @drift;
    my @lines = split /\n/, Try::read_file($path);
    for my $edge (values %{ $found{$file} || {} }) {
        my $line = $lines[ $edge->{line} - 1 ];
        my $text = $edge->{text};
        utf8::encode($text);
        my ($begin) = $edge->{kind} eq 'diagram' ? '' : $text =~ /^(.{0,20})/s;
        (my $plain = $line) =~ s/\*\*|`//g;
        $astray++ if index($plain, $edge->{target}) < 0 || index($plain, $begin) < 0;
    }
}
is($astray, 0, 'each edge stands on the line that it names');

# -- the whole family -------------------------------------------------------------------------------

my $check = Try::run(home => $home, args => ['agents', 'check', "$CORPUS/guardians", '--json']);
my $said  = $Try::JSON->decode($check->{out});
is($check->{exit}, 0, 'nothing in the family is an error');
is(scalar @{ $said->{agents} }, 47, 'all are agents');
my %rules;
$rules{ $_->{rule} }++ for @{ $said->{diagnostics} };
ok($rules{$_}, "something is said by the rule $_") for qw(dangling cut-short one-sided contradiction circle);
cmp_ok($rules{circle}, '<', 10, 'circles are told as groups');
my ($renumbered) = grep { $_->{rule} eq 'dangling' && $_->{message} =~ /`061-development-frontend-director-guardian`/ } @{ $said->{diagnostics} };
like($renumbered->{message}, qr/nearest is `064-development-frontend-director-guardian`/, 'a name with the number of another agent proposes the one that was meant');
is(Try::run(home => $home, args => ['agents', 'check', "$CORPUS/guardians", '--strict'])->{exit}, 1, '--strict makes warnings fail');

done_testing();
