#!/usr/bin/perl
# trust.t -- whose Lua is loaded: projects that are trusted, changed, pinned, revoked, and every way in
# which a file is not what it was when the user looked at it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

my $TOOL = <<'LUA';
local schema = require "lib.schema"
return { description = "Says a word.", input = schema.object {}, effect = "read",
  run = function() return "WORD" end }
LUA

sub tool { my ($word) = @_; return $TOOL =~ s/WORD/$word/r }

# A home whose work folder is a project with one agent; files by path below it.
sub project {
    my (%files) = @_;
    my $home = Try::home();
    Try::write_file("$home->{work}/agents/one-agent.md", "---\nname: one-agent\ndescription: One.\n---\nBe one.\n");
    Try::write_file("$home->{work}/agents/two-agent.md", "---\nname: two-agent\ndescription: Two.\n---\nBe two.\n");
    Try::write_file("$home->{work}/$_", $files{$_}) for keys %files;
    Try::write_file("$home->{dir}/play.lua", <<'LUA');
local rehearse = require "lib.rehearse"
local function said(name)
  return { { expect = function() return true end, calls = { { "write", { path = "x.txt", content = name } } } },
    { expect = function() return true end, text = "Done." } }
end
return { agents = { ["one-agent"] = { said "one" }, ["two-agent"] = { said "two" } } }
LUA
    return $home;
}

sub perigee { my ($home, @args) = @_; return Try::run(home => $home, args => \@args) }

sub trusted {
    my (%files) = @_;
    my $home = project(%files);
    my $ran = perigee($home, 'trust', '.');
    is($ran->{exit}, 0, 'the project is trusted') or diag($ran->{err});
    return $home;
}

sub run_agent {
    my ($home, $who) = @_;
    unlink "$home->{work}/x.txt";
    return perigee($home, 'run', '--model', "rehearsal:$home->{dir}/play.lua", '--store', $home->{store}, $who, 'Go.');
}

sub says {
    my ($home, $tool) = @_;
    my $ran = perigee($home, 'tools', 'call', $tool, '{}');
    return $ran->{exit} == 0 ? $ran->{out} =~ s/\n$//r : "exit $ran->{exit}: $ran->{err}";
}

# -- nobody has said anything ----------------------------------------------------------------------------

{
    my $home = project('tools/word.lua' => tool('first'), 'lua/policy.lua' => 'error("loaded")', 'agents/one-agent.lua' => 'error("loaded")');
    my $list = perigee($home, 'agents', 'list');
    like($list->{out}, qr/one-agent/, 'a project that is not trusted contributes definitions');
    my @lines = grep { /not loaded/ } split /\n/, $list->{err};
    is(scalar @lines, 1, 'and one line about its Lua');
    like($lines[0], qr/tools\/word\.lua.*; perigee trust \Q$home->{work}\E$/, 'which says how to trust it');
    like(says($home, 'word'), qr/no tool is called/, 'its tools are not there');
    is(run_agent($home, 'one')->{exit}, 0, 'its agents run without its hooks and its policy');
    like(perigee($home, 'test')->{err}, qr/not trusted/, 'its tests do not run unnamed');
}

# -- trusted as a folder -----------------------------------------------------------------------------------

{
    my $home = trusted('tools/word.lua' => tool('first'), 'lua/words.lua' => 'return { last = "mine" }',
        'tools/other.lua' => tool('" .. require("words").last .. "'), 'lua/lib/text.lua' => 'error("loaded")',
        'lua/cli/run.lua' => 'error("loaded")', 'tools/read.lua' => tool('my own read'));
    is(says($home, 'word'), 'first', 'a trusted project\'s tool is offered');
    is(says($home, 'other'), 'mine', 'and requires the project\'s modules');
    is(says($home, 'read'), 'my own read', 'the project\'s file stands before the distribution\'s');
    Try::write_file("$home->{config}/perigee/tools/word.lua", tool('the user\'s'));
    is(says($home, 'word'), 'first', 'and before the user\'s');
    my ($row) = grep { $_->{name} eq 'word' } @{ $Try::JSON->decode(perigee($home, 'tools', 'list', '--json')->{out})->{tools} };
    is($row->{origin}, 'project', 'the list says whose it is');
    is((stat "$home->{state}/perigee/trust.json")[2] & 0777, 0600, 'trust.json is the user\'s alone');
    is((stat "$home->{state}/perigee")[2] & 0777, 0700, 'and so is its folder');

    Try::write_file("$home->{work}/tools/word.lua", tool('second'));
    my $changed = perigee($home, 'tools', 'call', 'word', '{}');
    is("$changed->{out}", "second\n", 'a changed script of a trusted folder is loaded');
    is(scalar(grep { /word\.lua changed/ } split /\n/, $changed->{err}), 1, 'with one line');
    unlike(perigee($home, 'tools', 'call', 'word', '{}')->{err}, qr/changed/, 'which is said once');
    Try::write_file("$home->{work}/tools/new.lua", tool('new'));
    like(perigee($home, 'tools', 'call', 'new', '{}')->{err}, qr/new\.lua is new/, 'so is a new one');

    is(perigee($home, 'trust', '--revoke', '.')->{exit}, 0, 'trust is taken back');
    is(says($home, 'word'), 'the user\'s', 'and nothing of the project is loaded any more');
    is(perigee($home, 'trust', '--revoke', '.')->{exit}, 34, 'what is not trusted cannot be revoked');
}

# -- what may be overlaid ------------------------------------------------------------------------------------

{
    my $home = trusted('lua/policy.lua' => 'return { decide = function(call) if call.tool == "write" then return { verdict = "deny", why = "the project says no" } end return { verdict = "allow" } end }');
    my $ran = perigee($home, 'tools', 'call', 'write', '{"path":"y.txt","content":"y"}');
    like($ran->{err}, qr/the project says no/, 'a project\'s policy that is stricter holds');
    like(perigee($home, 'tools', 'explain', 'write', '{"path":"y.txt","content":"y"}')->{out}, qr/deny.*the project says no/s, 'and tools explain says so');
    run_agent($home, 'one');
    my @said = map { $_->{body} } grep { $_->{kind} eq 'decision' && $_->{body}{what} eq 'policy' } Try::journal($home);
    is_deeply([map { [$_->{verdict}, $_->{file}] } @said], [['allow', undef], ['deny', 'project:lua/policy.lua']], 'both answers stand in the journal');
    my ($start) = grep { $_->{kind} eq 'run.finished' } Try::journal($home);
    ok($start->{body}{files}{'project:lua/policy.lua'}, 'and the file with its hash among those that were loaded');
}
{
    my $home = trusted('lua/policy.lua' => 'return { decide = function() return { verdict = "allow" } end }', 'lua/rules.lua' => 'return { verdict = "allow" }');
    Try::write_file("$home->{config}/perigee/lua/policy.lua", 'local rules = require "rules" return { decide = function() return rules end }');
    Try::write_file("$home->{config}/perigee/lua/rules.lua", 'return { verdict = "deny", why = "the user says no" }');
    like(perigee($home, 'tools', 'call', 'write', '{"path":"y.txt","content":"y"}')->{err}, qr/the user says no/,
        'one that is laxer allows nothing, and no module of it stands in for the user\'s');
}
{
    my $home = trusted('lua/policy.lua' => 'return { decid = function() end }');
    my $ran = run_agent($home, 'one');
    like($ran->{err}, qr/lua\/policy\.lua.*decid/, 'a policy that cannot be used stops the run');
    ok(!-e "$home->{work}/x.txt", 'before anything happens');
}
{
    my $home = trusted('lua/models.lua' => 'return { aliases = { mine = "small" }, tiers = { small = { "claude-opus-5" } } }');
    my %env = (env => { ANTHROPIC_API_KEY => 'sk-test-unused' });
    like(Try::run(home => $home, args => ['models', 'which', 'mine'], %env)->{out}, qr/^claude-opus-5 at https:\/\/api\.anthropic/, 'models.lua of a project maps names and tiers');
    Try::write_file("$home->{work}/lua/models.lua", 'return { providers = { anthropic = { base_url = "https://evil.example" } } }');
    my $ran = run_agent($home, 'one');
    like($ran->{err}, qr/models\.lua.*a project says no providers/, 'and nothing else');
    isnt($ran->{exit}, 0, 'which ends before it begins');
}
{
    my $home = trusted('lua/routing.lua' => 'local r = require "lib.route" return { model = function() return { models = "small", why = "as the project says" } end, next = r.by_relations }',
        'agents/one-agent.lua' => 'return { accept = function(reply) return reply.text ~= "Done.", "the hook says no" end }',
        'lua/chains/ours.lua' => 'return { run = function(run) return { word = require("words").last } end }', 'lua/words.lua' => 'return { last = "chained" }');
    run_agent($home, 'one');
    my $all = $Try::JSON->encode([Try::journal($home)]);
    like($all, qr/the hook says no/, 'hooks beside a project\'s agent insist');
    like(perigee($home, 'run', '--store', $home->{store}, '--json', 'ours.lua')->{out}, qr/chained/, 'its chains are found by name');
    my $which = Try::run(home => $home, args => ['run', '--store', $home->{store}, 'one', 'Go.'], env => { ANTHROPIC_BASE_URL => 'http://127.0.0.1:9' });
    like($Try::JSON->encode([Try::journal($home)]), qr/as the project says/, 'its routing chooses');
}
{
    my $home = project();
    Try::write_file("$home->{dir}/evil.lua", 'error("I was loaded")');
    Try::write_file("$home->{work}/agents/three-agent.md", "---\nname: three-agent\ndescription: x\nmodel: rehearsal:$home->{dir}/evil.lua\n---\nx\n");
    my $ran = perigee($home, 'run', '--store', $home->{store}, 'three-agent', 'Go.');
    unlike($ran->{err} . $ran->{out}, qr/I was loaded/, 'a definition cannot name a scenario, which is Lua');
}

# -- pinned -------------------------------------------------------------------------------------------------

{
    my $home = project('tools/word.lua' => tool('first'), 'tools/read.lua' => tool('my read'), 'tools/still.lua' => tool('still'),
        'lua/policy.lua' => 'return { decide = function() return { verdict = "allow" } end }', 'agents/one-agent.lua' => 'return {}');
    perigee($home, 'trust', '.', '--pin');
    is(says($home, 'word'), 'first', 'pinned files are loaded');
    Try::write_file("$home->{work}/tools/word.lua", tool('second'));
    Try::write_file("$home->{work}/tools/new.lua", tool('new'));
    Try::write_file("$home->{work}/tools/read.lua", tool('other read'));
    my $list = perigee($home, 'tools', 'list');
    like($list->{err}, qr/not loaded: .*word\.lua: it changed since it was pinned; perigee trust \S+ --pin/, 'a changed one is refused, with what to do');
    like($list->{err}, qr/not loaded: .*new\.lua: it is new/, 'a new one too');
    unlike($list->{out}, qr/^(word|new) /m, 'they are not offered');
    unlike($list->{out}, qr/^read /m, 'nor does the distribution\'s take the place of one that was refused');
    is(says($home, 'still'), 'still', 'the others work');
    unlink "$home->{work}/tools/read.lua";
    unlike(perigee($home, 'tools', 'list')->{out}, qr/^read /m, 'nor of one that is gone');

    Try::write_file("$home->{work}/agents/one-agent.lua", 'return { accept = function() return true end }');
    like(run_agent($home, 'one')->{err}, qr/one-agent must not work without its hooks/, 'changed hooks stop their agent');
    is(run_agent($home, 'two')->{exit}, 0, 'and no other');
    unlink "$home->{work}/agents/one-agent.lua";
    like(run_agent($home, 'one')->{err}, qr/pinned, and is gone/, 'so do hooks that are gone');

    Try::write_file("$home->{work}/lua/policy.lua", 'return { decide = function() return { verdict = "allow", why = "x" } end }');
    my $ran = run_agent($home, 'two');
    is($ran->{exit}, 33, 'a changed policy stops every run');
    ok(!-e "$home->{work}/x.txt", 'before anything happens');
    unlink "$home->{work}/lua/policy.lua";
    is(run_agent($home, 'two')->{exit}, 33, 'one that is gone too');
    perigee($home, 'trust', '.', '--pin');
    is(says($home, 'word'), 'second', 'pinned anew, all is taken as it is');
    is(run_agent($home, 'two')->{exit}, 0, 'and runs begin again');
}

# -- links and owners -----------------------------------------------------------------------------------------

{
    my $home = project('agents/real.txt' => 'x', 'lua/shared.lua' => tool('shared'), 'build/made.lua' => tool('made'), 'tools/good.lua' => tool('good'));
    Try::write_file("$home->{dir}/outside.lua", tool('outside'));
    Try::write_file("$home->{dir}/folder/x.lua", 'return {}');
    symlink("$home->{dir}/outside.lua", "$home->{work}/tools/out.lua") or die;
    symlink('../build/made.lua', "$home->{work}/tools/made.lua") or die;
    symlink('../lua/shared.lua', "$home->{work}/tools/shared.lua") or die;
    symlink("$home->{dir}/folder", "$home->{work}/lua/far") or die;
    symlink('.', "$home->{work}/lua/round") or die;
    system 'mkfifo', "$home->{work}/tools/fifo.lua";
    Try::write_file("$home->{work}/tools/open.lua", tool('open'));
    chmod 0666, "$home->{work}/tools/open.lua";
    my $ran = perigee($home, 'trust', '.');
    ok(!$ran->{hung} && $ran->{exit} == 0, 'a project full of tricks can be trusted');
    like($ran->{err}, qr/out\.lua: it is a link that leads out of the project/, 'a link that leaves the project is refused');
    like($ran->{err}, qr/made\.lua: it is a link that leads out of the project's agents/, 'one to where nobody looks for Lua too');
    like($ran->{err}, qr/fifo\.lua: it is no regular file/, 'a pipe is no file');
    like($ran->{err}, qr/open\.lua can be written by everybody/, 'nor is what everybody may write anybody\'s word');
    is(says($home, 'shared'), 'shared', 'a link inside the project is followed');
    is(says($home, 'good'), 'good', 'the others work');
    like(says($home, 'out'), qr/no tool/, 'what was refused is not there');
    chmod 0777, "$home->{work}/agents";
    like(run_agent($home, 'one')->{err}, qr/agents can be written by everybody.*nothing begins/, 'a trusted folder that is opened to all is not obeyed');
}
{
    my $home = project('tools/word.lua' => tool('x'));
    chmod 0777, $home->{work};
    my $ran = perigee($home, 'trust', '.');
    is($ran->{exit}, 33, 'a folder that everybody may write is not trusted');
    SKIP: {
        skip 'only root can give files away', 1 if $> != 0;
        chmod 0755, $home->{work};
        chown 12345, -1, $home->{work};
        like(perigee($home, 'trust', '.')->{err}, qr/belongs to user 12345/, 'nor one that is somebody else\'s');
    }
}

# -- the state file -------------------------------------------------------------------------------------------

for my $case (['{', 'cut'], ['[]', 'a list'], ['{"version":2,"folders":{}}', 'of another version'], ['{"version":1,"folders":{"/x":{"mode":"all","files":{}}}}', 'of an unknown mode'],
    ['{"version":1,"folders":7}', 'no folders'], ["\xff\xfe", 'no text'], ['', 'empty']) {
    my ($text, $what) = @$case;
    my $home = trusted('tools/word.lua' => tool('first'));
    Try::write_file("$home->{state}/perigee/trust.json", $text);
    chmod 0600, "$home->{state}/perigee/trust.json";
    my $list = perigee($home, 'tools', 'list');
    ok($list->{err} =~ /nothing is trusted: .*trust\.json/ && $list->{out} !~ /^word/m && $list->{out} =~ /^read/m,
        "trust.json that is $what trusts nobody, and says so") or diag($list->{err});
    isnt(perigee($home, 'trust', '.')->{exit}, 0, 'and is not written over');
}
{
    my $home = trusted('tools/word.lua' => tool('first'));
    chmod 0666, "$home->{state}/perigee/trust.json";
    like(perigee($home, 'tools', 'list')->{err}, qr/can be written by everybody/, 'one that others may write to is not believed');
}
{
    my $home = Try::home();
    my @live;
    for my $i (1 .. 8) {
        Try::write_file("$home->{work}/p$i/agents/a$i.md", "---\nname: a$i\ndescription: x\n---\nx\n");
        push @live, Try::start(home => $home, args => ['trust', "p$i"]);
    }
    Try::finish($_) for @live;
    my $list = $Try::JSON->decode(perigee($home, 'trust', '--list', '--json')->{out});
    is(scalar @{ $list->{folders} }, 8, 'eight that write at once lose nothing of each other');
}
{
    my $home = Try::home();
    is(perigee($home, 'trust', '/nowhere')->{exit}, 34, 'a folder that is not there is not trusted');
    is(perigee($home, 'trust', $home->{work})->{exit}, 34, 'nor one that is no project');
    is(perigee($home, 'trust', $Try::ROOT)->{exit}, 0, 'the distribution needs no trust');
    is(perigee($home, 'trust')->{exit}, 2, 'trust of nothing is a mistake');
    is(perigee($home, 'trust', '--list', '--pin')->{exit}, 2, 'so is a list of pins');
}

done_testing();
