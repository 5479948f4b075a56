#!/usr/bin/perl
# each.t -- many runs in one process: tasks from stdin, and files that change meanwhile.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Digest::SHA qw(sha256_hex);
use IO::Handle;
use POSIX qw(mkfifo);
use Test::More;
use Try;

# Says what its prompt and its task are; "wait" runs a command that waits for the file go.
my $SCENARIO = <<'LUA';
local function any() return true end
local function told(given)
  return ("%s; %s"):format(given.system:match("Body (%w+)") or "?", given.task)
end
local function play() return { { expect = any, text = told } } end
return { agents = { alpha = { play() }, beta = { {
  { expect = any, calls = { { "bash", { command = "mkdir -p tools; cp seed.lua tools/evil.lua; : > ready; while [ ! -e go ]; do sleep 0.02; done" } } } },
  { expect = any, text = told },
} } } }
LUA

my $TOOL = <<'LUA';
local schema = require "lib.schema"
local words  = require "words"
return { description = words.about, input = schema.object {}, effect = "read", run = function() return "x" end }
LUA

sub agent { my ($name, $body, $more) = @_; return "---\nname: $name\ndescription: x\n" . ($more // "tools: [bash, evil, word]\n") . "---\nBody $body\n" }

sub place {
    my $home = Try::home();
    Try::write_file("$home->{dir}/scenario.lua", $SCENARIO);
    Try::write_file("$home->{work}/agents/$_.md", agent($_, 'one')) for qw(alpha beta);
    return $home;
}

# Which of the texts of a file a run had in force, by its hash in the journal; '' for none.
sub in_force {
    my ($home, $result, $file, @texts) = @_;
    my ($end) = grep { $_->{kind} eq 'run.finished' } Try::journal($home, $result->{run});
    my $hash = $end->{body}{files}{$file} or return '';
    my ($text) = grep { sha256_hex($_) eq $hash } @texts;
    return $text // 'another';
}

sub offers {
    my ($home, $result, $tool) = @_;
    my ($prompt) = grep { $_->{kind} eq 'prompt' } Try::journal($home, $result->{run});
    return scalar grep { $_ eq $tool } @{ $prompt->{body}{tools} };
}

# A process that reads its tasks from us, line by line.
sub begin {
    my ($home, @args) = @_;
    my $fifo = "$home->{dir}/queue" . ++$home->{queues};
    mkfifo($fifo, 0600) or die "mkfifo: $!";
    open my $queue, '+<', $fifo or die "open $fifo: $!"; # both ends, so that neither waits for the other
    $queue->autoflush(1);
    my $live = Try::start(home => $home, stdin => $fifo,
        args => ['run', '--each', '--json', '--store', $home->{store}, '--model', "rehearsal:$home->{dir}/scenario.lua", @args]);
    return { home => $home, live => $live, queue => $queue, done => 0 };
}

sub results { my ($each) = @_; return map { $Try::JSON->decode($_) } Try::read_file($each->{live}{out}) =~ /^(.*)\n/mg }

# Hands over a line; answers its result.
sub ask {
    my ($each, $line) = @_;
    my $want = ++$each->{done};
    print { $each->{queue} } "$line\n";
    Try::until_true(sub { my @all = results($each); @all >= $want || Try::ended($each->{live}) });
    return (results($each))[$want - 1];
}

sub said { my ($each) = @_; return Try::read_file($each->{live}{err}) }
sub how_often { my ($each, $pattern) = @_; my @all = said($each) =~ /$pattern/g; return scalar @all }

sub finish {
    my ($each) = @_;
    close $each->{queue};
    return Try::finish($each->{live});
}

# -- tasks -------------------------------------------------------------------------------------------

{
    my $home = place();
    Try::write_file("$home->{work}/count.lua", <<'LUA');
local schema = require "lib.schema"
return { params = schema.object { { "n", schema.integer { min = 1 } } },
  run = function(_, params) if params.n > 2 then return nil, { code = "limit", message = "too many" } end return params.n end }
LUA
    my $queue = join "\n", 'first', '', '{"agent":"alpha","task":"second"}', '{"agent":"count.lua","set":{"n":2}}',
        '{"agent":"count.lua","set":{"n":3}}', '{"agent":"nobody","task":"x"}', '{"task":"x","sett":{}}', '{"bad', '-', 'last without an end';
    Try::write_file("$home->{dir}/queue.txt", $queue);
    my $ran = Try::run(home => $home, stdin => "$home->{dir}/queue.txt",
        args => ['run', '--each', '--json', '--store', $home->{store}, '--model', "rehearsal:$home->{dir}/scenario.lua", 'alpha']);
    my @all = map { $Try::JSON->decode($_) } split /\n/, $ran->{out};
    is_deeply([map { $_->{line} } @all], [1, 3, 4, 5, 6, 7, 8, 9, 10], 'each line has one result, which names it; empty ones have none');
    is_deeply([map { $_->{status} } @all], [qw(ok ok ok limit not_found invalid invalid ok ok)], 'a task that fails stops no other');
    is($all[0]{text}, 'one; first', 'plain text is the task of who was named on the command line');
    is($all[2]{value}, 2, 'a line can name a chain and what it takes');
    is($all[7]{text}, 'one; -', 'a task of - is nothing but a text here');
    like($all[5]{error}{message}, qr/line 7: unknown key "sett"; did you mean "set"\?/, 'a wrong key is refused by line');
    like($all[6]{error}{message}, qr/line 8: it begins with \{ and is no JSON object/, 'so is what only looks like JSON');
    is($ran->{exit}, 32, 'the exit code is that of the first that failed') or diag $ran->{err};
    like($ran->{err}, qr/^perigee: 9 tasks: 5 ok, 1 limit, 3 refused/m, 'and the last line counts them');
    like(Try::run(home => $home, args => ['run', '--each', 'alpha', 'x'])->{err}, qr/--each takes its tasks from stdin/, 'a task on the command line is refused');
    like(Try::run(home => $home, args => ['run', '--each', '--record', 'x', 'alpha'])->{err}, qr/--each and --record do not go together/, 'so is a recording');
    is(Try::run(home => $home, args => ['run', '--each', 'alpha'])->{exit}, 0, 'no tasks at all are no mistake');
}

# -- files that change -------------------------------------------------------------------------------

{
    my $home = place();
    my $each = begin($home, 'alpha');
    is(ask($each, 'a')->{text}, 'one; a', 'a task is answered while the queue is open');
    Try::write_file("$home->{work}/agents/alpha.md", agent('alpha', 'two'));
    is(ask($each, 'b')->{text}, 'two; b', 'a definition that changed counts for the next run');
    Try::write_file("$home->{work}/agents/alpha.md", agent('alpha', 'three', "tools: {a: [\n"));
    is(ask($each, 'c')->{text}, 'two; c', 'of one that is broken the version from before stays in force');
    ask($each, 'd');
    is(how_often($each, qr/alpha\.md:\d:1: .*tools.*the version from before stays/), 1, 'which is said once, with file, line and reason') or diag said($each);
    Try::write_file("$home->{work}/agents/alpha.md", "no front matter\n");
    is(ask($each, 'e')->{text}, 'two; e', 'so it is of one that is no definition any more');
    Try::write_file("$home->{work}/agents/alpha.md", agent('alpha', 'four'));
    is(ask($each, 'f')->{text}, 'four; f', 'mended, it counts');
    Try::write_file("$home->{work}/agents/gamma.md", agent('gamma', 'new'));
    like(ask($each, '{"agent":"gamma","task":"g"}')->{error}{message}, qr/gamma/, 'a new one is there');
    unlink "$home->{work}/agents/gamma.md";
    is(ask($each, '{"agent":"gamma","task":"h"}')->{status}, 'not_found', 'and one that was removed is not');
    finish($each);
}

{
    my $home = place();
    my $lua = "$home->{config}/perigee";
    Try::write_file("$lua/tools/word.lua", $TOOL);
    my $each = begin($home, 'alpha');
    my @words = map { "return { about = '$_' }" } qw(first second);
    my $words = sub { return in_force($home, $_[0], 'lua/words.lua', @words) };
    Try::write_file("$lua/lua/words.lua", $words[0]);
    my $result = ask($each, 'a');
    ok(offers($home, $result, 'word'), 'a tool is offered');
    is($words->($result), $words[0], 'by the module that it requires');
    Try::write_file("$lua/lua/words.lua", $words[1]);
    is($words->(ask($each, 'b')), $words[1], 'a module that changed counts for the next run');
    like(said($each), qr/words\.lua changed; that counts from here on/, 'and is named');
    Try::write_file("$lua/lua/words.lua", "return {\n  about = }");
    is($words->(ask($each, 'c')), $words[1], 'a broken module leaves the one from before');
    Try::write_file("$lua/tools/word.lua", "return { description = 'third' }");
    ok(offers($home, ask($each, 'd'), 'word'), 'so does a tool that declares something wrong');
    ask($each, 'e');
    is(how_often($each, qr/words\.lua:2: unexpected symbol.*the version from before stays/), 1, 'each is said once') or diag said($each);
    is(how_often($each, qr/word\.lua.*the version from before stays/), 1, 'each of them');
    Try::write_file("$lua/lua/policy.lua", "return { decide = function() end, decode = 1 }");
    is(ask($each, 'f')->{status}, 'ok', 'a new policy of no use leaves ours in force');
    like(said($each), qr/policy\.lua: unknown key "decode".*the version from before stays/, 'which is said');
    Try::write_file("$lua/lua/policy.lua", "return { decide = function() end, decade = 1 }");
    ask($each, 'g');
    like(said($each), qr/unknown key "decade"/, 'another broken version is another line');
    Try::write_file("$lua/lua/policy.lua", "local words = require 'words'\nreturn { decide = function(call) return { verdict = 'deny', why = words.about } end }");
    my ($run) = map { $_->{run} } ask($each, 'h');
    my ($started) = grep { $_->{kind} eq 'run.finished' } Try::journal($home, $run);
    ok($started->{body}{files}{'lua/policy.lua'}, 'one that can be used is in force, and the journal names it');
    unlink "$lua/tools/word.lua";
    ok(!offers($home, ask($each, 'i'), 'word'), 'a tool that was removed is not offered');
    my $ran = finish($each);
    is($ran->{exit}, 0, 'and all went well');
}

# -- hooks, chains, scenarios --------------------------------------------------------------------------

{
    my $home = place();
    my $dir = "$home->{config}/perigee/agents";
    Try::write_file("$dir/delta.md", agent('delta', 'one', "tools: []\n"));
    my $hooks = 'return { before = function() return { context = "%s" } end }';
    Try::write_file("$dir/delta.lua", sprintf $hooks, 'first');
    Try::write_file("$home->{dir}/scenario.lua", 'return { agents = { delta = { { { expect = function() return true end, text = function(given) return given.first end } } } } }');
    my $each = begin($home, 'delta');
    like(ask($each, 'a')->{text}, qr/first/, 'a hook adds its context');
    Try::write_file("$dir/delta.lua", sprintf $hooks, 'second');
    like(ask($each, 'b')->{text}, qr/second/, 'a hook that changed counts for the next run');
    Try::write_file("$dir/delta.lua", "return { befor = 1 }");
    like(ask($each, 'c')->{text}, qr/second/, 'one of no use leaves the one from before');
    like(said($each), qr/delta\.lua: unknown key "befor".*the version from before stays/, 'which is said');
    Try::write_file("$home->{dir}/scenario.lua", 'return { agents = ');
    like(ask($each, 'd')->{text}, qr/second/, 'the same holds for a scenario');
    Try::write_file("$home->{work}/one.lua", 'return { run = function() return "chain one" end }');
    is(ask($each, '{"agent":"one.lua"}')->{value}, 'chain one', 'a chain runs');
    Try::write_file("$home->{work}/one.lua", 'return { run = function() return "chain two" end }');
    is(ask($each, '{"agent":"one.lua"}')->{value}, 'chain two', 'one that changed counts');
    Try::write_file("$home->{work}/one.lua", 'return { run = 1 }');
    is(ask($each, '{"agent":"one.lua"}')->{value}, 'chain two', 'one of no use does not');
    finish($each);
}

# -- a project's trust ---------------------------------------------------------------------------------

sub trusted {
    my ($mode) = @_;
    my $home = place();
    Try::write_file("$home->{work}/lua/policy.lua", 'return { decide = function() return { verdict = "allow" } end }');
    Try::write_file("$home->{work}/tools/word.lua", $TOOL);
    Try::write_file("$home->{work}/lua/words.lua", "return { about = 'first' }");
    Try::run(home => $home, args => ['trust', @$mode, '.']);
    return $home;
}

my @WORDS = map { "return { about = '$_' }" } qw(first second third);
sub words_of { my ($home, $result) = @_; return in_force($home, $result, 'project:lua/words.lua', @WORDS) }

{
    my $home = trusted([]);
    my $each = begin($home, 'alpha');
    is(words_of($home, ask($each, 'a')), $WORDS[0], 'a trusted project offers its tool');
    Try::write_file("$home->{work}/lua/words.lua", $WORDS[1]);
    is(words_of($home, ask($each, 'b')), $WORDS[1], 'what changes in a trusted folder is taken');
    Try::write_file("$home->{work}/lua/words.lua", 'return { about = ');
    is(words_of($home, ask($each, 'c')), $WORDS[1], 'unless it is broken');
    Try::run(home => $home, args => ['trust', '--revoke', '.']);
    is(words_of($home, ask($each, 'd')), '', 'with the trust goes all of it');
    finish($each);

    $home = trusted(['--pin']);
    $each = begin($home, 'alpha');
    is(words_of($home, ask($each, 'a')), $WORDS[0], 'a pinned project offers its tool');
    Try::write_file("$home->{work}/lua/words.lua", $WORDS[2]);
    is(words_of($home, ask($each, 'b')), $WORDS[0], 'what changed since it was pinned is not loaded: what was pinned stays');
    ask($each, 'c');
    is(how_often($each, qr/words\.lua: it changed since it was pinned; the version from before stays/), 1, 'which is said once');
    unlink "$home->{work}/lua/policy.lua";
    is(ask($each, 'd')->{status}, 'ok', 'a policy that is gone stays in force');
    like(said($each), qr/policy\.lua: it was pinned, and is gone; the version from before stays/, 'and is missed');
    my ($end) = grep { $_->{kind} eq 'run.finished' } Try::journal($home, ask($each, 'e')->{run});
    ok($end->{body}{files}{'project:lua/words.lua'}, 'the journal names what was in force');
    Try::run(home => $home, args => ['trust', '--pin', '.']);
    is(words_of($home, ask($each, 'f')), $WORDS[2], 'pinned anew, it is loaded');
    finish($each);
}

# -- what a run writes, and what others write meanwhile -------------------------------------------------

SKIP: {
    skip 'no sandbox on this machine', 7 if Try::run(home => Try::home(), args => ['doctor'])->{exit} != 0;
    my $home = place();
    Try::write_file("$home->{work}/seed.lua", $TOOL =~ s/words\.about/"evil"/r =~ s/local words.*\n//r);
    Try::run(home => $home, args => ['trust', '.']);
    my $each = begin($home, 'alpha');
    print { $each->{queue} } qq({"agent":"beta","task":"write"}\n);
    ok(Try::until_true(sub { -e "$home->{work}/ready" }), 'a run writes a tool, and goes on');
    Try::write_file("$home->{work}/agents/alpha.md", agent('alpha', 'meanwhile'));
    Try::write_file("$home->{work}/go", '');
    $each->{done}++;
    my $result = ask($each, 'b');
    is($result->{text}, 'meanwhile; b', 'what the user changes during a run counts for the next one') or diag said($each);
    ok(!offers($home, $result, 'evil'), 'what the run wrote is not loaded');
    like(said($each), qr/tools\/evil\.lua: a run wrote it/, 'which is said');
    Try::write_file("$home->{work}/agents/gamma.md", agent('gamma', 'between'));
    like(ask($each, '{"agent":"gamma","task":"c"}')->{error}{message}, qr/gamma/, 'what the user writes between two runs is taken');
    unlike(said($each), qr/gamma\.md: a run wrote it/, 'and not held to be a run\'s');

    unlink "$home->{work}/ready", "$home->{work}/go";
    print { $each->{queue} } qq({"agent":"beta","task":"wait"}\nnever begun\n);
    Try::until_true(sub { -e "$home->{work}/ready" }) or die 'it does not wait: ' . said($each);
    kill 'INT', $each->{live}{pid};
    my $ran = finish($each);
    is($ran->{exit}, 130, 'Ctrl-C ends the run and the queue');
    my @all = results($each);
    is($all[-1]{status}, 'cancelled', 'the run says so');
    ok(!(grep { ($_->{text} // '') =~ /never begun/ } @all), 'and the next one never begins');
}

# -- a scenario that is served ---------------------------------------------------------------------------

{
    my $home = place();
    my $file = "$home->{dir}/served.lua";
    my $says = sub { Try::write_file($file, "return { agents = { ['alpha'] = { { { expect = function() return true end, text = '$_[0]' } } } } }") };
    my $ask = sub {
        my $ran = Try::run(home => $home, env => { ANTHROPIC_BASE_URL => $_[0]{url}, ANTHROPIC_API_KEY => 'x' },
            args => ['run', '--json', '--store', $home->{store}, 'alpha', $_[1]]);
        return $Try::JSON->decode($ran->{out})->{text} // $ran->{out};
    };
    $says->('first');
    my $served = Try::serve($home, $file, 1) or BAIL_OUT('nothing is served');
    is($ask->($served, 'a'), 'first', 'a scenario is served');
    $says->('second');
    is($ask->($served, 'a'), 'second', 'one that changed is played from the next request on');
    Try::write_file($file, 'return {');
    is($ask->($served, 'a'), 'second', 'of one that is broken the version from before');
    like(Try::read_file($served->{live}{err}), qr/served\.lua:1: .*the version from before stays/, 'which is said');
    Try::stop_serving($served);
}

is(scalar Try::left_over($_), 0, 'nothing is left') for place();
done_testing();
