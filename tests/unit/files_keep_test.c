/* The host's own small files: replaced whole, by one process at a time. */
#include "../../host/files/keep.h"
#include "tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Place {
    char folder[100], path[200];
} Place;

static Place place_new(void)
{
    Place       place;
    const char *temp = getenv("TMPDIR");
    snprintf(place.folder, sizeof place.folder, "%s/keep-test-XXXXXX", temp ? temp : "/tmp");
    CHECK(mkdtemp(place.folder) != NULL);
    snprintf(place.path, sizeof place.path, "%s/a/b/kept.json", place.folder);
    return place;
}

static void place_free(const Place *place)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", place->folder);
    CHECK_INT(system(command), 0);
}

static const char *held(const char *path)
{
    static char text[1000];
    int         fd = open(path, O_RDONLY);
    ssize_t     len = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    text[len < 0 ? 0 : len] = '\0';
    return len < 0 ? "nothing" : text;
}

/* Replaces `was` (NULL: no file) by `now`. */
static Status replace(const char *path, const char *was, const char *now)
{
    Err err;
    Str expect = str_from(was ? was : "");
    err_clear(&err);
    return keep_replace(path, was ? &expect : NULL, str_from(now), &err);
}

TEST(a_file_and_its_folders_are_made_for_the_user_alone)
{
    Place       place = place_new();
    struct stat info;
    char        folder[200];
    umask(0);
    CHECK_INT(replace(place.path, NULL, "one"), ST_OK);
    CHECK_TEXT(held(place.path), "one");
    CHECK(stat(place.path, &info) == 0 && (info.st_mode & 0777) == 0600);
    snprintf(folder, sizeof folder, "%s/a", place.folder);
    CHECK(stat(folder, &info) == 0 && (info.st_mode & 0777) == 0700);
    place_free(&place);
}

TEST(what_became_another_meanwhile_is_not_replaced)
{
    Place place = place_new();
    CHECK_INT(replace(place.path, "never there", "x"), ST_INVALID);
    CHECK_INT(replace(place.path, NULL, "one"), ST_OK);
    CHECK_INT(replace(place.path, NULL, "x"), ST_INVALID);
    CHECK_INT(replace(place.path, "on", "x"), ST_INVALID);
    CHECK_INT(replace(place.path, "one more", "x"), ST_INVALID);
    CHECK_TEXT(held(place.path), "one");
    CHECK_INT(replace(place.path, "one", "two"), ST_OK);
    CHECK_TEXT(held(place.path), "two");
    place_free(&place);
}

/* Each counts up by reading, adding, and trying again: none of the additions is lost. */
TEST(processes_that_change_it_at_once_lose_nothing)
{
    enum { PROCESSES = 4, ROUNDS = 20 };
    Place place = place_new();
    CHECK_INT(replace(place.path, NULL, "0"), ST_OK);
    fflush(stdout);
    for (int i = 0; i < PROCESSES; i++) {
        if (fork() != 0) continue;
        for (int done = 0; done < ROUNDS;) {
            char was[20], now[20];
            snprintf(was, sizeof was, "%s", held(place.path));
            snprintf(now, sizeof now, "%d", atoi(was) + 1);
            Status status = replace(place.path, was, now);
            if (status == ST_OK) done++;
            if (status != ST_OK && status != ST_INVALID) _exit(1);
        }
        _exit(0);
    }
    for (int i = 0, status; i < PROCESSES; i++) CHECK(wait(&status) > 0 && status == 0);
    CHECK_INT(atoi(held(place.path)), PROCESSES * ROUNDS);
    place_free(&place);
}

TEST(a_link_is_followed_and_stays_a_link)
{
    Place       place = place_new();
    struct stat info;
    char        link[200];
    snprintf(link, sizeof link, "%s/link", place.folder);
    CHECK_INT(replace(place.path, NULL, "one"), ST_OK);
    CHECK(symlink("a/b/kept.json", link) == 0);
    CHECK_INT(replace(link, "one", "two"), ST_OK);
    CHECK_TEXT(held(place.path), "two");
    CHECK(lstat(link, &info) == 0 && S_ISLNK(info.st_mode));
    place_free(&place);
}

TEST(what_is_no_regular_file_is_refused_at_once)
{
    Place place = place_new();
    char  fifo[200];
    snprintf(fifo, sizeof fifo, "%s/fifo", place.folder);
    CHECK(mkfifo(fifo, 0600) == 0);
    CHECK_INT(replace(fifo, "", "x"), ST_DENIED);
    CHECK_INT(replace(place.folder, "", "x"), ST_DENIED);
    place_free(&place);
}

int main(void) { return tap_run(); }
