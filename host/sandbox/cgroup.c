#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { TEXT_MAX = 4096 };

const char *const CGROUP_CONTROLLERS[] = {"memory", "pids", NULL};

static struct {
    pthread_mutex_t lock;
    unsigned        users, leaves;
    char            own[PATH_MAX]; /* the delegated cgroup */
    char            host[PATH_MAX + 64], node[PATH_MAX + 64];
    char            enabled[256]; /* what was written to subtree_control, to be taken back */
} tree = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* -- small files ------------------------------------------------------------------------------- */

/* `text` ends in a NUL; false when the file cannot be read. */
static bool read_text(const char *folder, const char *name, char text[TEXT_MAX])
{
    char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t len = read(fd, text, TEXT_MAX - 1);
    close(fd);
    text[len > 0 ? len : 0] = '\0';
    return len >= 0;
}

/* 0 or an errno. */
static int write_text(const char *folder, const char *name, const char *text)
{
    char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return errno;
    int error = write(fd, text, strlen(text)) < 0 ? errno : 0;
    close(fd);
    return error;
}

static int write_number(const char *folder, const char *name, uint64_t number)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, number);
    return write_text(folder, name, text);
}

/* Whether `word` is one of the words of `text`. */
static bool has_word(const char *text, const char *word)
{
    size_t len = strlen(word);
    while (*text) {
        text += strspn(text, " \n");
        size_t next = strcspn(text, " \n");
        if (next == len && strncmp(text, word, len) == 0) return true;
        text += next;
    }
    return false;
}

/* -- finding ours ------------------------------------------------------------------------------ */

/* The path of this process in the tree of version 2. */
static bool find_path(char path[PATH_MAX])
{
    char  line[PATH_MAX + 64];
    bool  found = false;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file && !found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        found = strncmp(line, "0::/", 4) == 0 && strncmp(line, "0::/..", 6) != 0;
        found = found && strlen(line + 3) < PATH_MAX;
        if (found) memcpy(path, line + 3, strlen(line + 3) + 1);
    }
    if (file) fclose(file);
    return found;
}

/* Where that tree is mounted, and which part of it. */
static bool find_mount(char root[PATH_MAX], char mount[PATH_MAX])
{
    char  line[3 * PATH_MAX];
    bool  found = false;
    FILE *file = fopen("/proc/self/mountinfo", "re");
    while (file && !found && fgets(line, sizeof line, file)) {
        char *rest = strstr(line, " - cgroup2 ");
        /* id, parent, device, root, mount point; a blank in them would stand as \040 */
        found = rest && sscanf(line, "%*s %*s %*s %4095s %4095s", root, mount) == 2;
    }
    if (file) fclose(file);
    return found;
}

static bool find_own(char own[PATH_MAX])
{
    char   path[PATH_MAX], root[PATH_MAX], mount[PATH_MAX];
    size_t len;
    own[0] = '\0';
    if (!find_path(path) || !find_mount(root, mount)) return false;
    len = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (strncmp(path, root, len) != 0) return false;
    const char *below = strcmp(path + len, "/") == 0 ? "" : path + len;
    if (strlen(mount) + strlen(below) >= PATH_MAX - 64) return false;
    memcpy(own, mount, strlen(mount));
    memcpy(own + strlen(mount), below, strlen(below) + 1);
    return true;
}

/* Root may write everywhere: for it, only what somebody marked as delegated is ours (systemd does),
 * and what a container has for its root. An ordinary user is stopped by the folder's owner. */
static bool is_delegated(const char *own, char *why, size_t size)
{
    static const char *const MARKS[] = {"trusted.delegate", "user.delegate"};
    char                     path[PATH_MAX], mark[4];
    bool                     marked = geteuid() != 0;
    for (size_t i = 0; i < 2 && !marked; i++)
        marked = getxattr(own, MARKS[i], mark, sizeof mark) == 1 && mark[0] == '1';
    marked = marked || (find_path(path) && strcmp(path, "/") == 0);
    if (!marked) snprintf(why, size, "the cgroup %s is not marked as delegated", own);
    return marked;
}

/* No process of others may be in it: they would have to be moved for controllers to be had. */
static bool is_alone(const char *own, char *why, size_t size)
{
    char text[TEXT_MAX], alone[32];
    snprintf(alone, sizeof alone, "%d\n", getpid());
    if (read_text(own, "cgroup.procs", text) && strcmp(text, alone) == 0) return true;
    snprintf(why, size,
             "other processes share the cgroup %s; start perigee with `systemd-run --user --scope "
             "-p Delegate=yes`",
             own);
    return false;
}

static bool has_controllers(const char *own, const char *const *controllers, char *why, size_t size)
{
    char text[TEXT_MAX];
    bool read = read_text(own, "cgroup.controllers", text);
    for (; read && *controllers; controllers++) {
        if (has_word(text, *controllers)) continue;
        snprintf(why, size, "the cgroup %s has no controller '%s'", own, *controllers);
        return false;
    }
    if (!read) snprintf(why, size, "%s is no cgroup", own);
    return read;
}

/* -- making and undoing ------------------------------------------------------------------------ */

static void switch_controllers(char out[256], const char *const *controllers, char sign)
{
    size_t len = 0;
    out[0] = '\0';
    for (; *controllers && len < 200; controllers++)
        len +=
            (size_t)snprintf(out + len, 256 - len, "%s%c%.40s", len ? " " : "", sign, *controllers);
}

/* From the last step back; each may not have been taken. */
static void undo(void)
{
    rmdir(tree.node);
    write_text(tree.own, "cgroup.subtree_control", tree.enabled);
    write_number(tree.own, "cgroup.procs", (uint64_t)getpid());
    rmdir(tree.host);
}

static bool make(const char *const *controllers, char *why, size_t size)
{
    char        wanted[256];
    const char *what = "make a cgroup";
    switch_controllers(wanted, controllers, '+');
    switch_controllers(tree.enabled, controllers, '-');
    snprintf(tree.host, sizeof tree.host, "%s/perigee-%d-host", tree.own, getpid());
    snprintf(tree.node, sizeof tree.node, "%s/perigee-%d", tree.own, getpid());
    int error = mkdir(tree.host, 0755) == 0 ? 0 : errno;
    if (error == 0) {
        what = "move this process";
        error = write_number(tree.host, "cgroup.procs", (uint64_t)getpid());
    }
    if (error == 0) {
        what = "switch controllers on";
        error = write_text(tree.own, "cgroup.subtree_control", wanted);
    }
    if (error == 0) error = mkdir(tree.node, 0755) == 0 ? 0 : errno;
    if (error == 0) error = write_text(tree.node, "cgroup.subtree_control", wanted);
    if (error == 0) return true;
    snprintf(why, size, "%s in %s: %s", what, tree.own, strerror(error));
    undo();
    return false;
}

bool cgroup_hold(const char *const *controllers, char *why, size_t why_size)
{
    bool held = true;
    pthread_mutex_lock(&tree.lock);
    if (tree.users == 0) {
        held = find_own(tree.own);
        if (!held) snprintf(why, why_size, "no cgroup tree of version 2 is mounted");
        held = held && has_controllers(tree.own, controllers, why, why_size) &&
               is_delegated(tree.own, why, why_size) && is_alone(tree.own, why, why_size) &&
               make(controllers, why, why_size);
    }
    if (held) tree.users++;
    pthread_mutex_unlock(&tree.lock);
    return held;
}

void cgroup_release(void)
{
    pthread_mutex_lock(&tree.lock);
    if (--tree.users == 0) undo();
    pthread_mutex_unlock(&tree.lock);
}

/* -- a command's own --------------------------------------------------------------------------- */

bool cgroup_leaf(const CgroupSetting *settings, char path[PATH_MAX])
{
    pthread_mutex_lock(&tree.lock);
    int  len = snprintf(path, PATH_MAX, "%s/%u", tree.node, ++tree.leaves);
    bool made = tree.users > 0 && len < PATH_MAX && mkdir(path, 0755) == 0;
    pthread_mutex_unlock(&tree.lock);
    if (!made) return false;
    for (; settings->file; settings++) {
        int error = write_number(path, settings->file, settings->value);
        if (error == 0 || (error == ENOENT && settings->optional)) continue;
        rmdir(path);
        return false;
    }
    return true;
}

uint64_t cgroup_events(const char *leaf, const char *file, const char *key)
{
    char     text[TEXT_MAX];
    uint64_t count = 0;
    size_t   len = strlen(key);
    if (!leaf || !read_text(leaf, file, text)) return 0;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, len) == 0 && line[len] == ' ') {
            count = strtoull(line + len, NULL, 10);
            break;
        }
    }
    return count;
}

void cgroup_leaf_end(const char *leaf)
{
    if (!leaf) return;
    write_text(leaf, "cgroup.kill", "1");
    rmdir(leaf);
}
