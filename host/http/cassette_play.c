/* A transport whose far side is a recording. One event a turn of the loop: whatever the run makes
 * of it, also its next request, is seen before the next event is chosen. */
#include "cassette_internal.h"
#include "transport_kind.h"

#include "../base/limits.h"
#include "../base/mem.h"

#include <stdlib.h>
#include <string.h>

/* How long a reply waits for a request that stands before it. Commands may run in between, so it
 * bounds a wait that ends by itself in a run that does what was recorded. */
enum { WAIT_MS = 15 * 60 * 1000 };

typedef struct PlayCall PlayCall;

typedef struct Player {
    Transport        base;         /* first */
    Loop            *loop;         /* borrowed */
    char            *path;         /* owned */
    Tape             tape;         /* owned */
    size_t           cursor;       /* of tape.events: all before it are played or passed over */
    PlayCall       **live;         /* owned; by exchange, NULL unless it is under way */
    bool            *begun;        /* owned; by exchange */
    PlayCall        *calls;        /* owned list */
    Timer           *soon;         /* owned; plays the next event */
    Timer           *late;         /* owned; a recorded request that does not come */
    char            *here, *there; /* owned, may be NULL; see cassette_move */
    CassetteDiffers *differs;
    void            *arg;  /* borrowed from the caller */
    Err              over; /* ST_OK while the run does what was recorded */
    bool             told; /* `differs` was called */
} Player;

struct PlayCall {
    HttpCall   base;   /* first */
    Player    *player; /* borrowed */
    PlayCall  *prev, *next;
    HttpEvents events;
    void      *arg;      /* borrowed from the caller */
    size_t     exchange; /* SIZE_MAX: it is not in the recording */
    bool       paused, ended;
};

static Status play_begin(Transport *base, const HttpRequest *request, const HttpEvents *events,
                         void *arg, HttpCall **out, Err *err);
static void   play_pause(HttpCall *base, bool paused);
static void   play_cancel(HttpCall *base);
static Status play_finish(Transport *base, Err *err);
static void   play_free(Transport *base);
static void   on_soon(void *arg);
static void   on_late(void *arg);

static const TransportKind KIND = {play_begin, play_pause, play_cancel, play_finish, play_free};

Status cassette_play(Loop *loop, const char *path, CassetteDiffers *differs, void *arg,
                     Transport **out, Buf *about, Err *err)
{
    Player *player = mem_new(sizeof *player);
    Status  status = tape_load(path, &player->tape, err);
    if (status == ST_OK) {
        status = buf_append(about, buf_str(&player->tape.about), err);
        if (status != ST_OK) tape_clear(&player->tape);
    }
    if (status != ST_OK) {
        free(player);
        return status;
    }
    size_t count = player->tape.exchange_count;
    player->base.kind = &KIND;
    player->loop = loop;
    player->path = mem_text(path);
    player->live = mem_new((count + 1) * sizeof(PlayCall *));
    player->begun = mem_new((count + 1) * sizeof(bool));
    player->soon = timer_new(loop, on_soon, player);
    player->late = timer_new(loop, on_late, player);
    player->differs = differs;
    player->arg = arg;
    err_clear(&player->over);
    *out = &player->base;
    return ST_OK;
}

void cassette_move(Transport *base, Str here, Str there)
{
    Player *player = (Player *)base;
    if (here.len == 0 || str_equal(here, there)) return;
    player->here = mem_copy(here.ptr, here.len);
    player->there = mem_copy(there.ptr, there.len);
}

/* -- calls ------------------------------------------------------------------------------------- */

static void wake(Player *player) { timer_set(player->soon, loop_now(player->loop)); }

static void call_free(PlayCall *call)
{
    Player *player = call->player;
    if (call->exchange != SIZE_MAX) player->live[call->exchange] = NULL;
    if (call->prev)
        call->prev->next = call->next;
    else
        player->calls = call->next;
    if (call->next) call->next->prev = call->prev;
    free(call);
}

static void call_finish(PlayCall *call, const Err *outcome)
{
    call->ended = true;
    call->events.on_end(call->arg, outcome);
    call_free(call);
}

static const TapeEvent *refusal(const Player *player, size_t exchange)
{
    size_t at = player->tape.exchanges[exchange].event + 1;
    if (at == player->tape.event_count) return NULL;
    const TapeEvent *event = &player->tape.events[at];
    return event->kind == TAPE_REFUSED && event->exchange == exchange ? event : NULL;
}

/* The first recorded request with these bytes that was not asked for; SIZE_MAX when there is none.
 */
static size_t find(const Player *player, const TapeRequest *asked)
{
    for (size_t i = 0; i < player->tape.exchange_count; i++) {
        const TapeRequest *kept = &player->tape.exchanges[i].request;
        if (!player->begun[i] && str_equal(buf_str(&kept->head), buf_str(&asked->head)) &&
            str_equal(buf_str(&kept->body), buf_str(&asked->body)))
            return i;
    }
    return SIZE_MAX;
}

static Status move(const Player *player, Buf *text, Err *err)
{
    Str    here = str_from(player->here), rest = buf_str(text);
    Buf    moved;
    Status status = ST_OK;
    buf_init(&moved, text->limit);
    for (ptrdiff_t at; status == ST_OK && (at = str_find(rest, here)) >= 0;) {
        status = buf_append(&moved, str_cut(rest, 0, (size_t)at), err);
        if (status == ST_OK) status = buf_append(&moved, str_from(player->there), err);
        rest = str_cut(rest, (size_t)at + here.len, rest.len);
    }
    if (status == ST_OK) status = buf_append(&moved, rest, err);
    if (status == ST_OK) {
        Buf before = *text;
        *text = moved;
        moved = before;
    }
    buf_clear(&moved);
    return status;
}

static Status read_asked(const Player *player, const HttpRequest *request, TapeRequest *out,
                         Err *err)
{
    Status status = tape_request_of(request, out, err);
    if (status == ST_OK && player->here) status = move(player, &out->body, err);
    return status;
}

static Status play_begin(Transport *base, const HttpRequest *request, const HttpEvents *events,
                         void *arg, HttpCall **out, Err *err)
{
    Player     *player = (Player *)base;
    TapeRequest asked;
    tape_request_init(&asked);
    Status status = read_asked(player, request, &asked, err);
    size_t exchange = status == ST_OK ? find(player, &asked) : SIZE_MAX;
    if (status == ST_OK && exchange == SIZE_MAX && player->over.status == ST_OK)
        cassette_explain(player->path, &player->tape, player->begun, &asked, &player->over);
    tape_request_clear(&asked);
    if (status != ST_OK) return status;
    const TapeEvent *refused = exchange == SIZE_MAX ? NULL : refusal(player, exchange);
    if (exchange != SIZE_MAX) player->begun[exchange] = true;
    wake(player);
    if (refused) return err_set(err, refused->status, "%.*s", STR_ARG(buf_str(&refused->text)));
    PlayCall *call = mem_new(sizeof *call);
    call->base.kind = &KIND;
    call->player = player;
    call->events = *events;
    call->arg = arg;
    call->exchange = exchange;
    if (exchange != SIZE_MAX) player->live[exchange] = call;
    call->next = player->calls;
    if (call->next) call->next->prev = call;
    player->calls = call;
    *out = &call->base;
    return ST_OK;
}

static void play_pause(HttpCall *base, bool paused)
{
    PlayCall *call = (PlayCall *)base;
    call->paused = paused;
    if (!paused) wake(call->player);
}

static void play_cancel(HttpCall *base)
{
    PlayCall *call = (PlayCall *)base;
    if (call->ended) return; /* inside its own on_end: it goes by itself */
    wake(call->player);
    call_free(call);
}

/* -- what comes next --------------------------------------------------------------------------- */

static void play(PlayCall *call, const TapeEvent *event)
{
    Err outcome;
    switch (event->kind) {
    case TAPE_HEAD: {
        HttpHead head = {event->head->status, event->head->headers, event->head->count};
        call->events.on_head(call->arg, &head);
        break;
    }
    case TAPE_DATA: call->events.on_data(call->arg, buf_str(&event->text)); break;
    case TAPE_END:
        err_clear(&outcome);
        if (event->status != ST_OK)
            err_set(&outcome, event->status, "%.*s", STR_ARG(buf_str(&event->text)));
        call_finish(call, &outcome);
        break;
    case TAPE_REQUEST:
    case TAPE_REFUSED:
    case TAPE_CANCEL: break;
    }
}

/* Passes over what nobody waits for: requests that were made, events of calls that are gone, and
 * cancellations, which are the run's to make again. */
static const TapeEvent *next_event(Player *player)
{
    for (; player->cursor < player->tape.event_count; player->cursor++) {
        const TapeEvent *event = &player->tape.events[player->cursor];
        if (event->kind == TAPE_REQUEST && !player->begun[event->exchange]) return event;
        if (event->kind == TAPE_HEAD || event->kind == TAPE_DATA || event->kind == TAPE_END)
            if (player->live[event->exchange]) return event;
    }
    return NULL;
}

/* All that is under way ends with the difference; events of the caller may change the list. */
static void end_all(Player *player)
{
    if (!player->told) {
        player->told = true;
        player->differs(player->arg, &player->over);
    } else if (player->calls) {
        call_finish(player->calls, &player->over);
    }
    if (player->calls) wake(player);
}

static void on_soon(void *arg)
{
    Player *player = arg;
    timer_stop(player->late);
    if (player->over.status != ST_OK) {
        end_all(player);
        return;
    }
    const TapeEvent *event = next_event(player);
    PlayCall        *call = event ? player->live[event->exchange] : NULL;
    if (event && call && !(call->paused && event->kind == TAPE_DATA)) {
        player->cursor++;
        wake(player);
        play(call, event);
        return;
    }
    if (!player->calls || (call && call->paused)) return;
    if (!event && player->tape.ended) {
        err_set(&player->over, ST_INVALID, "replay %s: the recording ends here: %s", player->path,
                player->tape.ended);
        wake(player);
        return;
    }
    timer_set(player->late, clock_deadline(loop_clock(player->loop), WAIT_MS));
}

static void on_late(void *arg)
{
    Player          *player = arg;
    const TapeEvent *event = next_event(player);
    if (event)
        cassette_explain_missing(player->path, &player->tape, event->exchange, &player->over);
    else
        err_set(&player->over, ST_INVALID,
                "replay %s: the run waits for a reply that it had not waited for", player->path);
    wake(player);
}

/* -- the end ----------------------------------------------------------------------------------- */

static Status play_finish(Transport *base, Err *err)
{
    Player *player = (Player *)base;
    if (player->over.status != ST_OK) {
        *err = player->over;
        return err->status;
    }
    for (size_t i = 0; i < player->tape.exchange_count; i++)
        if (!player->begun[i]) {
            cassette_explain_missing(player->path, &player->tape, i, err);
            return err->status;
        }
    return ST_OK;
}

static void play_free(Transport *base)
{
    Player *player = (Player *)base;
    while (player->calls) call_free(player->calls);
    timer_free(player->soon);
    timer_free(player->late);
    tape_clear(&player->tape);
    free(player->live);
    free(player->begun);
    free(player->path);
    free(player->here);
    free(player->there);
    free(player);
}
