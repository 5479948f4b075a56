/* Requests a second through whole runs: a chain asks many children, each of which is a run of its
 * own (prompt, routing, one request, its reply, its journal), in one process, beside a bare libcurl
 * multi program that asks the same server. 1 and 100 at a time.
 *
 * A process that asks MANY less one that asks FEW is what the children between them took, so that
 * the start of the process does not count. The server answers at once; a line for 100 at a time is
 * asked for in models.lua, where 32 are customary.
 *
 * Use     BUILD=build/release PERIGEE=./perigee build/release/tests/bench/children_bench
 */
#include "bare_multi.h"
#include "canned.h"
#include "process.h"

#include <stdint.h>
#include <sys/stat.h>

enum { PIECES = 20, ROUNDS = 5, FEW = 100, MANY = 600, FLOOR = 4000 };

static const char CHAIN[] =
    "local schema = require \"lib.schema\"\n"
    "return {\n"
    "  params = schema.object { { \"task\", schema.text {}, \"What to ask.\" },\n"
    "    { \"count\", schema.integer { min = 1 }, \"How many children.\" },\n"
    "    { \"most\", schema.integer { min = 1 }, \"At a time.\" } },\n"
    "  run = function(run, params)\n"
    "    local branches = {}\n"
    "    for i = 1, params.count do\n"
    "      branches[i] = function() return run.ask(\"062\", params.task .. i) end\n"
    "    end\n"
    "    local done, err = run.all(branches, { most = params.most })\n"
    "    if not done then return nil, err end\n"
    "    return #done\n"
    "  end,\n"
    "}\n";
static const char MODELS[] = "return { add = { limits = { at_once = 100 } } }\n";

static char  folder[PATH_MAX / 2], server_url[64];
static pid_t server;

static void die(const char *what)
{
    fprintf(stderr, "children_bench: %s\n", what);
    exit(1);
}

static void clean_up(void)
{
    char *argv[] = {"rm", "-rf", "--", folder, NULL};
    pid_t pid;
    canned_stop(server);
    if (folder[0] && posix_spawnp(&pid, argv[0], NULL, NULL, argv, NULL) == 0)
        waitpid(pid, NULL, 0);
}

static void make_file(const char *name, const char *text)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) die(name);
}

static void make_folders(void)
{
    static const char *const NAMES[] = {"workspace", "config", "config/perigee",
                                        "config/perigee/lua"};
    const char              *tmp = getenv("TMPDIR");
    char                     path[PATH_MAX];
    snprintf(folder, sizeof folder, "%.1000s/children-bench-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(folder)) die("mkdtemp");
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, NAMES[i]);
        if (mkdir(path, 0700) != 0) die("mkdir");
    }
    make_file("ask.lua", CHAIN);
    make_file("config/perigee/lua/models.lua", MODELS);
}

/* What a process costs that asks so many children. */
static Cost ask(const char *perigee, int count, int at_once)
{
    char chain[PATH_MAX], workspace[PATH_MAX], store[PATH_MAX], url[200], home[PATH_MAX],
        config[PATH_MAX], many[40], most[40], path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
    snprintf(chain, sizeof chain, "%s/ask.lua", folder);
    snprintf(workspace, sizeof workspace, "%s/workspace", folder);
    snprintf(store, sizeof store, "%s/journal.db", folder);
    snprintf(url, sizeof url, "ANTHROPIC_BASE_URL=%s/stream/%d", server_url, PIECES);
    snprintf(home, sizeof home, "HOME=%s", folder);
    snprintf(config, sizeof config, "XDG_CONFIG_HOME=%s/config", folder);
    snprintf(many, sizeof many, "count=%d", count);
    snprintf(most, sizeof most, "most=%d", at_once);
    char *argv[] = {(char *)(uintptr_t)perigee,
                    "run",
                    "--workspace",
                    workspace,
                    "--store",
                    store,
                    "--limit",
                    "turns=none,children=none",
                    "--set",
                    many,
                    "--set",
                    most,
                    "--json",
                    chain,
                    "Go.",
                    NULL};
    char *envp[] = {path, url, home, config, NULL};
    return process_measure("children_bench", argv, envp);
}

static void bench_children(const char *perigee, int at_once)
{
    static Bare bare;
    char        url[120], what[60];
    double      rate[2][ROUNDS];
    snprintf(url, sizeof url, "%s/stream/%d/v1/messages", server_url, PIECES);
    bare_open(&bare, url, at_once);
    for (int i = -1; i < ROUNDS; i++) { /* the first opens the connections */
        double took = -ask(perigee, FEW, at_once).wall_ms;
        took += ask(perigee, MANY, at_once).wall_ms;
        double other = bare_requests(&bare, FLOOR);
        if (took <= 0) die("more children took less time: the machine is too busy to tell");
        if (i >= 0) rate[0][i] = (MANY - FEW) / (took / 1e3), rate[1][i] = other;
    }
    bare_close(&bare);
    snprintf(what, sizeof what, "runs of one request, %d at a time", at_once);
    bench_row(what, "/s", bench_median(rate[0], ROUNDS), "bare libcurl multi on epoll",
              bench_median(rate[1], ROUNDS));
}

int main(void)
{
    const char *perigee = getenv("PERIGEE"), *build = getenv("BUILD");
    if (!perigee || !build) die("PERIGEE and BUILD are not set; make bench sets them");
    curl_global_init(CURL_GLOBAL_DEFAULT);
    atexit(clean_up);
    make_folders();
    server = canned_start(build, server_url, sizeof server_url);
    if (server <= 0) die("canned_server does not start");
    bench_children(perigee, 1);
    bench_children(perigee, 100);
    return 0;
}
