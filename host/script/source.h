/* source.h -- the Lua files that are in force: which layer has one, and its text, read once.
 *
 *   project        only what lua/lib/trust.lua admitted, from the bytes that it judged
 *   user           $XDG_CONFIG_HOME/perigee
 *   distribution   what belongs to the program
 *
 * A run that is carried on has its recorded texts before all of these: see engine_use_text.
 *
 * Why     A file looks down, never up: what a user's policy requires must not come from a project,
 *         and what lua/lib requires must not come from a user. So each file has a sight, by where
 *         it lies itself.
 * Use     engine_read_room -> (trust decides) -> engine_admit for each -> engine_use_text for each
 *         -> engine_source ...
 * Owner   The Engine owns every Source.
 * Thread  Loop thread; blocks for small regular files.
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
    char          *path;    /* owned; as entries name it: "tools/read.lua", else its own file */
    char          *file;    /* owned; where it was found */
    char          *real;    /* owned; of a project's: without links; NULL where it is not there */
    Str            text;    /* borrowed, from own or from the program (shipped.h) */
    Buf            own;     /* empty where the program has the same text */
    Str            shipped; /* borrowed: the code that the program has for it; may be empty */
    Buf            code;    /* compiled, from the second load on; made by vm.c and by nobody else */
    size_t         loads;
    char   hash[HASH_HEX_SIZE]; /* "" until source_hash was asked; of a project's from the start */
    Layer  layer;
    char  *refused;  /* owned; why a project's file is not loaded; it still stands in the
                        way of what it would have replaced. NULL when it is loaded */
    bool   kept;     /* its text stands in the journal */
    bool   as_built; /* it is word for word what the program was built with */
    size_t number;   /* 1 for what was loaded first; 0: nobody has loaded it */

    /* What source_fresh.c keeps for a process that stays. */
    struct Source *before; /* owned; the version that this one, on trial, stands in for */
    bool           fresh;  /* new since the last look */
    bool           hidden; /* gone, or of no use where another stands below it: as if not there */
    char           bad[HASH_HEX_SIZE]; /* of a newer text that was of no use; "-": it was gone */
} Source;

/* "project:lua/policy.lua" is the project's, and nothing else's. Any other relative path is looked
 * for in the layers that `sight` reaches, nearest first; lua/lib and lua/cli in the distribution
 * only; lua/policy.lua, lua/models.lua and lua/dialects, which the project is asked besides, and
 * lua/search never in the project. An absolute
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

/* From here on `path`, named as runs record it ("tools/x.lua", "project:tools/x.lua", or absolute),
 * leads to `text` (taken) with the hash `hash`, whatever the layers have. *changed is false, and
 * nothing is put into force, where a layer has just that text, and for what is always today's:
 *
 *   lua/lib, lua/cli      they are the program, and read what earlier ones wrote
 *   lua/models.lua        says which server a key may go to
 *   lua/search            says so of search engines
 *   lua/dialects          speaks for a key, to the server as it is today
 *   lua/policy.lua        forbids: what was forbidden since stays so. A project's that is not
 *                         loaded today counts as it was, for the same reason
 *
 * A project's recorded text asks for no trust: it was trusted when it ran, and the journal is as
 * much the user's own as the record of what is trusted. */
void engine_use_text(Engine *engine, const char *path, const char *hash, Buf *text, bool *changed);

/* Forgets what engine_use_text put into force; before anything of it was loaded. */
void engine_drop_texts(Engine *engine);

/* Adds the text of `file` to `out`, at most LIMIT_SCRIPT bytes. */
MUST_CHECK Status source_read(const char *file, Buf *out, Err *err);

/* One without a text; path and file are copied. Puts it nowhere. */
Source *source_new(const char *path, const char *file, Layer layer);

/* Gives it its text, which is taken; what the program has word for word is kept there only. */
void source_take_text(const Engine *engine, Source *source, Buf *text);

/* The SHA-256 of its text, in hex. */
const char *source_hash(Source *source);

/* The source of a layer that was looked for by `path`, hidden or not; NULL. */
Source *source_of_layer(const Engine *engine, const char *path, Layer layer);

void sources_free(Source **list);

/* -- a process that stays (source_fresh.c) -----------------------------------------------------
 *
 * Between two runs: engine_refresh -> a project is read and admitted anew -> what is in force is
 * tried -> engine_revert for each file that is of no use -> the next run. What nobody reverted is
 * in force for good at the next engine_refresh.
 */

/* Looks at every file that was loaded, but those of the program itself (lua/lib, lua/cli,
 * lua/dialects of the distribution). Whose text differs is on trial from here on; a text that was
 * reverted before is not tried again. A project's files are out of force until they are admitted
 * anew, unless `keep_project`. The decision VM is made anew at its next use. No run may be under
 * way. */
void engine_refresh(Engine *engine, bool keep_project);

/* Puts the version before in force in place of what is on trial under this path or file (NULL: of
 * all); one without a version before is hidden where a file of a lower layer was in force. Tells
 * `said` the file of each. Returns how many there were. */
size_t engine_revert(Engine *engine, const char *name, void (*said)(void *arg, const char *file),
                     void *arg);

/* Whether a source is on trial. */
bool source_on_trial(const Engine *engine, const Source *source);

/* For engine_admit: `source`, just offered, beside what was in force of this file before the last
 * engine_refresh. Takes `source`; returns what is in force now. */
Source *source_beside_previous(Engine *engine, Source *source);

/* Puts back in force what stood in `file` of the project before; false when nothing did. */
bool engine_keep_previous(Engine *engine, const char *file);

#endif
