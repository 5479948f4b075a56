#!/usr/bin/perl
# exec.t -- perigee exec as people and scripts use it: exit codes, outputs while they come, input,
# limits, the three networks, and what is said of what was refused.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use IO::Socket::INET;
use MIME::Base64 qw(decode_base64);
use Test::More;
use Misbehave;
use Try;

my $home = Try::home();
plan skip_all => 'no sandbox on this machine' if Try::run(home => $home, args => ['doctor'])->{exit} != 0;

sub exec_ { my ($words, %how) = @_; return Try::run(home => $home, args => ['exec', @$words], %how) }
sub object {
    my ($words, %how) = @_;
    my $ran = exec_(['--json', @$words], %how);
    my $said = eval { $Try::JSON->decode($ran->{out}) } or diag($ran->{out}, $ran->{err});
    return $said;
}

# -- how it ends: name, exit code, words ------------------------------------------------------------

for my $case (
    ['the command\'s own code', 3, 'sh', '-c', 'exit 3'],
    ['a signal, as shells count it', 143, 'sh', '-c', 'kill -TERM $$'],
    ['a command that is not there', 127, 'no-such-command'],
    ['a file that cannot be executed', 126, './plain'],
    ['a folder that is not there', 125, '--workspace', "$home->{dir}/gone", 'true'],
    ['an option that does not exist', 2, '--memroy', '1G', 'true'],
    ['a mode that does not exist', 2, '--network', 'some', 'true'],
    ['a host that is none', 2, '--allow-host', 'http://x/', 'true'],
    ['hosts without a proxy', 2, '--network', 'none', '--allow-host', 'a.org', 'true'],
    ['network rules without a sandbox', 2, '--unconfined', '--network', 'none', 'true'],
    ['a command without a sandbox', 4, '--unconfined', '--', 'sh', '-c', 'exit 4'],
) {
    my ($name, $exit, @words) = @$case;
    Try::write_file("$home->{work}/plain", "echo x\n");
    splice @words, -1, 0, '--' if $words[0] =~ /^--/ && !grep { $_ eq '--' } @words;
    my $ran = exec_($words[0] =~ /^--/ ? \@words : ['--', @words]);
    is($ran->{exit}, $exit, $name) or diag($ran->{err});
}

# -- outputs and input -------------------------------------------------------------------------------

my $bytes = join '', map { chr } 0 .. 255;
Try::write_file("$home->{work}/bytes", $bytes x 1000);
my $ran = exec_(['--', 'cat', 'bytes']);
ok($ran->{out} eq $bytes x 1000, 'a pipe gets every byte as it is');
$ran = exec_(['--stdin', '--', 'cat'], stdin => "$home->{work}/bytes");
ok($ran->{out} eq $bytes x 1000, 'stdin is passed on, byte for byte');
is(exec_(['--', 'cat'], stdin => "$home->{work}/bytes")->{out}, '', 'without --stdin there is none');
$ran = exec_(['--', 'sh', '-c', 'echo out; echo err >&2']);
is_deeply([$ran->{out}, $ran->{err}], ["out\n", "err\n"], 'both outputs keep apart');
$ran = exec_(['--', 'sh', '-c', 'head -c 3000000 /dev/zero']);
is(length $ran->{out}, 3000000, 'what is streamed is not cut at what --json would keep');

my $live = Try::start(home => $home, args => ['exec', '--', 'sh', '-c', 'echo first; until [ -e go ]; do :; done; echo last']);
ok(Try::until_text($live, 'out', qr/^first\n$/), 'output comes while the command runs');
Try::write_file("$home->{work}/go", 'x');
is(Try::finish($live)->{out}, "first\nlast\n", 'and the rest of it');

# A reader that does not read holds up the command, and neither its time nor Ctrl-C.
for my $how (['its time limit', 143], ['Ctrl-C', 130]) {
    pipe my $read, my $write or die "pipe: $!";
    my @limit = $how->[0] eq 'Ctrl-C' ? () : ('--timeout', '1s');
    $live = Try::start(home => $home, stdout => $write, args => ['exec', @limit, '--', 'sh', '-c', 'echo yes >full; exec yes']);
    close $write;
    ok(Try::until_true(sub { -s "$home->{work}/full" }), 'a command writes to a pipe that nobody reads');
    if (@limit) {
        ok(!scalar(grep { !defined } Try::until_true(sub { !grep { /\byes\b/ } Try::left_over($home) })), 'it is ended in time');
        1 while sysread $read, my $part, 65536;
    } else {
        kill 'INT', $live->{pid};
    }
    is(Try::finish($live)->{exit}, $how->[1], "it ends at $how->[0]");
    unlink "$home->{work}/full";
}

SKIP: {
    skip 'script (util-linux) is missing', 1 if !-x '/usr/bin/script';
    $ran = Try::run(home => $home, program => '/usr/bin/script',
        args => ['-qec', "$Try::PROGRAM exec -- printf '\\033]0;title\\007a\\302\\205b\\303\\244'", '/dev/null']);
    like($ran->{out}, qr/^\?\]0;title\?a\?b\xc3\xa4/, 'a terminal is spared what could drive it') or diag($ran->{err});
}

# -- one object -----------------------------------------------------------------------------------

my $said = object(['--', 'sh', '-c', 'printf "\\377x"; echo fine >&2; kill -9 $$']);
is(decode_base64($said->{stdout_base64}), "\xffx", 'an output that is no UTF-8 is base64, and named so');
is(Try::differs({ exit_code => 137, signal => 9, stderr => "fine\n", denied => [], notes => [], allowed_ms => 120000 }, $said), '',
    'an object says how it ended');
like(join(' ', sort keys %{ $said->{usage} }), qr/^cpu_ms memory wall_ms$/, 'and what it used');
is(Try::differs({ exit_code => 127, error => { code => 'not_found' } }, object(['--', 'no-such-command'])), '',
    'what never ran is an object too');
is(object(['--output', '100', '--', 'sh', '-c', 'seq 1 300'])->{stdout_dropped}, 992, '--output bounds what is kept');

# -- limits: name, words, the limit, a part of the line -------------------------------------------------

for my $case (
    [wall => '--timeout', '300ms', 'tail -f /dev/null', 'time (--timeout), 300 ms'],
    [wall => '--timeout', '0.3', 'tail -f /dev/null', 'time (--timeout), 300 ms'],
    [file => '--file-size', '4K', 'exec head -c 9999 /dev/zero > big', 'file size'],
    [output => '--output', '1K', 'head -c 99999 /dev/zero', 'output'],
    [cpu => '--cpu', '1s', 'while :; do :; done', 'processor time'],
    [memory => '--memory', '64M', 'exec python3 -c "x = b\'x\' * (300 << 20)
while True: pass"', 'memory (--memory)'],
) {
    my ($limit, $option, $value, $script, $line) = @$case;
    my $done = object([$option, $value, '--', 'sh', '-c', $script]);
    is($done->{limit}, $limit, "$option $value stops it");
    like(join("\n", @{ $done->{notes} }), qr/\Q$line\E/, 'and the note names the option');
}
is(object(['--procs', '40', '--', 'sh', '-c', 'ulimit -u'])->{stdout}, "40\n", '--procs bounds processes') if $> != 0;
Try::write_file("$home->{config}/perigee/config.yaml", "limits: { time: 7s, memory: 128M }\n");
is(object(['--', 'true'])->{allowed_ms}, 7000, 'the user\'s own settings are in force');
is(object(['--timeout', '20m', '--', 'true'])->{allowed_ms}, 1200000, 'the command line is the last word');

# -- what it sees ------------------------------------------------------------------------------------

Try::write_file("$home->{dir}/shown/tool", "a tool\n");
is(exec_(['--show', "$home->{dir}/shown", '--', 'cat', "$home->{dir}/shown/tool"])->{out}, "a tool\n", '--show shows a folder');
isnt(exec_(['--show', "$home->{dir}/shown", '--', 'sh', '-c', "echo x > $home->{dir}/shown/new"])->{exit}, 0, 'read-only');
is(exec_(['--show', $home->{home}, '--', 'true'])->{exit}, 2, 'never the whole home folder');
Try::write_file("$home->{config}/perigee/config.yaml", "sandbox: { pass: [PASSED_HERE, LD_PRELOAD] }\n");
is(exec_(['--', 'sh', '-c', 'echo $PASSED_HERE $NOT_PASSED'], env => { PASSED_HERE => 'yes', NOT_PASSED => 'no' })->{out},
    "yes\n", 'variables that the user names are passed, others are not');
Try::write_file("$home->{config}/perigee/config.yaml", "sandbox: { pass: [MY_API_KEY] }\n");
isnt(exec_(['--', 'true'], env => { MY_API_KEY => 'k' })->{exit}, 0, 'a name that is a key\'s is refused');
unlink "$home->{config}/perigee/config.yaml";

# -- the three networks --------------------------------------------------------------------------------

my $server = Misbehave::serve(sub { my ($c) = @_; print $c "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhere\n" });
my ($host) = $server->{url} =~ m{^http://([^/]+)};
my @ask = ('--', 'curl', '-sS', '--noproxy', '', '-m', '20', "http://$host/");

SKIP: {
    skip 'curl is missing', 6 if !-x '/usr/bin/curl';
    isnt(exec_([@ask])->{exit}, 0, 'without a network nothing is reached');
    is(exec_(['--network', 'host', @ask])->{out}, "here\n", 'with the host\'s it is');
    is(exec_(['--allow-host', $host, @ask])->{out}, "here\n", 'a listed host is reached through the proxy');
    my $no = exec_(['--allow-host', 'example.org', @ask]);
    unlike($no->{out}, qr/here/, 'one that is not listed is not');
    like($no->{err}, qr/^perigee: refused by the network rules: \Q$host\E /m, 'and that is said in one line');
    my $done = object(['--allow-host', 'example.org', @ask]);
    is(Try::differs([{ what => 'host', name => $host, why => '~.' }], $done->{denied}), '', '--json has it as data');
}
Misbehave::stop($server) if Misbehave->can('stop');
$ran = exec_(['--', 'sh', '-c', 'echo "curl: (6) Could not resolve host: example.org" >&2; exit 6']);
like($ran->{err}, qr/^perigee: probably the sandbox: there is no network/m, 'a failure that looks like the sandbox is explained as a guess');

# -- without running ---------------------------------------------------------------------------------

$ran = exec_(['--explain', '--allow-host', 'pypi.org', '--', 'sh', '-c', 'touch ran']);
like($ran->{out}, qr/Network: through a proxy.*make a user namespace.*socket for the run's proxy.*system call filter.*execute sh -c touch ran/s,
    '--explain says every step');
like($ran->{out}, qr/HTTPS_PROXY/, 'and the names of the variables');
unlike($ran->{out}, qr/run:/, 'not their values');
ok(!-e "$home->{work}/ran", 'and starts nothing');
is_deeply([Try::until_quiet($home)], [], 'nothing is left running');

done_testing();
