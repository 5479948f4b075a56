#include "places.h"

#include "../base/mem.h"

#include <stdlib.h>
#include <string.h>

typedef struct Line Line;
struct Line {
    Line    *next;   /* in the list of Places */
    Places  *places; /* borrowed */
    char    *name;   /* owned */
    size_t   width, taken;
    uint64_t round;    /* of the last who was granted a place */
    Place   *waiting;  /* list by round, then by time */
    bool     changing; /* grants under way */
};

struct Place {
    Line         *line; /* borrowed */
    Place        *next; /* while it waits */
    const void   *who;
    uint64_t      round;
    PlaceGranted *granted; /* NULL once it was called */
    void         *arg;
};

static Line *line_of(Places *places, Str name)
{
    Line *line = places->first;
    while (line && !str_is(name, line->name)) line = line->next;
    if (line) return line;
    line = mem_new(sizeof *line);
    line->places = places;
    line->name = mem_copy(name.ptr, name.len);
    line->next = places->first;
    places->first = line;
    return line;
}

/* A line without anybody is forgotten; its width comes again with whoever asks next. */
static void drop_if_empty(Line *line)
{
    Line **at = &line->places->first;
    if (line->taken || line->waiting || line->changing) return;
    while (*at != line) at = &(*at)->next;
    *at = line->next;
    free(line->name);
    free(line);
}

/* `granted` may come back here: then the outer call goes on with what it changed. */
static void grant(Line *line)
{
    if (line->changing) return;
    line->changing = true;
    while (line->waiting && line->taken < line->width) {
        Place        *place = line->waiting;
        PlaceGranted *granted = place->granted;
        line->waiting = place->next;
        line->taken++;
        line->round = place->round;
        place->granted = NULL;
        granted(place->arg);
    }
    line->changing = false;
    drop_if_empty(line);
}

Place *place_ask(Places *places, Str name, const void *who, size_t width, PlaceGranted *granted,
                 void *arg)
{
    Line  *line = line_of(places, name);
    Place *place = mem_new(sizeof *place), **at;
    *place =
        (Place){.line = line, .who = who, .round = line->round, .granted = granted, .arg = arg};
    line->width = width;
    for (const Place *other = line->waiting; other; other = other->next)
        if (other->who == who) place->round = other->round + 1;
    for (at = &line->waiting; *at && (*at)->round <= place->round;) at = &(*at)->next;
    place->next = *at;
    *at = place;
    grant(line);
    return place;
}

bool place_is_granted(const Place *place) { return !place->granted; }

size_t place_ahead(const Place *place)
{
    size_t count = 0;
    if (place_is_granted(place)) return 0;
    for (const Place *other = place->line->waiting; other != place; other = other->next) count++;
    return count;
}

size_t place_taken(const Place *place) { return place->line->taken; }

void place_leave(Place *place, size_t width)
{
    Line   *line = place->line;
    Place **at = &line->waiting;
    if (width) line->width = width;
    if (place_is_granted(place)) {
        line->taken--;
    } else {
        while (*at != place) at = &(*at)->next;
        *at = place->next;
    }
    free(place);
    grant(line);
}
