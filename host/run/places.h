/* places.h -- how many may do a thing at a time, and whose turn is next.
 *
 * Why     A server takes so many requests of one key at once. All runs of the process share what it
 *         takes, and none of them waits for ever because another asks more often.
 * Use     1 place_ask: a place in the line of that name  2 `granted` is called, at once or later
 *         3 place_leave
 * Owner   A Place belongs to whoever asked, until place_leave. The shell of Places is the caller's.
 * Life    asked -> granted -> left; it may be left at any point.
 * Thread  Loop thread only. Nothing blocks; how long to wait is the caller's to bound.
 *
 * Fair queueing: those who wait stand in rounds. In each round everybody has one turn; a second
 * wish of somebody who waits already stands a round later. So a thousand wishes of one do not stand
 * before the first of another; wishes of one go in their order.
 */
#ifndef HOST_RUN_PLACES_H
#define HOST_RUN_PLACES_H

#include "../base/str.h"

#include <stdint.h>

typedef struct Place Place;

typedef struct Places {
    struct Line *first; /* owned; a line is there while somebody stands in it */
} Places;

/* May not raise or free Places; may leave its own place and ask for others. */
typedef void PlaceGranted(void *arg);

/* `who` is only compared. `width`, at least 1, is how many there may be from now on; those beyond
 * it stay until they leave. */
Place *place_ask(Places *places, Str name, const void *who, size_t width, PlaceGranted *granted,
                 void *arg);

bool   place_is_granted(const Place *place);
size_t place_ahead(const Place *place); /* how many wait before it */
size_t place_taken(const Place *place); /* how many places of its line are taken */

/* `width` as above; 0 leaves it as it is. */
void place_leave(Place *place, size_t width);

#endif
