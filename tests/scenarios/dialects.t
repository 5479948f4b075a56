#!/usr/bin/perl
# dialects.t -- a provider of the user's own is one file and one row: the example of
# lua/dialects/README.md, followed to the letter against a server that speaks it. Then what goes wrong in
# such a file, and what a project's may not do.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use POSIX qw(mkfifo);
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Test::More;
use Heron;
use Misbehave;
use Try;

my $README = Try::read_file("$Try::ROOT/lua/dialects/README.md");
my ($FILE) = $README =~ /^1\. The file, `lua\/dialects\/heron\.lua`.*?^```lua\n(.*?)^```$/ms or die 'the README has no such file';
my ($ROW)  = $README =~ /^2\. The row, in `lua\/models\.lua`.*?^```lua\n(.*?)^```$/ms or die 'the README has no such row';
my $KEY    = 'heron-key-0123456789';

example();
pieces();
broken_file($_) for (
    ['a syntax error', sub { $_[0] =~ s/^local heron = /local heron == /mr }, qr{heron\.lua:7: unexpected symbol}],
    ['a function that is missing', sub { $_[0] =~ s/^function heron\.failure.*?^end$//msr }, qr{heron\.lua: failure is missing}],
    ['a key too many', sub { $_[0] =~ s/^return heron/heron.finnish = 1\nreturn heron/mr }, qr{heron\.lua: unknown key "finnish"}],
    ['another name', sub { $_[0] =~ s/name = "heron"/name = "egret"/r }, qr{heron\.lua: name is "egret"; it should be "heron"}],
);
wrong_answer($_) for (
    ['a loop without end', inside('event', 'while true do end'), 32, qr{heron\.lua:\d+: the script ran for more than \d+ instructions}],
    ['memory without end', inside('event', 'local t = {} while true do t[#t + 1] = ("x"):rep(100000) .. #t end'), 32, qr{heron\.lua}],
    ['an error halfway', inside('event', 'if line:find("now") then error("what is this?") end'), 39, qr{heron\.lua:\d+: what is this\?}],
    ['an error in what it requires', inside('event', 'reading.refused(state, "much", {})'), 39, qr{heron\.lua:\d+: event failed: lua/lib/failure\.lua:\d+: }],
    ['no list of events', inside('event', 'do return 7 end'), 39, qr{heron\.lua:\d+: event answers a number; it should answer a list}],
    ['an event of no kind', inside('event', 'do return { { kind = "txet", text = "" } } end'), 39, qr{heron\.lua:\d+: event answers an event of kind "txet"}],
    ['a piece that is no text', inside('event', 'do return { { kind = "text", text = 3 } } end'), 39, qr{heron\.lua:\d+: event answers a text whose text is a number}],
    ['bytes that are no text', inside('event', 'do return { { kind = "text", text = "\xff" } } end'), 39, qr{heron\.lua:\d+: event answers a text whose text is no UTF-8}],
    ['no reply', inside('finish', 'do return 7 end'), 39, qr{heron\.lua:\d+: finish answers a number; it should answer a reply}],
    ['a reply that stops for nothing', inside('finish', 'state.stop = "tired"'), 39, qr{heron\.lua:\d+: finish answers a reply whose stop is "tired"}],
    ['an error of no code', inside('finish', 'do return nil, { code = "waiting", message = "x" } end'), 39, qr{heron\.lua:\d+: finish answers no error: .*code}],
    ['no fragment', inside('encode', 'do return "" end'), 39, qr{heron\.lua:\d+: encode answers no text; it should answer JSON}],
    ['a request to elsewhere', sub { $_[0] =~ s{path = "/talk"}{path = "\@127.0.0.1:1/talk"}r }, 39, qr{heron\.lua:\d+: request answers the path "\@127}],
    ['a request above its server', sub { $_[0] =~ s{path = "/talk"}{path = "/%2e%2E/talk"}r }, 39, qr{heron\.lua:\d+: request answers the path .* leads out}],
    ['a value that cannot cross', inside('request', 'do return { method = print } end'), 39, qr{heron\.lua:\d+: request answers no request}],
);
lost_state();
in_a_project();
in_place_of_ours();
goes_on();
stays();
played();
done_testing();

# -- the cases ----------------------------------------------------------------------------------

sub example {
    my $server = Misbehave::serve(\&Heron::answer);
    my $home = home($FILE);
    my $env = { HERON_API_KEY => $KEY, HERON_BASE_URL => $server->{url} };
    my $listed = Try::run(home => $home, args => ['models', 'list'], env => { HERON_API_KEY => $KEY })->{out};
    like($listed, qr{^heron +https://api\.heron\.example +heron +HERON_API_KEY is set$}m, 'models list shows the provider');
    like($listed, qr{^heron +user: \Q$home->{config}\E/perigee/lua/dialects/heron\.lua$}m, 'and which file speaks to it');
    my $ran = Try::run(home => $home, args => ['models', 'which', 'heron-1'], env => $env);
    is($ran->{out}, "heron-1 at $server->{url} (named), dialect of the user: $home->{config}/perigee/lua/dialects/heron.lua\n",
        'models which says both');

    $ran = Try::run(home => $home, args => ['models', 'check', 'heron-1'], env => $env);
    is($ran->{exit}, 0, 'the check ends well') or diag($ran->{out}, $ran->{err});
    like($ran->{out}, qr/^\Q$_\E +works/m, "$_ works") for 'text', 'tool call', 'parallel calls', 'long stream', 'cancel';
    like($ran->{out}, qr/^\Q$_\E +no/m, "$_ is what Heron has not") for 'structured output', 'token count';

    Try::write_file("$home->{work}/note.txt", "reeds\n");
    $ran = asked($home, $env, 'Please read note.txt');
    is($ran->{exit}, 0, 'a run uses it') or diag($ran->{err});
    like($ran->{out}, qr/"text":"Heard: .*reeds/, 'with calls and their results');
    like($ran->{out}, qr/"input":24\b/, 'and its tokens are counted');
    my @requests = Misbehave::requests($server);
    Misbehave::stop($server);
    is(scalar(grep { /^x-heron-key: \Q$KEY\E\r$/im } @requests), scalar @requests, 'each request brings the key, where the file says');
    is(scalar(grep { /^POST \/talk /m } @requests), scalar @requests, 'and goes where it says');
    unlike(Try::read_file($home->{store}), qr/\Q$KEY/, 'the key is in no record');
}

# However the lines are cut, they say the same.
sub pieces {
    my %heard;
    for my $size (1, 7, 100000) {
        my $server = Misbehave::serve(sub {
            my ($client, undef, $request) = @_;
            setsockopt $client, IPPROTO_TCP, TCP_NODELAY, 1;
            my $all = Heron::head() . Heron::lines(Heron::reply($request)) =~ s/\n\z//r; # the last line has no end
            syswrite $client, $_ for unpack "(a$size)*", $all;
        });
        my $ran = asked(home($FILE), { HERON_BASE_URL => $server->{url} }, 'Go.');
        Misbehave::stop($server);
        $heard{$size} = "$ran->{exit} " . ($ran->{out} =~ /"text":"([^"]*)"/ ? $1 : $ran->{err});
    }
    like($heard{100000}, qr/^0 Go .* now\.$/, 'a reply of lines is heard');
    is($heard{$_}, $heard{100000}, "cut every $_ bytes it says the same") for 1, 7;
}

# A file that cannot be used: told at the start, and what does not need it goes on.
sub broken_file {
    my ($what, $change, $pattern) = @{ $_[0] };
    my $home = home(changed($FILE, $change));
    my $ran = asked($home, { HERON_API_KEY => $KEY }, 'Go.');
    ok($ran->{exit} != 0 && !$ran->{hung}, "$what: a run with its model ends");
    like($ran->{err}, qr{^perigee: \Q$home->{config}\E/perigee/lua/dialects/$pattern.*; no model that speaks it is asked$}m, "$what: it is said");
    like($ran->{out}, qr{model \\"heron-1\\" cannot be asked: }, "$what: and is the reason");
    like(Try::run(home => $home, args => ['models', 'list'])->{out}, qr{^heron +cannot be used: .*$pattern}m, "$what: models list says it");
    $ran = Try::run(home => $home, args => ['models', 'which', 'sonnet'], env => { ANTHROPIC_API_KEY => 'sk-0123456789' });
    is($ran->{exit}, 0, "$what: others are not concerned") or diag($ran->{err});
}

# A file whose functions do what they should not: the request ends, with file and line, and is not
# repeated.
sub wrong_answer {
    my ($what, $change, $exit, $pattern) = @{ $_[0] };
    my $server = Misbehave::serve(\&Heron::answer);
    my $home = home(changed($FILE, $change));
    my $ran = asked($home, { HERON_BASE_URL => $server->{url} }, 'Go.');
    my @requests = Misbehave::requests($server);
    Misbehave::stop($server);
    ok(!$ran->{hung}, "$what: nothing hangs");
    is($ran->{exit}, $exit, "$what: the run ends") or diag($ran->{err});
    my $message = ($ran->{out} =~ /^\{/ ? $Try::JSON->decode($ran->{out})->{error}{message} : '') // '';
    like($message, qr{\Q$home->{config}\E/perigee/lua/dialects/$pattern}, "$what: the error names file and line");
    cmp_ok(scalar @requests, '<=', 1, "$what: and is not asked again");
}

# While one reply is under way another script breaks the VM that had its state: what had come is heard
# again there, and said once.
sub lost_state {
    my $home = home($FILE);
    my $mark = "$home->{work}/broken";
    my $server = Misbehave::serve(sub {
        my ($client, undef, $request) = @_;
        return Heron::answer(@_) if $request !~ /slowly/;
        setsockopt $client, IPPROTO_TCP, TCP_NODELAY, 1;
        my @lines = Heron::reply($request);
        syswrite $client, Heron::head() . Heron::lines(@lines[0, 1]);
        Try::until_true(sub { -e $mark });
        syswrite $client, Heron::lines(@lines[2 .. $#lines]);
    });
    my $project = "$home->{dir}/project";
    Try::write_file("$project/.perigee/agents/$_.md", "---\nname: $_\ndescription: x\ntools: []\n---\nTalk.\n") for 'slow', 'wild';
    Try::write_file("$project/.perigee/agents/wild.lua", "return { accept = function() while true do end end }\n");
    Try::write_file("$home->{dir}/both.lua", <<'END');
return { run = function(run)
  return run.all {
    slow = function() return run.ask("slow", "slowly") end,
    wild = function()
      run.ask("wild", "Go.")
      return run.tool("write", { path = "broken", content = "" })
    end,
  }
end }
END
    Try::run(home => $home, args => ['trust', $project]);
    my $ran = Try::run(home => $home, env => { HERON_BASE_URL => $server->{url} }, args => ['run', '--project', $project,
        '--workspace', $home->{work}, '--store', $home->{store}, '--model', 'heron-1', '--events', "$home->{dir}/both.lua", 'x']);
    Misbehave::stop($server);
    is($ran->{exit}, 0, 'a reply outlives what broke its VM') or diag($ran->{err});
    my @events = map { $Try::JSON->decode($_) } split /\n/, $ran->{out};
    ok((grep { ($_->{body}{why} // '') =~ /wild\.lua:1: the script ran for more than/ } @events), 'which a hook without end did');
    my ($slow) = map { $_->{run} } grep { $_->{kind} eq 'turn.started' && $_->{body}{agent} eq 'slow' } @events;
    is(join('|', map { $_->{body}{text} } grep { $_->{kind} eq 'delta.text' && $_->{run} eq $slow } @events),
        "Go |\x{1F680} |now.", 'and each of its pieces is said once');
}

# A project's file speaks where the user's own row says so, and nowhere else.
sub in_a_project {
    my $server = Misbehave::serve(\&Heron::answer);
    my $home = Try::home();
    my $project = "$home->{dir}/project";
    Try::write_file("$project/.perigee/agents/lone-agent.md", "---\nname: lone-agent\ndescription: x\ntools: []\n---\nTalk.\n");
    Try::write_file("$project/.perigee/lua/dialects/$_.lua", $FILE =~ s/name = "heron"/name = "$_"/r) for 'heron', 'anthropic';
    Try::write_file("$home->{config}/perigee/lua/models.lua", $ROW);
    my $env = { HERON_API_KEY => $KEY, HERON_BASE_URL => $server->{url} };
    my @project = ('--project', $project);
    Try::run(home => $home, args => ['trust', $project]);
    my $ran = asked($home, $env, 'Go.', @project);
    like($ran->{err}, qr/there is no dialect "heron": .*your configuration is not there/, 'a plain name is never the project\'s');
    Try::write_file("$home->{config}/perigee/lua/models.lua", $ROW =~ s/dialect = "heron"/dialect = "project:heron"/r);
    $ran = asked($home, $env, 'Go.', @project);
    is($ran->{exit}, 0, 'where the user\'s row names it, it speaks') or diag($ran->{err});
    my $listed = Try::run(home => $home, args => ['models', 'list'], cwd => $project)->{out};
    like($listed, qr{^project:heron +project: \Q$project\E/\.perigee/lua/dialects/heron\.lua$}m, 'models list says whose it is');
    like($listed, qr{^anthropic +distribution$}m, 'one of the distribution\'s name stands in place of nothing');
    Try::run(home => $home, args => ['trust', '--revoke', $project]);
    $ran = asked($home, $env, 'Go.', @project);
    like($ran->{err}, qr/there is no dialect "project:heron": no project with lua\/dialects\/heron\.lua is trusted here/, 'without trust there is none');
    Misbehave::stop($server);
}

# The user's own file of a shipped name, made of the shipped one.
sub in_place_of_ours {
    my $home = Try::home();
    Try::write_file("$home->{config}/perigee/lua/dialects/kind_chat.lua", <<'END');
local chat, kind = require "dialects.openai_chat", {}
for key, value in pairs(chat) do kind[key] = value end
kind.name = "kind_chat"
function kind.request(req)
  local built = chat.request(req)
  built.headers[#built.headers + 1] = { "x-kind", "yes" }
  return built
end
return kind
END
    Try::write_file("$home->{config}/perigee/lua/models.lua",
        'return { add = { providers = { here = { dialect = "kind_chat", base_url = "BASE" } }, models = { m = { provider = "here" } } } }');
    my $server = Misbehave::serve(sub {
        my ($client) = @_;
        print { $client } Misbehave::stream_head(), map { "data: $_\n\n" }
            '{"id":"c","choices":[{"index":0,"delta":{"content":"Done."},"finish_reason":"stop"}]}', '[DONE]';
    });
    my $models = "$home->{config}/perigee/lua/models.lua";
    Try::write_file($models, Try::read_file($models) =~ s/BASE/$server->{url}/r);
    my $ran = asked($home, {}, 'Go.', '--model', 'm');
    my ($request) = Misbehave::requests($server);
    Misbehave::stop($server);
    is($ran->{exit}, 0, 'a dialect may be made of another') or diag($ran->{err});
    like($request, qr/^x-kind: yes\r$/im, 'and differ where it says');
}

# A run that goes on speaks by the file of today.
sub goes_on {
    my $server = Misbehave::serve(\&Heron::answer);
    my $home = home($FILE);
    my $env = { HERON_BASE_URL => $server->{url} };
    my $project = "$home->{dir}/project";
    Try::write_file("$project/.perigee/agents/lone-agent.md", "---\nname: lone-agent\ndescription: x\ntools: [web_fetch]\n---\nTalk.\n");
    my $ran = asked($home, $env, 'Please fetch https://reeds.example/', '--project', $project);
    is($ran->{exit}, 40, 'a run waits for its user') or diag($ran->{err});
    Try::write_file("$home->{config}/perigee/lua/dialects/heron.lua", $FILE =~ s{"x-heron-key"}{"x-heron-key"}r =~ s{"most"}{"at_most"}r);
    $ran = Try::run(home => $home, env => $env, args => ['runs', 'deny', 'last', '--store', $home->{store}]);
    my @requests = Misbehave::requests($server);
    Misbehave::stop($server);
    is($ran->{exit}, 0, 'it goes on') or diag($ran->{err});
    like($requests[0], qr/"most":/, 'it began as the file was');
    like($requests[-1], qr/"at_most":/, 'and goes on as the file is');
    unlike($ran->{err}, qr/heron\.lua/, 'of which nothing else is said');
}

# In a process that stays the file from before speaks until the new one is of use.
sub stays {
    my $server = Misbehave::serve(\&Heron::answer);
    my $home = home($FILE);
    my $fifo = "$home->{dir}/queue";
    mkfifo($fifo, 0600) or die "mkfifo: $!";
    open my $queue, '+<', $fifo or die "open $fifo: $!";
    $queue->autoflush(1);
    my $live = Try::start(home => $home, stdin => $fifo, env => { HERON_BASE_URL => $server->{url} }, args => ['run', '--each', '--json',
        '--workspace', $home->{work}, '--store', $home->{store}, '--project', "$FindBin::Bin/team", '--model', 'heron-1', 'lone-agent']);
    my $file = "$home->{config}/perigee/lua/dialects/heron.lua";
    my @said;
    for my $text ($FILE, $FILE =~ s/^local heron = /local heron == /mr, $FILE =~ s{"most"}{"at_most"}r) {
        Try::write_file($file, $text);
        print { $queue } "Go.\n";
        my $want = @said + 1;
        Try::until_true(sub { @said = Try::read_file($live->{out}) =~ /^(.*)\n/mg; @said >= $want || Try::ended($live) });
    }
    close $queue;
    my $ran = Try::finish($live);
    my @requests = Misbehave::requests($server);
    Misbehave::stop($server);
    is(scalar(grep { /"status":"ok"/ } @said), 3, 'each task is answered, also while the file is broken') or diag($ran->{out}, $ran->{err});
    like($ran->{err}, qr{\Q$file\E:7: unexpected symbol.*; the version from before stays in force}, 'which is told');
    is(join(' ', map { /"(at_most|most)":/ ? $1 : '?' } @requests), 'most most at_most', 'and the new one speaks once it is of use');
}

# A recording plays with the file as it is, without a server.
sub played {
    my $server = Misbehave::serve(\&Heron::answer);
    my $home = home($FILE);
    my $recording = "$home->{dir}/a.rec";
    Try::write_file("$home->{work}/note.txt", "reeds\n");
    my $first = asked($home, { HERON_BASE_URL => $server->{url}, HERON_API_KEY => $KEY }, 'Please read note.txt', '--record', $recording);
    Misbehave::stop($server);
    is($first->{exit}, 0, 'a run is recorded') or diag($first->{err});
    unlike(Try::read_file($recording), qr/\Q$KEY/, 'without the key');
    my $again = asked($home, {}, 'Please read note.txt', '--replay', $recording);
    is($again->{exit}, 0, 'and played') or diag($again->{err}, $again->{out});
    is(($again->{out} =~ /("text":"Heard[^"]*")/)[0], ($first->{out} =~ /("text":"Heard[^"]*")/)[0], 'with the same result');
}

# -- the parts ----------------------------------------------------------------------------------

sub home {
    my ($file) = @_;
    my $home = Try::home();
    Try::write_file("$home->{config}/perigee/lua/dialects/heron.lua", $file);
    Try::write_file("$home->{config}/perigee/lua/models.lua", $ROW);
    return $home;
}

# The file with a change, which must be one.
sub changed {
    my ($file, $change) = @_;
    my $changed = $change->($file);
    die 'nothing was changed' if $changed eq $file;
    return $changed;
}

# Puts a line at the beginning of a function.
sub inside {
    my ($name, $line) = @_;
    return sub { $_[0] =~ s/^(function heron\.$name\(.*)$/$1\n  $line/mr };
}

sub asked {
    my ($home, $env, $task, @more) = @_;
    my %has = map { $_ => 1 } @more;
    return Try::run(home => $home, env => $env, args => ['run', '--workspace', $home->{work}, '--store', $home->{store},
        ($has{'--project'} ? () : ('--project', "$FindBin::Bin/team")), ($has{'--model'} ? () : ('--model', 'heron-1')), @more,
        '--json', 'lone-agent', $task]);
}
