#include "tree.h"

#include "../base/mem.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

enum { TREE_MAX = 65536 }; /* processes looked at: far above every limit that is in force */

typedef struct Tree {
    pid_t *pids; /* owned */
    size_t count, cap;
} Tree;

static void tree_add(Tree *tree, pid_t pid)
{
    if (tree->count == TREE_MAX) return;
    if (tree->count == tree->cap) {
        tree->cap = tree->cap ? tree->cap * 2 : 64;
        tree->pids = mem_grow(tree->pids, tree->cap * sizeof(pid_t));
    }
    tree->pids[tree->count++] = pid;
}

/* A child is listed with the thread that forked it. */
static size_t add_children(Tree *tree, pid_t pid)
{
    char           path[PATH_MAX];
    size_t         threads = 0;
    struct dirent *entry;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    while (tasks && (entry = readdir(tasks)) != NULL) {
        int child;
        if (entry->d_name[0] == '.') continue;
        threads++;
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/children", pid, entry->d_name);
        FILE *list = fopen(path, "re");
        while (list && fscanf(list, "%d", &child) == 1) tree_add(tree, child);
        if (list) fclose(list);
    }
    if (tasks) closedir(tasks);
    return threads;
}

/* What the processes of a tree have in memory, in bytes. */
typedef struct Sum {
    size_t own;    /* what no other process can share */
    size_t shared; /* files and shared memory that are mapped */
} Sum;

static Sum resident(pid_t pid)
{
    char path[64];
    long size = 0, pages = 0, shared = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    FILE *file = fopen(path, "re");
    if (!file) return (Sum){0};
    int got = fscanf(file, "%ld %ld %ld", &size, &pages, &shared);
    fclose(file);
    if (got != 3 || shared < 0 || pages < shared) return (Sum){0};
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (Sum){(size_t)(pages - shared) * page, (size_t)shared * page};
}

/* Each shared page counts by the share of this process. Dearer than resident(), so only asked when
 * the sum of that one is over the limit: many forks of one large process use far less. */
static Sum proportional(pid_t pid)
{
    char   path[64], line[256];
    size_t all = 0, shared = 0;
    int    found = 0;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    FILE *file = fopen(path, "re");
    while (file && found < 2 && fgets(line, sizeof line, file))
        found += sscanf(line, "Pss: %zu kB", &all) == 1 ||
                 sscanf(line, "Pss_Shmem: %zu kB", &shared) == 1;
    if (file) fclose(file);
    if (found == 0) return resident(pid);
    return (Sum){(all - shared) * 1024, shared * 1024};
}

/* -- files in memory (memfd), which hold pages that no process need have mapped -----------------
 */

enum { MEMFDS_MAX = 65536 };

typedef struct Memfds {
    ino_t *seen; /* owned; each counts once, however many processes hold it */
    size_t count, cap, bytes;
} Memfds;

static void add_memfd(Memfds *memfds, const struct stat *info)
{
    for (size_t i = 0; i < memfds->count; i++)
        if (memfds->seen[i] == info->st_ino) return;
    if (memfds->count == MEMFDS_MAX) return;
    if (memfds->count == memfds->cap) {
        memfds->cap = memfds->cap ? memfds->cap * 2 : 16;
        memfds->seen = mem_grow(memfds->seen, memfds->cap * sizeof(ino_t));
    }
    memfds->seen[memfds->count++] = info->st_ino;
    memfds->bytes += (size_t)info->st_blocks * 512;
}

static void add_memfds(Memfds *memfds, pid_t pid)
{
    static const char prefix[] = "/memfd:";
    char              path[64], target[sizeof prefix];
    struct dirent    *entry;
    struct stat       info;
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *list = opendir(path);
    while (list && (entry = readdir(list)) != NULL) {
        ssize_t len = readlinkat(dirfd(list), entry->d_name, target, sizeof target - 1);
        if (len == sizeof prefix - 1 && memcmp(target, prefix, sizeof prefix - 1) == 0 &&
            fstatat(dirfd(list), entry->d_name, &info, 0) == 0)
            add_memfd(memfds, &info);
    }
    if (list) closedir(list);
}

/* They are looked for only where the machine has so much shared memory in use that they could
 * matter. */
static size_t memfds_of(const Tree *tree, size_t room)
{
    Memfds         memfds = {0};
    struct sysinfo machine;
    if (sysinfo(&machine) == 0 && machine.sharedram * machine.mem_unit <= room) return 0;
    for (size_t i = 0; i < tree->count; i++) add_memfds(&memfds, tree->pids[i]);
    free(memfds.seen);
    return memfds.bytes;
}

static Sum sum_of(const Tree *tree, Sum (*look)(pid_t pid))
{
    Sum sum = {0};
    for (size_t i = 0; i < tree->count; i++) {
        Sum one = look(tree->pids[i]);
        sum.own += one.own;
        sum.shared += one.shared;
    }
    return sum;
}

TreeUse tree_use(pid_t root, size_t limit)
{
    Tree    tree = {0};
    TreeUse use = {0};
    add_children(&tree, root);
    for (size_t i = 0; i < tree.count; i++) use.processes += add_children(&tree, tree.pids[i]);
    Sum sum = sum_of(&tree, resident);
    if (sum.own + sum.shared > limit) sum = sum_of(&tree, proportional);
    /* What is mapped of a memfd is in both numbers, so the larger one counts. */
    size_t memfds = memfds_of(&tree, sum.own < limit ? limit - sum.own : 0);
    use.memory = sum.own + (sum.shared > memfds ? sum.shared : memfds);
    free(tree.pids);
    return use;
}
