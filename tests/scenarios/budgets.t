#!/usr/bin/perl
# budgets.t -- what runs may spend, over real HTTP with a server that has prices: a request that does
# not fit is not sent, requests side by side never exceed a limit together, a limit that is reached
# asks, and what was cut is counted.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Misbehave;
use Try;

my $TERMINAL = $Try::TERMINAL;

# A home with two agents, and with a model at `url` that costs 10 usd a million tokens in, 100 out.
sub home {
    my ($url, $config, %limits) = @_;
    my $home = Try::home();
    my $more = join ', ', map { "$_ = $limits{$_}" } sort keys %limits;
    Try::write_file("$home->{config}/perigee/lua/models.lua", <<"END");
return { add = {
  providers = { paid = { dialect = "anthropic", base_url = "$url" } },
  models = { ["paid-model"] = { provider = "paid", max_output = 8000, prices = { input = 10, output = 100 } } },
  limits = { $more },
} }
END
    Try::write_file("$home->{config}/perigee/config.yaml", $config) if $config;
    chmod 0700, $home->{config}, "$home->{config}/perigee";
    for my $name (qw(one-agent other-agent)) {
        Try::write_file("$home->{work}/agents/$name.md", "---\nname: $name\ndescription: Works.\ntools: [write]\n---\nYou work.\n");
    }
    return $home;
}

sub args {
    my ($home, @more) = @_;
    return ['run', '--project', $home->{work}, '--store', $home->{store}, '--model', 'paid-model', @more];
}

sub run { my ($home, @more) = @_; return Try::run(home => $home, args => args($home, @more)) }

sub on_terminal {
    my ($home, $pairs, @more) = @_;
    return Try::run(home => $home, program => $TERMINAL, args => [@$pairs, '--', $Try::PROGRAM, @{ args($home, @more) }]);
}

# A whole reply that costs what it says.
sub reply {
    my ($text, $in, $out) = @_;
    return Misbehave::stream_head() . cut($text, $in) . Misbehave::event('content_block_stop', '"index":0')
        . Misbehave::event('message_delta', qq("delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":$out}))
        . Misbehave::event('message_stop', '');
}

sub cut { my ($text, $in) = @_; return Misbehave::opening($text) =~ s/"input_tokens":10/"input_tokens":$in/r }

sub records { my ($home, $kind) = @_; return map { $_->{body} } grep { $_->{kind} eq $kind } Try::journal($home) }

sub spent { my ($home, $which) = @_; return (map { $_->{body}{spent} } grep { $_->{kind} eq 'run.finished' } Try::journal($home, $which))[0] }

sub answering {
    my ($answer, $config, $test, %limits) = @_;
    my $server = Misbehave::serve(sub { my ($client) = @_; print $client $answer });
    my $home = home($server->{url}, $config, %limits);
    $test->($home, $server);
    Misbehave::stop($server);
}

# -- one request ------------------------------------------------------------------------------------

answering(reply('Never said.', 100, 10), undef, sub {
    my ($home, $server) = @_;
    my $ran = run($home, '--limit', 'usd=0.10', '--json', 'one-agent', 'Go.');
    is($ran->{exit}, 32, 'a request that does not fit ends the run as limit') or diag($ran->{err});
    is_deeply([Misbehave::requests($server)], [], 'and is not sent');
    my $error = $Try::JSON->decode($ran->{out})->{error}{message};
    like($error, qr/limit of 0\.1000 usd is reached; --limit usd=N gives more/, 'the error says what to do');
    like($error, qr/request to paid-model may come to 0\.1\d+ usd \(\d+ tokens in, 1024 out\), and 0\.1000 usd are left/, 'with numbers');
    is(scalar records($home, 'reserved'), 0, 'nothing was set aside for it');
});

answering(reply('Short.', 100, 10), undef, sub {
    my ($home, $server) = @_;
    my $ran = run($home, '--limit', 'usd=0.30', '--json', 'one-agent', 'Go.');
    is($ran->{exit}, 0, 'where the longest reply does not fit a shorter one is asked for') or diag($ran->{err});
    my ($most) = (Misbehave::requests($server))[0] =~ /"max_tokens":(\d+)/;
    cmp_ok($most, '<', 3000, 'which costs no more than is left');
    cmp_ok($most, '>=', 1024, 'and is worth asking for');
    my ($aside) = records($home, 'reserved');
    is($aside->{max_tokens}, $most, 'the record of what is set aside says so');
    cmp_ok($aside->{usd}, '<=', 0.30, 'and how much it is');
    is(spent($home)->{usd}, 2000, 'afterwards what it did cost is spent, and no more');
});

answering(Misbehave::stream_head() . cut('Half a', 5000), undef, sub {
    my ($home) = @_;
    my $ran = run($home, '--limit', 'usd=3', '--json', 'one-agent', 'Go.');
    isnt($ran->{exit}, 0, 'a reply that breaks off ends the run');
    my @partial = records($home, 'partial');
    is_deeply([map { $_->{text} } @partial], [('Half a') x @partial], 'what each attempt said is kept');
    my @tokens = map { $_->{usage}{input} + $_->{usage}{output} } @partial;
    cmp_ok($tokens[0], '>=', 5002, 'with the tokens that the server counted before');
    my $spent = spent($home);
    cmp_ok($spent->{usd}, '>=', 50000 * @partial, 'which were spent');
    cmp_ok($spent->{usd}, '<', 60000 * @partial, 'and what else was set aside was not');
    is($spent->{tokens}, eval { my $sum = 0; $sum += $_ for @tokens; $sum }, 'the same in tokens');
});

answering(Misbehave::error(400, 'invalid_request_error', 'no'), undef, sub {
    my ($home) = @_;
    run($home, '--limit', 'usd=3', '--json', 'one-agent', 'Go.');
    is(scalar records($home, 'reserved'), 1, 'a request that is refused was set aside for');
    is(spent($home)->{usd}, 0, 'and costs nothing');
});

# A process that is killed leaves behind what may have been spent.
{
    my $server = Misbehave::serve(sub {
        my ($client, $number) = @_;
        $number == 1 ? Misbehave::stall($client) : print $client reply('Again.', 100, 10);
    });
    my $home = home($server->{url});
    my $live = Try::start(home => $home, args => args($home, '--events', 'one-agent', 'Go.'));
    ok(Try::until_text($live, 'out', qr/"kind":"reserved"/), 'what is set aside is recorded');
    ok(Try::until_true(sub { Misbehave::requests($server) }), 'before the request is sent');
    kill 'KILL', $live->{pid};
    Try::finish($live);
    my @records = Try::journal($home);
    is($records[-1]{kind}, 'reserved', 'and stands in the journal of a killed run');
    my $aside = $records[-1]{body}{usd};
    cmp_ok($aside, '>', 0.8, 'with the most that the request may cost');
    my $ran = Try::run(home => $home, args => ['runs', 'resume', 'last', '--store', $home->{store}, '--json']);
    Misbehave::stop($server);
    is($ran->{exit}, 0, 'the run goes on') or diag($ran->{err});
    is(spent($home)->{usd}, $aside * 1e6 + 2000, 'and counts as spent what nothing settled');
}

# -- side by side -----------------------------------------------------------------------------------

my $BOTH = <<'LUA';
return { run = function(run)
  local done, err = run.all {
    one = function() return run.ask("one-agent", "Go.") end,
    other = function() return run.ask("other-agent", "Go.") end,
  }
  if not done then return nil, err end
  return { one = done.one, other = done.other }
end }
LUA

sub scenario {
    my ($home, $in, $out) = @_;
    my $file = "$home->{dir}/scenario.lua";
    my $turn = "{ expect = rehearse.anything(\"the budget is the test\"), text = \"Done.\", usage = { input = $in, output = $out } }";
    Try::write_file($file, "local rehearse = require \"lib.rehearse\"\n"
        . "return { agents = { [\"one-agent\"] = { { $turn } }, [\"other-agent\"] = { { $turn } } } }\n");
    return $file;
}

# The chain over a served scenario; the events in their order, and the most that was spent and promised.
sub both {
    my ($in, $out, @more) = @_;
    my $served = Try::serve(Try::home(), scenario(Try::home(), $in, $out), 5) or die 'serve';
    my $home = home($served->{url});
    Try::write_file("$home->{dir}/both.lua", $BOTH);
    my $ran = run($home, '--events', @more, "$home->{dir}/both.lua", '');
    Try::stop_serving($served);
    my ($spent, $most, %open, @order) = (0, 0);
    for my $event (map { $Try::JSON->decode($_) } split /\n/, $ran->{out}) {
        my ($kind, $body) = @$event{qw(kind body)};
        if    ($kind eq 'reserved') { $open{ $event->{run} } = $body->{usd} }
        elsif ($kind eq 'turn')     { $spent += $body->{cost_usd}; delete $open{ $event->{run} } }
        else                        { next }
        push @order, $kind;
        my $all = $spent;
        $all += $_ for values %open;
        $most = $all if $all > $most;
    }
    return { ran => $ran, spent => $spent, most => $most, order => "@order" };
}

{
    my $got = both(1000, 2000, '--limit', 'usd=3');
    is($got->{ran}{exit}, 0, 'two requests that fit together go side by side') or diag($got->{ran}{err});
    is($got->{order}, 'reserved reserved turn turn', 'both are sent at once');
    cmp_ok($got->{most}, '<=', 3, 'what is promised to them is no more than the limit');

    $got = both(1000, 2000, '--limit', 'usd=1.20');
    is($got->{ran}{exit}, 0, 'where only one fits the other waits for it') or diag($got->{ran}{err});
    is($got->{order}, 'reserved turn reserved turn', 'and is sent when the first has ended');
    cmp_ok($got->{most}, '<=', 1.20, 'never more than the limit is promised and spent');

    $got = both(1000, 7500, '--limit', 'usd=0.85');
    is($got->{ran}{exit}, 32, 'where the first leaves too little the other is not sent') or diag($got->{ran}{err});
    is($got->{order}, 'reserved turn', 'only one was');
    cmp_ok($got->{spent}, '<=', 0.85, 'and the limit holds');
}

# Who waits for a request that never ends is cancelled with everybody else.
{
    my $server = Misbehave::serve(sub { Misbehave::stall($_[0]) });
    my $home = home($server->{url});
    Try::write_file("$home->{dir}/both.lua", $BOTH);
    my $ran = run($home, '--events', '--limit', 'usd=1.20,time=500ms', "$home->{dir}/both.lua", '');
    Misbehave::stop($server);
    is($ran->{exit}, 32, 'a run whose time is over ends, also where one waits for the other') or diag($ran->{err});
    is(scalar(() = $ran->{out} =~ /"kind":"reserved"/g), 1, 'of whom only one had something set aside');
}

# -- slices -----------------------------------------------------------------------------------------

answering(reply('Cheap.', 100, 10), undef, sub {
    my ($home, $server) = @_;
    Try::write_file("$home->{dir}/slice.lua", <<'LUA');
return { limits = { turns = 3, usd = "2.50" }, run = function(run)
  local poor, err = run.ask("one-agent", "Go.", { limits = { usd = "0.01" } })
  local _, wrong = run.ask("one-agent", "Go.", { limits = { dollars = 1 } })
  local rich = run.ask("one-agent", "Go.", { limits = { usd = 2, turns = 1, time = "5m" } })
  local budget = run.budget()
  return { poor = poor or err.code .. ": " .. err.message, wrong = wrong.message, rich = rich, left = budget.usd.left,
    turns = budget.turns.left, written = budget.written.spent }
end }
LUA
    my $ran = run($home, '--limit', 'usd=4', '--json', "$home->{dir}/slice.lua", '');
    my $value = $Try::JSON->decode($ran->{out})->{value};
    like($value->{poor}, qr/^limit: .*limit of 0\.0100 usd that this run was begun with/, 'a child is held to its slice');
    like($value->{wrong}, qr/unknown key "dollars"/, 'a slice that cannot be read is refused');
    is($value->{rich}, 'Cheap.', 'and what it leaves is there for the next');
    is($value->{turns}, 1, 'a turn that did not fit is one of those that the chain allows itself');
    is($value->{left} + 0, 2.498, 'a chain narrows what it was given');
    is(scalar Misbehave::requests($server), 1, 'one request was sent');
    my ($started) = records($home, 'run.started');
    is($started->{limits}{usd}, 2500000, 'what holds is recorded');
});

# -- what happens at a limit ------------------------------------------------------------------------

my @END = ('--limit', 'usd=0.10', 'one-agent', 'Go.');

answering(reply('Paid.', 100, 10), undef, sub {
    my ($home, $server) = @_;
    my $ran = on_terminal($home, ["(default): ", "1\n"], @END);
    like($ran->{out}, qr/limit of 0\.1000 usd is reached/, 'at a terminal a limit asks') or diag($ran->{out}, $ran->{err});
    like($ran->{out}, qr/\[1\] give 0\.\d+ usd more/, 'and says how much more is needed');
    my ($said) = grep { $_->{what} eq 'limit' } records($home, 'decision');
    is_deeply([@$said{qw(limit verdict by)}], [qw(usd raise person)], 'the answer is recorded');
    cmp_ok($said->{amount}, '>=', 100000, 'with what it gives');
    is(scalar Misbehave::requests($server), 1, 'the request is sent then');
    is(spent($home)->{usd}, 2000, 'and paid for');
});

answering(reply('Never said.', 100, 10), undef, sub {
    my ($home, $server) = @_;
    my $ran = on_terminal($home, ["(default): ", "2\n"], @END);
    my ($said) = grep { $_->{what} eq 'limit' } records($home, 'decision');
    is_deeply([@$said{qw(limit verdict by)}], [qw(usd end person)], 'an end that the person chose is recorded') or diag($ran->{out});
    is(scalar Misbehave::requests($server), 0, 'and nothing was sent');
});

answering(reply('Never said.', 100, 10), "budget: { on_reached: end, usd: 0.10 }\n", sub {
    my ($home, $server) = @_;
    my $ran = on_terminal($home, [], 'one-agent', 'Go.');
    like($ran->{out}, qr/limit of 0\.1000 usd is reached/, 'config.yaml sets the limit of every run');
    unlike($ran->{out}, qr/\[1\]/, 'and that nobody is asked');
    is(scalar records($home, 'question'), 0, 'no question is recorded');
});

answering(reply('Answered.', 100, 10), "budget: { on_reached: park }\n", sub {
    my ($home, $server) = @_;
    my $ran = run($home, '--json', @END);
    is($ran->{exit}, 40, 'a run that may wait for a person parks at a limit') or diag($ran->{err});
    my ($asked) = records($home, 'question');
    like($asked->{text}, qr/limit of 0\.1000 usd is reached/, 'with a question');
    $ran = Try::run(home => $home, program => $TERMINAL,
        args => ['[2] end: ', "1\n", '--', $Try::PROGRAM, 'runs', 'resume', 'last', '--store', $home->{store}]);
    like($ran->{out}, qr/Answered\./, 'who goes on is asked, and carries it to its end') or diag($ran->{err});
    is(scalar Misbehave::requests($server), 1, 'with one request');
    my ($said) = grep { $_->{what} eq 'limit' } records($home, 'decision');
    is_deeply([@$said{qw(verdict by)}], [qw(raise person)], 'and the decision says who gave more');
});

# A raise holds for whoever goes on, who is not asked again.
{
    my $server = Misbehave::serve(sub {
        my ($client, $number) = @_;
        $number == 1 ? Misbehave::stall($client) : print $client reply('Again.', 100, 10);
    });
    my $home = home($server->{url}, "budget: { on_reached: park }\n");
    my $live = Try::start(home => $home, program => $TERMINAL, args => ['[2] end: ', "1\n", '--', $Try::PROGRAM, @{ args($home, @END) }]);
    Try::until_true(sub { Misbehave::requests($server) });
    kill 'KILL', map { /^(\d+): \Q$Try::PROGRAM\E / ? $1 : () } Try::left_over($home);
    Try::finish($live);
    my $ran = Try::run(home => $home, args => ['runs', 'resume', 'last', '--store', $home->{store}, '--json']);
    is($ran->{exit}, 40, 'where a killed request used up what was given there is another question') or diag($ran->{err});
    is(scalar(grep { ($_->{what} // '') eq 'limit' } records($home, 'decision')), 1, 'the first is not asked again');
    is(scalar Misbehave::requests($server), 1, 'and nothing is sent before it is answered');
    Misbehave::stop($server);
}

# -- bytes written ----------------------------------------------------------------------------------

{
    my $home = home('http://127.0.0.1:1', "budget: { written: 4K }\n");
    Try::write_file("$home->{dir}/write.lua", <<'LUA');
return { run = function(run)
  local first = run.tool("write", { path = "a.txt", content = ("x"):rep(3000) })
  local second, err = run.tool("write", { path = "b.txt", content = ("x"):rep(1097) })
  local third = run.tool("write", { path = "c.txt", content = ("x"):rep(1096) })
  local _, over = run.tool("write", { path = "d.txt", content = "x" })
  return { first = first ~= nil, second = second ~= nil, code = err.code, why = err.message, third = third ~= nil,
    over = over.code, spent = run.budget().written.spent }
end }
LUA
    my $ran = run($home, '--json', "$home->{dir}/write.lua", '');
    my $value = $Try::JSON->decode($ran->{out})->{value};
    ok($value->{first} && $value->{third} && !$value->{second}, 'what fits is written') or diag($ran->{out}, $ran->{err});
    is($value->{code}, 'limit', 'what does not is refused');
    like($value->{why}, qr/limit of 4096 bytes written is reached; --limit written=N gives more/, 'and says what gives more');
    ok(!-e "$home->{work}/b.txt", 'before anything of it is written');
    is($value->{over}, 'limit', 'at the limit no tool that writes is called');
    is($value->{spent}, 4096, 'bytes are counted as they are');
}

SKIP: {
    skip 'no sandbox on this machine', 2 if Try::run(home => Try::home(), args => ['doctor'])->{exit} != 0;
    my $home = home('http://127.0.0.1:1', "budget: { written: 1M }\n");
    Try::write_file("$home->{dir}/dirty.lua", <<'LUA');
return { run = function(run)
  run.tool("bash", { command = "head -c 2000000 /dev/zero > big" })
  local _, over = run.tool("bash", { command = "echo more > small" })
  return { over = over and over.message, spent = run.budget().written.spent }
end }
LUA
    my $ran = run($home, '--json', "$home->{dir}/dirty.lua", '');
    my $value = $Try::JSON->decode($ran->{out})->{value};
    SKIP: {
        skip 'the workspace lies in memory here, so the kernel counts nothing', 2 if !$value->{spent};
        cmp_ok($value->{spent}, '>=', 2000000, 'what a command wrote is counted when it has ended');
        like($value->{over}, qr/limit of 1048576 bytes written/, 'and beyond the limit no command is started');
    }
}

done_testing();
