#include "plan.h"

#include "../base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_PLAN = 20 * 1024 * 1024 };

/* Sizes of what is kept in memory. They bound the machine's memory, not one command's. */
#define SIZE_ROOT    (16 * MB)
#define SIZE_SCRATCH (1024 * MB) /* each of /tmp, /var/tmp, /home/agent: as long as the run */
#define SIZE_SHARED  (256 * MB)  /* /dev/shm: as long as the command */
#define SIZE_RUN     (64 * MB)

/* Of /proc: what reaches the kernel or the machine, and would be open to a command that root runs,
 * because these files ask for user id 0 and not for a capability. */
static const char *const PROC_READ_ONLY[] = {"/proc/acpi", "/proc/bus",           "/proc/fs",
                                             "/proc/irq",  "/proc/sys",           "/proc/mtrr",
                                             "/proc/scsi", "/proc/sysrq-trigger", NULL};
static const char *const PROC_MASKED[] = {
    "/proc/kcore",       "/proc/key-users",  "/proc/keys",       "/proc/kmsg",
    "/proc/kpagecgroup", "/proc/kpagecount", "/proc/kpageflags", "/proc/latency_stats",
    "/proc/sched_debug", "/proc/slabinfo",   "/proc/timer_list", "/proc/vmallocinfo",
    "/proc/kallsyms",    "/proc/iomem",      "/proc/allocinfo",  NULL};

void plan_init(Plan *plan)
{
    memset(plan, 0, sizeof *plan);
    arena_init(&plan->arena, ARENA_PLAN);
}

void plan_clear(Plan *plan)
{
    arena_clear(&plan->arena);
    free(plan->steps);
    memset(plan, 0, sizeof *plan);
}

static size_t least(size_t asked, size_t set, size_t otherwise)
{
    if (set == 0) return asked == 0 ? otherwise : asked;
    return asked == 0 || asked > set ? set : asked;
}

static int64_t least_ms(int64_t asked, int64_t set, int64_t otherwise)
{
    return (int64_t)least(asked > 0 ? (size_t)asked : 0, set > 0 ? (size_t)set : 0,
                          (size_t)otherwise);
}

/* A longer time than is allowed is cut, not refused: a tool's own fixed wait would otherwise make
 * the tool useless to whoever allows less. The result says what was in force. */
ExecLimits plan_limits(const SpaceSpec *space, const ExecLimits *asked)
{
    const ExecLimits *set = &space->limits;
    int64_t           wall_ms = set->wall_ms > 0 ? set->wall_ms : PLAN_WALL_MS;
    if (asked->wall_ms != 0)
        wall_ms = space->wall_most_ms > 0 && asked->wall_ms > space->wall_most_ms
                      ? space->wall_most_ms
                      : asked->wall_ms;
    return (ExecLimits){
        .wall_ms = wall_ms,
        .cpu_ms = least_ms(asked->cpu_ms, set->cpu_ms, PLAN_CPU_MS),
        .memory = least(asked->memory, set->memory, PLAN_MEMORY),
        .processes = least(asked->processes, set->processes, PLAN_PROCESSES),
        .file_size = least(asked->file_size, set->file_size, PLAN_FILE_SIZE),
        .descriptors = least(asked->descriptors, set->descriptors, PLAN_DESCRIPTORS),
        .output = least(asked->output, set->output, LIMIT_EXEC_OUTPUT),
    };
}

/* -- adding ------------------------------------------------------------------------------------ */

static const char *keep(Plan *plan, const char *text)
{
    if (!text || !*text) return "";
    const char *copy = arena_copy(&plan->arena, str_from(text));
    if (!copy) plan->failed = true;
    return copy ? copy : "";
}

static void add(Plan *plan, Op op, Step step)
{
    if (plan->step_count == plan->step_cap) {
        plan->step_cap = plan->step_cap ? plan->step_cap * 2 : 64;
        plan->steps = mem_grow(plan->steps, plan->step_cap * sizeof(Step));
    }
    step.op = op;
    step.path = keep(plan, step.path);
    step.more = keep(plan, step.more);
    plan->steps[plan->step_count++] = step;
}

static Status check_size(const Plan *plan, Err *err)
{
    if (!plan->failed && plan->step_count <= WIRE_STEPS_MAX) return ST_OK;
    return err_set(err, ST_LIMIT, "sandbox: the plan would need more than %d steps or %d bytes",
                   WIRE_STEPS_MAX, ARENA_PLAN);
}

/* -- the space --------------------------------------------------------------------------------- */

static void add_system(Plan *plan, const Facts *facts)
{
    for (size_t i = 0; i < facts->count; i++) {
        const Fact *fact = &facts->items[i];
        switch (fact->kind) {
        case FACT_FOLDER:
        case FACT_FILE: add(plan, OP_BIND, (Step){.path = fact->path}); break;
        case FACT_DEVICE:
            /* Read-only keeps its mode and owner; a device is written to all the same. */
            add(plan, OP_BIND, (Step){.path = fact->path, .flags = STEP_DEVICE});
            break;
        case FACT_LINK: add(plan, OP_LINK, (Step){.path = fact->path, .more = fact->target}); break;
        case FACT_RESOLVER:
            add(plan, OP_BIND, (Step){.path = fact->path, .more = fact->target});
            break;
        case FACT_GIT_DIR:
        case FACT_SECRET:
        case FACT_SHUT:
        case FACT_PROTECTED:
        case FACT_ABSENT:
        case FACT_PINNED: break;
        }
    }
}

static void add_etc(Plan *plan, const SpaceSpec *space)
{
    bool asks = space->network == NETWORK_HOST; /* for names; the resolver's file is a fact */
    const struct {
        const char *path, *text;
    } files[] = {
        {"/etc/passwd", "root:x:0:0:root:/:/usr/sbin/nologin\n"
                        "agent:x:1000:1000:agent:/home/agent:/bin/sh\n"
                        "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n"},
        {"/etc/group", "root:x:0:\nagent:x:1000:\ntty:x:5:\nnogroup:x:65534:\n"},
        {"/etc/hosts", "127.0.0.1 localhost sandbox\n::1 localhost sandbox\n"},
        {"/etc/nsswitch.conf",
         asks ? "passwd: files\ngroup: files\nhosts: files dns\nservices: files\n"
              : "passwd: files\ngroup: files\nhosts: files\nservices: files\n"},
        {"/etc/resolv.conf", "# no name is resolved in here\n"},
    };
    size_t count = sizeof files / sizeof files[0];
    for (size_t i = 0; i < count - asks; i++)
        add(plan, OP_FILE, (Step){.path = files[i].path, .more = files[i].text, .number = 0444});
}

/* Folders that commands find empty, or that each command mounts something of its own on. */
static void add_folders(Plan *plan)
{
    static const char *const folders[] = {"/dev/pts", "/dev/shm", "/run", NULL};
    static const char *const links[] = {
        "/dev/fd",     "/proc/self/fd",   "/dev/stdin",  "/proc/self/fd/0",
        "/dev/stdout", "/proc/self/fd/1", "/dev/stderr", "/proc/self/fd/2",
        "/dev/ptmx",   "pts/ptmx",        NULL};
    for (size_t i = 0; folders[i]; i++)
        add(plan, OP_FOLDER, (Step){.path = folders[i], .number = 0755});
    for (size_t i = 0; links[i]; i += 2)
        add(plan, OP_LINK, (Step){.path = links[i], .more = links[i + 1]});
    /* What MASK puts in the place of a secret: it is seen to be there, and cannot be opened. An
     * empty file instead would be read, believed and committed. */
    add(plan, OP_FILE, (Step){.path = "/.masked", .number = 0});
    add(plan, OP_FOLDER, (Step){.path = "/.masked-folder", .number = 0});
}

static void add_scratch(Plan *plan)
{
    add(plan, OP_TMPFS, (Step){.path = "/tmp", .number = SIZE_SCRATCH});
    add(plan, OP_TMPFS, (Step){.path = "/var/tmp", .number = SIZE_SCRATCH});
    add(plan, OP_TMPFS,
        (Step){.path = "/home/agent", .number = SIZE_SCRATCH, .flags = STEP_PRIVATE});
}

/* Where the granted path number `i` is kept, and covered, while commands run. */
#define HIDDEN "/.granted"
static const char *hidden_path(char text[40], size_t i)
{
    snprintf(text, 40, HIDDEN "/%zu", i);
    return text;
}

/* What some tool was granted has to come along now: the host's files are out of reach later. */
static void add_roots(Plan *plan, const SpaceSpec *space)
{
    char hidden[40];
    for (size_t i = 0; space->roots && space->roots[i].path; i++) {
        const RootGrant *root = &space->roots[i];
        uint32_t         flags = STEP_OPTIONAL | (root->writes ? STEP_WRITABLE : 0U);
        hidden_path(hidden, i);
        add(plan, OP_BIND, (Step){.path = hidden, .more = root->path, .flags = flags});
        add(plan, OP_PLACE, (Step){.path = root->path, .more = hidden, .flags = STEP_OPTIONAL});
    }
}

Status plan_space(Plan *plan, const SpaceSpec *space, const Facts *facts, Err *err)
{
    bool own_net = space->network != NETWORK_HOST;
    add(plan, OP_NEW_USER, (Step){.number = PLAN_INNER_ID});
    if (own_net) add(plan, OP_NEW_NET, (Step){0});
    if (own_net) add(plan, OP_LOOPBACK, (Step){0});
    if (space->network == NETWORK_PROXY) add(plan, OP_LISTEN, (Step){0});
    add(plan, OP_NEW_MOUNTS, (Step){0});
    add(plan, OP_ROOT, (Step){.number = SIZE_ROOT});
    add_system(plan, facts);
    add_etc(plan, space);
    add_folders(plan);
    add_scratch(plan);
    for (size_t i = 0; space->read_only && space->read_only[i]; i++)
        add(plan, OP_BIND, (Step){.path = space->read_only[i]});
    for (size_t i = 0; i < facts->count; i++)
        if (facts->items[i].kind == FACT_GIT_DIR)
            add(plan, OP_BIND, (Step){.path = facts->items[i].path, .flags = STEP_WRITABLE});
    add_roots(plan, space);
    add(plan, OP_WORKSPACE, (Step){.path = space->workspace, .flags = STEP_WRITABLE});
    add(plan, OP_HOST_PROC, (Step){0});
    add(plan, OP_ENTER_ROOT, (Step){0});
    add(plan, OP_HAND_OVER, (Step){.flags = own_net ? 0 : STEP_HOST_NET});
    return check_size(plan, err);
}

/* -- one command ------------------------------------------------------------------------------- */

static void add_own_mounts(Plan *plan, const ExecLimits *limits)
{
    /* init counts too; the kernel takes no number below 301 */
    size_t highest = limits->processes < 299 ? 301 : limits->processes + 2;
    add(plan, OP_PROC, (Step){0});
    add(plan, OP_PROCESSES, (Step){.number = highest});
    for (size_t i = 0; PROC_READ_ONLY[i]; i++)
        add(plan, OP_READ_ONLY, (Step){.path = PROC_READ_ONLY[i], .flags = STEP_OPTIONAL});
    for (size_t i = 0; PROC_MASKED[i]; i++)
        add(plan, OP_MASK, (Step){.path = PROC_MASKED[i], .flags = STEP_OPTIONAL});
    add(plan, OP_TMPFS, (Step){.path = "/dev/shm", .number = SIZE_SHARED});
    add(plan, OP_TMPFS, (Step){.path = "/run", .number = SIZE_RUN, .flags = STEP_PRIVATE});
    add(plan, OP_PTS, (Step){0});
}

static int by_path(const void *a, const void *b)
{
    const Step *left = a, *right = b;
    int         order = strcmp(left->path, right->path);
    return order != 0 ? order : (int)right->op - (int)left->op; /* MASK, READ_ONLY, PIN */
}

/* The folders between `roots` (the workspace, its git directory) and `path`. */
static void add_pins(Plan *plan, const char *root, const char *path)
{
    size_t len = strlen(root);
    if (strncmp(path, root, len) != 0 || path[len] != '/') return;
    for (const char *end = strchr(path + len + 1, '/'); end; end = strchr(end + 1, '/')) {
        char *folder = arena_copy(&plan->arena, (Str){path, (size_t)(end - path)});
        if (!folder)
            plan->failed = true;
        else
            add(plan, OP_PIN, (Step){.path = folder, .flags = STEP_OPTIONAL});
    }
}

/* A parent's path sorts before its children's, so that no cover is laid over another one. */
static void sort_covers(Plan *plan, size_t from)
{
    size_t kept = from;
    if (plan->step_count == from) return;
    qsort(plan->steps + from, plan->step_count - from, sizeof(Step), by_path);
    for (size_t i = from; i < plan->step_count; i++) {
        if (kept > from && strcmp(plan->steps[kept - 1].path, plan->steps[i].path) == 0) continue;
        plan->steps[kept++] = plan->steps[i];
    }
    plan->step_count = kept;
}

static void add_workspace(Plan *plan, const SpaceSpec *space, const ExecSpec *spec,
                          const Facts *facts)
{
    const char *git_dir = NULL;
    for (size_t i = 0; i < facts->count; i++)
        if (facts->items[i].kind == FACT_GIT_DIR) git_dir = facts->items[i].path;
    if (!spec->writes) {
        add(plan, OP_READ_ONLY, (Step){.path = space->workspace});
        if (git_dir) add(plan, OP_READ_ONLY, (Step){.path = git_dir, .flags = STEP_OPTIONAL});
    }
    size_t from = plan->step_count;
    for (size_t i = 0; i < facts->count; i++) {
        const Fact *fact = &facts->items[i];
        Step        cover = {.path = fact->path, .flags = STEP_OPTIONAL};
        if (fact->kind == FACT_SECRET || fact->kind == FACT_SHUT) {
            add(plan, OP_MASK, cover);
        } else if (fact->kind == FACT_PROTECTED && spec->writes) {
            add(plan, OP_READ_ONLY, cover);
        } else if (fact->kind == FACT_PINNED && spec->writes) {
            add(plan, OP_PIN, cover);
        } else {
            continue;
        }
        /* A folder on the way to a cover stays where it is: else one command could move it between
         * another's survey and its mounts. */
        if (spec->writes) add_pins(plan, space->workspace, fact->path);
        if (spec->writes && git_dir) add_pins(plan, git_dir, fact->path);
    }
    sort_covers(plan, from);
}

/* The mounts once more, for Landlock. It has no exceptions below what it allows: what is masked or
 * read-only within the workspace is the mounts' alone. */
static void add_fence(Plan *plan, const SpaceSpec *space, const ExecSpec *spec, const Facts *facts)
{
    static const struct {
        const char *path;
        uint32_t    flags;
    } system[] = {
        {"/", STEP_LISTED},
        {"/usr", 0},
        {"/bin", STEP_OPTIONAL},
        {"/sbin", STEP_OPTIONAL},
        {"/lib", STEP_OPTIONAL},
        {"/lib32", STEP_OPTIONAL},
        {"/lib64", STEP_OPTIONAL},
        {"/libx32", STEP_OPTIONAL},
        {"/etc", 0},
        {"/proc", STEP_DEVICE},
        {"/dev", STEP_DEVICE},
        {"/dev/shm", STEP_WRITABLE},
        {"/run", STEP_WRITABLE},
        {"/tmp", STEP_WRITABLE},
        {"/var/tmp", STEP_WRITABLE},
        {"/home/agent", STEP_WRITABLE},
    };
    uint32_t writable = spec->writes ? STEP_WRITABLE : 0;
    if (facts->landlock < PLAN_LANDLOCK_ABI) return;
    add(plan, OP_FENCE, (Step){0});
    for (size_t i = 0; i < sizeof system / sizeof system[0]; i++)
        add(plan, OP_ALLOW, (Step){.path = system[i].path, .flags = system[i].flags});
    for (size_t i = 0; space->read_only && space->read_only[i]; i++)
        add(plan, OP_ALLOW, (Step){.path = space->read_only[i]});
    for (size_t i = 0; i < facts->count; i++)
        if (facts->items[i].kind == FACT_GIT_DIR)
            add(plan, OP_ALLOW, (Step){.path = facts->items[i].path, .flags = writable});
    for (size_t i = 0; spec->roots && spec->roots[i].path; i++)
        add(plan, OP_ALLOW,
            (Step){.path = spec->roots[i].path,
                   .flags = STEP_OPTIONAL | (spec->roots[i].writes ? STEP_WRITABLE : 0U)});
    add(plan, OP_ALLOW, (Step){.path = space->workspace, .flags = writable});
    add(plan, OP_ENCLOSE, (Step){0});
}

/* Shows the command what it was granted, parents first, and hides the rest. */
static Status add_granted(Plan *plan, const SpaceSpec *space, const ExecSpec *spec, Err *err)
{
    char   hidden[40];
    size_t from = plan->step_count;
    for (size_t i = 0; spec->roots && spec->roots[i].path; i++) {
        const RootGrant *root = &spec->roots[i];
        size_t           at = 0;
        while (space->roots && space->roots[at].path &&
               strcmp(space->roots[at].path, root->path) != 0)
            at++;
        if (!space->roots || !space->roots[at].path || (root->writes && !space->roots[at].writes))
            return err_set(err, ST_DENIED, "exec: %s was not granted when the run began",
                           root->path);
        add(plan, OP_REVEAL,
            (Step){.path = root->path,
                   .more = hidden_path(hidden, at),
                   .flags = STEP_OPTIONAL | (root->writes ? STEP_WRITABLE : 0U)});
    }
    sort_covers(plan, from);
    if (space->roots && space->roots[0].path)
        add(plan, OP_MASK, (Step){.path = HIDDEN, .flags = STEP_OPTIONAL});
    return ST_OK;
}

/* RLIMIT_NPROC counts what a user runs in one user namespace. Unconfined, that would be all that
 * the user runs; then only the host's watch counts. */
static void add_limits(Plan *plan, const ExecLimits *limits, bool unconfined)
{
    const struct {
        WireLimit which;
        uint64_t  number;
    } all[] = {
        {WIRE_CPU_S, (uint64_t)(limits->cpu_ms + 999) / 1000},
        {WIRE_FILE_SIZE, limits->file_size},
        {WIRE_DESCRIPTORS, limits->descriptors},
        {WIRE_PROCESSES, limits->processes},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0] - (unconfined ? 1 : 0); i++)
        add(plan, OP_LIMIT, (Step){.flags = all[i].which, .number = all[i].number});
}

/* Copies a list that ends in NULL into the arena. */
static const char **keep_list(Plan *plan, const char *const *list, size_t *count)
{
    size_t len = 0;
    while (list && list[len]) len++;
    const char **copy = arena_alloc(&plan->arena, (len + 1) * sizeof *copy);
    if (!copy) plan->failed = true;
    for (size_t i = 0; copy && i < len; i++) copy[i] = keep(plan, list[i]);
    *count = copy ? len : 0;
    return copy;
}

static Status check_spec(const ExecSpec *spec, Err *err)
{
    if (!spec->argv || !spec->argv[0] || !spec->argv[0][0])
        return err_set(err, ST_INVALID, "exec: no command given");
    size_t words = 0, variables = 0;
    for (; spec->argv[words]; words++)
        if (strlen(spec->argv[words]) > WIRE_TEXT_MAX)
            return err_set(
                err, ST_LIMIT,
                "exec: argument %zu has %zu bytes, the kernel takes %d; pass it as input", words,
                strlen(spec->argv[words]), WIRE_TEXT_MAX);
    for (; spec->variables && spec->variables[variables]; variables++) {
        const char *variable = spec->variables[variables];
        if (!strchr(variable, '=') || variable[0] == '=')
            return err_set(err, ST_INVALID, "exec: variable %zu has no name", variables);
        if (strlen(variable) > WIRE_TEXT_MAX)
            return err_set(err, ST_LIMIT, "exec: variable %zu is too long", variables);
    }
    if (words > WIRE_WORDS_MAX || variables > WIRE_VARIABLES_MAX / 2)
        return err_set(err, ST_LIMIT, "exec: %zu arguments, %zu variables; at most %d and %d",
                       words, variables, WIRE_WORDS_MAX, WIRE_VARIABLES_MAX / 2);
    return ST_OK;
}

static const char *working_folder(Plan *plan, const SpaceSpec *space, const ExecSpec *spec)
{
    if (!spec->folder) return space->workspace;
    if (spec->folder[0] == '/') return spec->folder;
    size_t len = strlen(space->workspace) + strlen(spec->folder) + 2;
    char  *path = arena_alloc(&plan->arena, len);
    if (!path) {
        plan->failed = true;
        return "";
    }
    snprintf(path, len, "%s/%s", space->workspace, spec->folder);
    return path;
}

Status plan_command(Plan *plan, const SpaceSpec *space, const ExecSpec *spec, const Facts *facts,
                    Err *err)
{
    ExecLimits limits = plan_limits(space, &spec->limits);
    Status     status = check_spec(spec, err);
    if (status != ST_OK) return status;
    add(plan, OP_KILL_FIRST, (Step){0});
    if (!space->unconfined) {
        if (facts->cgroup) add(plan, OP_CGROUP, (Step){.path = facts->cgroup});
        add(plan, OP_JOIN, (Step){.flags = space->network == NETWORK_HOST ? STEP_HOST_NET : 0});
        add(plan, OP_ISOLATE, (Step){0});
        add_own_mounts(plan, &limits);
        status = add_granted(plan, space, spec, err);
        if (status != ST_OK) return status;
        add_workspace(plan, space, spec, facts);
        add(plan, OP_HOSTNAME, (Step){.more = "sandbox"});
        add(plan, OP_DROP_RIGHTS, (Step){0});
        add(plan, OP_NO_NEW_RIGHTS, (Step){0});
        add_fence(plan, space, spec, facts);
        add(plan, OP_FILTER, (Step){0});
    }
    add(plan, OP_FORK, (Step){.number = spec->aside > 0 ? EXEC_ASIDE_FD : 0});
    add_limits(plan, &limits, space->unconfined);
    add(plan, OP_ENTER_FOLDER, (Step){.path = working_folder(plan, space, spec)});
    add(plan, OP_EXEC, (Step){0});
    plan->words = keep_list(plan, spec->argv, &plan->word_count);
    plan_variables(plan, space, spec, facts);
    return check_size(plan, err);
}

Status plan_encode(const Plan *plan, uint32_t host_pid, Buf *out, Err *err)
{
    WirePlan wire = {
        .host_pid = host_pid,
        .steps = plan->steps,
        .step_count = plan->step_count,
        .words = plan->words,
        .word_count = plan->word_count,
        .variables = plan->variables,
        .variable_count = plan->variable_count,
    };
    size_t size = wire_encode(&wire, NULL, 0);
    if (size == 0) return err_set(err, ST_LIMIT, "sandbox: the plan is too large");
    Status status = buf_reserve(out, size, err);
    if (status != ST_OK) return status;
    wire_encode(&wire, out->ptr + out->len, size);
    out->len += size;
    return ST_OK;
}
