/* catalog.h -- finding the definitions below a folder, and reading them.
 *
 *   Catalog
 *     files   sorted bytewise by path: each a definition, prose, or refused with the reason
 *
 * Why     A folder of definitions is somebody else's: it may hold links in a ring, FIFOs, devices,
 *         files of any size and any number. Each of them is a line of the answer, none is a wait.
 * Use     catalog_find("agents", &catalog, err); for each file with CATALOG_DEFINITION:
 *         definition_parse(file->text, DEFINITION_WHOLE, &def, err); ... catalog_free(&catalog)
 * Owner   The Catalog owns paths and texts until catalog_free.
 * Units   Bytes; at most LIMIT_CATALOG files, LIMIT_DEFINITION of each, CATALOG_DEPTH folders deep.
 * Thread  Any. The functions block on the disk (never on what is no regular file): at start on the
 *         loop's thread, later on a thread of its own.
 * Errors  What is wrong with one file stands in that file; a Status other than ST_OK only when the
 *         folder itself cannot be read: ST_NOT_FOUND, ST_INVALID (not a folder), ST_IO.
 */
#ifndef HOST_DEFINE_CATALOG_H
#define HOST_DEFINE_CATALOG_H

#include "../base/status.h"
#include "../base/str.h"

enum { CATALOG_DEPTH = 16 };

typedef enum CatalogKind {
    CATALOG_DEFINITION, /* it opens with front matter; `text` is the whole file */
    CATALOG_PROSE,   /* Markdown without front matter: worth a line for who expects an agent. Files
                        that are prose by name (README, CHANGELOG, ...) are not listed at all. */
    CATALOG_REFUSED, /* it could not be read: `status` and `problem` say why */
} CatalogKind;

typedef struct CatalogFile {
    CatalogKind kind;
    char       *path;    /* owned; relative to the folder, e.g. "backend/api.md" */
    char       *real;    /* owned; where it lies, without links; NULL unless it was read */
    Str         text;    /* owned; a NUL follows; empty unless kind is CATALOG_DEFINITION */
    Status      status;  /* ST_OK unless refused */
    char       *problem; /* owned; one line, or NULL */
} CatalogFile;

typedef struct Catalog {
    CatalogFile *files; /* owned */
    size_t       count;
} Catalog;

/* Reads every *.md below `folder`, hidden entries left out, links followed, each folder once. A
 * bound that is reached is the last file of the answer, refused with ST_LIMIT, its path that of the
 * folder. */
MUST_CHECK Status catalog_find(const char *folder, Catalog *out, Err *err);
void              catalog_free(Catalog *catalog);

/* Reads one file as catalog_find would, whatever its name; answers why it is refused, too. */
MUST_CHECK Status catalog_read(const char *path, CatalogFile *out, Err *err);
void              catalog_file_free(CatalogFile *file);

#endif
