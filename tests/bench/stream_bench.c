/* Streams of a model's API, against a server on loopback that answers at once.
 *
 *     CPU a delta         a whole `perigee run` with a reply of MANY pieces, less one of FEW, by
 * the pieces between them, beside a bare lua-cjson decode of the same bytes: once with a line of
 * JSON for each piece, once with the total only requests a second   our transport on our loop,
 * beside a bare libcurl multi program (epoll, socket action): 1, 100 and 1,000 at a time, small
 * streams, one connection each, kept
 *
 * Use     BUILD=build/release PERIGEE=./perigee build/release/tests/bench/stream_bench
 */
#include "../../host/base/limits.h"
#include "../../host/http/transport.h"
#include "bare_multi.h"
#include "canned.h"
#include "process.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { FEW = 1000, MANY = 41000, RUNS = 5, PIECES = 20, ROUNDS = 5 };

int luaopen_cjson(lua_State *L); /* of lua-cjson, which has no header */

static char  folder[PATH_MAX / 2], server_url[64];
static pid_t server;

static void die(const char *what)
{
    fprintf(stderr, "stream_bench: %s\n", what);
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

/* -- CPU a delta ------------------------------------------------------------------------------- */

static double run_ours(const char *perigee, const char *how, int pieces)
{
    char workspace[PATH_MAX], store[PATH_MAX], url[200], home[PATH_MAX],
        path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
    snprintf(workspace, sizeof workspace, "%s/workspace", folder);
    snprintf(store, sizeof store, "%s/journal.db", folder);
    snprintf(url, sizeof url, "ANTHROPIC_BASE_URL=%s/stream/%d", server_url, pieces);
    snprintf(home, sizeof home, "HOME=%s", folder);
    char *argv[] = {(char *)(uintptr_t)perigee,
                    "run",
                    "--workspace",
                    workspace,
                    "--store",
                    store,
                    "--hops",
                    "off",
                    (char *)(uintptr_t)how,
                    "062",
                    "Go.",
                    NULL};
    char *envp[] = {path, url, home, NULL};
    return process_measure("stream_bench", argv, envp).cpu_ms;
}

static double cpu_us(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (process_ms_of(used.ru_utime) + process_ms_of(used.ru_stime)) * 1e3;
}

/* Microseconds of CPU for one decode by lua-cjson. */
static double decode_bare(lua_State *L)
{
    double from = cpu_us();
    for (int i = 0; i < MANY - FEW; i++) {
        lua_getfield(L, 1, "decode");
        lua_pushlstring(L, CANNED_DELTA, sizeof CANNED_DELTA - 1);
        lua_call(L, 1, 1);
        lua_pop(L, 1);
    }
    return (cpu_us() - from) / (MANY - FEW);
}

static void bench_deltas(const char *perigee)
{
    static const char *const HOW[][2] = {{"--events", "CPU a delta, to a line of JSON"},
                                         {"--json", "CPU a delta, to an event"}};
    lua_State               *L = luaL_newstate();
    lua_pushcfunction(L, luaopen_cjson);
    lua_call(L, 0, 1);
    for (size_t way = 0; way < 2; way++) {
        double ours[RUNS], bare[RUNS];
        for (int i = 0; i < RUNS; i++) {
            double few = run_ours(perigee, HOW[way][0], FEW);
            ours[i] = (run_ours(perigee, HOW[way][0], MANY) - few) * 1e3 / (MANY - FEW);
            bare[i] = decode_bare(L);
        }
        bench_row(HOW[way][1], "us", bench_median(ours, RUNS), "lua-cjson decode, same bytes",
                  bench_median(bare, RUNS));
    }
    lua_close(L);
}

/* -- requests a second ------------------------------------------------------------------------- */

typedef struct Ours {
    Loop      *loop;
    Transport *transport;
    char       url[120];
    int        to_begin, under_way;
} Ours;

static void begin_one(Ours *ours);

static void on_head(void *arg, const HttpHead *head)
{
    (void)arg;
    if (head->status != 200) die("our client: an answer that is not 200");
}

static void on_data(void *arg, Str bytes) { (void)arg, (void)bytes; }

static void on_end(void *arg, const Err *outcome)
{
    Ours *ours = arg;
    if (outcome->status != ST_OK) die(outcome->text);
    ours->under_way--;
    if (ours->to_begin > 0)
        begin_one(ours);
    else if (ours->under_way == 0)
        loop_stop(ours->loop);
}

static void begin_one(Ours *ours)
{
    static const HttpEvents EVENTS = {on_head, on_data, on_end};
    static const HttpHeader TYPE = {{"content-type", 12}, {"application/json", 16}};
    HttpRequest             request = {.method = STR("POST"),
                                       .url = str_from(ours->url),
                                       .headers = &TYPE,
                                       .header_count = 1,
                                       .body = STR(BARE_BODY),
                                       .connect_ms = 20000,
                                       .first_byte_ms = 20000,
                                       .idle_ms = 20000,
                                       .deadline = DEADLINE_NEVER,
                                       .body_limit = LIMIT_REPLY};
    HttpCall               *call;
    Err                     err;
    ours->to_begin--;
    ours->under_way++;
    if (http_begin(ours->transport, &request, &EVENTS, ours, &call, &err) != ST_OK) die(err.text);
}

static double requests_ours(Ours *ours, int at_once, int count)
{
    double from = bench_now_us();
    ours->to_begin = count;
    for (int i = 0; i < at_once && ours->to_begin > 0; i++) begin_one(ours);
    if (!loop_run(ours->loop)) die("our client: nothing happens any more");
    return count / ((bench_now_us() - from) / 1e6);
}

static void bench_requests(int at_once, int count)
{
    static Bare bare;
    Ours        ours = {0};
    Err         err;
    char        what[60];
    double      rate[2][ROUNDS];
    snprintf(ours.url, sizeof ours.url, "%s/stream/%d/v1/messages", server_url, PIECES);
    if (loop_new(&ours.loop, false, &err) != ST_OK ||
        transport_new(ours.loop, &ours.transport, &err) != ST_OK)
        die(err.text);
    bare_open(&bare, ours.url, at_once);
    for (int i = -1; i < ROUNDS; i++) { /* the first opens the connections */
        double mine = requests_ours(&ours, at_once, count), other = bare_requests(&bare, count);
        if (i >= 0) rate[0][i] = mine, rate[1][i] = other;
    }
    snprintf(what, sizeof what, "requests, %d at a time", at_once);
    bench_row(what, "/s", bench_median(rate[0], ROUNDS), "bare libcurl multi on epoll",
              bench_median(rate[1], ROUNDS));
    bare_close(&bare);
    transport_free(ours.transport);
    loop_free(ours.loop);
}

static void make_workspace(void)
{
    const char *tmp = getenv("TMPDIR");
    char        path[PATH_MAX];
    snprintf(folder, sizeof folder, "%.1000s/stream-bench-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(folder)) die("mkdtemp");
    snprintf(path, sizeof path, "%s/workspace", folder);
    if (mkdir(path, 0700) != 0) die("mkdir");
}

int main(void)
{
    struct rlimit files;
    const char   *perigee = getenv("PERIGEE"), *build = getenv("BUILD");
    if (!perigee || !build) die("PERIGEE and BUILD are not set; make bench sets them");
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) die("getrlimit");
    files.rlim_cur = files.rlim_max; /* the server inherits it */
    if (setrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur < 2 * BARE_AT_ONCE + 100)
        die("too few descriptors are allowed: ulimit -Hn has to be 2100 or more");
    curl_global_init(CURL_GLOBAL_DEFAULT);
    atexit(clean_up);
    make_workspace();
    server = canned_start(build, server_url, sizeof server_url);
    if (server <= 0) die("canned_server does not start");
    bench_deltas(perigee);
    bench_requests(1, 1000);
    bench_requests(100, 4000);
    bench_requests(1000, 4000);
    return 0;
}
