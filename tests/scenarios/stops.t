#!/usr/bin/perl
# stops.t -- why a model stopped, over HTTP in each wire format, and what a run makes of it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Misbehave;
use Try;

my %MODEL = (anthropic => 'claude-sonnet-5-5', openai_responses => 'gpt-6-sol', openai_chat => 'gpt-6-sol');

paused();
my $LENGTH  = "the model's reply reached its length limit";
my $REFUSAL = 'the model declined to go on';
ends($_) for (
    ['anthropic', 'max_tokens', $LENGTH],
    ['anthropic', 'refusal', "$REFUSAL: Not this."],
    ['anthropic', 'stop_sequence', undef],
    ['anthropic', 'a_reason_of_tomorrow', undef],
    ['openai_chat', 'length', $LENGTH],
    ['openai_chat', 'content_filter', $REFUSAL],
    ['openai_responses', 'max_output_tokens', $LENGTH],
    ['openai_responses', 'content_filter', $REFUSAL],
    ['openai_responses', 'max_messages', $LENGTH],
    ['openai_responses', 'a_reason_of_tomorrow', $LENGTH], # whatever it is, the reply is not whole
);
last_line();
done_testing();

# A server that pauses is asked again with all it has said, block by block as it came.
sub paused {
    my $asked = '{"type":"server_tool_use","id":"srv_1","name":"web_search","input":{}}';
    my $found = '{"type":"web_search_tool_result","tool_use_id":"srv_1","content":[]}';
    my ($ran, @requests) = ran('anthropic', sub {
        return stream(anthropic('Done.', 'end_turn')) if $_[0] > 1;
        return stream('{"type":"message_start","message":{"id":"m1","model":"m","usage":{"input_tokens":5,"output_tokens":1}}}',
            qq({"type":"content_block_start","index":0,"content_block":$asked}),
            '{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"query\": \"reeds\"}"}}',
            '{"type":"content_block_stop","index":0}',
            qq({"type":"content_block_start","index":1,"content_block":$found}), '{"type":"content_block_stop","index":1}',
            '{"type":"message_delta","delta":{"stop_reason":"pause_turn"},"usage":{"output_tokens":9}}', '{"type":"message_stop"}');
    });
    is($ran->{exit}, 0, 'a paused turn goes on') or diag($ran->{err});
    is(scalar @requests, 2, 'with a second request');
    my ($body) = $requests[1] =~ /\r\n\r\n(.*)/s;
    my @messages = @{ $Try::JSON->decode($body)->{messages} };
    is($messages[-1]{role}, 'assistant', 'that ends in what the server said');
    my $whole = $asked =~ s/"input":\{\}/"input":{"query": "reeds"}/r;
    like($body, qr/\[\Q$whole,$found\E\]/, 'each block as it came');
    like($ran->{out}, qr/"text":"Done\."/, 'and the result is what it says then');
}

# Some servers leave out the blank line behind their last event.
sub last_line {
    my ($ran, @requests) = ran('openai_responses', sub {
        return stream(map { s/response\.incomplete/response.completed/r =~ s/"incomplete",/"completed",/r } openai_responses('Whole.', 'x')) =~ s/\n\n\z/\n/r;
    });
    is($ran->{exit}, 0, 'a last event without its blank line counts') or diag($ran->{err});
    is(scalar @requests, 1, 'and nothing is asked again');
}

# A reply that is no end of the work ends the run, with what was said and why.
sub ends {
    my ($wire, $reason, $why) = @{ $_[0] };
    my ($ran) = ran($wire, sub { stream(main->can($wire)->('Half a word', $reason)) });
    my $result = eval { $Try::JSON->decode($ran->{out}) } // {};
    is($ran->{exit}, $why ? 32 : 0, "$wire, $reason: " . ($why ? 'is no end of the work' : 'is the end')) or diag($ran->{err});
    is($result->{error}, $why, "$wire, $reason: and the result says why");
    is($result->{text}, 'Half a word', "$wire, $reason: and has what was said");
}

sub anthropic {
    my ($text, $reason) = @_;
    my $details = $reason eq 'refusal' ? ',"stop_details":{"type":"refusal","category":"cyber","explanation":"Not this."}' : '';
    return ('{"type":"message_start","message":{"id":"m1","model":"m","usage":{"input_tokens":5,"output_tokens":1}}}',
        qq({"type":"content_block_start","index":0,"content_block":{"type":"text","text":"$text"}}), '{"type":"content_block_stop","index":0}',
        qq({"type":"message_delta","delta":{"stop_reason":"$reason"$details},"usage":{"output_tokens":9}}), '{"type":"message_stop"}');
}

sub openai_chat {
    my ($text, $reason) = @_;
    return (qq({"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"$text"},"finish_reason":"$reason"}]}), '[DONE]');
}

sub openai_responses {
    my ($text, $reason) = @_;
    my $item = qq({"id":"i1","type":"message","role":"assistant","content":[{"type":"output_text","text":"$text","annotations":[]}]});
    return ('{"type":"response.created","response":{"id":"r1","model":"m"}}',
        qq({"type":"response.output_item.added","output_index":0,"item":{"id":"i1","type":"message","role":"assistant","content":[]}}),
        qq({"type":"response.output_item.done","output_index":0,"item":$item}),
        qq({"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"$reason"}}}));
}

# Events as a stream, with names where the wire has them.
sub stream { return Misbehave::stream_head() . join '', map { (/"type":"([^"]+)"/ && !/"choices"/ ? "event: $1\n" : '') . "data: $_\n\n" } @_ }

sub ran {
    my ($wire, $answer) = @_;
    my $server = Misbehave::serve(sub { my ($client, $number) = @_; print { $client } $answer->($number) });
    my $home = Try::home();
    Try::write_file("$home->{config}/perigee/lua/models.lua", Try::speaking($wire)) if $wire ne 'anthropic';
    my $variable = $wire eq 'anthropic' ? 'ANTHROPIC_BASE_URL' : 'OPENAI_BASE_URL';
    my $ran = Try::run(home => $home, env => { $variable => $server->{url} }, args => ['run', '--workspace', $home->{work},
        '--store', $home->{store}, '--project', "$FindBin::Bin/team", '--model', $MODEL{$wire}, '--json', 'lone-agent', 'Go.']);
    my @requests = Misbehave::requests($server);
    Misbehave::stop($server);
    return ($ran, @requests);
}
