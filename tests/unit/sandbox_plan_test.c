/* From policy to steps, without privileges: nothing here starts a process. */
#include "../../host/sandbox/helper.h"
#include "../../host/sandbox/output.h"
#include "../../host/sandbox/survey.h"
#include "tap.h"

#include <errno.h>

static const char *const TRUE_ARGV[] = {"true", NULL};

static const SpaceSpec SPACE = {.workspace = "/w/project", .helper = "/h"};

static ptrdiff_t find_step(const Plan *plan, Op op, const char *path)
{
    for (size_t i = 0; i < plan->step_count; i++)
        if (plan->steps[i].op == op && (!path || strcmp(plan->steps[i].path, path) == 0))
            return (ptrdiff_t)i;
    return -1;
}

static void add_fact(Facts *facts, FactKind kind, const char *path)
{
    Err err;
    CHECK_INT(facts_add(facts, kind, path, NULL, &err), ST_OK);
}

static void check_order(const Plan *plan, const Op *ops)
{
    ptrdiff_t before = -1;
    for (; *ops != OP_COUNT; ops++) {
        ptrdiff_t at = find_step(plan, *ops, NULL);
        if (at <= before) printf("# out of order: %s\n", wire_op_words(*ops));
        CHECK(at > before);
        before = at;
    }
}

TEST(a_commands_steps_stand_in_the_order_that_makes_them_safe)
{
    Plan     plan;
    Facts    facts;
    Err      err;
    ExecSpec spec = {.argv = TRUE_ARGV, .writes = true};
    plan_init(&plan);
    facts_init(&facts);
    add_fact(&facts, FACT_SECRET, "/w/project/.env");
    CHECK_INT(plan_command(&plan, &SPACE, &spec, &facts, &err), ST_OK);
    static const Op order[] = {OP_JOIN,        OP_ISOLATE,       OP_PROC,   OP_HOSTNAME,
                               OP_DROP_RIGHTS, OP_NO_NEW_RIGHTS, OP_FILTER, OP_FORK,
                               OP_LIMIT,       OP_ENTER_FOLDER,  OP_EXEC,   OP_COUNT};
    check_order(&plan, order);
    ptrdiff_t mask = find_step(&plan, OP_MASK, "/w/project/.env");
    CHECK(mask > find_step(&plan, OP_ISOLATE, NULL) && mask < find_step(&plan, OP_FILTER, NULL));
    CHECK_INT(plan.steps[plan.step_count - 1].op, OP_EXEC);
    facts_clear(&facts);
    plan_clear(&plan);
}

/* The second layer stands between what Landlock needs and what would refuse its calls. */
TEST(landlock_s_rules_mirror_the_mounts_where_the_kernel_has_it)
{
    Plan            plan;
    Facts           facts;
    Err             err;
    const RootGrant roots[] = {{"/data/in", false}, {"/data/out", true}, {NULL, false}};
    SpaceSpec       space = SPACE;
    ExecSpec        spec = {.argv = TRUE_ARGV, .roots = roots};
    space.roots = roots;
    for (int abi = 0; abi <= 2; abi++) {
        plan_init(&plan);
        facts_init(&facts);
        facts.landlock = abi;
        CHECK_INT(plan_command(&plan, &space, &spec, &facts, &err), ST_OK);
        if (abi < 2) { /* it would keep files from being renamed into another folder */
            CHECK_INT(find_step(&plan, OP_FENCE, NULL), -1);
            CHECK_INT(find_step(&plan, OP_ALLOW, NULL), -1);
        } else {
            static const Op order[] = {OP_NO_NEW_RIGHTS, OP_FENCE,  OP_ALLOW,
                                       OP_ENCLOSE,       OP_FILTER, OP_COUNT};
            check_order(&plan, order);
            CHECK_INT(plan.steps[find_step(&plan, OP_ALLOW, "/")].flags, STEP_LISTED);
            CHECK_INT(plan.steps[find_step(&plan, OP_ALLOW, "/usr")].flags, 0);
            CHECK_INT(plan.steps[find_step(&plan, OP_ALLOW, "/tmp")].flags, STEP_WRITABLE);
            CHECK_INT(plan.steps[find_step(&plan, OP_ALLOW, "/w/project")].flags, 0);
            CHECK_INT(plan.steps[find_step(&plan, OP_ALLOW, "/data/in")].flags, STEP_OPTIONAL);
            CHECK_INT(plan.steps[find_step(&plan, OP_ALLOW, "/data/out")].flags,
                      STEP_OPTIONAL | STEP_WRITABLE);
        }
        facts_clear(&facts);
        plan_clear(&plan);
    }
}

TEST(granted_paths_are_shown_before_their_hiding_place_is_covered)
{
    Plan            plan;
    Facts           facts;
    Err             err;
    const RootGrant roots[] = {{"/data/deep/er", true}, {"/data", false}, {NULL, false}};
    SpaceSpec       space = SPACE;
    ExecSpec        spec = {.argv = TRUE_ARGV, .writes = true, .roots = roots};
    space.roots = roots;
    plan_init(&plan);
    facts_init(&facts);
    CHECK_INT(plan_command(&plan, &space, &spec, &facts, &err), ST_OK);
    ptrdiff_t outer = find_step(&plan, OP_REVEAL, "/data");
    ptrdiff_t inner = find_step(&plan, OP_REVEAL, "/data/deep/er");
    CHECK(outer >= 0 && outer < inner);
    CHECK(inner < find_step(&plan, OP_MASK, "/.granted"));
    CHECK_TEXT(plan.steps[inner].more, "/.granted/0");
    plan_clear(&plan);
    plan_init(&plan);
    spec.roots = NULL; /* one that has none covers all the same */
    CHECK_INT(plan_command(&plan, &space, &spec, &facts, &err), ST_OK);
    CHECK_INT(find_step(&plan, OP_REVEAL, NULL), -1);
    CHECK(find_step(&plan, OP_MASK, "/.granted") > 0);
    facts_clear(&facts);
    plan_clear(&plan);
}

TEST(a_space_lets_go_of_the_host_before_it_is_handed_over)
{
    Plan  plan;
    Facts facts;
    Err   err;
    plan_init(&plan);
    facts_init(&facts);
    add_fact(&facts, FACT_FOLDER, "/usr");
    CHECK_INT(plan_space(&plan, &SPACE, &facts, &err), ST_OK);
    static const Op order[] = {OP_NEW_USER, OP_NEW_NET,   OP_NEW_MOUNTS, OP_ROOT,      OP_BIND,
                               OP_TMPFS,    OP_WORKSPACE, OP_ENTER_ROOT, OP_HAND_OVER, OP_COUNT};
    check_order(&plan, order);
    CHECK_INT(plan.steps[find_step(&plan, OP_BIND, "/usr")].flags, 0); /* read-only, no devices */
    CHECK(find_step(&plan, OP_FILE, "/etc/passwd") >= 0);
    CHECK_INT(find_step(&plan, OP_BIND, "/etc/passwd"), -1);
    facts_clear(&facts);
    plan_clear(&plan);
}

TEST(folders_on_the_way_to_a_protected_one_are_pinned_first)
{
    Plan     plan;
    Facts    facts;
    Err      err;
    ExecSpec spec = {.argv = TRUE_ARGV, .writes = true};
    plan_init(&plan);
    facts_init(&facts);
    add_fact(&facts, FACT_PROTECTED, "/w/project/a/b/.git/hooks");
    add_fact(&facts, FACT_PROTECTED, "/w/project/a/b/.git/config");
    add_fact(&facts, FACT_SECRET, "/w/project/a/b/.git/hooks/key.pem");
    CHECK_INT(plan_command(&plan, &SPACE, &spec, &facts, &err), ST_OK);
    static const struct {
        Op          op;
        const char *path;
    } want[] = {{OP_PIN, "/w/project/a"},
                {OP_PIN, "/w/project/a/b"},
                {OP_PIN, "/w/project/a/b/.git"},
                {OP_READ_ONLY, "/w/project/a/b/.git/config"},
                {OP_READ_ONLY, "/w/project/a/b/.git/hooks"},
                {OP_MASK, "/w/project/a/b/.git/hooks/key.pem"}};
    ptrdiff_t at = find_step(&plan, OP_PIN, NULL);
    CHECK_INT(find_step(&plan, OP_PIN, "/w/project"), -1);
    for (size_t i = 0; i < 6 && at >= 0; i++) {
        CHECK_INT(plan.steps[(size_t)at + i].op, want[i].op);
        CHECK_TEXT(plan.steps[(size_t)at + i].path, want[i].path);
    }
    facts_clear(&facts);
    plan_clear(&plan);
}

TEST(a_reading_command_has_the_workspace_read_only_and_secrets_masked_still)
{
    Plan     plan;
    Facts    facts;
    Err      err;
    ExecSpec spec = {.argv = TRUE_ARGV, .writes = false};
    plan_init(&plan);
    facts_init(&facts);
    add_fact(&facts, FACT_PROTECTED, "/w/project/.git/config");
    add_fact(&facts, FACT_SECRET, "/w/project/.env");
    CHECK_INT(plan_command(&plan, &SPACE, &spec, &facts, &err), ST_OK);
    ptrdiff_t all = find_step(&plan, OP_READ_ONLY, "/w/project");
    CHECK(all >= 0 && find_step(&plan, OP_MASK, "/w/project/.env") > all);
    CHECK_INT(find_step(&plan, OP_READ_ONLY, "/w/project/.git/config"), -1);
    facts_clear(&facts);
    plan_clear(&plan);
}

TEST(an_unconfined_plan_has_no_wall_and_says_so_by_its_steps)
{
    Plan      plan;
    Facts     facts;
    Err       err;
    SpaceSpec space = SPACE;
    ExecSpec  spec = {.argv = TRUE_ARGV, .writes = true};
    space.unconfined = true;
    plan_init(&plan);
    facts_init(&facts);
    CHECK_INT(plan_command(&plan, &space, &spec, &facts, &err), ST_OK);
    static const Op none[] = {OP_JOIN, OP_ISOLATE, OP_FILTER, OP_DROP_RIGHTS, OP_MASK};
    for (size_t i = 0; i < 5; i++) CHECK_INT(find_step(&plan, none[i], NULL), -1);
    for (size_t i = 0; i < plan.step_count; i++) /* it would count all that the user runs */
        CHECK(plan.steps[i].op != OP_LIMIT || plan.steps[i].flags != WIRE_PROCESSES);
    facts_clear(&facts);
    plan_clear(&plan);
}

TEST(a_variable_of_the_caller_replaces_a_default_and_nothing_else_comes_in)
{
    Plan     plan;
    Facts    facts;
    Err      err;
    ExecSpec spec = {.argv = TRUE_ARGV,
                     .variables = (const char *const[]){"LANG=tr_TR", "X=1", "X=2", NULL}};
    size_t   langs = 0, xs = 0;
    plan_init(&plan);
    facts_init(&facts);
    CHECK_INT(plan_command(&plan, &SPACE, &spec, &facts, &err), ST_OK);
    for (size_t i = 0; i < plan.variable_count; i++) {
        const char *variable = plan.variables[i];
        if (strncmp(variable, "LANG=", 5) == 0 && ++langs) CHECK_TEXT(variable, "LANG=tr_TR");
        if (strncmp(variable, "X=", 2) == 0 && ++xs) CHECK_TEXT(variable, "X=2");
    }
    CHECK_INT(langs, 1);
    CHECK_INT(xs, 1);
    CHECK(plan.variables[plan.variable_count] == NULL);
    facts_clear(&facts);
    plan_clear(&plan);
}

static const char *variable_of(const Plan *plan, const char *name)
{
    size_t      len = strlen(name);
    const char *value = NULL;
    for (size_t i = 0; i < plan->variable_count; i++)
        if (strncmp(plan->variables[i], name, len) == 0 && plan->variables[i][len] == '=')
            value = plan->variables[i] + len + 1;
    return value;
}

TEST(the_way_to_the_proxy_stands_above_what_the_user_passes)
{
    Plan      plan;
    Facts     facts;
    Err       err;
    SpaceSpec space = SPACE;
    ExecSpec  spec = {.argv = TRUE_ARGV, .token = "secret-of-this-command"};
    space.network = NETWORK_PROXY;
    space.variables =
        (const char *const[]){"JAVA_HOME=/opt/jdk", "https_proxy=http://elsewhere:1", NULL};
    plan_init(&plan);
    facts_init(&facts);
    facts.port = 4711;
    CHECK_INT(plan_command(&plan, &space, &spec, &facts, &err), ST_OK);
    CHECK_TEXT(variable_of(&plan, "JAVA_HOME"), "/opt/jdk");
    CHECK_TEXT(variable_of(&plan, "https_proxy"),
               "http://run:secret-of-this-command@127.0.0.1:4711");
    CHECK_TEXT(variable_of(&plan, "ALL_PROXY"), "http://run:secret-of-this-command@127.0.0.1:4711");
    CHECK_TEXT(variable_of(&plan, "NO_PROXY"), "localhost,127.0.0.1,::1");
    plan_clear(&plan);
    plan_init(&plan);
    space.network = NETWORK_NONE; /* a token then leads nowhere, and is not shown */
    CHECK_INT(plan_command(&plan, &space, &spec, &facts, &err), ST_OK);
    CHECK(variable_of(&plan, "ALL_PROXY") == NULL);
    facts_clear(&facts);
    plan_clear(&plan);
}

TEST(each_network_has_its_steps_and_no_others)
{
    static const struct {
        NetworkMode mode;
        bool        net, listens;
        uint32_t    flags;
    } cases[] = {{NETWORK_NONE, true, false, 0},
                 {NETWORK_PROXY, true, true, 0},
                 {NETWORK_HOST, false, false, STEP_HOST_NET}};
    for (size_t i = 0; i < 3; i++) {
        Plan      plan;
        Facts     facts;
        Err       err;
        SpaceSpec space = SPACE;
        ExecSpec  spec = {.argv = TRUE_ARGV};
        space.network = cases[i].mode;
        plan_init(&plan);
        facts_init(&facts);
        CHECK_INT(plan_space(&plan, &space, &facts, &err), ST_OK);
        CHECK_INT(find_step(&plan, OP_NEW_NET, NULL) >= 0, cases[i].net);
        CHECK_INT(find_step(&plan, OP_LOOPBACK, NULL) >= 0, cases[i].net);
        CHECK_INT(find_step(&plan, OP_LISTEN, NULL) >= 0, cases[i].listens);
        CHECK_INT(plan.steps[find_step(&plan, OP_HAND_OVER, NULL)].flags, cases[i].flags);
        CHECK_INT(find_step(&plan, OP_FILE, "/etc/resolv.conf") >= 0, cases[i].net);
        plan_clear(&plan);
        plan_init(&plan);
        CHECK_INT(plan_command(&plan, &space, &spec, &facts, &err), ST_OK);
        CHECK_INT(plan.steps[find_step(&plan, OP_JOIN, NULL)].flags, cases[i].flags);
        CHECK(find_step(&plan, OP_FILTER, NULL) >= 0);
        facts_clear(&facts);
        plan_clear(&plan);
    }
}

TEST(what_a_run_allows_bounds_what_a_command_asks_for)
{
    SpaceSpec  space = SPACE;
    ExecLimits asked = {.wall_ms = 5000, .memory = 8192 * MB, .processes = 10};
    CHECK_INT(plan_limits(&space, &asked).memory, 8192 * MB); /* nobody has said anything */
    CHECK_INT(plan_limits(&space, &(ExecLimits){0}).memory, PLAN_MEMORY);
    space.limits = (ExecLimits){.memory = 1024 * MB, .processes = 100, .wall_ms = 30000};
    space.wall_most_ms = 60000;
    CHECK_INT(plan_limits(&space, &asked).memory, 1024 * MB);
    CHECK_INT(plan_limits(&space, &asked).processes, 10);
    CHECK_INT(plan_limits(&space, &asked).wall_ms, 5000);
    CHECK_INT(plan_limits(&space, &(ExecLimits){0}).wall_ms, 30000);
    CHECK_INT(plan_limits(&space, &(ExecLimits){.wall_ms = 45000}).wall_ms, 45000);
    CHECK_INT(plan_limits(&space, &(ExecLimits){.wall_ms = 600000}).wall_ms, 60000);
    CHECK_INT(plan_limits(&space, &(ExecLimits){0}).cpu_ms, PLAN_CPU_MS);
}

TEST(what_was_refused_is_counted_beyond_what_is_kept_and_named_once)
{
    DeniedList list = {0}, all = {0};
    for (int i = 0; i < DENIED_MAX + 5; i++) {
        char name[24];
        snprintf(name, sizeof name, "host-%d", i);
        denied_add(&list, "host", name, "no");
        if (i < 3) denied_add(&list, "host", name, "no");
    }
    CHECK_INT(list.count, DENIED_MAX);
    CHECK_INT(list.more, 5);
    denied_take(&all, &list);
    CHECK_INT(list.count + list.more, 0);
    CHECK_INT(all.count, DENIED_MAX);
    CHECK_INT(all.more, 5);
    denied_clear(&all);
}

TEST(a_plan_in_words_has_a_line_for_each_step_and_no_values_of_variables)
{
    Plan     plan;
    Facts    facts;
    Err      err;
    Buf      words;
    ExecSpec spec = {.argv = TRUE_ARGV, .variables = (const char *const[]){"TOKEN=hunter2", NULL}};
    plan_init(&plan);
    facts_init(&facts);
    buf_init(&words, 1 << 20);
    add_fact(&facts, FACT_SECRET, "/w/project/a\n\033[31mb.pem");
    CHECK_INT(plan_command(&plan, &SPACE, &spec, &facts, &err), ST_OK);
    CHECK_INT(plan_words(&plan, &words, &err), ST_OK);
    size_t lines = 0;
    for (size_t i = 0; i < words.len; i++) lines += words.ptr[i] == '\n';
    CHECK_INT(lines, plan.step_count + 1); /* the names of the variables have their own */
    CHECK(strstr(words.ptr, "mask /w/project/a\\x0a\\x1b[31mb.pem") != NULL);
    CHECK(strstr(words.ptr, "TOKEN") != NULL && strstr(words.ptr, "hunter2") == NULL);
    buf_clear(&words);
    facts_clear(&facts);
    plan_clear(&plan);
}

TEST(folders_that_are_no_workspace)
{
    Err err;
    static const struct {
        const char *workspace, *home, *state;
        Status      want;
    } cases[] = {
        {"/", NULL, NULL, ST_DENIED},
        {"/usr/share", NULL, NULL, ST_OK},
        {"/usr", NULL, NULL, ST_DENIED},
        {"/etc/nginx", NULL, NULL, ST_DENIED},
        {"/etcetera", NULL, NULL, ST_OK},
        {"relative", NULL, NULL, ST_INVALID},
        {"/home/u", "/home/u", NULL, ST_DENIED},
        {"/home/u/p", "/home/u", NULL, ST_OK},
        {"/home/u2", "/home/u", NULL, ST_OK},
        {"/data", "/data/home/u", NULL, ST_DENIED},
        {"/s", "/home/u", "/s/state/perigee", ST_DENIED},
        {"/s/state/perigee/x", "/home/u", "/s/state/perigee", ST_DENIED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK_INT(plan_check_workspace(cases[i].workspace, cases[i].home, cases[i].state, &err),
                  cases[i].want);
}

TEST(names_that_are_secret)
{
    static const char *const secret[] = {".env",  ".env.production", ".envrc",
                                         "a.pem", "id_rsa",          "id_ecdsa_sk"};
    static const char *const open[] = {".env.example", "env", "pem", "id_rsa.pub", "my_id_rsa"};
    for (size_t i = 0; i < 6; i++) CHECK(plan_is_secret(secret[i]));
    for (size_t i = 0; i < 5; i++) CHECK(!plan_is_secret(open[i]));
    CHECK(plan_shows_etc("alternatives") && plan_shows_etc("python3.11"));
    CHECK(!plan_shows_etc("shadow") && !plan_shows_etc("passwd") && !plan_shows_etc("ssl"));
    CHECK(!plan_shows_etc("ssh") && !plan_shows_etc("gitconfig") && !plan_shows_etc("npmrc"));
}

/* -- the wire ---------------------------------------------------------------------------------- */

static Buf encoded(void)
{
    Plan     plan;
    Facts    facts;
    Err      err;
    Buf      bytes;
    ExecSpec spec = {.argv = TRUE_ARGV};
    plan_init(&plan);
    facts_init(&facts);
    buf_init(&bytes, 1 << 20);
    if (plan_command(&plan, &SPACE, &spec, &facts, &err) != ST_OK) abort();
    if (plan_encode(&plan, 4711, &bytes, &err) != ST_OK) abort();
    facts_clear(&facts);
    plan_clear(&plan);
    return bytes;
}

TEST(a_plan_survives_the_wire)
{
    static WireStore store;
    WirePlan         plan;
    Buf              bytes = encoded();
    CHECK(wire_decode(bytes.ptr, bytes.len, &store, &plan));
    CHECK_INT(plan.host_pid, 4711);
    CHECK_TEXT(plan.words[0], "true");
    CHECK(plan.words[1] == NULL);
    CHECK_INT(plan.steps[plan.step_count - 1].op, OP_EXEC);
    char *again = malloc(bytes.len);
    CHECK_INT(wire_encode(&plan, again, bytes.len), bytes.len);
    CHECK(memcmp(again, bytes.ptr, bytes.len) == 0);
    free(again);
    buf_clear(&bytes);
}

/* Under ASan each prefix lies at the very end of its own allocation. */
TEST(a_plan_that_is_cut_anywhere_is_refused)
{
    static WireStore store;
    WirePlan         plan;
    Buf              bytes = encoded();
    size_t           taken = 0;
    for (size_t len = 0; len < bytes.len; len++) {
        char *part = malloc(len + !len);
        memcpy(part, bytes.ptr, len);
        taken += wire_decode(part, len, &store, &plan);
        if (len >= 8) { /* also when the length in it fits */
            for (int i = 0; i < 4; i++) part[4 + i] = (char)(len >> (8 * i));
            taken += wire_decode(part, len, &store, &plan);
        }
        free(part);
    }
    CHECK_INT(taken, 0);
    buf_clear(&bytes);
}

TEST(a_plan_with_any_byte_changed_does_no_harm_to_its_reader)
{
    static WireStore store;
    WirePlan         plan;
    Buf              bytes = encoded();
    for (size_t at = 0; at < bytes.len; at++) {
        for (int bit = 0; bit < 8; bit++) {
            bytes.ptr[at] = (char)(bytes.ptr[at] ^ (1 << bit));
            if (wire_decode(bytes.ptr, bytes.len, &store, &plan))
                for (size_t i = 0; i < plan.step_count; i++) CHECK(plan.steps[i].op < OP_COUNT);
            bytes.ptr[at] = (char)(bytes.ptr[at] ^ (1 << bit));
        }
    }
    buf_clear(&bytes);
}

/* -- output ------------------------------------------------------------------------------------ */

TEST(head_and_tail_are_kept_however_the_bytes_come)
{
    for (size_t limit = 1; limit < 12; limit++) {
        for (size_t len = 0; len < 40; len++) {
            for (size_t part = 1; part < 9; part++) {
                Output output;
                char   bytes[40], want[12];
                for (size_t i = 0; i < len; i++) bytes[i] = (char)('A' + i);
                output_init(&output, limit);
                for (size_t i = 0; i < len; i += part)
                    output_take(&output, (Str){bytes + i, len - i < part ? len - i : part});
                size_t dropped = output_finish(&output);
                size_t head = len > limit ? limit / 2 : len, kept = len > limit ? limit : len;
                memcpy(want, bytes, head);
                memcpy(want + head, bytes + len - (kept - head), kept - head);
                if (dropped != len - kept || output.kept.len != kept || output.head != head ||
                    memcmp(output.kept.ptr, want, kept) != 0) {
                    CHECK(false);
                    printf("# limit %zu, %zu bytes by %zu\n", limit, len, part);
                }
                output_clear(&output);
            }
        }
    }
}

/* -- words for failures ------------------------------------------------------------------------ */

static const char *words_for(Op op, int error, Err *err)
{
    Step       step = {.op = op, .path = "/x", .more = ""};
    Plan       plan = {.steps = &step, .step_count = 1, .words = (const char *[]){"cmd", NULL}};
    WireReport report = {.kind = REPORT_FAILED, .error = error};
    explain_failure(&plan, &report, err);
    return err->text;
}

TEST(each_way_to_refuse_names_the_step_the_errno_and_what_helps)
{
    Err err;
    CHECK(strstr(words_for(OP_NEW_USER, ENOSPC, &err), "user.max_user_namespaces") != NULL);
    CHECK_INT(err.status, ST_UNAVAILABLE);
    CHECK(strstr(err.text, "step 1, make a user namespace") && strstr(err.text, "(ENOSPC)"));
    CHECK(strstr(words_for(OP_NEW_USER, EACCES, &err), "AppArmor") != NULL);
    CHECK(strstr(words_for(OP_NEW_USER, EPERM, &err), "chroot") != NULL);
    CHECK(strstr(words_for(OP_PROC, EPERM, &err), "masked") != NULL);
    CHECK(strstr(words_for(OP_ISOLATE, ENOSYS, &err), "Linux 5.14") != NULL);
    CHECK(strstr(words_for(OP_TMPFS, ENOMEM, &err), "perigee doctor") != NULL);
    words_for(OP_EXEC, ENOENT, &err);
    CHECK_INT(err.status, ST_NOT_FOUND);
    words_for(OP_EXEC, ENOEXEC, &err);
    CHECK_INT(err.status, ST_DENIED);
    words_for(OP_ENTER_FOLDER, ENOENT, &err);
    CHECK_INT(err.status, ST_NOT_FOUND);
}

int main(void) { return tap_run(); }
