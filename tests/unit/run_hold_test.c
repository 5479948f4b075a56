/* Whose turn it is with a file. */
#include "../../host/run/hold.h"
#include "tap.h"

static char said[200]; /* who was granted what, in order */

static void on_granted(void *arg) { strcat(said, arg); }

static Hold *ask(Holds *holds, char *who) { return hold_ask(holds, on_granted, who); }

TEST(one_file_is_held_by_one_at_a_time_in_the_order_of_asking)
{
    Holds holds = {0};
    said[0] = '\0';
    Hold *a = ask(&holds, "a"), *b = ask(&holds, "b"), *c = ask(&holds, "c");
    hold_name(a, "/w/x");
    hold_name(b, "/w/x");
    hold_name(c, "/w/x");
    CHECK_TEXT(said, "a");
    hold_drop(a);
    CHECK_TEXT(said, "ab");
    hold_drop(b);
    CHECK_TEXT(said, "abc");
    hold_drop(c);
    CHECK(holds.first == NULL);
}

TEST(other_files_do_not_wait)
{
    Holds holds = {0};
    said[0] = '\0';
    Hold *a = ask(&holds, "a"), *b = ask(&holds, "b");
    hold_name(a, "/w/x");
    hold_name(b, "/w/y");
    CHECK_TEXT(said, "ab");
    hold_drop(b);
    hold_drop(a);
}

TEST(who_asked_first_goes_first_also_when_his_file_is_known_last)
{
    Holds holds = {0};
    said[0] = '\0';
    Hold *a = ask(&holds, "a"), *b = ask(&holds, "b");
    hold_name(b, "/w/x");
    CHECK_TEXT(said, "");
    hold_name(a, "/w/x");
    CHECK_TEXT(said, "a");
    hold_drop(a);
    CHECK_TEXT(said, "ab");
    hold_drop(b);
}

TEST(who_leaves_the_queue_lets_the_others_go_on)
{
    Holds holds = {0};
    said[0] = '\0';
    Hold *a = ask(&holds, "a"), *b = ask(&holds, "b"), *c = ask(&holds, "c");
    hold_name(b, "/w/x");
    hold_name(c, "/w/x");
    hold_drop(a); /* before its file was known */
    CHECK_TEXT(said, "b");
    Hold *d = ask(&holds, "d");
    hold_name(d, "/w/x");
    hold_drop(c); /* while it waits */
    hold_drop(b);
    CHECK_TEXT(said, "bd");
    hold_drop(d);
    hold_drop(NULL);
}

static Hold *mine;

static void drop_at_once(void *arg)
{
    strcat(said, arg);
    hold_drop(mine);
}

TEST(a_hold_may_be_dropped_while_it_is_granted)
{
    Holds holds = {0};
    said[0] = '\0';
    Hold *a = ask(&holds, "a"), *c;
    mine = hold_ask(&holds, drop_at_once, "b");
    c = ask(&holds, "c");
    hold_name(a, "/w/x");
    hold_name(mine, "/w/x");
    hold_name(c, "/w/x");
    hold_drop(a);
    CHECK_TEXT(said, "abc");
    hold_drop(c);
    CHECK(holds.first == NULL);
}

int main(void) { return tap_run(); }
