/* Copies of a workspace: what is in them, what is left out, and that they go. */
#include "../../host/files/copy.h"
#include "../../host/files/scratch.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "files_support.h"

static atomic_bool stop;
static Copy       *copy;

static Status make(Yard *yard)
{
    char cache[100];
    snprintf(cache, sizeof cache, "%s/cache", yard->base);
    atomic_store(&stop, false);
    err_clear(&yard->err);
    return copy_new(yard->root, cache, &stop, &copy, &yard->err);
}

/* What stands below the copy's folder, as a path below the yard. Static. */
static const char *in_copy(const Yard *yard, const char *name)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", copy_folder(copy) + strlen(yard->base) + 1, name);
    return path;
}

TEST(both_trees_hold_the_files_with_their_modes_and_times)
{
    Yard yard;
    yard_begin(&yard, NULL);
    put_folder(&yard, "root/src");
    put_file(&yard, "root/src/a.c", "int a;\n");
    put_file(&yard, "root/run.sh", "true\n");
    char path[200];
    snprintf(path, sizeof path, "%s/root/run.sh", yard.base);
    CHECK(chmod(path, 0755) == 0);
    struct timespec times[2] = {{1000, 0}, {2000, 500}};
    CHECK(utimensat(AT_FDCWD, path, times, 0) == 0);
    CHECK_INT(make(&yard), ST_OK);
    CHECK_TEXT(text_of(&yard, in_copy(&yard, "a/src/a.c")), "int a;\n");
    CHECK_TEXT(text_of(&yard, in_copy(&yard, "b/src/a.c")), "int a;\n");
    struct stat st = stat_of(&yard, in_copy(&yard, "b/run.sh"));
    CHECK_INT(st.st_mode & 0777, 0755);
    CHECK(st.st_mtim.tv_sec == 2000 && st.st_mtim.tv_nsec == 500);
    put_file(&yard, in_copy(&yard, "b/src/a.c"), "changed");
    CHECK_TEXT(text_of(&yard, "root/src/a.c"), "int a;\n");
    CHECK_TEXT(text_of(&yard, in_copy(&yard, "a/src/a.c")), "int a;\n");
    copy_free(copy);
    CHECK_INT(entries_in(&yard, "cache/copies"), 0);
    yard_end(&yard);
}

TEST(secrets_fifos_and_git_folders_are_left_out_and_links_stay_links)
{
    Yard yard;
    yard_begin(&yard, NULL);
    put_file(&yard, "root/.env", "KEY=1\n");
    put_file(&yard, "root/plain2", "y");
    put_link(&yard, "root/out", "../outside");
    put_link(&yard, "root/in", "plain");
    put_file(&yard, "root/plain", "x");
    put_folder(&yard, "root/.git");
    put_file(&yard, "root/.git/HEAD", "ref\n");
    put_folder(&yard, "root/sub");
    put_folder(&yard, "root/sub/.git");
    put_file(&yard, "root/sub/.git/HEAD", "ref\n");
    put_file(&yard, "root/sub/id_rsa", "key\n");
    char path[200];
    snprintf(path, sizeof path, "%s/root/fifo", yard.base);
    CHECK(mkfifo(path, 0600) == 0);
    CHECK_INT(make(&yard), ST_OK);
    CHECK_TEXT(text_of(&yard, in_copy(&yard, "b/.env")), "(none)");
    CHECK_TEXT(text_of(&yard, in_copy(&yard, "b/sub/id_rsa")), "(none)");
    CHECK(S_ISLNK(stat_of(&yard, in_copy(&yard, "b/out")).st_mode));
    CHECK_TEXT(text_of(&yard, in_copy(&yard, "b/in")), "x");
    CHECK_INT(entries_in(&yard, in_copy(&yard, "a")), 5); /* out in plain plain2 sub */
    CHECK_TEXT(text_of(&yard, in_copy(&yard, "b/.git/HEAD")), "ref\n");
    CHECK_INT(entries_in(&yard, in_copy(&yard, "b/sub")), 0);
    put_folder(&yard, in_copy(&yard, "b/sub/.git"));
    put_file(&yard, in_copy(&yard, "b/sub/.git/x"), "x");
    CHECK_INT(copy_seal(copy, &yard.err), ST_OK);
    CHECK_INT(entries_in(&yard, in_copy(&yard, "b")), 5);
    CHECK_INT(entries_in(&yard, in_copy(&yard, "b/sub")), 0);
    copy_free(copy);
    yard_end(&yard);
}

TEST(a_copy_is_removed_whatever_its_user_did_to_its_folders)
{
    Yard yard;
    yard_begin(&yard, NULL);
    put_folder(&yard, "root/shut");
    put_file(&yard, "root/shut/x", "x");
    CHECK_INT(make(&yard), ST_OK);
    char path[400];
    snprintf(path, sizeof path, "%s/shut", copy_work(copy));
    CHECK(chmod(path, 0) == 0);
    copy_free(copy);
    CHECK_INT(entries_in(&yard, "cache/copies"), 0);
    yard_end(&yard);
}

TEST(one_that_was_cancelled_leaves_nothing)
{
    Yard yard;
    yard_begin(&yard, NULL);
    put_file(&yard, "root/x", "x");
    char cache[100];
    snprintf(cache, sizeof cache, "%s/cache", yard.base);
    atomic_store(&stop, true);
    CHECK_INT(copy_new(yard.root, cache, &stop, &copy, &yard.err), ST_CANCELLED);
    CHECK_INT(entries_in(&yard, "cache/copies"), 0);
    yard_end(&yard);
}

TEST(folders_that_nest_too_deep_are_an_error_and_leave_nothing)
{
    Yard yard;
    yard_begin(&yard, NULL);
    char path[600] = "root/d";
    for (int i = 0; i <= COPY_DEPTH_MAX; i++) {
        put_folder(&yard, path);
        strcat(path, "/d");
    }
    CHECK_INT(make(&yard), ST_LIMIT);
    CHECK(strstr(yard.err.text, "nest deeper") != NULL);
    CHECK_INT(entries_in(&yard, "cache/copies"), 0);
    yard_end(&yard);
}

static void make_old(Yard *yard)
{
    char            path[700];
    struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    snprintf(path, sizeof path, "%s/lock", copy_folder(copy));
    CHECK_INT(utimensat(AT_FDCWD, path, times, 0), 0);
    (void)yard;
}

TEST(what_was_left_is_taken_up_again_by_its_name_and_by_one_at_a_time)
{
    Yard  yard;
    char  cache[100], name[COPY_NAME_SIZE];
    Copy *second = NULL;
    yard_begin(&yard, NULL);
    put_file(&yard, "root/x", "x");
    snprintf(cache, sizeof cache, "%s/cache", yard.base);
    CHECK_INT(make(&yard), ST_OK);
    put_file(&yard, in_copy(&yard, "b/x"), "changed");
    snprintf(name, sizeof name, "%s", copy_name(copy));
    CHECK_INT(copy_again(cache, name, &second, &yard.err), ST_UNAVAILABLE);
    make_old(&yard);
    copy_leave(copy);
    CHECK_INT(copy_again(cache, name, &copy, &yard.err), ST_OK);
    CHECK_TEXT(text_of(&yard, in_copy(&yard, "b/x")), "changed");
    copy_leave(copy);
    copy_sweep(cache);
    CHECK_INT(entries_in(&yard, "cache/copies"), 1);
    CHECK_INT(copy_again(cache, name, &copy, &yard.err), ST_OK);
    char work[200], aside[220];
    snprintf(work, sizeof work, "%s", copy_work(copy));
    snprintf(aside, sizeof aside, "%s.aside", work);
    copy_leave(copy);
    CHECK_INT(rename(work, aside), 0);
    CHECK_INT(symlink(yard.base, work), 0);
    CHECK_INT(copy_again(cache, name, &second, &yard.err), ST_NOT_FOUND);
    CHECK_INT(unlink(work), 0);
    CHECK_INT(rename(aside, work), 0);
    CHECK_INT(copy_again(cache, name, &copy, &yard.err), ST_OK);
    copy_free(copy);
    CHECK_INT(copy_again(cache, name, &second, &yard.err), ST_NOT_FOUND);
    CHECK_INT(copy_again(cache, "../x", &second, &yard.err), ST_INVALID);
    yard_end(&yard);
}

TEST(what_a_killed_process_left_long_ago_is_swept_and_what_a_living_one_has_is_not)
{
    Yard yard;
    yard_begin(&yard, NULL);
    char cache[100];
    put_file(&yard, "root/x", "x");
    snprintf(cache, sizeof cache, "%s/cache", yard.base);
    pid_t pid = fork();
    if (pid == 0) {
        if (make(&yard) == ST_OK) make_old(&yard);
        _exit(0); /* as if killed: nobody frees it */
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_INT(entries_in(&yard, "cache/copies"), 1);
    CHECK_INT(make(&yard), ST_OK);
    make_old(&yard);
    copy_sweep(cache);
    CHECK_INT(entries_in(&yard, "cache/copies"), 1);
    CHECK_TEXT(text_of(&yard, in_copy(&yard, "b/x")), "x");
    copy_free(copy);
    yard_end(&yard);
}

TEST(a_copy_has_no_drafts_neither_the_workspaces_nor_what_was_left_in_it)
{
    Yard yard;
    char cache[100], name[COPY_NAME_SIZE];
    yard_begin(&yard, NULL);
    put_file(&yard, "root/x", "x");
    put_file(&yard, "root/.new-0123456789abcdef", "half of something");
    snprintf(cache, sizeof cache, "%s/cache", yard.base);
    CHECK_INT(make(&yard), ST_OK);
    CHECK_TEXT(text_of(&yard, in_copy(&yard, "a/.new-0123456789abcdef")), "(none)");
    CHECK_TEXT(text_of(&yard, in_copy(&yard, "b/.new-0123456789abcdef")), "(none)");
    put_file(&yard, in_copy(&yard, "b/.new-fedcba9876543210"), "of a process that was killed");
    snprintf(name, sizeof name, "%s", copy_name(copy));
    copy_leave(copy);
    CHECK_INT(copy_again(cache, name, &copy, &yard.err), ST_OK);
    CHECK_TEXT(text_of(&yard, in_copy(&yard, "b/.new-fedcba9876543210")), "(none)");
    CHECK_TEXT(text_of(&yard, in_copy(&yard, "b/x")), "x");
    copy_free(copy);
    yard_end(&yard);
}

int main(void) { return tap_run(); }
