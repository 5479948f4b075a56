#!/usr/bin/perl
# escapes.t -- attempts to get out of the sandbox, each with its class and the layer that stops it.
#
# Symptom: a command reads, changes or reaches what it must not. Cause: one layer has a hole. Each
# attempt must say that it RAN: one that did not run proves nothing. Where it can be done without
# harm, the same attempt is made outside as well (a control), and must succeed there.
# escapes/inside.py holds what needs one system call or one file; here are those that need more.
use strict;
use warnings;
use File::Path qw(make_path);
use FindBin;
use IO::Socket::INET;
use IO::Socket::UNIX;
use lib "$FindBin::Bin/../support";
use Socket qw(SOCK_STREAM);
use Test::More;
use Time::HiRes qw(time);
use Misbehave;
use Try;

my $home = Try::home();
my $doctor = Try::run(home => $home, args => ['doctor']);
plan skip_all => 'no sandbox on this machine' if $doctor->{exit} != 0;
for my $program (qw(/usr/bin/python3 /usr/bin/git)) { plan skip_all => "$program is missing" if !-x $program }

my $work = $home->{work};

sub inside {
    my ($script, @options) = @_;
    return Try::run(home => $home, args => ['exec', @options, '--', 'bash', '-c', "$script\necho RAN"]);
}
sub host {
    my ($script) = @_;
    local $ENV{GIT_CONFIG_GLOBAL} = '/dev/null';
    system('/bin/sh', '-c', "cd '$work' && { $script\n} >/dev/null 2>&1") == 0 or die "host: $script";
}
sub text { Try::read_file("$work/$_[0]") }
sub ran_ok {
    my ($ran, $what) = @_;
    like($ran->{out}, qr/^RAN$/m, "$what: the attempt ran") or diag($ran->{err});
}

# -- what lies about ---------------------------------------------------------------------------------

host('git init -q . && git config core.hooksPath .githooks && git config include.path ../team.config'
    . ' && git init -q --bare fixtures/bare && git init -q lib && mkdir linked .githooks');
Try::write_file("$work/$_->[0]", $_->[1]) for
    ['.env', "hunter2\n"], ['conf/.env.local', "hunter2\n"], ['team.config', "[user]\n"], ['.githooks/pre-commit', "#!/bin/sh\n"],
    ['linked/.git', "gitdir: ../lib/.git\n"], ['.perigee/lua/x.lua', "return 1\n"], ['.claude/settings.json', "{}\n"];
Try::write_file("$home->{dir}/outside", "hunter2\n");
symlink "$home->{dir}/outside", "$work/out-link";
symlink $home->{home}, "$work/out-folder";
symlink '.env', "$work/env-link";
Try::write_file("$work/inside.py", Try::read_file("$FindBin::Bin/escapes/inside.py"));

# Servers of the user's, each of which says hello to whoever comes.
my $tcp = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 9) or die;
my $abstract = "perigee-escape-$$";
my @servers = ($tcp, map { IO::Socket::UNIX->new(Local => $_, Listen => 9, Type => SOCK_STREAM) or die "$_: $!" }
    "\0$abstract", "$home->{dir}/sock", "$work/host.sock");
my $greeter = fork // die;
if (!$greeter) {
    while (1) {
        my $ready = '';
        vec($ready, fileno $_, 1) = 1 for @servers;
        select($ready, undef, undef, undef);
        for my $server (grep { vec($ready, fileno $_, 1) } @servers) { my $c = $server->accept; print $c 'hello'; close $c }
    }
}
my $given = $Try::JSON->encode({ outside => "$home->{dir}/outside", home => $home->{home}, state => $home->{state},
    pid => $greeter, port => $tcp->sockport, abstract => $abstract, socket => "$home->{dir}/sock" });

# -- one system call, one file: class, layer, what it meets, attempts ----------------------------------

my @MET = (
    ['paths', 'mount list', 'ENOENT', qw(file_outside dots_up link_out folder_link_out home_of_the_user
        state_of_perigee shadow sys_tree socket_outside)],
    ['paths', 'read-only mounts', 'EROFS|EACCES', qw(write_to_root write_to_usr write_to_passwd)],
    ['paths', 'mounts are borders for links', 'EXDEV', qw(hardlink_from_usr secret_by_hardlink)],
    ['devices', 'filter', 'EPERM', qw(disk_device by_handle)],
    ['devices', 'read-only mount of each device, also for stdin', 'EROFS', qw(chmod_dev_null chmod_stdin touch_stdin chmod_stdin_by_proc)],
    ['secrets', 'masks', 'EACCES', qw(secret secret_by_link secret_by_path_descriptor secret_executed secret_by_git
        secret_by_its_file_system socket_in_workspace)],
    ['secrets', 'masks and pins are mounts', 'EBUSY', qw(secret_renamed secret_exchanged secret_s_folder_renamed secret_removed)],
    ['namespaces', 'filter', 'EPERM', qw(secret_uncovered bind_mount remount new_tree moved_tree attributes_of_mounts
        new_file_system pivot change_root new_user_namespace cloned_user_namespace cloned_with_high_bits enters_namespace)],
    ['namespaces', 'filter: no such call', 'ENOSYS', qw(clone3 secret_by_openat2)],
    ['namespaces', 'user namespace', 'EPERM', qw(parent_of_namespace own_uid_map)],
    ['proc', 'init is not dumpable', 'EACCES|ENOENT', qw(cwd_of_init root_of_init namespace_of_init memory_of_init environment_of_init
        descriptors_of_init program_of_init maps_of_init)],
    ['proc', 'read-only and masked parts', 'EROFS|EACCES|ENOENT', qw(core_pattern sysrq kernel_memory kernel_keys kernel_symbols)],
    ['processes', 'pid namespace', 'ESRCH|ENOENT', qw(root_of_host_process host_processes signal_to_host pidfd_of_host)],
    ['processes', 'init is not dumpable', 'EPERM', qw(trace_init seize_init)],
    ['processes', 'filter', 'EPERM', qw(read_init descriptor_of_init compare_with_init)],
    ['processes', 'init of a namespace', 'EALREADY', qw(kill_init)],
    ['sockets', 'network namespace', 'ECONNREFUSED|ENETUNREACH', qw(loopback_of_host loopback_by_zero loopback_by_v6 far_network
        metadata_service dns)],
    ['sockets', 'network namespace, Landlock', 'ECONNREFUSED|EPERM', qw(abstract_socket)],
    ['sockets', 'filter', 'EPERM', qw(hypervisor_socket packet_socket kernel_crypto family_with_high_bits netlink_generic)],
    ['sockets', 'capability drop', 'EPERM', qw(raw_socket new_address)],
    ['kernel', 'filter', 'EPERM', qw(page_faults bpf perf kernel_log clock lease_on_usr lease_with_high_bits)],
    ['kernel', 'filter: no such call', 'ENOSYS', qw(io_uring call_of_tomorrow)],
    ['keyrings', 'filter', 'EPERM', qw(session_keyring new_key)],
    ['terminals', 'filter', 'EPERM', qw(typed_input typed_input_with_high_bits)],
    ['terminals', 'a session of its own', 'ENXIO', qw(console_of_the_machine)],
    ['rights', 'filter', 'EPERM|ENOSYS', qw(set_user_id set_group_id_at_birth set_user_id_by_new_call nameless_set_user_id own_memory_file)],
    ['rights', 'capability drop', 'EPERM', qw(file_capability trusted_attribute ambient_right)],
    ['rights', 'user namespace', 'EINVAL', qw(becomes_root gives_file_away)],
    ['rights', 'no new privileges, nosuid', 'EPERM', qw(new_privileges set_user_id_program)],
    ['limits', 'limits of the kernel', 'EPERM', qw(core_files raised_limit limit_of_init_raised)],
    ['descriptors', 'closed at exec', 'EBADF', qw(inherited_descriptors forged_report)],
    ['persistence', 'read-only covers', 'EROFS', qw(hook config config_included hook_by_its_path bare_repository git_file definitions
        settings_of_another)],
    ['persistence', 'pins', 'EBUSY|EXDEV', qw(repository_moved bare_repository_hidden)],
);
# Done outside as well, where they succeed: else what they met inside would prove nothing.
my @CONTROL = qw(file_outside dots_up link_out home_of_the_user secret secret_by_link secret_by_path_descriptor secret_by_git
    secret_by_hardlink root_of_host_process host_processes signal_to_host pidfd_of_host loopback_of_host loopback_by_zero
    loopback_by_v6 abstract_socket socket_outside socket_in_workspace hook config config_included hook_by_its_path bare_repository
    git_file definitions settings_of_another set_user_id set_group_id_at_birth nameless_set_user_id
    lease_with_high_bits);

sub said { my %said = $_[0] =~ /^(\w+)\tRAN\t(.*)$/mg; return \%said }

my $ran = Try::run(home => $home, args => ['exec', '--', 'python3', 'inside.py', $given]);
like($ran->{out}, qr/^end$/m, 'all attempts were made') or diag($ran->{err});
my $met = said($ran->{out});
for my $row (@MET) {
    my ($class, $layer, $want, @names) = @$row;
    like(delete $met->{$_} // 'it did not run', qr/^(?:$want)$/, "$class: $_ is stopped by: $layer") for @names;
}
is(join(' ', sort keys %$met), '', 'no attempt is without its layer');
unlike($ran->{out}, qr/hunter2|hello/, 'and none of them brought anything');
is(text('.git/hooks/pre-commit') . text('.githooks/pre-commit'), "#!/bin/sh\n", 'nor left anything');

host("python3 inside.py '$given' @CONTROL > control");
my $control = said(text('control'));
is(join(' ', grep { ($control->{$_} // '') !~ /^got / } @CONTROL), '', 'outside, the same attempts succeed');

# -- processes and limits ------------------------------------------------------------------------------

host('git init -q . ; rm -rf .git/hooks/pre-commit stolen env-linked; rm -f host.sock');

my $mark = "escape-daemon-$$";
$ran = inside("python3 -c 'import os,sys,time
if os.fork(): sys.exit()
os.setsid()
if os.fork(): os._exit(0)
import signal
for n in (1,2,3,13,15,17): signal.signal(n, signal.SIG_IGN)
signal.pause()' $mark </dev/null &
tail -f /dev/null & echo started");
ran_ok($ran, 'processes, pid namespace: a daemon and a job that hold the output');
is(scalar(grep { Try::read_file($_) =~ /\Q$mark\E/ } glob '/proc/[0-9]*/cmdline'), 0, 'and it is gone with its command');

my $began = time;
$ran = Try::run(home => $home, args => ['exec', '--json', '--timeout', '300ms', '--', 'python3', '-c',
    'import os,signal
print("RAN", flush=True)
for n in range(1, 32):
  try: signal.signal(n, signal.SIG_IGN)
  except OSError: pass
  try: n not in (9, 15) and os.kill(1, n)
  except OSError: pass
os.kill(1, signal.SIGSTOP)
while True: signal.pause()']);
like($ran->{out}, qr/"limit":"wall".*RAN/s, 'limits, wall time by the host: who stops init and ignores all signals is killed');
cmp_ok(time - $began, '<', 30, 'soon');

for my $bomb (
    ['processes', ['--procs', '40'], 'import os
print("RAN", flush=True)
n = 0
try:
  while n < 400:
    if os.fork() == 0: os.read(os.pipe()[0], 1)
    n += 1
except OSError: pass
print("forked", n >= 390)
import time; time.sleep(5)'],
    ['memory', ['--memory', '100M'], 'import time
print("RAN", flush=True)
b = [bytearray(b"x") * (20 << 20) for i in range(40) if not time.sleep(0.02)]
time.sleep(5); print("kept")'],
    ['memory', ['--memory', '100M'], 'import os, time
print("RAN", flush=True)
held = [os.memfd_create("x") for i in range(8)]
for fd in held:
  for i in range(50): os.write(fd, b"x" * (1 << 20))
  time.sleep(0.05)
time.sleep(5); print("kept")'],
    ['file', ['--file-size', '1M'], 'import os, signal
print("RAN", flush=True)
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
f = open("/tmp/large", "wb", 0)
for i in range(4): f.write(b"x" * (1 << 20))
print("kept")'],
    ['output', ['--output', '10000'], 'import sys
print("RAN", flush=True)
for i in range(100000): sys.stdout.write("x" * 10000)
print("kept")'],
) {
    my ($limit, $options, $program) = @$bomb;
    $ran = Try::run(home => $home, args => ['exec', '--json', @$options, '--', 'python3', '-c', $program]);
    like($ran->{out}, qr/RAN/, "limits: the bomb of $limit ran");
    my $held = $limit eq 'processes' ? qr/"limit":"processes"|forked False/ : qr/"limit":"$limit"/;
    like($ran->{out}, $held, "limits, the host's watch and the kernel: a bomb of $limit is held");
    unlike($ran->{out}, qr/kept\\n"/, 'and did not come to its end');
}

$ran = inside('ulimit -n; python3 -c "import os
try:
  while True: os.dup(1)
except OSError as e: print(e.strerror)"
(cd /run; i=0; while : > f$i; do i=$((i+1)); [ $i -lt 20000 ] || break; done 2>/dev/null; [ $i -lt 17000 ] && echo inodes)
head -c 80000000 /dev/zero > /dev/shm/../../run/big 2>/dev/null || echo full');
ran_ok($ran, 'limits');
like($ran->{out}, qr/^4096\nToo many open files\ninodes\nfull\n/, 'limits, kernel: descriptors, inodes and bytes of a scratch folder end');

# -- architecture doors, tracing past the filter -----------------------------------------------------------

Try::write_file("$work/doors.c", <<'C');
#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <unistd.h>
static void end(const char *name, pid_t pid) { int s; waitpid(pid, &s, 0); printf("%s %d\n", name, WIFSIGNALED(s) ? WTERMSIG(s) : -WEXITSTATUS(s)); fflush(stdout); }
int main(void)
{
    pid_t pid;
    if (!(pid = fork())) _exit(syscall(0x40000000L + 165, "/usr", "/tmp", 0, 4096, 0) == 0 ? 1 : 2);
    end("x32", pid);
    if (!(pid = fork())) { long r; __asm__ volatile("int $0x80" : "=a"(r) : "a"(21), "b"(0), "c"(0), "d"(0)); _exit(1); }
    end("i386", pid);
    /* a tracer changes the call after the filter let it in: the kernel has to ask the filter again */
    if (!(pid = fork())) { ptrace(PTRACE_TRACEME); raise(19); _exit(syscall(SYS_getppid, 0x10000000) >= 0 ? 1 : errno == EPERM ? 2 : 3); }
    int s, changed = 0; struct user_regs_struct r;
    waitpid(pid, &s, 0);
    for (int entry = 1; ptrace(PTRACE_SYSCALL, pid, 0, 0) == 0 && waitpid(pid, &s, 0) > 0 && !WIFEXITED(s); entry = !entry) {
        ptrace(PTRACE_GETREGS, pid, 0, &r);
        if (entry && r.orig_rax == SYS_getppid) { r.orig_rax = SYS_unshare; r.rdi = 0x10000000; ptrace(PTRACE_SETREGS, pid, 0, &r); changed = 1; }
    }
    printf("traced %d %d\n", changed, WEXITSTATUS(s));
    /* a filter of its own that allows everything, and hands calls to a listener */
    struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {1, code};
    printf("own filter %ld ", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
    printf("%d\n", syscall(SYS_unshare, 0x10000000) < 0 && errno == EPERM);
    return 0;
}
C
SKIP: {
    skip 'the doors are those of x86_64', 2 if `uname -m` !~ /x86_64/ || !-x '/usr/bin/cc';
    $ran = inside('cc -w doors.c -o /tmp/doors -include signal.h && /tmp/doors');
    ran_ok($ran, 'kernel, filter');
    like($ran->{out}, qr/^x32 31\ni386 31\ntraced 1 2\nown filter 0 1\n/m,
        'kernel, filter: other architectures\' doors kill, a changed call is asked about again, a further filter opens nothing');
}

# -- what a run leaves for the user's own git ----------------------------------------------------------------

host('rm -rf .git/objects/../index lib2; git -c user.name=a -c user.email=a@b commit -q --no-verify --allow-empty -m one');
my $evil = "$home->{dir}/pwned";
my $made = 'export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
git init -q sub && git -C sub commit -q --allow-empty -m s
git update-index --add --cacheinfo 160000,$(git -C sub rev-parse HEAD),sub
git -C sub config core.fsmonitor "touch ' . $evil . '; false"';
Try::run(home => $home, args => ['exec', '--unconfined', '--', 'bash', '-c', $made]);
host('git status');
ok(-e $evil, 'persistence, control: a module\'s config that nobody looked at is obeyed by git status above it');
unlink $evil;
host('rm -rf sub; git rm -q --cached sub');

$ran = Try::run(home => $home, args => ['exec', '--json', '--', 'bash', '-c', $made . '
printf "#!/bin/sh\nevil\n" > sub/.git/hooks/post-checkout; chmod +x sub/.git/hooks/post-checkout
git init -q --bare b && git -C b config alias.status "!evil"
git init -q tmp1 && mkdir f && mv tmp1/.git f/hidden && echo "gitdir: hidden" > f/.git && git -C f config diff.external evil
git init -q tmp2 && mv tmp2/.git .git/elsewhere && mkdir g && echo "gitdir: ../.git/elsewhere" > g/.git && git -C g config core.sshCommand evil
git init -q w && ln -s /tmp/config w/.git/config.worktree && git -C w config extensions.worktreeConfig true
git init -q c && echo ../b > c/.git/commondir
git init -q m && git -C m config core.worktree ' . $home->{home} . '
git init -q q && printf "[core]\n\tbare = false\n[cor\\\\\ne]\n" > q/.git/config
git init -q o && printf "[Core]FSMonitor=\"ev\"il # x\n" > o/.git/config
git init -q tmp3 && mkdir h && mv tmp3/.git ".git/new
line" && printf "gitdir: ../.git/new\\nline" > h/.git && git -C h config core.editor evil
mkdir -p .git/worktrees/k ".git/worktrees/..       evil" && printf "../..          evil" > .git/worktrees/k/commondir && cp .git/HEAD .git/worktrees/k
git init -q tmp4 && mkdir t && echo "gitdir: .." > t/.git && cp tmp4/.git/HEAD . && echo tmp4/.git > commondir && echo "[core]fsmonitor=evil" > config.worktree
git clone -q sub good 2>/dev/null; git -C good remote add o https://example.org/x; git -C good config user.name me
git worktree add -q tree 2>/dev/null
echo RAN']);
like($ran->{out}, qr/RAN/, 'persistence: a dozen repositories were made') or diag($ran->{err});
host('git status; for d in sub b f g w c m q o good tree; do (cd $d && git status); done || true');
ok(!-e $evil, 'persistence, aftermath: git status runs nothing of what a command has written');
my %kept = map { $_ => -e "$work/$_" } qw(sub/.git/config sub/.git/hooks/post-checkout b/config f/hidden/config .git/elsewhere/config
    w/.git/config.worktree .git/worktrees/k/commondir commondir config.worktree c/.git/commondir m/.git/config q/.git/config o/.git/config);
$kept{newline} = -e "$work/.git/new\nline/config";
is(join(' ', grep { $kept{$_} } sort keys %kept), '', 'each of these was set aside');
my $told = eval { $Try::JSON->decode($ran->{out}) } || {};
is(scalar(grep { $_->{what} eq 'file' } @{ $told->{denied} || [] }), 14, 'and each was said');
like(text('sub/.git/config.set-aside-1'), qr/fsmonitor/, 'nothing of it is lost');
like(text('good/.git/config'), qr{example\.org.*name = me}s, 'a clone with a remote and a name stays as it is');
ok(-e "$work/good/.git/hooks/pre-commit.sample" && -e "$work/.git/worktrees/tree/commondir", 'so do samples and a worktree');

# Repositories that the look after a command could miss: behind too many others, too deep, shut, in
# a folder of a secret's name, behind names that are too long.
host('mkdir many');
$ran = inside($made . '
cat > /tmp/hide.py <<"PY"
import os, shutil
def make(path):
    for part in ("objects", "refs"): os.makedirs(os.path.join(path, part))
    for name, text in (("config", "[core]\nfsmonitor = evil\n"), ("HEAD", "ref: refs/heads/m\n")):
        with open(os.path.join(path, name), "w") as file: file.write(text)
for i in range(1500): make("many/%d" % i)
make(".env.d/sub")
make("/".join("d" * 260))
os.makedirs("x/shut"); make("x/shut/sub"); os.chmod("x/shut", 0o311)
top = os.getcwd()
for i in range(25):
    os.mkdir("n" * 255 if i else "long"); os.chdir("n" * 255 if i else "long")
PY
python3 /tmp/hide.py');
ran_ok($ran, 'persistence');
my @stand = grep { -e } (map { "$work/many/$_/config" } 0 .. 1499), "$work/.env.d/sub/config", "$work/" . join('/', split //, 'd' x 260) . '/config',
    "$work/x/shut/sub/config";
is(scalar @stand, 0, 'persistence, aftermath: what hides behind a limit of the survey is set aside as well') or diag(@stand > 5 ? @stand[0 .. 4] : @stand);
ok(!-e "$work/sub/.git/config", 'and what came after them');
system('chmod', '-R', 'u+rwx', $work);
host('find . -depth -name "n*n" -exec rm -rf {} + ; rm -rf many .env.d x long d; ls');

# A job that is still there when its run ends is looked at too.
$ran = inside('git init -q late && (tail -f /dev/null & ) ; git -C late config core.pager evil');
ran_ok($ran, 'persistence');
ok(!-e "$work/late/.git/config", 'what was written while a background process stays is set aside as well');

# -- the tools for files ---------------------------------------------------------------------------------------

sub file_tool {
    my ($name, $input) = @_;
    my $got = Try::run(home => $home, args => ['tools', 'call', '--store', $home->{store}, $name, $Try::JSON->encode($input)]);
    return "$got->{out}$got->{err}";
}
symlink '/proc/self/environ', "$work/environ";
symlink '.git', "$work/git-link";
symlink "$home->{dir}", "$work/up";
host("mkfifo pipe; printf fine > 'a\nb'");
like(file_tool(read => { path => "a\nb" }), qr/fine/, 'files, control: what may be read is, whatever its name');
for my $case (
    ['through a link out of the root', 'out-link', 'openat2 beneath the root'],
    ['through a folder that is a link', 'up/outside', 'openat2 beneath the root'],
    ['by dots', '../outside', 'normalised text'],
    ['by its absolute path', "$home->{dir}/outside", 'normalised text'],
    ['by a path of /proc', '/proc/self/environ', 'normalised text'],
    ['through a link into /proc', 'environ', 'no magic links'],
    ['that is masked', '.env', 'masked names'],
    ['that is masked, by a link', 'env-link', 'masked names, again after the links'],
    ['that is a FIFO, without waiting', 'pipe', 'no regular file'],
) {
    my ($how, $path, $layer) = @$case;
    my $said = file_tool(read => { path => $path });
    unlike($said, qr/hunter2|TEST_HOME_MARK/, "files, $layer: a file $how brings nothing");
    like($said, qr/outside|masked|secret|FIFO|regular|denied/i, 'and is refused in words');
}
for my $path ('.git/hooks/post-merge', 'git-link/hooks/post-merge', '.githooks/post-merge', 'team.config', 'fixtures/bare/config',
    'sub/.git/config', '.perigee/lua/y.lua', '.env.new', 'out-folder/made', '../made', 'linked/.git') {
    my $before = text($path);
    file_tool(write => { path => $path, content => 'evil' });
    is(text($path), $before, "files, the sandbox's rule set: $path is not written");
}
file_tool(write => { path => "made/$_", content => 'ref: refs/heads/m' }) for qw(config HEAD objects/x refs/heads/m);
ok(-e "$work/made/config" && -e "$work/made/objects/x" && !-e "$work/made/refs", 'files, write: what would make a repository of a folder is refused');
like(file_tool(write => { path => 'plain-new', content => 'good' }) . text('plain-new'), qr/good/, 'files, control: another one is');

# Somebody swaps a folder for a link while it is read.
mkdir "$work/swap"; Try::write_file("$work/swap/outside", 'mine');
my $swapper = fork // die;
if (!$swapper) {
    symlink $home->{dir}, "$work/swap.link";
    while (1) { rename "$work/swap", "$work/swap.real"; rename "$work/swap.link", "$work/swap"; rename "$work/swap", "$work/swap.link"; rename "$work/swap.real", "$work/swap" }
}
my $brought = join '', map { file_tool(read => { path => 'swap/outside' }) } 1 .. 12;
kill 'KILL', $swapper; waitpid $swapper, 0;
unlike($brought, qr/hunter2/, 'files, openat2 beneath the root: a folder that is swapped for a link meanwhile brings nothing');

# -- what is shown, and the user's own network ------------------------------------------------------------------

make_path("$home->{dir}/shown");
symlink "$home->{dir}/outside", "$home->{dir}/shown/link";
Try::write_file("$home->{dir}/shown/plain", "shown\n");
$ran = inside("cat $home->{dir}/shown/plain; cat $home->{dir}/shown/link $home->{dir}/shown/../outside; "
    . "echo x > $home->{dir}/shown/made; chmod 777 $home->{dir}/shown/plain", '--show', "$home->{dir}/shown");
ran_ok($ran, 'paths');
is($ran->{out}, "shown\nRAN\n", 'paths, mount list: a shown folder brings itself and nothing that its links lead to');
is((() = $ran->{err} =~ /No such file/g) . (() = $ran->{err} =~ /Read-only/g), '22', 'and cannot be changed');

SKIP: {
    skip 'no Landlock that scopes sockets', 2 if $doctor->{out} !~ /Landlock \(ABI (\d+)\)/ || $1 < 6;
    $ran = inside("python3 inside.py '$given' abstract_socket loopback_of_host signal_to_host file_outside", '--network', 'host');
    ran_ok($ran, 'sockets');
    like($ran->{out}, qr/^abstract_socket\tRAN\tEPERM\nloopback_of_host\tRAN\tgot b'hello'\nsignal_to_host\tRAN\tESRCH\nfile_outside\tRAN\tENOENT\n/,
        'sockets, Landlock: with the user\'s own network, abstract sockets stay out of reach');
}

# -- the proxy -----------------------------------------------------------------------------------------------------

my $server = Misbehave::serve(sub { my ($c) = @_; print $c Misbehave::whole(200, 'text/plain', 'hello') });
my $other = $tcp->sockport;
Try::write_file("$work/proxy.py", <<'PY');
import base64, os, re, socket, sys
at, other = sys.argv[1], sys.argv[2]
user, port = re.match(r"http://(.*)@127.0.0.1:(\d+)", os.environ["http_proxy"]).groups()
token = base64.b64encode(user.encode()).decode()
def say(name, head, auth=token, body=b""):
    s = socket.create_connection(("127.0.0.1", int(port)), 5)
    lines = head.replace("\n", "\r\n")
    if auth is not None: lines += "\r\nProxy-Authorization: Basic " + auth
    s.sendall(lines.encode("latin-1") + b"\r\n\r\n" + body)
    got = b""
    try:
        while True:
            part = s.recv(4096)
            if not part: break
            got += part
            if got.endswith(b"\r\n\r\n") and b"200 Conn" in got: break
    except OSError: pass
    print("%s\tRAN\t%s hello=%d" % (name, got[9:12].decode("latin-1"), got.count(b"hello")), flush=True)
get = "GET http://%s/ HTTP/1.1\nHost: %s"
say("control", get % (at, at))
say("control_tunnel", "CONNECT %s HTTP/1.1\nHost: x" % at)
for i, host in enumerate(["127.0.0.1:" + other, "[::ffff:127.0.0.1]:" + other, "0x7f.1:" + other, "2130706433:" + other,
    "0177.0.0.1:" + other, "127.1:" + other, "127.0.0.1.:" + other, "localhost:" + other, "localhost.:" + other, "[::1%25lo]:" + other,
    "[::1]:" + other, at + "@127.0.0.1:" + other, "0.0.0.0:" + other, "169.254.169.254:80", "[fd00:ec2::254]:80", "named.test:" + other,
    "127.0.0.1:%s%%20" % other, "127.0.0.1:0%s" % other, "\x00127.0.0.1:" + other, "127。0。0。1:" .encode("utf-8").decode("latin-1") + other]):
    say("host%d" % i, "CONNECT %s HTTP/1.1\nHost: %s" % (host, at))
    say("plain%d" % i, get % (host, at))
say("no_token", get % (at, at), None)
say("wrong_token", get % (at, at), base64.b64encode(b"perigee:" + b"0" * 32).decode())
say("empty_token", get % (at, at), "")
second = ("GET http://127.0.0.1:%s/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic %s\r\n\r\n" % (other, token)).encode()
say("pipelined", get % (at, at), body=second)
say("length_and_chunks", "POST http://%s/ HTTP/1.1\nHost: x\nContent-Length: 5\nTransfer-Encoding: chunked" % at, body=b"0\r\n\r\n" + second)
say("two_lengths", "POST http://%s/ HTTP/1.1\nHost: x\nContent-Length: 0\nContent-Length: 99" % at, body=second)
say("folded_header", "GET http://%s/ HTTP/1.1\nHost: x\nX: a\n Proxy-Authorization: y" % at)
say("other_scheme", "GET ftp://127.0.0.1:%s/ HTTP/1.1\nHost: x" % other)
say("own_form", "GET / HTTP/1.1\nHost: 127.0.0.1:%s" % other)
print("end")
PY
$ran = Try::run(home => $home, args => ['exec', '--network', 'proxy', '--allow-host', "127.0.0.1:$server->{port}", '--allow-host', "localhost:$other",
    '--', 'python3', 'proxy.py', "127.0.0.1:$server->{port}", $other]);
like($ran->{out}, qr/^end$/m, 'proxy: all attempts were made') or diag($ran->{err});
my $answers = said($ran->{out});
is(delete $answers->{control}, '200 hello=1', 'proxy, control: a listed host answers');
is(delete $answers->{control_tunnel}, '200 hello=0', 'and a tunnel to it opens');
is(delete $answers->{pipelined}, '200 hello=1', 'proxy, one request a connection: a second one goes nowhere');
is(join(' ', map { "$_ $answers->{$_};" } grep { $answers->{$_} !~ /^(?:4\d\d|502|)\s?hello=0$/ } sort keys %$answers), '',
    'proxy, rules and addresses: ' . keys(%$answers) . ' ways to name another host, to come without the token, or to smuggle, reach nothing');
is(join('', grep { !/^(?:GET|POST) \/ / } Misbehave::requests($server)), '', 'the server saw nothing but whole requests for itself');

# The token of one command is of no use to the next, nor seen by it.
$ran = inside('echo "$http_proxy" > token', '--network', 'proxy', '--allow-host', "127.0.0.1:$server->{port}");
ran_ok($ran, 'proxy');
like(text('token'), qr/^http:.*\@127/, 'a command got a token');
$ran = inside("old=\$(cut -d/ -f3 token | cut -d\@ -f1); new=\${http_proxy##*\@}; "
    . "curl -sS -o out -w '%{http_code} ' -x \"http://\$old\@\$new\" http://127.0.0.1:$server->{port}/ --noproxy ''; "
    . "grep -lsr \"\${old#*:}\" /proc/[0-9]*/environ | wc -l", '--network', 'proxy', '--allow-host', "127.0.0.1:$server->{port}");
ran_ok($ran, 'proxy');
like($ran->{out}, qr/^407 0$/m, 'proxy, a token for each command: one that has ended reaches nothing');
Misbehave::stop($server);

kill 'KILL', $greeter; waitpid $greeter, 0;
is(join("\n", Try::until_quiet($home)), '', 'nothing is left of any attempt');
done_testing();
