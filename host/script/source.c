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
        sources_free(&source->before);
        free(source->path);
        free(source->file);
        free(source->real);
        free(source->refused);
        buf_clear(&source->own);
        buf_clear(&source->code);
        free(source);
    }
}

/* -- where a name leads ------------------------------------------------------------------------ */

typedef struct Found {
    Layer       layer;
    const char *folder; /* of the layer; NULL for an absolute path */
    Source     *ready;  /* a recorded text or the project's file: already read */
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
        if (!source->hidden && (strcmp(source->path, path) == 0 || strcmp(source->file, path) == 0))
            return source;
    return NULL;
}

static Source *of_record(const Engine *engine, const char *path, bool project)
{
    for (Source *source = engine->recorded; source; source = source->next)
        if ((source->layer == LAYER_PROJECT) == project && strcmp(source->path, path) == 0)
            return source;
    return NULL;
}

/* What a project is asked besides, and what is no project's at all: also what speaks for keys. */
static Sight sight_of(const char *path, Sight sight)
{
    if (strncmp(path, "lua/lib/", 8) == 0 || strncmp(path, "lua/cli/", 8) == 0) return SIGHT_OWN;
    bool besides = strcmp(path, "lua/policy.lua") == 0 || strcmp(path, "lua/models.lua") == 0 ||
                   strncmp(path, "lua/search/", 11) == 0 || strncmp(path, "lua/dialects/", 13) == 0;
    return besides && sight == SIGHT_PROJECT ? SIGHT_USER : sight;
}

Source *source_of_layer(const Engine *engine, const char *path, Layer layer)
{
    for (Source *source = engine->sources; source; source = source->next)
        if (source->layer == layer && strcmp(source->path, path) == 0) return source;
    return NULL;
}

/* What was loaded stays what it was, whatever became of its file, until somebody looks anew. */
static bool stands(const Engine *engine, const char *folder, const char *path, Layer layer)
{
    const Source *source = source_of_layer(engine, path, layer);
    return source ? !source->hidden : is_file(folder, path);
}

static bool find_absolute(const Engine *engine, const char *path, Found *found)
{
    found->ready = of_project(engine, path);
    if (found->ready)
        found->layer = LAYER_PROJECT;
    else if (below(path, engine->distribution))
        found->layer = LAYER_DISTRIBUTION;
    else if (below(path, engine->user))
        found->layer = LAYER_USER;
    else
        found->layer = LAYER_NAMED;
    return found->ready || stands(engine, "", path, found->layer);
}

/* The recorded text that `path` leads to. A project's file that was not there stands before none of
 * those that were. */
static bool find_recorded(const Engine *engine, const char *path, Sight sight, Found *found)
{
    bool only = strncmp(path, PROJECT, sizeof PROJECT - 1) == 0;
    if (sight == SIGHT_OWN && !only) return false;
    if (only || sight_of(path, sight) == SIGHT_PROJECT)
        found->ready = of_record(engine, only ? path + sizeof PROJECT - 1 : path, true);
    if (!found->ready && !only) found->ready = of_record(engine, path, false);
    if (found->ready) found->layer = found->ready->layer;
    return found->ready;
}

static bool find_today(const Engine *engine, const char *path, Sight sight, Found *found)
{
    if (path[0] == '/') return find_absolute(engine, path, found);
    bool only = strncmp(path, PROJECT, sizeof PROJECT - 1) == 0;
    sight = only ? SIGHT_PROJECT : sight_of(path, sight);
    if (sight == SIGHT_PROJECT) {
        found->layer = LAYER_PROJECT;
        found->ready = of_project(engine, only ? path + sizeof PROJECT - 1 : path);
        if (found->ready || only) return found->ready;
    }
    found->layer = LAYER_USER;
    found->folder = engine->user;
    if (sight != SIGHT_OWN && engine->user && stands(engine, engine->user, path, LAYER_USER))
        return true;
    found->layer = LAYER_DISTRIBUTION;
    found->folder = engine->distribution;
    return stands(engine, engine->distribution, path, LAYER_DISTRIBUTION);
}

static bool find(const Engine *engine, const char *path, Sight sight, Found *found)
{
    *found = (Found){0};
    return find_recorded(engine, path, sight, found) || find_today(engine, path, sight, found);
}

static void file_of(const Found *found, const char *path, char *file, size_t size)
{
    if (found->ready)
        snprintf(file, size, "%s", found->ready->file);
    else if (found->folder)
        snprintf(file, size, "%s/%s", found->folder, path);
    else
        snprintf(file, size, "%s", path);
}

bool engine_locate(Engine *engine, const char *path, Sight sight, char *file, size_t size,
                   Layer *layer)
{
    Found found;
    bool  there = find(engine, path, sight, &found);
    *layer = found.layer;
    file_of(&found, path, file, size);
    return there;
}

/* -- its text ---------------------------------------------------------------------------------- */

Status source_read(const char *file, Buf *out, Err *err)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return err_set(err, ST_IO, "open %s: %s", file, strerror(errno));
    Status status = ST_OK;
    while (status == ST_OK) {
        status = buf_reserve(out, 16 * KB, err);
        if (status != ST_OK) {
            err_set(err, ST_LIMIT, "%s is larger than %zu bytes", file, LIMIT_SCRIPT);
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

/* An empty one, of which nothing stands anywhere. */
Source *source_new(const char *path, const char *file, Layer layer)
{
    Source *source = mem_new(sizeof *source);
    source->path = mem_text(path);
    source->file = mem_text(file);
    source->layer = layer;
    buf_init(&source->own, LIMIT_SCRIPT + 16 * KB);
    buf_init(&source->code, 2 * LIMIT_SCRIPT);
    return source;
}

void source_take_text(const Engine *engine, Source *source, Buf *text)
{
    Shipped same;
    source->text = buf_str(text);
    if (engine->shipped && engine->shipped(str_from(source->path), source->text, &same)) {
        source->as_built = true;
        source->text = same.text;
        source->shipped = same.code;
        snprintf(source->hash, sizeof source->hash, "%s", same.hash);
        buf_clear(text);
        return;
    }
    source->own = *text;
    buf_init(text, 0);
}

const char *source_hash(Source *source)
{
    if (!source->hash[0]) hash_hex(source->text, source->hash);
    return source->hash;
}

static Status take_ready(Engine *engine, Source *source, Source **out, Err *err)
{
    if (source->refused)
        return err_set(err, ST_DENIED, "%s is not loaded: %s", source->file, source->refused);
    if (source->number == 0) source->number = ++engine->source_count;
    *out = source;
    return ST_OK;
}

Status engine_source(Engine *engine, const char *path, Sight sight, Source **out, Err *err)
{
    char  file[PATH_SIZE];
    Found found;
    if (!find(engine, path, sight, &found))
        return err_set(err, ST_NOT_FOUND, "%s: no such file in %s%s%s", path, engine->distribution,
                       engine->user ? " or " : "", engine->user ? engine->user : "");
    Source *known = found.ready ? found.ready : source_of_layer(engine, path, found.layer);
    if (known) return take_ready(engine, known, out, err);
    file_of(&found, path, file, sizeof file);
    if (found.layer == LAYER_USER && guard_path(file, err) != ST_OK) return err->status;
    Buf text;
    buf_init(&text, LIMIT_SCRIPT + 16 * KB);
    if (source_read(file, &text, err) != ST_OK) {
        buf_clear(&text);
        return err->status;
    }
    Source *source = source_new(path, file, found.layer);
    source_take_text(engine, source, &text);
    source->number = ++engine->source_count;
    source->fresh = true;
    source->next = engine->sources;
    engine->sources = source;
    *out = source;
    return ST_OK;
}

/* -- as a run recorded it -----------------------------------------------------------------------
 */

/* See engine_use_text. */
static bool is_always_todays(const Engine *engine, const char *path)
{
    bool project = strncmp(path, PROJECT, sizeof PROJECT - 1) == 0;
    if (project) path += sizeof PROJECT - 1;
    if (strncmp(path, "lua/lib/", 8) == 0 || strncmp(path, "lua/cli/", 8) == 0) return true;
    if (strcmp(path, "lua/models.lua") == 0 || strncmp(path, "lua/search/", 11) == 0 ||
        strncmp(path, "lua/dialects/", 13) == 0)
        return true;
    return strcmp(path, "lua/policy.lua") == 0 && (!project || of_project(engine, path));
}

/* Whether `path` leads to just that text without the record. */
static bool is_same_today(const Engine *engine, const char *path, const char *hash)
{
    char  file[PATH_SIZE], now[HASH_HEX_SIZE] = "";
    Found found = {0};
    bool  relative = path[0] != '/' && strncmp(path, PROJECT, sizeof PROJECT - 1) != 0;
    Err   err; /* what cannot be read is not the same */
    err_clear(&err);
    if (relative && of_project(engine, path)) return false; /* that would stand in its place */
    if (!find_today(engine, path, SIGHT_USER, &found)) return false;
    if (found.ready) return !found.ready->refused && strcmp(found.ready->hash, hash) == 0;
    Source *known = source_of_layer(engine, path, found.layer);
    if (known) return strcmp(source_hash(known), hash) == 0;
    Buf text;
    buf_init(&text, LIMIT_SCRIPT + 16 * KB);
    file_of(&found, path, file, sizeof file);
    if (source_read(file, &text, &err) == ST_OK) hash_hex(buf_str(&text), now);
    buf_clear(&text);
    return strcmp(now, hash) == 0;
}

static Layer recorded_layer(const Engine *engine, const char *path)
{
    if (path[0] != '/') return LAYER_USER; /* the distribution's sees the same, but for SIGHT_OWN */
    if (below(path, engine->distribution)) return LAYER_DISTRIBUTION;
    return below(path, engine->user) ? LAYER_USER : LAYER_NAMED;
}

void engine_use_text(Engine *engine, const char *path, const char *hash, Buf *text, bool *changed)
{
    bool project = strncmp(path, PROJECT, sizeof PROJECT - 1) == 0;
    *changed = !is_always_todays(engine, path) && !is_same_today(engine, path, hash);
    if (!*changed) {
        buf_clear(text);
        return;
    }
    char file[PATH_SIZE];
    snprintf(file, sizeof file, "%s, as the run had it", path);
    Source *source = source_new(project ? path + sizeof PROJECT - 1 : path, file,
                                project ? LAYER_PROJECT : recorded_layer(engine, path));
    source_take_text(engine, source, text);
    snprintf(source->hash, sizeof source->hash, "%s", hash);
    source->kept = true;
    source->next = engine->recorded;
    engine->recorded = source;
}

void engine_drop_texts(Engine *engine) { sources_free(&engine->recorded); }

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
    char     full[3 * PATH_SIZE], path[3 * PATH_SIZE];
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
    snprintf(full, sizeof full, "%s/%s%s%s", reading->root, reading->room->folder,
             reading->room->folder[0] ? "/" : "", file->name);
    if (reading->room->entry)
        snprintf(path, sizeof path, "%s/%s", reading->room->entry, file->name);
    Source *source = source_new(reading->room->entry ? path : full, full, LAYER_PROJECT);
    source->real = file->real;
    source->refused = file->problem;
    file->real = file->problem = NULL; /* taken, as is the text */
    source_take_text(engine, source, &file->text);
    if (!source->refused) source_hash(source);
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
    source = source_beside_previous(engine, source);
    source->next = engine->project;
    engine->project = source;
}
