#!/usr/bin/perl
# runs_prune.t -- perigee runs list and prune: what a run cost, whether it still goes on, and which old
# ones may be removed: never one that is carried or that waits, and never a child without its parent.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

plan skip_all => 'sqlite3 is not installed' if system('command -v sqlite3 >/dev/null') != 0;

my $home = Try::home();
my $DAY  = 86400000;

Try::write_file("$home->{dir}/scenario.lua", <<'LUA');
local rehearse = require "lib.rehearse"
local says = { { { expect = rehearse.anything("the journal is the test"), text = "A draft." } } }
return { agents = { ["draft-agent"] = says } }
LUA

sub chain_file {
    my ($name, $body) = @_;
    Try::write_file("$home->{dir}/$name.lua", "local schema = require \"lib.schema\"\n"
        . "return { params = schema.object {}, run = function(run)\n$body\nend } -- $name");
    return "$home->{dir}/$name.lua";
}

sub words { return (home => $home, args => ['run', '--json', '--store', $home->{store}, '--project', "$FindBin::Bin/team",
    '--model', "rehearsal:$home->{dir}/scenario.lua", '--workspace', $home->{work}, @_]) }

sub runs { return Try::run(home => $home, args => ['runs', @_, '--store', $home->{store}]) }

sub listed { return @{ $Try::JSON->decode(runs('list', '--json', '--children', '--most', '100', @_)->{out})->{runs} } }

sub sql {
    my ($text) = @_;
    open my $pipe, '-|', 'sqlite3', $home->{store}, $text or die "sqlite3: $!";
    local $/;
    return scalar(<$pipe>) // '';
}

# Makes a run and its children that much older.
sub age {
    my ($run, $days) = @_;
    my $ms = $days * $DAY;
    my $of = "run = '$run' OR run IN (SELECT run FROM runs WHERE parent = '$run')";
    sql("UPDATE records SET time = time - $ms WHERE $of; UPDATE runs SET started = started - $ms, ended = CASE ended WHEN 0 THEN 0 ELSE ended - $ms END WHERE $of");
}

my $ask    = chain_file('asks', 'return run.ask("draft-agent", "write")');
my $second = chain_file('second', 'return "done"');
my $old    = $Try::JSON->decode(Try::run(words($ask))->{out})->{run};
my $mixed  = $Try::JSON->decode(Try::run(words($ask))->{out})->{run};
my $waits  = $Try::JSON->decode(Try::run(words($second))->{out})->{run};
my $fresh  = $Try::JSON->decode(Try::run(words($second))->{out})->{run};
my $live   = Try::start(words(chain_file('sleeps', 'run.log("here") run.sleep(600000) return "done"')));
ok(Try::until_true(sub { my ($one) = grep { $_->{agent} =~ /sleeps/ } listed(); $one && $one->{records} > 1 }), 'a run goes on');
my ($carried) = map { $_->{run} } grep { $_->{agent} =~ /sleeps/ } listed();

# -- list -------------------------------------------------------------------------------------------

my %row = map { $_->{run} => $_ } listed();
is($row{$carried}{status}, 'running', 'a run whose process lives is running');
is($row{$old}{status}, 'ok', 'one that ended says how');
ok(!defined $row{$old}{usd}, 'a rehearsed run has no price');
my ($child) = map { $_->{run} } grep { $_->{parent} eq $old } values %row;
sql("UPDATE records SET body = json_set(body, '\$.cost_usd', 0.25) WHERE run = '$child' AND kind = 'turn'");
is((grep { $_->{run} eq $old } listed())[0]{usd}, 0.25, 'a run costs what the turns of its children cost');
like(runs('list')->{out}, qr/^\Q$old\E .* ok .*\$0\.2500/m, 'and a person sees it');
like(runs('list')->{out}, qr/^\Q$old\E .* with 1 child$/m, 'with how many runs it began');
unlike(runs('list')->{out}, qr/^\Q$child\E/m, 'which are not in the list');
like(runs('list', '--waiting')->{err}, qr/no run waits/, 'nobody waits yet');
sql("UPDATE runs SET status = 'waiting' WHERE run = '$waits'");
is_deeply([map { $_->{run} } @{ $Try::JSON->decode(runs('list', '--json', '--waiting')->{out})->{runs} }], [$waits], '--waiting shows what waits');

# -- prune ------------------------------------------------------------------------------------------

age($_, 40) for $old, $mixed, $waits, $carried;
my ($young) = map { $_->{run} } grep { $_->{parent} eq $mixed } values %row;
sql("UPDATE records SET time = time + 35 * $DAY WHERE run = '$young'");
is(runs('prune')->{exit}, 2, 'without an age nothing is pruned');
is(runs('prune', '--older', 'soon')->{exit}, 2, 'nor with one that is no length of time');
my $before = sql('SELECT count(*) FROM records');
like(runs('prune', '--older', '30d', '--dry-run')->{out}, qr/would remove 2 runs with \d+ records/, 'a dry run says what it would do');
is(sql('SELECT count(*) FROM records'), $before, 'and does not do it');
my $freed = runs('prune', '--older', '30d');
like($freed->{out}, qr/^removed 2 runs with \d+ records, and 0 texts/, 'an old run goes with its child') or diag($freed->{err});
my %left = map { $_->{run} => 1 } listed();
ok(!$left{$old} && !$left{$child}, 'both are gone');
ok($left{$carried}, 'a run whose process lives stays, however old');
ok($left{$waits}, 'a run that waits stays');
ok($left{$mixed} && $left{$young}, 'a run stays with its child that is younger');
ok($left{$fresh}, 'a young run stays');
is(sql("SELECT count(*) FROM records WHERE run IN ('$old', '$child')"), "0\n", 'no record of the old one is left');

# -- an owner that dies -----------------------------------------------------------------------------

kill 'KILL', $live->{pid};
Try::finish($live);
is((grep { $_->{run} eq $carried } listed())[0]{status}, 'interrupted', 'a run whose process was killed is said to be interrupted');
like(runs('list')->{out}, qr/^\Q$carried\E .* interrupted /m, 'to people too');
my $texts = sql('SELECT count(*) FROM texts');
my $size  = -s $home->{store};
my $gone  = $Try::JSON->decode(runs('prune', '--older', '30d', '--json')->{out});
is($gone->{runs}, 1, 'and can be pruned once it is old');
cmp_ok($gone->{texts}, '>=', 1, 'with the texts that nobody else refers to');
is(sql('SELECT count(*) FROM texts'), $texts - $gone->{texts} . "\n", 'and only those');
is(sql("SELECT count(*) FROM texts WHERE CAST(text AS TEXT) LIKE '%-- sleeps'"), "0\n", 'its own chain is gone');
is(sql("SELECT count(*) FROM texts WHERE CAST(text AS TEXT) LIKE '%-- asks'"), "1\n", 'that of a run that stays is not');
is(sql("SELECT count(*) FROM texts WHERE CAST(text AS TEXT) LIKE '---%name: draft-agent%'"), "1\n", 'nor is the definition of an agent that took part in it');
cmp_ok(-s $home->{store}, '<=', $size, 'the file did not grow') if $gone->{smaller};
is(runs('export', $mixed, '--format', 'jsonl')->{exit}, 0, 'what is left can be exported');
is(Try::run(words($second))->{exit}, 0, 'and the store goes on');
is($Try::JSON->decode(runs('prune', '--older', '30d', '--json')->{out})->{runs}, 0, 'a second prune finds nothing');

done_testing();
