#!/usr/bin/perl
# http.t -- a model's server that fails in every way: the run ends with the right code and a message
# that names the stall or the answer, the journal is closed, and no key stands anywhere.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Misbehave;
use Try;

my $KEY = 'sk-test-0123456789-never-to-be-seen';
my %FAST = (first_byte_ms => 400, idle_ms => 400, connect_ms => 2000, first_wait_ms => 2, most_wait_ms => 5);

# name, exit, status, pattern of the error, limits beside FAST, requests that must arrive, what is said
my @CASES = (
    ['a stream cut in the middle is no reply, and is asked for anew', 37, 'protocol', '3 attempts.*(ended|cut|closed|broke)', {}, 3,
        sub { my ($c) = @_; print $c Misbehave::stream_head(), Misbehave::opening('Half a') }],
    ['a stream cut in the middle of an event is no reply', 37, 'protocol', '', {}, 3,
        sub { my ($c) = @_; print $c Misbehave::stream_head(), Misbehave::opening('Half a'), 'event: content_bl' }],
    ['a stream that ends before anything was said is asked for again', 37, 'protocol', '', {}, 0,
        sub { my ($c) = @_; print $c Misbehave::stream_head() }],
    ['a server that closes without a word', 36, 'unavailable', '', {}, 3, sub { }],
    ['a server that takes the request and says nothing stalls by the name of first byte', 31, 'timeout', 'first byte', {}, 3,
        sub { Misbehave::stall($_[0]) }],
    ['a server that stalls after its head stalls by the name of idle stream', 31, 'timeout', 'idle|first byte', {}, 0,
        sub { my ($c) = @_; print $c Misbehave::stream_head(); Misbehave::stall($c) }],
    ['a server that stalls in the middle of a stream', 31, 'timeout', 'idle stream', {}, 3,
        sub { my ($c) = @_; print $c Misbehave::stream_head(), Misbehave::opening('Half a'); Misbehave::stall($c) }],
    ['an endless stream ends at its limit', 32, 'limit', 'limit|larger|more than', { body_limit => 300000 }, 1,
        sub { my ($c) = @_; print $c Misbehave::stream_head(), Misbehave::opening('a'); 1 while print $c Misbehave::delta('and on ' x 50) }],
    ['endless pings end at the limit too', 32, 'limit', 'limit|larger|more than', { body_limit => 300000 }, 0,
        sub { my ($c) = @_; print $c Misbehave::stream_head(); 1 while print $c ": ping\n\n" x 100 }],
    ['one endless line ends at its limit', 32, 'limit', '', { body_limit => 30000000 }, 0,
        sub { my ($c) = @_; print $c Misbehave::stream_head(), 'data: '; 1 while print $c 'x' x 65536 }],
    ['an endless error page ends at what matters of it', 36, 'unavailable', 'HTTP 500', {}, 3,
        sub { my ($c) = @_; print $c Misbehave::head(500, 'content-type' => 'text/plain', connection => 'close');
            1 while print $c 'sorry ' x 1000 }],
    ['garbage instead of JSON in an event', 37, 'protocol', '', {}, 0,
        sub { my ($c) = @_; print $c Misbehave::stream_head(), "event: message_start\ndata: {\"type\":\"mess\n\n", Misbehave::closing() }],
    ['events of wrong types', 37, 'protocol', '', {}, 0,
        sub { my ($c) = @_; print $c Misbehave::stream_head(), Misbehave::event('message_start', '"message":7'),
            Misbehave::event('content_block_delta', '"index":"zero","delta":[]'), Misbehave::event('message_delta', '"delta":null'), "data: 7\n\n", "data: null\n\n" }],
    ['an answer that is no HTTP', 37, 'protocol', '', {}, 0, sub { my ($c) = @_; print $c "SSH-2.0-OpenSSH_9\r\n" }],
    ['a page of HTML with status 200', 37, 'protocol', 'HTML', {}, 1,
        sub { my ($c) = @_; print $c Misbehave::whole(200, 'text/html', '<html><head><title>Log in</title></head></html>') }],
    ['HTTP 400', 35, 'invalid', 'HTTP 400.*max_tokens', {}, 1,
        sub { my ($c) = @_; print $c Misbehave::error(400, 'invalid_request_error', 'max_tokens: too large') }],
    ['HTTP 401 that quotes the key in two pieces', 33, 'denied', 'HTTP 401', {}, 0,
        sub { my ($c) = @_; print $c Misbehave::head(401, 'content-type' => 'text/plain', 'transfer-encoding' => 'chunked'),
            map { sprintf "%x\r\n%s\r\n", length, $_ } 'bad key ' . substr($KEY, 0, 12), substr($KEY, 12) . ', sorry', '' }],
    ['HTTP 401 that quotes most of the key', 33, 'denied', 'HTTP 401', {}, 0,
        sub { my ($c) = @_; print $c Misbehave::whole(401, 'text/plain', 'bad key ' . substr($KEY, 0, -1)) }],
    ['HTTP 401', 33, 'denied', 'HTTP 401.*check the key', {}, 0,
        sub { my ($c) = @_; print $c Misbehave::error(401, 'authentication_error', "bad key $KEY") }],
    ['a stream that quotes the key', 36, 'unavailable', 'key', {}, 3,
        sub { my ($c) = @_; print $c Misbehave::stream_head(), Misbehave::event('error', qq("error":{"type":"api_error","message":"key $KEY is odd"})) }],
    ['a redirect that quotes the key in a header', 37, 'protocol', 'HTTP 302', {}, 1,
        sub { my ($c) = @_; print $c Misbehave::whole(302, 'text/plain', $KEY, location => "http://127.0.0.1:1/$KEY") }],
    ['HTTP 404', 34, 'not_found', 'HTTP 404.*base URL', {}, 1,
        sub { my ($c) = @_; print $c Misbehave::error(404, 'not_found_error', 'model: nobody') }],
    ['HTTP 429 for ever', 36, 'unavailable', 'HTTP 429.*3 attempts|3 attempts.*HTTP 429', {}, 3,
        sub { my ($c) = @_; print $c Misbehave::error(429, 'rate_limit_error', 'slow down', 'retry-after' => 0) }],
    ['HTTP 429 that asks for an hour is not waited for', 36, 'unavailable', 'HTTP 429', {}, 1,
        sub { my ($c) = @_; print $c Misbehave::error(429, 'rate_limit_error', 'slow down', 'retry-after' => 3600) }],
    ['HTTP 500', 36, 'unavailable', 'HTTP 500', {}, 3, sub { my ($c) = @_; print $c Misbehave::error(500, 'api_error', 'oops') }],
    ['HTTP 529', 36, 'unavailable', 'HTTP 529', {}, 3,
        sub { my ($c) = @_; print $c Misbehave::error(529, 'overloaded_error', 'Overloaded') }],
    ['an error event after some text', 36, 'unavailable', 'Overloaded', {}, 3,
        sub { my ($c) = @_; print $c Misbehave::stream_head(), Misbehave::opening('Half a'),
            Misbehave::event('error', '"error":{"type":"overloaded_error","message":"Overloaded"}') }],
    ['a reply that reached its length limit keeps what was said', 32, 'limit', 'length', {}, 1,
        sub { my ($c) = @_; print $c Misbehave::reply('As long as I', 'max_tokens') }],
    ['a model that declines keeps what was said', 32, 'limit', 'declined', {}, 1,
        sub { my ($c) = @_; print $c Misbehave::reply('No.', 'refusal') }],
);

for my $case (@CASES) {
    my ($name, $exit, $status, $pattern, $limits, $requests, $answer) = @$case;
    my $server = Misbehave::serve($answer);
    my $ran = ask($server->{url}, $limits);
    my @came = Misbehave::requests($server);
    Misbehave::stop($server);
    judge($name, $ran, $exit, $status, $pattern, $requests ? (requests => [$requests, scalar @came]) : ());
}

{ # a redirect would carry the key to a stranger
    my $stranger = Misbehave::serve(sub { my ($c) = @_; print $c Misbehave::reply('Thank you.') });
    my $server = Misbehave::serve(sub {
        my ($c) = @_;
        print $c Misbehave::whole(307, 'text/plain', '', location => "$stranger->{url}/v1/messages");
    });
    my $ran = ask($server->{url}, {});
    my @stolen = Misbehave::requests($stranger);
    Misbehave::stop($_) for $server, $stranger;
    judge('a redirect is not followed', $ran, 37, 'protocol', 'HTTP 307', requests => [0, scalar @stolen]);
}

{
    my $port = Misbehave::free_port();
    judge('a refused connection', ask("http://127.0.0.1:$port", {}), 36, 'unavailable', 'connect');
}

{ # halves are never put together
    my $server = Misbehave::serve(sub {
        my ($c, $number) = @_;
        print $c $number == 1 ? Misbehave::stream_head() . Misbehave::opening('Half a') : Misbehave::reply('A whole one.');
    });
    my $ran = ask($server->{url}, {});
    my @came = Misbehave::requests($server);
    Misbehave::stop($server);
    judge('a reply that broke off is asked for anew', $ran, 0, 'ok', '', requests => [2, scalar @came]);
    is($ran->{result}{text}, 'A whole one.', 'the result has nothing of the half');
    is($ran->{result}{tokens}, 27, 'the half is counted, by what came of it where the server had counted less');
    is_deeply([map { $_->{body}{text} } grep { $_->{kind} eq 'partial' } @{ $ran->{journal} }], ['Half a'], 'and kept as what it was');
    my @bodies = map { (split /\r\n\r\n/, $_, 2)[1] } @came;
    is($bodies[1], $bodies[0], 'asked anew in the same bytes');
}

{ # the second try is answered
    my $server = Misbehave::serve(sub {
        my ($c, $number) = @_;
        print $c $number == 1 ? Misbehave::error(429, 'rate_limit_error', 'slow down', 'retry-after' => 0)
            : $number == 2 ? Misbehave::error(529, 'overloaded_error', 'Overloaded') : Misbehave::reply('At last.');
    });
    my $ran = ask($server->{url}, {});
    my @came = Misbehave::requests($server);
    Misbehave::stop($server);
    judge('after 429 with retry-after and 529 the third try is answered', $ran, 0, 'ok', '', requests => [3, scalar @came]);
    is($ran->{result}{text}, 'At last.', 'the answer of the third try is the result');
    my @bodies = map { (split /\r\n\r\n/, $_, 2)[1] } @came;
    is($bodies[2], $bodies[0], 'a repeated request is the same bytes');
    like($came[0], qr{^authorization: Bearer \Q$KEY\E\r$|^x-api-key: \Q$KEY\E\r$}mi, 'the key goes to the server that the user named');
}

{ # a proxy stands in between
    my $proxy = Misbehave::serve(sub { my ($c) = @_; print $c Misbehave::reply('Through the proxy.') });
    my $ran = ask('http://models.invalid:8123', {}, http_proxy => $proxy->{url});
    my @came = Misbehave::requests($proxy);
    Misbehave::stop($proxy);
    judge('http_proxy is used', $ran, 0, 'ok', '', requests => [1, scalar @came]);
    like($came[0] // '', qr{^POST http://models\.invalid:8123/v1/messages}, 'the proxy is asked for the whole address');

    my $server = Misbehave::serve(sub { my ($c) = @_; print $c Misbehave::reply('Directly.') });
    my $nobody = 'http://user:secret-of-proxy@127.0.0.1:' . Misbehave::free_port();
    $ran = ask('http://models.invalid:8123', {}, http_proxy => $nobody);
    judge('a proxy that refuses is named, without its password', $ran, 36, 'unavailable', 'proxy', lacks => 'secret-of-proxy');
    $ran = ask('http://models.invalid:8123', {}, http_proxy => $nobody, no_proxy => 'models.invalid');
    judge('no_proxy is heeded', $ran, 36, 'unavailable', "resolve the host's name", lacks => 'secret-of-proxy');
    $ran = ask($server->{url}, {}, http_proxy => $nobody);
    Misbehave::stop($server);
    judge('a server on this machine is asked directly, whatever http_proxy says', $ran, 0, 'ok', '');
}

{
    my $ran = ask(undef, {}, ANTHROPIC_API_KEY => undef);
    judge('without a key the error says what to set and that a rehearsal needs none', $ran, 36, 'unavailable',
        'ANTHROPIC_API_KEY.*ANTHROPIC_BASE_URL.*rehearsal');
}

done_testing();

# Runs an agent against a server; the answer of Try::run with `result`, `journal` and `left`.
sub ask {
    my ($url, $limits, %env) = @_;
    my $home = Try::home();
    Try::limits($home, %FAST, %$limits);
    my $ran = Try::run(home => $home,
        env => { ANTHROPIC_API_KEY => $KEY, ANTHROPIC_BASE_URL => $url, %env },
        args => ['run', '--json', '--store', $home->{store}, '--project', "$Try::ROOT/tests/scenarios/team",
            '--model', 'claude-sonnet-5', 'lone-agent', 'Say something.']);
    $ran->{result}  = eval { $Try::JSON->decode($ran->{out}) } || {};
    $ran->{journal} = [Try::journal($home)];
    $ran->{left}    = [Try::until_quiet($home)];
    return $ran;
}

sub judge {
    my ($name, $ran, $exit, $status, $pattern, %more) = @_;
    my @wrong;
    my $error = $ran->{result}{error};
    my $said = ref $error ? $error->{message} : $error // '';
    push @wrong, 'it hung' if $ran->{hung};
    push @wrong, "exit code $ran->{exit}, not $exit" if $ran->{exit} != $exit;
    push @wrong, 'status ' . ($ran->{result}{status} // 'none') . ", not $status" if ($ran->{result}{status} // '') ne $status;
    push @wrong, "the error does not say $pattern: $said" if $said !~ /$pattern/is;
    push @wrong, 'the error is empty' if $status ne 'ok' && $said eq '';
    push @wrong, 'the error has more than one line' if $said =~ /\n/;
    my $last = $ran->{journal}[-1] || { kind => 'nothing' };
    push @wrong, "the journal ends in $last->{kind}" if $last->{kind} ne 'run.finished';
    push @wrong, "the journal ends as $last->{body}{status}" if ref $last->{body} && $last->{body}{status} ne $status;
    push @wrong, "$more{requests}[1] requests came, not $more{requests}[0]" if $more{requests} && $more{requests}[0] != $more{requests}[1];
    my $all = join "\n", $ran->{out}, $ran->{err}, map { $Try::JSON->encode($_) } @{ $ran->{journal} };
    for my $secret (substr($KEY, 0, -1), $more{lacks} // ()) { push @wrong, "a secret stands in: $all" if $all =~ /\Q$secret\E/ }
    push @wrong, "still running: $_" for @{ $ran->{left} };
    ok(!@wrong, $name) and return;
    diag("  $_") for @wrong;
    diag("  it said: $said");
    diag("  stderr: $_") for split /\n/, $ran->{err};
}
