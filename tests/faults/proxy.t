#!/usr/bin/perl
# proxy.t -- a proxy of the user's before TLS: the tunnel and whom to trust behind it, passwords that
# nobody reads, proxies that refuse or say nothing; and tools, which go past it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use IO::Select;
use IO::Socket::INET;
use MIME::Base64 qw(encode_base64);
use Test::More;
use Misbehave;
use Tls;
use Try;

plan skip_all => 'openssl is not installed' if !Tls::have();

my $KEY  = 'sk-test-0123456789-never-to-be-seen';
my $PASS = 'pw-0123456789-of-the-proxy';
my $HOST = 'elsewhere.test'; # nobody but the proxy knows where that is
my $BODY = do { (my $all = Misbehave::reply('Said behind the proxy.')) =~ s/^.*?\r\n\r\n//s; $all };
my $ANSWER = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: " . length($BODY) . "\r\n\r\n$BODY";
my $made = Tls::certificates();

# A proxy that does what `answer` says with each CONNECT; answering nothing it makes the tunnel.
sub proxy {
    my ($port, $answer) = @_;
    return Misbehave::serve(sub {
        my ($client, $number, $request) = @_;
        my $said = $answer && $answer->($request, $client);
        return print $client $said if $said;
        my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or return;
        syswrite $client, "HTTP/1.1 200 Connection established\r\n\r\n";
        my ($both, %other) = (IO::Select->new($client, $server), $client => $server, $server => $client);
        while (my @ready = $both->can_read($Try::BOUND)) {
            for my $side (@ready) {
                sysread $side, my $bytes, 65536 or return;
                syswrite $other{$side}, $bytes;
            }
        }
    });
}

# Asks the model at $HOST once; what came, with all that was written down of it.
sub ask {
    my ($port, $env, @words) = @_;
    my $home = Try::home();
    Try::limits($home, attempts => 1, first_wait_ms => 2, most_wait_ms => 5, connect_ms => 20000);
    my $ran = Try::run(home => $home, env => { ANTHROPIC_API_KEY => $KEY, ANTHROPIC_BASE_URL => "https://$HOST:$port",
            CURL_CA_BUNDLE => undef, SSL_CERT_FILE => $made->{ca}, SSL_CERT_DIR => undef, %$env },
        args => ['run', '--store', $home->{store}, '--project', "$Try::ROOT/tests/scenarios/team", '--model', 'claude-sonnet-5',
            '--json', '--record', "$home->{dir}/a.rec", @words, 'lone-agent', 'Say something.']);
    $ran->{result} = eval { $Try::JSON->decode($ran->{out}) } || {};
    $ran->{kept} = join "\n", $ran->{out}, $ran->{err}, Try::read_file("$home->{dir}/a.rec"), map { Try::read_file($_) } glob "$home->{store}*";
    like($ran->{kept}, qr/run\.finished/, 'the journal is among what is looked through');
    return $ran;
}

sub said { my ($ran) = @_; my $error = $ran->{result}{error}; return ref $error ? $error->{message} : $error // '' }

sub fails {
    my ($name, $ran, $exit, $pattern) = @_;
    is($ran->{exit}, $exit, $name) or diag($ran->{out} . $ran->{err});
    like(said($ran), $pattern, '  and says why');
    ok(index($ran->{kept}, $PASS) < 0 && index($ran->{kept}, $KEY) < 0, '  with no password anywhere');
}

sub behind { my $server = Tls::serve($made->{stranger}, 'http/1.1', sub { $ANSWER }); return $server }

# -- the tunnel ------------------------------------------------------------------------------------

for my $trust ([SSL_CERT_FILE => $made->{ca}], [CURL_CA_BUNDLE => $made->{ca}]) {
    my $server = behind();
    my $proxy = proxy($server->{port});
    my $ran = ask($server->{port}, { SSL_CERT_FILE => undef, @$trust, HTTPS_PROXY => $proxy->{url} });
    my @came = Misbehave::requests($proxy);
    my @asked = Tls::seen($server, qr/^(authorization: Bearer \Q$KEY\E)/mi);
    Misbehave::stop($proxy);
    Tls::stop($server);
    is($ran->{result}{text}, 'Said behind the proxy.', "through a proxy, with $trust->[0]") or diag($ran->{out} . $ran->{err});
    is(scalar(@came), 1, 'it is asked once');
    like($came[0], qr/^CONNECT \Q$HOST\E:$server->{port} HTTP/, 'for a tunnel to the host by its name');
    unlike($came[0], qr/\Q$KEY\E|authorization/i, 'and sees no key');
    is(scalar(@asked), 1, 'which the server gets inside');
}

{ # whoever answers in the tunnel is not the one who was asked for
    my $server = Tls::serve($made->{alone}, 'http/1.1', sub { $ANSWER });
    my $proxy = proxy($server->{port});
    my $ran = ask($server->{port}, { HTTPS_PROXY => $proxy->{url} });
    my @asked = Tls::seen($server, qr/POST|Bearer/);
    Misbehave::stop($proxy);
    Tls::stop($server);
    fails('a proxy that reads along is found out', $ran, 37, qr/TLS: the certificate is not trusted.*SSL_CERT_FILE/);
    is(scalar(@asked), 0, '  before anything is sent');
}

# -- with a password -------------------------------------------------------------------------------

{
    my $server = behind();
    my $wants = 'Basic ' . encode_base64("ann:$PASS", '');
    my $proxy = proxy($server->{port}, sub {
        return undef if $_[0] =~ /^Proxy-Authorization: \Q$wants\E\r$/mi;
        return "HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm=\"x\"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    });
    my $host = "127.0.0.1:$proxy->{port}";
    my $ran = ask($server->{port}, { https_proxy => "http://ann:$PASS\@$host" });
    is($ran->{result}{text}, 'Said behind the proxy.', 'a proxy with a password') or diag($ran->{out} . $ran->{err});
    ok(index($ran->{kept}, $PASS) < 0 && index($ran->{kept}, encode_base64("ann:$PASS", '')) < 0, 'which is written nowhere');
    my @inside = Tls::seen($server, qr/Proxy-Authorization/i);
    is(scalar(@inside), 0, 'nor told to the server');
    fails('a wrong one', ask($server->{port}, { HTTPS_PROXY => "http://ann:$PASS-not\@$host" }), 33, qr/the proxy wants a user and a password \(HTTP 407\)/);
    fails('none', ask($server->{port}, { HTTPS_PROXY => "http://$host" }), 33, qr/HTTPS_PROXY=http:..USER:PASSWORD/);
    fails('one with a sign that ends an address', ask($server->{port}, { HTTPS_PROXY => "http://ann:$PASS/x\@$host" }), 36, qr/\(Unsupported proxy syntax\); check .* %2F/);
    fails('one without a host', ask($server->{port}, { HTTPS_PROXY => "http://ann:$PASS" }), 36, qr/\(Unsupported proxy syntax\)/);
    fails('one with a quote, for a kind of proxy that there is not', ask($server->{port}, { HTTPS_PROXY => "ftp://ann:'$PASS\@$host" }), 36, qr/\(Unsupported proxy scheme\)/);
    is(scalar(Misbehave::requests($proxy)), 3, 'nobody asks twice');
    Misbehave::stop($proxy);
    Tls::stop($server);
}

# -- no tunnel -------------------------------------------------------------------------------------

for my $case (
    ['403 Not here', 33, qr/the proxy does not let this host through \(HTTP 403\); NO_PROXY/],
    ['502 Bad gateway', 36, qr/the proxy cannot reach the host now \(HTTP 502\)/]) {
    my ($status, $exit, $says) = @$case;
    my $proxy = proxy(0, sub { "HTTP/1.1 $status\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" });
    fails("a proxy that answers $status", ask(443, { HTTPS_PROXY => "http://ann:$PASS\@127.0.0.1:$proxy->{port}" }), $exit, $says);
    Misbehave::stop($proxy);
}
fails('a proxy that is not there', ask(443, { HTTPS_PROXY => "http://ann:$PASS\@127.0.0.1:" . Misbehave::free_port() }), 36, qr/proxy/);

{ # one that takes the request and says nothing: it is the connection that does not come
    my $proxy = proxy(0, sub { my ($request, $client) = @_; Misbehave::stall($client); return ' ' });
    my $home = Try::home();
    Try::limits($home, attempts => 1, connect_ms => 200);
    my $ran = Try::run(home => $home, env => { ANTHROPIC_API_KEY => $KEY, ANTHROPIC_BASE_URL => "https://$HOST", HTTPS_PROXY => $proxy->{url} },
        args => ['run', '--store', $home->{store}, '--project', "$Try::ROOT/tests/scenarios/team", '--model', 'claude-sonnet-5', '--events', 'lone-agent', 'Say something.']);
    Misbehave::stop($proxy);
    like($ran->{out}, qr/"kind":"stall","body":\{[^}]*"what":"connect"/, 'a proxy that says nothing stalls as "connect"') or diag($ran->{out});
    like($ran->{out}, qr/does the proxy that HTTPS_PROXY names answer\?/, 'and the error asks after it');
}

{ # without TLS it answers itself
    my $proxy = Misbehave::serve(sub { my ($client) = @_; print $client Misbehave::whole(407, 'text/html', '<p>who?', 'proxy-authenticate' => 'Basic realm="x"') });
    my $ran = ask(443, { http_proxy => "http://ann:$PASS\@127.0.0.1:$proxy->{port}", ANTHROPIC_BASE_URL => "http://$HOST:8080" });
    fails('a proxy for plain http that wants another password', $ran, 33, qr/HTTP 407.*http_proxy=http:..USER:PASSWORD/);
    my $home = Try::home();
    my $seen = Try::run(home => $home, env => { ANTHROPIC_API_KEY => $KEY, http_proxy => $proxy->{url}, ANTHROPIC_BASE_URL => "http://$HOST:8080" },
        args => ['run', '--store', $home->{store}, '--project', "$Try::ROOT/tests/scenarios/team", '--model', 'claude-sonnet-5', 'lone-agent', 'Say something.']);
    Misbehave::stop($proxy);
    my $told = () = "$seen->{out}$seen->{err}" =~ m{ANTHROPIC_API_KEY goes to http://\Q$HOST\E:8080 over plain http}g;
    is($told, 1, 'that a key can be read on its way is told, once') or diag($seen->{err});
}

# -- without it ------------------------------------------------------------------------------------

{
    my $proxy = proxy(0, sub { "HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n" });
    my $ran = ask(443, { HTTPS_PROXY => $proxy->{url}, NO_PROXY => "other.test,$HOST" });
    is(scalar(Misbehave::requests($proxy)), 0, 'a host that NO_PROXY names is reached without it') or diag($ran->{out});
    fails('or not', $ran, 36, qr/could not resolve the host's name/);

    # What a tool asks for is checked by the address that is dialled, and a proxy would dial another.
    my $home = Try::home();
    Try::write_file("$home->{config}/perigee/config.yaml", "grants: { web_fetch: { net: [$HOST] } }\n");
    $ran = Try::run(home => $home, env => { HTTPS_PROXY => $proxy->{url}, HTTP_PROXY => $proxy->{url}, http_proxy => $proxy->{url} },
        args => ['tools', 'call', 'web_fetch', qq({"url":"https://$HOST/x"}), '--json', '--store', $home->{store}]);
    is(scalar(Misbehave::requests($proxy)), 0, "a tool's request goes past the proxy");
    like($ran->{out}, qr/goes past the proxy of the environment/, 'and the error says so') or diag($ran->{out} . $ran->{err});
    Misbehave::stop($proxy);
}
done_testing();
