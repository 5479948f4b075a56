#include "feed.h"

#include "../base/limits.h"
#include "../base/mem.h"
#include "../sandbox/output.h"
#include "bind.h"
#include "exec.h"

#include <stdlib.h>
#include <string.h>

struct Feed {
    Engine *engine;      /* borrowed */
    Run    *run;         /* borrowed; NULL once it was dropped */
    char   *call, *tool; /* owned */
    Output  waiting[2];  /* stdout and stderr that were not shown yet */
    Timer  *timer;       /* owned; when to show more */
    int64_t next;        /* not before */
    bool    under_way;   /* a call of services.output */
    bool    taken;       /* feed_finish or feed_drop was called: frees itself */
};

static void show(Feed *feed);

static void feed_free(Feed *feed)
{
    timer_free(feed->timer);
    output_clear(&feed->waiting[0]);
    output_clear(&feed->waiting[1]);
    free(feed->call);
    free(feed->tool);
    free(feed);
}

/* Bytes at the end that begin a character of which the rest has not come yet. */
static size_t cut_character(Str text)
{
    for (size_t back = 1; back <= 3 && back <= text.len; back++) {
        unsigned char byte = (unsigned char)text.ptr[text.len - back];
        if (byte < 0x80) return 0;
        if (byte < 0xc0) continue;
        size_t needs = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
        return needs > back ? back : 0;
    }
    return 0;
}

/* Nothing that could be shown now. */
static bool is_empty(const Feed *feed)
{
    for (int i = 0; i < 2; i++) {
        const Output *output = &feed->waiting[i];
        size_t        cut = feed->taken ? 0 : cut_character(buf_str(&output->kept));
        if (output->total > cut) return false;
    }
    return true;
}

/* -- in the host VM ---------------------------------------------------------------------------- */

/* Sets piece[key] to what has come of a stream; a character that is cut waits for its rest. */
static void push_stream(lua_State *L, Feed *feed, int stream, const char *key)
{
    Output *output = &feed->waiting[stream];
    char    rest[4];
    size_t  dropped = output_finish(output), head = output->head;
    Str     text = buf_str(&output->kept);
    size_t  cut = feed->taken ? 0 : cut_character(text);
    memcpy(rest, text.ptr + text.len - cut, cut);
    text.len -= cut;
    exec_push_output(L, text, head < text.len ? head : text.len, dropped);
    lua_setfield(L, -2, key);
    output_clear(output);
    output_init(output, LIMIT_FEED);
    output_take(output, (Str){rest, cut});
}

/* The piece that services.output is given. What comes after this waits for the next one. */
static void push_piece(lua_State *L, void *arg)
{
    Feed *feed = arg;
    lua_createtable(L, 0, 5);
    if (!feed->run) return;
    bind_push_run(L, feed->run);
    lua_setfield(L, -2, "run");
    lua_pushstring(L, feed->call);
    lua_setfield(L, -2, "call");
    lua_pushstring(L, feed->tool);
    lua_setfield(L, -2, "tool");
    push_stream(L, feed, 0, "stdout");
    push_stream(L, feed, 1, "stderr");
}

/* -- when -------------------------------------------------------------------------------------- */

static void shown(void *arg)
{
    Feed *feed = arg;
    feed->under_way = false;
    if (feed->taken) {
        feed_free(feed);
        return;
    }
    feed->next = clock_deadline(loop_clock(feed->engine->loop), FEED_EVERY_MS);
    if (!is_empty(feed)) timer_set(feed->timer, feed->next);
}

static void show(Feed *feed)
{
    CrossSpec spec = {.vm = VM_HOST,
                      .run = feed->run,
                      .entry = "lua/lib/services.lua",
                      .field = "output",
                      .object = push_piece,
                      .object_arg = feed,
                      .object_free = shown};
    feed->under_way = true;
    timer_stop(feed->timer);
    cross_post(feed->engine, &spec);
}

static void on_timer(void *arg)
{
    Feed *feed = arg;
    if (!feed->under_way && !is_empty(feed)) show(feed);
}

Feed *feed_new(Engine *engine, Run *run, const char *call, const char *tool)
{
    Feed *feed = mem_new(sizeof *feed);
    feed->engine = engine;
    feed->run = run;
    feed->call = mem_text(call);
    feed->tool = mem_text(tool);
    feed->timer = timer_new(engine->loop, on_timer, feed);
    feed->next = loop_now(engine->loop);
    output_init(&feed->waiting[0], LIMIT_FEED);
    output_init(&feed->waiting[1], LIMIT_FEED);
    return feed;
}

void feed_take(Feed *feed, bool is_error, Str bytes)
{
    output_take(&feed->waiting[is_error], bytes);
    if (!feed->under_way) timer_set(feed->timer, feed->next);
}

void feed_finish(Feed *feed)
{
    if (!feed) return;
    feed->taken = true;
    timer_stop(feed->timer);
    if (feed->under_way)
        return; /* it has not begun, and fetches what is left: nothing waits there */
    if (is_empty(feed))
        feed_free(feed);
    else
        show(feed);
}

void feed_drop(Feed *feed)
{
    if (!feed) return;
    feed->taken = true;
    feed->run = NULL;
    timer_stop(feed->timer);
    if (!feed->under_way) feed_free(feed);
}
