/* What counts in a workspace, what has changed since, and notes that are cut, locked or left. */
#include "../../host/files/written.h"
#include "tap.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Place {
    char   work[64], state[80];
    Census before, after, changes;
    Err    err;
} Place;

static void put(const Place *place, const char *name, const char *text)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", place->work, name);
    for (char *slash = strchr(path + strlen(place->work) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    if (!file) return;
    fputs(text, file);
    fclose(file);
}

static void begin(Place *place)
{
    memset(place, 0, sizeof *place);
    strcpy(place->work, "/tmp/census-test-XXXXXX");
    CHECK(mkdtemp(place->work) != NULL);
    snprintf(place->state, sizeof place->state, "%s.state", place->work);
}

static void end(Place *place)
{
    char command[300];
    census_clear(&place->before);
    census_clear(&place->after);
    census_clear(&place->changes);
    snprintf(command, sizeof command, "rm -rf %s %s", place->work, place->state);
    CHECK_INT(system(command), 0);
}

static void take(Place *place, Census *out)
{
    census_clear(out);
    CHECK_INT(census_take(place->work, 0, out, &place->err), ST_OK);
}

/* "f path, g path" of what a census holds. */
static const char *list(const Census *census)
{
    static char text[2000];
    size_t      at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < census->count; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%c %s", i ? ", " : "",
                               census->entries[i].kind, census->entries[i].path);
    return text;
}

static const char *changed(Place *place)
{
    take(place, &place->after);
    census_clear(&place->changes);
    census_compare(&place->before, &place->after, &place->changes);
    return list(&place->changes);
}

TEST(only_what_a_project_would_load_counts)
{
    Place place;
    begin(&place);
    put(&place, "README.md", "x");
    put(&place, "src/a.lua", "x");
    put(&place, "docs/agents.md", "x");
    put(&place, "agents/a.md", "x");
    put(&place, "agents/deep/er/b.MD", "x");
    put(&place, "agents/notes.txt", "x");
    put(&place, "x/tools/t.lua", "x");
    put(&place, "x/tools/t.md", "x");
    put(&place, "x/.perigee/lua/m.lua", "x");
    put(&place, "y/.claude/agents/c.md", "x");
    put(&place, "y/.claude/settings.json", "x");
    take(&place, &place.before);
    CHECK_TEXT(list(&place.before),
               "f agents/a.md, f agents/deep/er/b.MD, d x/.perigee, f x/.perigee/lua/m.lua, "
               "f x/tools/t.lua, d y/.claude/agents, f y/.claude/agents/c.md");
    CHECK_TEXT(changed(&place), "");
    end(&place);
}

TEST(a_workspace_below_such_a_folder_is_one_such_place)
{
    Place place;
    begin(&place);
    put(&place, "agents/team/a.md", "x");
    char path[100];
    snprintf(path, sizeof path, "%s/agents/team", place.work);
    CHECK_INT(census_take(path, 0, &place.before, &place.err), ST_OK);
    CHECK_TEXT(list(&place.before), "f a.md");
    end(&place);
}

TEST(new_changed_and_gone_are_told_apart_from_what_was_touched)
{
    Place place;
    char  path[200];
    begin(&place);
    put(&place, "agents/changed.md", "one");
    put(&place, "agents/gone.md", "x");
    put(&place, "agents/same.md", "x");
    put(&place, "agents/touched.md", "same text");
    take(&place, &place.before);
    put(&place, "agents/changed.md", "two"); /* of the same length */
    put(&place, "agents/new.md", "x");
    put(&place, "agents/touched.md", "same text");
    put(&place, "sub/.perigee/x", "x");
    snprintf(path, sizeof path, "%s/agents/gone.md", place.work);
    CHECK_INT(unlink(path), 0);
    CHECK_TEXT(changed(&place),
               "f agents/changed.md, g agents/gone.md, f agents/new.md, d sub/.perigee");
    end(&place);
}

/* The times of a file can be put back; its inode's change time cannot. */
TEST(a_change_that_puts_the_times_back_is_seen)
{
    Place           place;
    char            path[200];
    struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    begin(&place);
    put(&place, "agents/a.md", "one");
    snprintf(path, sizeof path, "%s/agents/a.md", place.work);
    CHECK_INT(utimensat(AT_FDCWD, path, old, 0), 0);
    take(&place, &place.before);
    put(&place, "agents/a.md", "two");
    CHECK_INT(utimensat(AT_FDCWD, path, old, 0), 0);
    CHECK_TEXT(changed(&place), "f agents/a.md");
    end(&place);
}

/* Within one tick of the clock a file can change and look the same: then its text decides. */
TEST(a_file_too_fresh_to_tell_is_compared_by_its_text)
{
    Place place;
    begin(&place);
    put(&place, "agents/a.md", "one");
    take(&place, &place.before);
    take(&place, &place.after);
    CHECK_INT(place.before.count, 1);
    memset(place.after.entries[0].hash, 'a', HASH_HEX_SIZE - 1);
    census_compare(&place.before, &place.after, &place.changes);
    CHECK_TEXT(list(&place.changes), "f agents/a.md");
    census_clear(&place.changes);
    place.before.taken +=
        (int64_t)10000000000; /* taken long after the file was made: it is known */
    census_compare(&place.before, &place.after, &place.changes);
    CHECK_TEXT(list(&place.changes), "");
    end(&place);
}

TEST(links_in_such_a_place_count_and_what_they_lead_to_inside)
{
    Place place;
    char  path[200];
    begin(&place);
    put(&place, "data/a.md", "x");
    put(&place, "plain/b.txt", "x");
    put(&place, "agents/x.md", "x");
    snprintf(path, sizeof path, "%s/agents/more", place.work);
    CHECK_INT(symlink("../data", path), 0);
    snprintf(path, sizeof path, "%s/agents/file.md", place.work);
    CHECK_INT(symlink("../plain/b.txt", path), 0);
    snprintf(path, sizeof path, "%s/agents/round", place.work);
    CHECK_INT(symlink("..", path), 0);
    snprintf(path, sizeof path, "%s/agents/away", place.work);
    CHECK_INT(symlink("/etc", path), 0);
    snprintf(path, sizeof path, "%s/other", place.work);
    CHECK_INT(symlink("data", path), 0);
    take(&place, &place.before);
    CHECK_TEXT(list(&place.before), "l agents/away, l agents/file.md, l agents/more, "
                                    "l agents/round, f agents/x.md, f data/a.md, f plain/b.txt");
    end(&place);
}

TEST(bytes_of_a_census_come_back_and_nothing_else_is_taken_for_one)
{
    Place  place;
    Buf    bytes;
    Census again;
    begin(&place);
    put(&place, "agents/odd \n name.md", "x");
    put(&place, "tools/t.lua", "x");
    take(&place, &place.before);
    buf_init(&bytes, 100000);
    CHECK_INT(census_write(&place.before, &bytes, &place.err), ST_OK);
    CHECK_INT(census_parse(buf_str(&bytes), &again, &place.err), ST_OK);
    CHECK_TEXT(list(&again), "f agents/odd \n name.md, f tools/t.lua");
    CHECK_TEXT(again.folder, place.work);
    CHECK_INT(again.taken, place.before.taken);
    CHECK(again.entries[0].inode == place.before.entries[0].inode);
    census_compare(&place.before, &again, &place.changes);
    CHECK_INT(place.changes.count, 0);
    census_clear(&again);
    for (size_t len = 0; len < bytes.len; len++) /* cut anywhere */
        CHECK_INT(census_parse((Str){bytes.ptr, len}, &again, &place.err), ST_INVALID);
    for (size_t at = 0; at < bytes.len; at++) { /* one byte wrong: refused, or still a census */
        char was = bytes.ptr[at];
        bytes.ptr[at] = (char)(was ^ 0x15);
        if (census_parse(buf_str(&bytes), &again, &place.err) == ST_OK) census_clear(&again);
        bytes.ptr[at] = was;
    }
    buf_clear(&bytes);
    end(&place);
}

TEST(a_walk_past_its_deadline_is_no_census)
{
    Place place;
    char  name[60];
    begin(&place);
    for (int i = 0; i < 1100; i++) {
        snprintf(name, sizeof name, "f%d", i);
        put(&place, name, "");
    }
    CHECK_INT(census_take(place.work, 1, &place.before, &place.err), ST_LIMIT);
    CHECK_INT(census_take("/nowhere/at/all", 0, &place.before, &place.err), ST_NOT_FOUND);
    end(&place);
}

TEST(a_note_is_live_while_it_is_held_then_settled_and_forgotten)
{
    Place       place;
    Note       *note = NULL;
    WrittenList all;
    begin(&place);
    put(&place, "agents/was.md", "x");
    CHECK_INT(note_begin(place.state, place.work, NULL, &note, &place.err), ST_OK);
    CHECK_TEXT(note_workspace(note), place.work);
    put(&place, "agents/new.md", "x");
    CHECK_INT(written_collect(place.state, &all, &place.err), ST_OK);
    CHECK_INT(all.count, 1);
    CHECK(all.items[0].live && !all.items[0].problem);
    CHECK_TEXT(list(&all.items[0].changes), "f agents/new.md");
    written_clear(&all);

    CHECK_INT(note_settle(note, 0, &place.err), ST_OK);
    note_free(note);
    CHECK_INT(written_collect(place.state, &all, &place.err), ST_OK);
    CHECK_INT(all.count, 1);
    CHECK(!all.items[0].live);
    CHECK_TEXT(list(&all.items[0].changes), "f agents/new.md");
    CHECK_INT(written_forget(place.state, all.items[0].name, &place.err), ST_OK);
    CHECK_INT(written_forget(place.state, "../trust.json", &place.err), ST_INVALID);
    written_clear(&all);
    CHECK_INT(written_collect(place.state, &all, &place.err), ST_OK);
    CHECK_INT(all.count, 0);
    end(&place);
}

TEST(a_note_whose_process_died_is_settled_by_whoever_comes_next)
{
    Place       place;
    Note       *note = NULL;
    WrittenList all;
    begin(&place);
    CHECK_INT(note_begin(place.state, place.work, NULL, &note, &place.err), ST_OK);
    note_free(note); /* as a death would: the lock is gone, the note stands */
    put(&place, "tools/new.lua", "x");
    CHECK_INT(written_collect(place.state, &all, &place.err), ST_OK);
    CHECK_INT(all.count, 1);
    CHECK(!all.items[0].live && !all.items[0].problem);
    CHECK_TEXT(list(&all.items[0].changes), "f tools/new.lua");
    written_clear(&all);
    end(&place);
}

TEST(a_run_that_changed_nothing_leaves_nothing)
{
    Place       place;
    Note       *note = NULL;
    WrittenList all;
    begin(&place);
    put(&place, "agents/a.md", "x");
    CHECK_INT(note_begin(place.state, place.work, NULL, &note, &place.err), ST_OK);
    put(&place, "result.txt", "x");
    CHECK_INT(note_settle(note, 0, &place.err), ST_OK);
    note_free(note);
    CHECK_INT(written_collect(place.state, &all, &place.err), ST_OK);
    CHECK_INT(all.count, 0);
    end(&place);
}

TEST(what_changes_below_a_pin_is_not_the_runs_doing)
{
    Place       place;
    Note       *note = NULL;
    WrittenList all;
    char        pin[300], other[300], was[400], is[400];
    begin(&place);
    put(&place, "agents/was.md", "x");
    put(&place, "sub/agents/was.md", "x");
    snprintf(pin, sizeof pin, "%s/agents", place.work);
    snprintf(other, sizeof other, "%s/tools", place.work); /* is not there yet */
    const char *pins[] = {pin, other, NULL};
    CHECK_INT(note_begin(place.state, place.work, pins, &note, &place.err), ST_OK);
    put(&place, "agents/was.md", "the user's");
    put(&place, "agents/new.md", "the user's");
    put(&place, "tools/new.lua", "a run made the folder");
    put(&place, "sub/agents/was.md", "a run's");
    CHECK_INT(written_collect(place.state, &all, &place.err), ST_OK);
    CHECK_INT(all.count, 1);
    CHECK_TEXT(list(&all.items[0].changes), "f sub/agents/was.md, f tools/new.lua");
    written_clear(&all);
    snprintf(was, sizeof was, "%s/moved", place.work);
    CHECK_INT(rename(pin, was), 0); /* another folder bears the name now */
    put(&place, "agents/was.md", "whose?");
    CHECK_INT(note_settle(note, 0, &place.err), ST_OK);
    note_free(note);
    CHECK_INT(written_collect(place.state, &all, &place.err), ST_OK);
    CHECK_INT(all.count, 1);
    snprintf(is, sizeof is, "%s", list(&all.items[0].changes));
    CHECK(strstr(is, "f agents/was.md") != NULL);
    written_clear(&all);
    end(&place);
}

TEST(a_file_below_a_pin_that_has_a_second_name_can_be_changed_by_it)
{
    Place       place;
    Note       *note = NULL;
    WrittenList all;
    char        pin[300], from[300], to[300];
    begin(&place);
    put(&place, "agents/was.md", "x");
    snprintf(pin, sizeof pin, "%s/agents", place.work);
    snprintf(from, sizeof from, "%s/agents/was.md", place.work);
    snprintf(to, sizeof to, "%s/other.txt", place.work);
    CHECK_INT(link(from, to), 0);
    const char *pins[] = {pin, NULL};
    CHECK_INT(note_begin(place.state, place.work, pins, &note, &place.err), ST_OK);
    put(&place, "other.txt", "changed by its other name");
    CHECK_INT(note_settle(note, 0, &place.err), ST_OK);
    note_free(note);
    CHECK_INT(written_collect(place.state, &all, &place.err), ST_OK);
    CHECK_INT(all.count, 1);
    CHECK_TEXT(list(&all.items[0].changes), "f agents/was.md");
    written_clear(&all);
    end(&place);
}

int main(void) { return tap_run(); }
