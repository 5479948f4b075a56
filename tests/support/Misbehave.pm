# Misbehave.pm -- an HTTP server on 127.0.0.1 that does what a test says, also what no server should.
#
# Use    my $server = Misbehave::serve(sub { my ($client, $number, $request, $here) = @_; ... });
#        $server->{url}; Misbehave::requests($server); Misbehave::stop($server);
# The sub gets the socket once a request was read whole; $number counts from 1. When it returns, the
# connection is closed; Misbehave::requests($here) are those so far. Each connection has a process
# of its own; stop ends them all.
package Misbehave;
use strict;
use warnings;
use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX ();

sub serve {
    my ($answer) = @_;
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 16, ReuseAddr => 1)
        or die "listen: $!";
    my $dir = tempdir('misbehave-XXXXXXXX', TMPDIR => 1, CLEANUP => 1);
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        POSIX::setpgid(0, 0);
        $SIG{CHLD} = 'IGNORE';
        $SIG{PIPE} = 'IGNORE';
        $SIG{INT} = $SIG{TERM} = 'DEFAULT';
        my $number = 0;
        while (1) {
            my $client = $listener->accept or next;
            $number++;
            my $child = fork // POSIX::_exit(1);
            if ($child) { close $client; next }
            $client->autoflush(1);
            my $request = read_request($client);
            note($dir, $number, $request);
            $answer->($client, $number, $request, { dir => $dir });
            $client->shutdown(2);
            POSIX::_exit(0);
        }
    }
    POSIX::setpgid($pid, $pid);
    my $port = $listener->sockport;
    close $listener;
    return { pid => $pid, port => $port, url => "http://127.0.0.1:$port", dir => $dir };
}

# A port on which nobody listens.
sub free_port {
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1) or die "listen: $!";
    return $listener->sockport;
}

sub stop {
    my ($server) = @_;
    kill 'KILL', -$server->{pid}, $server->{pid};
    waitpid $server->{pid}, 0;
}

# Whole requests so far, oldest first.
sub requests {
    my ($server) = @_;
    my @all;
    for my $number (1 .. 1000) {
        open my $file, '<:raw', "$server->{dir}/$number" or last;
        local $/;
        push @all, scalar <$file>;
    }
    return @all;
}

sub read_request {
    my ($client) = @_;
    my $request = '';
    while ($request !~ /\r\n\r\n/) {
        sysread($client, $request, 65536, length $request) or return $request;
    }
    my ($head, $body) = split /\r\n\r\n/, $request, 2;
    my ($size) = $head =~ /^content-length: *(\d+)/mi;
    while (length $body < ($size || 0)) {
        sysread($client, $body, 65536, length $body) or last;
    }
    return "$head\r\n\r\n$body";
}

sub note {
    my ($dir, $number, $request) = @_;
    open my $file, '>:raw', "$dir/.new$number" or return;
    print $file $request;
    close $file;
    rename "$dir/.new$number", "$dir/$number";
}

# -- what to say ------------------------------------------------------------------------------------

sub head {
    my ($status, %headers) = @_;
    my $text = "HTTP/1.1 $status Whatever\r\n";
    $text .= "$_: $headers{$_}\r\n" for sort keys %headers;
    return "$text\r\n";
}

sub whole {
    my ($status, $type, $body, %headers) = @_;
    return head($status, 'content-type' => $type, 'content-length' => length $body, 'connection' => 'close', %headers)
        . $body;
}

sub error {
    my ($status, $kind, $message, %headers) = @_;
    return whole($status, 'application/json',
        qq({"type":"error","error":{"type":"$kind","message":"$message"}}), %headers);
}

sub stream_head { return head(200, 'content-type' => 'text/event-stream', 'connection' => 'close') }

# The events of a reply up to its text: what follows may go wrong.
sub opening {
    my ($text) = @_;
    return event('message_start', '"message":{"id":"m1","type":"message","role":"assistant","model":"test-model",'
            . '"content":[],"stop_reason":null,"usage":{"input_tokens":10,"output_tokens":1}}')
        . event('content_block_start', '"index":0,"content_block":{"type":"text","text":""}')
        . delta($text);
}

sub delta { return event('content_block_delta', qq("index":0,"delta":{"type":"text_delta","text":"$_[0]"})) }

sub closing {
    my ($stop) = @_;
    $stop ||= 'end_turn';
    return event('content_block_stop', '"index":0')
        . event('message_delta', qq("delta":{"stop_reason":"$stop","stop_sequence":null},"usage":{"output_tokens":5}))
        . event('message_stop', '');
}

sub event {
    my ($name, $fields) = @_;
    my $more = $fields eq '' ? '' : ",$fields";
    return qq(event: $name\ndata: {"type":"$name"$more}\n\n);
}

# A whole good reply.
sub reply { return stream_head() . opening($_[0]) . closing($_[1]) }

# Says nothing more until the other side goes away.
sub stall {
    my ($client) = @_;
    1 while sysread $client, my $nothing, 4096;
}

1;
