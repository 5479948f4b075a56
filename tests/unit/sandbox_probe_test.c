/* What is remembered of a probe, and when it is not believed; the bounds of the survey. */
#include "sandbox_try.h"

#include <fcntl.h>
#include <sys/stat.h>

static char memory[200]; /* the file, below the test's own folder */

/* Beside the workspace, which may not hold it. */
static void use_state(const Try *t)
{
    char folder[150];
    snprintf(folder, sizeof folder, "%s-state", t->folder);
    CHECK_INT(mkdir(folder, 0700), 0);
    setenv("XDG_STATE_HOME", folder, 1);
    snprintf(memory, sizeof memory, "%s/perigee/sandbox-works", folder);
}

static void drop_state(void)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", getenv("XDG_STATE_HOME"));
    CHECK_INT(system(command), 0);
    unsetenv("XDG_STATE_HOME");
}

/* A copy of the helper, which may be changed. */
static const char *own_helper(const Try *t)
{
    static char path[150];
    char        command[PATH_MAX + 400];
    snprintf(path, sizeof path, "%s/helper", t->folder);
    snprintf(command, sizeof command, "cp '%s' '%s'", try_helper(), path);
    if (system(command) != 0) abort();
    return path;
}

static Status probe_with(Try *t, const char *helper)
{
    if (sandbox_probe(t->loop, helper, try_probed, t, &t->err) == ST_OK) loop_run(t->loop);
    return t->err.status;
}

TEST(a_success_is_remembered_for_this_boot_this_helper_and_this_user)
{
    TRY_OPEN(t);
    use_state(&t);
    const char *helper = own_helper(&t);
    CHECK(!sandbox_known(helper));
    CHECK_INT(probe_with(&t, helper), ST_OK);
    CHECK(sandbox_known(helper));
    CHECK(!sandbox_known(try_helper())); /* another inode */
    struct stat info;
    CHECK_INT(stat(memory, &info), 0);
    CHECK_INT(info.st_mode & 0777, 0600);
    struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    CHECK_INT(utimensat(AT_FDCWD, helper, times, 0), 0); /* it was built anew */
    CHECK(!sandbox_known(helper));
    drop_state();
    try_close(&t);
}

TEST(a_memory_that_others_could_have_written_is_not_believed)
{
    TRY_OPEN(t);
    use_state(&t);
    CHECK_INT(probe_with(&t, try_helper()), ST_OK);
    CHECK(sandbox_known(try_helper()));
    CHECK_INT(chmod(memory, 0660), 0);
    CHECK(!sandbox_known(try_helper()));
    CHECK_INT(chmod(memory, 0600), 0);
    CHECK(sandbox_known(try_helper()));
    char aside[220];
    snprintf(aside, sizeof aside, "%s.aside", memory);
    CHECK_INT(rename(memory, aside), 0);
    CHECK_INT(symlink(aside, memory), 0);
    CHECK(!sandbox_known(try_helper()));
    drop_state();
    try_close(&t);
}

TEST(a_failure_is_not_remembered_and_ends_what_was)
{
    TRY_OPEN(t);
    use_state(&t);
    CHECK_INT(probe_with(&t, try_helper()), ST_OK);
    CHECK(access(memory, F_OK) == 0);
    CHECK_INT(probe_with(&t, "/bin/false"), ST_UNAVAILABLE);
    CHECK(access(memory, F_OK) != 0);
    drop_state();
    try_close(&t);
}

TEST(a_command_that_cannot_be_jailed_ends_what_was_remembered)
{
    TRY_OPEN(t);
    use_state(&t);
    CHECK_INT(probe_with(&t, try_helper()), ST_OK);
    space_free(t.space);
    t.space_spec = (SpaceSpec){.workspace = t.folder, .helper = "/bin/false"};
    CHECK_INT(space_new(t.loop, &t.space_spec, &t.space, &t.err), ST_OK);
    try_argv(&t, (const char *const[]){"true", NULL});
    CHECK_INT(t.err.status, ST_UNAVAILABLE);
    CHECK(access(memory, F_OK) != 0);
    drop_state();
    try_close(&t);
}

/* What was not looked at could not be masked, so nothing runs. */
TEST(a_workspace_with_more_secrets_than_are_masked_runs_nothing)
{
    TRY_OPEN(t);
    char name[100];
    for (int i = 0; i <= 4000; i++) {
        snprintf(name, sizeof name, "%s/.env.%d", t.folder, i);
        int fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        close(fd);
    }
    try_argv(&t, (const char *const[]){"true", NULL});
    CHECK_INT(t.err.status, ST_LIMIT);
    CHECK(strstr(t.err.text, "more than 4000 files to mask") != NULL);
    try_close(&t);
}

TEST(a_workspace_deeper_than_is_looked_into_runs_nothing)
{
    TRY_OPEN(t);
    char   path[1000];
    size_t len = (size_t)snprintf(path, sizeof path, "%s", t.folder);
    for (int i = 0; i <= 201; i++) {
        len += (size_t)snprintf(path + len, sizeof path - len, "/d");
        CHECK_INT(mkdir(path, 0700), 0);
    }
    try_argv(&t, (const char *const[]){"true", NULL});
    CHECK_INT(t.err.status, ST_LIMIT);
    CHECK(strstr(t.err.text, "folders deeper than 200 levels") != NULL);
    try_close(&t);
}

int main(void) { return try_main(); }
