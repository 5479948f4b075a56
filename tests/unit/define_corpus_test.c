/* Real definitions: the agents that ship with the host, and, with PERIGEE_SHARED, the seed's own
 * file and the whole corpus. C reads them, lua/lib/relations.lua makes edges of them, as in the
 * host. Runs in the project's folder. */
#include "../../host/define/catalog.h"
#include "../../host/define/definition.h"
#include "tap.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

static lua_State *L;
static Err        err;
static size_t     read_count, error_notes;

static void set_text(const char *key, Str text)
{
    lua_pushlstring(L, text.ptr ? text.ptr : "", text.len);
    lua_setfield(L, -2, key);
}

static void set_integer(const char *key, int value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, -2, key);
}

static void push_block(const Block *block)
{
    static const char *const KINDS[] = {"heading", "item", "paragraph", "code"};
    lua_newtable(L);
    set_text("kind", str_from(KINDS[block->kind]));
    set_integer("level", block->level);
    set_integer("number", block->number);
    set_integer("line", block->line);
    set_integer("last_line", block->last_line);
    set_text("text", block->text);
    set_text("clean", block->clean);
    set_text("source", block->source);
    set_text("info", block->info);
    lua_pushboolean(L, block->quoted);
    lua_setfield(L, -2, "quoted");
}

static Str scalar(const Definition *def, const char *key)
{
    const Node *node = node_get(def->front, key);
    return node && node->kind == NODE_SCALAR ? node->text : (Str){"", 0};
}

static void push_definition(const Definition *def, const char *file)
{
    static const char *const KEYS[] = {"description", "model", "complexity", "tools"};
    lua_newtable(L);
    set_text("file", str_from(file));
    set_text("name", scalar(def, "name"));
    lua_newtable(L);
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) set_text(KEYS[i], scalar(def, KEYS[i]));
    const Node *tools = node_get(def->front, "tools");
    char        names[400] = "";
    for (const Node *tool = tools ? tools->first : NULL; tool && strlen(names) < 300;
         tool = tool->next)
        snprintf(names + strlen(names), 90, "%.*s ", (int)(tool->text.len % 80), tool->text.ptr);
    set_text("tool_list", str_from(names));
    lua_setfield(L, -2, "fields");
    lua_createtable(L, (int)def->block_count, 0);
    for (size_t i = 0; i < def->block_count; i++) {
        push_block(&def->blocks[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "blocks");
}

/* Sets the Lua global `name` to all definitions below `folder`. */
static void load(const char *name, const char *folder)
{
    Catalog catalog;
    CHECK_INT(catalog_find(folder, &catalog, &err), ST_OK);
    lua_newtable(L);
    read_count = error_notes = 0;
    for (size_t i = 0; i < catalog.count; i++) {
        const CatalogFile *file = &catalog.files[i];
        Definition         def;
        CHECK(file->kind != CATALOG_REFUSED);
        if (file->kind != CATALOG_DEFINITION) continue;
        CHECK_INT(definition_parse(file->text, DEFINITION_WHOLE, &def, &err), ST_OK);
        push_definition(&def, file->path);
        lua_rawseti(L, -2, (lua_Integer)++read_count);
        for (size_t j = 0; j < def.note_count; j++) error_notes += def.notes[j].level == NOTE_ERROR;
        definition_free(&def);
    }
    lua_setglobal(L, name);
    catalog_free(&catalog);
}

/* Runs a chunk that answers a text. */
static const char *answer(const char *chunk)
{
    static char text[8000];
    if (luaL_dostring(L, chunk) != LUA_OK) printf("# %s\n", lua_tostring(L, -1));
    snprintf(text, sizeof text, "%s", lua_tostring(L, -1) ? lua_tostring(L, -1) : "nil");
    lua_settop(L, 0);
    return text;
}

static void begin(void)
{
    L = luaL_newstate();
    luaL_openlibs(L);
    CHECK_TEXT(answer("package.path = 'lua/?.lua' relations = require 'lib.relations'\n"
                      "function counts(edges) local n, out = {}, {}\n"
                      "  for _, e in ipairs(edges) do n[e.kind] = (n[e.kind] or 0) + 1 end\n"
                      "  for k, v in pairs(n) do out[#out + 1] = k .. '=' .. v end\n"
                      "  table.sort(out) return table.concat(out, ' ') end\n"
                      "function keys(edges) local out = {}\n"
                      "  for i, e in ipairs(edges) do out[i] = e.kind .. ' ' .. e.order .. ' ' .. "
                      "e.target end\n"
                      "  table.sort(out) return table.concat(out, '\\n') end return ''"),
               "");
}

static void finish(void) { lua_close(L); }

static const char *shared(const char *below)
{
    static char path[1000];
    const char *base = getenv("PERIGEE_SHARED");
    if (!base || !*base) return NULL;
    snprintf(path, sizeof path, "%s/%s", base, below);
    return path;
}

TEST(the_agents_that_ship_are_read_without_a_note)
{
    begin();
    load("ours", "agents");
    CHECK_INT(read_count, 7);
    CHECK_INT(error_notes, 0);
    CHECK_TEXT(
        answer(
            "local n = 0 for _, d in ipairs(ours) do\n"
            "if not (d.name and d.fields.description) then n = n + 1 end end return n"),
        "0");
    CHECK_TEXT(answer("for _, d in ipairs(ours) do if d.name:find('^062') then\n"
                      "return counts(relations.read(d)) end end"),
               "conditional=3 diagram=4 escalate=3 input=3 next=3 primary=3 trigger=3");
    finish();
}

TEST(the_checker_that_ships_reads_and_cannot_run)
{
    begin();
    load("ours", "agents");
    CHECK_TEXT(answer("for _, d in ipairs(ours) do if d.name:find('^072') then\n"
                      "return d.fields.tool_list end end"),
               "web_search web_fetch write read edit ");
    finish();
}

TEST(the_builder_that_ships_may_hand_over_to_the_checker_by_phrase)
{
    begin();
    load("ours", "agents");
    CHECK_TEXT(
        answer("local graph = relations.graph(ours)\n"
               "local name = '062-development-backend-senior-guardian'\n"
               "local mine = {} for _, e in ipairs(graph) do if e.from == name then mine[#mine + "
               "1] = e end end\n"
               "local out = {} for _, e in ipairs(mine) do if e.kind == 'trigger' then\n"
               "  local hit = relations.match_trigger(mine, 'Done.\\n\\n' .. e.text .. '.')[1]\n"
               "  out[#out + 1] = hit and hit.to or 'nobody' end end\n"
               "return table.concat(out, '\\n')"),
        "063-development-backend-junior-guardian\n072-development-quality-senior-guardian\n"
        "081-infrastructure-devops-director-guardian");
    CHECK_TEXT(
        answer("return table.concat(relations.targets(relations.graph(ours),\n"
               "'062-development-backend-senior-guardian'), '\\n')"),
        "063-development-backend-junior-guardian\n072-development-quality-senior-guardian\n"
        "081-infrastructure-devops-director-guardian\n092-security-operations-director-guardian\n"
        "045-architecture-senior-architect-guardian\n061-development-backend-director-guardian");
    finish();
}

TEST(the_seed_as_it_was_given_yields_its_edges)
{
    if (!shared("seed")) SKIP("PERIGEE_SHARED is not set: the seed's own file is elsewhere");
    begin();
    load("seed", shared("seed"));
    CHECK_INT(read_count, 1);
    CHECK_INT(error_notes, 0);
    CHECK_TEXT(answer("return counts(relations.read(seed[1]))"),
               "conditional=3 diagram=4 escalate=3 input=3 next=3 primary=3 trigger=3");
    CHECK_TEXT(answer("return seed[1].fields.tool_list"),
               "web_search web_fetch write read bash edit ");
    CHECK_TEXT(answer("local out = {} for _, e in ipairs(relations.read(seed[1])) do\n"
                      "if e.kind == 'conditional' then out[#out + 1] = e.text .. '>' .. "
                      "e.target:sub(1, 3) end end\n"
                      "return table.concat(out, '|')"),
               "security concerns>092|architectural decisions>045|strategic alignment>061");
    finish();
}

TEST(the_seed_and_its_undamaged_twin_yield_the_same_edges)
{
    if (!shared("seed")) SKIP("PERIGEE_SHARED is not set: the seed's own file is elsewhere");
    begin();
    load("seed", shared("seed"));
    load("family", shared("corpus/guardians"));
    CHECK_TEXT(
        answer("for _, d in ipairs(family) do if d.name == seed[1].name then\n"
               "return tostring(keys(relations.read(d)) == keys(relations.read(seed[1]))) end end"),
        "true");
    finish();
}

TEST(the_agents_that_ship_have_the_edges_of_those_they_are_modelled_on_and_other_words)
{
    if (!shared("corpus")) SKIP("PERIGEE_SHARED is not set: the corpus is elsewhere");
    begin();
    load("ours", "agents");
    load("family", shared("corpus/guardians"));
    CHECK_TEXT(
        answer(
            "local by, out = {}, {} for _, d in ipairs(family) do by[d.name] = d end\n"
            "for _, d in ipairs(ours) do local o = by[d.name]\n"
            "  if keys(relations.read(d)) ~= keys(relations.read(o)) then out[#out + 1] = d.name "
            "end\n"
            "  for _, f in ipairs { 'model', 'complexity', 'tool_list' } do\n"
            "    if d.fields[f] ~= o.fields[f] then out[#out + 1] = d.name .. ' ' .. f end end\n"
            "  local texts = {} for _, e in ipairs(relations.read(o)) do texts[e.text] = true end\n"
            "  for _, e in ipairs(relations.read(d)) do if e.text ~= '' and texts[e.text] then\n"
            "    out[#out + 1] = d.name .. ' ' .. e.text end end end\n"
            "return table.concat(out, '\\n')"),
        "");
    finish();
}

TEST(the_whole_family_is_read_and_its_names_resolve)
{
    if (!shared("corpus")) SKIP("PERIGEE_SHARED is not set: the corpus is elsewhere");
    begin();
    load("family", shared("corpus/guardians"));
    CHECK_INT(read_count, 47);
    CHECK_INT(error_notes, 0);
    CHECK_TEXT(
        answer("return counts(relations.graph(family))"),
        "collaborate=21 conditional=72 diagram=124 escalate=119 input=72 next=126 primary=72 "
        "trigger=72");
    CHECK_TEXT(
        answer(
            "for _, e in ipairs(relations.graph(family)) do\n"
            "if e.target == '081-development-security-senior' and e.to then return e.to end end\n"
            "return 'nobody'"),
        "nobody");
    finish();
}

TEST(other_layouts_of_the_family_are_read_or_known_as_prose)
{
    if (!shared("corpus")) SKIP("PERIGEE_SHARED is not set: the corpus is elsewhere");
    begin();
    load("drift", shared("corpus/guardians-drift"));
    CHECK_INT(read_count, 20);
    CHECK_INT(error_notes, 0);
    CHECK_TEXT(
        answer("local out = {} for _, d in ipairs(drift) do if d.file:find('^36317fb') then\n"
               "out[#out + 1] = d.name .. ' ' .. #relations.read(d) end end return "
               "table.concat(out, '|')"),
        "architectural-orchestrator 0|minimal-todo-fixer 0");
    finish();
}

int main(void) { return tap_run(); }
