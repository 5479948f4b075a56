#!/usr/bin/perl
# same_bytes.t -- a run that goes on sends what it would have sent: after a kill in the middle of any reply
# the conversation that goes to the model again is the one of before, byte for byte.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Misbehave;
use Try;

my $TURNS = 4;

# A reply with thinking that is signed and calls of two tools, with arguments that are easily rewritten.
sub turn {
    my ($number) = @_;
    return Misbehave::reply('Done.') if $number == $TURNS;
    my $path = "n$number.txt";
    my $arguments = sprintf '{\"path\": \"%s\",  \"content\":\"\\\\u00e9 1e2 \\\\/ x\"}', $path;
    return Misbehave::stream_head()
        . Misbehave::event('message_start', '"message":{"id":"m1","type":"message","role":"assistant","model":"test-model","content":[],"stop_reason":null,"usage":{"input_tokens":10,"output_tokens":1}}')
        . Misbehave::event('content_block_start', '"index":0,"content_block":{"type":"thinking","thinking":"","signature":""}')
        . Misbehave::event('content_block_delta', '"index":0,"delta":{"type":"thinking_delta","thinking":"Hm \u2026"}')
        . Misbehave::event('content_block_delta', '"index":0,"delta":{"type":"signature_delta","signature":"c2lnbmVk=="}')
        . Misbehave::event('content_block_stop', '"index":0')
        . Misbehave::event('content_block_start', qq("index":1,"content_block":{"type":"tool_use","id":"t$number","name":"write","input":{}}))
        . Misbehave::event('content_block_delta', qq("index":1,"delta":{"type":"input_json_delta","partial_json":"$arguments"}))
        . Misbehave::event('content_block_stop', '"index":1')
        . Misbehave::event('content_block_start', qq("index":2,"content_block":{"type":"tool_use","id":"u$number","name":"glob","input":{}}))
        . Misbehave::event('content_block_delta', '"index":2,"delta":{"type":"input_json_delta","partial_json":"{\"pattern\":\"*.none\"}"}')
        . Misbehave::event('content_block_stop', '"index":2')
        . Misbehave::event('message_delta', '"delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":5}')
        . Misbehave::event('message_stop', '');
}

# How many replies of the model a request holds says which one comes next.
sub asked_for {
    my ($request) = @_;
    my $body = $Try::JSON->decode($request =~ s/^.*?\r\n\r\n//sr);
    return 1 + grep { $_->{role} eq 'assistant' } @{ $body->{messages} };
}

sub body_of { return $_[0] =~ s/^.*?\r\n\r\n//sr }

for my $cut (1 .. $TURNS) {
    my $home    = Try::home();
    my $stalled = "$home->{dir}/stalled";
    my $server  = Misbehave::serve(sub {
        my ($client, $number, $request) = @_;
        my $turn = asked_for($request);
        return print $client turn($turn) if $turn != $cut || -e $stalled;
        Try::write_file($stalled, '');
        print $client substr turn($turn), 0, 700; # a reply breaks off
        Misbehave::stall($client);
    });
    my %how = (home => $home, env => { ANTHROPIC_BASE_URL => $server->{url}, ANTHROPIC_API_KEY => 'a-key' });
    my $live = Try::start(%how, args => ['run', '--events', '--store', $home->{store}, '--project', "$FindBin::Bin/../scenarios/team",
        '--workspace', $home->{work}, '--model', 'claude-sonnet-5-5', 'lone', 'Write files.']);
    Try::until_true(sub { -e $stalled }) or diag('the reply never began');
    kill 'KILL', $live->{pid};
    Try::finish($live);
    my $ran = Try::run(%how, args => ['runs', 'resume', 'last', '--json', '--store', $home->{store}]);
    is($ran->{exit}, 0, "killed in reply $cut, the run goes on") or diag("$ran->{out}$ran->{err}");
    my @bodies = map { body_of($_) } Misbehave::requests($server);
    is(scalar @bodies, $TURNS + 1, '  each reply was asked for once, the broken one twice');
    is($bodies[$cut], $bodies[ $cut - 1 ], '  with the same bytes');
    is_deeply([map { Try::read_file("$home->{work}/n$_.txt") } 1 .. $TURNS - 1], [("\xc3\xa9 1e2 / x") x ($TURNS - 1)], '  and the files are written once each');
    Misbehave::stop($server);
}

done_testing();
