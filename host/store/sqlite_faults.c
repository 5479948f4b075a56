/* A disk that fails when a test says so: a VFS of SQLite over the default one, whose files pass the
 * seams of base/fault.h. In release builds there is none, and SQLite talks to its own.
 *
 *   store.write   half of what was to be written is there, and the disk is full. A process that is
 *                 killed here leaves a torn page.
 *   store.fsync   the disk refuses, and what was written can still be read (as on ext4)
 *   store.lost    the disk refuses, and what was written since the last sync is gone (the kernel
 *                 dropped it, or power was lost as well)
 */
#include "sqlite_internal.h"

#ifdef PERIGEE_FAULTS
#include "../base/fault.h"
#include "../base/mem.h"

#include <errno.h>
#include <stdlib.h>

typedef struct Range {
    sqlite3_int64 from, to;
} Range;

/* What SQLite allocates for a file of ours; the file below follows it in the same allocation. */
typedef struct BadFile {
    sqlite3_file  base;  /* first: SQLite sees only this */
    sqlite3_file *real;  /* into this allocation */
    Range        *dirty; /* owned: written since the last sync */
    size_t        count; /* of `dirty` */
} BadFile;

static sqlite3_vfs        bad_disk;
static sqlite3_io_methods methods;

static void register_disk(void);

const char *store_disk(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_disk);
    return bad_disk.zName;
}

static sqlite3_file *real_of(sqlite3_file *file) { return ((BadFile *)file)->real; }

/* -- where it fails ---------------------------------------------------------------------------- */

static int write_some(BadFile *file, const char *from, int count, sqlite3_int64 at)
{
    Range *last = file->count > 0 ? &file->dirty[file->count - 1] : NULL;
    if (last && last->to == at) {
        last->to += count;
    } else {
        file->dirty = mem_grow(file->dirty, (file->count + 1) * sizeof *file->dirty);
        file->dirty[file->count++] = (Range){at, at + count};
    }
    return file->real->pMethods->xWrite(file->real, from, count, at);
}

/* In two halves, between which a test can kill the process. */
static int bad_write(sqlite3_file *base, const void *from, int count, sqlite3_int64 at)
{
    BadFile *file = (BadFile *)base;
    int      half = count / 2;
    int      rc = write_some(file, from, half, at);
    if (rc != SQLITE_OK) return rc;
    if (fault_hit("store.write")) {
        errno = ENOSPC;
        return SQLITE_FULL;
    }
    return write_some(file, (const char *)from + half, count - half, at + half);
}

/* Zeros in place of what was written; nothing beyond the end of a file that was cut since. */
static void lose(BadFile *file)
{
    static const char nothing[4096];
    sqlite3_int64     size = 0;
    if (file->real->pMethods->xFileSize(file->real, &size) != SQLITE_OK) return;
    for (size_t i = 0; i < file->count; i++) {
        sqlite3_int64 at = file->dirty[i].from;
        sqlite3_int64 end = file->dirty[i].to < size ? file->dirty[i].to : size;
        while (at < end) {
            int count = end - at < (int)sizeof nothing ? (int)(end - at) : (int)sizeof nothing;
            if (file->real->pMethods->xWrite(file->real, nothing, count, at) != SQLITE_OK) return;
            at += count;
        }
    }
}

static int bad_sync(sqlite3_file *base, int flags)
{
    BadFile *file = (BadFile *)base;
    bool     lost = fault_hit("store.lost");
    if (lost) lose(file);
    if (lost || fault_hit("store.fsync")) {
        errno = EIO;
        return SQLITE_IOERR_FSYNC;
    }
    int rc = file->real->pMethods->xSync(file->real, flags);
    if (rc == SQLITE_OK) file->count = 0;
    return rc;
}

/* -- all else is passed on --------------------------------------------------------------------- */

static int pass_close(sqlite3_file *base)
{
    BadFile *file = (BadFile *)base;
    free(file->dirty);
    file->dirty = NULL;
    return file->real->pMethods->xClose(file->real);
}

static int pass_read(sqlite3_file *file, void *into, int count, sqlite3_int64 at)
{
    return real_of(file)->pMethods->xRead(real_of(file), into, count, at);
}

static int pass_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int pass_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int pass_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int pass_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int pass_check_lock(sqlite3_file *file, int *held)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), held);
}

static int pass_control(sqlite3_file *file, int what, void *arg)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), what, arg);
}

static int pass_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int pass_traits(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int pass_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), region, size, extend, out);
}

static int pass_shm_lock(sqlite3_file *file, int from, int count, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), from, count, flags);
}

static void pass_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int pass_shm_unmap(sqlite3_file *file, int remove)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

static int bad_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *got)
{
    BadFile     *file = (BadFile *)base;
    sqlite3_vfs *real = vfs->pAppData;
    file->real = (sqlite3_file *)(file + 1);
    file->dirty = NULL;
    file->count = 0;
    int rc = real->xOpen(real, name, file->real, flags, got);
    base->pMethods = file->real->pMethods ? &methods : NULL; /* NULL: there is nothing to close */
    return rc;
}

static void register_disk(void)
{
    sqlite3_vfs *real = sqlite3_vfs_find(NULL);
    methods = (sqlite3_io_methods){
        .iVersion = 2, /* without xFetch: the journal maps no pages */
        .xClose = pass_close,
        .xRead = pass_read,
        .xWrite = bad_write,
        .xTruncate = pass_truncate,
        .xSync = bad_sync,
        .xFileSize = pass_size,
        .xLock = pass_lock,
        .xUnlock = pass_unlock,
        .xCheckReservedLock = pass_check_lock,
        .xFileControl = pass_control,
        .xSectorSize = pass_sector,
        .xDeviceCharacteristics = pass_traits,
        .xShmMap = pass_shm_map,
        .xShmLock = pass_shm_lock,
        .xShmBarrier = pass_shm_barrier,
        .xShmUnmap = pass_shm_unmap,
    };
    bad_disk = *real; /* all that names files is the default's own: it gets our `vfs`, and reads
                         only its numbers */
    bad_disk.pNext = NULL;
    bad_disk.zName = "perigee-bad-disk";
    bad_disk.szOsFile = (int)sizeof(BadFile) + real->szOsFile;
    bad_disk.pAppData = real;
    bad_disk.xOpen = bad_open;
    sqlite3_vfs_register(&bad_disk, 0);
}
#else
const char *store_disk(void) { return NULL; }
#endif
