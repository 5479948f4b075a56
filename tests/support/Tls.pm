# Tls.pm -- servers behind TLS on 127.0.0.1, by `openssl s_server`: one connection at a time.
#
# Use    my $made = Tls::certificates();                    good, expired, stranger, alone: [cert, key]
#        my $server = Tls::serve($made->{good}, 'http/1.1', sub { my ($request, $number) = @_; return $answer });
#        my $server = Tls::serve($made->{good}, 'h2', sub { my ($streams) = @_; return { id => $answer, ... } });
#        "https://localhost:$server->{port}"; Tls::seen($server, qr/.../); Tls::stop($server);
# Over HTTP/1.1 the sub gets each request and answers its bytes; over HTTP/2 it gets, after each new
# request, the ids of all streams that wait, and answers bodies of event streams for those that may go.
package Tls;
use strict;
use warnings;
use File::Temp qw(tempdir);
use IPC::Open2;
use POSIX ();

sub have { return system('command -v openssl >/dev/null 2>&1') == 0 }

sub openssl {
    my ($dir, @words) = @_;
    system("cd '$dir' && openssl @words >>log 2>&1") == 0 or die "openssl @words failed in $dir\n";
}

sub certificates {
    my $dir = tempdir('tls-XXXXXXXX', TMPDIR => 1, CLEANUP => 1);
    my $key = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
    openssl($dir, "req -x509 $key -keyout ca.key -out ca.pem -subj '/CN=Test authority' -days 2");
    mkdir "$dir/folder" or die;
    openssl($dir, 'x509 -in ca.pem -out folder/ca.pem');
    openssl($dir, 'rehash folder');
    my %made = (dir => $dir, ca => "$dir/ca.pem", folder => "$dir/folder");
    for my $one (['good', 'localhost', 2], ['expired', 'localhost', -1], ['stranger', 'elsewhere.test', 2]) {
        my ($name, $host, $days) = @$one;
        open my $file, '>', "$dir/$name.ext" or die;
        print $file "subjectAltName=DNS:$host\n";
        close $file;
        openssl($dir, "req $key -keyout $name.key -out $name.csr -subj /CN=$host");
        openssl($dir, "x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days $days -extfile $name.ext -out $name.pem");
        $made{$name} = ["$dir/$name.pem", "$dir/$name.key"];
    }
    openssl($dir, "req -x509 $key -keyout alone.key -out alone.pem -subj /CN=localhost -addext subjectAltName=DNS:localhost -days 2");
    $made{alone} = ["$dir/alone.pem", "$dir/alone.key"];
    return \%made;
}

sub serve {
    my ($made, $protocol, $answer) = @_;
    my $dir = tempdir('tls-XXXXXXXX', TMPDIR => 1, CLEANUP => 1);
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        POSIX::setpgid(0, 0);
        $SIG{$_} = 'DEFAULT' for qw(INT TERM);
        $SIG{PIPE} = 'IGNORE';
        open STDERR, '>>', "$dir/errors";
        my $openssl = open2(my $from, my $to, 'openssl', 's_server', '-accept', '127.0.0.1:0', '-cert', $made->[0],
            '-key', $made->[1], '-alpn', $protocol);
        $to->autoflush(1);
        Try::write_file("$dir/pid", $openssl);
        my $take = $protocol eq 'h2' ? \&over_2 : \&over_1;
        $take->({ from => $from, to => $to, dir => $dir, seen => '' }, $answer);
        POSIX::_exit(0);
    }
    POSIX::setpgid($pid, $pid);
    my $server = { pid => $pid, dir => $dir };
    Try::until_true(sub { ($server->{port}) = seen($server, qr/ACCEPT 127\.0\.0\.1:(\d+)/) }) or die "s_server does not start\n";
    return $server;
}

# All that openssl printed, the requests among it, matched.
sub seen {
    my ($server, $pattern) = @_;
    return Try::read_file("$server->{dir}/seen") =~ /$pattern/g;
}

# The server stands still, with connections waiting for it, and goes on.
sub halt  { kill 'STOP', Try::read_file("$_[0]{dir}/pid") }
sub go_on { kill 'CONT', Try::read_file("$_[0]{dir}/pid") }

sub stop {
    my ($server) = @_;
    go_on($server);
    kill 'KILL', -$server->{pid}, $server->{pid};
    waitpid $server->{pid}, 0;
}

# More of what openssl prints; false at its end.
sub more {
    my ($side) = @_;
    my $got = sysread $side->{from}, my $bytes, 65536 or return 0;
    $side->{seen} .= $bytes;
    open my $file, '>>:raw', "$side->{dir}/seen" or die;
    print $file $bytes;
    close $file;
    return $got;
}

sub over_1 {
    my ($side, $answer) = @_;
    my $number = 0;
    while (more($side)) {
        while ($side->{seen} =~ /^((?:POST|GET) .*?\r\n\r\n)(.*)$/ms) {
            my ($head, $body) = ($1, $2);
            my ($size) = $head =~ /^content-length: *(\d+)/mi;
            last if length $body < ($size || 0);
            $side->{seen} = substr $body, $size || 0;
            syswrite $side->{to}, $answer->($head . substr($body, 0, $size || 0), ++$number);
        }
    }
}

# RFC 9113, as much of it as one client needs that sends small requests.
sub frame {
    my ($type, $flags, $stream, $payload) = @_;
    return substr(pack('N', length $payload), 1) . pack('CCN', $type, $flags, $stream) . $payload;
}

sub over_2 {
    my ($side, $answer) = @_;
    my ($begun, %waiting) = (0);
    while (more($side)) {
        if (!$begun && $side->{seen} =~ /PRI \* HTTP\/2\.0\r\n\r\nSM\r\n\r\n/) {
            $begun = 1;
            $side->{seen} = substr $side->{seen}, $+[0];
            # settings: a large window for each stream; then one for the connection
            syswrite $side->{to}, frame(4, 0, 0, pack('nN', 4, 0x7fffffff)) . frame(8, 0, 0, pack('N', 0x3fffffff));
        }
        while ($begun && length $side->{seen} >= 9) {
            my ($high, $low, $type, $flags, $stream) = unpack 'CnCCN', $side->{seen};
            my $size = $high * 65536 + $low;
            last if length $side->{seen} < 9 + $size;
            $side->{seen} = substr $side->{seen}, 9 + $size;
            syswrite $side->{to}, frame(4, 1, 0, '') if $type == 4 && !($flags & 1);
            next if $type > 1 || !($flags & 1); # a request ends in HEADERS or DATA with END_STREAM
            $waiting{$stream} = 1;
            my $ready = $answer->([sort { $a <=> $b } keys %waiting]);
            for my $id (sort { $a <=> $b } keys %$ready) {
                delete $waiting{$id};
                my $head = "\x88" . "\x0f\x10" . chr(17) . 'text/event-stream'; # :status 200, content-type
                syswrite $side->{to}, frame(1, 4, $id, $head) . frame(0, 1, $id, $ready->{$id});
            }
        }
    }
}

1;
