#!/usr/bin/perl
# interrupt.t -- Ctrl-C in every phase of a run, to the process group as a terminal sends it and to
# the process alone: exit 130, nothing left running, the journal closed as cancelled. Then SIGTERM,
# and SIGKILL, after which the journal must still be readable.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use IO::Socket::INET;
use Test::More;
use Misbehave;
use Try;

use constant FIONREAD => 0x541B;

my $TEAM = "$Try::ROOT/tests/scenarios/team";
my $sandboxed = Try::run(home => Try::home(), args => ['doctor'])->{exit} == 0;

# Ends by itself never; what follows as an argument is how it is recognised.
my $FOREVER = 'tail -f /dev/null';

my %TOOLS = (
    spin => <<'LUA',
local schema = require "lib.schema"
return {
  description = "Says that it began and never ends.",
  input = schema.object {}, effect = "write", needs = { write = { "workspace" } }, timeout = "10m",
  run = function(_, call)
    local ok, err = call.write("begun", "yes")
    if not ok then return nil, err end
    while true do end
  end,
}
LUA
);
my $SPINNER = "---\nname: spinner\ndescription: Spins.\ntools: [spin]\n---\n\nYou spin.\n";

# Each phase: name, what must stand in the journal, and a sub that starts a run in `home`, waits until
# it is in that phase, and answers { live, and what to stop afterwards }, or nothing when it never came.
my @PHASES = (
    ['while connecting', 'prompt', sub {
        my ($home) = @_;
        my ($port, @held) = full_port();
        my $before = syn_sent($port);
        my $live = model_run($home, "http://127.0.0.1:$port");
        return Try::until_true(sub { syn_sent($port) > $before || Try::ended($live) }) && { live => $live, held => \@held };
    }],
    ['while waiting for the first byte', 'prompt', sub {
        my ($home) = @_;
        my $server = Misbehave::serve(sub { Misbehave::stall($_[0]) });
        my $live = model_run($home, $server->{url});
        return Try::until_true(sub { Misbehave::requests($server) }) && { live => $live, server => $server };
    }],
    ['in the middle of a stream', 'run.finished', sub {
        my ($home) = @_;
        my $server = Misbehave::serve(sub {
            my ($c) = @_;
            print $c Misbehave::stream_head(), Misbehave::opening('Half a');
            Misbehave::stall($c);
        });
        my $live = model_run($home, $server->{url});
        return Try::until_text($live, 'err', qr/Half a/) && { live => $live, server => $server, said => 'Half a' };
    }],
    ['in an endless stream', 'run.finished', sub {
        my ($home) = @_;
        my $server = Misbehave::serve(sub {
            my ($c) = @_;
            print $c Misbehave::stream_head(), Misbehave::opening('Half a');
            while (print $c Misbehave::delta('b' x 20)) { select undef, undef, undef, 0.001 }
        });
        my $live = model_run($home, $server->{url});
        return Try::until_text($live, 'err', qr/Half a/) && { live => $live, server => $server, said => 'Half a' };
    }],
    ['while waiting before another try', 'prompt', sub {
        my ($home) = @_;
        my $server = Misbehave::serve(sub {
            my ($c) = @_;
            print $c Misbehave::error(429, 'rate_limit_error', 'slow down', 'retry-after' => 50);
        });
        my $live = model_run($home, $server->{url});
        return Try::until_text($live, 'err', qr/again in/) && { live => $live, server => $server };
    }],
    ['in a sandboxed command', 'call', sub {
        my ($home) = @_;
        return -1 if !$sandboxed;
        my $live = rehearsed($home, 'lone-agent', "{ \"bash\", { command = \"echo yes >begun; $FOREVER $home->{dir}\" } }");
        return Try::until_true(sub { -s "$home->{work}/begun" }) && { live => $live };
    }],
    ['in a sandboxed command that ignores signals and has children', 'call', sub {
        my ($home) = @_;
        return -1 if !$sandboxed;
        my $live = rehearsed($home, 'lone-agent', "{ \"bash\", { command = \"trap '' INT TERM HUP; (setsid $FOREVER $home->{dir} &); $FOREVER $home->{dir} & echo yes >begun; wait\" } }");
        return Try::until_true(sub { -s "$home->{work}/begun" }) && { live => $live };
    }],
    ['with background jobs', 'call', sub {
        my ($home) = @_;
        return -1 if !$sandboxed;
        my $job = "trap '' INT TERM HUP; (setsid $FOREVER $home->{dir} &); echo on; $FOREVER $home->{dir}; $FOREVER $home->{dir}";
        my $live = rehearsed($home, 'lone-agent', "{ \"bash\", { command = \"$job\", background = true } }, "
            . "{ \"bash\", { command = \"echo yes >begun; $FOREVER $home->{dir}\" } }");
        return Try::until_true(sub { -s "$home->{work}/begun" }) && { live => $live };
    }],
    ["in a tool's endless Lua", 'call', sub {
        my ($home) = @_;
        Try::write_file("$home->{config}/perigee/tools/spin.lua", $TOOLS{spin});
        Try::write_file("$home->{config}/perigee/agents/spinner.md", $SPINNER);
        my $live = rehearsed($home, 'spinner', '{ "spin", {} }');
        return Try::until_true(sub { -s "$home->{work}/begun" }) && { live => $live };
    }],
    ['in a pattern that would take for ever', 'call', sub {
        my ($home) = @_;
        (my $tool = $TOOLS{spin}) =~ s/while true do end/return tostring(("a"):rep(40):find(("a?"):rep(40) .. ("a"):rep(40) .. "b"))/;
        Try::write_file("$home->{config}/perigee/tools/spin.lua", $tool);
        Try::write_file("$home->{config}/perigee/agents/spinner.md", $SPINNER);
        my $live = rehearsed($home, 'spinner', '{ "spin", {} }');
        return Try::until_true(sub { -s "$home->{work}/begun" }) && { live => $live };
    }],
    ['in a chain with two branches', 'run.started', sub {
        my ($home) = @_;
        Try::write_file("$home->{config}/perigee/tools/spin.lua", $TOOLS{spin});
        Try::write_file("$home->{dir}/two.lua", <<'LUA');
local schema = require "lib.schema"
return {
  params = schema.object {},
  run = function(run)
    local function branch(name)
      return function()
        run.tool("write", { path = name, content = "yes" })
        run.sleep(1000)
        return name
      end
    end
    return run.all { branch "one", branch "two" }
  end,
}
LUA
        my $live = Try::start(home => $home, args => ['run', '--store', $home->{store}, "$home->{dir}/two.lua", 'x']);
        return Try::until_true(sub { -s "$home->{work}/one" && -s "$home->{work}/two" }) && { live => $live };
    }],
    ['during name resolution', 'prompt', \&resolving],
    ['in exec', undef, sub {
        my ($home) = @_;
        return -1 if !$sandboxed;
        my $live = Try::start(home => $home, args => ['exec', '--', 'sh', '-c', "echo yes >begun; $FOREVER $home->{dir}"]);
        return Try::until_true(sub { -s "$home->{work}/begun" || Try::ended($live) }) && { live => $live };
    }],
    ['in tools call', undef, sub {
        my ($home) = @_;
        Try::write_file("$home->{config}/perigee/tools/spin.lua", $TOOLS{spin});
        my $live = Try::start(home => $home, args => ['tools', 'call', 'spin', '{}']);
        return Try::until_true(sub { -s "$home->{work}/begun" || Try::ended($live) }) && { live => $live };
    }],
    ['in perigee test', undef, sub {
        my ($home) = @_;
        Try::write_file("$home->{work}/spin_test.lua", <<'LUA');
local t = require "lib.test"
t.test("it ends", function(run)
  run.tool("write", { path = "begun", content = "yes" })
  while true do pcall(function() while true do end end) end
end)
LUA
        my $live = Try::start(home => $home, args => ['test', "$home->{work}/spin_test.lua"]);
        return Try::until_true(sub { cpu_ms($live->{pid}) > 300 || Try::ended($live) }) && { live => $live };
    }],
    ['while the task is read from stdin', undef, sub {
        my ($home) = @_;
        pipe my $read, my $write or die "pipe: $!";
        syswrite $write, 'half a task';
        my $live = Try::start(home => $home, stdin => '/proc/self/fd/' . fileno $read,
            args => ['run', '--store', $home->{store}, '--project', $TEAM, '--model', 'rehearsal:demo', 'lone-agent', '-']);
        my $taken = Try::until_true(sub { waiting_bytes($read) == 0 || Try::ended($live) });
        return $taken && { live => $live, held => [$read, $write] };
    }],
);

for my $phase (@PHASES) {
    my ($name, $kind, $begin) = @$phase;
    for my $whom ('the group', 'the process') {
        my $home = Try::home();
        my $at = $begin->($home);
        my $test = "Ctrl-C to $whom $name";
        if (($at || 0) eq '-1') {
            SKIP: { skip "$test: " . ($home->{why_not} || 'no sandbox on this machine'), 1 }
            next;
        }
        if (!$at) { fail("$test: the phase is reached"); next }
        kill 'INT', $whom eq 'the group' ? -$at->{live}{pid} : $at->{whom} || $at->{live}{pid};
        judge($test, $home, $at, 130, 'cancelled', $kind);
    }
}

SKIP: { # as service managers and shutdowns do it
    skip 'SIGTERM in a sandboxed command: no sandbox on this machine', 1 if !$sandboxed;
    my $home = Try::home();
    my $live = rehearsed($home, 'lone-agent', "{ \"bash\", { command = \"echo yes >begun; $FOREVER $home->{dir}\" } }");
    Try::until_true(sub { -s "$home->{work}/begun" });
    kill 'TERM', $live->{pid};
    judge('SIGTERM in a sandboxed command', $home, { live => $live }, 143, 'cancelled', 'call');
}

{
    my $home = Try::home();
    my $served = Try::serve($home, 'demo', 1);
    is(Try::stop_serving($served)->{exit}, 130, 'Ctrl-C ends models serve with 130');
}

# -- kill -9 ----------------------------------------------------------------------------------------

for my $name ('in a sandboxed command', 'with background jobs', 'in the middle of a stream') {
    my ($phase) = grep { $_->[0] eq $name } @PHASES;
    my $home = Try::home();
    my $at = $phase->[2]->($home);
    SKIP: {
        skip "kill -9 $name: no sandbox on this machine", 2 if ($at || 0) eq '-1';
        kill 'KILL', $at->{live}{pid};
        Try::finish($at->{live});
        Misbehave::stop($at->{server}) if $at->{server};
        my @left = Try::until_quiet($home);
        ok(!@left, "kill -9 $name leaves nothing running") or diag(map { "  $_\n" } @left);
        my @journal = Try::journal($home);
        my @kinds = map { $_->{kind} } @journal;
        ok(@journal > 2 && !grep({ $_ eq 'unreadable' || $_ eq 'run.finished' } @kinds),
            "kill -9 $name leaves a journal that can be read up to there") or diag("  @kinds");
        my $list = Try::run(home => $home, args => ['runs', 'list', '--store', $home->{store}]);
        is($list->{exit}, 0, "after kill -9 $name the run is listed") or diag($list->{err});
        my $next = rehearsed($home, 'lone-agent', '{ "read", { path = "." } }');
        is(Try::finish($next)->{exit}, 0, "after kill -9 $name the next run on the same store works");
    }
}

done_testing();

sub judge {
    my ($name, $home, $at, $exit, $status, $kind) = @_;
    my $ran = Try::finish($at->{live});
    my @left = Try::until_quiet($home);
    Misbehave::stop($at->{server}) if $at->{server};
    my @wrong;
    push @wrong, 'it hung' if $ran->{hung};
    push @wrong, "exit code $ran->{exit}, not $exit" if $ran->{exit} != $exit;
    push @wrong, "still running: $_" for @left;
    if ($kind) {
        my @journal = Try::journal($home);
        my $last = $journal[-1] || { kind => 'nothing', body => {} };
        push @wrong, "the journal ends in $last->{kind} " . $Try::JSON->encode($last->{body})
            if $last->{kind} ne 'run.finished' || $last->{body}{status} ne $status;
        push @wrong, "the journal has no $kind" if !grep { $_->{kind} eq $kind } @journal;
        push @wrong, 'what was said is lost' if $at->{said} && $Try::JSON->encode(\@journal) !~ /\Q$at->{said}\E/;
        push @wrong, 'an unreadable record' if grep { $_->{kind} eq 'unreadable' } @journal;
    }
    ok(!@wrong, $name) and return;
    diag("  $_") for @wrong;
    diag("  stderr: $_") for split /\n/, $ran->{err};
}

# -- runs in a phase -----------------------------------------------------------------------------------

sub model_run {
    my ($home, $url, %more) = @_;
    return Try::start(home => $home, %more, env => { ANTHROPIC_BASE_URL => $url },
        args => ['run', '--store', $home->{store}, '--project', $TEAM, '--model', 'claude-sonnet-5', 'lone-agent', 'Say it.']);
}

# A rehearsed run whose first turn makes one call.
sub rehearsed {
    my ($home, $agent, $call) = @_;
    my $file = "$home->{dir}/scenario" . ++$home->{scenarios} . '.lua';
    Try::write_file($file, <<LUA);
local rehearse = require "lib.rehearse"
return { agents = { ["$agent"] = { {
  { expect = rehearse.anything("a fault is the test"), calls = { $call } },
  { expect = rehearse.anything("a fault is the test"), text = "Done." },
} } } }
LUA
    return Try::start(home => $home, args => ['run', '--store', $home->{store}, '--project', $TEAM,
        '--model', "rehearsal:$file", $agent, 'Do it.']);
}

# A port whose queue is full: who connects is not answered.
sub full_port {
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1) or die "listen: $!";
    listen $listener, 0;
    my @held = ($listener);
    for (1 .. 4) {
        push @held, IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $listener->sockport, Blocking => 0);
    }
    return ($listener->sockport, @held);
}

# How many connections to a port wait to be let in (SYN_SENT); those of full_port count too.
sub syn_sent {
    my ($port) = @_;
    my $hex = sprintf '%04X', $port;
    return scalar grep { /^\s*\d+: \S+ \S+:\Q$hex\E 02 / } split /\n/, Try::read_file('/proc/net/tcp');
}

# Time on a processor so far: what loops gathers it, what waits does not.
sub cpu_ms {
    my ($pid) = @_;
    my @fields = split ' ', (Try::read_file("/proc/$pid/stat") =~ /\) (.*)/s)[0] // '';
    return (($fields[11] || 0) + ($fields[12] || 0)) * 10;
}

sub waiting_bytes {
    my ($handle) = @_;
    my $count = pack 'i', 0;
    ioctl $handle, FIONREAD, $count or die "ioctl: $!";
    return unpack 'i', $count;
}

# A run whose model's name is asked of a server that never answers, in namespaces of its own.
sub resolving {
    my ($home) = @_;
    my $probe = system 'unshare -rmn true 2>/dev/null';
    if ($probe) { $home->{why_not} = 'no namespaces without privileges here'; return -1 }
    my $live = Try::start(home => $home, program => "$FindBin::Bin/../support/silent-resolver",
        env => { ANTHROPIC_BASE_URL => 'http://models.example.net' },
        args => ["$home->{dir}/asked", $Try::PROGRAM, 'run', '--store', $home->{store}, '--project', $TEAM,
            '--model', 'claude-sonnet-5', 'lone-agent', 'Say it.']);
    Try::until_true(sub { -s "$home->{dir}/asked" || Try::ended($live) });
    return if !-s "$home->{dir}/asked";
    return { live => $live, whom => Try::read_file("$home->{dir}/asked") };
}
