#include "tree.h"

#include "../base/mem.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
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

static size_t resident(pid_t pid)
{
    char path[64];
    long size = 0, pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    int got = fscanf(file, "%ld %ld", &size, &pages);
    fclose(file);
    return got == 2 && pages > 0 ? (size_t)pages * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

/* Each shared page counts by the share of this process. Dearer than resident(), so only asked when
 * the sum of that one is over the limit: many forks of one large process use far less. */
static size_t proportional(pid_t pid)
{
    char   path[64], line[256];
    size_t kilobytes = 0;
    bool   found = false;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    FILE *file = fopen(path, "re");
    while (file && !found && fgets(line, sizeof line, file))
        found = sscanf(line, "Pss: %zu kB", &kilobytes) == 1;
    if (file) fclose(file);
    return found ? kilobytes * 1024 : resident(pid);
}

TreeUse tree_use(pid_t root, size_t limit)
{
    Tree    tree = {0};
    TreeUse use = {0};
    add_children(&tree, root);
    for (size_t i = 0; i < tree.count; i++) {
        use.processes += add_children(&tree, tree.pids[i]);
        use.memory += resident(tree.pids[i]);
    }
    if (use.memory > limit) {
        use.memory = 0;
        for (size_t i = 0; i < tree.count; i++) use.memory += proportional(tree.pids[i]);
    }
    free(tree.pids);
    return use;
}
