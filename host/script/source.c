#include "source.h"

#include "../base/limits.h"
#include "../base/mem.h"
#include "../files/gather.h"
#include "../files/guard.h"
#include "engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

static const char PROJECT[] = "project:";

Sight layer_sight(Layer layer)
{
    return layer == LAYER_PROJECT || layer == LAYER_NAMED ? SIGHT_PROJECT : SIGHT_USER;
}

const char *layer_name(Layer layer)
{
    static const char *const NAMES[] = {"distribution", "user", "project", "named"};
    return NAMES[layer];
}

void sources_free(Source **list)
{
    while (*list) {
        Source *source = *list;
        *list = source->next;
        free(source->path);
        free(source->file);
        free(source->real);
        free(source->refused);
        buf_clear(&source->text);
        buf_clear(&source->code);
        free(source);
    }
}

/* -- where a name leads ------------------------------------------------------------------------ */

typedef struct Found {
    Layer       layer;
    const char *folder;  /* of the layer; NULL for an absolute path */
    Source     *project; /* the project's file, already read */
} Found;

static bool is_file(const char *folder, const char *name)
{
    char        path[PATH_SIZE];
    struct stat info;
    return snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path &&
           stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static bool below(const char *path, const char *folder)
{
    size_t len = folder ? strlen(folder) : 0;
    return len > 0 && strncmp(path, folder, len) == 0 && path[len] == '/';
}

static Source *of_project(const Engine *engine, const char *path)
{
    for (Source *source = engine->project; source; source = source->next)
        if (strcmp(source->path, path) == 0 || strcmp(source->file, path) == 0) return source;
    return NULL;
}

/* What a project is asked besides, and what is no project's at all: also what speaks for keys. */
static Sight sight_of(const char *path, Sight sight)
{
    if (strncmp(path, "lua/lib/", 8) == 0 || strncmp(path, "lua/cli/", 8) == 0) return SIGHT_OWN;
    bool besides = strcmp(path, "lua/policy.lua") == 0 || strcmp(path, "lua/models.lua") == 0 ||
                   strncmp(path, "lua/search/", 11) == 0;
    return besides && sight == SIGHT_PROJECT ? SIGHT_USER : sight;
}

/* What was loaded stays what it was, whatever became of its file. */
static Source *loaded(const Engine *engine, const char *path, Layer layer)
{
    for (Source *source = engine->sources; source; source = source->next)
        if (source->layer == layer && strcmp(source->path, path) == 0) return source;
    return NULL;
}

static bool find_absolute(const Engine *engine, const char *path, Found *found)
{
    found->project = of_project(engine, path);
    if (found->project)
        found->layer = LAYER_PROJECT;
    else if (below(path, engine->distribution))
        found->layer = LAYER_DISTRIBUTION;
    else if (below(path, engine->user))
        found->layer = LAYER_USER;
    else
        found->layer = LAYER_NAMED;
    return found->project || loaded(engine, path, found->layer) || is_file("", path + 1);
}

static bool find(const Engine *engine, const char *path, Sight sight, Found *found)
{
    *found = (Found){0};
    if (path[0] == '/') return find_absolute(engine, path, found);
    bool only = strncmp(path, PROJECT, sizeof PROJECT - 1) == 0;
    sight = only ? SIGHT_PROJECT : sight_of(path, sight);
    if (sight == SIGHT_PROJECT) {
        found->layer = LAYER_PROJECT;
        found->project = of_project(engine, only ? path + sizeof PROJECT - 1 : path);
        if (found->project || only) return found->project;
    }
    found->layer = LAYER_USER;
    found->folder = engine->user;
    if (sight != SIGHT_OWN && engine->user &&
        (loaded(engine, path, LAYER_USER) || is_file(engine->user, path)))
        return true;
    found->layer = LAYER_DISTRIBUTION;
    found->folder = engine->distribution;
    return loaded(engine, path, LAYER_DISTRIBUTION) || is_file(engine->distribution, path);
}

bool engine_locate(Engine *engine, const char *path, Sight sight, char *file, size_t size,
                   Layer *layer)
{
    Found found;
    bool  there = find(engine, path, sight, &found);
    *layer = found.layer;
    if (found.project)
        snprintf(file, size, "%s", found.project->file);
    else if (found.folder)
        snprintf(file, size, "%s/%s", found.folder, path);
    else
        snprintf(file, size, "%s", path);
    return there;
}

/* -- its text ---------------------------------------------------------------------------------- */

static Status read_whole(const char *file, size_t most, Buf *out, Err *err)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return err_set(err, ST_IO, "open %s: %s", file, strerror(errno));
    Status status = ST_OK;
    while (status == ST_OK) {
        status = buf_reserve(out, 16 * KB, err);
        if (status != ST_OK) {
            err_set(err, ST_LIMIT, "%s is larger than %zu bytes", file, most);
            break;
        }
        ssize_t got = read(fd, out->ptr + out->len, 16 * KB);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) status = err_set(err, ST_IO, "read %s: %s", file, strerror(errno));
        if (got <= 0) break;
        out->len += (size_t)got;
        out->ptr[out->len] = '\0';
    }
    close(fd);
    return status;
}

static Status take_project(Source *source, Source **out, Err *err)
{
    if (source->refused)
        return err_set(err, ST_DENIED, "%s is not loaded: %s", source->file, source->refused);
    source->used = true;
    *out = source;
    return ST_OK;
}

Status engine_source(Engine *engine, const char *path, Sight sight, Source **out, Err *err)
{
    char  file[PATH_SIZE];
    Layer layer;
    Found found;
    if (!find(engine, path, sight, &found))
        return err_set(err, ST_NOT_FOUND, "%s: no such file in %s%s%s", path, engine->distribution,
                       engine->user ? " or " : "", engine->user ? engine->user : "");
    if (found.project) return take_project(found.project, out, err);
    *out = loaded(engine, path, found.layer);
    if (*out) return ST_OK;
    engine_locate(engine, path, sight, file, sizeof file, &layer);
    if (layer == LAYER_USER && guard_path(file, err) != ST_OK) return err->status;
    Source *source = mem_new(sizeof *source);
    buf_init(&source->text, LIMIT_SCRIPT + 16 * KB);
    buf_init(&source->code, 2 * LIMIT_SCRIPT);
    if (read_whole(file, LIMIT_SCRIPT, &source->text, err) != ST_OK) {
        sources_free(&source);
        return err->status;
    }
    source->layer = found.layer;
    source->used = true;
    source->path = mem_text(path);
    source->file = mem_text(file);
    source->next = engine->sources;
    engine->sources = source;
    *out = source;
    return ST_OK;
}

/* -- a project's ------------------------------------------------------------------------------- */

typedef struct Reading {
    Engine     *engine;
    const Room *room;
    const char *root;
} Reading;

/* lua/lib, lua/cli and lua/meta: of the distribution only, and the last is for editors. Where the
 * project's own folder is that of its agents, tools and lua are rooms of their own. */
static bool never_loaded(const Room *room, Str name)
{
    if (!room->folder[0]) return str_starts(name, STR("tools/")) || str_starts(name, STR("lua/"));
    if (!room->entry || strcmp(room->entry, "lua") != 0) return false;
    return str_starts(name, STR("lib/")) || str_starts(name, STR("cli/")) ||
           str_starts(name, STR("meta/"));
}

static Status take_file(void *arg, Gathered *file, Err *err)
{
    Reading *reading = arg;
    Engine  *engine = reading->engine;
    char     path[3 * PATH_SIZE];
    size_t   count = 1, bytes = file->text.len;
    if (never_loaded(reading->room, str_from(file->name))) return ST_OK;
    for (Source *other = engine->offered; other; other = other->next) {
        count++;
        bytes += other->text.len;
    }
    if (count > PROJECT_FILES_MAX || bytes > PROJECT_BYTES_MAX)
        return err_set(err, ST_LIMIT,
                       "project %s: it has more than %d Lua files, or %zu MB of them",
                       reading->root, PROJECT_FILES_MAX, PROJECT_BYTES_MAX / MB);
    Source *source = mem_new(sizeof *source);
    snprintf(path, sizeof path, "%s/%s%s%s", reading->root, reading->room->folder,
             reading->room->folder[0] ? "/" : "", file->name);
    source->file = mem_text(path);
    if (reading->room->entry) {
        snprintf(path, sizeof path, "%s/%s", reading->room->entry, file->name);
        source->path = mem_text(path);
    } else {
        source->path = mem_text(source->file);
    }
    source->layer = LAYER_PROJECT;
    source->real = file->real;
    source->refused = file->problem;
    source->text = file->text;
    file->real = file->problem = NULL; /* taken, as is the text */
    buf_init(&file->text, 0);
    buf_init(&source->code, 2 * LIMIT_SCRIPT);
    if (!source->refused) hash_hex(buf_str(&source->text), source->hash);
    source->next = engine->offered;
    engine->offered = source;
    return ST_OK;
}

Status engine_read_room(Engine *engine, const char *root, const Room *room, Err *err)
{
    static const char *const WHERE[] = {"agents", "tools", "lua", NULL};
    Reading                  reading = {.engine = engine, .room = room, .root = root};
    GatherSpec               spec = {.root = root,
                                     .folder = room->folder,
                                     .ending = ".lua",
                                     .places = WHERE,
                                     .deep = room->deep,
                                     .most = LIMIT_SCRIPT};
    return gather(&spec, take_file, &reading, err);
}

void engine_admit(Engine *engine, Source *source, const char *refused)
{
    Source **at = &engine->offered;
    while (*at != source) at = &(*at)->next;
    *at = source->next;
    if (refused) {
        free(source->refused);
        source->refused = mem_text(refused);
    }
    source->next = engine->project;
    engine->project = source;
}
