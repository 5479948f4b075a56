/* pattern.h -- Lua patterns whose work is counted.
 *
 * Why     A pattern such as ".-.-x" may need time that grows with a power of the subject's length,
 * in one C call that no instruction hook interrupts. Here each call has a budget of steps. Use 1
 * match_begin  2 match_at for each start  3 match_settle Source  What a pattern
 * means: Lua 5.4 Reference Manual, section 6.4.1. What stock Lua does with malformed patterns, with
 * its messages: a test compares both on generated cases. Owner   A Matcher is the caller's, on the
 * C stack; subject and pattern stay on the Lua stack. Units   A step is one look at one byte of the
 * subject or at one item of the pattern. Errors  Malformed patterns and a spent budget raise. All
 * of these functions may raise.
 */
#ifndef HOST_SCRIPT_PATTERN_H
#define HOST_SCRIPT_PATTERN_H

#include "../base/limits.h"
#include "vm.h"

enum {
    PATTERN_SETS = 8,     /* [sets] of one pattern whose membership is kept as bits */
    PATTERN_LEVELS = 200, /* nested attempts: captures and repetitions behind one another */
    PATTERN_CAPTURES = 32,
};

/* Steps of one call: enough for every linear job on texts of 16 MB, spent in well under a second.
 */
#define PATTERN_STEPS          ((uint64_t)20000000)
#define PATTERN_STEPS_PER_BYTE 8
#define PATTERN_BYTES          (16 * MB) /* what is longer adds no further steps */

typedef struct PatternSet {
    const char *at, *last; /* in the pattern: its '[' and its ']' */
    unsigned    walks;     /* how often it was read byte by byte */
    bool        ready;     /* bits hold */
    uint8_t     bits[256 / 8];
} PatternSet;

enum { CAPTURE_OPEN = -1, CAPTURE_POSITION = -2 }; /* lengths of captures that have none */

typedef struct Capture {
    const char *start; /* in the subject */
    ptrdiff_t   len;   /* or CAPTURE_OPEN, CAPTURE_POSITION */
} Capture;

typedef struct Matcher {
    lua_State  *L;
    const char *subject, *subject_end;
    const char *pattern, *pattern_end; /* whole, without an anchor */
    uint64_t    budget, left, settled; /* steps: all, not yet used, used and already charged */
    int         levels;                /* that may still be entered */
    int         captured;              /* captures begun */
    int         set_count;
    Capture     captures[PATTERN_CAPTURES];
    PatternSet  sets[PATTERN_SETS];
} Matcher;

/* Borrows both texts. The budget counts from here over all attempts. */
void match_begin(Matcher *matcher, lua_State *L, Str subject, Str pattern);

/* The end of the match that begins at `start`, or NULL. Forgets the captures of the attempt before.
 */
const char *match_at(Matcher *matcher, const char *start);

/* Charges the VM for the steps taken since the last time; before foreign code runs, and at the end.
 */
void match_settle(Matcher *matcher);

/* Replaces find, match, gmatch and gsub in the table at the top. pattern_lib.c */
void pattern_install(lua_State *L);

#endif
