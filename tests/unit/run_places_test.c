/* How many at a time, and whose turn is next. */
#include "../../host/run/places.h"
#include "tap.h"

static char   said[200]; /* who was granted a place, in order */
static Places places;

static void on_granted(void *arg) { strcat(said, arg); }

/* The first letter of `name` is who asks. */
static Place *ask(const char *line, char *name, size_t width)
{
    static const char WHO[128];
    return place_ask(&places, str_from(line), &WHO[(int)name[0]], width, on_granted, name);
}

static void begin(void)
{
    said[0] = '\0';
    CHECK(places.first == NULL);
}

TEST(as_many_as_the_width_says_go_at_once_and_the_others_in_their_order)
{
    begin();
    Place *a = ask("x", "a", 2), *b = ask("x", "b", 2), *c = ask("x", "c", 2),
          *d = ask("x", "d", 2);
    CHECK_TEXT(said, "ab");
    CHECK(place_is_granted(a) && !place_is_granted(c));
    CHECK_INT(place_ahead(d), 1);
    CHECK_INT(place_taken(d), 2);
    place_leave(b, 0);
    CHECK_TEXT(said, "abc");
    place_leave(a, 0);
    CHECK_TEXT(said, "abcd");
    place_leave(c, 0);
    place_leave(d, 0);
    CHECK(places.first == NULL);
}

TEST(another_line_does_not_wait)
{
    begin();
    Place *a = ask("x", "a", 1), *b = ask("y", "b", 1);
    CHECK_TEXT(said, "ab");
    place_leave(a, 0);
    place_leave(b, 0);
}

TEST(many_wishes_of_one_do_not_stand_before_the_first_of_another)
{
    begin();
    char   names[6][3] = {"a0", "a1", "a2", "a3", "b0", "b1"};
    Place *all[6];
    for (int i = 0; i < 6; i++) all[i] = ask("x", names[i], 1);
    for (int i = 0; i < 6; i++) { /* the one that has it is the last that was said */
        const char *now = said + strlen(said) - 2;
        for (int k = 0; k < 6; k++)
            if (all[k] && strcmp(names[k], now) == 0) {
                place_leave(all[k], 0);
                all[k] = NULL;
                break;
            }
    }
    CHECK_TEXT(said, "a0a1b0a2b1a3");
    CHECK(places.first == NULL);
}

TEST(a_smaller_width_takes_no_place_away_and_grants_none_until_enough_have_left)
{
    begin();
    Place *a = ask("x", "a", 3), *b = ask("x", "b", 3), *c = ask("x", "c", 3),
          *d = ask("x", "d", 3);
    place_leave(a, 1);
    CHECK_TEXT(said, "abc");
    place_leave(b, 0);
    CHECK_TEXT(said, "abc");
    place_leave(c, 0);
    CHECK_TEXT(said, "abcd");
    place_leave(d, 0);
}

TEST(a_larger_width_lets_in_as_many_more)
{
    begin();
    Place *a = ask("x", "a", 1), *b = ask("x", "b", 1), *c = ask("x", "c", 1);
    place_leave(a, 2);
    CHECK_TEXT(said, "abc");
    place_leave(b, 0);
    place_leave(c, 0);
}

TEST(who_waits_may_leave_and_nobody_else_notices)
{
    begin();
    Place *a = ask("x", "a", 1), *b = ask("x", "b", 1), *c = ask("x", "c", 1);
    place_leave(b, 0);
    CHECK_INT(place_ahead(c), 0);
    place_leave(a, 0);
    CHECK_TEXT(said, "ac");
    place_leave(c, 0);
    CHECK(places.first == NULL);
}

static Place *own;

static void leave_at_once(void *arg)
{
    strcat(said, arg);
    if (own) place_leave(own, 0);
    own = NULL;
}

TEST(a_place_may_be_left_from_inside_its_grant)
{
    begin();
    Place *a = ask("x", "a", 1);
    own = place_ask(&places, STR("x"), &own, 1, leave_at_once, "b");
    Place *c = ask("x", "c", 1);
    place_leave(a, 0);
    CHECK_TEXT(said, "abc");
    place_leave(c, 0);
    CHECK(places.first == NULL);
}

int main(void) { return tap_run(); }
