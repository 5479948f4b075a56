#include "hold.h"

#include "../base/mem.h"

#include <stdlib.h>
#include <string.h>

struct Hold {
    Holds       *holds; /* borrowed */
    Hold        *next;  /* in holds */
    char        *file;  /* owned; NULL until it is named */
    HoldGranted *granted;
    void        *arg;
    bool         has;
};

Hold *hold_ask(Holds *holds, HoldGranted *granted, void *arg)
{
    Hold  *hold = mem_new(sizeof *hold);
    Hold **end = &holds->first;
    while (*end) end = &(*end)->next;
    *hold = (Hold){.holds = holds, .granted = granted, .arg = arg};
    *end = hold;
    return hold;
}

static bool is_taken(const Hold *hold)
{
    const Hold *earlier = hold->holds->first;
    for (; earlier != hold; earlier = earlier->next)
        if (strcmp(earlier->file, hold->file) == 0) return true;
    return false;
}

/* The first who may go now. Whoever has no name yet stands in the way of all behind. */
static Hold *next_to_go(const Holds *holds)
{
    Hold *hold = holds->first;
    for (; hold && hold->file; hold = hold->next)
        if (!hold->has && !is_taken(hold)) return hold;
    return NULL;
}

/* `granted` may come back here: then the outer call goes on with what it changed. */
static void grant(Holds *holds)
{
    Hold *hold;
    holds->again = true;
    if (holds->changing) return;
    holds->changing = true;
    while (holds->again) {
        holds->again = false;
        while ((hold = next_to_go(holds)) != NULL) {
            hold->has = true;
            hold->granted(hold->arg);
        }
    }
    holds->changing = false;
}

void hold_name(Hold *hold, const char *file)
{
    hold->file = mem_text(file);
    grant(hold->holds);
}

void hold_drop(Hold *hold)
{
    if (!hold) return;
    Holds *holds = hold->holds;
    Hold **at = &holds->first;
    while (*at != hold) at = &(*at)->next;
    *at = hold->next;
    free(hold->file);
    free(hold);
    grant(holds);
}
