/* Backtracking over the text of the pattern itself, item by item: what is malformed behind the
 * place where a match fails is never looked at, as in stock Lua. */
#include "pattern.h"

#include <string.h>

enum { ESCAPE = '%', WALKS_BEFORE_BITS = 256 };

static const char *match(Matcher *m, const char *s, const char *p);

/* -- steps
 * ----------------------------------------------------------------------------------------- */

void match_settle(Matcher *m)
{
    uint64_t used = m->budget - m->left;
    vm_charge(m->L, used - m->settled);
    m->settled = used;
}

/* The state to raise in: what was done so far is charged even if a pcall goes on with the next. */
static lua_State *raising(Matcher *m)
{
    match_settle(m);
    return m->L;
}

static void refuse_more(Matcher *m)
{
    char   name[61];
    size_t len = (size_t)(m->pattern_end - m->pattern);
    if (len > sizeof name - 1) len = sizeof name - 1;
    memcpy(name, m->pattern, len);
    name[len] = '\0';
    m->left = 0;
    if (m->budget < PATTERN_STEPS)
        luaL_error(raising(m),
                   "pattern: no steps are left for '%s': the calls inside one call took them",
                   name);
    luaL_error(
        raising(m),
        "pattern took more than %I steps: '%s' (an anchor, or items that exclude each other, "
        "leave fewer ways to try)",
        (LUAI_UACINT)m->budget, name);
}

static inline void take(Matcher *m, size_t steps)
{
    if (m->left < steps) refuse_more(m);
    m->left -= steps;
}

/* -- single bytes: classes and sets
 * ------------------------------------------------------------------ */

static inline unsigned char byte_of(const char *s) { return (unsigned char)*s; }

static bool is_lower(unsigned char c) { return c >= 'a' && c <= 'z'; }
static bool is_upper(unsigned char c) { return c >= 'A' && c <= 'Z'; }
static bool is_digit(unsigned char c) { return c >= '0' && c <= '9'; }
static bool is_alpha(unsigned char c) { return is_lower(c | 0x20); }
static bool is_alnum(unsigned char c) { return is_alpha(c) || is_digit(c); }
static bool is_graph(unsigned char c) { return c > ' ' && c < 0x7f; }

/* The classes of the C locale, whatever the process has set: a script means the same everywhere. */
static bool in_class(unsigned char c, unsigned char class)
{
    bool in;
    switch (is_upper(class) ? class | 0x20 : class) {
    case 'a': in = is_alpha(c); break;
    case 'c': in = c < ' ' || c == 0x7f; break;
    case 'd': in = is_digit(c); break;
    case 'g': in = is_graph(c); break;
    case 'l': in = is_lower(c); break;
    case 'p': in = is_graph(c) && !is_alnum(c); break;
    case 's': in = c == ' ' || (c >= '\t' && c <= '\r'); break;
    case 'u': in = is_upper(c); break;
    case 'w': in = is_alnum(c); break;
    case 'x': in = is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); break;
    case 'z': in = c == 0; break; /* from Lua 5.1; stock 5.4 still knows it */
    default: return class == c;
    }
    return is_upper(class) ? !in : in;
}

/* Reads a set from its '[' to the ']' at `last`, up to the first member that holds `c`. */
static bool walk_set(Matcher *m, unsigned char c, const char *at, const char *last)
{
    const char *p = at + 1;
    bool        in = *p != '^', found = false;
    if (!in) p++;
    while (p < last && !found) {
        if (*p == ESCAPE) {
            found = in_class(c, byte_of(p + 1));
            p += 2;
        } else if (p[1] == '-' && p + 2 < last) {
            found = byte_of(p) <= c && c <= byte_of(p + 2);
            p += 3;
        } else {
            found = byte_of(p++) == c;
        }
    }
    take(m, (size_t)(p - at) / 2);
    return found == in;
}

/* The ']' of the set whose '[' is at `at`. A ']' in first place is a member. */
static const char *find_set_end(Matcher *m, const char *at)
{
    const char *p = at + 1;
    if (p < m->pattern_end && *p == '^') p++;
    do {
        take(m, 1);
        if (p == m->pattern_end) luaL_error(raising(m), "malformed pattern (missing ']')");
        if (*p++ == ESCAPE && p < m->pattern_end) p++;
    } while (p == m->pattern_end || *p != ']');
    return p;
}

static PatternSet *known_set(Matcher *m, const char *at)
{
    for (int i = 0; i < m->set_count; i++)
        if (m->sets[i].at == at) return &m->sets[i];
    return NULL;
}

static const char *set_end(Matcher *m, const char *at)
{
    PatternSet *set = known_set(m, at);
    if (set) return set->last;
    const char *last = find_set_end(m, at);
    if (m->set_count < PATTERN_SETS) {
        set = &m->sets[m->set_count++];
        set->at = at;
        set->last = last;
        set->walks = 0;
        set->ready = false;
    }
    return last;
}

/* A set that is asked often is read once for all bytes, so that a long one costs no more than a
 * short. */
static void make_bits(Matcher *m, PatternSet *set)
{
    memset(set->bits, 0, sizeof set->bits);
    for (unsigned c = 0; c < 256; c++)
        if (walk_set(m, (unsigned char)c, set->at, set->last))
            set->bits[c / 8] |= (uint8_t)(1U << c % 8);
    set->ready = true;
}

/* `set` is what known_set answers for `at`. */
static inline bool in_set(Matcher *m, PatternSet *set, unsigned char c, const char *at,
                          const char *last)
{
    if (!set) return walk_set(m, c, at, last);
    if (!set->ready) {
        if (set->walks++ < WALKS_BEFORE_BITS) return walk_set(m, c, at, last);
        make_bits(m, set);
    }
    return set->bits[c / 8] >> c % 8 & 1;
}

/* The end of the single-byte item at `p`: where its suffix may stand. */
static const char *item_end(Matcher *m, const char *p)
{
    if (*p == '[') return set_end(m, p) + 1;
    if (*p != ESCAPE) return p + 1;
    if (p + 1 == m->pattern_end) luaL_error(raising(m), "malformed pattern (ends with '%%')");
    return p + 2;
}

static inline bool item_holds(Matcher *m, const char *s, const char *p, const char *end)
{
    take(m, 1);
    if (s >= m->subject_end) return false;
    switch (*p) {
    case '.': return true;
    case ESCAPE: return in_class(byte_of(s), byte_of(p + 1));
    case '[': return in_set(m, known_set(m, p), byte_of(s), p, end - 1);
    default: return *p == *s;
    }
}

/* -- items that take more than one byte
 * -------------------------------------------------------------- */

/* Behind the balanced text that begins at `s`; `p` is behind "%b". */
static const char *match_balance(Matcher *m, const char *s, const char *p)
{
    if (m->pattern_end - p < 2)
        luaL_error(raising(m), "malformed pattern (missing arguments to '%%b')");
    if (s >= m->subject_end || *s != p[0]) return NULL;
    for (size_t open = 1; ++s < m->subject_end;) {
        take(m, 1);
        if (*s == p[1]) {
            if (--open == 0) return s + 1;
        } else if (*s == p[0]) {
            open++;
        }
    }
    return NULL;
}

/* Behind the text at `s` that repeats a capture; `digit` names which. */
static const char *match_back(Matcher *m, const char *s, char digit)
{
    int index = digit - '1';
    if (index < 0 || index >= m->captured || m->captures[index].len == CAPTURE_OPEN)
        luaL_error(raising(m), "invalid capture index %%%d", index + 1);
    ptrdiff_t len = m->captures[index].len;
    if (len == CAPTURE_POSITION || m->subject_end - s < len) return NULL;
    take(m, 1 + (size_t)len / 8);
    return memcmp(m->captures[index].start, s, (size_t)len) == 0 ? s + len : NULL;
}

/* Is `s` where a set begins to hold? Both ends of the subject count as a NUL. `*p` is behind "%f"
 * and moves behind the set. */
static bool match_frontier(Matcher *m, const char *s, const char **p)
{
    const char *at = *p;
    if (at == m->pattern_end || *at != '[')
        luaL_error(raising(m), "missing '[' after '%%f' in pattern");
    *p = set_end(m, at) + 1;
    PatternSet   *set = known_set(m, at);
    unsigned char before = s == m->subject ? 0 : byte_of(s - 1);
    return !in_set(m, set, before, at, *p - 1) && in_set(m, set, byte_of(s), at, *p - 1);
}

static const char *open_capture(Matcher *m, const char *s, const char *p, ptrdiff_t len)
{
    if (m->captured == PATTERN_CAPTURES) luaL_error(raising(m), "too many captures");
    m->captures[m->captured].start = s;
    m->captures[m->captured].len = len;
    m->captured++;
    const char *end = match(m, s, p);
    if (!end) m->captured--;
    return end;
}

static const char *close_capture(Matcher *m, const char *s, const char *p)
{
    int index = m->captured - 1;
    while (index >= 0 && m->captures[index].len != CAPTURE_OPEN) index--;
    if (index < 0) luaL_error(raising(m), "invalid pattern capture");
    m->captures[index].len = s - m->captures[index].start;
    const char *end = match(m, s, p);
    if (!end) m->captures[index].len = CAPTURE_OPEN;
    return end;
}

/* -- repetitions: `item` ends where its suffix stands
 * -------------------------------------------------- */

/* The first byte from `s` on that the item does not hold; for a set it is looked up once. */
static const char *skip_held(Matcher *m, const char *s, const char *item, const char *suffix)
{
    if (*item == '.') return m->subject_end;
    if (*item == '[') {
        PatternSet *set = known_set(m, item);
        for (; s < m->subject_end && in_set(m, set, byte_of(s), item, suffix - 1); s++) take(m, 1);
        return s;
    }
    while (item_holds(m, s, item, suffix)) s++;
    return s;
}

/* As many as hold from `at` on, then fewer, down to `least`. */
static const char *match_most(Matcher *m, const char *least, const char *at, const char *item,
                              const char *suffix)
{
    for (at = skip_held(m, at, item, suffix);; at--) {
        const char *end = match(m, at, suffix + 1);
        if (end || at == least) return end;
    }
}

static const char *match_fewest(Matcher *m, const char *s, const char *item, const char *suffix)
{
    for (;; s++) {
        const char *end = match(m, s, suffix + 1);
        if (end) return end;
        if (!item_holds(m, s, item, suffix)) return NULL;
    }
}

/* -- the whole
 * ----------------------------------------------------------------------------------------- */

typedef enum Outcome { GOES_ON, DECIDED } Outcome;

/* A single-byte item with its suffix. Either moves `*s` and `*p` on, or decides: `*s` is the end or
 * NULL. What may be absent and is costs no level. */
static Outcome match_single(Matcher *m, const char **s, const char **p)
{
    const char *item = *p, *suffix = item_end(m, item), *end;
    char        kind = suffix < m->pattern_end ? *suffix : '\0';
    if (!item_holds(m, *s, item, suffix)) {
        *p = suffix + 1;
        if (kind == '*' || kind == '?' || kind == '-') return GOES_ON;
        *s = NULL;
        return DECIDED;
    }
    switch (kind) {
    case '?':
        *p = suffix + 1;
        if (!(end = match(m, *s + 1, *p))) return GOES_ON;
        *s = end;
        return DECIDED;
    case '*': *s = match_most(m, *s, *s + 1, item, suffix); return DECIDED;
    case '+': *s = match_most(m, *s + 1, *s + 1, item, suffix); return DECIDED;
    case '-': *s = match_fewest(m, *s, item, suffix); return DECIDED;
    default:
        ++*s;
        *p = suffix;
        return GOES_ON;
    }
}

/* "%b", "%f" and "%1", or one of the classes. */
static Outcome match_escape(Matcher *m, const char **s, const char **p)
{
    char kind = (*p)[1]; /* a NUL behind the last byte */
    switch (kind) {
    case 'b':
        *s = match_balance(m, *s, *p + 2);
        *p += 4;
        break;
    case 'f':
        *p += 2;
        if (!match_frontier(m, *s, p)) *s = NULL;
        break;
    default:
        if (!is_digit((unsigned char)kind)) return match_single(m, s, p);
        *s = match_back(m, *s, kind);
        *p += 2;
    }
    return *s ? GOES_ON : DECIDED;
}

/* One level of attempts: matches the rest of the pattern at `s`, or answers NULL. */
static const char *match(Matcher *m, const char *s, const char *p)
{
    Outcome outcome = GOES_ON;
    if (m->levels-- == 0) luaL_error(raising(m), "pattern too complex");
    while (outcome == GOES_ON && p < m->pattern_end) {
        take(m, 1);
        switch (*p) {
        case '(':
            s = p[1] == ')' ? open_capture(m, s, p + 2, CAPTURE_POSITION)
                            : open_capture(m, s, p + 1, CAPTURE_OPEN);
            outcome = DECIDED;
            break;
        case ')':
            s = close_capture(m, s, p + 1);
            outcome = DECIDED;
            break;
        case '$':
            if (p + 1 == m->pattern_end) {
                if (s != m->subject_end) s = NULL;
                outcome = DECIDED;
            } else {
                outcome = match_single(m, &s, &p);
            }
            break;
        case ESCAPE: outcome = match_escape(m, &s, &p); break;
        default: outcome = match_single(m, &s, &p);
        }
    }
    m->levels++;
    return s;
}

void match_begin(Matcher *m, lua_State *L, Str subject, Str pattern)
{
    size_t bytes = subject.len < PATTERN_BYTES ? subject.len : PATTERN_BYTES;
    m->L = L;
    m->subject = subject.ptr;
    m->subject_end = subject.ptr + subject.len;
    m->pattern = pattern.ptr;
    m->pattern_end = pattern.ptr + pattern.len;
    m->budget = PATTERN_STEPS + PATTERN_STEPS_PER_BYTE * (uint64_t)bytes;
    uint64_t room = vm_work_left(L);
    if (m->budget > room) m->budget = room;
    m->left = m->budget;
    m->settled = 0;
    m->set_count = 0;
}

const char *match_at(Matcher *m, const char *start)
{
    m->levels = PATTERN_LEVELS;
    m->captured = 0;
    take(m, 1);
    return match(m, start, m->pattern);
}
