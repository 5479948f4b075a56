/* Commands of a run and its proxy, together: what is listed answers, everything else is refused and
 * said. The far side is a server of this process on loopback, which is reached as a listed literal
 * only. */
#include "../../host/http/server.h"
#include "../../host/run/command.h"
#include "sandbox_try.h"

typedef struct Rig {
    Try        t; /* its loop, folder and result; its space is the workspace's */
    Server    *far;
    unsigned   port;
    size_t     asked; /* requests that came through */
    Workspace *workspace;
    Command   *command;
    char       listed[40]; /* "127.0.0.1:PORT" of the far side */
} Rig;

static void answer(void *arg, ServerRequest *request)
{
    Rig *rig = arg;
    Err  err;
    rig->asked++;
    bool clean = request_header(request, "proxy-authorization").len == 0;
    if (reply_head(request, 200, NULL, 0, &err) != ST_OK ||
        reply_write(request, clean ? STR("far side\n") : STR("told a token\n"), &err) != ST_OK)
        printf("# %s\n", err.text);
    reply_end(request);
}

static bool rig_workspace(Rig *rig, const char *const *hosts)
{
    WorkspaceSpec spec = {
        .path = rig->t.folder, .helper = try_helper(), .network = NETWORK_PROXY, .hosts = hosts};
    return workspace_new(rig->t.loop, &spec, NULL, &rig->workspace, &rig->t.err) == ST_OK;
}

static bool rig_open(Rig *rig)
{
    memset(rig, 0, sizeof *rig);
    if (!try_open(&rig->t)) return false;
    Err err;
    if (server_new(rig->t.loop, "127.0.0.1", 0, answer, rig, &rig->far, &err) != ST_OK) abort();
    rig->port = server_port(rig->far);
    snprintf(rig->listed, sizeof rig->listed, "127.0.0.1:%u", rig->port);
    return true;
}

static void rig_close(Rig *rig)
{
    workspace_release(rig->workspace);
    server_free(rig->far);
    try_close(&rig->t);
}

#define RIG_OPEN(rig)                                                                              \
    static Rig rig;                                                                                \
    if (!rig_open(&rig)) SKIP(rig.t.why)

static bool begin_with(Rig *rig, const char *script, const char *const *hosts)
{
    static const ExecEvents events = {.on_end = try_on_end};
    const char *const       argv[] = {"bash", "-c", script, NULL};
    ExecSpec                spec = {.argv = argv, .writes = true};
    return command_begin(rig->workspace, &spec, hosts, &events, &rig->t, &rig->command,
                         &rig->t.err) == ST_OK;
}

/* Runs bash with the far side's port as $PORT. */
static void run_with(Rig *rig, const char *script, const char *const *hosts)
{
    char *whole = NULL;
    if (asprintf(&whole, "PORT=%u\n%s", rig->port, script) < 0) abort();
    if (begin_with(rig, whole, hosts)) loop_run(rig->t.loop);
    if (rig->t.err.status != ST_OK) printf("# %s\n", rig->t.err.text);
    free(whole);
}

static void run_script(Rig *rig, const char *script) { run_with(rig, script, NULL); }

static bool refused(const Rig *rig, const char *name)
{
    for (size_t i = 0; i < rig->t.denied.count; i++)
        if (strcmp(rig->t.denied.items[i].what, "host") == 0 &&
            strcmp(rig->t.denied.items[i].name, name) == 0)
            return true;
    return false;
}

TEST(a_listed_host_answers_and_no_other_does)
{
    RIG_OPEN(rig);
    CHECK(rig_workspace(&rig, (const char *const[]){rig.listed, NULL}));
    run_script(&rig, "curl -sS --noproxy '' http://127.0.0.1:$PORT/");
    CHECK_TEXT(rig.t.out, "far side\n");
    run_script(&rig, "curl -sS --noproxy '' -p http://127.0.0.1:$PORT/");
    CHECK_TEXT(rig.t.out, "far side\n");
    CHECK_INT(rig.asked, 2);
    CHECK_INT(rig.t.denied.count, 0);
    run_script(&rig, "curl -sS --noproxy '' -o /dev/null -w '%{http_code}\\n' "
                     "http://127.0.0.1:9/\n"
                     "curl -sS -o body -w '%{http_code}\\n' http://example.org/; "
                     "wc -l < body; curl -sS https://example.org/ || echo no tunnel");
    CHECK_TEXT(rig.t.out, "403\n403\n1\nno tunnel\n");
    CHECK(refused(&rig, "127.0.0.1:9") && refused(&rig, "example.org:80") &&
          refused(&rig, "example.org:443"));
    CHECK_INT(rig.asked, 2);
    rig_close(&rig);
}

TEST(git_and_python_find_the_proxy_by_themselves)
{
    RIG_OPEN(rig);
    CHECK(rig_workspace(&rig, (const char *const[]){rig.listed, NULL}));
    run_script(&rig, "export no_proxy= NO_PROXY=\n"
                     "git ls-remote http://127.0.0.1:$PORT/r 2>&1 | grep -c 'not valid'\n"
                     "git ls-remote http://example.org/r 2>&1 | grep -o 403\n"
                     "python3 -c 'import os, urllib.request as r\n"
                     "print(r.urlopen(\"http://127.0.0.1:'$PORT'/\").read())'");
    CHECK(rig.t.out && strstr(rig.t.out, "403\n") && strstr(rig.t.out, "far side"));
    CHECK(rig.asked >= 2);
    CHECK(refused(&rig, "example.org:80"));
    rig_close(&rig);
}

TEST(without_a_token_or_with_one_that_is_over_nothing_is_reached)
{
    RIG_OPEN(rig);
    CHECK(rig_workspace(&rig, (const char *const[]){rig.listed, NULL}));
    run_script(&rig, "echo $http_proxy > kept; echo ${http_proxy##*:} > at\n"
                     "curl -sS --noproxy '' -o /dev/null -w '%{http_code}\\n' "
                     "-x http://127.0.0.1:$(cat at) http://127.0.0.1:$PORT/");
    CHECK_TEXT(rig.t.out, "407\n");
    run_script(&rig, "[ \"$(cat kept)\" != \"$http_proxy\" ] || echo the same\n"
                     "[ \"$(cat at)\" = \"${http_proxy##*:}\" ] || echo moved\n"
                     "curl -sS --noproxy '' -o /dev/null -w '%{http_code}\\n' "
                     "-x $(cat kept) http://127.0.0.1:$PORT/");
    CHECK_TEXT(rig.t.out, "407\n");
    CHECK_INT(rig.asked, 0);
    rig_close(&rig);
}

TEST(a_command_with_rules_of_its_own_has_these_instead_of_the_runs)
{
    RIG_OPEN(rig);
    static const char ask[] = "curl -sS --noproxy '' -o /dev/null -w '%{http_code}\\n' "
                              "http://127.0.0.1:$PORT/ || echo none";
    CHECK(rig_workspace(&rig, (const char *const[]){"example.org", NULL}));
    run_script(&rig, ask);
    CHECK_TEXT(rig.t.out, "403\n");
    run_with(&rig, ask, (const char *const[]){rig.listed, NULL});
    CHECK_TEXT(rig.t.out, "200\n");
    run_with(&rig, "env | grep -ic proxy", (const char *const[]){NULL});
    CHECK_TEXT(rig.t.out, "0\n");
    CHECK(!begin_with(&rig, "true", (const char *const[]){"http://x/", NULL}));
    CHECK_INT(rig.t.err.status, ST_INVALID);
    rig_close(&rig);
}

TEST(a_command_that_ends_or_is_dropped_takes_its_connections_with_it)
{
    RIG_OPEN(rig);
    CHECK(rig_workspace(&rig, (const char *const[]){rig.listed, NULL}));
    run_script(&rig, "true");
    CHECK_INT(rig.t.ends, 1);
    CHECK(begin_with(&rig, "exec tail -f /dev/null", NULL));
    command_drop(rig.command);
    CHECK_INT(rig.t.ends, 1);
    CHECK(begin_with(&rig, "echo $http_proxy; exec tail -f /dev/null", NULL));
    command_cancel(rig.command);
    loop_run(rig.t.loop);
    CHECK_INT(rig.t.err.status, ST_CANCELLED);
    rig_close(&rig);
}

int main(void) { return try_main(); }
