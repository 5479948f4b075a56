/* main.c -- from the command line to one verb.
 *
 * --version and --help start no VM. Everything else is lua/cli/VERB.lua, which gets what its row in
 * the table grants and nothing more.
 */
#include "base/log.h"
#include "base/version.h"
#include "http/secrets.h"
#include "script/bind.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct VerbRow {
    const char *name, *summary;
    unsigned    grants;
} VERBS[] = {
    {"run", "run an agent or a chain on a task",
     GRANT_PRINT | GRANT_FILES | GRANT_JOURNAL | GRANT_RUN | GRANT_DECIDE | GRANT_TRUST},
    {"route", "say who would get a task or go on after a reply, and why",
     GRANT_PRINT | GRANT_FILES | GRANT_DECIDE | GRANT_TRUST},
    {"agents", "list, show and check the agents of a project",
     GRANT_PRINT | GRANT_FILES | GRANT_DECIDE | GRANT_TRUST},
    {"tools", "list and show the tools, call one by hand",
     GRANT_PRINT | GRANT_FILES | GRANT_JOURNAL | GRANT_RUN | GRANT_DECIDE | GRANT_TRUST},
    {"exec", "run one command in the sandbox", GRANT_PRINT | GRANT_FILES | GRANT_RUN | GRANT_TRUST},
    {"runs", "list, show, answer, resume, fork, export and prune what ran",
     GRANT_PRINT | GRANT_FILES | GRANT_JOURNAL | GRANT_SAVE | GRANT_PRUNE | GRANT_RUN |
         GRANT_DECIDE | GRANT_TRUST},
    {"models", "list models, serve a rehearsal on loopback",
     GRANT_PRINT | GRANT_FILES | GRANT_RUN | GRANT_DECIDE | GRANT_LISTEN | GRANT_TRUST},
    {"trust", "say whose Lua may be loaded; list and revoke",
     GRANT_PRINT | GRANT_FILES | GRANT_TRUST},
    {"test", "run the Lua tests of a project",
     GRANT_PRINT | GRANT_FILES | GRANT_JOURNAL | GRANT_RUN | GRANT_DECIDE | GRANT_TRUST},
    {"doctor", "say whether the sandbox works here, and which settings hold",
     GRANT_PRINT | GRANT_FILES | GRANT_RUN | GRANT_TRUST},
    {"help", "this list, or what a verb takes", 0}, /* main's own */
};

static void print_help(FILE *to)
{
    fputs("perigee: run agents that are Markdown files, with tools and routing in Lua\n\n"
          "usage: perigee VERB [...]\n\n",
          to);
    for (size_t i = 0; i < sizeof VERBS / sizeof VERBS[0]; i++)
        fprintf(to, "  %-8s %s\n", VERBS[i].name, VERBS[i].summary);
    fputs("\nperigee VERB --help says more. First steps: perigee agents list\n"
          "                                       perigee run 062 \"what you want done\"\n",
          to);
}

/* Two rows of letters is all that a nearest verb needs: Levenshtein's distance. */
static size_t distance(const char *a, const char *b)
{
    size_t row[32];
    size_t len = strlen(b);
    if (len > 30 || strlen(a) > 30) return 99;
    for (size_t j = 0; j <= len; j++) row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= len; j++) {
            size_t change = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            size_t shift = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = change < shift ? change : shift;
        }
    }
    return row[len];
}

static int unknown_verb(const char *name)
{
    size_t best = 0;
    for (size_t i = 1; i < sizeof VERBS / sizeof VERBS[0]; i++)
        if (distance(name, VERBS[i].name) < distance(name, VERBS[best].name)) best = i;
    if (distance(name, VERBS[best].name) <= 2)
        log_plain("perigee: no verb '%s'; did you mean '%s'?", name, VERBS[best].name);
    else
        log_plain("perigee: no verb '%s'; perigee help lists them", name);
    return 2;
}

/* Where the program really lies: the distribution is found from there, never from the current
 * folder. */
static bool find_program(char *out, size_t size)
{
    ssize_t len = readlink("/proc/self/exe", out, size - 1);
    if (len <= 0) return false;
    out[len] = '\0';
    return true;
}

static int run_verb(const struct VerbRow *verb, int argc, char **argv)
{
    char    program[PATH_MAX];
    Engine *engine = NULL;
    Err     err;
    err_clear(&err);
    if (!find_program(program, sizeof program)) {
        fputs("perigee: /proc is needed to find the program's own files\n", stderr);
        return status_exit(ST_UNAVAILABLE);
    }
    secrets_open();
    EngineSpec spec = {.program = program, .shipped = shipped_find};
    if (engine_new(&spec, &engine, &err) != ST_OK) {
        fprintf(stderr, "perigee: %s\n", err.text);
        return status_exit(err.status);
    }
    int  code = engine_main(engine, verb->name, verb->grants, argc, argv);
    bool at_once = engine->interrupted;
    fflush(stdout);
    if (at_once) _exit(code); /* a thread may still wait for a name server or for stdin */
    engine_free(engine);
    secrets_close();
    return code;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    log_open();
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("perigee " VERSION);
        return 0;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        bool of_verb =
            argc > 2 && argv[1][0] != '-' && argv[2][0] != '-' && strcmp(argv[2], "help") != 0;
        if (!of_verb) {
            print_help(stdout);
            return 0;
        }
        static char flag[] = "--help"; /* help VERB [ACTION] is VERB [ACTION] --help */
        bool        of_action = argc > 3 && argv[3][0] != '-';
        argv[1] = argv[2];
        if (of_action) argv[2] = argv[3];
        argc = of_action ? 4 : 3;
        argv[argc - 1] = flag;
    }
    for (size_t i = 0; i < sizeof VERBS / sizeof VERBS[0]; i++)
        if (strcmp(argv[1], VERBS[i].name) == 0) return run_verb(&VERBS[i], argc - 2, argv + 2);
    return unknown_verb(argv[1]);
}
