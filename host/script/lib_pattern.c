/* string.find, match, gmatch and gsub for scripts. The language is that of the Lua 5.4 manual (6.4.1);
 * the matcher is our own, because the stock one may run for hours inside one call, where no hook and
 * no timeout reaches it. This one looks at the clock as it goes (task_tick). */
#include "lib_guard.h"

#include "task.h"

#include <ctype.h>
#include <string.h>

enum {
    CAPTURES_MOST = 32,
    DEPTH_MOST = 200,
    STEPS_PER_TICK = 65536,
};

enum { OPEN = -1, POSITION = -2 }; /* lengths of captures that have none */

typedef struct Capture {
    const char *start;
    ptrdiff_t   len;
} Capture;

typedef struct Matcher {
    lua_State  *L;
    const char *subject, *end, *pattern_end;
    unsigned    steps;
    int         depth, count;
    Capture     captures[CAPTURES_MOST];
} Matcher;

static const char *match_here(Matcher *m, const char *s, const char *p);

static void step(Matcher *m)
{
    if (++m->steps % STEPS_PER_TICK == 0) task_tick(m->L);
}

/* -- one character ----------------------------------------------------------------------------------- */

/* Where the single-character class that begins at `p` ends. */
static const char *class_end(const Matcher *m, const char *p)
{
    if (*p == '%') {
        if (p + 1 >= m->pattern_end) luaL_error(m->L, "malformed pattern: it ends with '%%'");
        return p + 2;
    }
    if (*p != '[') return p + 1;
    p += p + 1 < m->pattern_end && p[1] == '^' ? 2 : 1;
    do { /* a ']' that comes first stands for itself */
        if (p >= m->pattern_end) luaL_error(m->L, "malformed pattern: a '[' has no ']'");
        p += *p == '%' && p + 1 < m->pattern_end ? 2 : 1;
    } while (p >= m->pattern_end || *p != ']');
    return p + 1;
}

static bool in_class(int c, int class)
{
    bool in;
    switch (tolower(class)) {
    case 'a': in = isalpha(c) != 0; break;
    case 'c': in = iscntrl(c) != 0; break;
    case 'd': in = isdigit(c) != 0; break;
    case 'g': in = isgraph(c) != 0; break;
    case 'l': in = islower(c) != 0; break;
    case 'p': in = ispunct(c) != 0; break;
    case 's': in = isspace(c) != 0; break;
    case 'u': in = isupper(c) != 0; break;
    case 'w': in = isalnum(c) != 0; break;
    case 'x': in = isxdigit(c) != 0; break;
    default: return class == c;
    }
    return isupper(class) ? !in : in;
}

/* `last` is the set's ']'. */
static bool in_set(int c, const char *p, const char *last)
{
    bool wanted = true;
    if (*++p == '^') {
        wanted = false;
        p++;
    }
    for (; p < last; p++) {
        if (*p == '%') {
            if (in_class(c, (unsigned char)*++p)) return wanted;
        } else if (p + 2 < last && p[1] == '-') {
            if ((unsigned char)p[0] <= c && c <= (unsigned char)p[2]) return wanted;
            p += 2;
        } else if ((unsigned char)*p == c) {
            return wanted;
        }
    }
    return !wanted;
}

static bool fits(Matcher *m, const char *s, const char *p, const char *after)
{
    if (s >= m->end) return false;
    step(m);
    int c = (unsigned char)*s;
    switch (*p) {
    case '.': return true;
    case '%': return in_class(c, (unsigned char)p[1]);
    case '[': return in_set(c, p, after - 1);
    default: return (unsigned char)*p == c;
    }
}

/* -- more than one ------------------------------------------------------------------------------------ */

static const char *match_most(Matcher *m, const char *s, const char *p, const char *after)
{
    ptrdiff_t count = 0;
    while (fits(m, s + count, p, after)) count++;
    for (; count >= 0; count--) {
        const char *rest = match_here(m, s + count, after + 1);
        if (rest) return rest;
    }
    return NULL;
}

static const char *match_least(Matcher *m, const char *s, const char *p, const char *after)
{
    for (;; s++) {
        const char *rest = match_here(m, s, after + 1);
        if (rest) return rest;
        if (!fits(m, s, p, after)) return NULL;
    }
}

static const char *match_balanced(Matcher *m, const char *s, const char *p)
{
    if (p + 3 >= m->pattern_end) luaL_error(m->L, "malformed pattern: '%%b' needs two characters");
    if (s >= m->end || *s != p[2]) return NULL;
    size_t open = 1;
    while (++s < m->end) {
        step(m);
        if (*s == p[3]) {
            if (--open == 0) return s + 1;
        } else if (*s == p[2]) {
            open++;
        }
    }
    return NULL;
}

static const char *match_capture_again(Matcher *m, const char *s, char digit)
{
    int at = digit - '1';
    if (at < 0 || at >= m->count || m->captures[at].len == OPEN)
        luaL_error(m->L, "pattern: there is no capture %%%d to refer to", at + 1);
    const Capture *capture = &m->captures[at];
    if (capture->len == POSITION || m->end - s < capture->len) return NULL;
    m->steps += (unsigned)(capture->len / 16);
    step(m);
    return memcmp(capture->start, s, (size_t)capture->len) == 0 ? s + capture->len : NULL;
}

/* %f[set]: a place where the set begins. Beyond both ends stands a NUL. */
static bool at_frontier(Matcher *m, const char *s, const char *set, const char *after)
{
    int before = s == m->subject ? 0 : (unsigned char)s[-1], here = s < m->end ? (unsigned char)*s : 0;
    step(m);
    return !in_set(before, set, after - 1) && in_set(here, set, after - 1);
}

static const char *open_capture(Matcher *m, const char *s, const char *p, ptrdiff_t len)
{
    if (m->count >= CAPTURES_MOST) luaL_error(m->L, "pattern: more than %d captures", CAPTURES_MOST);
    m->captures[m->count++] = (Capture){s, len};
    const char *rest = match_here(m, s, p);
    if (!rest) m->count--;
    return rest;
}

static const char *close_capture(Matcher *m, const char *s, const char *p)
{
    int at = m->count - 1;
    while (at >= 0 && m->captures[at].len != OPEN) at--;
    if (at < 0) luaL_error(m->L, "malformed pattern: a ')' has no '('");
    m->captures[at].len = s - m->captures[at].start;
    const char *rest = match_here(m, s, p);
    if (!rest) m->captures[at].len = OPEN;
    return rest;
}

/* Takes what stands at `*p` apart from single characters. Answers whether it was such an item: then `*s`
 * is where the match goes on, or NULL, and `*p` the pattern that is left. */
static bool match_special(Matcher *m, const char **s, const char **p)
{
    if (**p != '%' || *p + 1 >= m->pattern_end) return false;
    char kind = (*p)[1];
    if (kind == 'b') {
        *s = match_balanced(m, *s, *p);
        *p += 4;
    } else if (kind == 'f') {
        const char *set = *p + 2;
        if (set >= m->pattern_end || *set != '[') luaL_error(m->L, "malformed pattern: '%%f' needs a set");
        *p = class_end(m, set);
        if (!at_frontier(m, *s, set, *p)) *s = NULL;
    } else if (kind >= '0' && kind <= '9') {
        *s = match_capture_again(m, *s, kind);
        *p += 2;
    } else {
        return false;
    }
    return true;
}

static const char *match_items(Matcher *m, const char *s, const char *p)
{
    while (p < m->pattern_end) {
        step(m);
        if (*p == '(') {
            bool position = p + 1 < m->pattern_end && p[1] == ')';
            return open_capture(m, s, p + (position ? 2 : 1), position ? POSITION : OPEN);
        }
        if (*p == ')') return close_capture(m, s, p + 1);
        if (*p == '$' && p + 1 == m->pattern_end) return s == m->end ? s : NULL;
        if (match_special(m, &s, &p)) {
            if (!s) return NULL;
            continue;
        }
        const char *after = class_end(m, p), *rest;
        switch (after < m->pattern_end ? *after : '\0') {
        case '*': return match_most(m, s, p, after);
        case '+': return fits(m, s, p, after) ? match_most(m, s + 1, p, after) : NULL;
        case '-': return match_least(m, s, p, after);
        case '?':
            if (fits(m, s, p, after) && (rest = match_here(m, s + 1, after + 1)) != NULL) return rest;
            p = after + 1;
            break;
        default:
            if (!fits(m, s, p, after)) return NULL;
            s++;
            p = after;
        }
    }
    return s;
}

static const char *match_here(Matcher *m, const char *s, const char *p)
{
    if (++m->depth > DEPTH_MOST) luaL_error(m->L, "the pattern is too complex");
    const char *end = match_items(m, s, p);
    m->depth--;
    return end;
}

static const char *match_at(Matcher *m, const char *s, const char *p)
{
    m->count = 0;
    m->depth = 0;
    return match_here(m, s, p);
}

/* -- what a match gives ----------------------------------------------------------------------------------- */

/* Capture `at`, or the whole match where the pattern has none. */
static void push_capture(Matcher *m, int at, const char *s, const char *e)
{
    if (at >= m->count) {
        if (at > 0) luaL_error(m->L, "pattern: there is no capture %%%d", at + 1);
        lua_pushlstring(m->L, s, (size_t)(e - s));
    } else if (m->captures[at].len == POSITION) {
        lua_pushinteger(m->L, m->captures[at].start - m->subject + 1);
    } else if (m->captures[at].len == OPEN) {
        luaL_error(m->L, "malformed pattern: a '(' has no ')'");
    } else {
        lua_pushlstring(m->L, m->captures[at].start, (size_t)m->captures[at].len);
    }
}

/* `s` is NULL where only captures are wanted. */
static int push_captures(Matcher *m, const char *s, const char *e)
{
    int count = m->count == 0 && s ? 1 : m->count;
    luaL_checkstack(m->L, count, "captures");
    for (int i = 0; i < count; i++) push_capture(m, i, s, e);
    return count;
}

/* Offset of argument `at`, from 0; may be beyond the end. */
static size_t check_offset(lua_State *L, int at, size_t len)
{
    lua_Integer from = luaL_optinteger(L, at, 1);
    if (from > 0) return (size_t)from - 1;
    if (from == 0 || from < -(lua_Integer)len) return 0;
    return len - (size_t)-from;
}

static void begin(Matcher *m, lua_State *L, Str subject, Str pattern)
{
    *m = (Matcher){.L = L,
                   .subject = subject.ptr,
                   .end = subject.ptr + subject.len,
                   .pattern_end = pattern.ptr + pattern.len};
    if (subject.len > STEPS_PER_TICK) task_tick(L);
}

static Str check_text(lua_State *L, int at)
{
    Str text;
    text.ptr = luaL_checklstring(L, at, &text.len);
    return text;
}

/* -- the four functions ------------------------------------------------------------------------------------ */

static int find_plain(lua_State *L, Str subject, Str wanted, size_t from)
{
    if (subject.len > STEPS_PER_TICK) task_tick(L);
    const char *at = memmem(subject.ptr + from, subject.len - from, wanted.ptr, wanted.len); /* linear */
    if (!at) {
        luaL_pushfail(L);
        return 1;
    }
    lua_pushinteger(L, at - subject.ptr + 1);
    lua_pushinteger(L, at - subject.ptr + (lua_Integer)wanted.len);
    return 2;
}

static bool has_specials(Str pattern)
{
    for (size_t i = 0; i < pattern.len; i++)
        if (pattern.ptr[i] != '\0' && strchr("^$*+?.([%-", pattern.ptr[i])) return true;
    return false;
}

static int find_or_match(lua_State *L, bool finds)
{
    Str    subject = check_text(L, 1), pattern = check_text(L, 2);
    size_t from = check_offset(L, 3, subject.len);
    if (from > subject.len) {
        luaL_pushfail(L);
        return 1;
    }
    if (finds && (lua_toboolean(L, 4) || !has_specials(pattern))) return find_plain(L, subject, pattern, from);
    bool        anchored = pattern.len > 0 && *pattern.ptr == '^';
    const char *p = pattern.ptr + anchored;
    Matcher     m;
    begin(&m, L, subject, pattern);
    for (const char *s = subject.ptr + from; s <= m.end; s++) {
        const char *e = match_at(&m, s, p);
        if (e && !finds) return push_captures(&m, s, e);
        if (e) {
            lua_pushinteger(L, s - subject.ptr + 1);
            lua_pushinteger(L, e - subject.ptr);
            return 2 + push_captures(&m, NULL, NULL);
        }
        if (anchored) break;
    }
    luaL_pushfail(L);
    return 1;
}

static int find(lua_State *L) { return find_or_match(L, true); }
static int match(lua_State *L) { return find_or_match(L, false); }

/* Upvalues: subject, pattern, where to go on, where the last match ended (-1: none yet). */
static int next_match(lua_State *L)
{
    Str subject = check_text(L, lua_upvalueindex(1)), pattern = check_text(L, lua_upvalueindex(2));
    lua_Integer from = lua_tointeger(L, lua_upvalueindex(3)), last = lua_tointeger(L, lua_upvalueindex(4));
    Matcher m;
    begin(&m, L, subject, pattern);
    for (const char *s = subject.ptr + from; from <= (lua_Integer)subject.len && s <= m.end; s++) {
        const char *e = match_at(&m, s, pattern.ptr);
        if (!e || e - subject.ptr == last) continue; /* no empty match where the last one ended */
        lua_pushinteger(L, e - subject.ptr);
        lua_copy(L, -1, lua_upvalueindex(3));
        lua_copy(L, -1, lua_upvalueindex(4));
        return push_captures(&m, s, e);
    }
    return 0;
}

static int gmatch(lua_State *L)
{
    Str    subject = check_text(L, 1);
    size_t from = check_offset(L, 3, subject.len);
    (void)check_text(L, 2);
    lua_settop(L, 2);
    lua_pushinteger(L, from > subject.len ? (lua_Integer)subject.len + 1 : (lua_Integer)from);
    lua_pushinteger(L, -1);
    lua_pushcclosure(L, next_match, 4);
    return 1;
}

/* What stands in the replacement text for one match. */
static void add_text(Matcher *m, luaL_Buffer *out, Str text, const char *s, const char *e)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c != '%') {
            luaL_addchar(out, c);
            continue;
        }
        c = ++i < text.len ? text.ptr[i] : '\0';
        if (c == '%') {
            luaL_addchar(out, '%');
        } else if (c == '0') {
            luaL_addlstring(out, s, (size_t)(e - s));
        } else if (c >= '1' && c <= '9') {
            push_capture(m, c - '1', s, e);
            luaL_tolstring(m->L, -1, NULL);
            lua_remove(m->L, -2);
            luaL_addvalue(out);
        } else {
            luaL_error(m->L, "gsub: after a '%%' in the replacement stands a digit or another '%%'");
        }
    }
}

/* Argument 3 says what stands for a match; false and nil leave it as it is. */
static void add_replacement(Matcher *m, luaL_Buffer *out, const char *s, const char *e)
{
    lua_State *L = m->L;
    switch (lua_type(L, 3)) {
    case LUA_TFUNCTION:
        lua_pushvalue(L, 3);
        lua_call(L, push_captures(m, s, e), 1);
        break;
    case LUA_TTABLE:
        push_capture(m, 0, s, e);
        lua_gettable(L, 3);
        break;
    default: add_text(m, out, check_text(L, 3), s, e); return;
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        luaL_addlstring(out, s, (size_t)(e - s));
    } else if (lua_isstring(L, -1)) {
        luaL_addvalue(out);
    } else {
        luaL_error(L, "gsub: the replacement is %s; it should be text", luaL_typename(L, -1));
    }
}

static int gsub(lua_State *L)
{
    Str         subject = check_text(L, 1), pattern = check_text(L, 2);
    int         kind = lua_type(L, 3);
    lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)subject.len + 1), count = 0;
    luaL_argexpected(L, kind == LUA_TNUMBER || kind == LUA_TSTRING || kind == LUA_TFUNCTION || kind == LUA_TTABLE,
                     3, "text, function or table");
    bool        anchored = pattern.len > 0 && *pattern.ptr == '^';
    const char *p = pattern.ptr + anchored, *s = subject.ptr, *last = NULL;
    Matcher     m;
    luaL_Buffer out;
    begin(&m, L, subject, pattern);
    luaL_buffinit(L, &out);
    while (count < most) {
        const char *e = match_at(&m, s, p);
        if (e && e != last) {
            count++;
            add_replacement(&m, &out, s, e);
            s = last = e;
        } else if (s < m.end) {
            luaL_addchar(&out, *s++);
        } else {
            break;
        }
        if (anchored) break;
    }
    luaL_addlstring(&out, s, (size_t)(m.end - s));
    luaL_pushresult(&out);
    lua_pushinteger(L, count);
    return 2;
}

void pattern_replace(lua_State *L)
{
    static const luaL_Reg FUNCTIONS[] = {{"find", find}, {"match", match}, {"gmatch", gmatch}, {"gsub", gsub}, {NULL, NULL}};
    luaL_setfuncs(L, FUNCTIONS, 0);
}
