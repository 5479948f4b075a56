/* rank.h -- which of some texts fit a few words best: SQLite's full-text index (FTS5) in memory and
 * its bm25. Words are compared by their stems, without case and accents.
 *
 * Why     A choice by words needs no model, and no ranking of our own either.
 * Use     rank_new -> rank_add for each text -> rank_score -> rank_free.
 * Owner   Rank: the caller. Fields and words are copied.
 * Thread  Any one at a time. Blocks: about 20 ms for a megabyte of text.
 * Errors  ST_LIMIT beyond the bounds below; ST_UNAVAILABLE where SQLite was built without FTS5.
 */
#ifndef HOST_STORE_RANK_H
#define HOST_STORE_RANK_H

#include "../base/limits.h"
#include "../base/status.h"
#include "../base/str.h"

#include <stdint.h>

enum {
    RANK_FIELDS_MAX = 8,
    RANK_WORDS_MAX = 64,     /* one bit of RankHit.words each */
    RANK_WORD_MAX = 100,     /* bytes */
    RANK_FOUND_MAX = 200000, /* texts that hold a word, over all words: about half a second */
};

typedef struct Rank Rank;

typedef struct RankHit {
    double   score; /* above 0, more is better; 0 where no word was found */
    uint64_t words; /* bit i: the word i was found in it */
} RankHit;

/* `weights`: how much a word in each field counts, above 0. */
MUST_CHECK Status rank_new(const double *weights, size_t fields, Rank **out, Err *err);
void              rank_free(Rank *rank); /* NULL allowed */

/* Adds one text; `fields` are as many as there are weights. */
MUST_CHECK Status rank_add(Rank *rank, const Str *fields, Err *err);

typedef struct RankWord {
    Str    text;   /* any bytes are a word; none of them is read as part of a query */
    double weight; /* how much it counts, above 0 */
} RankWord;

/* Fills one hit for each text, in the order in which they were added: the sum of what each word
 * scores alone, times its weight. When RANK_FOUND_MAX is reached, the words that are left do not
 * count: put first what matters most. */
MUST_CHECK Status rank_score(Rank *rank, const RankWord *words, size_t count, RankHit *hits,
                             Err *err);

#endif
