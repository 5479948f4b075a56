#!/usr/bin/perl
# replay.t -- what a run asked of models and servers is kept in a file, and the run can be had again
# from it: without a network, without a key, with the same journal. No secret stands in the file.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Misbehave;
use Try;

my $HERE = $FindBin::Bin;
my $KEY  = 'sk-test-0123456789-never-to-be-seen';
my %FAST = (first_byte_ms => 400, idle_ms => 400, connect_ms => 2000, first_wait_ms => 2, most_wait_ms => 5);

my @HOMES; # of changed recordings: they live as long as the test
my $sandboxed = Try::run(home => Try::home(), args => ['doctor'])->{exit} == 0;

# -- specimens: recorded on loopback, replayed with the server gone --------------------------------

for my $name (qw(calls-in-order hop-by-phrase children-side-by-side thinks-and-speaks demo)) {
    my $expect = $Try::JSON->decode(Try::read_file("$HERE/$name/expect.json"));
    SKIP: {
        skip "$name: no sandbox on this machine", 3 if ($expect->{needs} || '') eq 'sandbox' && !$sandboxed;
        my $scenario = $expect->{scenario} || "$HERE/$name/scenario.lua";
        my $home     = furnished($name);
        my $served   = Try::serve($home, $scenario, 4242);
        my $file     = "$home->{dir}/a.rec";
        my $first    = specimen($name, $expect, $home, ['--record', $file],
            { ANTHROPIC_BASE_URL => $served->{url}, ANTHROPIC_API_KEY => $KEY });
        Try::stop_serving($served);
        my $again = specimen($name, $expect, furnished($name), ['--replay', $file], {});
        is("$first->{exit} $again->{exit}", join(" ", ($expect->{exit} // 0) x 2), "$name: its replay ends as it did") or diag(substr $first->{out}, 0, 600);
        is_deeply([journals($again)], [journals($first)], "$name: and leaves the same journal");
        is(Try::read_file($file) =~ /\Q$KEY\E/ ? 'there' : 'not there', 'not there', "$name: the key is not in the file");
    }
}

sub furnished {
    my ($name) = @_;
    my $home = Try::home();
    system 'cp', '-R', "$HERE/$name/workspace/.", $home->{work} if -d "$HERE/$name/workspace";
    if (-d "$HERE/$name/config") {
        mkdir "$home->{config}/perigee";
        system 'cp', '-R', "$HERE/$name/config/.", "$home->{config}/perigee";
    }
    return $home;
}

sub specimen {
    my ($name, $expect, $home, $more, $env) = @_;
    my $task = $expect->{task} // Try::read_file("$HERE/$name/task");
    $task =~ s/\n+\z//;
    my $ran = Try::run(home => $home, env => $env, args => ['run', '--json', '--store', $home->{store},
        $expect->{distribution} ? () : ('--project', -d "$HERE/$name/agents" ? "$HERE/$name" : "$HERE/team"),
        @$more, @{ $expect->{args} || [] }, $expect->{agent}, $task]);
    $ran->{home} = $home;
    return $ran;
}

# -- one agent that a test invents ------------------------------------------------------------------

my $TEAM = "$HERE/team";

sub agent {
    my ($home, $env, @more) = @_;
    my $ran = Try::run(home => $home, env => $env, args => ['run', '--json', '--store', $home->{store},
        '--project', $TEAM, @more, 'lone-agent', 'Say it.']);
    $ran->{home} = $home;
    return $ran;
}

# Records a run against a server that does as told, and stops the server. Answers file and run.
sub record {
    my ($answer, %more) = @_;
    my $home = $more{home} || Try::home();
    my $file = "$home->{dir}/a.rec";
    Try::limits($home, %FAST);
    my $server = Misbehave::serve($answer);
    my $ran = agent($home, { ANTHROPIC_BASE_URL => $server->{url}, ANTHROPIC_API_KEY => $KEY, %{ $more{env} || {} } },
        '--record', $file, @{ $more{args} || [] });
    $ran->{asked} = Misbehave::requests($server);
    Misbehave::stop($server);
    return ($file, $ran);
}

sub replay {
    my ($file, @more) = @_;
    my $home = Try::home();
    Try::limits($home, %FAST);
    return agent($home, {}, '--replay', $file, @more);
}

my ($whole, $spoke) = record(sub { my ($c) = @_; print $c Misbehave::reply('Said.') });
is($spoke->{exit}, 0, 'a run that is recorded ends as any other') or diag($spoke->{err});
is((stat $whole)[2] & 0777, 0600, 'the file is its owner\'s alone');
like(Try::read_file($whole), qr/^\{"cassette":1,.*\n\{"closed":1\}\n\z/s, 'it has a version first and a mark last');
like(Try::read_file($whole), qr/authorization: Bearer \[ANTHROPIC_API_KEY\]/, 'a header with a secret names it');

my $over = agent(Try::home(), { ANTHROPIC_API_KEY => $KEY, ANTHROPIC_BASE_URL => 'http://127.0.0.1:1' }, '--record', $whole);
like($over->{err}, qr/it is there already; name a new file/, 'a recording is never written over');
is($over->{exit}, 35, 'and the run does not begin');
is(agent(Try::home(), {}, '--record', 'x', '--replay', 'y')->{exit}, 2, 'recording and replaying at once is a mistake');

# -- what differs -------------------------------------------------------------------------------------

{
    my $home = Try::home();
    my $ran  = Try::run(home => $home, args => ['run', '--json', '--store', $home->{store}, '--project', $TEAM,
        '--replay', $whole, 'lone-agent', 'Sing it.']);
    is($ran->{exit}, 35, 'a request that differs ends the run');
    like(said($ran), qr/differs from request 1 of the recording at byte \d+ of its body: recorded ".*S?ay it.*", now ".*ing it/,
        'its first differing byte is shown with what stands around it on both sides');
    my @records = Try::journal($home);
    is($records[-1]{body}{status}, 'invalid', 'the journal ends with it') or diag(explain($records[-1]));
}
{
    my $more = edited($whole, sub {
        my ($request) = $_[0] =~ /^(\{"request":1,.*\n)/m;
        $request =~ s/1/2/;
        $_[0] =~ s/^\{"closed":1\}\n/$request\{"cancel":2}\n{"closed":2}\n/m;
    });
    my $ran = replay($more);
    is($ran->{exit}, 35, 'a request that was recorded and is not made is a difference, too');
    like($ran->{err}, qr/request 2 of the recording was not made: POST http/, 'and is named');
}

{
    my ($file) = record(sub { my ($c) = @_; print $c Misbehave::reply('Said.') });
    my $more = edited($file, sub {
        my ($request) = $_[0] =~ /^(\{"request":1,.*\n)/m;
        $request =~ s/1/2/;
        $_[0] =~ s/^(\{"head":1)/$request$1/m;
        $_[0] =~ s/^\{"closed":1\}\n/{"cancel":2}\n{"closed":2}\n/m;
    });
    my $ran = replay($more);
    is($ran->{exit}, 35, 'a reply that waits for a request that never comes does not wait long');
    like(said($ran), qr/request 2 of the recording was not made: POST http/, 'and the request is named');
}

# -- recordings that were cut -------------------------------------------------------------------------

my $text = Try::read_file($whole);
for my $case (
    ['in its last line',  length($text) - 4,              0,  qr/^$/],
    ['in its reply',      index($text, '{"data":1') + 9,  35, qr/the recording ends here: it was cut/],
    ['before its reply',  index($text, '{"head":1'),      35, qr/the recording ends here: it was cut/],
    ['in its request',    index($text, '{"request":1') + 50, 35, qr/is not in the recording, which was cut after 0/],
    ['in its first line', 30,                             35, qr/it is no file of perigee run --record/],
    ['at its beginning',  0,                              35, qr/it is no file of perigee run --record/],
) {
    my ($where, $at, $exit, $said) = @$case;
    my $ran = replay(edited($whole, sub { $_[0] = substr $_[0], 0, $at }));
    is($ran->{exit}, $exit, "a recording that was cut $where plays as far as it goes") or diag($ran->{err});
    like(said($ran), $said, "cut $where: and that is said") if $exit;
}

{
    my $home   = Try::home();
    my $file   = "$home->{dir}/a.rec";
    my $server = Misbehave::serve(sub {
        my ($c) = @_;
        print $c Misbehave::stream_head(), Misbehave::opening('Half a');
        Misbehave::stall($c);
    });
    my $live = Try::start(home => $home, env => { ANTHROPIC_BASE_URL => $server->{url}, ANTHROPIC_API_KEY => $KEY },
        args => ['run', '--json', '--store', $home->{store}, '--project', $TEAM, '--record', $file, 'lone-agent', 'Say it.']);
    ok(Try::until_true(sub { Try::read_file($file) =~ /Half a.*\n\z/ }), 'a recording is written as it happens');
    kill 'KILL', $live->{pid};
    Try::finish($live);
    Misbehave::stop($server);
    my $ran = replay($file);
    is($ran->{exit}, 35, 'one whose run was killed plays as far as it goes') or diag($ran->{err});
    like(said($ran), qr/the recording ends here: it was cut, as when its run was killed/, 'and says why it ends');
    like(join("\n", journals($ran)), qr/Half a/, 'with what had come until then');
}

# -- recordings that strangers wrote ------------------------------------------------------------------

my $deep = '[' x 100_000;
for my $case (
    ['of another version', sub { $_[0] =~ s/"cassette":1/"cassette":7/ }, qr/its format is version 7, this program reads version 1/],
    ['of garbage',         sub { $_[0] = "\0\xff\x1b[2Jhello\n" x 1000 }, qr/no file of perigee run --record/],
    ['with garbage in it', sub { $_[0] =~ s/^\{"head":1.*$/\xff\x1b[2J/m }, qr/line 3: byte 1: no line of a recording/],
    ['with a deep value',  sub { $_[0] =~ s/^\{"head":1.*$/{"head":1,"status":200,"headers":$deep/m }, qr/line 3: byte \d+:/],
    ['with a deep head',   sub { $_[0] =~ s/"about":.*/"about":$deep}/ }, qr/what it says about its run has no object/],
    ['about nothing',      sub { $_[0] =~ s/"about":.*/"about":{"task":7}}/ }, qr/has no task/],
    ['whose numbers jump', sub { $_[0] =~ s/"request":1/"request":9/ }, qr/line 2: byte 13: requests are not numbered/],
    ['with a reply to nobody', sub { $_[0] =~ s/"head":1/"head":2/ }, qr/line 3: byte 10: an event of a request that does not stand before it/],
    ['with a huge number', sub { $_[0] =~ s/"head":1/"head":99999999999999999999/ }, qr/line 3: byte 9: a number is missing/],
    ['with two ends',      sub { $_[0] =~ s/^(\{"(?:end|cancel)":1.*\n)/$1$1/m }, qr/an event of a request that is over/],
    ['with half a pair',   sub { $_[0] =~ s/^(\{"data":1,"bytes":")/$1\\ud800x/m }, qr/half a surrogate pair/],
    ['with odd bytes',     sub { $_[0] =~ s/^(\{"data":1,"bytes":")/$1\xc3\x28/m }, qr/text that is no UTF-8/],
    ['that goes on',       sub { $_[0] .= "{\"cancel\":1}\n" }, qr/a line behind the last one/],
) {
    my ($what, $edit, $said) = @$case;
    my $ran = replay(edited($whole, $edit));
    is($ran->{exit}, 35, "a recording $what is refused") or diag($ran->{err});
    like($ran->{err}, $said, "$what: and why");
    unlike($ran->{err}, qr/\e/, "$what: nothing of it drives the terminal");
}
{
    my $home = Try::home();
    my $huge = "$home->{dir}/huge.rec";
    Try::write_file($huge, "x\n");
    truncate $huge, 300 * 1024 * 1024;
    is(replay($huge)->{exit}, 32, 'a huge one is not read');
    system 'mkfifo', "$home->{dir}/pipe";
    is(replay("$home->{dir}/pipe")->{exit}, 35, 'a pipe is none, and nobody waits for it');
    is(replay("$home->{dir}/nothing")->{exit}, 34, 'one that is not there is not found');
}

# -- failures, as they were ---------------------------------------------------------------------------

for my $case (
    ['retries', 0, sub {
        my ($c, $number) = @_;
        if    ($number == 1) { print $c Misbehave::error(429, 'rate_limit_error', 'slow down', 'retry-after' => 0) }
        elsif ($number == 2) { }
        else  { print $c Misbehave::reply('At last.') } }],
    ['a stream that was cut', 37, sub { print { $_[0] } Misbehave::stream_head(), Misbehave::opening('Half a') }],
    ['a stall', 31, sub { my ($c) = @_; print $c Misbehave::stream_head(), Misbehave::opening('Half a'); Misbehave::stall($c) }],
    ['an answer that is no HTTP', 37, sub { print { $_[0] } "SSH-2.0-OpenSSH_9\r\n" }],
    ['bytes that are no text', 37, sub { print { $_[0] } Misbehave::whole(200, 'text/plain', "\xff\x00\xfe") }],
) {
    my ($what, $exit, $answer) = @$case;
    my ($file, $ran) = record($answer);
    is($ran->{exit}, $exit, "$what: recorded") or diag($ran->{err});
    my $again = replay($file);
    is($again->{exit}, $exit, "$what: replayed") or diag($again->{err});
    is_deeply([journals($again)], [journals($ran)], "$what: the journal is the same");
}

# -- secrets ------------------------------------------------------------------------------------------

{
    my $other = 'another-secret-of-the-user-42';
    my $home  = Try::home();
    Try::write_file("$home->{work}/notes.txt", "TOKEN=$other and $KEY\n");
    my ($file, $ran) = record(sub {
        my ($c, $number) = @_;
        my $sse = $number == 1
            ? Misbehave::event('message_start', '"message":{"id":"m1","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":1,"output_tokens":1}}')
                . Misbehave::event('content_block_start', '"index":0,"content_block":{"type":"tool_use","id":"c1","name":"read","input":{}}')
                . Misbehave::event('content_block_delta', '"index":0,"delta":{"type":"input_json_delta","partial_json":"{\"path\":\"notes.txt\"}"}')
                . Misbehave::closing('tool_use')
            : Misbehave::opening("It says $KEY and $other.") . Misbehave::closing();
        print $c Misbehave::head(200, 'content-type' => 'text/event-stream', 'connection' => 'close',
            'x-quoted' => $KEY, 'set-cookie' => 'session=as-good-as-a-key');
        # cut inside the values
        print $c $_ for split /(?<=sk-test-0)|(?<=another-)/, $sse;
    }, home => $home, env => { OTHER_TOKEN => $other });
    my $kept = Try::read_file($file);
    is($ran->{exit}, 0, 'a run in which secrets are quoted everywhere') or diag($ran->{err});
    my ($second) = $kept =~ /^(\{"request":2,.*)$/m;
    like($second // '', qr/TOKEN=\*+ and \*+/, 'is recorded with what a tool read');
    unlike($kept, qr/\Q$KEY\E|\Q$other\E|as-good-as-a-key/, 'and without any of them');
    my $again = replay_at($home, $file);
    is($again->{exit}, 0, 'and replays where the same keys are set') or diag($again->{err});

    sub replay_at {
        my ($where, $from) = @_;
        my $new = Try::home();
        Try::write_file("$new->{work}/notes.txt", Try::read_file("$where->{work}/notes.txt"));
        return agent($new, { OTHER_TOKEN => $other, ANTHROPIC_API_KEY => $KEY }, '--replay', $from);
    }
}

# -- requests of tools --------------------------------------------------------------------------------

{
    my $server = Misbehave::serve(sub {
        my ($c, undef, $request) = @_;
        if ($request =~ m{^GET /to}) { print $c Misbehave::whole(302, 'text/plain', '', location => '/there') }
        else { print $c Misbehave::whole(200, 'text/plain', "given \xff " . ($request =~ /^x-key: (.*?)\r$/mi ? $1 : 'nothing')) }
    });
    my ($file, @ran);
    for my $how ('--record', '--replay') {
        my $home   = Try::home();
        my $folder = "$home->{config}/perigee";
        $file ||= "$home->{dir}/tools.rec";
        Try::write_file("$folder/lua/policy.lua", 'return { decide = function() return { verdict = "allow", why = "a test" } end }');
        Try::write_file("$folder/config.yaml", qq(grants:\n  ask_web: { net: ["127.0.0.1:$server->{port}"], secrets: [WEB_API_KEY] }\n));
        Try::write_file("$folder/tools/ask_web.lua", <<"LUA");
local schema = require "lib.schema"
return {
  description = "Asks.", input = schema.object {}, effect = "outside", timeout = "20s",
  needs = { net = { "127.0.0.1:$server->{port}" }, secrets = { "WEB_API_KEY" } },
  run = function(_, call)
    local answer, err = call.http { url = "$server->{url}/to", secret = "WEB_API_KEY", secret_header = "x-key" }
    local denied, why = call.http { url = "http://example.com/" }
    return { text = answer and answer.body or err.message, data = { url = answer and answer.url, why = why.code, denied = denied } }
  end,
}
LUA
        Try::write_file("$home->{dir}/probe.lua", 'return { run = function(run) local text, data = run.tool("ask_web") return { text = text, data = data } end }');
        my $ran = Try::run(home => $home, env => { WEB_API_KEY => $how eq '--record' ? $KEY : undef },
            args => ['run', "$home->{dir}/probe.lua", '', '--json', '--store', $home->{store}, $how, $file]);
        Misbehave::stop($server) if $how eq '--record';
        $ran->{home} = $home;
        push @ran, $ran;
    }
    is($ran[0]{exit}, 0, 'requests of tools are recorded') or diag($ran[0]{err});
    like($ran[0]{out}, qr/given .* \*{35}/, 'what they said was masked') or diag($ran[0]{out});
    is($ran[1]{exit}, 0, 'and replayed, with the server gone and no key') or diag($ran[1]{err});
    is_deeply([journals($ran[1])], [journals($ran[0])], 'with the same journal');
    unlike(Try::read_file($file), qr/\Q$KEY\E/, 'and no key in the file');
    like(Try::read_file($file), qr/^\{"refused":3,"code":"denied"/m, 'what was refused is kept as refused');
}

# -- a scenario of it ---------------------------------------------------------------------------------

{
    my $expect = $Try::JSON->decode(Try::read_file("$HERE/calls-in-order/expect.json"));
    my $home   = furnished('calls-in-order');
    my $served = Try::serve($home, "$HERE/calls-in-order/scenario.lua", 11);
    specimen('calls-in-order', $expect, $home, ['--record', "$home->{dir}/a.rec"],
        { ANTHROPIC_BASE_URL => $served->{url}, ANTHROPIC_API_KEY => $KEY });
    Try::stop_serving($served);
    my $made = Try::run(home => $home, args => ['models', 'scenario', "$home->{dir}/a.rec"]);
    is($made->{exit}, 0, 'a recording can be made a scenario') or diag($made->{err});
    like($made->{out}, qr/expect = rehearse\.tools\(".*\n.*expect = rehearse\.all \{ rehearse\.results\(/s,
        'that expects the tools that were offered, and results');
    Try::write_file("$home->{dir}/a.lua", $made->{out});
    my $again = specimen('calls-in-order', $expect, furnished('calls-in-order'), ['--model', "rehearsal:$home->{dir}/a.lua"], {});
    is($again->{exit}, $expect->{exit} || 0, 'and rehearsed') or diag($again->{err});
    is(Try::differs($expect->{result}, $Try::JSON->decode($again->{out}), 'result'), '', 'with the same result') if $expect->{result};
    is(Try::run(home => $home, args => ['models', 'scenario', "$home->{dir}/a.lua"])->{exit}, 35, 'what is no recording makes none');
}

done_testing();

# -- how ----------------------------------------------------------------------------------------------

# Why a run ended.
sub said {
    my ($ran) = @_;
    return $Try::JSON->decode($ran->{out})->{error}{message} // $ran->{err};
}

# A copy of a recording, changed.
sub edited {
    my ($file, $change) = @_;
    my $content = Try::read_file($file);
    $change->($content);
    push @HOMES, Try::home();
    Try::write_file("$HOMES[-1]{dir}/b.rec", $content);
    return "$HOMES[-1]{dir}/b.rec";
}

# The journals of a run and of its children, without ids and times.
sub journals {
    my ($ran) = @_;
    my (@all, @queue, %seen);
    @queue = ('last');
    while (defined(my $which = shift @queue)) {
        for my $record (Try::journal($ran->{home}, $which)) {
            my $body = $record->{body};
            push @queue, $body->{child} if ref $body eq 'HASH' && $record->{kind} eq 'child' && $body->{child};
            delete $body->{paths} if $record->{kind} eq 'changes'; # when files were changed
            push @all, "$record->{kind} " . $Try::JSON->encode(bare($body));
            $all[-1] =~ s/\Q$ran->{home}{dir}\E/HOME/g;
            $all[-1] =~ s/\b\d{8}-\d{6}-\w{6}\b/RUN/g;
        }
    }
    # Which of two children that went on side by side ended first is as random as their order of time.
    my @ends = sort grep { /^child\.finished / } @all;
    return map { /^child\.finished / ? shift @ends : $_ } @all;
}

# Without what is a time.
sub bare {
    my ($value) = @_;
    return [map { bare($_) } @$value] if ref $value eq 'ARRAY';
    return $value if ref $value ne 'HASH';
    return { map { $_ => bare($value->{$_}) } grep { !/(^|_)(ms|time)$|^(wrote|written|workspace_id)$/ } keys %$value };
}
