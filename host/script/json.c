/* require "lib.json": JSON that keeps what was sent (DESIGN law 10): integers stay integers, an
 * empty array stays an array, null is a value, key order survives where it is asked for. Reading is
 * jansson's (RFC 8259, strict); writing is ours, since the order of keys is part of the contract.
 */
#include "convert.h"

#include "../base/limits.h"
#include "op.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- reading ----------------------------------------------------------------------------------- */

typedef struct Reading {
    json_t *root;
    bool    ordered;
} Reading;

static void push_json(lua_State *L, const json_t *value, bool ordered, int depth);

static void push_object(lua_State *L, const json_t *value, bool ordered, int depth)
{
    const char *key;
    json_t     *member;
    size_t      key_len;
    lua_Integer count = 0;
    if (ordered) lua_createtable(L, (int)json_object_size(value), 0);
    lua_createtable(L, 0, (int)json_object_size(value));
    json_object_keylen_foreach((json_t *)(uintptr_t)value, key, key_len, member)
    {
        lua_pushlstring(L, key, key_len);
        if (ordered) {
            lua_pushvalue(L, -1);
            lua_rawseti(L, -4, ++count);
        }
        push_json(L, member, ordered, depth + 1);
        lua_rawset(L, -3);
    }
    if (ordered) convert_set_order(L);
}

static void push_json(lua_State *L, const json_t *value, bool ordered, int depth)
{
    if (depth > LIMIT_JSON_DEPTH)
        luaL_error(L, "JSON nested deeper than %d levels", LIMIT_JSON_DEPTH);
    luaL_checkstack(L, 8, "JSON");
    switch (json_typeof(value)) {
    case JSON_OBJECT: push_object(L, value, ordered, depth); break;
    case JSON_ARRAY:
        lua_createtable(L, (int)json_array_size(value), 0);
        for (size_t i = 0; i < json_array_size(value); i++) {
            push_json(L, json_array_get(value, i), ordered, depth + 1);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        luaL_setmetatable(L, CONVERT_ARRAY);
        break;
    case JSON_STRING:
        lua_pushlstring(L, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER: lua_pushinteger(L, json_integer_value(value)); break;
    case JSON_REAL: lua_pushnumber(L, json_real_value(value)); break;
    case JSON_TRUE: lua_pushboolean(L, true); break;
    case JSON_FALSE: lua_pushboolean(L, false); break;
    case JSON_NULL: lua_pushlightuserdata(L, NULL); break;
    }
}

static int convert_protected(lua_State *L)
{
    Reading *reading = lua_touserdata(L, 1);
    push_json(L, reading->root, reading->ordered, 1);
    return 1;
}

/* What jansson will take for the values of `text`, from above, without the bytes of its texts: a
 * list of empty objects takes a hundred times its own bytes. A value is counted by the sign that it
 * begins or ends with; what is no JSON is counted somehow, and refused by the parser. */
static size_t weigh(const char *text, size_t len)
{
    enum { OBJECT = 256, LIST = 128, MEMBER = 96, TEXT = 48, VALUE = 48 };
    size_t weight = VALUE;
    for (const char *at = text, *end = text + len; at < end; at++) {
        switch (*at) {
        case '"':
            weight += TEXT;
            for (at++; at < end && *at != '"'; at++) at += *at == '\\';
            break;
        case '{': weight += OBJECT; break;
        case '[': weight += LIST; break;
        case ':': weight += MEMBER; break;
        case ',': weight += VALUE; break;
        default: break;
        }
    }
    return weight;
}

/* NULL with `err` set. The text's own bytes are bounded by LIMIT_JSON, its values here. */
static json_t *load(const char *text, size_t len, Err *err)
{
    json_error_t problem;
    if (len > LIMIT_JSON) {
        err_set(err, ST_LIMIT, "JSON of %zu bytes: more than %zu MB", len, LIMIT_JSON / MB);
        return NULL;
    }
    size_t weight = weigh(text, len);
    if (weight > LIMIT_JSON_TREE) {
        err_set(err, ST_LIMIT,
                "JSON of %zu bytes: its values would take %zu MB to read, more than %zu", len,
                weight / MB, LIMIT_JSON_TREE / MB);
        return NULL;
    }
    json_t *root = json_loadb(text, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &problem);
    if (!root)
        err_set(err, ST_INVALID, "JSON, line %d, column %d: %s", problem.line, problem.column,
                problem.text);
    return root;
}

bool json_is_line(lua_State *L, int index)
{
    size_t      len;
    Err         err;
    const char *text = lua_tolstring(L, index, &len);
    if (memchr(text, '\n', len) || memchr(text, '\r', len)) return false;
    json_t *value = load(text, len, &err);
    json_decref(value);
    return value != NULL;
}

static int decode(lua_State *L)
{
    size_t      len;
    const char *text = luaL_checklstring(L, 1, &len);
    Reading     reading = {0};
    if (!lua_isnoneornil(L, 2)) {
        luaL_checktype(L, 2, LUA_TTABLE);
        lua_getfield(L, 2, "ordered");
        reading.ordered = lua_toboolean(L, -1);
    }
    Err err;
    err_clear(&err);
    reading.root = load(text, len, &err);
    if (!reading.root) {
        lua_pushnil(L);
        op_push_error(L, &err);
        return 2;
    }
    lua_pushcfunction(L, convert_protected); /* so that the tree is freed when memory runs out */
    lua_pushlightuserdata(L, &reading);
    int code = lua_pcall(L, 1, 1, 0);
    json_decref(reading.root);
    if (code == LUA_OK) return 1;
    if (code == LUA_ERRMEM) return lua_error(L);
    err_set(&err, ST_LIMIT, "%s", lua_tostring(L, -1));
    lua_pushnil(L);
    op_push_error(L, &err);
    return 2;
}

/* -- writing ----------------------------------------------------------------------------------- */

typedef struct JsonWriter {
    lua_State *L;
    Buf        out;
    int        indent; /* 0: one line */
    int        depth;
} JsonWriter;

static void put(JsonWriter *writer, const char *bytes, size_t len)
{
    Err err;
    if (buf_append(&writer->out, (Str){bytes, len}, &err) != ST_OK)
        luaL_error(writer->L, "json.encode: %s", err.text);
}

static void put_line(JsonWriter *writer)
{
    static const char BLANKS[] = "                                ";
    if (writer->indent == 0) return;
    put(writer, "\n", 1);
    for (int left = writer->indent * writer->depth; left > 0; left -= 32)
        put(writer, BLANKS, (size_t)(left < 32 ? left : 32));
}

/* Bytes that are no UTF-8 become U+FFFD: a file name or a program's output must not end a run. */
static void put_string(JsonWriter *writer, const char *text, size_t len)
{
    put(writer, "\"", 1);
    size_t valid = str_utf8_valid_len((Str){text, len}), from = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        char          escape[8];
        const char   *instead = escape;
        if (i == valid) {
            instead = "\xEF\xBF\xBD";
            valid = i + 1 + str_utf8_valid_len((Str){text + i + 1, len - i - 1});
        } else if (c == '"' || c == '\\') {
            snprintf(escape, sizeof escape, "\\%c", c);
        } else if (c == '\n') {
            instead = "\\n";
        } else if (c == '\t') {
            instead = "\\t";
        } else if (c == '\r') {
            instead = "\\r";
        } else if (c < 0x20 || c == 0x7F) {
            snprintf(escape, sizeof escape, "\\u%04x", c);
        } else {
            continue;
        }
        put(writer, text + from, i - from);
        put(writer, instead, strlen(instead));
        from = i + 1;
    }
    put(writer, text + from, len - from);
    put(writer, "\"", 1);
}

static void put_number(JsonWriter *writer, int index)
{
    char text[40];
    if (lua_isinteger(writer->L, index)) {
        snprintf(text, sizeof text, "%lld", (long long)lua_tointeger(writer->L, index));
    } else {
        double value = lua_tonumber(writer->L, index);
        if (!isfinite(value)) luaL_error(writer->L, "json.encode: a number that is not finite");
        for (int digits = 15; digits <= 17; digits++) { /* the shortest that reads back the same */
            snprintf(text, sizeof text, "%.*g", digits, value);
            if (strtod(text, NULL) == value) break;
        }
        if (!strpbrk(text, ".e")) memcpy(text + strlen(text), ".0", 3);
    }
    put(writer, text, strlen(text));
}

static void put_value(JsonWriter *writer, int index);

static void put_array(JsonWriter *writer, int index)
{
    lua_State   *L = writer->L;
    lua_Unsigned count = lua_rawlen(L, index);
    put(writer, "[", 1);
    writer->depth++;
    for (lua_Unsigned i = 1; i <= count; i++) {
        if (i > 1) put(writer, ",", 1);
        put_line(writer);
        lua_rawgeti(L, index, (lua_Integer)i);
        put_value(writer, lua_gettop(L));
        lua_pop(L, 1);
    }
    writer->depth--;
    if (count) put_line(writer);
    put(writer, "]", 1);
}

/* Leaves the keys to write, in order: those that the object remembers, then the others bytewise. */
static lua_Integer push_keys(lua_State *L, int index)
{
    lua_Integer count = 0, sorted_from = 1;
    lua_newtable(L);
    int keys = lua_gettop(L);
    lua_newtable(L); /* those that are listed already */
    int listed = lua_gettop(L);
    if (convert_push_order(L, index)) {
        int order = lua_gettop(L);
        for (lua_Integer i = 1; lua_rawgeti(L, order, i) != LUA_TNIL; i++) {
            lua_pushvalue(L, -1);
            bool fresh = lua_type(L, -1) == LUA_TSTRING && lua_rawget(L, listed) == LUA_TNIL;
            lua_pushvalue(L, -2); /* the list is the script's: it may name a key again */
            if (fresh && lua_rawget(L, index) != LUA_TNIL) {
                lua_pushvalue(L, order + 1);
                lua_rawseti(L, keys, ++count);
                lua_pushvalue(L, order + 1);
                lua_pushboolean(L, true);
                lua_rawset(L, listed);
            }
            lua_settop(L, order);
        }
        sorted_from = count + 1;
    }
    lua_settop(L, listed);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "json.encode: a key that is a %s; objects have text keys",
                       luaL_typename(L, -2));
        lua_pushvalue(L, -2);
        if (lua_rawget(L, listed) == LUA_TNIL) {
            lua_pushvalue(L, -3);
            lua_rawseti(L, keys, ++count);
        }
        lua_pop(L, 1);
    }
    lua_settop(L, keys);
    if (count > sorted_from) lib_sort(L, keys, sorted_from, count);
    return count;
}

static void put_object(JsonWriter *writer, int index)
{
    lua_State  *L = writer->L;
    lua_Integer count = push_keys(L, index);
    int         keys = lua_gettop(L);
    put(writer, "{", 1);
    writer->depth++;
    for (lua_Integer i = 1; i <= count; i++) {
        size_t len;
        if (i > 1) put(writer, ",", 1);
        put_line(writer);
        lua_rawgeti(L, keys, i);
        const char *key = lua_tolstring(L, -1, &len);
        put_string(writer, key, len);
        put(writer, writer->indent ? ": " : ":", writer->indent ? 2 : 1);
        lua_rawget(L, index);
        put_value(writer, lua_gettop(L));
        lua_settop(L, keys);
    }
    writer->depth--;
    if (count) put_line(writer);
    put(writer, "}", 1);
    lua_pop(L, 1);
}

static void put_table(JsonWriter *writer, int index)
{
    lua_State *L = writer->L;
    if (writer->depth >= LIMIT_JSON_DEPTH)
        luaL_error(L, "json.encode: nested deeper than %d levels, or it contains itself",
                   LIMIT_JSON_DEPTH);
    luaL_checkstack(L, 14, "json.encode");
    if (lib_push_frozen(L, index)) {
        put_table(writer, lua_gettop(L));
        lua_pop(L, 1);
        return;
    }
    bool raw = lua_getmetatable(L, index);
    if (raw) {
        luaL_getmetatable(L, CONVERT_RAW);
        raw = lua_rawequal(L, -1, -2);
        lua_pop(L, 2);
    }
    if (raw) {
        size_t len;
        if (lua_rawgeti(L, index, 1) != LUA_TSTRING)
            luaL_error(L, "json.encode: a json.raw without its text");
        const char *text = lua_tolstring(L, -1, &len);
        put(writer, text, len);
        lua_pop(L, 1);
    } else if (convert_is_array(L, index)) {
        put_array(writer, index);
    } else {
        put_object(writer, index);
    }
}

static void put_value(JsonWriter *writer, int index)
{
    lua_State  *L = writer->L;
    size_t      len;
    const char *text;
    switch (lua_type(L, index)) {
    case LUA_TNIL: put(writer, "null", 4); break;
    case LUA_TBOOLEAN:
        if (lua_toboolean(L, index))
            put(writer, "true", 4);
        else
            put(writer, "false", 5);
        break;
    case LUA_TNUMBER: put_number(writer, index); break;
    case LUA_TSTRING:
        text = lua_tolstring(L, index, &len);
        put_string(writer, text, len);
        break;
    case LUA_TLIGHTUSERDATA: put(writer, "null", 4); break;
    case LUA_TTABLE: put_table(writer, index); break;
    default: luaL_error(L, "json.encode: a %s has no JSON form", luaL_typename(L, index));
    }
}

static int encode_protected(lua_State *L)
{
    JsonWriter *writer = lua_touserdata(L, 2);
    lua_settop(L, 1);
    put_value(writer, 1);
    lua_pushlstring(L, writer->out.ptr, writer->out.len);
    return 1;
}

static int encode(lua_State *L)
{
    luaL_checkany(L, 1);
    JsonWriter writer = {.L = L};
    if (!lua_isnoneornil(L, 2)) {
        luaL_checktype(L, 2, LUA_TTABLE);
        lua_getfield(L, 2, "indent");
        writer.indent = (int)luaL_optinteger(L, -1, 0);
        luaL_argcheck(L, writer.indent >= 0 && writer.indent <= 8, 2, "indent is 0 to 8");
    }
    buf_init(&writer.out, LIMIT_REQUEST);
    lua_pushcfunction(L, encode_protected);
    lua_pushvalue(L, 1);
    lua_pushlightuserdata(L, &writer);
    int code = lua_pcall(L, 2, 1, 0);
    buf_clear(&writer.out);
    return code == LUA_OK ? 1 : lua_error(L);
}

/* -- the kinds of value that Lua does not have ------------------------------------------------- */

static int array(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (lua_getmetatable(L, 1)) {
        luaL_getmetatable(L, CONVERT_ARRAY);
        if (!lua_rawequal(L, -1, -2))
            return luaL_error(L, "json.array: the table has a metatable already");
        lua_settop(L, 1);
    }
    luaL_setmetatable(L, CONVERT_ARRAY);
    return 1;
}

static int is_array(lua_State *L)
{
    lua_pushboolean(L, lua_istable(L, 1) && convert_is_array(L, 1));
    return 1;
}

static int raw(lua_State *L)
{
    luaL_checkstring(L, 1);
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, 1);
    luaL_setmetatable(L, CONVERT_RAW);
    return 1;
}

/* json.object { {"key", value}, ... }: written in this order. A nil value leaves the key out. */
static int object(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer count = luaL_len(L, 1), kept = 0;
    lua_createtable(L, (int)count, 0);
    int keys = lua_gettop(L);
    lua_createtable(L, 0, (int)count);
    int out = lua_gettop(L);
    for (lua_Integer i = 1; i <= count; i++) {
        if (lua_geti(L, 1, i) != LUA_TTABLE)
            return luaL_error(L, "json.object: entry %d is no { key, value } pair", (int)i);
        if (lua_geti(L, -1, 1) != LUA_TSTRING)
            return luaL_error(L, "json.object: the key of entry %d is no text", (int)i);
        if (lua_geti(L, -2, 2) != LUA_TNIL) {
            lua_pushvalue(L, -2);
            lua_rawseti(L, keys, ++kept);
            lua_rawset(L, out);
        }
        lua_settop(L, out);
    }
    convert_set_order(L);
    return 1;
}

static void make_mark(lua_State *L, const char *name)
{
    luaL_newmetatable(L, name);
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

int json_open(lua_State *L)
{
    static const luaL_Reg FUNCTIONS[] = {
        {"decode", decode},     {"encode", encode}, {"array", array}, {"raw", raw},
        {"is_array", is_array}, {"object", object}, {NULL, NULL}};
    make_mark(L, CONVERT_ARRAY);
    make_mark(L, CONVERT_RAW);
    luaL_newlib(L, FUNCTIONS);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    return 1;
}
