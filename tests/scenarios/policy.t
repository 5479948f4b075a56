#!/usr/bin/perl
# policy.t -- rules, grants, questions and answers as people meet them; and that there is one door.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

my $TEAM     = "$FindBin::Bin/team";
my $TERMINAL = $Try::TERMINAL;

sub configured {
    my ($yaml) = @_;
    my $home = Try::home();
    Try::write_file("$home->{config}/perigee/config.yaml", $yaml) if defined $yaml;
    chmod 0700, $home->{config}, "$home->{config}/perigee";
    return $home;
}

sub tool_file {
    my ($home, $name, $effect, $needs, $body) = @_;
    Try::write_file("$home->{config}/perigee/tools/$name.lua", <<LUA);
local schema = require "lib.schema"
return { description = "A tool.", input = schema.object {
    { "path", schema.path(), "P.", optional = true }, { "text", schema.text {}, "T.", optional = true },
    { "url", schema.text {}, "U.", optional = true } },
  effect = "$effect", needs = $needs, run = function(input, call) $body end }
LUA
}

sub call { my ($home, $name, $input, @more) = @_; return Try::run(home => $home, args => ['tools', 'call', $name, $input, @more]) }

# On a terminal: pairs of what is seen and what is typed, then what is run.
sub on_terminal {
    my ($home, $pairs, @args) = @_;
    return Try::run(home => $home, program => $TERMINAL, args => [@$pairs, '--', $Try::PROGRAM, @args]);
}

sub decisions { return grep { $_->{kind} eq 'decision' } Try::journal($_[0]) }

# -- one door ---------------------------------------------------------------------------------------

my $DENY = <<'YAML';
policy:
  rules:
    - { deny: write, path: "secret/**", why: "that folder is mine" }
YAML

my $CALL = 'run.tool("write", { path = "secret/x", content = "y" })';
my $SCENARIO = <<'LUA';
local rehearse = require "lib.rehearse"
local tries = { { expect = rehearse.anything("the door is the test"), calls = { { "write", { path = "secret/x", content = "y" } } } },
  { expect = rehearse.failure("write"), text = "Denied." } }
return { agents = { ["lone-agent"] = { tries, tries },
  ["hooked-agent"] = { { { expect = rehearse.anything("the hook is the test"), text = "Done." } } } } }
LUA

# Every way in which a tool can be called: its name, and what makes it happen.
my %WAYS = (
    'a model' => sub { run_it($_[0], 'lone-agent', 'Write.') },
    'a chain' => sub { run_it($_[0], chain_file($_[0], "local _, err = $CALL return { err.message }"), '') },
    'a child of a chain' => sub { run_it($_[0], chain_file($_[0], 'return { run.ask("lone-agent", "Write.") }'), '') },
    'the hook before' => sub {
        Try::write_file("$_[0]{config}/perigee/agents/hooked-agent.md",
            "---\nname: hooked-agent\ndescription: Has a hook.\ntools: [write]\n---\nYou have a hook.\n");
        Try::write_file("$_[0]{config}/perigee/agents/hooked-agent.lua",
            "return { before = function(run) local _, err = $CALL return { context = err.message } end }\n");
        run_it($_[0], 'hooked-agent', 'Go.');
    },
    'tools call' => sub { call($_[0], 'write', '{"path":"secret/x","content":"y"}', '--store', $_[0]{store}) },
    'a test of an author' => sub {
        Try::write_file("$_[0]{dir}/door_test.lua", "local t = require 'lib.test'\nt.test('x', function(run) local _, err = $CALL t.contains(err.message, 'mine') end)\nreturn t\n");
        Try::run(home => $_[0], args => ['test', '--workspace', $_[0]{work}, '--store', $_[0]{store}, "$_[0]{dir}/door_test.lua"]);
    },
);

sub chain_file {
    my ($home, $body) = @_;
    Try::write_file("$home->{dir}/chain.lua", "return { run = function(run) $body end }\n");
    return "$home->{dir}/chain.lua";
}

sub run_it {
    my ($home, @what) = @_;
    Try::write_file("$home->{dir}/scenario.lua", $SCENARIO);
    return Try::run(home => $home, args => ['run', '--json', '--store', $home->{store}, '--project', $TEAM,
        '--model', "rehearsal:$home->{dir}/scenario.lua", @what]);
}

# All records of all runs of a home.
sub records_of {
    my ($home) = @_;
    my $list = eval { $Try::JSON->decode(Try::run(home => $home, args => ['runs', 'list', '--children', '--json', '--store', $home->{store}])->{out}) };
    my @runs = ref $list eq 'HASH' ? @{ $list->{runs} || [] } : @{ $list || [] };
    return map { Try::journal($home, ref $_ ? $_->{run} || $_->{id} : $_) } @runs;
}

for my $way (sort keys %WAYS) {
    my $home = configured($DENY);
    my $ran = $WAYS{$way}->($home);
    my @found = grep { ($_->{body}{tool} || $_->{body}{name} || '') eq 'write' && $_->{kind} =~ /^(decision|call|result)$/ } records_of($home);
    my @kinds = map { $_->{kind} } @found;
    my @wrong;
    push @wrong, "the records are @kinds" if "@kinds" ne 'decision call result';
    push @wrong, 'the decision is no denial' if @found && ($found[0]{body}{verdict} || '') ne 'deny';
    push @wrong, 'it does not say whose rule' if @found && ($found[0]{body}{from} || '') !~ /config\.yaml:3$/;
    push @wrong, 'the result does not say why' if @found > 2 && $found[2]{body}{text} !~ /that folder is mine/;
    push @wrong, 'the file was written' if -e "$home->{work}/secret/x";
    ok(!@wrong, "a call by $way goes through the door") or diag(map({ "  $_\n" } @wrong), "  $ran->{out}", "  $ran->{err}");
}

# Who finds another way into a tool's code has to change this.
my @ways = map { "$_->[0]" } grep { $_->[1] =~ /\brun:tool\(|["']run\.tool["']\]|\btool = run_tool\b/ }
    map { [$_ => Try::read_file("$Try::ROOT/$_")] } split /\n/, `cd '$Try::ROOT' && git ls-files lua tools agents`;
is("@ways", 'lua/lib/door.lua', 'one Lua file carries out tools');
my @pushes = grep { Try::read_file("$Try::ROOT/$_") =~ /= bind_push_call\b/ } split /\n/, `cd '$Try::ROOT' && git ls-files 'host/*.c'`;
is("@pushes", 'host/script/bind_run.c', 'one C file makes the call object of a tool');

# -- rules ------------------------------------------------------------------------------------------

{
    my $home = configured("policy:\n  rules:\n    - { deny: bash, command: \"git push*\", why: \"pushing is mine\" }\n");
    my $ran = call($home, 'bash', '{"command":"cd . && git  push"}');
    is("$ran->{exit} $ran->{err}", "33 pushing is mine\n", 'a denied command is not run, and the reason is told');
    Try::write_file("$home->{work}/.perigee/config.yaml", "policy:\n  rules:\n    - { deny: read, path: private.txt }\n    - { allow: bash }\ngrants:\n  far: { read: [/opt] }\n");
    Try::write_file("$home->{work}/private.txt", "x\n");
    $ran = call($home, 'read', '{"path":"./a/../private.txt"}');
    is($ran->{exit}, 33, 'a project may deny');
    like($ran->{err}, qr{\.perigee/config\.yaml:\d+:\d+: .*allow}, 'an allow rule of a project is reported and not followed');
    like($ran->{err}, qr{\.perigee/config\.yaml:\d+:\d+: grants}, 'a grant by a project is reported and not followed');
    is(call($home, 'bash', '{"command":"git push"}')->{exit}, 33, 'a project lifts no denial');
}

{
    my $home = configured("policy:\n  rules:\n    - { deny: bash, command: \"git push*\", why: mine }\n    - { ask: write, path: \"docs/**\" }\n");
    my $explain = sub { Try::run(home => $home, args => ['tools', 'explain', @_]) };
    my $ran = $explain->('bash', '{"command":"true; git push"}');
    is($ran->{exit}, 1, 'explain answers 1 for a denial');
    like($ran->{out}, qr{^deny: mine$}m, 'explain begins with the verdict');
    like($ran->{out}, qr{-> deny\s+mine\s+\(\S+/config\.yaml:3\)}, 'explain marks the rule that decides, with its file and line');
    is($explain->('write', '{"path":"docs/a","content":"x"}')->{exit}, 1, 'explain answers 1 for a question');
    is($explain->('write', '{"path":"src/a","content":"x"}')->{exit}, 0, 'explain answers 0 for what is allowed');
    ok(!-e "$home->{work}/src/a", 'explain calls nothing');
    my $data = eval { $Try::JSON->decode($explain->('bash', '{"command":"ls"}', '--json')->{out}) };
    is(Try::differs({ verdict => 'allow', tool => 'bash', agent => 'user', names => { command => 'ls' } }, $data), '', 'explain answers data');
    is(scalar(grep { $_->{from} =~ /config\.yaml:[34]$/ && !$_->{held} } @{ $data->{rules} }), 2, 'with every rule, and what did not hold');
    is($explain->('write', '{"path":7}')->{exit}, 35, 'arguments that do not fit are refused');
    is($explain->('write', '[')->{exit}, 35, 'so is what is no JSON');
    $ran = Try::run(home => $home, args => ['tools', 'explain', 'write', '{"path":"a","content":"b"}', '--agent', 'check-agent', '--project', $TEAM]);
    like($ran->{out}, qr/^deny: check-agent has no tool called write/, 'explain knows which tools an agent has') or diag($ran->{err});
}

{
    my $home = configured("policy:\n  rules:\n    - { deny: bash, command: \"git push*\", why: mine }\n    - { allow: write }\n");
    Try::write_file("$home->{config}/perigee/lua/policy.lua",
        'return { decide = function(call) return { verdict = call.tool == "write" and "deny" or "allow", why = "my own" } end }');
    is(call($home, 'bash', '{"command":"git push"}')->{err}, "mine\n", 'a policy.lua of the user that looks at no rules passes none over');
    is(call($home, 'write', '{"path":"a","content":"b"}')->{err}, "my own\n", 'and no rule lifts what it denies');
    is(call($home, 'bash', '{"command":"echo hi"}')->{out}, "hi\n", 'and it decides about the rest');
}

# -- grants -----------------------------------------------------------------------------------------

{
    my $home = configured();
    my $far = "$home->{dir}/far";
    Try::write_file("$far/a.txt", "far away\n");
    Try::write_file("$home->{dir}/farther", "x\n");
    tool_file($home, 'far', 'write', "{ read = { '$far' }, write = { '$far/out' } }", <<'LUA');
if input.text then local done, err = call.write(input.path, input.text) if not done then return nil, err end return "wrote" end
return call.read(input.path)
LUA
    my $ran = call($home, 'far', "{\"path\":\"$far/a.txt\"}");
    is($ran->{exit}, 33, 'a path that was not granted is refused at the call');
    my ($lines) = $ran->{err} =~ /^(grants:\n.*)/ms;
    like($lines // '', qr/^grants:\n  far: \{ read: \[\Q$far\E\], write: \[\Q$far\E\/out\] \}$/m, 'with the lines that would grant it');
    my $list = Try::run(home => $home, args => ['tools', 'list'])->{out};
    like($list, qr/^far .*NOT granted: reading \Q$far\E; writing/m, 'the list shows what a tool would need');
    like(Try::run(home => $home, args => ['tools', 'show', 'far'])->{out}, qr/calls are refused.*\ngrants:\n  far:/s, 'and show the lines');

    Try::write_file("$home->{config}/perigee/config.yaml", $lines);
    is(call($home, 'far', "{\"path\":\"$far/a.txt\"}")->{out}, "far away\n", 'those very lines grant it');
    is(call($home, 'far', "{\"path\":\"$far/out/b\",\"text\":\"new\"}")->{exit}, 0, 'a granted folder is written');
    is(Try::read_file("$far/out/b"), 'new', 'and holds it');
    is(call($home, 'far', "{\"path\":\"$far/a.txt\",\"text\":\"new\"}")->{exit}, 33, 'one that is granted for reading is not');
    is(call($home, 'far', "{\"path\":\"$far/../farther\"}")->{exit}, 33, 'nothing is reached by climbing');
    isnt(call($home, 'far', "{\"path\":\"$home->{dir}/farther\"}")->{exit}, 0, 'nor what lies beside it');
    symlink "$home->{dir}/farther", "$far/link";
    isnt(call($home, 'far', "{\"path\":\"$far/link\"}")->{exit}, 0, 'nor through a link');
    Try::write_file("$far/.env", "K=v\n");
    isnt(call($home, 'far', "{\"path\":\"$far/.env\"}")->{exit}, 0, 'what is masked in the workspace is masked there');
    Try::write_file("$home->{work}/in.txt", "here\n");
    isnt(call($home, 'far', '{"path":"in.txt"}')->{exit}, 0, 'a tool that needs only what is outside has not the workspace');
}

{
    my $home = configured();
    tool_file($home, 'keyed', 'read', '{ net = { "a.org" }, secrets = { "SOME_KEY" } }', 'return "used"');
    my $ran = call($home, 'keyed', '{}');
    is($ran->{exit}, 33, 'a secret that was not granted is refused');
    like($ran->{err}, qr/keyed: \{ net: \[a\.org\], secrets: \[SOME_KEY\] \}/, 'with the lines');
    Try::write_file("$home->{config}/perigee/config.yaml", "grants:\n  keyed: { net: [a.org], secrets: [SOME_KEY] }\n");
    is(call($home, 'keyed', '{}')->{out}, "used\n", 'what was granted does not ask any more');
}

# -- questions --------------------------------------------------------------------------------------

my $ASK = "policy:\n  rules:\n    - { ask: write, path: \"docs/**\", why: \"look first\" }\n";
my $DOCS = '{"path":"docs/a","content":"x"}';
my @CALL = ('tools', 'call', 'write', $DOCS);

{
    my $home = configured($ASK);
    my $ran = call($home, 'write', $DOCS, '--store', $home->{store});
    is($ran->{exit}, 33, 'a question without a terminal is a denial');
    like($ran->{err}, qr/look first.*nobody is here to answer/, 'whose reason says so');
    my ($policy, $ask) = decisions($home);
    is(Try::differs({ what => 'ask', verdict => 'deny', by => 'nobody' }, $ask->{body}), '', 'and is recorded');
}

for my $case (["y\n", 0, 'once', 'allow', 0], ["n\n", 33, 'no', 'deny', 0], ["\n", 33, 'no', 'deny', 0], ["a\n", 0, 'always here', 'allow', 1],
    ["v\n", 33, 'never here', 'deny', 1], ["\x04", 33, '', 'deny', 0], ["\x03", 130, undef, undef, 0]) {
    my ($keys, $exit, $word, $verdict, $kept) = @$case;
    my $home = configured($ASK);
    my $shown = $keys =~ /^[[:cntrl:]]/ ? sprintf('key %d', ord $keys) : substr $keys, 0, 1;
    my $ran = on_terminal($home, ['never here: ', $keys], @CALL, '--store', $home->{store});
    my ($ask) = grep { $_->{body}{what} eq 'ask' } decisions($home);
    my @wrong;
    push @wrong, "exit code $ran->{exit}, not $exit" if $ran->{exit} != $exit;
    push @wrong, 'it was not asked with what exactly' if $ran->{out} !~ /user wants to call write.*\| content: x.*\| path: docs\/a.*look first/s;
    push @wrong, "the record differs" if defined $verdict && (!$ask || $ask->{body}{verdict} ne $verdict || $ask->{body}{by} ne ($word ? 'person' : 'nobody')
        || $word && $ask->{body}{why} ne $word);
    push @wrong, 'the file is there' if -e "$home->{work}/docs/a" && $exit;
    push @wrong, 'the file is not there' if !-e "$home->{work}/docs/a" && !$exit;
    my $file = "$home->{config}/perigee/answers.json";
    push @wrong, 'an answer was kept' if -e $file && !$kept;
    push @wrong, 'no answer was kept' if !-e $file && $kept;
    push @wrong, "others can read the answers" if $kept && ((stat $file)[2] & 0777) != 0600;
    unlink "$home->{work}/docs/a";
    if ($kept) { # it holds without a terminal, for exactly the same
        my $again = call($home, 'write', '{"path":"./docs/a","content":"other"}');
        push @wrong, "the kept answer does not hold: $again->{exit} $again->{err}" if ($again->{exit} == 0) != ($exit == 0);
        push @wrong, 'it holds for another path' if call($home, 'write', '{"path":"docs/b","content":"x"}')->{err} !~ /nobody is here/;
        mkdir "$home->{dir}/elsewhere";
        my $else = Try::run(home => $home, cwd => "$home->{dir}/elsewhere", args => \@CALL);
        push @wrong, 'it holds in another folder' if $else->{err} !~ /nobody is here/;
        my $revoked = Try::run(home => $home, args => ['tools', 'answers', '--revoke', 1]);
        push @wrong, "it cannot be revoked: $revoked->{err}" if $revoked->{exit} || call($home, 'write', $DOCS)->{err} !~ /nobody is here/;
    }
    ok(!@wrong, "a question answered with $shown") or diag(map({ "  $_\n" } @wrong), "  $ran->{out}");
}

{
    my $home = configured("policy:\n  ask_deadline: 1s\n  rules:\n    - { ask: write }\n");
    my $ran = on_terminal($home, [], @CALL);
    is($ran->{exit}, 33, 'a question that nobody answers ends at its deadline');
    like($ran->{out}, qr/nobody answered in time/, 'and says so');
    $home = configured($ASK);
    is(on_terminal($home, [], 'tools', 'call', 'write', $DOCS, '--json')->{exit}, 33, 'with --json nobody is asked');
    my $large = $Try::JSON->encode({ path => 'docs/a', content => 'y' x 50_000 });
    $ran = on_terminal($home, ['[n] no (default): ', "y\n"], 'tools', 'call', 'write', $large);
    is($ran->{exit}, 0, 'what is not shown in full can be allowed once');
    unlike($ran->{out}, qr/always here/, 'and not for good');
}

{ # two children that ask at once
    my $home = configured("policy:\n  rules:\n    - { ask: write }\n");
    my $chain = chain_file($home, 'return run.all {
      a = function() return (run.tool("write", { path = "a", content = "x" })) end,
      b = function() return (run.tool("write", { path = "b", content = "x" })) end }');
    my $ran = on_terminal($home, ['never here: ', "y\n", 'never here: ', "y\n"], 'run', '--store', $home->{store}, $chain);
    is($ran->{exit}, 0, 'questions side by side are asked one after the other') or diag($ran->{out});
    ok(-e "$home->{work}/a" && -e "$home->{work}/b", 'and both answers count');
    my @found = grep { $_->{body}{what} eq 'ask' && $_->{body}{verdict} eq 'allow' } decisions($home);
    is(scalar @found, 2, 'and both are recorded');
}

{ # words that would look like the question
    my $home = configured("policy:\n  rules:\n    - { ask: bash }\n");
    my $ran = on_terminal($home, ['never here: ', "n\n"], 'tools', 'call', 'bash', '{"command":"true \u001b[2J\u202e\n[y] once: y"}');
    unlike($ran->{out}, qr/\x1b|\xe2\x80\xae/, 'a command cannot drive the terminal that asks about it');
    like($ran->{out}, qr/^  \|   \[y\] once: y/m, 'and every row of it stands behind the gutter');
}

{
    my $home = configured($ASK);
    Try::write_file("$home->{config}/perigee/answers.json", '{ broken');
    my $ran = on_terminal($home, [], @CALL);
    is($ran->{exit}, 33, 'answers that cannot be read deny');
    like($ran->{out}, qr/answers\.json cannot be used/, 'and are named');
    is(Try::read_file("$home->{config}/perigee/answers.json"), '{ broken', 'and left alone');
}

done_testing();
