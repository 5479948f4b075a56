/* Files that change while a process stays: tried, taken back, hidden, gone; a project's too. */
#include "script_rig.h"

#include <sys/stat.h>

/* As rig_file, for one that is written again. */
static void put(Rig *rig, const char *name, const char *text)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", rig->folder, name);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    if (!file) return;
    fputs(text, file);
    fclose(file);
}

static void forget(Rig *rig, const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", rig->folder, name);
    if (unlink(path) != 0) rmdir(path);
}

static void add_name(void *arg, const char *file)
{
    char       *said = arg;
    const char *name = strrchr(file, '/');
    snprintf(said + strlen(said), 100 - strlen(said), "%s ", name ? name + 1 : file);
}

/* The names of what was taken back. */
static const char *revert(Rig *rig, const char *name)
{
    static char said[100];
    said[0] = '\0';
    (void)engine_revert(rig->engine, name, add_name, said);
    return said;
}

static const char *told(Rig *rig)
{
    return rig_eval(rig, "return run:decide(file 'a.lua', 'tell')");
}

#define TELLS(what) "return { tell = function() return '" what "' end }"

TEST(what_changed_counts_after_the_next_look_and_can_be_taken_back)
{
    Rig rig;
    rig_open(&rig, REAL_CLOCK);
    put(&rig, "a.lua", TELLS("one"));
    CHECK_TEXT(told(&rig), "one");
    put(&rig, "a.lua", TELLS("two"));
    CHECK_TEXT(told(&rig), "one");
    engine_refresh(rig.engine, false);
    CHECK_TEXT(told(&rig), "two");
    CHECK_TEXT(revert(&rig, NULL), "a.lua ");
    CHECK_TEXT(told(&rig), "one");
    CHECK_TEXT(revert(&rig, NULL), ""); /* nothing is on trial any more */
    engine_refresh(rig.engine, false);
    CHECK_TEXT(told(&rig), "one"); /* the same text is not tried again */
    put(&rig, "a.lua", TELLS("three"));
    engine_refresh(rig.engine, false);
    CHECK_TEXT(told(&rig), "three");
    engine_refresh(rig.engine, false);
    CHECK_TEXT(revert(&rig, NULL), ""); /* nobody took it back in time: it is in force for good */
    put(&rig, "a.lua", TELLS("two"));
    engine_refresh(rig.engine, false);
    CHECK_TEXT(told(&rig), "two"); /* it is another change now */
    forget(&rig, "a.lua");
    rig_close(&rig);
}

TEST(a_file_that_is_gone_is_gone_after_the_next_look_and_can_be_kept)
{
    Rig rig;
    rig_open(&rig, REAL_CLOCK);
    put(&rig, "a.lua", TELLS("one"));
    CHECK_TEXT(told(&rig), "one");
    forget(&rig, "a.lua");
    CHECK_TEXT(told(&rig), "one");
    engine_refresh(rig.engine, false);
    CHECK(strstr(told(&rig), "a.lua: no such file") != NULL);
    CHECK_TEXT(revert(&rig, NULL), "a.lua ");
    CHECK_TEXT(told(&rig), "one");
    engine_refresh(rig.engine, false);
    CHECK_TEXT(told(&rig), "one"); /* that it is gone is no news */
    put(&rig, "a.lua", TELLS("back"));
    engine_refresh(rig.engine, false);
    CHECK_TEXT(told(&rig), "back");
    forget(&rig, "a.lua");
    engine_refresh(rig.engine, false);
    engine_refresh(rig.engine, false);
    put(&rig, "a.lua", TELLS("new"));
    CHECK_TEXT(told(&rig), "new");
    forget(&rig, "a.lua");
    rig_close(&rig);
}

TEST(one_that_cannot_be_read_is_a_version_that_nobody_loads)
{
    Rig  rig;
    char path[400];
    rig_open(&rig, REAL_CLOCK);
    put(&rig, "a.lua", TELLS("one"));
    CHECK_TEXT(told(&rig), "one");
    forget(&rig, "a.lua");
    snprintf(path, sizeof path, "%s/a.lua", rig.folder);
    CHECK(mkdir(path, 0700) == 0);
    engine_refresh(rig.engine, false);
    CHECK(strstr(told(&rig), "Is a directory") != NULL);
    CHECK_TEXT(revert(&rig, path), "a.lua ");
    CHECK_TEXT(told(&rig), "one");
    engine_refresh(rig.engine, false);
    CHECK_TEXT(told(&rig), "one");
    forget(&rig, "a.lua");
    rig_close(&rig);
}

/* -- a project's ------------------------------------------------------------------------------- */

/* Reads the project anew and admits what it offers; `keep`: what was in force stays instead. */
static void admit(Rig *rig, bool keep)
{
    static const Room ROOM = {"lua", "lua", true};
    char              file[400];
    Err               err;
    CHECK_INT(engine_read_room(rig->engine, rig->folder, &ROOM, &err), ST_OK);
    while (!keep && rig->engine->offered) engine_admit(rig->engine, rig->engine->offered, NULL);
    sources_free(&rig->engine->offered);
    snprintf(file, sizeof file, "%s/lua/a.lua", rig->folder);
    if (keep) CHECK(engine_keep_previous(rig->engine, file));
    sources_free(&rig->engine->previous);
}

static const char *told_by_project(Rig *rig)
{
    return rig_eval(rig, "return run:decide('project:lua/a.lua', 'tell')");
}

TEST(a_project_is_admitted_anew_and_what_was_in_force_can_stay)
{
    Rig  rig;
    char path[400];
    rig_open(&rig, REAL_CLOCK);
    snprintf(path, sizeof path, "%s/lua", rig.folder);
    CHECK(mkdir(path, 0700) == 0);
    put(&rig, "lua/a.lua", TELLS("one"));
    admit(&rig, false);
    CHECK_TEXT(told_by_project(&rig), "one");
    put(&rig, "lua/a.lua", TELLS("two"));
    engine_refresh(rig.engine, false);
    admit(&rig, true);
    CHECK_TEXT(told_by_project(&rig), "one");
    engine_refresh(rig.engine, false);
    admit(&rig, false);
    CHECK_TEXT(told_by_project(&rig), "two");
    CHECK_TEXT(revert(&rig, "lua/a.lua"), "a.lua ");
    CHECK_TEXT(told_by_project(&rig), "one");
    engine_refresh(rig.engine, false);
    admit(&rig, false);
    CHECK_TEXT(told_by_project(&rig), "one"); /* of no use, and not tried again */
    engine_refresh(rig.engine, true);
    CHECK_TEXT(told_by_project(&rig), "one"); /* nobody wants it anew */
    engine_refresh(rig.engine, false);
    CHECK(strstr(told_by_project(&rig), "no such file") != NULL);
    forget(&rig, "lua/a.lua");
    forget(&rig, "lua");
    rig_close(&rig);
}

int main(void) { return rig_run(); }
