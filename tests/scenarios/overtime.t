#!/usr/bin/perl
# overtime.t -- the time of a run, a child or an agent's part is over: it ends, it is begun anew, or a person is asked
# for more while nothing new begins. No clock is waited for: a run that parks has its first record put back by hours.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use IO::Socket::INET;
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

# A home whose agent writes where a scenario says so, with a chain of that text.
sub home {
    my ($config, $chain, $scenario, $limits) = @_;
    $home = Try::home();
    Try::write_file("$home->{config}/perigee/config.yaml", $config);
    chmod 0700, $home->{config}, "$home->{config}/perigee";
    my $front = $limits ? "limits: { $limits }\n" : '';
    Try::write_file("$home->{work}/agents/one-agent.md", "---\nname: one-agent\ndescription: Works.\ntools: [write]\n$front---\nYou work.\n\n## Agent Relationships\n### Escalate To:\n- User (when unsure)\n");
    Try::write_file("$home->{dir}/chain.lua", "return { run = function(run)\n$chain\nend }\n");
    Try::write_file("$home->{dir}/scenario.lua", "local rehearse = require \"lib.rehearse\"\nlocal any = rehearse.anything(\"time is the test\")\nreturn { agents = { [\"one-agent\"] = { $scenario } } }\n");
}

sub ended {
    my ($ran) = @_;
    $ran->{events} = [map { eval { $Try::JSON->decode($_) } || {} } split /\n/, $ran->{out}];
    $ran->{stalls} = [map { [@{ $_->{body} }{qw(what action)}] } grep { ($_->{kind} // '') eq 'stall' } @{ $ran->{events} }];
    $ran->{value}  = eval { $ran->{events}[-1]{body}{result}{value} };
    return $ran;
}


sub run {
    my (@more) = @_;
    return ended(Try::run(home => $home, args => ['run', '--project', $home->{work}, '--store', $home->{store}, '--model', "rehearsal:$home->{dir}/scenario.lua", '--events', @more]));
}

sub chain { return run(@_, "$home->{dir}/chain.lua", '') }

# Answers what waits, which is one thing, and goes on; without an answer only the latter.
sub on {
    my (@answer) = @_;
    return ended(Try::run(home => $home, args => ['runs', 'resume', 'last', '--events', '--store', $home->{store}])) if !@answer;
    my ($open) = open_ones();
    my $told = Try::run(home => $home, args => ['runs', 'answer', "$open->{run}:$open->{seq}", @answer, '--no-run', '--store', $home->{store}]);
    is($told->{exit}, 0, "\"$answer[0]\" is an answer") or diag($told->{err});
    return on();
}

sub open_ones {
    my $list = Try::run(home => $home, args => ['runs', 'list', '--waiting', '--json', '--store', $home->{store}])->{out};
    return map { @{ $_->{waiting} } } @{ $Try::JSON->decode($list)->{runs} };
}

# The runs of that agent or chain have been at work for two hours more.
sub longer_ago { my ($agent) = @_; sql("UPDATE records SET time = time - 7200000 WHERE seq = 1 AND run IN (SELECT run FROM runs WHERE agent = '$agent')") }

sub count { my ($kind) = @_; return 0 + sql("SELECT count(*) FROM records WHERE kind = '$kind'") }

sub decisions { return map { $Try::JSON->decode($_) } split /\n/, sql("SELECT body FROM records WHERE kind = 'decision' AND body LIKE '%\"limit\"%' ORDER BY time") }

my $DONE = '{ { expect = any, text = "Done." } }';
my $ASKS = '{ { expect = any, calls = { { "escalate", { to = "User", question = "Which?" } } } }, { expect = any, text = "Done." } }';
my $WRITES = '{ { expect = any, calls = { { "write", { path = "a.txt", content = "a" } }, { "escalate", { to = "User", question = "Which?" } } } }, { expect = any, text = "Done." } }';

# -- a run ------------------------------------------------------------------------------------------

my $TWO = 'if run.question("Ready?") ~= "yes" then return "no" end local said, err = run.ask("one-agent", "Go.") return { said = said or err.code }';

sub late_run {
    my ($policy) = @_;
    home("stalls: { run: $policy }\n", $TWO, $DONE);
    is(chain('--limit', 'time=1h')->{exit}, 40, "$policy: a run asks something") or return;
    longer_ago('chain');
    return on('yes');
}

my $ran = late_run('fail');
is($ran->{exit}, 32, 'a run whose time is over ends as limit') or diag($ran->{err}, $ran->{out});
is_deeply($ran->{stalls}, [[qw(run fail)]], 'and its stall is told');
is(count('child'), 0, 'nothing more was begun');

$ran = late_run('ask');
is($ran->{exit}, 40, 'where a person is asked and nobody is there it waits') or diag($ran->{err}, $ran->{out});
is_deeply($ran->{stalls}, [[qw(run ask)]], 'the stall is told, with what is done');
is(count('child'), 0, 'meanwhile nothing new is begun');
my ($open) = open_ones();
like($open->{text}, qr/^the limit of 60 min for chain is reached|^the limit of 1 h for chain is reached/, 'the question says whose time is over');
is_deeply($open->{choices}, ['give 1 h more', 'end'], 'and as much again can be given');
$ran = on();
is($ran->{exit}, 40, 'taken up without an answer it waits again');
is(scalar(open_ones()), 1, 'with the same question');
$ran = on('give 1 h more');
is($ran->{exit}, 0, 'with more time it goes on') or diag($ran->{err}, $ran->{out});
is_deeply($ran->{value}, { said => 'Done.' }, 'to its end');
my ($decision) = decisions();
is_deeply([@$decision{qw(what limit verdict by amount)}], ['limit', 'time', 'raise', 'inbox', 3600000], 'who gave what is recorded');

$ran = late_run('ask');
$ran = on('end');
is($ran->{exit}, 32, 'who says that it is the end ends it as limit') or diag($ran->{err}, $ran->{out});
is_deeply($ran->{stalls}, [[qw(run ask)], [qw(run fail)]], 'and that is told');
is(count('child'), 0, 'nothing was begun');

# What was given holds in the processes after that one.
home("stalls: { run: ask }\n", 'run.question("One?") run.question("Two?") run.question("Three?") local said = run.ask("one-agent", "Go.") return { said = said }', $DONE);
chain('--limit', 'time=1h');
longer_ago('chain');
is(on('1')->{exit}, 40, 'a question that is no work is asked all the same');
my @both = open_ones();
is_deeply([sort map { (split /\n/, $_->{text})[0] } @both], ['Two?', 'the limit of 1 h for chain is reached.'], 'beside the one about the time');
for my $answer (['Two?', '2'], ['the limit', 'give 1 h more']) {
    my ($one) = grep { index($_->{text}, $answer->[0]) == 0 } @both;
    Try::run(home => $home, args => ['runs', 'answer', "$one->{run}:$one->{seq}", $answer->[1], '--no-run', '--store', $home->{store}]);
}
is(on()->{exit}, 40, 'with both answers it comes to the next');
is_deeply([map { $_->{text} } open_ones()], ['Three?'], 'which is the only one');
$ran = on('3');
is_deeply([$ran->{exit}, $ran->{value}], [0, { said => 'Done.' }], 'the hour that was given still counts') or diag($ran->{err}, $ran->{out});
is_deeply($ran->{stalls}, [], 'and nobody is asked again');

{
    home("stalls: { run: ask }\npolicy: { unanswered: refuse }\n", 'run.sleep(60000) return "slept"', $DONE);
    $ran = chain('--limit', 'time=50ms');
    is($ran->{exit}, 32, 'where nobody can be asked and nobody waits the time ends the run') or diag($ran->{err});
    is_deeply($ran->{stalls}, [[qw(run fail)]], 'as if nobody were to be asked');
}

# At a terminal, in the process whose time is over.
{
    home("stalls: { run: ask }\n", 'run.sleep(200) local said, err = run.ask("one-agent", "Go.") return { said = said or err.code }', $DONE);
    my @pairs = map { ("[2] end: ", "2\n") } 1;
    my $ended = Try::run(home => $home, program => $Try::TERMINAL, args => [@pairs, '--', $Try::PROGRAM, 'run', '--project', $home->{work}, '--store', $home->{store},
        '--model', "rehearsal:$home->{dir}/scenario.lua", '--limit', 'time=100ms', "$home->{dir}/chain.lua", '']);
    like($ended->{out}, qr/the limit of 100 ms for chain is reached/, 'who sits at the terminal is asked there') or diag($ended->{err});
    is((decisions())[0]{by}, 'person', 'and answers there');
    is(count('child'), 0, 'what would have begun after it did not');
}

# -- a child ----------------------------------------------------------------------------------------

my $ONE = 'local said, err = run.ask("one-agent", "Go.", { limits = { time = "1h" } }) return { said = said or err.code }';

sub late_child {
    my ($policy, $scenario, $chain) = @_;
    home("stalls: { child: $policy }\n", $chain || $ONE, $scenario);
    is(chain()->{exit}, 40, "$policy: a child asks something") or return;
    longer_ago('one-agent');
    return on('this');
}

$ran = late_child('fail', $ASKS);
is_deeply($ran->{value}, { said => 'limit' }, 'a child whose time is over ends, and who asked it is told') or diag($ran->{err}, $ran->{out});
is_deeply($ran->{stalls}, [[qw(child fail)]], 'as is whoever watches');

$ran = late_child('ask', $ASKS);
is($ran->{exit}, 40, 'where a person is asked the tree waits') or diag($ran->{err}, $ran->{out});
is_deeply($ran->{stalls}, [[qw(child ask)]], 'and that is told');
($open) = open_ones();
like($open->{text}, qr/^the limit of 1 h for one-agent is reached/, 'about the child');
isnt($open->{run}, sql("SELECT run FROM runs WHERE parent = ''") =~ s/\n//r, 'whose question it is');
$ran = on('give 1 h more');
is_deeply($ran->{value}, { said => 'Done.' }, 'with more time the child goes on') or diag($ran->{err}, $ran->{out});

late_child('ask', $ASKS);
$ran = on('end');
is_deeply($ran->{value}, { said => 'limit' }, 'without, its parent does') or diag($ran->{err}, $ran->{out});
is_deeply($ran->{stalls}, [[qw(child ask)], [qw(child fail)]], 'both are told');

$ran = late_child('retry', "$ASKS, $DONE");
is_deeply($ran->{value}, { said => 'Done.' }, 'begun anew it has its time again') or diag($ran->{err}, $ran->{out});
is_deeply($ran->{stalls}, [[qw(child retry)]], 'which is told');
is_deeply([map { $Try::JSON->decode($_)->{try} } split /\n/, sql("SELECT body FROM records WHERE kind = 'child' ORDER BY seq")], [undef, 2], 'its record says that it is the second');

$ran = late_child('retry', "$WRITES, $DONE");
is_deeply($ran->{value}, { said => 'limit' }, 'one that has written is not begun anew') or diag($ran->{err}, $ran->{out});
is_deeply($ran->{stalls}, [[qw(child fail)]], 'it fails');

{
    my $copied = 'local said, patch = run.ask("one-agent", "Go.", { workspace = "copy", limits = { time = "1h" } }) return { said = said or patch.code, files = said and patch.files }';
    $ran = late_child('retry', "$WRITES, $DONE", $copied);
    is_deeply($ran->{value}, { said => 'Done.', files => [] }, 'but in a copy of its own, of which the next has another') or diag($ran->{err}, $ran->{out});
    ok(!-e "$home->{work}/a.txt", 'so that nothing of the first is left');
}

# Each time over, at most three times: the server of its model never says anything.
{
    home("stalls: { child: retry }\n", 'local said, err = run.ask("one-agent", "Go.", { limits = { time = "50ms" } }) return { said = said or err.code }', $DONE);
    my $mute = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 16) or die "listen: $!";
    my $url = 'http://127.0.0.1:' . $mute->sockport;
    Try::write_file("$home->{config}/perigee/lua/models.lua", qq(return { add = { providers = { here = { dialect = "anthropic", base_url = "$url" } }, models = { ["here-model"] = { provider = "here" } } } }\n));
    $ran = run('--model', 'here-model', "$home->{dir}/chain.lua", '');
    is_deeply($ran->{stalls}, [[qw(child retry)], [qw(child retry)], [qw(child fail)]], 'three times it is tried') or diag($ran->{err}, $ran->{out});
    is(count('child'), 3, 'by three children');
    is_deeply($ran->{value}, { said => 'limit' }, 'and then it fails');
    my ($spent) = map { $_->{body}{spent} } grep { $_->{kind} eq 'run.finished' } Try::journal($home);
    is($spent->{children}, 3, 'which all count');
}

# -- a part of one agent ----------------------------------------------------------------------------

sub late_part {
    my ($policy) = @_;
    home("stalls: { run: $policy }\n", 'return 1', $ASKS, 'time: 1h');
    is(run('--limit', 'time=10h', 'one-agent', 'Go.')->{exit}, 40, "$policy: an agent with a limit of its own asks something");
    longer_ago('one-agent');
    return on('this');
}

$ran = late_part('fail');
is($ran->{exit}, 32, 'what a definition gives an agent holds over processes') or diag($ran->{err}, $ran->{out});
is_deeply($ran->{stalls}, [[qw(run fail)]], 'and is a stall of the run');
$ran = late_part('ask');
is($ran->{exit}, 40, 'a person is asked about it') or diag($ran->{err}, $ran->{out});
like((open_ones())[0]{text}, qr/^the limit of 1 h of one-agent's part is reached/, 'by its name');
$ran = on('give 1 h more');
is($ran->{exit}, 0, 'and can give more') or diag($ran->{err}, $ran->{out});
late_part('ask');
$ran = on('end');
is($ran->{exit}, 32, 'or end it') or diag($ran->{err}, $ran->{out});

# The part comes to its end while it is asked about: its reply is under way, and comes only when the question stands.
{
    home("stalls: { run: ask }\n", 'return 1', $DONE, 'time: 50ms');
    Try::write_file("$home->{work}/agents/one-agent.md", "---\nname: one-agent\ndescription: Works.\nlimits: { time: 50ms }\n---\nYou work.\n\n## Agent Relationships\n### Next Agents:\n- two-agent (then)\n");
    Try::write_file("$home->{work}/agents/two-agent.md", "---\nname: two-agent\ndescription: Works on.\n---\nYou work on.\n");
    my $slow = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 16) or die "listen: $!";
    my $url = 'http://127.0.0.1:' . $slow->sockport;
    Try::write_file("$home->{config}/perigee/lua/models.lua", qq(return { add = { providers = { here = { dialect = "anthropic", base_url = "$url" } }, models = { ["here-model"] = { provider = "here" } } } }\n));
    my $live = Try::start(home => $home, args => ['run', '--project', $home->{work}, '--store', $home->{store}, '--model', 'here-model', '--limit', 'time=1h', '--events', 'one-agent', 'Go.']);
    my $say = sub {
        my ($peer, $start, $delta, $stop) = @_;
        local $/ = "\r\n\r\n";
        my $head = <$peer>;
        read $peer, my $body, $head =~ /content-length: (\d+)/i ? $1 : 0;
        Try::until_text($live, 'out', qr/"kind":"question"/);
        my @events = ({ type => 'message_start', message => { id => 'm', usage => { input_tokens => 1, output_tokens => 1 } } }, { type => 'content_block_start', index => 0, content_block => $start },
            { type => 'content_block_delta', index => 0, delta => $delta }, { type => 'content_block_stop', index => 0 }, { type => 'message_delta', delta => { stop_reason => $stop }, usage => { output_tokens => 5 } }, { type => 'message_stop' });
        print $peer "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n", map { "event: $_->{type}\ndata: " . $Try::JSON->encode($_) . "\n\n" } @events;
        close $peer;
    };
    $slow->timeout(20);
    $say->($slow->accept || die('nobody asks the model'), { type => 'tool_use', id => 't1', name => 'handoff', input => {} }, { type => 'input_json_delta', partial_json => '{"to":"two-agent","reason":"then","result":"half"}' }, 'tool_use');
    my $next = $slow->accept;
    ok($next, 'a part that ends while a person is asked for more of its time holds nobody up');
    $say->($next, { type => 'text', text => '' }, { type => 'text_delta', text => 'Done.' }, 'end_turn') if $next;
    kill KILL => $live->{pid} if !$next;
    $ran = ended(Try::finish($live));
    is($ran->{exit}, 0, 'the run goes on to its end') or diag($ran->{err}, $ran->{out});
    is(count('withdrawn'), 1, 'and what was asked is not asked any more');
}

done_testing();
