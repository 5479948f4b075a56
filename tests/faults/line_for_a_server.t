#!/usr/bin/perl
# line_for_a_server.t -- how many requests go to a server at a time, what its refusals change, whose
# turn it is, and what becomes of a model that failed: for all runs of one process.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Misbehave;
use Try;

my %FAST = (first_wait_ms => 2, most_wait_ms => 5);

# A chain that asks an agent COUNT times, side by side or one after the other.
sub chain_of {
    my ($home, $count, $how) = @_;
    my $body = $how eq 'beside'
        ? "local branches = {} for i = 1, $count do branches[i] = function() return run.ask('lone-agent', 'Say ' .. i) end end
           local done, err = run.all(branches) if not done then return nil, err end return #done"
        : "for i = 1, $count do local said, err = run.ask('lone-agent', 'Say ' .. i) if not said then return nil, err end end return $count";
    my $file = "$home->{dir}/asks.lua";
    Try::write_file($file, "return { run = function(run) $body end }\n");
    return $file;
}

sub start_chain {
    my ($home, $count, $how, $env, @more) = @_;
    return Try::start(home => $home, env => $env, args => ['run', '--events', '--store', $home->{store}, '--project',
        "$Try::ROOT/tests/scenarios/team", @more, chain_of($home, $count, $how), 'Go.']);
}

sub events { my ($live) = @_; return map { eval { $Try::JSON->decode($_) } || () } split /\n/, Try::read_file($live->{out}) }
sub of_kind { my ($kind, @events) = @_; return map { $_->{body} } grep { $_->{kind} eq $kind } @events }
sub waiting { my ($live) = @_; return scalar of_kind('delta.waiting', events($live)) }

# Waits inside a server's process until the program has said something; never for ever.
sub hold_until { my ($test) = @_; Try::until_true($test) }

{ # two at a time: nobody is answered before the four others were seen to wait
    my $home = Try::home();
    Try::limits($home, %FAST, at_once => 2);
    my $server = Misbehave::serve(sub {
        my ($c) = @_;
        hold_until(sub { -e "$home->{dir}/go" });
        print $c Misbehave::reply('Said.');
    });
    my $live = start_chain($home, 6, 'beside', { ANTHROPIC_BASE_URL => $server->{url} }, '--model', 'claude-sonnet-5');
    ok(Try::until_true(sub { waiting($live) >= 4 }), 'of six side by side four wait');
    Try::until_true(sub { Misbehave::requests($server) >= 2 });
    is(scalar(Misbehave::requests($server)), 2, 'and two were sent');
    Try::write_file("$home->{dir}/go", '');
    my $ran = Try::finish($live);
    is($ran->{exit}, 0, 'all six are answered') or diag($ran->{err});
    my @waited = of_kind('delta.waiting', events($live));
    is_deeply([map { "$_->{ahead} $_->{at_once}" } @waited], ['0 2', '1 2', '2 2', '3 2'], 'each is told who stands before it');
    is(scalar(Misbehave::requests($server)), 6, 'nothing was asked twice');
    Misbehave::stop($server);
}

{ # Ctrl-C while some wait
    my $home = Try::home();
    Try::limits($home, %FAST, at_once => 1);
    my $server = Misbehave::serve(sub { Misbehave::stall($_[0]) });
    my $live = start_chain($home, 3, 'beside', { ANTHROPIC_BASE_URL => $server->{url} }, '--model', 'claude-sonnet-5');
    ok(Try::until_true(sub { waiting($live) == 2 && Misbehave::requests($server) }), 'two wait behind one');
    kill 'INT', $live->{pid};
    my $ran = Try::finish($live);
    is($ran->{exit}, 130, 'a run that waits for its turn can be cancelled');
    is_deeply([Try::until_quiet($home)], [], 'and leaves nothing');
    Misbehave::stop($server);
}

{ # who waits too long is told so
    my $home = Try::home();
    Try::limits($home, %FAST, at_once => 1, most_queue_ms => 30);
    my $server = Misbehave::serve(sub { Misbehave::stall($_[0]) });
    my $live = start_chain($home, 2, 'beside', { ANTHROPIC_BASE_URL => $server->{url} }, '--model', 'claude-sonnet-5');
    my $ran = Try::finish($live);
    my ($end) = of_kind('run.finished', reverse events($live));
    is($end->{status}, 'timeout', 'a turn that does not come ends the run as timeout') or diag($ran->{out});
    like($end->{error}{message}, qr/waited \d+ s for a turn: the server takes 1 at a time/, 'and says what it waited for');
    Misbehave::stop($server);
}

for my $busy (429, 529, 'event') { # four refusals that belong together lower once
    my $home = Try::home();
    Try::limits($home, %FAST, at_once => 4);
    my $server = Misbehave::serve(sub {
        my ($c, $number, undef, $here) = @_;
        hold_until(sub { Misbehave::requests($here) >= 4 }) if $number <= 4;
        return print $c Misbehave::reply('Said.') if $number > 4;
        return print $c Misbehave::stream_head(),
            Misbehave::event('error', '"error":{"type":"overloaded_error","message":"Overloaded"}') if $busy eq 'event';
        print $c Misbehave::error($busy, 'busy_error', 'slow down', 'retry-after' => 0);
    });
    my $live = start_chain($home, 8, 'beside', { ANTHROPIC_BASE_URL => $server->{url} }, '--model', 'claude-sonnet-5');
    my $ran = Try::finish($live);
    is($ran->{exit}, 0, "after $busy all are answered") or diag($ran->{err});
    my @events = events($live);
    my @widths = map { $_->{at_once} } of_kind('delta.waiting', @events);
    is($widths[0], 4, "before $busy four go at a time");
    ok((grep { $_ == 2 } @widths) && !(grep { $_ < 2 } @widths), "after four of $busy it is two, not a quarter of one")
        or diag("@widths");
    is(scalar of_kind('delta.retry', @events), 4, 'each is asked again, visibly');
    Misbehave::stop($server);
}

# Two servers, each with a model of its own, in one tier.
sub two_servers {
    my ($home, $first, $second) = @_;
    Try::write_file("$home->{config}/perigee/lua/models.lua", <<"LUA");
return { add = {
  providers = { one = { dialect = "anthropic", base_url = "$first" }, two = { dialect = "anthropic", base_url = "$second" } },
  models = { ["m-one"] = { provider = "one" }, ["m-two"] = { provider = "two" } },
  tiers = { large = { "m-one", "m-two" }, medium = { "m-one", "m-two" }, small = { "m-one", "m-two" } },
  limits = { first_wait_ms = 2, most_wait_ms = 5 },
} }
LUA
}

my $GOOD = sub { my ($c) = @_; print $c Misbehave::reply('Said by two.') };
for my $case (
    ['overloaded', sub { my ($c) = @_; print $c Misbehave::error(529, 'overloaded_error', 'Overloaded') }, 3, 6],
    ['overloaded in the stream, after some text', sub { my ($c) = @_; print $c Misbehave::stream_head(), Misbehave::opening('Half a'),
        Misbehave::event('error', '"error":{"type":"overloaded_error","message":"Overloaded"}') }, 3, 6],
    ['without a word', sub { }, 3, 6]) {
    my ($name, $answer, $asked, $recorded) = @$case;
    for my $record (0, 1) {
        my $home = Try::home();
        my ($one, $two) = (Misbehave::serve($answer), Misbehave::serve($GOOD));
        two_servers($home, $one->{url}, $two->{url});
        my $live = start_chain($home, 2, 'after', {}, $record ? ('--record', "$home->{dir}/a.rec") : ());
        my $ran = Try::finish($live);
        my @came = (scalar(Misbehave::requests($one)), scalar(Misbehave::requests($two)));
        Misbehave::stop($_) for $one, $two;
        is($ran->{exit}, 0, "a server that is $name: the next model answers") or diag($ran->{out} . $ran->{err});
        if ($record) {
            is_deeply(\@came, [$recorded, 2], 'while traffic is recorded each conversation begins with the first of its list');
            next;
        }
        is_deeply(\@came, [$asked, 2], 'the second conversation does not ask it again');
        my @why = map { $_->{why} } grep { $_->{what} =~ /^(model|fallback)$/ } of_kind('decision', events($live));
        is(scalar(grep { /^m-one failed: / } @why), 1, 'the failure stands in a decision');
        is(scalar(grep { /^m-one failed just now and rests for \d+ s more: / } @why), 1, 'and so does the passing over');
    }
}

{ # killed after the fallback, before the first reply
    my $home = Try::home();
    my ($one, $two) = (Misbehave::serve(sub { my ($c) = @_; print $c Misbehave::error(529, 'overloaded_error', 'Overloaded') }),
        Misbehave::serve(sub { my ($c, $number) = @_; $number == 1 ? Misbehave::stall($c) : print $c Misbehave::reply('Said by two.') }));
    two_servers($home, $one->{url}, $two->{url});
    my @place = ('--store', $home->{store});
    my $live = Try::start(home => $home, args => ['run', '--events', @place, '--project', "$Try::ROOT/tests/scenarios/team",
        'lone-agent', 'Say something.']);
    Try::until_true(sub { Misbehave::requests($two) });
    kill 'KILL', $live->{pid};
    Try::finish($live);
    my $ran = Try::run(home => $home, args => ['runs', 'resume', 'last', @place]);
    my @came = (scalar(Misbehave::requests($one)), scalar(Misbehave::requests($two)));
    Misbehave::stop($_) for $one, $two;
    is($ran->{exit}, 0, 'a run that is carried on goes on with the model that it had fallen back to') or diag($ran->{out} . $ran->{err});
    is_deeply(\@came, [3, 2], 'and does not ask the first again');
}

{ # of one server that is not there no other model is asked
    my $home = Try::home();
    my $port = Misbehave::free_port();
    two_servers($home, "http://127.0.0.1:$port", "http://127.0.0.1:$port/");
    my $ran = Try::finish(start_chain($home, 1, 'after', {}));
    is($ran->{exit}, 36, 'a server that is not there has no second model to ask');
    unlike($ran->{out}, qr/m-one failed/, 'and none is asked');
}

done_testing();
