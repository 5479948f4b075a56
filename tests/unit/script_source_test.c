/* Which file a name leads to, and that what is loaded are the bytes that were judged. */
#include "script_rig.h"

#include <sys/stat.h>

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

static void remove_all(Rig *rig)
{
    static const char *const NAMES[] = {"tools/t.lua",    "tools/u.lua", "tools", "lua/words.lua",
                                        "lua/policy.lua", "lua",         NULL};
    char                     path[400];
    for (const char *const *name = NAMES; *name; name++) {
        snprintf(path, sizeof path, "%s/%s", rig->folder, *name);
        if (unlink(path) != 0) rmdir(path);
    }
}

/* A project with a tool, a module and a policy, read; nothing is admitted yet. */
static void open_project(Rig *rig)
{
    static const Room ROOMS[] = {{"tools", "tools", false}, {"lua", "lua", true}};
    char              path[400];
    Err               err;
    rig_open(rig, REAL_CLOCK);
    snprintf(path, sizeof path, "%s/tools", rig->folder);
    CHECK(mkdir(path, 0755) == 0);
    snprintf(path, sizeof path, "%s/lua", rig->folder);
    CHECK(mkdir(path, 0755) == 0);
    put(rig, "tools/t.lua", "return { run = function() return require 'words'.first end }");
    put(rig, "lua/words.lua", "return { first = 'judged' }");
    put(rig, "lua/policy.lua", "return { decide = function() return 'the project' end }");
    for (size_t i = 0; i < 2; i++)
        CHECK_INT(engine_read_room(rig->engine, rig->folder, &ROOMS[i], &err), ST_OK);
}

static void admit(Rig *rig, const char *name, const char *refused)
{
    for (Source *source = rig->engine->offered; source; source = source->next)
        if (strcmp(source->path, name) == 0) {
            engine_admit(rig->engine, source, refused);
            return;
        }
    CHECK(!"it was offered");
}

static void close_project(Rig *rig)
{
    remove_all(rig);
    rig_close(rig);
}

TEST(what_is_loaded_are_the_bytes_that_were_judged)
{
    Rig  rig;
    char hash[HASH_HEX_SIZE];
    open_project(&rig);
    for (Source *source = rig.engine->offered; source; source = source->next) {
        hash_hex(source->text, hash);
        CHECK_TEXT(source->hash, hash);
    }
    put(&rig, "lua/words.lua", "return { first = 'swapped before it was admitted' }");
    admit(&rig, "tools/t.lua", NULL);
    admit(&rig, "lua/words.lua", NULL);
    put(&rig, "tools/t.lua", "return { run = function() return 'swapped after' end }");
    CHECK_TEXT(rig_eval(&rig, "return run:script('tools/t.lua', 'run')"), "judged");
    hash_hex(STR("return { first = 'judged' }"), hash);
    const char *sources = rig_eval(&rig, "return run:sources()['project:lua/words.lua']");
    CHECK_TEXT(sources, hash);
    close_project(&rig);
}

TEST(what_nobody_admitted_is_not_there)
{
    Rig rig;
    open_project(&rig);
    sources_free(&rig.engine->offered);
    const char *shown = rig_eval(&rig, "return run:script('tools/t.lua', 'run')");
    CHECK(strstr(shown, "tools/t.lua: no such file") != NULL);
    CHECK_TEXT(rig_eval(&rig, "return run:sources()['project:tools/t.lua']"), "nil");
    close_project(&rig);
}

TEST(what_was_refused_stands_in_the_way_of_others_of_its_name)
{
    Rig rig;
    open_project(&rig);
    admit(&rig, "tools/t.lua", "it changed");
    const char *shown = rig_eval(&rig, "return run:script('tools/t.lua', 'run')");
    CHECK(strstr(shown, "t.lua is not loaded: it changed") != NULL);
    close_project(&rig);
}

TEST(a_project_is_asked_besides_and_never_instead)
{
    Rig   rig;
    char  file[5000];
    Layer layer;
    open_project(&rig);
    admit(&rig, "lua/policy.lua", NULL);
    CHECK(engine_locate(rig.engine, "lua/policy.lua", SIGHT_PROJECT, file, sizeof file, &layer));
    CHECK(layer != LAYER_PROJECT);
    CHECK(
        engine_locate(rig.engine, "project:lua/policy.lua", SIGHT_USER, file, sizeof file, &layer));
    CHECK_INT(layer, LAYER_PROJECT);
    CHECK(!engine_locate(rig.engine, "project:lua/models.lua", SIGHT_PROJECT, file, sizeof file,
                         &layer));
    CHECK_TEXT(rig_eval(&rig, "return run:decide('project:lua/policy.lua', 'decide')"),
               "the project");
    close_project(&rig);
}

TEST(a_file_that_the_command_line_named_sees_only_modules_that_were_admitted)
{
    Rig rig;
    open_project(&rig);
    rig_file(&rig, "named.lua", "return { run = function() return require 'words'.first end }");
    rig_file(&rig, "again.lua", "return { run = function() return require 'words'.first end }");
    const char *shown = rig_eval(&rig, "return run:script(file 'named.lua', 'run')");
    CHECK(strstr(shown, "lua/words.lua: no such file") != NULL);
    admit(&rig, "lua/words.lua", NULL);
    CHECK_TEXT(rig_eval(&rig, "return run:script(file 'again.lua', 'run')"), "judged");
    close_project(&rig);
}

TEST(a_project_with_more_than_is_read_is_an_error_and_offers_nothing_more)
{
    Rig        rig;
    Err        err;
    const Room room = {"tools", "tools", false};
    char       name[40], path[400];
    open_project(&rig);
    for (int i = 0; i < PROJECT_FILES_MAX; i++) {
        snprintf(name, sizeof name, "tools/x%d.lua", i);
        put(&rig, name, "return {}");
    }
    sources_free(&rig.engine->offered);
    CHECK_INT(engine_read_room(rig.engine, rig.folder, &room, &err), ST_LIMIT);
    for (int i = 0; i < PROJECT_FILES_MAX; i++) {
        snprintf(path, sizeof path, "%s/tools/x%d.lua", rig.folder, i);
        unlink(path);
    }
    close_project(&rig);
}

/* -- as a run recorded it -----------------------------------------------------------------------
 */

/* Puts a recorded text into force; whether it differs from today's. */
static bool use_text(Rig *rig, const char *path, const char *text)
{
    Buf  copy;
    Err  err;
    char hash[HASH_HEX_SIZE];
    bool changed = false;
    hash_hex(str_from(text), hash);
    buf_init(&copy, LIMIT_SCRIPT);
    CHECK_INT(buf_append(&copy, str_from(text), &err), ST_OK);
    engine_use_text(rig->engine, path, hash, &copy, &changed);
    buf_clear(&copy);
    return changed;
}

TEST(a_recorded_text_goes_before_the_file_and_so_does_what_it_requires)
{
    Rig rig;
    open_project(&rig);
    admit(&rig, "tools/t.lua", NULL);
    admit(&rig, "lua/words.lua", NULL);
    CHECK(use_text(&rig, "project:lua/words.lua", "return { first = 'recorded' }"));
    CHECK(!use_text(&rig, "project:tools/t.lua",
                    "return { run = function() return require 'words'.first end }"));
    CHECK_TEXT(rig_eval(&rig, "return run:script('tools/t.lua', 'run')"), "recorded");
    char hash[HASH_HEX_SIZE];
    hash_hex(STR("return { first = 'recorded' }"), hash);
    CHECK_TEXT(rig_eval(&rig, "return run:sources()['project:lua/words.lua']"), hash);
    close_project(&rig);
}

TEST(a_projects_recorded_text_needs_no_trust_today)
{
    Rig rig;
    open_project(&rig);
    sources_free(&rig.engine->offered);
    CHECK(use_text(&rig, "project:lua/words.lua", "return { first = 'as it was' }"));
    CHECK(use_text(&rig, "project:tools/t.lua",
                   "return { run = function() return require 'words'.first end }"));
    CHECK_TEXT(rig_eval(&rig, "return run:script('tools/t.lua', 'run')"), "as it was");
    close_project(&rig);
}

TEST(a_recorded_file_that_was_nobodys_project_is_not_replaced_by_a_projects)
{
    Rig rig;
    open_project(&rig);
    admit(&rig, "tools/t.lua", NULL);
    CHECK(use_text(&rig, "tools/t.lua", "return { run = function() return 'the users' end }"));
    CHECK_TEXT(rig_eval(&rig, "return run:script('tools/t.lua', 'run')"), "the users");
    close_project(&rig);
}

TEST(the_program_itself_where_keys_go_and_what_forbids_are_always_todays)
{
    static const char *const PATHS[] = {"lua/lib/text.lua",       "lua/cli/run.lua",
                                        "lua/models.lua",         "lua/policy.lua",
                                        "project:lua/models.lua", "project:lua/policy.lua"};
    Rig                      rig;
    open_project(&rig);
    admit(&rig, "lua/policy.lua", NULL);
    for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++)
        CHECK(!use_text(&rig, PATHS[i], "return { decide = function() return 'old' end }"));
    CHECK(rig.engine->recorded == NULL);
    CHECK_TEXT(rig_eval(&rig, "return run:decide('project:lua/policy.lua', 'decide')"),
               "the project");
    close_project(&rig);
}

TEST(a_projects_policy_that_is_not_loaded_today_forbids_what_it_forbade)
{
    Rig rig;
    open_project(&rig);
    sources_free(&rig.engine->offered);
    CHECK(use_text(&rig, "project:lua/policy.lua",
                   "return { decide = function() return 'as it was' end }"));
    CHECK_TEXT(rig_eval(&rig, "return run:decide('project:lua/policy.lua', 'decide')"),
               "as it was");
    close_project(&rig);
}

TEST(only_files_loaded_since_the_last_list_are_new)
{
    Rig rig;
    rig_open(&rig, REAL_CLOCK);
    rig_file(&rig, "one.lua", "return { run = function() return 1 end }");
    rig_file(&rig, "two.lua", "return { run = function() return 2 end }");
    CHECK_TEXT(rig_eval(&rig, "run:sources() return run:new_sources()"), "nil");
    rig_eval(&rig, "run:script(file 'one.lua', 'run')");
    CHECK_TEXT(rig_eval(&rig, "local new = run:new_sources()"
                              " return new[file 'one.lua'] == run:sources()[file 'one.lua'],"
                              " new[file 'two.lua']"),
               "true | nil");
    CHECK_TEXT(rig_eval(&rig, "return run:new_sources()"), "nil");
    CHECK_TEXT(rig_eval(&rig, "local child = run:child { agent = 'a', task = 't' }"
                              " child:script(file 'two.lua', 'run') child:sources()"
                              " local new = child:new_sources() child:close()"
                              " return new[file 'two.lua'] ~= nil, run:new_sources()"),
               "true | nil");
    rig_close(&rig);
}

int main(void) { return rig_run(); }
