/* The ring of those that are ready. */
#include "../../host/run/sched.h"
#include "tap.h"

typedef struct Worker {
    Turn turn; /* first */
    char name;
    int  left;
} Worker;

static char   order[100];
static size_t count;

static bool work(Turn *turn)
{
    Worker *worker = (Worker *)turn;
    order[count++] = worker->name;
    order[count] = '\0';
    return --worker->left > 0;
}

static Worker worker(char name, int left)
{
    return (Worker){.turn = {.slice = work}, .name = name, .left = left};
}

TEST(each_has_one_slice_in_turn)
{
    Sched  sched = {0};
    Worker a = worker('a', 4), b = worker('b', 1), c = worker('c', 2);
    count = 0;
    sched_ready(&sched, &a.turn);
    sched_ready(&sched, &b.turn);
    sched_ready(&sched, &c.turn);
    sched_ready(&sched, &a.turn); /* queued once */
    while (sched_turn(&sched)) {
    }
    CHECK_TEXT(order, "abcacaa");
    CHECK(sched.first == NULL && sched.last == NULL);
}

TEST(who_is_taken_out_has_no_turn_wherever_it_stood)
{
    for (int out = 0; out < 3; out++) {
        Sched                    sched = {0};
        Worker                   all[] = {worker('a', 1), worker('b', 1), worker('c', 1)};
        static const char *const WANT[] = {"bc", "ac", "ab"};
        count = 0;
        for (int i = 0; i < 3; i++) sched_ready(&sched, &all[i].turn);
        sched_remove(&sched, &all[out].turn);
        sched_remove(&sched, &all[out].turn); /* nothing when it is not queued */
        while (sched_turn(&sched)) {
        }
        CHECK_TEXT(order, WANT[out]);
        sched_ready(&sched, &all[out].turn);
        CHECK(sched.first == &all[out].turn && sched.last == &all[out].turn);
    }
}

int main(void) { return tap_run(); }
