#!/usr/bin/perl
# images.t -- an image in the workspace: as a call answers it, and as it goes out on the wire.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use MIME::Base64 qw(encode_base64);
use Misbehave;
use Test::More;
use Try;

# The smallest PNG: its first bytes and its size are all that we look at.
my $PNG = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR" . pack('NN', 3, 2) . "\x08\x02\0\0\0" . ("\xA5" x 40);

{
    my $home = Try::home();
    Try::write_file("$home->{work}/a.txt", $PNG); # its bytes count, not its name
    my $ran = Try::run(home => $home, args => ['tools', 'call', 'read', '{"path":"a.txt"}', '--json']);
    my $result = eval { $Try::JSON->decode($ran->{out}) } || {};
    is($result->{text}, 'a.txt: PNG image, 3 x 2 pixels, 69 bytes.', 'the text says what the image is');
    is_deeply($result->{images}, [{ media_type => 'image/png', data => encode_base64($PNG, '') }], 'the image is beside it, whole');
}

# A server whose first reply asks for the image, and whose second ends. Answers the second request.
sub second_request {
    my ($model, $config) = @_;
    my $home = Try::home();
    Try::write_file("$home->{work}/shot.png", $PNG);
    Try::write_file("$home->{config}/perigee/lua/models.lua", $config) if $config;
    my $server = Misbehave::serve(sub {
        my ($client, $number) = @_;
        print $client $number > 1 ? Misbehave::reply('I saw it.')
            : Misbehave::stream_head() . Misbehave::opening('I look.') . Misbehave::event('content_block_stop', '"index":0')
            . Misbehave::event('content_block_start', '"index":1,"content_block":{"type":"tool_use","id":"t1","name":"read","input":{}}')
            . Misbehave::event('content_block_delta', '"index":1,"delta":{"type":"input_json_delta","partial_json":"{\"path\":\"shot.png\"}"}')
            . Misbehave::event('content_block_stop', '"index":1')
            . Misbehave::event('message_delta', '"delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":5}')
            . Misbehave::event('message_stop', '');
    });
    my $ran = Try::run(home => $home, env => { ANTHROPIC_API_KEY => 'k', ANTHROPIC_BASE_URL => $server->{url} },
        args => ['run', '--json', '--store', $home->{store}, '--project', "$Try::ROOT/tests/scenarios/team",
            '--model', $model, 'lone-agent', 'Look at shot.png.']);
    my @came = Misbehave::requests($server);
    Misbehave::stop($server);
    is($ran->{exit}, 0, 'the run ends well') or diag($ran->{out}, $ran->{err});
    my $body = eval { $Try::JSON->decode((split /\r\n\r\n/, $came[1] // '', 2)[1]) } || {};
    return $body->{messages}[-1]{content}[0];
}

is_deeply(second_request('claude-sonnet-5'),
    { type => 'tool_result', tool_use_id => 't1', content => [
        { type => 'text', text => 'shot.png: PNG image, 3 x 2 pixels, 69 bytes.' },
        { type => 'image', source => { type => 'base64', media_type => 'image/png', data => encode_base64($PNG, '') } },
    ] }, 'an image goes to the model as a block of the tool_result');

{
    my $config = Try::read_file("$Try::ROOT/lua/models.lua");
    $config =~ s/\["claude-sonnet-4-6"\] = \{ provider = "anthropic"/$& . ', sees = false'/e or die 'models.lua changed';
    is_deeply(second_request('claude-sonnet-4-6', $config),
        { type => 'tool_result', tool_use_id => 't1',
            content => "shot.png: PNG image, 3 x 2 pixels, 69 bytes.\n[not shown: this model reads text only]" },
        'a model that takes text only is given text');
}

done_testing();
