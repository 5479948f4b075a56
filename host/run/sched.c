#include "sched.h"

#include <stddef.h>

void sched_ready(Sched *sched, Turn *turn)
{
    if (turn->queued) return;
    turn->queued = true;
    turn->next = NULL;
    if (sched->last)
        sched->last->next = turn;
    else
        sched->first = turn;
    sched->last = turn;
}

static Turn *take_first(Sched *sched)
{
    Turn *turn = sched->first;
    sched->first = turn->next;
    if (!sched->first) sched->last = NULL;
    turn->queued = false;
    turn->next = NULL;
    return turn;
}

void sched_remove(Sched *sched, Turn *turn)
{
    if (!turn->queued) return;
    Turn *before = NULL;
    for (Turn *at = sched->first; at != turn; at = at->next) before = at;
    if (before)
        before->next = turn->next;
    else
        sched->first = turn->next;
    if (sched->last == turn) sched->last = before;
    turn->queued = false;
    turn->next = NULL;
}

bool sched_turn(Sched *sched)
{
    const Clock real = {0};
    int64_t     until = clock_now(&real) + SCHED_TURN_MS;
    while (sched->first) {
        Turn *turn = take_first(sched);
        if (turn->slice(turn)) sched_ready(sched, turn);
        if (clock_now(&real) >= until) break;
    }
    return sched->first != NULL;
}
