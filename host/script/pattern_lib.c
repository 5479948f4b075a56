/* string.find, match, gmatch and gsub on top of the counting matcher. What they take and answer is
 * stock Lua's (Reference Manual 6.4): a test compares them. */
#include "pattern.h"

#include <string.h>

static Str check_str(lua_State *L, int arg)
{
    Str str;
    str.ptr = luaL_checklstring(L, arg, &str.len);
    return str;
}

/* The offset that a one-based position means, negative ones counted from the end; may be past the
 * end. */
static size_t offset_of(lua_Integer position, size_t len)
{
    if (position > 0) return (size_t)position - 1;
    if (position == 0 || position < -(lua_Integer)len) return 0;
    return len - (size_t)-position;
}

static bool has_specials(Str pattern)
{
    for (size_t at = 0; at < pattern.len; at++) { /* over the NULs, at which strcspn stops */
        at += strcspn(pattern.ptr + at, "^$*+?.([%-");
        if (at < pattern.len && pattern.ptr[at]) return true;
    }
    return false;
}

/* memmem takes linear time whatever it is given; comparing at each place would not. */
static int find_plain(lua_State *L, Str subject, size_t from, Str text)
{
    const char *found = memmem(subject.ptr + from, subject.len - from, text.ptr, text.len);
    const char *looked = found ? found + text.len : subject.ptr + subject.len;
    vm_charge(L, (uint64_t)(looked - subject.ptr - (ptrdiff_t)from) / 4);
    if (!found) {
        luaL_pushfail(L);
        return 1;
    }
    lua_pushinteger(L, found - subject.ptr + 1);
    lua_pushinteger(L, found - subject.ptr + (ptrdiff_t)text.len);
    return 2;
}

/* What follows the first `count` bytes: still in Lua's string, with a NUL behind its end. */
static Str behind(Str text, size_t count) { return (Str){text.ptr + count, text.len - count}; }

static bool take_anchor(Str *pattern)
{
    if (pattern->len == 0 || pattern->ptr[0] != '^') return false;
    *pattern = behind(*pattern, 1);
    return true;
}

/* Pushes capture `index` (from 0); index 0 of a pattern without captures is the match start..end.
 */
static void push_capture(Matcher *m, int index, const char *start, const char *end)
{
    if (index >= m->captured) {
        if (index != 0)
            luaL_error((match_settle(m), m->L), "invalid capture index %%%d", index + 1);
        lua_pushlstring(m->L, start, (size_t)(end - start));
        return;
    }
    const Capture *capture = &m->captures[index];
    if (capture->len == CAPTURE_OPEN) luaL_error((match_settle(m), m->L), "unfinished capture");
    if (capture->len == CAPTURE_POSITION)
        lua_pushinteger(m->L, capture->start - m->subject + 1);
    else
        lua_pushlstring(m->L, capture->start, (size_t)capture->len);
}

/* Pushes all captures, or the whole match when there are none and `start` is not NULL. */
static int push_captures(Matcher *m, const char *start, const char *end)
{
    int count = m->captured == 0 && start ? 1 : m->captured;
    luaL_checkstack(m->L, count, "too many captures");
    for (int i = 0; i < count; i++) push_capture(m, i, start, end);
    return count;
}

static int find_or_match(lua_State *L, bool find)
{
    Matcher matcher;
    Str     subject = check_str(L, 1), pattern = check_str(L, 2);
    size_t  from = offset_of(luaL_optinteger(L, 3, 1), subject.len);
    if (from > subject.len) {
        luaL_pushfail(L);
        return 1;
    }
    if (find && (lua_toboolean(L, 4) || !has_specials(pattern)))
        return find_plain(L, subject, from, pattern);
    bool        anchored = take_anchor(&pattern);
    const char *start = subject.ptr + from, *end;
    match_begin(&matcher, L, subject, pattern);
    while (!(end = match_at(&matcher, start)) && !anchored && start < matcher.subject_end) start++;
    match_settle(&matcher);
    if (!end) {
        luaL_pushfail(L);
        return 1;
    }
    if (!find) return push_captures(&matcher, start, end);
    lua_pushinteger(L, start - subject.ptr + 1);
    lua_pushinteger(L, end - subject.ptr);
    return 2 + push_captures(&matcher, NULL, NULL);
}

static int pattern_find(lua_State *L) { return find_or_match(L, true); }
static int pattern_match(lua_State *L) { return find_or_match(L, false); }

/* -- gmatch
 * ------------------------------------------------------------------------------------------ */

/* Upvalues: the subject, the pattern, the offset to go on at, the offset where the last match ended
 * (-1 before the first): an empty match may not follow there. */
static int gmatch_next(lua_State *L)
{
    Matcher matcher;
    Str     subject, pattern;
    subject.ptr = lua_tolstring(L, lua_upvalueindex(1), &subject.len);
    pattern.ptr = lua_tolstring(L, lua_upvalueindex(2), &pattern.len);
    lua_Integer last = lua_tointeger(L, lua_upvalueindex(4));
    match_begin(&matcher, L, subject, pattern);
    for (size_t at = (size_t)lua_tointeger(L, lua_upvalueindex(3)); at <= subject.len; at++) {
        const char *start = subject.ptr + at, *end = match_at(&matcher, start);
        if (!end || end - subject.ptr == last) continue;
        match_settle(&matcher);
        lua_pushinteger(L, end - subject.ptr);
        lua_copy(L, -1, lua_upvalueindex(3));
        lua_replace(L, lua_upvalueindex(4));
        return push_captures(&matcher, start, end);
    }
    match_settle(&matcher);
    return 0;
}

static int pattern_gmatch(lua_State *L)
{
    Str    subject = check_str(L, 1);
    size_t from;
    check_str(L, 2);
    from = offset_of(luaL_optinteger(L, 3, 1), subject.len);
    lua_settop(L, 2);
    lua_pushinteger(L, (lua_Integer)(from > subject.len ? subject.len + 1 : from));
    lua_pushinteger(L, -1);
    lua_pushcclosure(L, gmatch_next, 4);
    return 1;
}

/* -- gsub
 * -------------------------------------------------------------------------------------------- */

/* The replacement at index 3 as a text with %0 to %9 and %%. */
static void add_expanded(Matcher *matcher, luaL_Buffer *out, const char *start, const char *end)
{
    Str         text;
    const char *escape;
    text.ptr = lua_tolstring(matcher->L, 3, &text.len);
    while ((escape = memchr(text.ptr, '%', text.len)) != NULL) {
        char digit = escape[1]; /* a NUL behind the last byte */
        luaL_addlstring(out, text.ptr, (size_t)(escape - text.ptr));
        if (digit == '%') {
            luaL_addchar(out, '%');
        } else if (digit == '0') {
            luaL_addlstring(out, start, (size_t)(end - start));
        } else if (digit >= '1' && digit <= '9') {
            push_capture(matcher, digit - '1', start, end);
            luaL_addvalue(out);
        } else {
            luaL_error(matcher->L, "invalid use of '%%' in replacement string");
        }
        text = behind(text, (size_t)(escape - text.ptr) + 2);
    }
    luaL_addlstring(out, text.ptr, text.len);
}

/* Adds what the match start..end becomes. False: it stays as it is, and nothing was added. */
static bool add_replacement(Matcher *matcher, luaL_Buffer *out, int type, const char *start,
                            const char *end)
{
    lua_State *L = matcher->L;
    if (type == LUA_TFUNCTION) {
        lua_pushvalue(L, 3);
        int count = push_captures(matcher, start, end);
        match_settle(matcher);
        lua_call(L, count, 1);
    } else if (type == LUA_TTABLE) {
        push_capture(matcher, 0, start, end);
        match_settle(matcher);
        lua_gettable(L, 3);
    } else {
        add_expanded(matcher, out, start, end);
        return true;
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        return false;
    }
    if (!lua_isstring(L, -1))
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    luaL_addvalue(out);
    return true;
}

static int pattern_gsub(lua_State *L)
{
    Matcher     matcher;
    luaL_Buffer out;
    Str         subject = check_str(L, 1), pattern = check_str(L, 2);
    int         type = lua_type(L, 3);
    lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)subject.len + 1), count = 0;
    luaL_argexpected(L,
                     type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
                         type == LUA_TTABLE,
                     3, "string/function/table");
    bool        anchored = take_anchor(&pattern), changed = false;
    const char *start = subject.ptr, *last = NULL; /* where the last match ended */
    const char *kept = subject.ptr;                /* from here on nothing was added yet */
    match_begin(&matcher, L, subject, pattern);
    luaL_buffinit(L, &out);
    while (count < most) {
        const char *end = match_at(&matcher, start);
        if (end && end != last) {
            count++;
            luaL_addlstring(&out, kept, (size_t)(start - kept));
            bool replaced = add_replacement(&matcher, &out, type, start, end);
            kept = replaced ? end : start;
            changed |= replaced;
            start = last = end;
        } else if (start < matcher.subject_end) {
            start++;
        } else {
            break;
        }
        if (anchored) break;
    }
    match_settle(&matcher);
    if (changed) {
        luaL_addlstring(&out, kept, (size_t)(matcher.subject_end - kept));
        luaL_pushresult(&out);
    } else {
        lua_pushvalue(L, 1);
    }
    lua_pushinteger(L, count);
    return 2;
}

void pattern_install(lua_State *L)
{
    static const luaL_Reg FUNCTIONS[] = {{"find", pattern_find},
                                         {"match", pattern_match},
                                         {"gmatch", pattern_gmatch},
                                         {"gsub", pattern_gsub},
                                         {NULL, NULL}};
    luaL_setfuncs(L, FUNCTIONS, 0);
}
