#!/usr/bin/perl
# late_answers.t -- how long a question and an approval wait, what holds when nobody came in time, in a process that
# stays and where there is none, and that a yes holds for what was shown and for nothing else.
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

sub config {
    my ($text) = @_;
    Try::write_file("$home->{config}/perigee/config.yaml", $text);
    chmod 0700, $home->{config}, "$home->{config}/perigee";
}

sub home {
    my ($config, $chain) = @_;
    $home = Try::home();
    config($config);
    Try::write_file("$home->{dir}/chain.lua", "return { run = function(run)\n$chain\nend }\n");
}

sub ended {
    my ($ran) = @_;
    $ran->{events} = [map { eval { $Try::JSON->decode($_) } || {} } split /\n/, $ran->{out}];
    $ran->{stalls} = [map { [@{ $_->{body} }{qw(what action)}] } grep { ($_->{kind} // '') eq 'stall' } @{ $ran->{events} }];
    $ran->{value}  = eval { $ran->{events}[-1]{body}{result}{value} };
    $ran->{notices} = join "\n", map { $_->{body}{text} } grep { ($_->{kind} // '') eq 'notice' } @{ $ran->{events} };
    return $ran;
}

sub runs   { return Try::run(home => $home, args => ['runs', @_, '--store', $home->{store}]) }
sub chain  { return ended(Try::run(home => $home, args => ['run', '--store', $home->{store}, '--workspace', $home->{work}, '--events', @_, "$home->{dir}/chain.lua", ''])) }
sub resume { return ended(runs('resume', 'last', '--events', @_)) }

sub decisions { return map { $Try::JSON->decode($_) } split /\n/, sql("SELECT body FROM records WHERE kind = 'decision' AND json_extract(body, '\$.what') = 'ask' ORDER BY seq") }
sub of_ask    { return [map { "$_->{verdict} by $_->{by}" } decisions()] }
sub count     { my ($kind) = @_; return 0 + sql("SELECT count(*) FROM records WHERE kind = '$kind'") }

# The open question or approval counts until then, in Unix ms.
sub until_then { my ($kind, $time) = @_; sql("UPDATE records SET body = json_set(body, '\$.until', $time) WHERE kind = '$kind'") }
sub said_at    { return 0 + sql("SELECT json_extract(body, '\$.time') FROM inbox") }

# -- a question in a process that stays --------------------------------------------------------------

# While the other branch sleeps, the time of the question passes; whichever machine this is, in this order.
my $LIVE = 'local got, err = run.all { q = function() local said, why = run.question("Ship?", { default = "no", timeout = "20ms" }) return said or why.code end, s = function() run.sleep(200) return 1 end } return { said = got and got.q }';

home("{}\n", $LIVE);
my $ran = chain();
is_deeply([$ran->{stalls}, $ran->{value}], [[[qw(ask default)]], { said => 'no' }], 'a question that nobody answers in time gets its default, which is told') or diag($ran->{err}, $ran->{out});

home("stalls: { ask: fail }\n", $LIVE);
$ran = chain();
is_deeply([$ran->{stalls}, $ran->{value}], [[[qw(ask fail)]], { said => 'waiting' }], 'or no answer, where stalls.ask says so') or diag($ran->{err}, $ran->{out});

home("stalls: { ask: wait }\n", $LIVE);
$ran = chain();
is($ran->{exit}, 40, 'or it waits on') or diag($ran->{err}, $ran->{out});
is_deeply($ran->{stalls}, [[qw(ask wait)]], 'which is told too');
$ran = ended(runs('answer', 'last', 'yes', '--events'));
is_deeply($ran->{value}, { said => 'yes' }, 'until somebody answers') or diag($ran->{err}, $ran->{out});

home("stalls: { ask: wait }\npolicy: { unanswered: refuse }\n", $LIVE);
is_deeply(chain()->{value}, { said => 'no' }, 'where nobody is waited for the default holds');

# -- a question without a process -------------------------------------------------------------------

my $TIMED = 'local said, err = run.question("Ship?", { default = "no", timeout = "1h" }) return { said = said or err.code }';
for my $case (['default', ': "no" holds', 'no'], ['fail', '', 'waiting']) {
    my ($policy, $words, $said) = @$case;
    home("stalls: { ask: $policy }\n", $TIMED);
    is(chain()->{exit}, 40, "$policy: a question with a time waits");
    my $then = $words eq '' ? '' : ', then "no" holds';
    like(runs('list', '--waiting')->{out}, qr/, for \d+ min[^,]* more\Q$then\E$/m, 'the list says for how long, and what then');
    until_then('question', 1);
    like(runs('list', '--waiting')->{out}, qr/, its time is over\Q$words\E$/m, 'and when it is over');
    isnt(runs('answer', 'last', 'yes')->{exit}, 0, 'no answer counts after that');
    $ran = resume();
    is_deeply([$ran->{stalls}, $ran->{value}], [[['ask', $policy]], { said => $said }], 'who goes on is told what holds') or diag($ran->{err}, $ran->{out});
}

home("{}\n", $TIMED);
chain();
runs('answer', 'last', 'yes', '--no-run');
until_then('question', said_at());
is_deeply(resume()->{value}, { said => 'yes' }, 'an answer that was given in time counts, whenever it is heard');

home("{}\n", $TIMED);
chain();
runs('answer', 'last', 'yes', '--no-run');
until_then('question', said_at() - 1);
$ran = resume();
is_deeply($ran->{value}, { said => 'no' }, 'one that was not does not');
like($ran->{notices}, qr/came too late/, 'and that is said');
is(sql('SELECT count(*) FROM inbox'), "0\n", 'it is not heard again');

home("policy: { wait_deadline: 1h }\n", 'return { said = run.question("Ship?") or "nothing" }');
chain();
like(runs('list', '--waiting')->{out}, qr/, for \d+ min[^,]* more$/m, 'a question without a time has that of policy.wait_deadline');
until_then('question', 1);
is_deeply(resume()->{value}, { said => 'nothing' }, 'and gets no answer after that');

# In a process that stays an answer may be left in time and be seen only after it: this one stands still meanwhile.
{
    home("{}\n", 'local got = run.all { q = function() return run.question("Ship?", { default = "no", timeout = "1s" }) end, s = function() run.sleep(1500) return 1 end } return { said = got.q }');
    my $live = Try::start(home => $home, args => ['run', '--store', $home->{store}, '--workspace', $home->{work}, '--events', "$home->{dir}/chain.lua", '']);
    Try::until_text($live, 'out', qr/"kind":"question"/);
    kill STOP => $live->{pid};
    sql("INSERT INTO inbox(run, body) SELECT run, json_object('what', 'answer', 'run', run, 'seq', seq, 'text', 'yes', 'time', json_extract(body, '\$.until') - 1) FROM records WHERE kind = 'question'");
    my $until = sql("SELECT json_extract(body, '\$.until') FROM records WHERE kind = 'question'");
    select undef, undef, undef, 0.02 while time * 1000 <= $until + 1000;
    kill CONT => $live->{pid};
    my $ended = ended(Try::finish($live));
    is_deeply($ended->{value}, { said => 'yes' }, 'an answer that was left in time counts in a process that sees it late') or diag($ended->{out});
}

# Two who speak at the same time: neither sees that the other has.
home("{}\n", $TIMED);
chain();
runs('answer', 'last', 'yes', '--no-run');
sql("INSERT INTO inbox(run, body) SELECT run, replace(body, 'yes', 'never') FROM inbox");
$ran = resume();
is_deeply($ran->{value}, { said => 'yes' }, 'of several answers the first counts') or diag($ran->{err}, $ran->{out});
like($ran->{notices}, qr/not taken: it has an answer already/, 'and that the others do not is said');
is(sql('SELECT count(*) FROM inbox'), "0\n", 'none of them is left behind');

# -- one that nobody asks any more -----------------------------------------------------------------

for my $case (['a question', "{}\n", 'run.question("Left?")'], ['an approval', "policy:\n  rules: [ { ask: write, why: first } ]\n", 'run.tool("write", { path = "a.txt", content = "a" })']) {
    my ($what, $policy, $asks) = @$case;
    home($policy, "run.race { a = function() return $asks end, b = function() run.sleep(100) return 1 end } return { said = run.question('Here?') }");
    is(chain()->{exit}, 40, "$what, of a branch that is cancelled before somebody answers");
    is(count('withdrawn'), 1, 'has a record of that');
    unlike(runs('list', '--waiting')->{out}, qr/Left|a\.txt/, 'and waits no more');
    is_deeply(ended(runs('answer', 'last', 'yes', '--events'))->{value}, { said => 'yes' }, 'so that what waits need not be named');
    is(count('withdrawn'), 1, 'whoever goes on does not ask it again');
}

# -- an approval ------------------------------------------------------------------------------------

my $ASK   = "policy:\n  rules: [ { ask: write, why: first } ]\n";
my $WRITE = 'local said, err = run.tool("write", { path = "a.txt", content = "a" }) return { said = said and "written" or err.message }';

home($ASK, $WRITE);
is(chain()->{exit}, 40, 'an approval waits');
unlike(runs('list', '--waiting')->{out}, qr/approval, since .*,/, 'for ever, where nobody says otherwise');
runs('approve', 'last');
is(Try::read_file("$home->{work}/a.txt"), 'a', 'and counts');

home($ASK . "  wait_deadline: 1h\n", $WRITE);
chain();
like(runs('list', '--waiting')->{out}, qr/approval, since .*, for \d+ min[^,]* more, then it is denied$/m, 'with policy.wait_deadline it has a time');
until_then('approval', 1);
like(runs('list', '--waiting')->{out}, qr/, its time is over: it is denied$/m, 'which may be over');
like(runs('approve', 'last')->{err}, qr/its time is over and it is denied; perigee runs resume \S+ goes on/, 'then it takes no yes');
$ran = resume();
is_deeply($ran->{stalls}, [[qw(ask deny)]], 'who goes on finds it denied') or diag($ran->{err}, $ran->{out});
like($ran->{value}{said}, qr/nobody answered in time/, 'with the reason');
is_deeply(of_ask(), ['deny by nobody'], 'as recorded');
ok(!-e "$home->{work}/a.txt", 'and nothing is done');

home($ASK . "  wait_deadline: 1h\n", $WRITE);
chain();
until_then('approval', 1);
my $tty = Try::run(home => $home, program => $Try::TERMINAL, args => ['--', $Try::PROGRAM, 'runs', 'resume', 'last', '--store', $home->{store}]);
is_deeply(of_ask(), ['deny by nobody'], 'also where somebody sits at the terminal') or diag($tty->{out}, $tty->{err});

home($ASK . "  wait_deadline: 1h\n", $WRITE);
chain();
runs('approve', 'last', '--no-run');
until_then('approval', said_at());
resume();
is(Try::read_file("$home->{work}/a.txt"), 'a', 'a yes in time counts, whenever it is heard');

home($ASK, $WRITE);
chain();
$tty = Try::run(home => $home, program => $Try::TERMINAL, args => ['--', $Try::PROGRAM, 'runs', 'approve', 'last', '--store', $home->{store}]);
is(Try::read_file("$home->{work}/a.txt"), 'a', 'who approves at a terminal is not asked there again') or diag($tty->{out}, $tty->{err});
is_deeply(of_ask(), ['allow by inbox'], 'the yes is the one that was given');

my $BESIDE = 'local got = run.all { w = function() local said, err = run.tool("write", { path = "a.txt", content = "a" }) return said and "written" or err.message end, s = function() run.sleep(200) return 1 end } return { said = got.w }';
home($ASK . "  wait_deadline: 20ms\n", $BESIDE);
$ran = chain();
is_deeply($ran->{stalls}, [[qw(ask deny)]], 'in a process that stays it is denied when its time is over') or diag($ran->{err}, $ran->{out});
like($ran->{value}{said}, qr/nobody answered in time/, 'and the run goes on');

home("stalls: { ask: wait }\n$ASK  wait_deadline: 20ms\n", $BESIDE);
is(chain()->{exit}, 40, 'where stalls.ask waits an approval does');
runs('approve', 'last');
is(Try::read_file("$home->{work}/a.txt"), 'a', 'until somebody answers');

# At a terminal nobody types anything.
home("stalls: { ask: wait }\n$ASK  ask_deadline: 1s\n", $WRITE);
$tty = Try::run(home => $home, program => $Try::TERMINAL, args => ['--', $Try::PROGRAM, 'run', '--store', $home->{store}, '--workspace', $home->{work}, "$home->{dir}/chain.lua", '']);
is($tty->{exit}, 40, 'who leaves the terminal finds the run waiting') or diag($tty->{out}, $tty->{err});
is(count('approval'), 1, 'with the approval');
home("$ASK  ask_deadline: 1s\n", $WRITE);
Try::run(home => $home, program => $Try::TERMINAL, args => ['--', $Try::PROGRAM, 'run', '--store', $home->{store}, '--workspace', $home->{work}, "$home->{dir}/chain.lua", '']);
is_deeply(of_ask(), ['deny by nobody'], 'or, by default, what was asked denied');

# -- a yes, and what it is a yes to -----------------------------------------------------------------

# A run that was approved and killed before the call began: what came after the decision is taken away.
sub approved {
    my ($how, @more) = @_;
    home($ASK, $WRITE);
    if ($how eq 'inbox') { chain(); runs('approve', 'last', @more) }
    else {
        Try::run(home => $home, program => $Try::TERMINAL, args => ['never here: ', "$how\n", '--', $Try::PROGRAM, 'run', '--store', $home->{store}, '--workspace', $home->{work}, "$home->{dir}/chain.lua", '']);
    }
    is_deeply(of_ask(), [$how eq 'inbox' ? 'allow by inbox' : 'allow by person'], "approved ($how)");
    sql("DELETE FROM records WHERE seq > (SELECT max(seq) FROM records WHERE kind = 'decision' AND json_extract(body, '\$.what') = 'ask'); UPDATE runs SET status = 'running', ended = 0");
    unlink "$home->{work}/a.txt";
}

for my $how ('inbox', 'y') {
    approved($how);
    $ran = resume();
    is_deeply($ran->{value}, { said => 'written' }, 'a yes that was recorded holds for who goes on') or diag($ran->{err}, $ran->{out});
    is(scalar(@{ of_ask() }), 1, 'and nobody is asked again');

    approved($how);
    config("policy:\n  rules: [ { ask: write, why: second } ]\n");
    $ran = resume();
    is($ran->{exit}, 40, 'where something else asks by now it is asked anew') or diag($ran->{err}, $ran->{out});
    ok(!-e "$home->{work}/a.txt", 'before anything is done');
    is(of_ask()->[1], 'again by nobody', 'which is recorded');
    is(resume()->{exit}, 40, 'the yes does not come back');
    runs('deny', 'last');
    is(of_ask()->[-1], 'deny by inbox', 'and what is said now holds');
    ok(!-e "$home->{work}/a.txt", 'whatever it was');

    approved($how);
    config("policy:\n  rules: [ { deny: write, why: never } ]\n");
    $ran = resume();
    like($ran->{value}{said}, qr/never/, 'what is forbidden by now is forbidden') or diag($ran->{err}, $ran->{out});
}

# An earlier version kept what a yes was about only where the question had been put elsewhere.
for my $case (['inbox', 0], ['y', 40]) {
    my ($how, $exit) = @$case;
    approved($how);
    sql("UPDATE records SET body = json_remove(body, '\$.terms') WHERE kind = 'decision'");
    is(resume()->{exit}, $exit, "a yes of an earlier version ($how) " . ($exit ? 'is asked for again' : 'holds'));
}

# An answer that was kept for good, and is revoked.
{
    approved('a');
    $ran = resume();
    is_deeply($ran->{value}, { said => 'written' }, 'kept for good it holds');
    chain();
    is(of_ask()->[-1], 'allow by kept answer', 'also for the next run') or diag(join ' ', @{ of_ask() });
    sql("DELETE FROM records WHERE run = (SELECT run FROM runs ORDER BY rowid DESC LIMIT 1) AND seq > (SELECT max(seq) FROM records WHERE run = (SELECT run FROM runs ORDER BY rowid DESC LIMIT 1) AND kind = 'decision' AND json_extract(body, '\$.what') = 'ask'); UPDATE runs SET status = 'running', ended = 0 WHERE rowid = (SELECT max(rowid) FROM runs)");
    is(Try::run(home => $home, args => ['tools', 'answers', '--revoke', '1'])->{exit}, 0, 'until it is revoked');
    unlink "$home->{work}/a.txt";
    is(resume()->{exit}, 40, 'then also a run that was told so asks');
    ok(!-e "$home->{work}/a.txt", 'before it does anything');
}

done_testing();
