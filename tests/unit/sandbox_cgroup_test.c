/* A part of the cgroup tree that is delegated to a process: how it is found, divided and given
 * back. Which controllers a machine has in version 2 differs, so the parts are tried with whichever
 * there is; memory and pids, as commands get them, only where they are. */
#include "../../host/sandbox/cgroup.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static char mount_point[PATH_MAX], delegated[PATH_MAX + 64], controller[64];
static char why[CGROUP_WHY];
static bool was_on; /* the controller, for those below the top, before this test */

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        printf("# write %s to %s: %s\n", text, path, strerror(errno));
    if (fd >= 0) close(fd);
}

static bool has_file(const char *folder, const char *name)
{
    char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

/* Finds the tree and its first controller. */
static bool find_tree(void)
{
    char  line[2 * PATH_MAX], path[PATH_MAX + 64];
    FILE *file = fopen("/proc/self/mountinfo", "r");
    while (file && !*mount_point && fgets(line, sizeof line, file))
        if (strstr(line, " - cgroup2 "))
            if (sscanf(line, "%*s %*s %*s / %4095s", mount_point) != 1) mount_point[0] = '\0';
    if (file) fclose(file);
    if (!*mount_point) return false;
    snprintf(path, sizeof path, "%s/cgroup.subtree_control", mount_point);
    file = fopen(path, "r"); /* what the top gives to those below it */
    bool found = file && fscanf(file, "%63s", controller) == 1;
    was_on = found;
    if (file) fclose(file);
    if (found) return true;
    snprintf(path, sizeof path, "%s/cgroup.controllers", mount_point);
    file = fopen(path, "r");
    found = file && fscanf(file, "%63s", controller) == 1;
    if (file) fclose(file);
    return found;
}

/* Runs `body` in a child that lives in a cgroup of its own below the top, marked as delegated or
 * not. Its exit code is the number of what failed there. */
static bool in_delegated(bool marked, int (*body)(void))
{
    char text[100];
    int  status = -1;
    if (geteuid() != 0 || !find_tree()) return false;
    snprintf(delegated, sizeof delegated, "%s/perigee-test-%d", mount_point, getpid());
    if (mkdir(delegated, 0755) != 0) return false;
    snprintf(text, sizeof text, "+%s", controller);
    write_file(mount_point, "cgroup.subtree_control", text);
    if (marked) setxattr(delegated, "trusted.delegate", "1", 1, 0);
    pid_t child = fork();
    if (child == 0) {
        snprintf(text, sizeof text, "%d", getpid());
        write_file(delegated, "cgroup.procs", text);
        tap_failed = false;
        int bad = body();
        fflush(stdout);
        _exit(bad || tap_failed ? 1 : 0);
    }
    waitpid(child, &status, 0);
    CHECK_INT(status, 0);
    CHECK_INT(rmdir(delegated), 0); /* nothing was left behind */
    snprintf(text, sizeof text, "-%s", controller);
    if (!was_on) write_file(mount_point, "cgroup.subtree_control", text);
    return true;
}

#define NEEDS_TREE                                                                                 \
    "only root can make a cgroup below the top of a tree of version 2, where there is one"

static int divide_and_give_back(void)
{
    const char *const   controllers[] = {controller, NULL};
    const CgroupSetting none[] = {{.file = NULL}};
    const CgroupSetting some[] = {{.file = "cgroup.max.depth", .value = 7},
                                  {.file = "no.such.file", .value = 1, .optional = true},
                                  {.file = NULL}};
    const CgroupSetting bad[] = {{.file = "no.such.file", .value = 1}, {.file = NULL}};
    char                leaf[PATH_MAX], other[PATH_MAX], path[2 * PATH_MAX], text[40] = "";
    CHECK(cgroup_hold(controllers, why, sizeof why));
    CHECK(cgroup_hold(controllers, why, sizeof why)); /* a second space */
    CHECK(cgroup_leaf(some, leaf));
    CHECK(cgroup_leaf(none, other));
    CHECK(strcmp(leaf, other) != 0);
    snprintf(path, sizeof path, "%s/cgroup.max.depth", leaf);
    FILE *file = fopen(path, "r");
    CHECK(file && fgets(text, sizeof text, file));
    CHECK_TEXT(text, "7\n");
    if (file) fclose(file);
    snprintf(path, sizeof path, "%s/cgroup.controllers", leaf);
    file = fopen(path, "r");
    CHECK(file && fgets(text, sizeof text, file) && strstr(text, controller));
    if (file) fclose(file);
    char refused[PATH_MAX];
    CHECK(!cgroup_leaf(bad, refused));
    CHECK(access(refused, F_OK) != 0);

    pid_t victim = fork(); /* somebody who would outlive his command */
    if (victim == 0) {
        pause();
        _exit(0);
    }
    snprintf(text, sizeof text, "%d", victim);
    write_file(leaf, "cgroup.procs", text);
    CHECK_INT(cgroup_events(leaf, "cgroup.events", "populated"), 1);
    CHECK_INT(cgroup_events(other, "cgroup.events", "populated"), 0);
    CHECK_INT(cgroup_events(leaf, "no.such.file", "populated"), 0);
    write_file(leaf, "cgroup.kill", "1");
    int status = 0;
    waitpid(victim, &status, 0);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    cgroup_leaf_end(leaf);
    cgroup_leaf_end(other);
    CHECK(access(leaf, F_OK) != 0 && access(other, F_OK) != 0);
    cgroup_release();
    snprintf(text, sizeof text, "perigee-%d", getpid());
    CHECK(has_file(delegated, text)); /* the first space still holds it */
    cgroup_release();
    CHECK(!has_file(delegated, text));
    return 0;
}

TEST(a_delegated_cgroup_is_divided_and_given_back)
{
    if (!in_delegated(true, divide_and_give_back)) SKIP(NEEDS_TREE);
}

static int refuse_unmarked(void)
{
    const char *const controllers[] = {controller, NULL};
    CHECK(!cgroup_hold(controllers, why, sizeof why));
    CHECK(strstr(why, "is not marked as delegated") != NULL);
    return 0;
}

TEST(root_does_not_take_a_cgroup_that_nobody_delegated)
{
    if (!in_delegated(false, refuse_unmarked)) SKIP(NEEDS_TREE);
}

static int refuse_shared(void)
{
    const char *const controllers[] = {controller, NULL};
    pid_t             neighbour = fork();
    if (neighbour == 0) {
        pause();
        _exit(0);
    }
    CHECK(!cgroup_hold(controllers, why, sizeof why));
    CHECK(strstr(why, "other processes share the cgroup") != NULL);
    CHECK(strstr(why, "systemd-run --user --scope -p Delegate=yes") != NULL);
    kill(neighbour, SIGKILL);
    waitpid(neighbour, NULL, 0);
    return 0;
}

TEST(a_cgroup_that_others_live_in_is_left_alone)
{
    if (!in_delegated(true, refuse_shared)) SKIP(NEEDS_TREE);
}

static int refuse_lacking(void)
{
    const char *const controllers[] = {"no-such-controller", NULL};
    CHECK(!cgroup_hold(controllers, why, sizeof why));
    CHECK(strstr(why, "has no controller 'no-such-controller'") != NULL);
    return 0;
}

TEST(a_cgroup_without_the_controllers_is_left_alone)
{
    if (!in_delegated(true, refuse_lacking)) SKIP(NEEDS_TREE);
}

int main(void) { return tap_run(); }
