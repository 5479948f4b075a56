/* census.h -- what lies below a folder that a later run would obey, and what has changed since.
 *
 *   f  a definition (*.md) or Lua file below a folder named agents, tools or lua
 *   l  a link in such a place, or one that makes such a place
 *   d  .perigee or .claude/agents: folders that make a project by being there
 *   u  a folder that cannot be read: whatever may lie in it
 *
 * Why     What a run writes must not be loaded by the next one without a word. Projects load from
 *         such places only, so only these count: a workspace of 50,000 files has a few dozen.
 * Use     census_take before, census_take after, census_compare(before, after, &changes)
 * Owner   The caller, until census_clear.
 * Units   Nanoseconds of the wall clock, as the file system says them.
 * Thread  Any; blocks on the disk. Links are not followed but for what they lead to below the same
 *         folder, which is looked at in its own place.
 * Errors  ST_LIMIT: more than is looked at, or past the deadline; what was not seen must not be
 *         taken for unchanged.
 */
#ifndef HOST_FILES_CENSUS_H
#define HOST_FILES_CENSUS_H

#include "../base/buf.h"
#include "../base/hash.h"

enum {
    CENSUS_LOOKED_MAX = 2000000, /* entries of folders */
    CENSUS_KEPT_MAX = 100000,    /* entries of a census */
    CENSUS_DEPTH_MAX = 200,
    CENSUS_PINS_MAX = 100,
};

typedef struct CensusEntry {
    char    *path; /* owned; below the folder */
    char     kind; /* f l d u; of a change also g: it is gone */
    uint64_t inode, size;
    int64_t  modified, changed;   /* mtime and ctime */
    char     hash[HASH_HEX_SIZE]; /* of a file; "" where it is too large to be loaded by anybody */
} CensusEntry;

/* A folder that was read-only for a run: what changes below it is not the run's doing. */
typedef struct CensusPin {
    char    *path; /* owned; below the folder */
    uint64_t inode;
} CensusPin;

typedef struct Census {
    char        *folder;  /* owned; absolute, without links */
    CensusEntry *entries; /* owned; sorted by path */
    size_t       count, room;
    int64_t      taken; /* when it began */
    CensusPin   *pins;  /* owned */
    size_t       pin_count;
} Census;

/* `deadline` on CLOCK_MONOTONIC in milliseconds; 0 is none. */
MUST_CHECK Status census_take(const char *folder, int64_t deadline, Census *out, Err *err);
void              census_clear(Census *census);

/* What of `after` is new or not what it was, and what is gone. Files are compared by inode, size,
 * times, and where these differ or are too fresh to tell, by hash. What lies below a pin of
 * `before` is left out. */
void census_compare(const Census *before, const Census *after, Census *changes);

/* Says which of `pins` (absolute, ends in NULL; may be NULL) nobody will change but the user: those
 * that are folders now, with no link on the way, and hold no file with a second name. census_pins.c
 */
void census_pin(Census *census, const char *const *pins);
void census_add_pin(Census *census, char *path, uint64_t inode); /* takes `path` */
void census_clear_pins(Census *census);

/* Whether `path` lies below a pin that is still the same folder. */
bool census_pinned(const Census *before, const char *path);

/* As bytes, and back. ST_INVALID: it is no census. */
MUST_CHECK Status census_write(const Census *census, Buf *out, Err *err);
MUST_CHECK Status census_parse(Str bytes, Census *out, Err *err);

#endif
