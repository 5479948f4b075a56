#!/usr/bin/perl
# models.t -- servers of models over real HTTP: each dialect is checked against a served scenario, a
# local server is a few lines of the user's, and a stream that comes in other pieces (each byte alone,
# or cut by a seed) makes the same events. Recorded streams come from outside ($PERIGEE_SHARED).
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Test::More;
use Misbehave;
use Try;

my $SHARED   = $ENV{PERIGEE_SHARED};
my @DIALECTS = qw(anthropic openai_chat openai_responses);
my %DONE     = (openai_chat => "data: [DONE]\n\n");

# A reply of each wire: text with an emoji, thinking, and a call of a tool that does not exist.
my %FIXTURE = (
    anthropic => [
        '{"type":"message_start","message":{"id":"m1","model":"m","usage":{"input_tokens":5,"output_tokens":1}}}',
        '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
        "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Go \xF0\x9F\x9A\x80 \"}}",
        '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"now."}}',
        '{"type":"content_block_stop","index":0}', '{"type":"ping"}',
        '{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t1","name":"fly","input":{}}}',
        '{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"to\": \"moon\"}"}}',
        '{"type":"content_block_stop","index":1}',
        '{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}', '{"type":"message_stop"}',
    ],
    openai_chat => [
        '{"id":"c1","model":"m","choices":[{"index":0,"delta":{"reasoning_content":"Hm."},"finish_reason":null}]}',
        "{\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Go \xF0\x9F\x9A\x80 now.\"},\"finish_reason\":null}]}",
        '{"id":"c1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t1","function":{"name":"fly","arguments":"{\"to\":"}}]}}]}',
        '{"id":"c1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":" \"moon\"}"}}]},"finish_reason":"tool_calls"}]}',
        '{"id":"c1","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":9}}',
    ],
    openai_responses => [
        '{"type":"response.created","response":{"id":"r1","model":"m"}}',
        '{"type":"response.output_item.added","output_index":0,"item":{"type":"message","role":"assistant","content":[]}}',
        "{\"type\":\"response.output_text.delta\",\"output_index\":0,\"delta\":\"Go \xF0\x9F\x9A\x80 now.\"}",
        "{\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"Go \xF0\x9F\x9A\x80 now.\"}]}}",
        '{"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","call_id":"t1","name":"fly","arguments":""}}',
        '{"type":"response.output_item.done","output_index":1,"item":{"type":"function_call","call_id":"t1","name":"fly","arguments":"{\"to\": \"moon\"}"}}',
        '{"type":"response.completed","response":{"status":"completed","usage":{"input_tokens":5,"output_tokens":9}}}',
    ],
);
my %RECORDED = (
    anthropic        => ['anthropic-text', 'anthropic-tool-no-args', 'anthropic-web-search-tool.1'],
    openai_chat      => ['openai-text', 'deepseek-tool-call', 'groq-reasoning'],
    openai_responses => ['openai-reasoning-encrypted-content.1', 'openai-web-search-tool.1'],
);

checked($_) for @DIALECTS;
local_server();
for my $dialect (@DIALECTS) {
    my $stream = framed($dialect, @{ $FIXTURE{$dialect} });
    my $whole = heard($dialect, $stream, sub { length $stream });
    like(join(' ', @$whole), qr/Go .*now\..*moon.*fly/s, "$dialect: the fixture says what it says");
    is_deeply(heard($dialect, $stream, sub { 1 }), $whole, "$dialect: byte by byte it says the same");
    is_deeply(heard($dialect, $stream =~ s/\n/\r\n/gr, seeded(3)), $whole, "$dialect: with other line ends it says the same");
    recorded($dialect, $_) for @{ $RECORDED{$dialect} };
    bad($dialect, $stream);
}
done_testing();

# What `perigee models check` finds at a served scenario.
sub checked {
    my ($dialect) = @_;
    my $served = Try::serve(Try::home(), 'check', 7, $dialect) or return fail("$dialect can be served");
    my $ran = Try::run(home => home($dialect), args => ['models', 'check', model($dialect)], env => env($dialect, $served->{url}));
    Try::stop_serving($served);
    is($ran->{exit}, 0, "$dialect: the check ends well") or diag($ran->{out}, $ran->{err});
    like($ran->{out}, qr/^\Q$_\E +works/m, "$dialect: $_ works")
        for 'text', 'tool call', 'parallel calls', 'long stream', 'cancel', 'structured output';
    $ran = Try::run(home => home($dialect), args => ['models', 'check', model($dialect)],
        env => env($dialect, 'http://127.0.0.1:' . Misbehave::free_port()));
    is($ran->{exit}, 1, "$dialect: where nobody listens the check fails") or diag($ran->{err});
    like($ran->{out}, qr/^text +fails .*127\.0\.0\.1/m, "$dialect: and says at what");
}

# A server without a key, in the few lines that the README shows.
sub local_server {
    my $server = Misbehave::serve(sub { send_in($_[0], framed('openai_chat', plain('openai_chat')), sub { 100000 }) });
    my $home = Try::home();
    Try::write_file("$home->{config}/perigee/lua/models.lua", <<"END");
return { add = {
  providers = { here = { dialect = "openai_chat", base_url = "$server->{url}/v1", legacy = "always" } },
  models = { ["qwen3:8b"] = { provider = "here", context = 32768, sees = false } },
  tiers = { medium = { "qwen3:8b" } },
} }
END
    my $ran = Try::run(home => $home, args => [run_args($home), '--json', 'lone-agent', 'Go.']);
    is($ran->{exit}, 0, 'a local server needs no key') or diag($ran->{err});
    my ($request) = Misbehave::requests($server);
    Misbehave::stop($server);
    like($request, qr{^POST /v1/chat/completions }, 'it is asked where its base URL says');
    like($request, qr/"max_tokens":/, 'in the form that it knows');
    like($request, qr/"model":"qwen3:8b"/, 'for its own model');
    unlike($request, qr/^authorization:/im, 'and is sent no key');
    my $listed = Try::run(home => $home, args => ['models', 'list'])->{out};
    like($listed, qr/^here +\S+ +openai_chat +none$/m, 'models list shows it');
    Try::write_file("$home->{config}/perigee/lua/models.lua", 'return { add = { prices = {} } }');
    like(Try::run(home => $home, args => ['models', 'list'])->{err}, qr/models\.lua: add\.prices: what may be added/,
        'a key that cannot be added to is refused with the file');
}

sub recorded {
    my ($dialect, $name) = @_;
    SKIP: {
        skip "$dialect: PERIGEE_SHARED is not set: recorded streams are not here", 1 if !$SHARED;
        my @lines = split /\n/, Try::read_file("$SHARED/streams/$dialect/$name.chunks.txt");
        my ($last) = grep { $lines[$_] =~ /"type":"response\.completed"/ } 0 .. $#lines; # the first reply
        my $stream = framed($dialect, defined $last ? @lines[0 .. $last] : @lines);
        my $whole = heard($dialect, $stream, sub { length $stream });
        ok(@$whole > 2, "$dialect: $name is heard");
        is_deeply(heard($dialect, $stream, seeded($_)), $whole, "$dialect: $name cut by seed $_ says the same") for 11, 4242;
    }
}

# What no server should send; the run ends with the right code and names it.
sub bad {
    my ($dialect, $stream) = @_;
    my $head = Misbehave::stream_head();
    for my $case (
        ['a page of HTML with status 200', 37, 'HTML', sub { print { $_[0] } Misbehave::whole(200, 'text/html', '<html><title>Log in</title>') }],
        ['NaN for a count', 37, 'not a JSON', sub { send_in($_[0], $stream =~ s/_tokens":5/_tokens":NaN/r, sub { 7 }) }],
    ) {
        my ($what, $exit, $pattern, $answer) = @$case;
        my $server = Misbehave::serve($answer);
        my $home = home($dialect);
        my $ran = Try::run(home => $home, args => [run_args($home), '--model', model($dialect), 'lone-agent', 'Go.'],
            env => env($dialect, $server->{url}));
        Misbehave::stop($server);
        is($ran->{exit}, $exit, "$dialect: $what ends the run") or diag($ran->{err});
        like($ran->{err}, qr/$pattern/, "$dialect: and the error names it");
    }
}

# -- the parts ----------------------------------------------------------------------------------

sub model { $_[0] eq 'anthropic' ? 'claude-sonnet-5-5' : 'gpt-6-sol' }
sub env   { my ($dialect, $url) = @_; $dialect eq 'anthropic' ? { ANTHROPIC_BASE_URL => $url } : { OPENAI_BASE_URL => $url } }

sub home {
    my ($dialect) = @_;
    my $home = Try::home();
    Try::write_file("$home->{config}/perigee/lua/models.lua", Try::speaking($dialect)) if $dialect ne 'anthropic';
    return $home;
}

sub run_args {
    my ($home) = @_;
    return ('run', '--workspace', $home->{work}, '--store', $home->{store}, '--project', "$FindBin::Bin/team");
}

# Events as a stream: with names where the wire has them.
sub framed {
    my ($dialect, @events) = @_;
    return join '', (map { ($dialect ne 'openai_chat' && /"type":"([^"]+)"/ ? "event: $1\n" : '') . "data: $_\n\n" } @events),
        $DONE{$dialect} // '';
}

# A reply that ends a run.
sub plain {
    my ($dialect) = @_;
    return ('{"id":"c2","choices":[{"index":0,"delta":{"content":"Done."},"finish_reason":"stop"}]}') if $dialect eq 'openai_chat';
    return ('{"type":"message_start","message":{"id":"m2"}}', '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"Done."}}',
        '{"type":"content_block_stop","index":0}', '{"type":"message_delta","delta":{"stop_reason":"end_turn"}}', '{"type":"message_stop"}')
        if $dialect eq 'anthropic';
    my $item = '{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Done."}]}';
    return (qq({"type":"response.output_item.added","output_index":0,"item":$item}),
        qq({"type":"response.output_item.done","output_index":0,"item":$item}),
        '{"type":"response.completed","response":{"status":"completed"}}');
}

sub seeded {
    my ($state) = @_;
    return sub { $state = ($state * 1103515245 + 12345) & 0x7fffffff; return ($state >> 8) % 97 + 1 };
}

# Writes a stream in pieces of the sizes that `size` says.
sub send_in {
    my ($client, $stream, $size) = @_;
    setsockopt $client, IPPROTO_TCP, TCP_NODELAY, 1;
    syswrite $client, Misbehave::stream_head();
    my $at = 0;
    while ($at < length $stream) {
        my $piece = substr $stream, $at, $size->();
        my $sent = syswrite $client, $piece or return;
        $at += $sent;
    }
}

# What a run hears of a first reply that comes in such pieces: its text, thinking, calls and usage.
sub heard {
    my ($dialect, $stream, $size) = @_;
    my $server = Misbehave::serve(sub {
        my ($client, $number) = @_;
        return send_in($client, $stream, $size) if $number == 1;
        send_in($client, framed($dialect, plain($dialect)), sub { 100000 });
    });
    my $home = home($dialect);
    my $ran = Try::run(home => $home, env => env($dialect, $server->{url}),
        args => [run_args($home), '--events', '--model', model($dialect), 'lone-agent', 'Go.']);
    Misbehave::stop($server);
    is($ran->{exit}, 0, "$dialect: the run ends well") or diag($ran->{err});
    my @heard;
    for my $event (map { $Try::JSON->decode($_) } split /\n/, $ran->{out}) {
        my $kind = $event->{event} // $event->{kind} // $event->{type} // '';
        next if $kind !~ /^delta\.|^turn$/;
        delete @$event{qw(time at run seq ms agent)};
        push @heard, $Try::JSON->encode($event);
    }
    return \@heard;
}
