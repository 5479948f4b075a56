/* A name to its addresses: through the system, late, given up. What the proxy does with it is
 * tested there. */
#include "../../host/http/resolve.h"
#include "tap.h"

#include <sched.h>
#include <stdatomic.h>

static Loop    *loop;
static Resolved got;
static int      ends;

static void on_done(void *arg, const Resolved *resolved)
{
    (void)arg;
    got = *resolved;
    ends++;
    loop_stop(loop);
}

static void begin(void)
{
    Err err;
    memset(&got, 0, sizeof got);
    ends = 0;
    CHECK(loop_new(&loop, false, &err) == ST_OK);
}

static void end(int before)
{
    CHECK_INT(loop_objects(loop), 0);
    loop_free(loop);
    /* a thread that nobody waited for lets go of its descriptor as it ends */
    for (int i = 0; i < 1000000 && tap_descriptors() > before; i++) sched_yield();
}

TEST(the_system_knows_this_machine)
{
    Err      err;
    Resolve *resolve;
    int      before = tap_descriptors();
    begin();
    CHECK(resolve_begin(loop, NULL, "localhost", DEADLINE_NEVER, on_done, NULL, &resolve, &err) ==
          ST_OK);
    CHECK_INT(ends, 0);
    CHECK(loop_run(loop));
    CHECK_INT(ends, 1);
    CHECK_TEXT(got.outcome.text, "");
    CHECK(got.count >= 1 && address_is_loopback(&got.addresses[0]));
    end(before);
}

static atomic_int hold;

static void look_up(void *arg, const char *name, Resolved *out)
{
    (void)arg, (void)name, (void)out; /* no address, and no word about it */
    while (atomic_load(&hold)) sched_yield();
}

static const ResolveNames NAMES = {look_up, NULL};

TEST(a_name_without_an_address_is_not_found)
{
    Err      err;
    Resolve *resolve;
    int      before = tap_descriptors();
    begin();
    CHECK(resolve_begin(loop, &NAMES, "x.test", DEADLINE_NEVER, on_done, NULL, &resolve, &err) ==
          ST_OK);
    CHECK(loop_run(loop));
    CHECK(got.outcome.status == ST_NOT_FOUND);
    end(before);
}

TEST(an_answer_that_comes_late_or_to_nobody_harms_nothing)
{
    Err      err;
    Resolve *late, *gone;
    int      before = tap_descriptors();
    begin();
    atomic_store(&hold, 1);
    CHECK(resolve_begin(loop, &NAMES, "gone.test", DEADLINE_NEVER, on_done, NULL, &gone, &err) ==
          ST_OK);
    CHECK(resolve_begin(loop, &NAMES, "late.test", loop_now(loop) + 10, on_done, NULL, &late,
                        &err) == ST_OK);
    resolve_cancel(gone);
    resolve_cancel(NULL);
    CHECK(loop_run(loop));
    CHECK_INT(ends, 1);
    CHECK(got.outcome.status == ST_TIMEOUT);
    CHECK_TEXT(got.outcome.text, "look up late.test: no answer in time");
    atomic_store(&hold, 0);
    end(before);
}

int main(void)
{
    Err err; /* what libuv opens once a process is open before the first test counts */
    if (loop_new(&loop, false, &err) == ST_OK) loop_free(loop);
    return tap_run();
}
