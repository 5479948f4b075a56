#include "scratch.h"

#include "../base/mem.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

Status scratch_new(const char *name, char **path, Err *err)
{
    const char *parent = getenv("TMPDIR");
    char template[4096];
    if (!parent || parent[0] != '/') parent = "/tmp";
    snprintf(template, sizeof template, "%s/%s.XXXXXX", parent, name);
    if (!mkdtemp(template)) return err_set(err, ST_IO, "make %s: %s", template, strerror(errno));
    *path = mem_text(template);
    return ST_OK;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

bool scratch_remove(const char *path)
{
    return nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS) == 0;
}
