/* Folders of a census that its run could not change: they were read-only for all that it did. */
#include "census.h"

#include "../base/mem.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && path[len] == '/';
}

/* The inode of a folder that is none through a link; 0 where it is not there, or something else. */
static uint64_t folder_inode(const char *path)
{
    struct stat info;
    char       *real = realpath(path, NULL);
    bool        plain = real && strcmp(real, path) == 0;
    free(real);
    if (!plain || lstat(path, &info) != 0 || !S_ISDIR(info.st_mode)) return 0;
    return (uint64_t)info.st_ino;
}

/* Whether a file below the pin has a second name, by which it could be changed. */
static bool has_other_names(const Census *census, const char *pin)
{
    char        path[PATH_MAX];
    struct stat info;
    for (size_t i = 0; i < census->count; i++) {
        const CensusEntry *entry = &census->entries[i];
        if (entry->kind != 'f' || !below(entry->path, pin)) continue;
        snprintf(path, sizeof path, "%s/%s", census->folder, entry->path);
        if (lstat(path, &info) != 0 || info.st_nlink > 1) return true;
    }
    return false;
}

void census_add_pin(Census *census, char *path, uint64_t inode)
{
    census->pins = mem_grow(census->pins, (census->pin_count + 1) * sizeof *census->pins);
    census->pins[census->pin_count++] = (CensusPin){.path = path, .inode = inode};
}

void census_pin(Census *census, const char *const *pins)
{
    for (; pins && *pins && census->pin_count < CENSUS_PINS_MAX; pins++) {
        if (!below(*pins, census->folder)) continue;
        const char *path = *pins + strlen(census->folder) + 1;
        uint64_t    inode = folder_inode(*pins);
        if (inode == 0 || has_other_names(census, path)) continue;
        census_add_pin(census, mem_text(path), inode);
    }
}

void census_clear_pins(Census *census)
{
    for (size_t i = 0; i < census->pin_count; i++) free(census->pins[i].path);
    free(census->pins);
    census->pins = NULL;
    census->pin_count = 0;
}

bool census_pinned(const Census *before, const char *path)
{
    char folder[PATH_MAX];
    for (size_t i = 0; i < before->pin_count; i++) {
        const CensusPin *pin = &before->pins[i];
        if (!below(path, pin->path)) continue;
        snprintf(folder, sizeof folder, "%s/%s", before->folder, pin->path);
        if (folder_inode(folder) == pin->inode) return true;
    }
    return false;
}
