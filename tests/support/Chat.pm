# Chat.pm -- servers of Chat Completions as they differ: DeepSeek, Groq, OpenRouter, Ollama, llama.cpp, vLLM.
#
# Use    my $server = Misbehave::serve(Chat::server('groq'));
# Each refuses what the real one does not know, and says what Probed.pm says in its own way. A text with
# "break off" gets the error that such a server sends in the middle of a stream.
package Chat;
use strict;
use warnings;
use JSON::PP;
use Misbehave;
use Probed;

my $JSON = JSON::PP->new->utf8->canonical->allow_nonref;

# path: where it listens. comment: a line of no event. thought: a field. usage: how it counts; beside_end: with the
# reason to stop. calls: how a call comes. done: whether it ends in [DONE]. stop: what a reply with calls ends in.
# refuses: what is no request for it. broken: its error in a stream.
my %WAYS = (
    deepseek => { path => '/chat/completions', comment => ': keep-alive', thought => 'reasoning_content', done => 1,
        usage => { prompt_tokens => 20, completion_tokens => 5, prompt_cache_hit_tokens => 12, prompt_cache_miss_tokens => 8 },
        refuses => sub {
            return 'max_completion_tokens' if exists $_[0]{max_completion_tokens};
            return 'json_schema' if ($_[0]{response_format} || {})->{type};
            return 'reasoning_content is missing' if grep { $_->{role} eq 'assistant' && !defined $_->{reasoning_content} } @{ $_[0]{messages} };
            return ($_[0]{reasoning_effort} // 'low') !~ /^(?:low|high|max)$/ && 'reasoning_effort';
        },
        broken => { choices => [{ index => 0, delta => {}, finish_reason => 'insufficient_system_resource' }] } },
    groq => { path => '/openai/v1/chat/completions', thought => 'reasoning', done => 1, beside_end => 1,
        usage => { prompt_tokens => 20, completion_tokens => 5 },
        refuses => sub { ($_[0]{response_format} && 'response_format with stream') || (($_[0]{reasoning_effort} // 'low') !~ /^(?:low|medium|high)$/ && 'reasoning_effort') },
        broken => { choices => [], x_groq => { id => 'r', error => 'no room just now' } } },
    openrouter => { path => '/api/v1/chat/completions', comment => ': OPENROUTER PROCESSING', thought => 'reasoning', done => 1,
        details => 1, usage => { prompt_tokens => 20, completion_tokens => 5, cost => 0.5, prompt_tokens_details => { cached_tokens => 12 } },
        broken => { id => 'c', choices => [{ index => 0, delta => { content => '' }, finish_reason => 'error' }],
            error => { code => 502, message => 'no room just now' } } },
    ollama => { path => '/v1/chat/completions', thought => 'reasoning', calls => 'bare', stop => 'stop',
        usage => { prompt_tokens => 20, completion_tokens => 5 },
        broken => { error => { message => 'no room just now', type => 'api_error' } } },
    llamacpp => { path => '/v1/chat/completions', thought => 'reasoning_content', done => 1,
        usage => { prompt_tokens => 20, completion_tokens => 5 },
        broken => { error => { code => 503, message => 'no room just now', type => 'unavailable_error' } } },
    vllm => { path => '/v1/chat/completions', thought => 'reasoning', done => 1,
        usage => { prompt_tokens => 20, completion_tokens => 5 },
        broken => { object => 'error', message => 'no room just now', code => 503 } },
);

sub path { return $WAYS{ $_[0] }{path} }

sub server {
    my ($name) = @_;
    my $way = $WAYS{$name};
    return sub {
        my ($client, undef, $request) = @_;
        my ($path, $body) = $request =~ m{^POST (\S+) .*?\r\n\r\n(.*)}s or return;
        return print { $client } Misbehave::whole(404, 'application/json', '{"error":{"message":"no such path"}}') if $path ne $way->{path};
        my $asked = $JSON->decode($body);
        my $what = $way->{refuses} && $way->{refuses}->($asked);
        return print { $client } Misbehave::whole(400, 'application/json', qq({"error":{"message":"$what is not known here"}})) if $what;
        my @events = events($way, $asked);
        my $slow = $body =~ /Slowly/;
        @events = @events[0 .. 4] if $slow;
        print { $client } Misbehave::stream_head(), map { ($way->{comment} ? "$way->{comment}\n\n" : '') . "data: $_\n\n" } @events;
        sysread $client, my $rest, 1 if $slow; # until the client goes away
    };
}

sub events {
    my ($way, $asked) = @_;
    my @messages = @{ $asked->{messages} };
    my @results = grep { $_->{role} eq 'tool' } @messages;
    @results = () if $messages[-1]{role} eq 'user';
    my $text = join ' ', map { ref $_->{content} ? map({ $_->{text} // '' } @{ $_->{content} }) : () } $messages[-1];
    return ($JSON->encode({ id => 'c', choices => [choice({ content => 'Half' })] }), $JSON->encode($way->{broken})) if $text =~ /break off/;
    my ($texts, $calls, $stop) = Probed::reply($text, [map { $_->{tool_call_id} } @results], @results ? $results[-1]{content} : undef);
    my %thought = ($way->{thought} => 'Hm. ');
    $thought{reasoning_details} = [{ type => 'reasoning.text', text => 'Hm. ' }] if $way->{details};
    my $end = { id => 'c', choices => [choice({}, $way->{stop} || ($stop eq 'calls' ? 'tool_calls' : 'stop'))] };
    $end->{x_groq} = { id => 'r', usage => $way->{usage} } if $way->{beside_end};
    my @all = ((map { { id => 'c', model => 'm', choices => [choice($_)] } } \%thought, (map { { content => $_ } } @$texts), called($way, @$calls)), $end);
    push @all, { id => 'c', choices => [], usage => $way->{usage} } if !$way->{beside_end};
    return ((map { $JSON->encode($_) } @all), $way->{done} ? '[DONE]' : ());
}

sub choice { my ($delta, $finish) = @_; return { index => 0, delta => $delta, finish_reason => $finish } }

# Calls in pieces, or whole without id and place.
sub called {
    my ($way, @calls) = @_;
    return map { { tool_calls => [{ type => 'function', function => { name => $_->[1], arguments => $JSON->encode($_->[2]) } }] } } @calls
        if ($way->{calls} // '') eq 'bare';
    return map {
        my ($place, $call) = ($_, $calls[$_]);
        my ($head, $tail) = $JSON->encode($call->[2]) =~ /^(.{3})(.*)$/s;
        ({ tool_calls => [{ index => $place, id => $call->[0], type => 'function', function => { name => $call->[1], arguments => $head } }] },
            { tool_calls => [{ index => $place, function => { arguments => $tail } }] });
    } 0 .. $#calls;
}

1;
