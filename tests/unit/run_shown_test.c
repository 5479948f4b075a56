/* What of the user's machine a run's commands see: the lists that the user writes, checked. */
#include "../../host/run/shown.h"
#include "tap.h"

#include <limits.h>
#include <unistd.h>

static bool has(char **list, const char *text)
{
    for (; list && *list; list++)
        if (strcmp(*list, text) == 0) return true;
    return false;
}

static Status paths(const char *path, char ***out, Err *err)
{
    const char *const show[] = {path, NULL};
    return shown_paths(show, "/nowhere/state", out, err);
}

static Status try_path(const char *path, Err *err)
{
    char **list = NULL;
    Status status = paths(path, &list, err);
    shown_free(list);
    return status;
}

TEST(what_is_shown_is_a_folder_of_its_own)
{
    char  folder[] = "/tmp/perigee-test-XXXXXX", link[64], real[PATH_MAX];
    Err   err;
    char *home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;
    CHECK(mkdtemp(folder) != NULL && realpath(folder, real));
    snprintf(link, sizeof link, "%s/link", folder);
    setenv("HOME", folder, 1);
    CHECK_INT(try_path("/usr/lib", &err), ST_OK);
    CHECK_INT(try_path("/", &err), ST_DENIED);
    CHECK_INT(try_path("/tmp", &err), ST_DENIED); /* it holds the home folder */
    CHECK_INT(try_path(folder, &err), ST_DENIED);
    CHECK_INT(try_path("/proc/self", &err), ST_DENIED);
    CHECK_INT(try_path("/dev", &err), ST_DENIED);
    CHECK_INT(try_path("usr/lib", &err), ST_INVALID);
    CHECK_INT(try_path("/no/such/folder", &err), ST_NOT_FOUND);
    CHECK(symlink("/", link) == 0);
    CHECK_INT(try_path(link, &err), ST_DENIED); /* what it leads to counts */
    unlink(link);
    CHECK(symlink("/usr/lib", link) == 0);
    char **list = NULL;
    CHECK_INT(paths(link, &list, &err), ST_OK);
    CHECK(has(list, "/usr/lib") && has(list, link));
    shown_free(list);
    unlink(link);
    rmdir(folder);
    if (home) setenv("HOME", home, 1);
    free(home);
}

TEST(what_holds_the_state_is_not_shown)
{
    const char *const show[] = {"/usr", NULL};
    char            **list = NULL;
    Err               err;
    CHECK_INT(shown_paths(show, "/usr/lib", &list, &err), ST_DENIED);
    CHECK(strstr(err.text, "journal") != NULL);
    shown_free(list);
}

TEST(variables_are_passed_by_name_and_keys_are_not)
{
    char **list = NULL;
    Err    err;
    setenv("PERIGEE_TEST_A", "one=two", 1);
    unsetenv("PERIGEE_TEST_B");
    CHECK_INT(shown_variables((const char *const[]){"PERIGEE_TEST_A", "PERIGEE_TEST_B", NULL},
                              &list, &err),
              ST_OK);
    CHECK(has(list, "PERIGEE_TEST_A=one=two") && !list[1]);
    shown_free(list);
    static const char *const keys[] = {"MY_API_KEY", "gh_token", "A_SECRET", "DB_PASSWORD"};
    static const char *const none[] = {"", "A=B", "1A", "A B", "\303\244"};
    for (size_t i = 0; i < 4; i++) {
        CHECK_INT(shown_variables((const char *const[]){keys[i], NULL}, &list, &err), ST_DENIED);
        shown_free(list);
    }
    for (size_t i = 0; i < 5; i++) {
        CHECK_INT(shown_variables((const char *const[]){none[i], NULL}, &list, &err), ST_INVALID);
        shown_free(list);
    }
    unsetenv("PERIGEE_TEST_A");
}

int main(void) { return tap_run(); }
