/* source.h -- the Lua files that are in force: which layer has one, and its text, read once.
 *
 *   project        only what lua/lib/trust.lua admitted, from the bytes that it judged
 *   user           $XDG_CONFIG_HOME/perigee
 *   distribution   what belongs to the program
 *
 * Why     A file looks down, never up: what a user's policy requires must not come from a project,
 *         and what lua/lib requires must not come from a user. So each file has a sight, by where
 * it lies itself. Use     engine_read_project -> (trust decides) -> engine_admit for each ->
 * engine_source ... Owner   The Engine owns every Source. Thread  Loop thread; blocks for small
 * regular files.
 */
#ifndef HOST_SCRIPT_SOURCE_H
#define HOST_SCRIPT_SOURCE_H

#include "../base/buf.h"
#include "../base/hash.h"

typedef struct Engine Engine;

typedef enum Layer {
    LAYER_DISTRIBUTION,
    LAYER_USER,
    LAYER_PROJECT,
    LAYER_NAMED, /* an absolute path that the command line named */
} Layer;

/* How far up a name is looked for. */
typedef enum Sight { SIGHT_OWN, SIGHT_USER, SIGHT_PROJECT } Sight;

/* A file of a layer, loaded once: the same text for every VM of this process. */
typedef struct Source {
    struct Source *next;
    char          *path; /* owned; as entries name it: "tools/read.lua", else its own file */
    char          *file; /* owned; where it was found */
    char          *real; /* owned; of a project's: without links; NULL where it is not there */
    Buf            text;
    Buf            code; /* compiled, from the second load on; made by vm.c and by nobody else */
    size_t         loads;
    char  hash[HASH_HEX_SIZE]; /* "" until a run asks for it; of a project's from the start */
    Layer layer;
    char *refused; /* owned; why a project's file is not loaded; it still stands in the
                      way of what it would have replaced. NULL when it is loaded */
    bool  kept;    /* its text stands in the journal */
    bool  used;    /* somebody loaded it */
} Source;

/* "project:lua/policy.lua" is the project's, and nothing else's. Any other relative path is looked
 * for in the layers that `sight` reaches, nearest first; lua/lib and lua/cli in the distribution
 * only; lua/policy.lua and lua/models.lua, which the project is asked besides, and lua/search never
 * in the project. An absolute
 * path is taken as it is. ST_DENIED when the nearest one was refused. */
MUST_CHECK Status engine_source(Engine *engine, const char *path, Sight sight, Source **out,
                                Err *err);

/* The file that engine_source would take, and its layer; false when there is none. */
bool engine_locate(Engine *engine, const char *path, Sight sight, char *file, size_t size,
                   Layer *layer);

/* What a file of `layer` may look for. */
Sight layer_sight(Layer layer);

const char *layer_name(Layer layer);

enum {
    PROJECT_FILES_MAX = 500, /* Lua files of one project */
    PROJECT_DEPTH = 16,      /* folders */
};
#define PROJECT_BYTES_MAX (16 * MB)

/* A folder that a project's Lua is taken from. */
typedef struct Room {
    const char *folder; /* below the project's root; "" is the root */
    const char *entry;  /* what its files are called by: "tools"; NULL: their absolute path */
    bool        deep;   /* folders in it count, but for lib, cli and meta at its top */
} Room;

/* Reads the Lua in `room` into engine->offered, each file once, hash and all. A link may lead to
 * another such place of the project and nowhere else. What is wrong with one file stands in its
 * `refused`. ST_LIMIT when the project has more than is read. */
MUST_CHECK Status engine_read_room(Engine *engine, const char *root, const Room *room, Err *err);

/* Puts the offered `source` into force; with `refused` (copied) it is not loaded, but stands in the
 * way of others of its name. */
void engine_admit(Engine *engine, Source *source, const char *refused);

void sources_free(Source **list);

#endif
