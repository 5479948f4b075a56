#include "convert.h"

#include "../base/limits.h"
#include "op.h"

#include <stdio.h>
#include <string.h>

const char        CONVERT_ARRAY[] = "json.array";
const char        CONVERT_RAW[] = "json.raw";
static const char ORDER[] = "json.order"; /* in an object's own metatable: its keys in order */

/* -- kinds of table ---------------------------------------------------------------------------- */

static bool has_metatable(lua_State *L, int index, const char *name)
{
    if (!lua_getmetatable(L, index)) return false;
    luaL_getmetatable(L, name);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

/* A table without a mark is an array when it has the keys 1 to n and no others, and is not empty.
 */
bool convert_is_array(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    if (has_metatable(L, index, CONVERT_ARRAY)) return true;
    lua_Unsigned len = lua_rawlen(L, index);
    if (len == 0) return false;
    lua_Unsigned count = 0;
    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_pop(L, 1);
        if (!lua_isinteger(L, -1) || ++count > len) {
            lua_pop(L, 1);
            return false;
        }
    }
    return count == len;
}

bool convert_push_order(lua_State *L, int index)
{
    if (!lua_getmetatable(L, index)) return false;
    lua_pushstring(L, ORDER);
    if (lua_rawget(L, -2) != LUA_TTABLE) {
        lua_pop(L, 2);
        return false;
    }
    lua_remove(L, -2);
    return true;
}

void convert_set_order(lua_State *L)
{
    lua_createtable(L, 0, 1);
    lua_rotate(L, -3, 1);       /* metatable, keys, object */
    lua_rotate(L, -2, 1);       /* metatable, object, keys */
    lua_setfield(L, -3, ORDER); /* metatable, object */
    lua_insert(L, -2);          /* object, metatable */
    lua_setmetatable(L, -2);
}

/* -- writing ----------------------------------------------------------------------------------- */

typedef struct Writer {
    lua_State  *L;
    Buf        *out;
    const char *what;
    int         depth;
    struct {
        const char *key; /* borrowed from Lua, which holds it in the table being walked */
        lua_Integer index;
    } path[LIMIT_DEPTH + 1];
} Writer;

static void fail(Writer *writer, const char *problem)
{
    char   path[400];
    size_t at = (size_t)snprintf(path, sizeof path, "%s", writer->what);
    for (int i = 0; i < writer->depth && at < sizeof path; i++) {
        if (writer->path[i].key)
            at += (size_t)snprintf(path + at, sizeof path - at, ".%s", writer->path[i].key);
        else
            at += (size_t)snprintf(path + at, sizeof path - at, "[%lld]",
                                   (long long)writer->path[i].index);
    }
    luaL_error(writer->L, "%s %s", path, problem);
}

static void put(Writer *writer, const void *bytes, size_t len)
{
    Err err;
    if (buf_append(writer->out, (Str){bytes, len}, &err) != ST_OK) {
        char problem[80];
        snprintf(problem, sizeof problem, "is too large: more than %zu MB",
                 writer->out->limit / MB);
        writer->depth = 0;
        fail(writer, problem);
    }
}

static void put_tag(Writer *writer, char tag) { put(writer, &tag, 1); }

static void put_text(Writer *writer, char tag, int index)
{
    size_t      len;
    const char *text = lua_tolstring(writer->L, index, &len);
    uint64_t    wide = len;
    put_tag(writer, tag);
    put(writer, &wide, sizeof wide);
    put(writer, text, len);
}

static void write_value(Writer *writer, int index);

static void enter(Writer *writer, const char *key, lua_Integer index)
{
    if (writer->depth >= LIMIT_DEPTH) fail(writer, "is nested too deeply, or contains itself");
    writer->path[writer->depth].key = key;
    writer->path[writer->depth++].index = index;
}

static void write_array(Writer *writer, int index)
{
    lua_State *L = writer->L;
    uint64_t   count = lua_rawlen(L, index);
    put_tag(writer, 'A');
    put(writer, &count, sizeof count);
    for (uint64_t i = 1; i <= count; i++) {
        enter(writer, NULL, (lua_Integer)i);
        lua_rawgeti(L, index, (lua_Integer)i);
        write_value(writer, lua_gettop(L));
        lua_pop(L, 1);
        writer->depth--;
    }
}

/* Key at the top minus one, value at the top. */
static void write_pair(Writer *writer)
{
    lua_State *L = writer->L;
    int        value = lua_gettop(L), key = value - 1;
    if (lua_type(L, key) == LUA_TSTRING)
        enter(writer, lua_tostring(L, key), 0);
    else if (lua_isinteger(L, key))
        enter(writer, NULL, lua_tointeger(L, key));
    else
        fail(writer, "has a key that is neither a string nor an integer");
    write_value(writer, key);
    write_value(writer, value);
    writer->depth--;
}

static void write_map(Writer *writer, int index, char tag)
{
    lua_State *L = writer->L;
    uint64_t   count = 0;
    put_tag(writer, tag);
    size_t at = writer->out->len;
    put(writer, &count, sizeof count);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1), count++) write_pair(writer);
    memcpy(writer->out->ptr + at, &count, sizeof count);
}

static void write_table(Writer *writer, int index)
{
    lua_State *L = writer->L;
    luaL_checkstack(L, 12, "plain data");
    if (lib_push_frozen(L, index)) { /* a read-only table is what stands behind it */
        write_table(writer, lua_gettop(L));
        lua_pop(L, 1);
    } else if (has_metatable(L, index, CONVERT_RAW)) {
        if (lua_rawgeti(L, index, 1) != LUA_TSTRING) fail(writer, "is a json.raw without its text");
        if (!json_is_line(L, lua_gettop(L)))
            fail(writer, "is a json.raw whose text is no JSON value on one line");
        put_text(writer, 'R', lua_gettop(L));
        lua_pop(L, 1);
    } else if (convert_is_array(L, index)) {
        write_array(writer, index);
    } else if (convert_push_order(L, index)) {
        put_tag(writer, 'O');
        write_array(writer, lua_gettop(L));
        write_map(writer, index, 'M');
        lua_pop(L, 1);
    } else {
        write_map(writer, index, 'M');
    }
}

static void write_value(Writer *writer, int index)
{
    lua_State *L = writer->L;
    switch (lua_type(L, index)) {
    case LUA_TNIL: put_tag(writer, 'N'); break;
    case LUA_TBOOLEAN: put_tag(writer, lua_toboolean(L, index) ? 'T' : 'F'); break;
    case LUA_TSTRING: put_text(writer, 'S', index); break;
    case LUA_TTABLE: write_table(writer, index); break;
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(L, index)) fail(writer, "is a pointer; only plain data can be passed");
        put_tag(writer, '0');
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index)) {
            lua_Integer value = lua_tointeger(L, index);
            put_tag(writer, 'I');
            put(writer, &value, sizeof value);
        } else {
            lua_Number value = lua_tonumber(L, index);
            put_tag(writer, 'D');
            put(writer, &value, sizeof value);
        }
        break;
    default: {
        char problem[80];
        snprintf(problem, sizeof problem, "is a %s; only plain data can be passed",
                 luaL_typename(L, index));
        fail(writer, problem);
    }
    }
}

void convert_write(lua_State *L, int first, int count, const char *what, Buf *out)
{
    Writer writer = {.L = L, .out = out, .what = what};
    first = lua_absindex(L, first);
    luaL_checkstack(L, 10, "plain data");
    for (int i = 0; i < count; i++) write_value(&writer, first + i);
}

/* -- reading: our own bytes, so nothing is checked twice --------------------------------------- */

static uint64_t take_word(Str *bytes)
{
    uint64_t word;
    memcpy(&word, bytes->ptr, sizeof word);
    *bytes = (Str){bytes->ptr + sizeof word, bytes->len - sizeof word};
    return word;
}

static Str take_text(Str *bytes)
{
    size_t len = (size_t)take_word(bytes);
    Str    text = {bytes->ptr, len};
    *bytes = (Str){bytes->ptr + len, bytes->len - len};
    return text;
}

static void read_value(lua_State *L, Str *bytes);

static void read_array(lua_State *L, Str *bytes)
{
    uint64_t count = take_word(bytes);
    lua_createtable(L, (int)count, 0);
    for (uint64_t i = 1; i <= count; i++) {
        read_value(L, bytes);
        lua_rawseti(L, -2, (lua_Integer)i);
    }
    luaL_setmetatable(L, CONVERT_ARRAY);
}

static void read_map(lua_State *L, Str *bytes)
{
    uint64_t count = take_word(bytes);
    lua_createtable(L, 0, (int)count);
    for (uint64_t i = 0; i < count; i++) {
        read_value(L, bytes);
        read_value(L, bytes);
        lua_rawset(L, -3);
    }
}

static void read_value(lua_State *L, Str *bytes)
{
    luaL_checkstack(L, 6, "plain data");
    char tag = *bytes->ptr;
    Str  text;
    *bytes = (Str){bytes->ptr + 1, bytes->len - 1};
    switch (tag) {
    case 'N': lua_pushnil(L); break;
    case '0': lua_pushlightuserdata(L, NULL); break;
    case 'T': lua_pushboolean(L, true); break;
    case 'F': lua_pushboolean(L, false); break;
    case 'I': lua_pushinteger(L, (lua_Integer)take_word(bytes)); break;
    case 'D': {
        uint64_t   word = take_word(bytes);
        lua_Number number;
        memcpy(&number, &word, sizeof number);
        lua_pushnumber(L, number);
        break;
    }
    case 'S':
        text = take_text(bytes);
        lua_pushlstring(L, text.ptr, text.len);
        break;
    case 'R':
        text = take_text(bytes);
        lua_createtable(L, 1, 0);
        lua_pushlstring(L, text.ptr, text.len);
        lua_rawseti(L, -2, 1);
        luaL_setmetatable(L, CONVERT_RAW);
        break;
    case 'A': read_array(L, bytes); break;
    case 'M': read_map(L, bytes); break;
    case 'O':
        read_value(L, bytes); /* the keys */
        read_value(L, bytes); /* the object */
        convert_set_order(L);
        break;
    default: luaL_error(L, "plain data: unknown tag %d", tag);
    }
}

int convert_read(lua_State *L, Str bytes)
{
    int count = 0;
    while (bytes.len > 0) {
        read_value(L, &bytes);
        count++;
    }
    return count;
}
