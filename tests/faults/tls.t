#!/usr/bin/perl
# tls.t -- models behind TLS: whom to trust, one connection for many requests, sessions that are
# resumed; and models behind a socket of this machine.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use IO::Socket::UNIX;
use POSIX ();
use Test::More;
use Misbehave;
use Tls;
use Try;

my $KEY  = 'sk-test-0123456789-never-to-be-seen';
my $BODY = do { (my $all = Misbehave::reply('Said over TLS.')) =~ s/^.*?\r\n\r\n//s; $all };
my $ANSWER = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: " . length($BODY) . "\r\n\r\n$BODY";

sub start {
    my ($url, $env, @words) = @_;
    my $home = Try::home();
    Try::limits($home, first_wait_ms => 2, most_wait_ms => 5, connect_ms => 20000);
    @words = ('--json', 'lone-agent', 'Say something.') if !@words;
    if (ref $words[-1]) {
        Try::write_file("$home->{dir}/asks.lua", ${ pop @words });
        push @words, "$home->{dir}/asks.lua", 'Go.';
    }
    return Try::start(home => $home, env => { ANTHROPIC_API_KEY => $KEY, ANTHROPIC_BASE_URL => $url,
            CURL_CA_BUNDLE => undef, SSL_CERT_FILE => undef, SSL_CERT_DIR => undef, %$env },
        args => ['run', '--store', $home->{store}, '--project', "$Try::ROOT/tests/scenarios/team",
            '--model', 'claude-sonnet-5', @words]);
}

sub ask {
    my $ran = Try::finish(start(@_));
    $ran->{result} = eval { $Try::JSON->decode($ran->{out}) } || {};
    return $ran;
}

my $BESIDE = "return { run = function(run) local done, err = run.all {
  function() return run.ask('lone-agent', 'One') end, function() return run.ask('lone-agent', 'Two') end }
  if not done then return nil, err end return done[1] end }";
my $AFTER = "return { run = function(run) local said, err
  for i = 1, 3 do said, err = run.ask('lone-agent', 'Ask ' .. i) if not said then return nil, err end end return said end }";

SKIP: {
    skip 'openssl is not installed', 26 if !Tls::have();
    my $made = Tls::certificates();
    my @trust = ([SSL_CERT_FILE => $made->{ca}], [CURL_CA_BUNDLE => $made->{ca}], [SSL_CERT_DIR => $made->{folder}]);

    for my $case (
        ['one whose maker is not known', 'good', []],
        ['one that it signed itself', 'alone', $trust[0]],
        ['one for another host', 'stranger', $trust[0]],
        ['one that has expired', 'expired', $trust[0]]) {
        my ($name, $which, $trust) = @$case;
        my $server = Tls::serve($made->{$which}, 'http/1.1', sub { $ANSWER });
        my $ran = ask("https://localhost:$server->{port}", {@$trust});
        my @asked = Tls::seen($server, qr/POST|Bearer|sk-test/);
        Tls::stop($server);
        is_deeply([$ran->{exit}, $ran->{result}{status}], [37, 'protocol'], "a certificate: $name is refused")
            or diag($ran->{out} . $ran->{err});
        like($ran->{result}{error}{message}, qr/TLS: the certificate is not trusted.*SSL_CERT_FILE/, 'and the error says what to set');
        is(scalar @asked, 0, 'before a byte of the request has left');
    }

    for my $trust (@trust) {
        my $server = Tls::serve($made->{good}, 'http/1.1', sub { $ANSWER });
        my $ran = ask("https://localhost:$server->{port}", {@$trust}, '--json', \$AFTER);
        is($ran->{result}{status}, 'ok', "$trust->[0] says whom to trust") or diag($ran->{out} . $ran->{err});
        is(scalar(my @heads = Tls::seen($server, qr/POST \/v1/)), 3, 'three requests came');
        is(scalar(my @open = Tls::seen($server, qr/BEGIN SSL SESSION/)), 1, 'over one connection');
        Tls::stop($server);
    }

    { # each answer ends its connection
        my $server = Tls::serve($made->{good}, 'http/1.1', sub { $ANSWER =~ s/\r\n\r\n/\r\nconnection: close\r\n\r\n/r });
        my $ran = ask("https://localhost:$server->{port}", { @{ $trust[0] } }, '--json', \$AFTER);
        is($ran->{result}{status}, 'ok', 'a server that closes each time is asked again') or diag($ran->{out} . $ran->{err});
        is(scalar(my @again = Tls::seen($server, qr/Reused session-id/)), 2, 'and the TLS session is resumed');
        Tls::stop($server);
    }

    { # the first is answered once the second has come: one connection has to carry both
        my $server = Tls::serve($made->{good}, 'h2', sub { my ($ids) = @_; return @$ids < 2 ? {} : { map { $_ => $BODY } @$ids } });
        Tls::halt($server);
        my $live = start("https://localhost:$server->{port}", { @{ $trust[0] } }, '--events', \$BESIDE);
        ok(Try::until_true(sub { (() = Try::read_file($live->{out}) =~ /"turn\.started"/g) == 2 }), 'two requests begin before the server does');
        Tls::go_on($server);
        my $ran = Try::finish($live);
        my ($end) = grep { $_->{kind} eq 'run.finished' && !$_->{body}{parent} } map { $Try::JSON->decode($_) } reverse split /\n/, $ran->{out};
        is($end->{body}{status}, 'ok', 'HTTP/2 is spoken where it is offered, and one connection carries requests side by side')
            or diag($ran->{out} . $ran->{err} . Try::read_file("$server->{dir}/errors"));
        my @said = map { $_->{body}{content}[0]{text} } grep { $_->{kind} eq 'turn' } map { $Try::JSON->decode($_) } split /\n/, $ran->{out};
        is_deeply(\@said, [('Said over TLS.') x 2], 'with their replies');
        Tls::stop($server);
    }
}

{ # a socket of this machine
    my $home = Try::home();
    my $path = "$home->{dir}/model.sock";
    my $listener = IO::Socket::UNIX->new(Local => $path, Listen => 4) or die "listen: $!";
    my $pid = fork // die;
    if (!$pid) {
        while (my $client = $listener->accept) {
            my $request = Misbehave::read_request($client);
            Try::write_file("$home->{dir}/request", $request);
            syswrite $client, Misbehave::reply('Said next door.');
            close $client;
        }
        POSIX::_exit(0);
    }
    close $listener;
    my $ran = ask("unix:$path:/deep", { http_proxy => 'http://127.0.0.1:1', all_proxy => 'http://127.0.0.1:1' });
    kill 'KILL', $pid;
    waitpid $pid, 0;
    is($ran->{result}{text}, 'Said next door.', 'a base URL may name a socket, past any proxy') or diag($ran->{out} . $ran->{err});
    like(Try::read_file("$home->{dir}/request"), qr{^POST /deep/v1/messages .*^authorization: Bearer \Q$KEY\E\r$}ms, 'which is sent the path and the key');
    $ran = ask("unix:$path", {});
    is_deeply([$ran->{exit}, $ran->{result}{error}{message} =~ /write unix:SOCKET:PATH/ ? 1 : 0], [35, 1], 'one without a path is told how it is written')
        or diag($ran->{out});
    unlink $path;
    $ran = ask("unix:$path:/", {});
    is($ran->{exit}, 36, 'a socket that is not there') or diag($ran->{out});
    like($ran->{result}{error}{message}, qr/unix:\Q$path\E.*No such file/, 'is named, with the reason');
}

{ # IPv6
    my $listener = eval { require IO::Socket::IP; IO::Socket::IP->new(LocalHost => '::1', LocalPort => 0, Listen => 4) };
    SKIP: {
        skip 'this machine has no ::1', 1 if !$listener;
        my $pid = fork // die;
        if (!$pid) {
            while (my $client = $listener->accept) {
                Misbehave::read_request($client);
                syswrite $client, Misbehave::reply('Said over six.');
                close $client;
            }
            POSIX::_exit(0);
        }
        my $ran = ask('http://[::1]:' . $listener->sockport, {});
        kill 'KILL', $pid;
        waitpid $pid, 0;
        is($ran->{result}{text}, 'Said over six.', 'a literal IPv6 address is reached') or diag($ran->{out});
    }
}

done_testing();
