/* Definitions as Lua tables, for lua/lib and the verbs. */
#include "bind.h"

#include "../base/mem.h"
#include "../define/catalog.h"
#include "../define/config.h"
#include "../define/definition.h"

static void set_str(lua_State *L, const char *key, Str text)
{
    lua_pushlstring(L, text.ptr ? text.ptr : "", text.len);
    lua_setfield(L, -2, key);
}

static void set_int(lua_State *L, const char *key, int value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, -2, key);
}

/* Scalars are text; a list is an array; a map is { keys = {...in order}, values = {...}, lines =
 * {...} } at the top and a plain table below. */
static void push_node(lua_State *L, const Node *node)
{
    luaL_checkstack(L, 8, "front matter");
    lua_Integer count = 0;
    switch (node->kind) {
    case NODE_SCALAR:
        lua_pushlstring(L, node->text.ptr ? node->text.ptr : "", node->text.len);
        break;
    case NODE_LIST:
        lua_newtable(L);
        for (const Node *child = node->first; child; child = child->next) {
            push_node(L, child);
            lua_rawseti(L, -2, ++count);
        }
        lua_getfield(L, LUA_REGISTRYINDEX, "json.array");
        lua_setmetatable(L, -2);
        break;
    case NODE_MAP:
        lua_newtable(L);
        for (const Node *child = node->first; child; child = child->next) {
            lua_pushlstring(L, child->key.ptr ? child->key.ptr : "", child->key.len);
            push_node(L, child);
            lua_rawset(L, -3);
        }
        break;
    }
}

static void push_keys(lua_State *L, const Node *front)
{
    lua_Integer count = 0;
    lua_newtable(L);
    for (const Node *child = front ? front->first : NULL; child; child = child->next) {
        lua_createtable(L, 0, 3);
        set_str(L, "key", child->key);
        set_int(L, "line", child->line);
        set_int(L, "column", child->column);
        lua_rawseti(L, -2, ++count);
    }
}

static void push_blocks(lua_State *L, const Definition *definition)
{
    static const char *const KINDS[] = {"heading", "item", "paragraph", "code"};
    lua_createtable(L, (int)definition->block_count, 0);
    for (size_t i = 0; i < definition->block_count; i++) {
        const Block *block = &definition->blocks[i];
        lua_createtable(L, 0, 10);
        lua_pushstring(L, KINDS[block->kind]);
        lua_setfield(L, -2, "kind");
        set_int(L, "level", block->level);
        set_int(L, "number", block->number);
        lua_pushboolean(L, block->quoted);
        lua_setfield(L, -2, "quoted");
        set_str(L, "text", block->text);
        set_str(L, "clean", block->clean);
        set_str(L, "source", block->source);
        set_str(L, "info", block->info);
        set_int(L, "line", block->line);
        set_int(L, "last_line", block->last_line);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void push_notes(lua_State *L, const Definition *definition)
{
    lua_createtable(L, (int)definition->note_count, 0);
    for (size_t i = 0; i < definition->note_count; i++) {
        const Note *note = &definition->notes[i];
        lua_createtable(L, 0, 5);
        lua_pushstring(L, note->level == NOTE_ERROR ? "error" : "warning");
        lua_setfield(L, -2, "level");
        set_str(L, "rule", note->rule);
        set_str(L, "message", note->message);
        set_int(L, "line", note->line);
        set_int(L, "column", note->column);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void push_front(lua_State *L, const Definition *definition)
{
    if (definition->front)
        push_node(L, definition->front);
    else
        lua_newtable(L);
    lua_setfield(L, -2, "front");
    push_keys(L, definition->front);
    lua_setfield(L, -2, "keys");
    lua_pushboolean(L, definition->narrowed);
    lua_setfield(L, -2, "narrowed");
}

typedef struct Parsed {
    Definition     definition;
    DefinitionPart parts;
    size_t         len; /* of the text */
} Parsed;

static int push_definition(lua_State *L)
{
    const Parsed     *parsed = lua_touserdata(L, 1);
    const Definition *definition = &parsed->definition;
    lua_createtable(L, 0, 8);
    if (parsed->parts & DEFINITION_FRONT) push_front(L, definition);
    if (parsed->parts & DEFINITION_OUTLINE) {
        push_blocks(L, definition);
        lua_setfield(L, -2, "blocks");
    }
    lua_pushinteger(L, (lua_Integer)(parsed->len - definition->body.len) + 1);
    lua_setfield(L, -2, "body_at");
    set_int(L, "body_line", definition->body_line);
    push_notes(L, definition);
    lua_setfield(L, -2, "notes");
    return 1;
}

/* cli.definition(text, part) -> { body_at, body_line, notes, + front, keys, narrowed + blocks }
 *                             | nil, err, { line, column }
 * `part` is "front", "outline" or "whole"; body_at is where in the text the body begins, which ends
 * with it. */
int bind_definition(lua_State *L)
{
    static const char *const    NAMES[] = {"front", "outline", "whole", NULL};
    static const DefinitionPart PARTS[] = {DEFINITION_FRONT, DEFINITION_OUTLINE, DEFINITION_WHOLE};
    size_t                      len;
    const char                 *text = luaL_checklstring(L, 1, &len);
    Parsed parsed = {.parts = PARTS[luaL_checkoption(L, 2, NULL, NAMES)], .len = len};
    Err    err;
    err_clear(&err);
    if (definition_parse((Str){text, len}, parsed.parts, &parsed.definition, &err) != ST_OK) {
        lua_pushnil(L);
        op_push_error(L, &err);
        lua_createtable(L, 0, 2);
        set_int(L, "line", parsed.definition.fault_line);
        set_int(L, "column", parsed.definition.fault_column);
        return 3;
    }
    lua_pushcfunction(L, push_definition); /* protected: the arena must not leak */
    lua_pushlightuserdata(L, &parsed);
    int code = lua_pcall(L, 1, 1, 0);
    definition_free(&parsed.definition);
    return code == LUA_OK ? 1 : lua_error(L);
}

/* A scalar { text, quoted }, a list { kind = "list", ... }, a map { kind = "map", entry, ... }
 * whose entries have key, key_line and key_column; each with line and column. */
static void push_tree(lua_State *L, const Node *node)
{
    lua_Integer count = 0;
    luaL_checkstack(L, 8, "configuration");
    lua_createtable(L, 0, 8);
    lua_pushstring(L, node->kind == NODE_SCALAR ? "scalar"
                      : node->kind == NODE_LIST ? "list"
                                                : "map");
    lua_setfield(L, -2, "kind");
    set_int(L, "line", node->line);
    set_int(L, "column", node->column);
    if (node->kind == NODE_SCALAR) {
        set_str(L, "text", node->text);
        lua_pushboolean(L, node->quoted);
        lua_setfield(L, -2, "quoted");
    }
    for (const Node *child = node->first; child; child = child->next) {
        push_tree(L, child);
        if (node->kind == NODE_MAP) {
            set_str(L, "key", child->key);
            set_int(L, "key_line", child->key_line);
            set_int(L, "key_column", child->key_column);
        }
        lua_rawseti(L, -2, ++count);
    }
}

static int push_config(lua_State *L)
{
    const Config *config = lua_touserdata(L, 1);
    push_tree(L, config->root);
    return 1;
}

/* cli.yaml(text) -> tree as push_tree makes it | nil, err, { line, column } */
int bind_yaml(lua_State *L)
{
    size_t      len;
    const char *text = luaL_checklstring(L, 1, &len);
    Config      config;
    Err         err;
    err_clear(&err);
    if (config_parse((Str){text, len}, &config, &err) != ST_OK) {
        lua_pushnil(L);
        op_push_error(L, &err);
        lua_createtable(L, 0, 2);
        set_int(L, "line", config.fault_line);
        set_int(L, "column", config.fault_column);
        return 3;
    }
    lua_pushcfunction(L, push_config); /* protected: the arena must not leak */
    lua_pushlightuserdata(L, &config);
    int code = lua_pcall(L, 1, 1, 0);
    config_free(&config);
    return code == LUA_OK ? 1 : lua_error(L);
}

static int push_catalog(lua_State *L)
{
    static const char *const KINDS[] = {"definition", "prose", "refused"};
    const Catalog           *catalog = lua_touserdata(L, 1);
    lua_createtable(L, (int)catalog->count, 0);
    for (size_t i = 0; i < catalog->count; i++) {
        const CatalogFile *file = &catalog->files[i];
        lua_createtable(L, 0, 6);
        lua_pushstring(L, KINDS[file->kind]);
        lua_setfield(L, -2, "kind");
        lua_pushstring(L, file->path);
        lua_setfield(L, -2, "path");
        if (file->kind == CATALOG_DEFINITION) {
            char hash[HASH_HEX_SIZE];
            hash_hex(file->text, hash);
            set_str(L, "text", file->text);
            set_str(L, "hash", str_from(hash));
            lua_pushstring(L, file->real);
            lua_setfield(L, -2, "real");
        }
        if (file->status != ST_OK) {
            lua_pushstring(L, status_code(file->status));
            lua_setfield(L, -2, "code");
        }
        lua_pushstring(L, file->problem);
        lua_setfield(L, -2, "problem");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* cli.catalog(folder) -> { { kind = "definition|prose|refused", path, text, hash, real, code,
 * problem }, ... } | nil, err. hash and real (its path without links) are of the text that is
 * here. */
int bind_catalog(lua_State *L)
{
    const char *folder = luaL_checkstring(L, 1);
    Catalog     catalog;
    Err         err;
    err_clear(&err);
    if (catalog_find(folder, &catalog, &err) != ST_OK) {
        lua_pushnil(L);
        op_push_error(L, &err);
        return 2;
    }
    lua_pushcfunction(L, push_catalog);
    lua_pushlightuserdata(L, &catalog);
    int code = lua_pcall(L, 1, 1, 0);
    catalog_free(&catalog);
    return code == LUA_OK ? 1 : lua_error(L);
}
