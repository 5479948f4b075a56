#!/usr/bin/perl
# compaction.t -- conversations that outgrow their model's window: what goes out is made shorter in a
# step of the journal, before the window is full or once the model refuses; and plans of others' making.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Misbehave;
use Try;

my $BIG = "line of a file that fills the window\n" x 300; # about 2,800 tokens

old_results_go();
a_summary_is_made();
the_users_shares();
a_smaller_window();
refused_as_too_long();
ended_by_the_window();
an_unknown_window();
nothing_to_take();
a_broken_plan();
killed_and_carried_on();
killed_with_a_limit();
a_rehearsed_summary();
done_testing();

# Two big results in a window of 8,000 tokens: the older one is replaced by a note.
sub old_results_go {
    my ($ran, $requests, @records) = ran(8000,
        sub { call_of('read', $_[0], '{\"path\": \"big.txt\"}', [100, 3000, 6600, 1]->[$_[0] - 1]) }, 3);
    is($ran->{exit}, 0, 'a window that is nearly full ends no run') or diag($ran->{err});
    my ($step) = grep { $_->{kind} eq 'compaction' } @records;
    is(Try::differs({ agent => 'lone-agent', why => 'window', window => 8000, results => ['call_1', 'call_2'], plan => 'old results' },
        $step->{body}), '', 'the step says what was taken out and why');
    cmp_ok($step->{body}{tokens_after}, '<', $step->{body}{tokens_before}, 'and what it is worth');
    like($requests->[3], qr/taken out to make room: \d+ bytes that read answered to \{.{0,5}path.{0,10}big\.txt.{0,5}\}; call it again/,
        'the model sees which call to make again');
    is(() = $requests->[3] =~ /line of a file/g, 300, 'the newest result stays');
    like(Try::run(home => $ran->{home}, args => ['runs', 'export', 'last', '--store', $ran->{home}{store}])->{out},
        qr/made shorter, lone-agent: \d+ of 8000 tokens/, 'and so has the page of an export');
    like(Try::run(home => $ran->{home}, args => ['runs', 'show', 'last', '--store', $ran->{home}{store}])->{out},
        qr/compaction +lone-agent: \d+ of 8000 tokens to \d+.*2 results taken out/, 'runs show has it');
}

# Many small exchanges: a summary by the small model of the same server, with the task kept.
sub a_summary_is_made {
    my ($ran, $requests, @records) = ran(2400, sub {
        my ($number, $request) = @_;
        return Misbehave::reply('It was about small.txt.') if $request =~ /Agent: summarizer/;
        return call_of('read', $number, '{\"path\": \"small.txt\"}', $number * 120);
    }, 18);
    is($ran->{exit}, 0, 'small exchanges end no run either') or diag($ran->{err});
    my ($step) = grep { $_->{kind} eq 'compaction' } @records;
    like($step->{body}{summary}, qr/It was about small\.txt\./, 'the summary stands in the step') or return;
    is($step->{body}{model}, 'claude-haiku-5-5', 'the small model made it');
    is($step->{body}{usage}{input}, 10, 'its tokens are known');
    my ($asked) = grep { /Agent: summarizer/ } @$requests;
    like($asked, qr/"model":"claude-haiku-5-5"/, 'it was asked');
    like($asked, qr/\[calls read/, 'it reads what was called');
    my $next = (grep { /Summed up: what was said/ } @$requests)[0];
    like($next, qr/"messages":\[\{"role":"user","content":\[\{"type":"text","text":"Go\."\},\{"type":"text","text":"## Summed up/,
        'the task stays as it was, the summary follows it');
    is(() = $next =~ /"type":"tool_use"/g, scalar(() = $next =~ /"type":"tool_result"/g), 'no call lost its result');
    unlike($ran->{out}, qr/"text":"It was/, 'the summary is nobody\'s reply');
}

# When it begins, and how much is left, are the user's to say.
sub the_users_shares {
    my $answer = sub { call_of('read', $_[0], '{\"path\": \"big.txt\"}', [100, 3000, 6600, 1]->[$_[0] - 1]) };
    my (undef, undef, @records) = ran(8000, $answer, 3, undef, '--setting', 'context.full=90%');
    is(scalar(grep { $_->{kind} eq 'compaction' } @records), 1, 'at nine tenths the same conversation is made shorter once its result is in');
    (undef, undef, @records) = ran(40000, $answer, 3, undef, '--setting', 'context.full=20%', '--setting', 'context.left=10%');
    my ($step) = grep { $_->{kind} eq 'compaction' } @records;
    is($step->{body}{window}, 40000, 'at a fifth a large window is full early') or diag($Try::JSON->encode([map { $_->{kind} } @records]));
    my ($ran) = ran(8000, $answer, 3, undef, '--setting', 'context.left=90%');
    is($ran->{exit}, 35, 'what is left is less than what is full') or diag($ran->{out}, $ran->{err});
}

# The first model fails; the one that takes over has a smaller window, and that counts from then on.
sub a_smaller_window {
    my $server = Misbehave::serve(sub {
        my ($client, $number, $request) = @_;
        print {$client} $request =~ /"model":"big"/ ? Misbehave::error(500, 'api_error', 'broken')
            : $number > 4 ? Misbehave::reply('Done.')
            : call_of('read', $number, '{\"path\": \"big.txt\"}', [undef, undef, 100, 3000, 6600]->[$number]);
    });
    my $home = lone_home();
    Try::write_file("$home->{config}/perigee/lua/models.lua", <<"END");
return { add = { limits = { attempts = 1 }, tiers = { medium = { "big", "small" } },
  providers = { here = { dialect = "anthropic", base_url = "$server->{url}", legacy = "never" } },
  models = { big = { provider = "here", context = 1000000 }, small = { provider = "here", context = 8000 } } } }
END
    my $ran = Try::run(home => $home, args => run_args($home));
    my @requests = Misbehave::requests($server);
    Misbehave::stop($server);
    is($ran->{exit}, 0, 'a model with a smaller window takes over') or diag($ran->{out}, $ran->{err});
    my ($step) = grep { $_->{kind} eq 'compaction' } Try::journal($home);
    is($step->{body}{window}, 8000, 'its window is the one that counts');
    like($requests[-1], qr/taken out to make room/, 'and the conversation is made shorter for it');
}

# The server refuses a request as too long: once it is made shorter, then it is over.
sub refused_as_too_long {
    my $refusal = Misbehave::error(400, 'invalid_request_error', 'prompt is too long: 8001 tokens > 8000 maximum');
    my ($ran, $requests, @records) = ran(undef, sub {
        my ($number, $request) = @_;
        return call_of('read', $number, '{\"path\": \"big.txt\"}', 10) if $number < 3;
        return $request =~ /taken out to make room/ ? Misbehave::reply('Done.') : $refusal;
    }, 99);
    is($ran->{exit}, 0, 'a refused request is asked again, shorter') or diag($ran->{err});
    is_deeply([map { $_->{body}{why} } grep { $_->{kind} eq 'compaction' } @records], ['exceeded'], 'in one step');
    is(scalar(grep { $_->{kind} eq 'turn' } @records), 3, 'a refusal is no turn');
    ($ran, $requests) = ran(undef, sub { $_[0] < 3 ? call_of('read', $_[0], '{\"path\": \"big.txt\"}', 10) : $refusal }, 99);
    isnt($ran->{exit}, 0, 'refused again it is over');
    like($ran->{err} . $ran->{out}, qr/prompt is too long/, 'with the reason of the server');
    is(scalar(grep { !/Agent: summarizer/ } @$requests), 4, 'after one more try');
}

# A reply that ran into the window is not the end.
sub ended_by_the_window {
    my ($ran, $requests, @records) = ran(8000, sub {
        my ($number, $request) = @_;
        return call_of('read', $number, '{\"path\": \"big.txt\"}', 10) if $number < 3;
        return Misbehave::reply($number == 3 ? 'So far' : 'Done.', $number == 3 ? 'model_context_window_exceeded' : 'end_turn');
    }, 99);
    is($ran->{exit}, 0, 'a reply cut by the window is asked for again') or diag($ran->{err});
    is($Try::JSON->decode($ran->{out})->{text}, 'Done.', 'and the whole one counts');
    unlike($requests->[3], qr/So far/, 'the cut one is not sent back');
    is(scalar(grep { $_->{kind} eq 'compaction' } @records), 1, 'after one step');
}

sub an_unknown_window {
    my ($ran, undef, @records) = ran(undef, sub { call_of('read', $_[0], '{\"path\": \"small.txt\"}', 900000) }, 3);
    is($ran->{exit}, 0, 'of a model whose window is not known nothing is taken out') or diag($ran->{err});
    is(scalar(grep { $_->{kind} eq 'compaction' } @records), 0, 'however long the server says it is');
}

sub nothing_to_take {
    my ($ran, $requests) = ran(8000, sub { Misbehave::error(400, 'invalid_request_error', 'prompt is too long') }, 99);
    isnt($ran->{exit}, 0, 'a first message that is too long ends the run');
    is(scalar(@$requests), 1, 'without a second try');
}

sub a_broken_plan {
    for my $case (
        ['{ results = { "call_9" } }', qr/compact: results: no call \\"call_9\\" has a result here/],
        ['{ summary = { upto = 2 } }', qr/compact: summary\.upto is 2; the message there should be the user's/],
        ['{ summary = { upto = 99 } }', qr/summary\.upto is 99; it lies between 2 and 4/],
        ['{ drop = 3 }',               qr/unknown key|drop/],
    ) {
        my ($plan, $error) = @$case;
        my ($ran) = ran(8000, sub { call_of('read', $_[0], '{\"path\": \"small.txt\"}', $_[0] * 3500) }, 3, <<"END");
local room = require "lib.room"
return { prompt = function(facts) return "Agent: " .. facts.agent.name end,
  handover = function(facts) return facts.task end,
  compact = function(facts) return $plan end }
END
        is($ran->{exit}, 35, "the plan $plan ends the run");
        like($ran->{err} . $ran->{out}, $error, 'with what is wrong in it');
        like($ran->{err} . $ran->{out}, qr/context\.lua/, 'and where');
    }
    my ($ran, undef, @records) = ran(8000, sub { call_of('read', $_[0], '{\"path\": \"small.txt\"}', $_[0] * 3500) }, 3, <<"END");
return { prompt = function(facts) return "Agent: " .. facts.agent.name end,
  handover = function(facts) return facts.task end }
END
    is($ran->{exit}, 0, 'a context.lua without the function is as good as before') or diag($ran->{out});
}

# A run that is killed behind the step goes on from it: the summary is not made again, and the request
# that was under way goes out with the same bytes.
sub killed_and_carried_on {
    my $server = Misbehave::serve(sub {
        my ($client, $number, $request) = @_;
        if ($request =~ /Agent: summarizer/) { print {$client} Misbehave::reply('It was about small.txt.') }
        elsif ($request =~ /Summed up/ && $number == 18) { Misbehave::stall($client) }
        elsif ($request =~ /Summed up/) { print {$client} Misbehave::reply('Done.') }
        else { print {$client} call_of('read', $number, '{\"path\": \"small.txt\"}', $number * 120) }
    });
    my $home = lone_home(2400);
    my $live = Try::start(home => $home, env => { ANTHROPIC_BASE_URL => $server->{url} }, args => run_args($home));
    Try::until_true(sub { (Misbehave::requests($server))[-1] =~ /Summed up/ });
    kill 'KILL', $live->{pid};
    Try::finish($live);
    my @before = Misbehave::requests($server);
    like($before[-1], qr/Summed up/, 'killed while the model answers behind the step') or return Misbehave::stop($server);
    my $ran = Try::run(home => $home, env => { ANTHROPIC_BASE_URL => $server->{url} },
        args => ['runs', 'resume', 'last', '--json', '--store', $home->{store}]);
    my @after = Misbehave::requests($server);
    Misbehave::stop($server);
    is($ran->{exit}, 0, 'the run goes on') or diag($ran->{err}, $ran->{out});
    is(scalar(@after), @before + 1, 'with one request');
    is($after[-1] =~ s/.*?\r\n\r\n//sr, $before[-1] =~ s/.*?\r\n\r\n//sr, 'of the same bytes');
    is(scalar(grep { $_->{kind} eq 'compaction' } Try::journal($home)), 1, 'and the step is made once');
}

# The same under a limit: what goes out behind the step is what an undisturbed run sends, and what is
# left of the limit is the same, but for the request that was killed, which counts as it was set aside.
sub killed_with_a_limit {
    my $answers = sub {
        my ($killed) = @_;
        my $stalls = $killed;
        return Misbehave::serve(sub {
            my ($client, $number, $request) = @_;
            my $turn = () = $request =~ /"role":"assistant"/g;
            return print {$client} Misbehave::reply('It was about small.txt.') if $request =~ /Agent: summarizer/;
            if ($request !~ /Summed up/) { print {$client} call_of('read', $number, '{\"path\": \"small.txt\"}', $number * 120) }
            elsif ($turn < 9) { print {$client} call_of('read', 30 + $turn, '{\"path\": \"small.txt\"}', 900 + $turn) }
            elsif ($killed && !-e $killed) { Try::write_file($killed, ''); Misbehave::stall($client) }
            else { print {$client} Misbehave::reply('Done.') }
        });
    };
    my (%bodies, %end, %all);
    for my $killed (0, 1) {
        my $home = lone_home(2400);
        my $server = $answers->($killed && "$home->{dir}/stalled");
        my %how = (home => $home, env => { ANTHROPIC_BASE_URL => $server->{url} });
        my @args = ('--limit', 'tokens=900000,turns=90');
        my $live = Try::start(%how, args => [@{ run_args($home) }, @args]);
        if ($killed) {
            Try::until_true(sub { -e "$home->{dir}/stalled" }) or diag('it never came so far');
            kill 'KILL', $live->{pid};
        }
        my $ran = Try::finish($live);
        $ran = Try::run(%how, args => ['runs', 'resume', 'last', '--json', '--store', $home->{store}]) if $killed;
        is($ran->{exit}, 0, $killed ? 'a run that was killed behind the step goes on' : 'a run with a limit') or diag($ran->{err}, $ran->{out});
        $bodies{$killed} = [map { s/.*?\r\n\r\n//sr =~ s/\Q$home->{dir}\E/HOME/gr } Misbehave::requests($server)];
        $all{$killed} = [Try::journal($home)];
        ($end{$killed}) = map { $_->{body}{spent} } grep { $_->{kind} eq 'run.finished' } @{ $all{$killed} };
        Misbehave::stop($server);
    }
    my $again = pop @{ $bodies{1} };
    is($again, $bodies{1}[-1], 'the request that was cut goes out again as it was');
    is_deeply($bodies{1}, $bodies{0}, 'and all are those of a run that nobody disturbed');
    my @reserved = map { $_->{body} } grep { $_->{kind} eq 'reserved' } @{ $all{1} };
    is($reserved[-1]{tokens}, $reserved[-2]{tokens}, 'as much is set aside for it again');
    is($end{1}{tokens} - $end{0}{tokens}, $reserved[-2]{tokens}, 'tokens: what was spent is the same, and what the kill may have cost');
    is($end{1}{$_}, $end{0}{$_}, "$_: the same") for qw(turns calls);
}

# A scenario that is served says the summary as the agent `summarizer`.
sub a_rehearsed_summary {
    my $home = Try::home();
    Try::write_file("$home->{dir}/long.lua", <<'END');
local rehearse = require "lib.rehearse"
local function read(input) return { expect = rehearse.anything("it reads"), calls = { { "read", { path = "small.txt" } } }, usage = { input = input, output = 5 } } end
return { agents = {
  ["lone-agent"] = { { read(400), read(900), read(1400), read(1900), { expect = rehearse.results(1), text = "Done." } } },
  summarizer = { { { expect = rehearse.first("## Task of lone-agent\nGo."), text = "All read." } } },
} }
END
    my $served = Try::serve($home, "$home->{dir}/long.lua", 5) or return fail('the scenario is served');
    Try::write_file("$home->{config}/perigee/lua/models.lua", 'return { add = { models = { ["claude-sonnet-5-5"] = { provider = "anthropic", context = 2000 } } } }');
    Try::write_file("$home->{work}/small.txt", "Nothing much.\n" x 12);
    Try::write_file("$home->{work}/agents/lone-agent.md", "---\nname: lone-agent\ndescription: works\ntools: [read]\nmodel: sonnet\n---\nWork.\n");
    my $ran = Try::run(home => $home, env => { ANTHROPIC_BASE_URL => $served->{url} },
        args => ['run', '--workspace', $home->{work}, '--store', $home->{store}, '--project', $home->{work}, '--json', 'lone-agent', 'Go.']);
    my $heard = Try::stop_serving($served);
    is($ran->{exit}, 0, 'a served scenario goes on behind the summary') or diag($ran->{err}, $heard->{err});
    like($heard->{err}, qr/^summarizer, visit 1, turn 1$/m, 'which it gave itself');
    my ($step) = grep { $_->{kind} eq 'compaction' } Try::journal($home);
    like($step->{body}{summary}, qr/All read\./, 'and which the step keeps');
}

# -- the parts ----------------------------------------------------------------------------------

# A run against a server that answers as `answer` says, and "Done." from request number `last` on.
sub ran {
    my ($window, $answer, $last, $context, @more) = @_;
    my $server = Misbehave::serve(sub {
        my ($client, $number, $request) = @_;
        print {$client} $number > $last && $request !~ /Agent: summarizer/ ? Misbehave::reply('Done.') : $answer->($number, $request);
    });
    my $home = lone_home($window);
    Try::write_file("$home->{config}/perigee/lua/context.lua", $context) if $context;
    my $ran = Try::run(home => $home, env => { ANTHROPIC_BASE_URL => $server->{url} }, args => [@{ run_args($home) }, @more]);
    my @requests = Misbehave::requests($server);
    Misbehave::stop($server);
    $ran->{home} = $home;
    return ($ran, \@requests, Try::journal($home));
}

sub run_args {
    my ($home) = @_;
    return ['run', '--workspace', $home->{work}, '--store', $home->{store}, '--project', $home->{work}, '--json', 'lone-agent', 'Go.'];
}

sub lone_home {
    my ($window) = @_;
    my $home = Try::home();
    my $row = $window ? ", context = $window" : '';
    Try::write_file("$home->{config}/perigee/lua/models.lua", <<"END");
return { add = { models = { ["claude-sonnet-5-5"] = { provider = "anthropic"$row } } } }
END
    Try::write_file("$home->{work}/big.txt", $BIG);
    Try::write_file("$home->{work}/small.txt", "Nothing much.\n" x 12);
    Try::write_file("$home->{work}/agents/lone-agent.md", <<'END');
---
name: lone-agent
description: works alone
tools: [read]
model: sonnet
---
Work.
END
    return $home;
}

# A reply that calls a tool, of which the server says how many tokens went in.
sub call_of {
    my ($tool, $number, $input, $tokens) = @_;
    return Misbehave::stream_head()
        . Misbehave::event('message_start', qq("message":{"id":"m$number","type":"message","role":"assistant","model":"m",)
            . qq("content":[],"stop_reason":null,"usage":{"input_tokens":$tokens,"output_tokens":1}}))
        . Misbehave::event('content_block_start', qq("index":0,"content_block":{"type":"tool_use","id":"call_$number","name":"$tool","input":{}}))
        . Misbehave::event('content_block_delta', qq("index":0,"delta":{"type":"input_json_delta","partial_json":"$input"}))
        . Misbehave::closing('tool_use');
}
