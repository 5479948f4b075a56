/* root.h -- files inside one granted folder, and nothing else.
 *
 * Why     If the shell is jailed and `write` is not, `write` is the escape. Every path is resolved
 *         by the kernel below the root's descriptor (openat2: RESOLVE_BENEATH, no magic links),
 *         and the rules of the sandbox hold here too: masked names cannot be read, read-only parts
 *         cannot be written (SANDBOX: "Mounts"), under whatever name a link gives them.
 * Use     root_open -> root_read, root_write, ... -> root_free. Paths are relative, or absolute
 *         below the root; "" and "." are the root. They are bytes, not text; no NUL.
 * Owner   Root: the caller; it may be used by several threads at once.
 * Thread  Any. The functions block: call them on a thread (work_start).
 * Errors  ST_DENIED outside the root, masked or read-only; ST_NOT_FOUND; ST_LIMIT; ST_INVALID for
 *         a folder where a file was meant, a FIFO or device, or a file that changed since it was
 *         read; ST_IO with errno; ST_UNAVAILABLE where the kernel has no openat2. Texts name the
 *         path as it was given, cut and made printable.
 */
#ifndef HOST_FILES_ROOT_H
#define HOST_FILES_ROOT_H

#include "../base/buf.h"
#include "../base/hash.h"

#include <stdint.h>
#include <sys/types.h>

typedef struct Root Root;

typedef struct RootSpec {
    const char        *path; /* absolute, a folder */
    const char *const *pins; /* paths below it that stay read-only, ends in NULL; may be NULL */
} RootSpec;

typedef enum FileKind { FILE_REGULAR, FILE_FOLDER, FILE_LINK, FILE_OTHER } FileKind;

typedef struct FileInfo {
    FileKind kind;
    uint64_t size;
    mode_t   mode;
    int64_t  modified_ms;         /* Unix time */
    bool     masked;              /* may hold a secret: it is there, and nothing else is said */
    char     hash[HASH_HEX_SIZE]; /* of the whole content; "" unless it was read */
} FileInfo;

MUST_CHECK Status root_open(const RootSpec *spec, Root **out, Err *err);
void              root_free(Root *root);
const char       *root_path(const Root *root);
bool              root_is(const Root *root, dev_t device, ino_t inode);
void              root_tag(Root *root, uint32_t tag); /* of its drafts (draft.h); before a write */

/* Adds to the rules about names what has to be looked up: places below the root, without links in
 * them, that are masked or read-only although their names do not say so (a link `.env` leads to
 * one). Replaces what was given before. Takes both lists, each ending in NULL. */
void root_cover(Root *root, char **masked, char **read_only);

/* Fills `real` with the one path below the root, without links, that `path` means; what is not
 * there stays as it was written. Two names of one file give the same. */
MUST_CHECK Status root_real(Root *root, Str path, Buf *real, Err *err);

/* Appends the whole file to `out` and fills `info` with its hash. ST_LIMIT when it is larger than
 * `most` bytes. */
MUST_CHECK Status root_read(Root *root, Str path, size_t most, Buf *out, FileInfo *info, Err *err);

/* Replaces the file atomically (new file beside it, fsync, rename), keeping its mode, its access
 * list and its user attributes, making missing folders. `expect`: NULL writes whatever is there; ""
 * only if no file is there; a hash only if the file still has it (ST_INVALID otherwise). Fills
 * `info` with the new state. A symlink is followed inside the root. At most LIMIT_FILE_READ bytes.
 */
MUST_CHECK Status root_write(Root *root, Str path, Str bytes, const char *expect, FileInfo *info,
                             Err *err);

/* Does not follow a link at the end of the path. Of a masked place only its kind and that it is
 * masked; ST_DENIED for what lies below one. */
MUST_CHECK Status root_info(Root *root, Str path, FileInfo *info, Err *err);

/* Calls back for each entry, sorted bytewise, with what root_info would say of it. Names that are
 * not UTF-8 come as they are. ST_LIMIT, and no call, when there are more than `most`. */
typedef void      RootEntry(void *arg, Str name, const FileInfo *info);
MUST_CHECK Status root_list(Root *root, Str path, size_t most, RootEntry *entry, void *arg,
                            Err *err);

#endif
