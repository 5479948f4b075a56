/* Each layer is taken out of a plan in turn, and a probe must notice: a case that no layer can fail
 * proves nothing. Where a second layer then holds, it is named and taken out too. The plan is
 * edited here, in memory; the program itself has no switch for any of this.
 *
 * The steps of a run's space and of one command are put into one plan, so that every step of both
 * can be taken out; HAND_OVER and JOIN, which only carry the space from one helper to the next, are
 * what is left away. */
#include "../../host/base/mem.h"
#include "../../host/sandbox/space.h"
#include "sandbox_try.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>

typedef struct Layer { /* a step, or all of a kind */
    Op          op;
    const char *path;  /* NULL: wherever */
    int         limit; /* OP_LIMIT: which WireLimit; else 0 */
} Layer;

enum { LAYERS_MAX = 12 };

typedef struct Without { /* what a probe is run without; ends in OP_COUNT */
    Layer       layers[LAYERS_MAX];
    uint32_t    add_flags; /* to each BIND of `bind` */
    const char *bind;
    bool        inner_root; /* the inner user id is 0 */
} Without;

#define WHOLE ((Without){.layers = {{.op = OP_COUNT}}})

static char said[16384]; /* what the last probe wrote, or why it did not run */

static char *cgroup; /* of the next probes; NULL: none */

static bool is_dropped(const Without *without, const Step *step)
{
    for (const Layer *layer = without->layers; layer->op != OP_COUNT; layer++)
        if (layer->op == step->op && (!layer->path || strcmp(layer->path, step->path) == 0) &&
            (step->op != OP_LIMIT || step->flags == (uint32_t)layer->limit))
            return true;
    return false;
}

/* Adds the steps of `from`, which must outlive `plan`. */
static size_t take_steps(Plan *plan, const Plan *from, const Without *without)
{
    size_t dropped = 0;
    plan->steps = mem_grow(plan->steps, (plan->step_count + from->step_count) * sizeof(Step));
    for (size_t i = 0; i < from->step_count; i++) {
        Step step = from->steps[i];
        if (step.op == OP_HAND_OVER || step.op == OP_JOIN) continue;
        if (is_dropped(without, &step)) {
            dropped++;
            continue;
        }
        if (step.op == OP_NEW_USER && without->inner_root) step.number = 0;
        if (step.op == OP_BIND && without->bind && strcmp(step.path, without->bind) == 0)
            step.flags |= without->add_flags;
        if (step.op ==
            OP_CGROUP) { /* the host's files are still in sight there, as before a JOIN */
            memmove(plan->steps + 1, plan->steps, plan->step_count++ * sizeof(Step));
            plan->steps[0] = step;
            continue;
        }
        plan->steps[plan->step_count++] = step;
    }
    return dropped;
}

static void on_ended(void *arg, int code, int signo)
{
    Try *t = arg;
    t->code = signo ? 128 + signo : code;
    loop_stop(t->loop);
}

static void read_said(int fd)
{
    size_t  len = 0;
    ssize_t got;
    while (len < sizeof said - 1 && (got = read(fd, said + len, sizeof said - 1 - len)) > 0)
        len += (size_t)got;
    while (len > 0 && said[len - 1] == '\n') len--;
    said[len] = '\0';
}

static void take_report(int report_fd, const Plan *plan)
{
    WireReport report;
    int        fds[WIRE_REPORT_FDS];
    bool       ended = false;
    memset(fds, -1, sizeof fds);
    while (helper_receive(report_fd, &report, fds)) {
        for (int i = 0; i < WIRE_REPORT_FDS; i++)
            if (fds[i] >= 0) close(fds[i]);
        ended = ended || report.kind == REPORT_ENDED;
        if (report.kind == REPORT_FAILED)
            snprintf(said, sizeof said, "no command: %s: %s",
                     wire_op_words(plan->steps[report.step].op), strerrorname_np(report.error));
        if (report.kind == REPORT_ENDED && WIFSIGNALED(report.wait_status))
            snprintf(said, sizeof said, "killed: %s", strsignal(WTERMSIG(report.wait_status)));
    }
    if (!ended && !*said) snprintf(said, sizeof said, "no report");
}

static void run_plan(Try *t, const Plan *plan)
{
    Err        err;
    int        ends[2], report_fd;
    Child     *child;
    HelperSpec spec = {.path = try_helper(),
                       .plan = plan,
                       .streams = {-1, -1, -1},
                       .extra = {t->space->workspace_fd},
                       .extra_count = 1};
    if (pipe2(ends, O_CLOEXEC) != 0) abort();
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    spec.streams[1] = spec.streams[2] = ends[1];
    said[0] = '\0';
    if (helper_start(t->loop, &spec, on_ended, t, &child, &report_fd, &err) != ST_OK) {
        snprintf(said, sizeof said, "%s", err.text);
    } else {
        loop_run(t->loop);
        child_free(child);
        read_said(ends[0]);
        take_report(report_fd, plan);
        close(report_fd);
    }
    close(ends[0]);
    close(ends[1]);
}

/* Runs `sh -c script` with everything but `without`. Answers what it wrote: `said`. */
static const char *probe(Try *t, Without without, const char *script)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    Plan              space, command, whole;
    Facts             system, found;
    Err               err;
    t->spec.argv = argv;
    plan_init(&space);
    plan_init(&command);
    plan_init(&whole);
    facts_init(&system);
    facts_init(&found);
    CHECK_INT(survey_now(t->space, true, &system, &err), ST_OK);
    CHECK_INT(survey_now(t->space, false, &found, &err), ST_OK);
    found.cgroup = cgroup;
    CHECK_INT(plan_space(&space, &t->space->spec, &system, &err), ST_OK);
    CHECK_INT(plan_command(&command, &t->space->spec, &t->spec, &found, &err), ST_OK);
    size_t dropped = take_steps(&whole, &space, &without) + take_steps(&whole, &command, &without);
    whole.words = command.words;
    whole.word_count = command.word_count;
    whole.variables = command.variables;
    whole.variable_count = command.variable_count;
    CHECK(dropped > 0 || without.layers[0].op == OP_COUNT); /* else nothing was taken out */
    run_plan(t, &whole);
    plan_clear(&whole);
    plan_clear(&command);
    plan_clear(&space);
    facts_clear(&system);
    facts_clear(&found);
    return said;
}

#define WITHOUT(...) ((Without){.layers = {__VA_ARGS__, {.op = OP_COUNT}}})
#define FENCES                                                                                     \
    {.op = OP_FENCE}, {.op = OP_ALLOW}, { .op = OP_ENCLOSE }

/* Whether this kernel has the second layer at all. */
static bool has_fence(void)
{
    Facts facts;
    facts_init(&facts);
    survey_landlock(&facts);
    return facts.landlock >= PLAN_LANDLOCK_ABI;
}

static bool has_scopes(void)
{
    Facts facts;
    facts_init(&facts);
    survey_landlock(&facts);
    return facts.landlock >= 6;
}

static bool is_root(void) { return geteuid() == 0; }

/* -- the harness itself ------------------------------------------------------------------------ */

TEST(the_joined_plan_of_space_and_command_runs_a_command)
{
    TRY_OPEN(t);
    CHECK_TEXT(probe(&t, WHOLE, "echo ran; id -u"), "ran\n1000");
    CHECK_TEXT(probe(&t, WHOLE, "exit 3"), "");
    try_close(&t);
}

/* -- the workspace ----------------------------------------------------------------------------- */

TEST(masks_keep_secrets_of_the_workspace)
{
    TRY_OPEN(t);
    try_file(&t, "a/.env", "hunter2\n");
    CHECK_TEXT(probe(&t, WHOLE, "cat a/.env"), "cat: a/.env: Permission denied");
    CHECK_TEXT(probe(&t, WITHOUT({.op = OP_MASK}), "cat a/.env"), "hunter2");
    try_close(&t);
}

TEST(read_only_covers_keep_what_git_obeys)
{
    static const char script[] = "(echo evil >> .git/config) 2>/dev/null && echo wrote; :";
    TRY_OPEN(t);
    try_file(&t, ".git/HEAD", "ref: refs/heads/main\n");
    try_file(&t, ".git/config", "[core]\n");
    CHECK_TEXT(probe(&t, WHOLE, script), "");
    CHECK_TEXT(probe(&t, WITHOUT({.op = OP_READ_ONLY}), script), "wrote");
    try_close(&t);
}

TEST(pins_keep_a_folder_on_the_way_to_a_cover_in_its_place)
{
    TRY_OPEN(t);
    try_file(&t, "a/b/.env", "hunter2\n");
    CHECK_TEXT(probe(&t, WHOLE, "mv a c 2>/dev/null; ls"), "a");
    CHECK_TEXT(probe(&t, WITHOUT({.op = OP_PIN}), "mv a c 2>/dev/null; ls"), "c");
    try_close(&t);
}

/* The test's workspace lies in /tmp, which Landlock lets a command write: it holds nothing here. */
TEST(a_read_only_workspace_is_so_by_its_mount)
{
    TRY_OPEN(t);
    t.spec.writes = false;
    CHECK_TEXT(probe(&t, WHOLE, "(echo x > made) 2>/dev/null && echo wrote; :"), "");
    CHECK_TEXT(probe(&t, WITHOUT({.op = OP_READ_ONLY, .path = t.space->spec.workspace}),
                     "(echo x > made) 2>/dev/null && echo wrote; :"),
               "wrote");
    try_close(&t);
}

/* -- what of the host is shown ----------------------------------------------------------------- */

/* Below the workspace's parent there is /tmp, which may be written: so it is shown elsewhere. */
TEST(what_is_shown_read_only_is_held_by_its_mount_and_by_landlock)
{
    TRY_OPEN(t);
    char script[300], shown[] = "/var/perigee-shown-XXXXXX";
    if (!mkdtemp(shown)) {
        try_close(&t);
        SKIP("no folder can be made in /var");
    }
    t.space_spec.read_only = (const char *const[]){shown, NULL};
    space_free(t.space);
    CHECK(try_space(&t));
    snprintf(script, sizeof script, "echo x > %s/made && echo wrote", shown);
    probe(&t, WHOLE, script);
    CHECK(strstr(said, "Read-only file system") != NULL);
    Without writable = WITHOUT({.op = OP_HOSTNAME}); /* any: the flag is what counts */
    writable.bind = shown;
    writable.add_flags = STEP_WRITABLE;
    probe(&t, writable, script);
    CHECK(strstr(said, has_fence() ? "Permission denied" : "wrote") != NULL);
    if (has_fence()) {
        Without open = WITHOUT({.op = OP_HOSTNAME}, FENCES);
        open.bind = shown;
        open.add_flags = STEP_WRITABLE;
        CHECK_TEXT(probe(&t, open, script), "wrote");
    }
    snprintf(script, sizeof script, "rm -rf '%s'", shown);
    CHECK_INT(system(script), 0);
    try_close(&t);
}

#define OWN_MOUNTS                                                                                 \
    {.op = OP_PROC}, {.op = OP_PTS}, {.op = OP_TMPFS, .path = "/dev/shm"},                         \
    {                                                                                              \
        .op = OP_TMPFS, .path = "/run"                                                             \
    }

TEST(the_change_of_root_hides_the_host_and_landlock_stands_behind_it)
{
    static const char script[] =
        "cat /sys/kernel/uevent_seqnum >/dev/null && echo read; ls -d /sys";
    TRY_OPEN(t);
    probe(&t, WHOLE, script);
    CHECK(strstr(said, "/sys': No such file") != NULL);
    /* The host's mounts cannot be undone or overlaid from here, so that nothing runs at all; those
     * steps go out too. */
    CHECK_TEXT(probe(&t, WITHOUT({.op = OP_ENTER_ROOT}), script), "no command: mount proc: EINVAL");
    if (has_fence()) {
        probe(&t,
              WITHOUT(OWN_MOUNTS, {.op = OP_ENTER_ROOT}, {.op = OP_ALLOW, .path = "/home/agent"}),
              script);
        CHECK(strstr(said, "Permission denied") != NULL && strstr(said, "read\n") == NULL);
    }
    probe(&t, WITHOUT(OWN_MOUNTS, {.op = OP_ENTER_ROOT}, FENCES), script);
    CHECK(strstr(said, "read\n/sys") != NULL);
    try_close(&t);
}

/* Without a mount namespace of its own the helper has no right to mount: nothing runs. */
TEST(without_a_mount_namespace_the_kernel_refuses_the_root)
{
    TRY_OPEN(t);
    CHECK_TEXT(probe(&t, WITHOUT({.op = OP_NEW_MOUNTS}), "echo ran"),
               "no command: make an empty root: EPERM");
    try_close(&t);
}

/* Root needs no user namespace to make the others, and would then be root inside. */
TEST(the_user_namespace_takes_the_users_name_away)
{
    TRY_OPEN(t);
    CHECK_TEXT(probe(&t, WHOLE, "id -u"), "1000");
    CHECK_TEXT(probe(&t, WITHOUT({.op = OP_NEW_USER}), "id -u"),
               is_root() ? "0" : "no command: make a network namespace: EPERM");
    try_close(&t);
}

/* -- processes --------------------------------------------------------------------------------- */

TEST(a_proc_of_its_own_hides_the_processes_of_the_host)
{
    TRY_OPEN(t);
    char script[200];
    snprintf(script, sizeof script, "tr '\\0' ' ' < /proc/%d/cmdline | grep -o layers_test",
             getpid());
    probe(&t, WHOLE, script);
    CHECK(strstr(said, "layers_test") == NULL);
    /* the steps that cover parts of /proc are not wanted on the host's */
    CHECK_TEXT(probe(&t, WITHOUT({.op = OP_PROC}), script), "layers_test");
    try_close(&t);
}

TEST(the_pid_namespace_hides_the_host_from_signals_and_landlock_stands_behind_it)
{
    TRY_OPEN(t);
    char  script[100];
    pid_t other = fork();
    if (other == 0) {
        pause();
        _exit(0);
    }
    snprintf(script, sizeof script, "kill -0 %d && echo reached; :", other);
    probe(&t, WHOLE, script);
    CHECK(strstr(said, "No such process") != NULL);
    CHECK_TEXT(probe(&t, WITHOUT({.op = OP_ISOLATE}), script), "no command: mount proc: EPERM");
    if (has_scopes()) {
        probe(&t, WITHOUT({.op = OP_ISOLATE}, {.op = OP_PROC}, {.op = OP_HOSTNAME}), script);
        CHECK(strstr(said, "not permitted") != NULL);
    }
    CHECK_TEXT(probe(&t, WITHOUT({.op = OP_ISOLATE}, {.op = OP_PROC}, {.op = OP_HOSTNAME}, FENCES),
                     script),
               "reached");
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    try_close(&t);
}

/* Opened, never written: run by root the files would answer. */
TEST(read_only_covers_of_proc_keep_the_kernel_s_settings)
{
    static const char script[] =
        "python3 -c 'import os, errno\n"
        "for f in (\"sys/kernel/core_pattern\", \"sys/kernel/hostname\"):\n"
        "  try: os.close(os.open(\"/proc/\" + f, os.O_WRONLY)); print(\"open\")\n"
        "  except OSError as e: print(errno.errorcode[e.errno])'";
    TRY_OPEN(t);
    CHECK_TEXT(probe(&t, WHOLE, script), is_root() ? "EROFS\nEROFS" : "EACCES\nEACCES");
    /* an ordinary user is held by the files' owner besides */
    CHECK_TEXT(probe(&t, WITHOUT({.op = OP_READ_ONLY, .path = "/proc/sys"}), script),
               is_root() ? "open\nopen" : "EACCES\nEACCES");
    try_close(&t);
}

/* Each mask of /proc alone: what it keeps, or what else keeps it. Which of the files a kernel has
 * differs, and so does who besides the mask guards them: the file's mode (EACCES for an ordinary
 * user) or a capability that is gone (EPERM). Those two are open to everybody. */
TEST(masks_of_proc_keep_what_shows_the_kernel_s_memory_and_keys)
{
    static const char script[] = "for f in kallsyms keys kcore kmsg slabinfo timer_list; do\n"
                                 "head -c1 /proc/$f >/dev/null 2>&1 && printf '%s ' $f; done; :";
    TRY_OPEN(t);
    CHECK_TEXT(probe(&t, WHOLE, script), "");
    probe(&t, WITHOUT({.op = OP_MASK, .path = "/proc/kallsyms"}), script);
    CHECK(access("/proc/kallsyms", R_OK) != 0 || strcmp(said, "kallsyms ") == 0);
    probe(&t, WITHOUT({.op = OP_MASK, .path = "/proc/keys"}), script);
    CHECK(access("/proc/keys", R_OK) != 0 || strcmp(said, "keys ") == 0);
    probe(&t, WITHOUT({.op = OP_MASK}), script);
    printf("# without any mask: %s\n", said);
    CHECK(strstr(said, "kcore") == NULL && strstr(said, "kmsg") == NULL); /* a capability */
    try_close(&t);
}

TEST(the_host_name_is_the_sandbox_s)
{
    TRY_OPEN(t);
    struct utsname name;
    uname(&name);
    CHECK_TEXT(probe(&t, WHOLE, "uname -n"), "sandbox");
    CHECK_TEXT(probe(&t, WITHOUT({.op = OP_HOSTNAME}), "uname -n"), name.nodename);
    try_close(&t);
}

TEST(a_command_offers_itself_to_the_out_of_memory_killer)
{
    TRY_OPEN(t);
    CHECK_TEXT(probe(&t, WHOLE, "cat /proc/self/oom_score_adj"), "1000");
    probe(&t, WITHOUT({.op = OP_KILL_FIRST}), "cat /proc/self/oom_score_adj");
    CHECK(strcmp(said, "1000") != 0);
    try_close(&t);
}

/* -- the net ----------------------------------------------------------------------------------- */

static int listen_on_loopback(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t          len = sizeof address;
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 8) != 0) abort();
    getsockname(fd, (struct sockaddr *)&address, &len);
    *port = ntohs(address.sin_port);
    return fd;
}

TEST(the_network_namespace_keeps_the_host_s_loopback_away)
{
    TRY_OPEN(t);
    int  port, fd = listen_on_loopback(&port);
    char script[300];
    snprintf(script, sizeof script,
             "python3 -c 'import socket, errno\n"
             "try: socket.create_connection((\"127.0.0.1\", %d), 5); print(\"reached\")\n"
             "except OSError as e: print(errno.errorcode[e.errno])'",
             port);
    CHECK_TEXT(probe(&t, WHOLE, script), "ECONNREFUSED");
    CHECK_TEXT(probe(&t, WITHOUT({.op = OP_LOOPBACK}), script), "ENETUNREACH");
    /* the loopback of the host's own namespace is not ours to raise */
    CHECK_TEXT(probe(&t, WITHOUT({.op = OP_NEW_NET}), script),
               "no command: bring up the loopback interface: EPERM");
    CHECK_TEXT(probe(&t, WITHOUT({.op = OP_NEW_NET}, {.op = OP_LOOPBACK}), script), "reached");
    close(fd);
    try_close(&t);
}

TEST(an_abstract_socket_of_the_host_is_kept_away_by_the_namespace_and_by_landlock)
{
    TRY_OPEN(t);
    char               script[300];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int                fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "perigee-layers-%d", getpid());
    socklen_t len =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(address.sun_path + 1));
    CHECK_INT(bind(fd, (struct sockaddr *)&address, len), 0);
    CHECK_INT(listen(fd, 8), 0);
    snprintf(script, sizeof script,
             "python3 -c 'import socket, errno\n"
             "try: socket.socket(1).connect(\"\\0%s\"); print(\"reached\")\n"
             "except OSError as e: print(errno.errorcode[e.errno])'",
             address.sun_path + 1);
    CHECK_TEXT(probe(&t, WHOLE, script), "ECONNREFUSED");
    if (has_scopes())
        CHECK_TEXT(probe(&t, WITHOUT({.op = OP_NEW_NET}, {.op = OP_LOOPBACK}), script), "EPERM");
    CHECK_TEXT(probe(&t, WITHOUT({.op = OP_NEW_NET}, {.op = OP_LOOPBACK}, FENCES), script),
               "reached");
    close(fd);
    try_close(&t);
}

/* -- rights ------------------------------------------------------------------------------------ */

TEST(the_filter_keeps_calls_that_reach_beyond_the_process)
{
    static const char script[] = "unshare --user true && echo unshared";
    TRY_OPEN(t);
    probe(&t, WHOLE, script);
    CHECK(strstr(said, "Operation not permitted") != NULL && strstr(said, "unshared") == NULL);
    CHECK_TEXT(probe(&t, WITHOUT({.op = OP_FILTER}), script), "unshared");
    try_close(&t);
}

/* A user id other than 0 loses its capabilities at exec besides: so it is 0 here. Port 1 needs one,
 * and the filter and Landlock know nothing of it. */
TEST(dropped_capabilities_are_gone_for_whoever_would_keep_them)
{
    static const char script[] = "python3 -c 'import socket, errno\n"
                                 "try: socket.socket().bind((\"127.0.0.1\", 1)); print(\"bound\")\n"
                                 "except OSError as e: print(errno.errorcode[e.errno])'\n"
                                 "grep CapBnd /proc/self/status | tr -d '0\\t'";
    TRY_OPEN(t);
    Without as_root = WITHOUT({.op = OP_HOSTNAME}), kept = WITHOUT({.op = OP_DROP_RIGHTS});
    as_root.inner_root = kept.inner_root = true;
    CHECK_TEXT(probe(&t, as_root, script), "EACCES\nCapBnd:");
    probe(&t, kept, script);
    CHECK(strncmp(said, "bound\nCapBnd:", 13) == 0 && said[13] != '\0');
    kept.inner_root = false;
    probe(&t, kept, script); /* the second layer: exec by 1000 */
    CHECK(strncmp(said, "EACCES\nCapBnd:", 14) == 0 && said[14] != '\0');
    try_close(&t);
}

/* Whoever has no capabilities may not install a filter, nor rules of Landlock, without having given
 * up new privileges: both steps then refuse, and nothing runs. */
TEST(without_no_new_privileges_the_next_steps_refuse)
{
    static const char script[] = "grep NoNewPrivs /proc/self/status | tr '\\t' ' '";
    TRY_OPEN(t);
    CHECK_TEXT(probe(&t, WHOLE, script), "NoNewPrivs: 1");
    if (has_fence())
        CHECK_TEXT(probe(&t, WITHOUT({.op = OP_NO_NEW_RIGHTS}), script),
                   "no command: put Landlock's list in force: EPERM");
    CHECK_TEXT(probe(&t, WITHOUT({.op = OP_NO_NEW_RIGHTS}, FENCES), script),
               "no command: install the system call filter: EACCES");
    CHECK_TEXT(probe(&t, WITHOUT({.op = OP_NO_NEW_RIGHTS}, FENCES, {.op = OP_FILTER}), script),
               "NoNewPrivs: 0");
    try_close(&t);
}

/* -- limits ------------------------------------------------------------------------------------ */

TEST(each_limit_of_the_kernel_bounds_what_it_names)
{
    static const char large[] = "python3 -c 'open(\"big\", \"wb\").write(bytes(2000000))' "
                                "2>/dev/null; stat -c %s big; rm big";
    static const char busy[] = "python3 -c 'import time\nwhile time.process_time() < 1.6: pass\n"
                               "print(\"done\")'";
    TRY_OPEN(t);
    t.spec.limits.file_size = 1000000;
    t.spec.limits.descriptors = 100;
    t.spec.limits.cpu_ms = 1000;
    CHECK_TEXT(probe(&t, WHOLE, large), "1000000");
    CHECK_TEXT(probe(&t, WITHOUT({.op = OP_LIMIT, .limit = WIRE_FILE_SIZE}), large), "2000000");
    CHECK_TEXT(probe(&t, WHOLE, "ulimit -n"), "100");
    probe(&t, WITHOUT({.op = OP_LIMIT, .limit = WIRE_DESCRIPTORS}), "ulimit -n");
    CHECK(strcmp(said, "100") != 0);
    probe(&t, WHOLE, busy);
    CHECK(strstr(said, "done") == NULL);
    CHECK_TEXT(probe(&t, WITHOUT({.op = OP_LIMIT, .limit = WIRE_CPU_S}), busy), "done");
    try_close(&t);
}

/* Microseconds of processor time that were used in `folder`; -1 when it is no cgroup. */
static long used_in(const char *folder)
{
    char path[PATH_MAX + 20];
    long used = -1;
    snprintf(path, sizeof path, "%s/cpu.stat", folder);
    FILE *file = fopen(path, "r");
    if (file && fscanf(file, "usage_usec %ld", &used) != 1) used = -1;
    if (file) fclose(file);
    return used;
}

/* What its controllers then bound is the kernel's; that the command is in it is ours. */
TEST(a_command_runs_in_the_cgroup_that_its_plan_names)
{
    static const char *const tops[] = {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"};
    TRY_OPEN(t);
    char leaf[100];
    bool made = false;
    for (size_t i = 0; i < 2 && !made; i++) {
        snprintf(leaf, sizeof leaf, "%s/perigee-layers-%d", tops[i], getpid());
        made = is_root() && mkdir(leaf, 0755) == 0;
    }
    if (!made || used_in(leaf) < 0) {
        try_close(&t);
        SKIP(
            "only root can make a cgroup below the top of a tree of version 2, where there is one");
    }
    cgroup = leaf;
    CHECK_TEXT(probe(&t, WITHOUT({.op = OP_CGROUP}), "cat /proc/self/cgroup | grep ^0:"), "0::/");
    CHECK_INT(used_in(leaf), 0);
    CHECK_TEXT(probe(&t, WHOLE, "cat /proc/self/cgroup | grep ^0:"), "0::/");
    CHECK(used_in(leaf) > 0);
    cgroup = NULL;
    CHECK_INT(rmdir(leaf), 0);
    try_close(&t);
}

/* How many of 350 processes there can be at a time. */
static int processes_of(Try *t, Without without)
{
    static const char script[] = "python3 -c 'import os, signal, sys\n"
                                 "made = []\n"
                                 "try:\n"
                                 "  for i in range(350):\n"
                                 "    pid = os.fork()\n"
                                 "    if pid == 0:\n"
                                 "      signal.pause(); os._exit(0)\n"
                                 "    made.append(pid)\n"
                                 "except OSError: pass\n"
                                 "print(len(made)); sys.stdout.flush()\n"
                                 "for pid in made: os.kill(pid, 9)'";
    return atoi(probe(t, without, script));
}

/* RLIMIT_NPROC does not bind what root runs; the highest process number binds everybody, from Linux
 * 6.14 on. The host's watch stands behind both and is not in the plan. */
TEST(processes_are_bounded_twice)
{
    TRY_OPEN(t);
    struct utsname name;
    unsigned       major = 0, minor = 0;
    uname(&name);
    sscanf(name.release, "%u.%u", &major, &minor);
    bool numbers = major > 6 || (major == 6 && minor >= 14);
    t.spec.limits.processes = 50;
    Layer number = {.op = OP_PROCESSES}, limit = {.op = OP_LIMIT, .limit = WIRE_PROCESSES};
    int   both = processes_of(&t, WHOLE), neither = processes_of(&t, WITHOUT(number, limit));
    int   limited = processes_of(&t, WITHOUT(number)), numbered = processes_of(&t, WITHOUT(limit));
    CHECK(numbers || !is_root() ? both < 310 : both == 350);
    CHECK(is_root() ? limited == 350 : limited <= 50);
    CHECK(numbers ? numbered < 310 : numbered == 350);
    CHECK_INT(neither, 350);
    try_close(&t);
}

int main(void) { return try_main(); }
