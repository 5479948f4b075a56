#!/usr/bin/perl
# run_sums.t -- what a run cost and what the provider's cache did for it: what goes out for the cache,
# `perigee runs cost` and `runs cache`, and siblings that wait until the first has filled it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Misbehave;
use Try;

a_miss_is_explained();
many_blocks_are_marked();
siblings_wait();
a_form_is_refused();
a_form_stays_refused();
what_broke_off_is_counted();
what_was_cancelled_is_counted();
what_providers_do_is_counted();
done_testing();

# Three turns: the first writes, the second reads, the third finds nothing although the bytes are the
# same. The server says why.
sub a_miss_is_explained {
    my @usage = ('"input_tokens":10,"cache_creation_input_tokens":2000', '"input_tokens":10,"cache_read_input_tokens":2000,"cache_creation_input_tokens":100',
        '"input_tokens":10,"cache_read_input_tokens":0,"cache_creation_input_tokens":2300');
    my $server = Misbehave::serve(sub {
        my ($client, $number) = @_;
        my $more = $number == 3 ? ',"diagnostics":{"cache_miss_reason":{"type":"previous_message_not_found"}}' : ',"diagnostics":null';
        print {$client} reply_of($number, $usage[$number - 1], $more, $number < 3 ? ("call_$number") : ());
    });
    my $home = home($server);
    my $ran = Try::run(home => $home, args => [run_args($home), '--json', 'lone-agent', 'Go.']);
    is($ran->{exit}, 0, 'the run ends well') or diag($ran->{err});
    my @requests = Misbehave::requests($server);
    Misbehave::stop($server);
    like($requests[0], qr/"diagnostics":\{"previous_message_id":null\}/, 'the first request asks the server to keep what it compares with');
    like($requests[1], qr/"diagnostics":\{"previous_message_id":"m1"\}/, 'the second names the first');
    my ($prefix) = $requests[1] =~ /("tools":.*)\]\}$/s;
    ok(index($requests[2], $prefix) > 0, 'each request begins with the bytes of the one before');

    my $cache = Try::run(home => $home, args => ['runs', 'cache', 'last', '--store', $home->{store}]);
    is($cache->{exit}, 0, 'runs cache ends well') or diag($cache->{err});
    like($cache->{out}, qr/^ +2 +10 +2,000 +100 +[0-9,]+ B +[0-9,]+ B +0$/m, 'a turn that hit') or diag($cache->{out});
    like($cache->{out}, qr/^ +3 .*2,110, \$0\.0049$/m, 'a turn that missed, and what it cost');
    like($cache->{out}, qr/^turn 3: the same bytes.*the server says: it does not know the request before$/m, 'and why');
    my $data = $Try::JSON->decode(Try::run(home => $home, args => ['runs', 'cache', 'last', '--json', '--store', $home->{store}])->{out});
    is($data->{total}{misses}, 1, 'programs get the same');
    is($data->{turns}[1]{cache}{same}, $data->{turns}[0]{cache}{bytes}, 'what was sent before is the whole request before');

    my $cost = Try::run(home => $home, args => ['runs', 'cost', 'last', '--store', $home->{store}]);
    like($cost->{out}, qr/^lone-agent +priced +3 +30 +2,000 +4,400 +15 +\$0\.0116$/m, 'runs cost has tokens by kind, by agent and model')
        or diag($cost->{out});
    is(Try::run(home => $home, args => ['runs', 'cost', 'nosuch', '--store', $home->{store}])->{exit}, 34, 'a run that is not there is an error');
    my $object = $Try::JSON->decode($ran->{out});
    is_deeply($object->{usage}, { input => 30, output => 15, cache_read => 2000, cache_write => 4400 }, 'the result has tokens by kind too');
}

# More than 20 blocks in one exchange: the end of the request before is marked, so that it is found.
sub many_blocks_are_marked {
    my $server = Misbehave::serve(sub {
        my ($client, $number) = @_;
        print {$client} reply_of($number, '"input_tokens":10', '', $number == 1 ? (map { "call_$_" } 1 .. 15) : ());
    });
    my $home = home($server);
    my $ran = Try::run(home => $home, args => [run_args($home), 'lone-agent', 'Go.']);
    is($ran->{exit}, 0, 'many calls in one reply are carried out') or diag($ran->{err});
    my @requests = Misbehave::requests($server);
    Misbehave::stop($server);
    my $mark = '"cache_control":\{"type":"ephemeral"\}';
    unlike($requests[0], qr/"text":"Go\.",$mark/, 'the end of a request is marked by the server itself');
    like($requests[1], qr/"messages":\[\{"role":"user","content":\[\{"type":"text","text":"Go\.",$mark\}\]\}/, 'the end of the one before by us, where it is far');
    cmp_ok(scalar(() = $requests[1] =~ /cache_control/g), '<=', 4, 'never more marks than there may be');
}

# Three children that begin alike: two wait until the first is answered.
sub siblings_wait {
    my $gate = Try::home()->{dir} . '/open';
    my $server = Misbehave::serve(sub {
        my ($client, $number) = @_;
        Try::until_true(sub { -e $gate }) if $number == 1;
        print {$client} reply_of($number, '"input_tokens":10', '');
    });
    my $home = home($server, 'A long prompt. ' x 600);
    Try::write_file("$home->{work}/three.lua", <<'END');
local schema = require "lib.schema"
return { params = schema.object { { "task", schema.text(), "" } }, run = function(run, params)
  local function one(n) return function() return run.ask("lone-agent", params.task .. n) end end
  return run.all { one(1), one(2), one(3) }
end }
END
    my $live = Try::start(home => $home, args => [run_args($home), '--events', "$home->{work}/three.lua", 'Go']);
    ok(Try::until_text($live, 'out', qr/(?:"kind":"delta\.waiting".*){2}/s), 'two of three wait for the first');
    Try::until_true(sub { Misbehave::requests($server) });
    is(scalar(Misbehave::requests($server)), 1, 'which is the only one that was sent');
    Try::write_file($gate, '');
    my $ran = Try::finish($live);
    is($ran->{exit}, 0, 'then all are answered') or diag($ran->{err});
    is(scalar(Misbehave::requests($server)), 3, 'by a request each');
    unlike($ran->{out}, qr/(?:"kind":"delta\.waiting".*){3}/s, 'and nobody waits a second time');
    Misbehave::stop($server);
}

# A server that takes no form for the answer is asked without it, and the reply is checked all the same.
sub a_form_is_refused {
    my $server = Misbehave::serve(sub {
        my ($client, $number, $request) = @_;
        print {$client} $request =~ /"output_config":\{"format"/
            ? Misbehave::error(400, 'invalid_request_error', 'output_config.format: this schema is not supported')
            : Misbehave::reply($number == 2 ? 'no JSON' : '{\"verdict\": \"accept\"}');
    });
    my $home = home($server);
    Try::write_file("$home->{work}/agents/judge-agent.md", "---\nname: judge-agent\ndescription: judges\ntools: []\nmodel: priced\n"
            . "output: { verdict: [accept, reject] }\n---\nJudge.\n");
    my $ran = Try::run(home => $home, args => [run_args($home), 'judge-agent', 'Go.']);
    my @requests = Misbehave::requests($server);
    Misbehave::stop($server);
    is($ran->{exit}, 0, 'a refused form ends no run') or diag($ran->{err});
    like($requests[0], qr/"output_config":\{"format":\{"type":"json_schema","schema":\{"type":"object","properties":\{"verdict":\{"type":"string","enum":\["accept","reject"\]\}\},"required":\["verdict"\],"additionalProperties":false\}\}\}/,
        'the API is asked to hold the model to it');
    unlike($requests[$_], qr/output_config/, 'afterwards it is not') for 1, 2;
    is(scalar(@requests), 3, 'a reply that does not fit is sent back once, as ever');
    like($ran->{err}, qr/takes no form for the answer/, 'and a line says so');
}

# Killed behind that, the run asks on without the form: what goes out is what went out.
sub a_form_stays_refused {
    my $server = Misbehave::serve(sub {
        my ($client, $number, $request) = @_;
        my $formed = $request =~ /"output_config":\{"format"/;
        return print {$client} Misbehave::error(400, 'invalid_request_error', 'output_config.format: this schema is not supported') if $formed;
        return print {$client} Misbehave::reply('no JSON') if $number == 2;
        return Misbehave::stall($client) if $number == 3;
        print {$client} Misbehave::reply('{\"verdict\": \"accept\"}');
    });
    my $home = home($server);
    Try::write_file("$home->{work}/agents/judge-agent.md", "---\nname: judge-agent\ndescription: judges\ntools: []\nmodel: priced\n"
            . "output: { verdict: [accept, reject] }\n---\nJudge.\n");
    my $live = Try::start(home => $home, args => [run_args($home), 'judge-agent', 'Go.']);
    Try::until_true(sub { Misbehave::requests($server) == 3 });
    kill 'KILL', $live->{pid};
    Try::finish($live);
    my $ran = Try::run(home => $home, args => ['runs', 'resume', 'last', '--store', $home->{store}]);
    my @requests = map { s/.*?\r\n\r\n//sr } Misbehave::requests($server);
    Misbehave::stop($server);
    is($ran->{exit}, 0, 'a run goes on whose server refused a form') or diag($ran->{err});
    is(scalar(@requests), 4, 'which is not tried again');
    is($requests[3], $requests[2], 'the request that was cut goes out as it was');
}

# A stream that breaks off, without any limit that binds: what its server said of it, and what came.
sub what_broke_off_is_counted {
    my $server = Misbehave::serve(sub {
        my ($client, $number) = @_;
        print {$client} $number == 1 ? Misbehave::stream_head() . opening('"input_tokens":1000', 'abc' x 1000) : reply_of(2, '"input_tokens":1000', '');
    });
    my $home = home($server);
    my $ran = Try::run(home => $home, args => [run_args($home), '--limit', 'usd=none', 'lone-agent', 'Go.']);
    Misbehave::stop($server);
    is($ran->{exit}, 0, 'a reply that broke off is asked for anew') or diag($ran->{err});
    like($ran->{err}, qr/~\$0\.0140\b/, 'the last line says that part of the sum is an estimate');
    my $cost = cost($home);
    like($cost->{out}, qr/^lone-agent +priced +1 +1,000 +0 +0 +5 +\$0\.0021$/m, 'runs cost has what is known') or diag($cost->{out});
    like($cost->{out}, qr/^lone-agent \(broke off\) +priced +0 +1,000 +0 +0 +1,000 +~\$0\.0120$/m, 'beside it what is estimated, marked');
    like($cost->{out}, qr/^~ Replies that broke off/m, 'and what the mark means');
    my $data = cost($home, '--json');
    is($data->{rows}[1]{estimated}, JSON::PP::true, 'programs are told too');
    is($data->{rows}[0]{estimated}, undef, 'of that row alone');
    like(Try::run(home => $home, args => ['runs', 'list', '--store', $home->{store}])->{out}, qr/\$0\.0140/, 'the list has the sum');
}

# A run that is cancelled in the middle of a reply.
sub what_was_cancelled_is_counted {
    my $server = Misbehave::serve(sub {
        my ($client, $number) = @_;
        return print {$client} reply_of(2, '"input_tokens":1000', '') if $number > 1;
        print {$client} Misbehave::stream_head() . opening('"input_tokens":1000', 'abc' x 1000);
        Misbehave::stall($client);
    });
    my $home = home($server);
    my $live = Try::start(home => $home, args => [run_args($home), '--limit', 'usd=none', '--events', 'lone-agent', 'Go.']);
    ok(Try::until_text($live, 'out', qr/delta\.text/), 'a reply is under way');
    kill 'INT', $live->{pid};
    my $ran = Try::finish($live);
    like($ran->{out}, qr/"kind":"run\.finished".*"cut":\[\{"agent":"lone-agent"/, 'its end has what was cancelled') or diag($ran->{out}, $ran->{err});
    my $cost = cost($home);
    like($cost->{out}, qr/^lone-agent \(broke off\) +priced +0 +1,000 +0 +0 +1,000 +~\$0\.0120$/m, 'runs cost has it as an estimate') or diag($cost->{out});
    like(Try::run(home => $home, args => ['runs', 'list', '--store', $home->{store}])->{out}, qr/\$0\.0120/, 'so has the list');

    $ran = Try::run(home => $home, args => ['runs', 'resume', 'last', '--json', '--store', $home->{store}]);
    is($ran->{exit}, 0, 'the run goes on') or diag($ran->{out}, $ran->{err});
    my ($end) = grep { $_->{kind} eq 'run.finished' && $_->{body}{status} eq 'ok' } Try::journal($home);
    is($end->{body}{spent}{tokens}, 3005, 'what was cancelled stays spent, once');
    like(cost($home)->{out}, qr/^all +1 +2,000 +0 +0 +1,005 +~\$0\.0140$/m, 'and stands in the sum');

    my ($prompt) = grep { $_->{kind} eq 'prompt' } Try::journal($home);
    Try::run(home => $home, args => ['runs', 'resume', 'last', '--from', $prompt->{seq}, '--store', $home->{store}]);
    Misbehave::stop($server);
    ($end) = (grep { $_->{kind} eq 'run.finished' } Try::journal($home))[-1];
    is($end->{body}{spent}{tokens}, 3005 + 1005, 'also where --from takes back the end that has it');
}

# Searches have a price, pages that were read have none; of code nobody is told what its machine costs.
sub what_providers_do_is_counted {
    my $server = Misbehave::serve(sub {
        my ($client) = @_;
        print {$client} Misbehave::stream_head() . Misbehave::event('message_start',
                '"message":{"id":"m1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"usage":{"input_tokens":1000,"output_tokens":1}}')
            . Misbehave::event('content_block_start', '"index":0,"content_block":{"type":"code_execution_tool_result","tool_use_id":"s","content":{"type":"code_execution_result","stdout":"","stderr":"","return_code":0,"content":[]}}')
            . Misbehave::event('content_block_stop', '"index":0')
            . Misbehave::event('message_delta', '"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":100,"server_tool_use":{"web_search_requests":2,"web_fetch_requests":1}}')
            . Misbehave::event('message_stop', '');
    });
    my $home = home($server, 'Work.', ', search = 0.01');
    my $ran = Try::run(home => $home, args => [run_args($home), 'lone-agent', 'Go.']);
    Misbehave::stop($server);
    like($ran->{err}, qr/\$0\.0230\+/, 'the last line says that more may come') or diag($ran->{err});
    my $cost = cost($home);
    like($cost->{out}, qr/^lone-agent +priced +1 +1,000 +0 +0 +100 +\$0\.0230\+$/m, 'searches are paid for, and the sum is the least');
    like($cost->{out}, qr/2 searches, 1 page read, 1 run of code/, 'what providers did is said') or diag($cost->{out});
    my $data = cost($home, '--json');
    is_deeply([@{ $data->{total} }{qw(searches fetches code_runs least)}], [2, 1, 1, JSON::PP::true], 'to programs too');
}

# -- the parts ----------------------------------------------------------------------------------

sub cost {
    my ($home, $json) = @_;
    my $ran = Try::run(home => $home, args => ['runs', 'cost', 'last', '--store', $home->{store}, $json ? $json : ()]);
    return $json ? $Try::JSON->decode($ran->{out}) : $ran;
}

sub opening {
    my ($usage, $text) = @_;
    return Misbehave::event('message_start', qq("message":{"id":"m1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"usage":{$usage,"output_tokens":1}}))
        . Misbehave::event('content_block_start', '"index":0,"content_block":{"type":"text","text":""}') . Misbehave::delta($text);
}

sub home {
    my ($server, $prompt, $prices) = @_;
    $prices //= '';
    my $home = Try::home();
    Try::write_file("$home->{config}/perigee/lua/models.lua", <<"END");
return { add = {
  providers = { here = { dialect = "anthropic", base_url = "$server->{url}", legacy = "never", cache_least = 1000 } },
  models = { priced = { provider = "here", prices = { input = 2, output = 10, cache_read = 0.2, cache_write = 2.5$prices } } },
} }
END
    Try::write_file("$home->{work}/a.txt", "one line\n");
    Try::write_file("$home->{work}/agents/lone-agent.md", "---\nname: lone-agent\ndescription: works\ntools: [read]\nmodel: priced\n---\n"
            . ($prompt // 'Work.') . "\n");
    return $home;
}

sub run_args {
    my ($home) = @_;
    return ('run', '--workspace', $home->{work}, '--store', $home->{store}, '--project', $home->{work});
}

# A reply with calls of `read`, or with a text.
sub reply_of {
    my ($number, $usage, $more, @calls) = @_;
    my $text = Misbehave::stream_head() . Misbehave::event('message_start',
        qq("message":{"id":"m$number","type":"message","role":"assistant","model":"priced-1","content":[],"stop_reason":null$more,"usage":{$usage,"output_tokens":1}}));
    my $at = 0;
    for my $id (@calls) {
        $text .= Misbehave::event('content_block_start', qq("index":$at,"content_block":{"type":"tool_use","id":"$id","name":"read","input":{}}))
            . Misbehave::event('content_block_delta', qq("index":$at,"delta":{"type":"input_json_delta","partial_json":"{\\"path\\": \\"a.txt\\"}"}))
            . Misbehave::event('content_block_stop', qq("index":$at));
        $at++;
    }
    $text .= Misbehave::event('content_block_start', qq("index":$at,"content_block":{"type":"text","text":"Done."}))
        . Misbehave::event('content_block_stop', qq("index":$at)) if !@calls;
    my $stop = @calls ? 'tool_use' : 'end_turn';
    return $text . Misbehave::event('message_delta', qq("delta":{"stop_reason":"$stop"},"usage":{"output_tokens":5}))
        . Misbehave::event('message_stop', '');
}
