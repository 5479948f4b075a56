#!/usr/bin/perl
# shared_limits.t -- several who meet one limit at the same time ask once, and whoever goes on finds what was said; what
# was written for calls that were cancelled counts.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

plan skip_all => 'sqlite3 is not installed' if system('command -v sqlite3 >/dev/null') != 0;

my $home;

sub sql {
    my ($text) = @_;
    open my $pipe, '-|', 'sqlite3', $home->{store}, $text or die "sqlite3: $!";
    local $/;
    return scalar(<$pipe>) // '';
}

sub home {
    my ($config, $chain) = @_;
    $home = Try::home();
    Try::write_file("$home->{config}/perigee/config.yaml", $config);
    chmod 0700, $home->{config}, "$home->{config}/perigee";
    Try::write_file("$home->{work}/a.txt", "a\n");
    Try::write_file("$home->{work}/agents/one-agent.md", "---\nname: one-agent\ndescription: Works.\ntools: [read]\n---\nYou work.\n");
    Try::write_file("$home->{dir}/chain.lua", "return { run = function(run)\nlocal function read() return run.tool(\"read\", { path = \"a.txt\" }) end\n$chain\nend }\n");
    Try::write_file("$home->{dir}/scenario.lua", "local rehearse = require \"lib.rehearse\"\nlocal any = rehearse.anything(\"the limit is the test\")\nlocal one = { { expect = any, text = \"Done.\" } }\nreturn { agents = { [\"one-agent\"] = { one, one, one, one } } }\n");
}

sub ended {
    my ($ran) = @_;
    my ($last) = map { eval { $Try::JSON->decode($_) } || {} } (split /\n/, $ran->{out})[-1];
    $ran->{value} = $last->{value};
    return $ran;
}

sub args  { return ['run', '--project', $home->{work}, '--store', $home->{store}, '--model', "rehearsal:$home->{dir}/scenario.lua", @_, "$home->{dir}/chain.lua", ''] }
sub chain { return ended(Try::run(home => $home, args => args('--json', @_))) }
sub tty   { my ($pairs, @more) = @_; return Try::run(home => $home, program => $Try::TERMINAL, args => [@$pairs, '--', $Try::PROGRAM, @{ args(@more) }]) }
sub runs  { return ended(Try::run(home => $home, args => ['runs', @_, '--json', '--store', $home->{store}])) }
sub count { my ($kind) = @_; return 0 + sql("SELECT count(*) FROM records WHERE kind = '$kind'") }

sub open_ones { return map { @{ $_->{waiting} } } @{ $Try::JSON->decode(Try::run(home => $home, args => ['runs', 'list', '--waiting', '--json', '--store', $home->{store}])->{out})->{runs} } }

# -- one question -----------------------------------------------------------------------------------

# Three calls beside each other when three were made, of which one each may be made.
my $SIX = 'for _ = 1, 3 do read() end local got, err = run.all { a = read, b = read, c = read } return { said = got and "all" or err.code }';
my @THREE = ('--limit', 'calls=3');

home("budget: { on_reached: park }\n", $SIX);
my $ran = chain(@THREE);
is($ran->{exit}, 40, 'several who meet a limit wait for a person') or diag($ran->{err}, $ran->{out});
my @open = open_ones();
is_deeply([map { (split /\n/, $_->{text})[0] } @open], ['the limit of 3 calls is reached; --limit calls=N gives more.'], 'of whom one is asked, for all');
is_deeply($open[0]{choices}, ['give 3 calls more', 'end'], 'as much again can be given');
is(runs('resume', 'last')->{exit}, 40, 'whoever goes on');
is(count('question'), 1, 'asks no second time');
$ran = runs('answer', 'last', 'give 3 calls more');
is_deeply($ran->{value}, { said => 'all' }, 'and one answer serves them all') or diag($ran->{err}, $ran->{out});
is(count('question'), 1, 'nobody is asked again');

home("budget: { on_reached: park }\n", $SIX);
chain(@THREE);
$ran = runs('answer', 'last', 'end');
is_deeply($ran->{value}, { said => 'limit' }, 'an end is the end for all') or diag($ran->{err}, $ran->{out});
is(count('question'), 1, 'of whom one was asked');

home("{}\n", $SIX);
$ran = tty(["(default): ", "1\n"], @THREE);
is($ran->{exit}, 0, 'at a terminal') or diag($ran->{out}, $ran->{err});
is(count('question'), 1, 'one is asked for all, too');

# Children of one run, each of which needs a turn: the limit is their parent's, and so is the question.
home("budget: { on_reached: park }\n", 'local function ask() return run.ask("one-agent", "Go.") end ask() local got, err = run.all { a = ask, b = ask } return { said = got and "all" or err.code }');
chain('--limit', 'turns=1');
@open = open_ones();
is(scalar(@open), 1, 'children that meet a limit of their parent ask once');
is($open[0]{run}, sql("SELECT run FROM runs WHERE parent = ''") =~ s/\n//r, 'in the run whose limit it is');
$ran = runs('answer', 'last', 'give 1 turn more');
is($ran->{exit}, 40, 'where that is not enough for both they ask once more') or diag($ran->{err}, $ran->{out});
is(scalar(open_ones()), 1, 'again one for all');
$ran = runs('answer', 'last', 'give 2 turns more');
is_deeply($ran->{value}, { said => 'all' }, 'until there is enough') or diag($ran->{err}, $ran->{out});

# A child's own slice is its own limit, and what is given is given to it.
home("budget: { on_reached: park }\n", 'local said, err = run.ask("one-agent", "Go.", { limits = { turns = 0 } }) return { said = said or err.code, left = run.budget().turns.left }');
chain('--limit', 'turns=5');
@open = open_ones();
isnt($open[0]{run}, sql("SELECT run FROM runs WHERE parent = ''") =~ s/\n//r, 'about the slice of a child the child asks');
$ran = runs('answer', $open[0]{run}, 'give 1 turn more');
is_deeply($ran->{value}, { said => 'Done.', left => 4 }, 'and what its parent has is not more for it') or diag($ran->{err}, $ran->{out});

# Who asked is cancelled before somebody answered: that question is nobody's, and who needs more after that asks anew.
my $LOST = 'for _ = 1, 3 do read() end run.race { a = read, b = function() run.sleep(100) return 1 end }';
home("budget: { on_reached: park }\n", "$LOST return run.question('Really?')");
is(chain(@THREE)->{exit}, 40, 'a branch is cancelled while it asks for more, and then something else is asked');
is_deeply([map { $_->{text} } open_ones()], ['Really?'], 'of which only that waits');
is(runs('answer', 'last', 'yes')->{value}, 'yes', 'and need not be named');

home("budget: { on_reached: park }\n", "$LOST local last, err = read() return { said = last and 'all' or err.code }");
chain(@THREE);
@open = open_ones();
is(scalar(@open), 1, 'the same limit is asked about anew');
is(runs('resume', 'last')->{exit}, 40, 'whoever goes on');
is_deeply([map { $_->{seq} } open_ones()], [$open[0]{seq}], 'asks that question, not the first');
is_deeply(runs('answer', 'last', 'give 3 calls more')->{value}, { said => 'all' }, 'whose answer is heard');

# -- who goes on ------------------------------------------------------------------------------------

my $LATER = 'for _ = 1, 3 do read() end run.all { a = read, b = read } run.question("Go on?") local last, err = read() return { said = last and "all" or err.code }';
home("budget: { on_reached: park }\n", $LATER);
chain(@THREE);
runs('answer', 'last', 'give 3 calls more');
$ran = runs('answer', 'last', 'yes');
is_deeply($ran->{value}, { said => 'all' }, 'what was given holds in the next process, and is no step of the chain') or diag($ran->{err}, $ran->{out});

# As an earlier version left it, which recorded both where somebody was short.
sub as_before { sql("UPDATE records SET body = json_set(body, '\$.at', 'limit.calls/3') WHERE json_extract(body, '\$.at') LIKE 'more.%' AND kind <> 'decision'; UPDATE records SET body = json_remove(body, '\$.at') WHERE kind = 'decision' AND json_extract(body, '\$.what') = 'limit'") }

home("budget: { on_reached: park }\n", $LATER);
chain(@THREE);
as_before();
is(runs('resume', 'last')->{exit}, 40, 'a run that an earlier version parked at a limit');
is(count('question'), 1, 'asks the same question');
runs('answer', 'last', 'give 3 calls more');
is(count('call'), 5, 'whose answer serves it');
as_before();
$ran = runs('answer', 'last', 'yes');
is_deeply($ran->{value}, { said => 'all' }, 'what an earlier version was given holds') or diag($ran->{err}, $ran->{out});
is(count('question'), 2, 'and nobody is asked about it again');

# -- bytes of calls that were cancelled -------------------------------------------------------------

SKIP: {
    skip 'no sandbox on this machine', 3 if Try::run(home => Try::home(), args => ['doctor'])->{exit} != 0;
    home("budget: { written: 1M }\n", <<'LUA');
  run.race {
    writes = function() return run.tool("lasts") end,
    looks = function()
      return run.ask("one-agent", "Look.") -- whose results are not this run's
    end,
  }
  local before = run.budget().written.spent
  run.question("Go on?")
  return { before = before, after = run.budget().written.spent }
LUA
    Try::write_file("$home->{config}/perigee/tools/lasts.lua", <<'LUA');
local schema = require "lib.schema"
return { description = "Writes, and lasts.", input = schema.object {}, effect = "write", timeout = "5m",
  needs = { exec = { "sleep" }, write = { "." } },
  run = function(_, call)
    assert(call.write("b.txt", ("x"):rep(3000)))
    call.exec { "sleep", "200" }
    return "lasted"
  end }
LUA
    Try::write_file("$home->{config}/perigee/tools/looks.lua", <<'LUA');
local schema = require "lib.schema"
return { description = "Looks until it is there.", input = schema.object {}, effect = "read", timeout = "5m",
  needs = { exec = { "sleep" }, read = { "." } },
  run = function(_, call)
    repeat call.exec { "sleep", "0.01" } until call.read("b.txt")
    return "there"
  end }
LUA
    Try::write_file("$home->{work}/agents/one-agent.md", "---\nname: one-agent\ndescription: Works.\ntools: [looks]\n---\nYou work.\n");
    Try::write_file("$home->{dir}/scenario.lua", "local rehearse = require \"lib.rehearse\"\nlocal any = rehearse.anything(\"it looks\")\nreturn { agents = { [\"one-agent\"] = { { { expect = any, calls = { { \"looks\", {} } } }, { expect = any, text = \"There.\" } } } } }\n");
    $ran = chain();
    is($ran->{exit}, 40, 'a call that wrote is cancelled') or diag($ran->{err}, $ran->{out});
    $ran = runs('answer', 'last', 'yes');
    is($ran->{value}{before}, 3000, 'what it had written counts') or diag($ran->{err}, $ran->{out});
    is($ran->{value}{after}, 3000, 'in the next process as well');
}

done_testing();
