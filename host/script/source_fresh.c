/* Files that change while a process stays: each is looked at between two runs, and the version from
 * before is kept until the new one has proved to be of use. */
#include "source.h"

#include "../base/limits.h"
#include "../base/mem.h"
#include "../files/guard.h"
#include "engine.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char GONE[] = "-";

static void set_hash(char to[HASH_HEX_SIZE], const char *hash)
{
    memcpy(to, hash, strlen(hash) + 1);
}

static bool is(const char *a, const char *b) { return strcmp(a, b) == 0; }

/* What the host VM has loaded for good: the program. */
static bool of_program(const Source *source)
{
    static const char *const ROOMS[] = {"lua/lib/", "lua/cli/", "lua/dialects/", NULL};
    for (const char *const *room = ROOMS; *room; room++)
        if (source->layer == LAYER_DISTRIBUTION && strncmp(source->path, *room, strlen(*room)) == 0)
            return true;
    return false;
}

/* -- looking ----------------------------------------------------------------------------------- */

/* What stands in the file of `of` now. What cannot be read is a version too, which nobody loads:
 * its hash is that of the reason. */
static Source *read_version(const Engine *engine, const Source *of)
{
    Source *now = source_new(of->path, of->file, of->layer);
    Buf     text;
    Err     err;
    err_clear(&err);
    now->fresh = true;
    if (access(of->file, F_OK) != 0) {
        now->hidden = true;
        set_hash(now->hash, GONE);
        return now;
    }
    buf_init(&text, LIMIT_SCRIPT + 16 * KB);
    Status status = of->layer == LAYER_USER ? guard_path(of->file, &err) : ST_OK;
    if (status == ST_OK) status = source_read(of->file, &text, &err);
    if (status == ST_OK) {
        source_take_text(engine, now, &text);
    } else {
        now->refused = mem_text(err.text);
        hash_hex(str_from(err.text), now->hash);
    }
    buf_clear(&text);
    return now;
}

static void drop(Source **at)
{
    Source *source = *at;
    *at = source->next;
    source->next = NULL;
    sources_free(&source);
}

/* The version on trial has proved itself: nobody reverted it. False when nothing is left. */
static bool confirm(Source *source)
{
    sources_free(&source->before);
    source->fresh = false;
    return !(source->hidden && is(source->hash, GONE));
}

/* Puts `now` in the place of `*at`, which it keeps. */
static void put_on_trial(Source **at, Source *now)
{
    now->before = *at;
    now->next = (*at)->next;
    now->before->next = NULL;
    *at = now;
}

/* False when the source is to be forgotten: the next who asks for it reads it as new. */
static bool look_again(const Engine *engine, Source **at)
{
    Source *source = *at, *now = read_version(engine, source);
    bool    same = is(source_hash(now), source_hash(source)),
         known = same || is(now->hash, source->bad);
    if (source->hidden || known) {
        if (same) source->bad[0] = '\0';
        sources_free(&now);
        return !source->hidden || same;
    }
    put_on_trial(at, now);
    return true;
}

void engine_refresh(Engine *engine, bool keep_project)
{
    for (Source **at = &engine->sources; *at;) {
        bool stays = confirm(*at) && (of_program(*at) || look_again(engine, at));
        if (stays)
            at = &(*at)->next;
        else
            drop(at);
    }
    for (Source *source = engine->project; source; source = source->next) (void)confirm(source);
    if (!keep_project) {
        sources_free(&engine->previous);
        engine->previous = engine->project;
        engine->project = NULL;
    }
    engine_renew_decisions(engine);
}

/* -- a project's ------------------------------------------------------------------------------- */

static Source *take_previous(Engine *engine, const char *file)
{
    Source **at = &engine->previous;
    while (*at && !is((*at)->file, file)) at = &(*at)->next;
    Source *found = *at;
    if (!found) return NULL;
    *at = found->next;
    found->next = NULL;
    return found;
}

Source *source_beside_previous(Engine *engine, Source *source)
{
    Source *previous = take_previous(engine, source->file);
    source->next = NULL;
    source->fresh = true;
    if (!previous) return source;
    if (source->refused || previous->refused) {
        sources_free(&previous);
        return source;
    }
    if (is(source->hash, previous->hash) || is(source->hash, previous->bad)) {
        if (is(source->hash, previous->hash)) previous->bad[0] = '\0';
        sources_free(&source);
        return previous;
    }
    if (previous->hidden)
        sources_free(&previous);
    else
        source->before = previous;
    return source;
}

bool engine_keep_previous(Engine *engine, const char *file)
{
    Source *previous = take_previous(engine, file);
    if (!previous) return false;
    previous->next = engine->project;
    engine->project = previous;
    return true;
}

/* -- taking back ------------------------------------------------------------------------------- */

/* Whether a file of a lower layer was in force under this name. */
static bool stood_below(const Engine *engine, const Source *source)
{
    const Layer   LOWER[] = {LAYER_DISTRIBUTION, LAYER_USER};
    const Source *other = NULL;
    if (source->path[0] == '/' || source->layer == LAYER_NAMED) return false;
    for (size_t i = 0; !other && i < 2 && LOWER[i] < source->layer; i++)
        other = source_of_layer(engine, source->path, LOWER[i]);
    return other && !other->hidden && !other->fresh;
}

bool source_on_trial(const Engine *engine, const Source *source)
{
    return source->before || (source->fresh && !source->hidden && stood_below(engine, source));
}

static void take_back(Source **at)
{
    Source *source = *at, *before = source->before;
    if (!before) {
        source->hidden = true;
        return;
    }
    set_hash(before->bad, source_hash(source));
    before->next = source->next;
    *at = before;
    source->before = source->next = NULL;
    sources_free(&source);
}

size_t engine_revert(Engine *engine, const char *name, void (*said)(void *arg, const char *file),
                     void *arg)
{
    size_t   count = 0;
    Source **lists[] = {&engine->sources, &engine->project};
    for (size_t i = 0; i < 2; i++) {
        for (Source **at = lists[i]; *at; at = &(*at)->next) {
            bool meant = !name || is((*at)->path, name) || is((*at)->file, name);
            if (!meant || !source_on_trial(engine, *at)) continue;
            take_back(at);
            said(arg, (*at)->file);
            count++;
        }
    }
    if (count > 0) engine_renew_decisions(engine);
    return count;
}
