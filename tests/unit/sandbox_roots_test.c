/* Paths outside the workspace that one tool was granted: its commands see them, no others do. */
#include "sandbox_try.h"

#include <sys/stat.h>

static Try outside; /* only its folder and files are used */

static char data[100], inner[120], lone[120], missing[120];

/* A folder beside the workspace, with a nested one and a file that are granted by themselves. */
static bool open_with_roots(Try *t, bool writes)
{
    static RootGrant roots[5];
    if (!try_open(t)) return false;
    try_loop(&outside);
    try_file(&outside, "data/top", "top\n");
    try_file(&outside, "data/inner/leaf", "leaf\n");
    try_file(&outside, "lone", "lone\n");
    snprintf(data, sizeof data, "%s/data", outside.folder);
    snprintf(inner, sizeof inner, "%s/inner", data);
    snprintf(lone, sizeof lone, "%s/lone", outside.folder);
    snprintf(missing, sizeof missing, "%s/missing", outside.folder);
    roots[0] = (RootGrant){data, writes};
    roots[1] = (RootGrant){inner, false};
    roots[2] = (RootGrant){lone, false};
    roots[3] = (RootGrant){missing, true};
    space_free(t->space);
    t->space_spec.roots = roots;
    CHECK(try_space(t));
    return true;
}

static void close_with_roots(Try *t)
{
    try_close(t);
    try_close(&outside);
}

#define OPEN_WITH_ROOTS(t, writes)                                                                 \
    static Try t;                                                                                  \
    if (!open_with_roots(&t, writes)) SKIP(t.why)

/* Runs a script with the paths as $1 to $4; shown are those in `roots`. */
static const char *seen(Try *t, const RootGrant *roots, const char *script)
{
    const char *const argv[] = {"/bin/sh", "-c", script, "sh", data, inner, lone, missing, NULL};
    t->spec.roots = roots;
    t->err.text[0] = '\0';
    try_argv(t, argv);
    if (t->err.status != ST_OK) return t->err.text;
    return t->out;
}

TEST(a_command_sees_what_it_was_granted_and_the_next_one_does_not)
{
    static const char script[] = "cat $1/top $1/inner/leaf $3 2>/dev/null; ls -A $4 2>/dev/null; :";
    OPEN_WITH_ROOTS(t, false);
    CHECK_TEXT(seen(&t, (RootGrant[]){{data, false}, {NULL, false}}, script), "top\nleaf\n");
    CHECK_TEXT(seen(&t, NULL, script), "");
    CHECK_TEXT(seen(&t, (RootGrant[]){{lone, false}, {NULL, false}}, script), "lone\n");
    CHECK_TEXT(seen(&t, (RootGrant[]){{inner, false}, {missing, false}, {NULL, false}}, script),
               "leaf\n");
    CHECK_TEXT(seen(&t, (RootGrant[]){{inner, false}, {data, false}, {NULL, false}}, script),
               "top\nleaf\n");
    close_with_roots(&t);
}

TEST(where_granted_paths_are_kept_is_out_of_reach)
{
    OPEN_WITH_ROOTS(t, true);
    CHECK_TEXT(
        seen(&t, (RootGrant[]){{lone, false}, {NULL, false}},
             "ls -A /.granted /.granted/0; cat /.granted/0/top; find / -name leaf 2>/dev/null; "
             "chmod 700 /.granted; umount /.granted; cat /proc/1/root/.granted/0/top; "
             "cat $3"),
        "lone\n");
    close_with_roots(&t);
}

TEST(a_granted_path_is_written_only_where_that_was_granted)
{
    static const char script[] =
        "(echo x > $1/made) 2>/dev/null && echo wrote; (echo x > $1/inner/made) 2>/dev/null && "
        "echo wrote inner; :";
    OPEN_WITH_ROOTS(t, true);
    CHECK_TEXT(seen(&t, (RootGrant[]){{data, false}, {NULL, false}}, script), "");
    CHECK_TEXT(seen(&t, (RootGrant[]){{data, true}, {NULL, false}}, script),
               "wrote\nwrote inner\n");
    CHECK_TEXT(seen(&t, (RootGrant[]){{data, true}, {inner, false}, {NULL, false}}, script),
               "wrote\n");
    /* the workspace's own rule stays what it is */
    t.spec.writes = false;
    CHECK_TEXT(seen(&t, (RootGrant[]){{data, true}, {NULL, false}},
                    "echo x > $1/made && (echo x > made) 2>/dev/null || echo kept"),
               "kept\n");
    close_with_roots(&t);
}

TEST(what_was_not_granted_when_the_run_began_is_refused)
{
    OPEN_WITH_ROOTS(t, false);
    seen(&t, (RootGrant[]){{"/var/lib", false}, {NULL, false}}, "echo ran");
    CHECK_INT(t.err.status, ST_DENIED);
    CHECK(strstr(t.err.text, "/var/lib was not granted when the run began") != NULL);
    seen(&t, (RootGrant[]){{data, true}, {NULL, false}}, "echo ran"); /* only to read */
    CHECK_INT(t.err.status, ST_DENIED);
    close_with_roots(&t);
}

TEST(a_path_that_would_undo_other_rules_cannot_be_granted)
{
    static Try t;
    try_loop(&t);
    t.space_spec.workspace = t.folder;
    t.space_spec.helper = try_helper();
    char below[100];
    snprintf(below, sizeof below, "%s/sub", t.folder);
    static const struct {
        const char *path;
        Status      status;
    } bad[] = {{"/", ST_INVALID},          {"relative", ST_INVALID}, {"/opt/../etc", ST_INVALID},
               {"/opt//x", ST_INVALID},    {"/opt/", ST_INVALID},    {"/proc/1", ST_DENIED},
               {"/dev", ST_DENIED},        {"/tmp", ST_DENIED},      {"/sys/kernel", ST_DENIED},
               {"/.granted/0", ST_DENIED}, {NULL, ST_DENIED}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *path = bad[i].path ? bad[i].path : below;
        t.space_spec.roots = (RootGrant[]){{path, false}, {NULL, false}};
        Status status = space_new(t.loop, &t.space_spec, &t.space, &t.err);
        if (status != bad[i].status) printf("# %s: %s\n", path, t.err.text);
        CHECK_INT(status, bad[i].status);
    }
    t.space = NULL;
    try_close(&t);
}

TEST(what_others_leave_at_home_does_not_act_with_what_a_command_was_granted)
{
    static const char plant[] =
        "git config --global alias.look '!cat'; git config --global alias.look; "
        "mkdir -p ~/.local && echo RAN",
                      use[] = "git look $3; test -w ~ && echo RAN";
    OPEN_WITH_ROOTS(t, false);
    CHECK_TEXT(seen(&t, NULL, plant), "!cat\nRAN\n");
    CHECK_TEXT(seen(&t, NULL, "git look inner.txt </dev/null; git config --global alias.look"),
               "!cat\n"); /* there it is, for who may do no more */
    CHECK_TEXT(seen(&t, (RootGrant[]){{lone, false}, {NULL, false}}, use), "RAN\n");
    t.spec.own_home = true;
    CHECK_TEXT(seen(&t, NULL, use), "RAN\n");
    t.spec.own_home = false;
    close_with_roots(&t);
}

int main(void) { return try_main(); }
