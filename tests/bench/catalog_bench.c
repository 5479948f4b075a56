/* Catalogs of 50, 500 and 5,000 definitions, each with nine edges: loaded (`agents list`) and
 * checked
 * (`agents check`), beside reading the same files and nothing else. The rows of growth set the
 * large catalog beside ten times the one a tenth of its size: 1 is linear, less is the cost of a
 * start that both have once, 10 would be quadratic.
 *
 * Use     PERIGEE=./perigee build/release/tests/bench/catalog_bench
 */
#include "process.h"

#include <limits.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZES = 3, RUNS = 5, MOST_NAME = 100 };

static const int   COUNTS[SIZES] = {50, 500, 5000};
static const char *PERIGEE;
static char        folder[PATH_MAX / 4];

static void clean_up(void)
{
    char *argv[] = {"rm", "-rf", "--", folder, NULL};
    pid_t pid;
    if (folder[0] && posix_spawnp(&pid, argv[0], NULL, NULL, argv, NULL) == 0)
        waitpid(pid, NULL, 0);
}

static void die(const char *what)
{
    fprintf(stderr, "catalog_bench: %s\n", what);
    exit(1);
}

/* The n-th agent's name: few words, shared by many, as in a family of agents. */
static void name_of(int n, char name[static MOST_NAME])
{
    static const char *const AREAS[] = {"backend",  "frontend", "mobile",  "quality",
                                        "security", "data",     "release", "network",
                                        "storage",  "billing",  "search",  "design"};
    static const char *const ROLES[] = {"director", "senior", "junior", "lead"};
    snprintf(name, MOST_NAME, "%05d-%s-%s-%s-guardian", n, AREAS[n % 12], AREAS[n / 12 % 12],
             ROLES[n % 4]);
}

static void write_definition(const char *agents, int n, int count)
{
    char name[MOST_NAME], other[8][MOST_NAME], path[PATH_MAX + MOST_NAME + 8];
    name_of(n, name);
    for (int i = 0; i < 8; i++) name_of((n * 7 + i * 13 + 1) % count, other[i]);
    other[3][strlen(other[3]) - strlen("-guardian")] = 0; /* cut short */
    other[4][0] = '9';                                    /* nobody */
    snprintf(path, sizeof path, "%s/%s.md", agents, name);
    FILE *file = fopen(path, "w");
    if (!file) die("a definition cannot be written");
    fprintf(file,
            "---\nname: %s\ndescription: Does part %d of the work.\ntools: [read, grep]\n---\n"
            "You do part %d.\n\n## Agent Relationships\n### Input Sources\n- **User**: wishes\n"
            "- **%s**: findings\n\n### Output Destinations\n**Primary Chain (Sequential)**:\n"
            "1. **%s** - for the next part\n2. **%s** - for the part after\n\n"
            "**Conditional Chains**:\n- If **late** \xe2\x86\x92 **%s**\n\n"
            "### Next Agents (Auto-chain to):\n- %s (who is gone)\n- %s (for a look)\n\n"
            "### Escalate To:\n- User (for money)\n\n### Trigger Phrases for Auto-Chaining\n"
            "- \"Part done - %s goes on\"\n",
            name, n, n, other[0], other[1], other[2], other[3], other[4], other[5], other[6]);
    if (fclose(file) != 0) die("a definition cannot be written");
}

static void make_catalogs(void)
{
    const char *tmp = getenv("TMPDIR");
    char        path[PATH_MAX];
    snprintf(folder, sizeof folder, "%.900s/catalog-bench-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(folder)) die("mkdtemp");
    for (int size = 0; size < SIZES; size++) {
        snprintf(path, sizeof path, "%s/%d", folder, COUNTS[size]);
        if (mkdir(path, 0700) != 0) die("mkdir");
        snprintf(path, sizeof path, "%s/%d/agents", folder, COUNTS[size]);
        if (mkdir(path, 0700) != 0) die("mkdir");
        for (int n = 0; n < COUNTS[size]; n++) write_definition(path, n, COUNTS[size]);
    }
}

typedef enum Work { LOAD, CHECK, READ, WORKS } Work;

static Cost run(Work work, int count)
{
    char  project[PATH_MAX / 2], agents[PATH_MAX], home[PATH_MAX];
    char  path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
    char *perigee = (char *)(uintptr_t)PERIGEE;
    snprintf(project, sizeof project, "%s/%d", folder, count);
    snprintf(agents, sizeof agents, "%s/agents", project);
    snprintf(home, sizeof home, "HOME=%s", folder);
    char              *load[] = {perigee, "agents", "list", "--project", project, NULL};
    char              *check[] = {perigee, "agents", "check", agents, NULL};
    char              *read[] = {"/bin/sh", "-c", "cat -- \"$0\"/*.md", agents, NULL};
    char              *envp[] = {path, home, NULL};
    char *const *const ways[WORKS] = {load, check, read};
    return process_measure("catalog_bench", ways[work], envp);
}

int main(void)
{
    static double            wall[WORKS][SIZES][RUNS], peak[WORKS][SIZES][RUNS];
    double                   ms[WORKS][SIZES], mb[WORKS][SIZES];
    static const char *const NAMES[] = {"load", "check"};
    PERIGEE = getenv("PERIGEE");
    if (!PERIGEE) die("PERIGEE is not set; make bench sets it");
    atexit(clean_up);
    make_catalogs();
    for (int i = 0; i < RUNS; i++)
        for (int size = 0; size < SIZES; size++)
            for (int work = 0; work < WORKS; work++) {
                Cost cost = run((Work)work, COUNTS[size]);
                wall[work][size][i] = cost.wall_ms;
                peak[work][size][i] = cost.peak_mb;
            }
    for (int work = 0; work < WORKS; work++)
        for (int size = 0; size < SIZES; size++) {
            ms[work][size] = bench_median(wall[work][size], RUNS);
            mb[work][size] = bench_median(peak[work][size], RUNS);
        }
    for (int work = 0; work < READ; work++)
        for (int size = 0; size < SIZES; size++) {
            char what[64];
            snprintf(what, sizeof what, "%s %d definitions: wall time", NAMES[work], COUNTS[size]);
            bench_row(what, "ms", ms[work][size], "the same files through cat", ms[READ][size]);
            snprintf(what, sizeof what, "%s %d definitions: peak memory", NAMES[work],
                     COUNTS[size]);
            bench_row(what, "MB", mb[work][size], "the same files through cat", mb[READ][size]);
        }
    for (int work = 0; work < READ; work++)
        for (int size = 1; size < SIZES; size++) {
            char what[64];
            snprintf(what, sizeof what, "%s: growth from %d to %d", NAMES[work], COUNTS[size - 1],
                     COUNTS[size]);
            bench_row(what, "ms", ms[work][size], "ten times the smaller one",
                      10 * ms[work][size - 1]);
            bench_row(what, "MB", mb[work][size], "ten times the smaller one",
                      10 * mb[work][size - 1]);
        }
    return 0;
}
