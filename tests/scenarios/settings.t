#!/usr/bin/perl
# settings.t -- the four layers from outside: the user's config.yaml, a project's, the command line, and
# who may have written them.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use File::Path qw(make_path);
use Test::More;
use Try;

my $SAYS = <<'LUA';
local rehearse = require "lib.rehearse"
return { agents = { ["writer-agent"] = { { { expect = rehearse.first("write"), text = "done" } } } } }
LUA

# A home whose project is its working folder.
sub home_with {
    my (%files) = @_;
    my $home = Try::home();
    $home->{user} = "$home->{config}/perigee/config.yaml";
    $home->{project} = "$home->{work}/.perigee/config.yaml";
    make_path("$home->{work}/.perigee");
    Try::write_file($home->{$_}, $files{$_}) for keys %files;
    return $home;
}

sub doctor {
    my ($home, @words) = @_;
    my $ran = Try::run(home => $home, args => ['doctor', '--json', @words]);
    $ran->{object} = eval { $Try::JSON->decode($ran->{out}) } || {};
    return $ran;
}

sub problem { return ($_[0]{object}{problems} || [''])->[0] }

# A run that would say "done" if settings let it begin.
sub try_run {
    my ($home, @words) = @_;
    Try::write_file("$home->{dir}/says.lua", $SAYS);
    Try::write_file("$home->{work}/.perigee/agents/writer-agent.md", "---\nname: writer-agent\ndescription: w\n---\nWrite.\n");
    return Try::run(home => $home, args => ['run', '--json', '--store', $home->{store}, '--model', "rehearsal:$home->{dir}/says.lua", @words, 'writer-agent', 'write']);
}

# -- layers ---------------------------------------------------------------------------------------------

{
    my $home = home_with(
        user    => "sandbox:\n  network: proxy\n  hosts: [pypi.org, '*.npmjs.org']\nlimits: { memory: 2G, time: 90s }\n",
        project => "limits:\n  memory: 1G\n  time: 5m\nsandbox: { hosts: [www.npmjs.org, evil.org], pass: [HOME] }\npolicy: { rules: [{ deny: bash }, { allow: write }] }\n");
    my $ran = doctor($home, '--setting', 'limits.processes=99');
    my ($in, $origin) = @{ $ran->{object} }{qw(settings origin)};
    is($in->{limits}{memory}, 1 << 30, 'a project narrows a limit');
    is($origin->{'limits.memory'}, "$home->{project}:2", 'and is named with its line');
    is($in->{limits}{time_ms}, 90000, 'what it would widen stays');
    is($origin->{'limits.time'}, "$home->{user}:4", "as the user's file says");
    is("@{ $in->{sandbox}{hosts} }", 'www.npmjs.org', "hosts are the project's among the user's");
    is("@{ $in->{sandbox}{pass} }", '', 'a project passes no variables');
    is(join(' ', map { "$_->{verdict} $_->{tool}" } @{ $in->{policy}{rules} }), 'deny bash', 'it denies and does not allow');
    is($in->{limits}{processes}, 99, 'the command line has the last word');
    is(scalar @{ $ran->{object}{warnings} }, 4, 'each thing that was not followed is told');
    like($_, qr/^\Q$home->{project}\E:\d+:\d+: /, 'by file, line and column') for @{ $ran->{object}{warnings} };

    my $text = Try::run(home => $home, args => ['doctor']);
    like($text->{out}, qr/^\s+limits\.memory\s+1G\s+\Q$home->{project}\E:2$/m, 'doctor shows value and origin to people');
    like($text->{out}, qr/^\s+limits\.processes\s+512\s+default$/m, 'and what is a default');

    $ran = try_run($home);
    is($ran->{exit}, 0, 'a project that would widen still runs') or diag($ran->{err});
    like($ran->{err}, qr/evil\.org/, 'and the run says what is not followed');
}

# -- what is wrong refuses ------------------------------------------------------------------------------

for my $case (
    ['a tab',            "limits:\n\ttime: 1s\n",                '2:1: ', 'indent with blanks'],
    ['a key twice',      "limits: { time: 1s, time: 2s }\n",     '1:21: ', 'given on line 1'],
    ['an alias',         "limits: { time: *a }\n",               '1:17: ', 'alias'],
    ['a bomb',           "a: &a [x,x]\nb: &b [*a,*a]\n",         '1:4: ', 'anchor'],
    ['a second document', "limits: {}\n---\npolicy: {}\n",       '3:1: ', 'second document'],
    ['a NUL',            "limits: {}\n\0\n",                     '2:1: ', 'NUL'],
    ['latin-1',          "# caf\xe9\n",                          '1:6: ', 'UTF-8'],
    ['UTF-16',           "\xff\xfel\0",                          '1:1: ', 'UTF-16'],
    ['deep nesting',     'a: ' . ('[' x 100) . (']' x 100),      '1:', 'deep'],
    ['a list',           "- limits\n",                           '1:1: ', 'settings are expected'],
    ['an unknown key',   "limits:\n  memry: 1G\n",               '2:3: ', 'did you mean "memory"'],
    ['a wrong type',     "limits: { memory: [1G] }\n",           '1:19: ', 'not a list'],
) {
    my ($name, $text, $place, $words) = @$case;
    for my $who (qw(user project)) {
        my $home = home_with($who => $text);
        my $ran = doctor($home);
        is($ran->{exit}, 35, "$name in the file of the $who refuses");
        like(problem($ran), qr/^\Q$home->{$who}:$place\E.*\Q$words\E/, 'by file, line and column, with what is wrong');
    }
}

{
    my $home = home_with(user => '# ' . ('x' x 10_000_000) . "\n");
    my $ran = doctor($home);
    isnt($ran->{exit}, 0, 'a file of 10 MB refuses');
    like(problem($ran), qr/10000003 bytes/, 'by its size');

    $home = home_with(user => "\xef\xbb\xbflimits:\r\n  time: 7s\r\n");
    is(doctor($home)->{object}{settings}{limits}{time_ms}, 7000, 'a byte order mark and CRLF are read');

    $home = home_with(user => "limits: { time: 0x5 }\n", project => "limits: { time: 1s }\n");
    my $run = try_run($home);
    is($run->{exit}, 35, 'a run is refused for a mistake in the own file') or diag($run->{out});
    is(eval { $Try::JSON->decode($run->{out})->{status} }, 'invalid', 'and --json says so');
    ok(!-e $home->{store}, 'before anything is journaled');

    $home = home_with(project => "policy: { rules: [{ deny: bash, comand: 'rm*' }] }\n");
    $run = try_run($home);
    is($run->{exit}, 35, "a rule of a project that cannot be read refuses rather than being lost");
    like($run->{err}, qr/did you mean "command"/, 'with the word that was meant');

    $home = home_with();
    $run = try_run($home, '--setting', 'limits.tme=1s');
    is($run->{exit}, 35, 'so does a mistake on the command line');
    like($run->{err}, qr/did you mean "limits\.time"/, 'naming the key that was meant');
    is(try_run($home, '--setting', 'sandbox.show=[/opt]', '--network', 'none')->{exit}, 0, 'settings on the command line are YAML');
}

# -- who could have written it --------------------------------------------------------------------------

{
    my $home = home_with(user => "limits: { time: 9s }\n");
    chmod 0666, $home->{user};
    my $ran = doctor($home);
    is($ran->{exit}, 33, 'a config.yaml that everybody can write is not obeyed');
    like(problem($ran), qr/chmod go-w '\Q$home->{user}\E'/, 'and the remedy is given');
    chmod 0644, $home->{user};
    is(doctor($home)->{exit}, 0, 'which helps');

    chmod 0777, "$home->{config}/perigee";
    is(doctor($home)->{exit}, 33, 'nor is anything in a folder that everybody can write');
    chmod 0755, "$home->{config}/perigee";

    my $tool = "$home->{config}/perigee/tools/mine.lua";
    Try::write_file($tool, "local schema = require \"lib.schema\"\nreturn { description = \"A.\", input = schema.object {}, effect = \"read\", run = function() return \"\" end }\n");
    like(Try::run(home => $home, args => ['tools', 'list'])->{out}, qr/^mine /m, 'a tool of the user is offered');
    chmod 0666, $tool;
    my $list = Try::run(home => $home, args => ['tools', 'list']);
    unlike($list->{out}, qr/^mine /m, 'one that everybody can write is not');
    like($list->{err}, qr/chmod go-w/, 'and is told with the remedy');
    unlink $tool;

    my $agent = "$home->{config}/perigee/agents/my-agent.md";
    Try::write_file($agent, "---\nname: my-agent\ndescription: x\n---\nWork.\n");
    chmod 0666, $agent;
    unlike(Try::run(home => $home, args => ['agents', 'list'])->{out}, qr/^my-agent/m, 'nor is such a definition an agent');
    unlink $agent;

    my $policy = "$home->{config}/perigee/lua/policy.lua";
    Try::write_file($policy, Try::read_file("$Try::ROOT/lua/policy.lua"));
    is(try_run($home)->{exit}, 0, 'a policy of the user is obeyed');
    chmod 0666, $policy;
    my $run = try_run($home);
    is($run->{exit}, 33, 'one that everybody can write stops the run') or diag($run->{err});
}

{
    my $home = home_with();
    my $dots = "$home->{dir}/dots";
    Try::write_file("$dots/perigee/config.yaml", "limits: { time: 8s }\n");
    rmdir "$home->{config}/perigee";
    symlink "$dots/perigee", "$home->{config}/perigee" or die "symlink: $!";
    is(doctor($home)->{object}{settings}{limits}{time_ms}, 8000, 'a linked folder is followed');
    unlink "$home->{config}/perigee";
    make_path("$home->{config}/perigee");
    symlink "$dots/perigee/config.yaml", $home->{user} or die "symlink: $!";
    is(doctor($home)->{object}{settings}{limits}{time_ms}, 8000, 'and a linked file');
    chmod 0777, "$dots/perigee";
    is(doctor($home)->{exit}, 33, 'but not into a folder that everybody can write');
    chmod 0755, "$dots/perigee";
    unlink "$dots/perigee/config.yaml";
    my $ran = doctor($home);
    isnt($ran->{exit}, 0, 'a link that leads nowhere is no missing file');
    like(problem($ran), qr/leads nowhere/, 'and says so');
}

{
    my $home = home_with();
    my $dots = "$home->{work}/dots"; # what steers the next run lies in the workspace of this one
    Try::write_file("$dots/config.yaml", "limits: { time: 8s }\n");
    symlink "$dots/config.yaml", $home->{user} or make_path("$home->{config}/perigee") && symlink "$dots/config.yaml", $home->{user};
    my $probe = Try::run(home => $home, args => ['doctor']);
    SKIP: {
        skip 'no sandbox on this machine', 2 if $probe->{exit};
        my $ran = Try::run(home => $home, args => ['exec', '--', 'sh', '-c', 'echo "limits: { time: 9h }" > dots/config.yaml; rm -f dots/config.yaml; mv dots away']);
        isnt($ran->{exit}, 0, 'a command cannot change the settings of the next run');
        is(Try::read_file("$dots/config.yaml"), "limits: { time: 8s }\n", 'wherever they are linked to');
    }
}

# -- the state folder -----------------------------------------------------------------------------------

{
    my $home = home_with();
    my $state = "$home->{state}/perigee";
    my $list = sub { return Try::run(home => $home, args => ['runs', 'list']) };
    is($list->()->{exit}, 0, 'without a state folder there are no runs');
    ok(!-e $state, 'and looking makes none');
    Try::write_file("$home->{dir}/says.lua", $SAYS);
    Try::write_file("$home->{work}/.perigee/agents/writer-agent.md", "---\nname: writer-agent\ndescription: w\n---\nWrite.\n");
    my @run = ('run', '--model', "rehearsal:$home->{dir}/says.lua", 'writer-agent', 'write');
    is(Try::run(home => $home, args => [@run])->{exit}, 0, 'a run makes it');
    is((stat $state)[2] & 07777, 0700, 'closed');
    chmod 0755, $state;
    my $ran = $list->();
    like($ran->{err}, qr/could be read by others; it is closed to them now/, 'one that others can read is closed, with a word');
    is((stat $state)[2] & 07777, 0700, 'really');
    unlike($list->()->{err}, qr/closed to them/, 'once');
    chmod 0777, $state;
    for my $args (['runs', 'list'], \@run) {
        $ran = Try::run(home => $home, args => $args);
        is($ran->{exit}, 33, "$args->[0]: one that others can write to is refused");
        like($ran->{err}, qr/chmod go-w '\Q$state\E'/, 'with the remedy');
    }
}

# -- what the documentation says ------------------------------------------------------------------------

{
    my $home = home_with();
    my $text = Try::read_file("$Try::ROOT/lua/README.md");
    my %default = $text =~ /^\| `((?:sandbox|limits|budget|stalls|context|policy|search|provider)\.\w+|grants)` \| (\S+) \|/mg;
    my $plain = doctor($home)->{object};
    is(join(' ', sort keys %default), join(' ', sort keys %{ $plain->{origin} }), 'lua/README.md lists every key');
    my @said = map { $default{$_} =~ /^`(.*)`$/ ? ('--setting', "$_=$1") : () } sort keys %default;
    my $set = doctor($home, @said)->{object};
    is_deeply($set->{settings}, $plain->{settings}, 'with its default');
    is(scalar(grep { $_ eq 'default' } values %{ $set->{origin} }), 1, 'each but that of grants');

    my ($example) = $text =~ /^## Settings.*?^```yaml\n(.*?)^```/ms;
    Try::write_file($home->{user}, $example);
    my $ran = doctor($home);
    is($ran->{exit}, 0, 'and its example holds') or diag($ran->{out});
    is($ran->{object}{settings}{limits}{memory}, 8 << 30, 'as it says');
}

done_testing();
