#!/usr/bin/perl
# bad_replies.t -- what a model's server may send that it should not, in each dialect: a clear error or a
# reply, bounded memory, nothing that hangs, nothing left. (http.t has silences and statuses, tls.t
# certificates.)
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use IO::Compress::Gzip qw(gzip);
use Test::More;
use Misbehave;
use Try;

my $KEY = 'sk-test-0123456789-never-to-be-seen';
my $GIGABYTE = 1 << 30;

# -- what each dialect says: the beginning of a reply, a piece of text, the end, and what is odd --------

sub data { return "data: $_[0]\n\n" }
sub named { my ($kind, $fields) = @_; return qq(event: $kind\ndata: {"type":"$kind",$fields}\n\n) }
sub chunk { return data(qq({"id":"c1","model":"m","choices":[{"index":0,"delta":$_[0],"finish_reason":) . ($_[1] || 'null') . '}]}') }

my $ITEM = '"item":{"id":"i1","type":"message","role":"assistant","content":[%s]}';
my $CALL = '"item":{"id":"f%d","type":"function_call","call_id":"same","name":"read","arguments":"{}"}';

my %SAYS = (
    anthropic => {
        begin => sub { Misbehave::event('message_start', '"message":{"id":"m1","model":"m","usage":{"input_tokens":10,"output_tokens":1}}')
                . Misbehave::event('content_block_start', '"index":0,"content_block":{"type":"text","text":""}') },
        piece   => sub { Misbehave::delta($_[0]) },
        end     => sub { Misbehave::closing() },
        unknown => sub { Misbehave::event('content_block_delta', '"index":7,"delta":{"type":"text_delta","text":"x"}') },
        twice   => sub { map { Misbehave::event('content_block_start', qq("index":$_,"content_block":{"type":"tool_use","id":"same","name":"read","input":{}}))
                . Misbehave::event('content_block_stop', qq("index":$_)) } 1, 2 },
        usage   => sub { map { Misbehave::event('message_delta', qq("delta":{},"usage":{"input_tokens":$_,"output_tokens":$_})) } 40, 7, -1 },
        nan     => sub { Misbehave::event('message_delta', '"delta":{},"usage":{"output_tokens":NaN}') },
        counted => 80,
    },
    openai_chat => {
        begin   => sub { chunk('{"role":"assistant","content":""}') },
        piece   => sub { chunk(qq({"content":"$_[0]"})) },
        end     => sub { chunk('{}', '"stop"') . data('{"id":"c1","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5}}') . data('[DONE]') },
        unknown => sub { chunk('{}', '"tool_calls"') . chunk('{"tool_calls":[{"index":0,"function":{"arguments":"x"}}]}') },
        twice   => sub { map { chunk(qq({"tool_calls":[{"index":$_,"id":"same","function":{"name":"read","arguments":"{}"}}]})) } 0, 1 },
        usage   => sub { map { data(qq({"choices":[],"usage":{"prompt_tokens":$_,"completion_tokens":$_}})) } 40, 7, -1 },
        nan     => sub { data('{"choices":[],"usage":{"prompt_tokens":NaN}}') },
        counted => 80,
    },
    openai_responses => {
        begin   => sub { named('response.created', '"response":{"id":"r1","model":"m"}') . named('response.output_item.added', '"output_index":0,' . sprintf $ITEM, '') },
        piece   => sub { $_[1]{said} .= $_[0]; named('response.output_text.delta', qq("output_index":0,"delta":"$_[0]")) },
        end     => sub { named('response.output_item.done', '"output_index":0,' . sprintf $ITEM, qq({"type":"output_text","text":"$_[0]{said}"}))
                . named('response.completed', '"response":{"status":"completed","usage":{"input_tokens":40,"output_tokens":40}}') },
        unknown => sub { named('response.output_text.delta', '"output_index":7,"delta":"x"') },
        twice   => sub { map { named('response.output_item.added', qq("output_index":$_,) . sprintf $CALL, $_)
                . named('response.output_item.done', qq("output_index":$_,) . sprintf $CALL, $_) } 1, 2 },
        usage   => sub { '' }, # told once, at the end
        nan     => sub { named('response.in_progress', '"response":{"usage":NaN}') },
        counted => 80,
    },
);

# A stream's events: begin, then each as told.
sub events {
    my ($says, @steps) = @_;
    my $kept = {};
    return join '', $says->{begin}->(), map { ref $_ ? $_->() : $_ eq 'end' ? $says->{end}->($kept) : $says->{piece}->($_, $kept) } @steps;
}

sub stream { return Misbehave::head(200, 'content-type' => 'text/event-stream', 'connection' => 'close', @_) }

# In HTTP chunks, each sent by itself.
sub in_chunks {
    my ($client, @pieces) = @_;
    print $client stream('transfer-encoding' => 'chunked');
    syswrite $client, sprintf "%x\r\n%s\r\n", length, $_ for @pieces, '';
}

# Sends `piece` until a gigabyte has left or nobody listens; notes how much it was.
sub pour {
    my ($client, $here, $piece) = @_;
    my $sent = 0;
    while ($sent < $GIGABYTE) {
        my $went = syswrite $client, $piece or last;
        $sent += $went;
    }
    Try::write_file("$here->{dir}/sent", $sent);
}

sub bomb {
    my ($text) = @_;
    gzip(\$text => \my $packed, -Level => 9) or die;
    return $packed;
}
my %BOMBS = (line => bomb('data: ' . 'x' x 50_000_000), comments => bomb(": ping\n\n" x 6_000_000), page => bomb('sorry ' x 8_000_000));

# name, exit, status, what the error or text says, requests, what is said, limits, further checks
my @CASES = (
    ['a gigabyte without a line end', 32, 'limit', 'line', 1, sub { my ($says, $c, undef, undef, $here) = @_;
        print $c stream(), events($says, 'a'), 'data: '; pour($c, $here, 'x' x 65536) }, {}, sub { poured($_[0], 48) }],
    ['a gigabyte of an event whose lines are short', 32, 'limit', 'event', 1, sub { my ($says, $c, undef, undef, $here) = @_;
        print $c stream(); pour($c, $here, 'data: ' . 'x' x 1000 . "\n") }, {}, sub { poured($_[0], 48) }],
    ['a gigabyte of an error page', 36, 'unavailable', 'HTTP 500', 3, sub { my ($says, $c, undef, undef, $here) = @_;
        print $c Misbehave::head(500, 'content-type' => 'text/html', connection => 'close'); pour($c, $here, 'sorry ' x 10000) }, {}, sub { poured($_[0], 48) }],
    ['a gigabyte of a page with status 200', 37, 'protocol', 'expected a stream', 1, sub { my ($says, $c, undef, undef, $here) = @_;
        print $c Misbehave::head(200, 'content-type' => 'text/plain', connection => 'close'); pour($c, $here, 'hello ' x 10000) }, {}, sub { poured($_[0], 48) }],
    ['a gigabyte of a head', 32, 'limit', 'head', 1, sub { my ($says, $c, undef, undef, $here) = @_;
        print $c "HTTP/1.1 200 OK\r\n"; pour($c, $here, 'x-more: ' . 'y' x 1000 . "\r\n") }, {}, sub { poured($_[0], 48) }],
    ['a gzip bomb of one line', 32, 'limit', 'line', 1, sub { my ($says, $c) = @_; print $c stream('content-encoding' => 'gzip'), $BOMBS{line} }],
    ['a gzip bomb of comments', 32, 'limit', 'longer than its limit', 1, sub { my ($says, $c) = @_; print $c stream('content-encoding' => 'gzip'), $BOMBS{comments} }],
    ['a gzip bomb in an error page', 36, 'unavailable', 'HTTP 503', 3, sub { my ($says, $c) = @_;
        print $c Misbehave::head(503, 'content-type' => 'text/plain', 'content-encoding' => 'gzip', connection => 'close'), $BOMBS{page} }],
    ['a packed stream is unpacked', 0, 'ok', '^Packed\.$', 1, sub { my ($says, $c) = @_;
        print $c stream('content-encoding' => 'gzip'), bomb(events($says, 'Packed.', 'end')) }],
    ['a coding that is none', 37, 'protocol', 'coding', 1, sub { my ($says, $c) = @_; print $c stream('content-encoding' => 'gzip'), events($says, 'a', 'end') }],
    ['a content-length that is too short', 37, 'protocol', '3 attempts.*ended before', 3, sub { my ($says, $c) = @_;
        my $all = events($says, 'Half', 'end'); print $c stream('content-length' => int(length($all) / 2)), $all }],
    ['a content-length that is too long, with a reply cut in the middle', 36, 'unavailable', 'cut short', 3, sub { my ($says, $c) = @_;
        my $all = events($says, 'Half'); print $c stream('content-length' => 9_000_000), $all }],
    ['a content-length that is too long, behind a whole reply', 0, 'ok', '^Whole\.$', 1, sub { my ($says, $c) = @_;
        print $c stream('content-length' => 9_000_000), events($says, 'Whole.', 'end'); Misbehave::stall($c) }],
    ['a delta for what is not there', 37, 'protocol', 'the stream is not valid', 1, sub { my ($says, $c) = @_; print $c stream(), events($says, 'a', $says->{unknown}, 'end') }],
    ['two calls with one id', 37, 'protocol', 'two calls with one id', 1, sub { my ($says, $c) = @_; print $c stream(), events($says, 'a', $says->{twice}, 'end') }],
    ['usage that goes backwards counts at its highest', 0, 'ok', '^Cheap\.$', 1, sub { my ($says, $c) = @_; print $c stream(), events($says, 'Cheap.', $says->{usage}, 'end') },
        {}, sub { my ($ran, $says) = @_; $ran->{result}{tokens} == $says->{counted} ? () : "tokens are $ran->{result}{tokens}" }],
    ['a number that is none', 37, 'protocol', 'is not a JSON object', 1, sub { my ($says, $c) = @_; print $c stream(), events($says, 'a', $says->{nan}, 'end') }],
    ['a sign that is cut by two chunks, and bytes that are none', 0, 'ok', "^Gr\x{FC}\x{DF}e \x{FFFD}.\$", 1, sub { my ($says, $c) = @_;
        my $all = events($says, "Gr\xC3\xBC\xC3\x9Fe \xFF.", 'end'); in_chunks($c, split /(?<=[\x80-\xFF])/, $all) }],
    ['every byte by itself', 0, 'ok', "^Gr\x{FC}\x{DF}e \x{1F600}\$", 1, sub { my ($says, $c) = @_;
        in_chunks($c, split //, events($says, "Gr\xC3\xBC\xC3\x9Fe \\ud83d\\ude00", 'end')) }],
    ['half of a sign', 0, 'ok', "^a\x{FFFD}b\$", 1, sub { my ($says, $c) = @_; print $c stream(), events($says, 'a\\ud83db', 'end') }],
    ['a page of HTML with status 200', 37, 'protocol', 'an HTML page, "Sign in"', 1, sub { my ($says, $c) = @_;
        print $c Misbehave::whole(200, 'text/html', '<html><title>Sign in</title></html>') }],
    ['a page of HTML that calls itself a stream', 37, 'protocol', 'ended before', 3, sub { my ($says, $c) = @_; print $c stream(), '<html><title>Sign in</title></html>' }],
    ['a reply that repeats for ever', 32, 'limit', 'longer than its limit', 1, sub { my ($says, $c, undef, undef, $here) = @_;
        print $c stream(), events($says, 'a'); pour($c, $here, $says->{piece}->('and on ', {}) x 100) }, { body_limit => 300_000 }, sub { poured($_[0], 48) }],
    ['a beginning that repeats for ever', 32, 'limit', 'longer than its limit', 1, sub { my ($says, $c, undef, undef, $here) = @_;
        print $c stream(); pour($c, $here, "event: ping\ndata: {\"type\":\"ping\"}\n\n" x 100) }, { body_limit => 300_000 }, sub { poured($_[0], 48) }],
    ['a reply cut in the middle, then a whole one', 0, 'ok', '^Whole\.$', 2, sub { my ($says, $c, $number) = @_;
        print $c stream(), $number == 1 ? events($says, 'Half') : events($says, 'Whole.', 'end') }],
);

# How much left the server before the other side was gone: what is sent is not always read.
sub poured {
    my ($ran, $megabytes) = @_;
    my $sent = Try::until_true(sub { Try::read_file("$ran->{here}{dir}/sent") });
    return $sent && $sent < $megabytes << 20 ? () : "it took $sent bytes";
}

for my $dialect (sort keys %SAYS) {
    for my $case (@CASES) {
        my ($name, $exit, $status, $pattern, $requests, $say, $limits, $more) = @$case;
        my $server = Misbehave::serve(sub { $say->($SAYS{$dialect}, @_) });
        my $ran = ask($dialect, $server, $limits || {});
        my @came = Misbehave::requests($server);
        my @wrong = $more ? $more->($ran, $SAYS{$dialect}) : ();
        Misbehave::stop($server);
        push @wrong, scalar(@came) . " requests came, not $requests" if @came != $requests;
        judge("$dialect: $name", $ran, $exit, $status, $pattern, @wrong);
    }

    my $stranger = Misbehave::serve(sub { my ($c) = @_; print $c stream(), events($SAYS{$dialect}, 'Thank you.', 'end') });
    for my $status (301, 307, 308) {
        my $server = Misbehave::serve(sub { my ($c) = @_; print $c Misbehave::whole($status, 'text/plain', '', location => "$stranger->{url}/v1?$KEY") });
        my $ran = ask($dialect, $server, {});
        Misbehave::stop($server);
        judge("$dialect: a redirect to another host ($status) is told and not followed", $ran, 37, 'protocol',
            "HTTP $status.*points to \Q$stranger->{url}\E, and no redirect is followed");
    }
    is(scalar(Misbehave::requests($stranger)), 0, "$dialect: the other host heard nothing");
    Misbehave::stop($stranger);
}

done_testing();

sub ask {
    my ($dialect, $server, $limits) = @_;
    my $home = Try::home();
    my %all = (first_byte_ms => 20000, idle_ms => 20000, first_wait_ms => 2, most_wait_ms => 5, %$limits);
    my $limited = join ', ', map { "$_ = $all{$_}" } sort keys %all;
    Try::write_file("$home->{config}/perigee/lua/models.lua", <<"LUA");
return { add = { limits = { $limited }, models = { ["m-tried"] = { provider = "tried" } },
  providers = { tried = { dialect = "$dialect", base_url = "$server->{url}", secret = "TRIED_API_KEY" } } } }
LUA
    my $ran = Try::run(home => $home, env => { TRIED_API_KEY => $KEY },
        args => ['run', '--json', '--store', $home->{store}, '--project', "$Try::ROOT/tests/scenarios/team",
            '--model', 'm-tried', 'lone-agent', 'Say something.']);
    $ran->{result}  = eval { $Try::JSON->decode($ran->{out}) } || {};
    $ran->{journal} = [Try::journal($home)];
    $ran->{left}    = [Try::until_quiet($home)];
    $ran->{here} = $server;
    return $ran;
}

sub judge {
    my ($name, $ran, $exit, $status, $pattern, @wrong) = @_;
    my $error = $ran->{result}{error};
    my $said = ref $error ? $error->{message} : $ran->{result}{text} // '';
    push @wrong, 'it hung' if $ran->{hung};
    push @wrong, "exit code $ran->{exit}, not $exit" if $ran->{exit} != $exit;
    push @wrong, 'status ' . ($ran->{result}{status} // 'none') . ", not $status" if ($ran->{result}{status} // '') ne $status;
    push @wrong, "it does not say $pattern" if $said !~ /$pattern/s;
    my $last = $ran->{journal}[-1] || { kind => 'nothing' };
    push @wrong, "the journal ends in $last->{kind}" if $last->{kind} ne 'run.finished';
    my $all = join "\n", $ran->{out}, $ran->{err}, map { $Try::JSON->encode($_) } @{ $ran->{journal} };
    push @wrong, 'the key stands in it' if $all =~ /\Q$KEY\E/;
    push @wrong, "still running: $_" for @{ $ran->{left} };
    ok(!@wrong, $name) and return;
    binmode Test::More->builder->failure_output, ':utf8';
    diag("  $_") for @wrong, "it said: $said", "stderr: $ran->{err}";
}
