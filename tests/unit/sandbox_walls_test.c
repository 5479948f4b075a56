/* What a command cannot see, change or reach; and what must keep working nevertheless. A script
 * that did not run proves nothing, so each ends by saying so: RAN. */
#include "sandbox_try.h"

#include <sys/stat.h>

/* Runs the script; true when it came to its end. */
static bool ran(Try *t, const char *script)
{
    char *whole = NULL;
    if (asprintf(&whole, "%s\necho RAN", script) < 0) abort();
    try_sh(t, whole);
    free(whole);
    size_t len = t->out ? strlen(t->out) : 0;
    if (t->err.status != ST_OK || len < 4 || strcmp(t->out + len - 4, "RAN\n") != 0) return false;
    t->out[len - 4] = '\0';
    return true;
}

/* -- what is not there ------------------------------------------------------------------------- */

TEST(nothing_of_the_host_is_there_but_the_list)
{
    TRY_OPEN(t);
    CHECK(ran(&t, "ls -A / | grep -v ^lib | tr '\\n' ' '"));
    CHECK_TEXT(t.out, ".masked .masked-folder bin dev etc home proc run sbin tmp usr var ");
    CHECK(ran(&t, "for f in /etc/shadow /etc/gshadow /root /sys /boot /home/agent/.ssh /etc/ssh "
                  "/etc/ssl/private /var/run /var/lib; do [ -e $f ] && echo $f; done"));
    CHECK_TEXT(t.out, "");
    CHECK(ran(&t, "ls /home /var"));
    CHECK_TEXT(t.out, "/home:\nagent\n\n/var:\ntmp\n");
    try_close(&t);
}

TEST(only_the_workspace_and_the_scratch_folders_can_be_written)
{
    TRY_OPEN(t);
    CHECK(ran(&t, "for d in / /usr /usr/bin /etc /bin /dev /proc /home /var /proc/sys/kernel; do\n"
                  "  (echo x > $d/perigee-test) 2>/dev/null && echo wrote $d; done\n"
                  "for d in . /tmp /var/tmp /home/agent /dev/shm /run; do\n"
                  "  echo x > $d/perigee-test || echo not $d; done"));
    CHECK_TEXT(t.out, "");
    CHECK(ran(&t, "for d in null zero urandom tty; do chmod 600 /dev/$d 2>/dev/null && "
                  "echo changed $d; done; echo x > /dev/null && head -c3 /dev/zero | wc -c"));
    CHECK_TEXT(t.out, "3\n");
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/perigee-test", t.folder);
    struct stat info;
    CHECK_INT(stat(path, &info), 0);
    CHECK_INT(info.st_uid, geteuid());
    CHECK(access("/tmp/perigee-test", F_OK) != 0);
    try_close(&t);
}

TEST(proc_shows_the_command_alone_and_changes_nothing)
{
    TRY_OPEN(t);
    CHECK(ran(&t,
              "ls -d /proc/[0-9]* | wc -l | awk '{ print ($1 <= 6) }'; "
              "cat /proc/1/environ /proc/1/maps 2>/dev/null\n"
              "for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/hostname "
              "/proc/sysrq-trigger /proc/sys/vm/drop_caches /proc/irq/default_smp_affinity; do\n"
              "  [ -e $f ] && (echo 0 > $f) 2>/dev/null && echo wrote $f; done\n"
              "for f in kcore keys kmsg kallsyms kpageflags; do\n"
              "  [ -e /proc/$f ] && (head -c1 /proc/$f) 2>/dev/null && echo read $f; done\n"
              ": "));
    CHECK(t.out && strncmp(t.out, "1\n", 2) == 0);
    CHECK(t.out && strstr(t.out, "wrote") == NULL && strstr(t.out, "read") == NULL);
    try_close(&t);
}

TEST(the_environment_is_clean)
{
    TRY_OPEN(t);
    setenv("PERIGEE_TEST_SECRET", "hunter2", 1);
    t.spec.variables = (const char *const[]){"MINE=yes", "LANG=C", NULL};
    CHECK(ran(&t, "env | cut -d= -f1 | sort | tr '\\n' ' '; echo $MINE $LANG $HOME"));
    CHECK_TEXT(t.out, "GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0 GIT_PAGER "
                      "GIT_TERMINAL_PROMPT HOME LANG LOGNAME MINE PAGER PATH PWD SHELL TERM TMPDIR "
                      "USER yes C /home/agent\n");
    unsetenv("PERIGEE_TEST_SECRET");
    try_close(&t);
}

TEST(no_descriptor_but_the_three_is_open)
{
    TRY_OPEN(t);
    FILE *open_here = fopen("/etc/passwd", "r"); /* without close-on-exec */
    try_argv(&t, (const char *const[]){"ls", "/proc/self/fd", NULL});
    CHECK_TEXT(t.out, "0\n1\n2\n3\n"); /* 3 is what ls reads them with */
    fclose(open_here);
    try_close(&t);
}

TEST(identity_and_capabilities_are_those_of_nobody_in_particular)
{
    TRY_OPEN(t);
    CHECK(ran(&t,
              "id -u; id -g; hostname; umask\n"
              "grep -E '^(Cap|NoNewPrivs|Seccomp:|Groups)' /proc/self/status | tr -s '\\t ' ' '"));
    CHECK(t.out && strstr(t.out, "1000\n1000\nsandbox\n0022\n") == t.out);
    CHECK(t.out && strstr(t.out, "CapInh: 0000000000000000\nCapPrm: 0000000000000000\n"
                                 "CapEff: 0000000000000000\nCapBnd: 0000000000000000\n"
                                 "CapAmb: 0000000000000000\nNoNewPrivs: 1\nSeccomp: 2\n"));
    try_close(&t);
}

/* -- the net ----------------------------------------------------------------------------------- */

TEST(the_network_is_empty_but_for_a_loopback_that_is_up)
{
    TRY_OPEN(t);
    CHECK(ran(&t, "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '; tail -n +2 /proc/net/route\n"
                  "python3 -c 'import socket\n"
                  "s = socket.socket(); s.bind((\"127.0.0.1\", 0)); s.listen()\n"
                  "c = socket.create_connection(s.getsockname()); print(\"loop\")\n"
                  "try: socket.create_connection((\"192.0.2.1\", 80), 1)\n"
                  "except OSError as e: print(e.strerror)'"));
    CHECK_TEXT(t.out, "lo\nloop\nNetwork is unreachable\n");
    try_close(&t);
}

TEST(sockets_of_other_families_are_refused)
{
    TRY_OPEN(t);
    CHECK(ran(&t, "python3 -c 'import socket\n"
                  "for f in (1, 2, 10, 16, 17, 40, 38, 29, 30, 21, 44):\n"
                  "  try: socket.socket(f, 3 if f == 16 else 1, 0).close(); print(f, \"ok\")\n"
                  "  except OSError as e: print(f, e.errno)\n"
                  "try: socket.socket(16, 3, 9); print(\"audit\")\n"
                  "except OSError as e: print(e.errno)'"));
    CHECK_TEXT(t.out, "1 ok\n2 ok\n10 ok\n16 ok\n17 1\n40 1\n38 1\n29 1\n30 1\n21 1\n44 1\n1\n");
    try_close(&t);
}

/* -- the kernel -------------------------------------------------------------------------------- */

static const char CALLS[] =
    "import ctypes, os\n"
    "libc = ctypes.CDLL(None, use_errno=True)\n"
    "def call(name, *args):\n"
    "  ctypes.set_errno(0)\n"
    "  r = getattr(libc, name)(*args)\n"
    "  print(name, r if r >= 0 else os.strerror(ctypes.get_errno()))\n"
    "call('mount', b'/tmp', b'/tmp', None, 4096, None)\n"
    "call('umount2', b'/proc', 2)\n"
    "call('unshare', 0x10000000)\n"
    "call('setns', 0, 0)\n"
    "call('chroot', b'/tmp')\n"
    "call('klogctl', 2, 0, 0)\n"
    "call('mknod', b'node', 0o20666, 259)\n"
    "call('chmod', b'.', 0o4755)\n"
    "call('open', b'made', 0o102, 0o4755)\n"
    "call('syscall', ctypes.c_long(164), 0, 0)\n" /* settimeofday */
    "call('personality', -1)\n"
    "call('ioctl', 0, 0x5412, b'x')\n"
    "call('syscall', ctypes.c_long(248), 0, 0, 0, 0)\n"            /* add_key */
    "call('syscall', ctypes.c_long(321), 0, 0, 0)\n"               /* bpf */
    "call('syscall', ctypes.c_long(425), 1, 0)\n"                  /* io_uring_setup */
    "call('syscall', ctypes.c_long(435), 0, 0)\n"                  /* clone3 */
    "call('syscall', ctypes.c_long(56), 0x10000011, 0, 0, 0, 0)\n" /* clone, a user namespace */
    "call('syscall', ctypes.c_long(467), 0, 0, 0)\n"               /* younger than the filter */
    "call('ptrace', 0, 0, 0, 0)\n";                                /* LeakSanitizer needs it */

TEST(system_calls_that_reach_beyond_the_process_are_refused)
{
    TRY_OPEN(t);
#if !defined(__x86_64__)
    try_close(&t);
    SKIP("the numbers in this test are those of x86_64");
#endif
    try_file(&t, "calls.py", CALLS);
    CHECK(ran(&t, "python3 calls.py"));
    static const char no[] = "Operation not permitted", absent[] = "Function not implemented";
    char              want[2000];
    snprintf(want, sizeof want,
             "mount %s\numount2 %s\nunshare %s\nsetns %s\nchroot %s\nklogctl %s\n"
             "mknod %s\nchmod %s\nopen %s\nsyscall %s\npersonality 0\nioctl %s\n"
             "syscall %s\nsyscall %s\nsyscall %s\nsyscall %s\nsyscall %s\nsyscall %s\nptrace 0\n",
             no, no, no, no, no, no, no, no, no, no, no, no, no, absent, absent, no, absent);
    CHECK_TEXT(t.out, want);
    try_close(&t);
}

TEST(a_call_by_another_architecture_s_door_kills)
{
    TRY_OPEN(t);
#if !defined(__x86_64__)
    try_close(&t);
    SKIP("int 0x80 is a door of x86");
#endif
    try_file(&t, "door.c",
             "int main(void) { long r; __asm__ volatile(\"int $0x80\" : \"=a\"(r) : "
             "\"a\"(20)); return 0; }\n");
    CHECK(ran(&t, "cc door.c -o door; ./door; echo $?"));
    CHECK_TEXT(t.out, "159\n"); /* 128 + SIGSYS */
    try_close(&t);
}

/* -- the run's own folders --------------------------------------------------------------------- */

TEST(scratch_folders_live_as_long_as_the_run_and_no_other_run_sees_them)
{
    TRY_OPEN(t);
    CHECK(ran(&t, "for d in /tmp /var/tmp /home/agent /dev/shm /run; do echo a > $d/left; done"));
    CHECK(ran(&t, "ls /tmp/left /var/tmp/left /home/agent/left; ls -A /dev/shm /run"));
    CHECK_TEXT(t.out, "/home/agent/left\n/tmp/left\n/var/tmp/left\n/dev/shm:\n\n/run:\n");
    Space *first = t.space;
    CHECK(try_space(&t));
    CHECK(ran(&t, "ls -A /var/tmp /home/agent; ls /tmp/left 2>&1"));
    CHECK_TEXT(t.out, "/home/agent:\n\n/var/tmp:\nls: cannot access '/tmp/left': "
                      "No such file or directory\n");
    space_free(first);
    try_close(&t);
}

TEST(a_scratch_folder_has_an_end)
{
    TRY_OPEN(t);
    CHECK(ran(&t, "df -k --output=size /tmp /home/agent /dev/shm | tail -n +2 | tr -d ' '"));
    CHECK_TEXT(t.out, "1048576\n1048576\n262144\n");
    try_close(&t);
}

TEST(commands_of_a_run_share_their_network_and_not_their_processes)
{
    TRY_OPEN(t);
    const char *const server[] = {"python3", "-c",
                                  "import socket\n"
                                  "s = socket.socket(); s.bind(('127.0.0.1', 4711)); s.listen()\n"
                                  "open('up', 'w').close()\n"
                                  "s.accept()[0].sendall(b'hi')",
                                  NULL};
    CHECK(try_begin(&t, server) != NULL);
    const char *const client[] = {
        "/bin/bash", "-c", "until [ -e up ]; do :; done; cat < /dev/tcp/127.0.0.1/4711", NULL};
    CHECK(try_begin(&t, client) != NULL);
    loop_run(t.loop);
    if (t.ends < 2) loop_run(t.loop);
    CHECK_INT(t.ends, 2);
    CHECK_INT(t.code, 0);
    try_close(&t);
}

/* -- what must keep working -------------------------------------------------------------------- */

TEST(a_compiler_with_sanitizers_works)
{
    TRY_OPEN(t);
    try_file(&t, "ok.c",
             "#include <stdio.h>\n#include <stdlib.h>\n"
             "int main(void) { char *p = malloc(4); free(p); puts(\"built\"); }\n");
    try_file(&t, "bad.c",
             "#include <stdlib.h>\nint main(int n, char **v) "
             "{ (void)v; char *p = malloc(4); p[n + 3] = 1; return 0; }\n");
    try_file(&t, "leak.c",
             "#include <stdlib.h>\nint main(void) "
             "{ volatile char *p = malloc(4); p = 0; return p != 0; }\n");
    CHECK(ran(&t,
              "cc -g -fsanitize=address,undefined ok.c -o ok && ./ok\n"
              "cc -g -fsanitize=address bad.c -o bad && ./bad 2>&1 | grep -o heap-buffer-overflow "
              "| head -1\n"
              "cc -g -fsanitize=address leak.c -o leak; ./leak 2>&1 | grep -o 'detected memory "
              "leaks'"));
    CHECK_TEXT(t.out, "built\nheap-buffer-overflow\ndetected memory leaks\n");
    try_close(&t);
}

TEST(the_usual_tools_work)
{
    TRY_OPEN(t);
    try_file(&t, "Makefile", "all:\n\t@echo made\n");
    CHECK(ran(&t, "python3 -c 'print(6 * 7)'; perl -e 'print 6 * 7, \"\\n\"'; make\n"
                  "rg -l made; cat <<EOF\nhere\nEOF\n"
                  "seq 1 300000 | sort -S 1M -T /tmp -rn | head -1\n"
                  "bash -c 'cat <(echo sub)'; mktemp -d >/dev/null && date +%Z"));
    CHECK(t.out && strncmp(t.out, "42\n42\nmade\nMakefile\nhere\n300000\nsub\n", 36) == 0);
    try_close(&t);
}

TEST(git_works_from_the_first_commit_on)
{
    TRY_OPEN(t);
    CHECK(ran(&t, "git init -q . && git config --global user.email a@b.c && "
                  "git config --global user.name A && echo x > f && git add f && "
                  "git commit -qm one"));
    CHECK(ran(&t, "echo y >> f; git commit -qam two; git log --format=%s; git checkout -qb other; "
                  "git branch --show-current; git status --short"));
    CHECK_TEXT(t.out, "two\none\nother\n");
    try_close(&t);
}

TEST(a_command_that_only_reads_finds_the_workspace_read_only)
{
    TRY_OPEN(t);
    try_file(&t, "f", "text\n");
    t.spec.writes = false;
    CHECK(ran(&t, "cat f; (echo y > f) 2>&1 | grep -o Read-only; rm -f f 2>/dev/null || echo kept; "
                  "echo z > /tmp/z"));
    CHECK_TEXT(t.out, "text\nRead-only\nkept\n");
    try_close(&t);
}

int main(void) { return try_main(); }
