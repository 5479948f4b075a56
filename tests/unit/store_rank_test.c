/* Which of some texts fit a few words best. */
#include "../../host/base/mem.h"
#include "../../host/store/rank.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

static Rank *index_of(size_t count, const char *const texts[][2])
{
    static const double WEIGHTS[] = {4, 1};
    Rank               *rank = NULL;
    Err                 err;
    err_clear(&err);
    CHECK_INT(rank_new(WEIGHTS, 2, &rank, &err), ST_OK);
    for (size_t i = 0; i < count; i++) {
        Str fields[] = {str_from(texts[i][0]), str_from(texts[i][1])};
        CHECK_INT(rank_add(rank, fields, &err), ST_OK);
    }
    return rank;
}

static Status ask(Rank *rank, const char *const *words, size_t count, RankHit *hits)
{
    RankWord given[RANK_WORDS_MAX + 1];
    Err      err;
    err_clear(&err);
    for (size_t i = 0; i < count; i++) given[i] = (RankWord){str_from(words[i]), 1};
    return rank_score(rank, given, count, hits, &err);
}

static const char *const AGENTS[][2] = {
    {"backend-senior", "Builds servers and storage"},
    {"design-junior", "Draws buttons; serves the backend people too"},
    {"writer", "Writes letters"},
};

TEST(a_text_with_more_of_the_words_in_heavier_fields_is_first_and_the_words_are_told)
{
    Rank             *rank = index_of(3, AGENTS);
    RankHit           hits[3];
    const char *const words[] = {"backend", "server"};
    CHECK_INT(ask(rank, words, 2, hits), ST_OK);
    CHECK(hits[0].score > hits[1].score && hits[1].score > 0);
    CHECK_INT((int64_t)hits[0].words, 3); /* "servers" has the stem of "server" */
    CHECK(hits[2].score == 0 && hits[2].words == 0);
    rank_free(rank);
}

TEST(a_word_counts_by_its_weight)
{
    Rank    *rank = index_of(3, AGENTS);
    RankHit  even[3], uneven[3];
    RankWord words[] = {{STR("storage"), 1}, {STR("letters"), 1}};
    Err      err;
    err_clear(&err);
    CHECK_INT(rank_score(rank, words, 2, even, &err), ST_OK);
    words[1].weight = 0.5;
    CHECK_INT(rank_score(rank, words, 2, uneven, &err), ST_OK);
    CHECK(uneven[0].score == even[0].score);
    CHECK(uneven[2].score == even[2].score / 2);
    rank_free(rank);
}

TEST(no_word_is_read_as_part_of_a_query)
{
    Rank             *rank = index_of(3, AGENTS);
    RankHit           hits[3];
    const char *const words[] = {"\"", "\" OR writer", "f1:writer", "NOT", "a* NEAR(b", "^", ")"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        CHECK_INT(ask(rank, &words[i], 1, hits), ST_OK);
        CHECK(hits[0].score == 0 && hits[1].score == 0 && hits[2].score == 0);
    }
    Err      err;
    RankWord nul = {{"wri\0ter\"", 8}, 1};
    err_clear(&err);
    CHECK_INT(rank_score(rank, &nul, 1, hits, &err), ST_OK);
    CHECK(hits[2].score == 0);
    CHECK_INT(ask(rank, words, 0, hits), ST_OK);
    rank_free(rank);
}

TEST(what_passes_a_bound_is_refused)
{
    Rank       *rank = index_of(3, AGENTS);
    RankHit     hits[3];
    Err         err;
    const char *many[RANK_WORDS_MAX + 1];
    char        longest[RANK_WORD_MAX + 2];
    err_clear(&err);
    for (size_t i = 0; i <= RANK_WORDS_MAX; i++) many[i] = "word";
    CHECK_INT(ask(rank, many, RANK_WORDS_MAX, hits), ST_OK);
    CHECK_INT(ask(rank, many, RANK_WORDS_MAX + 1, hits), ST_LIMIT);
    memset(longest, '"', sizeof longest);
    longest[RANK_WORD_MAX] = '\0';
    const char *word = longest;
    CHECK_INT(ask(rank, &word, 1, hits), ST_OK);
    longest[RANK_WORD_MAX] = '"';
    longest[RANK_WORD_MAX + 1] = '\0';
    CHECK_INT(ask(rank, &word, 1, hits), ST_LIMIT);

    char *huge = mem_new(LIMIT_RANK);
    Str   fields[] = {{huge, LIMIT_RANK}, {"x", 1}};
    CHECK_INT(rank_add(rank, fields, &err), ST_LIMIT);
    free(huge);
    rank_free(rank);
    rank_free(NULL);
    CHECK_INT(rank_new(NULL, 0, &rank, &err), ST_LIMIT);
    CHECK_INT(rank_new(NULL, RANK_FIELDS_MAX + 1, &rank, &err), ST_LIMIT);
}

TEST(texts_that_are_empty_or_no_utf8_are_ranked_like_any_other)
{
    static const char *const ODD[][2] = {{"", ""},
                                         {"\xff\xfe", "\xc3"},
                                         {"Gr\xc3\xb6\xc3\x9f"
                                          "e",
                                          "size"}};
    Rank                    *rank = index_of(3, ODD);
    RankHit                  hits[3];
    const char *const        words[] = {"gro\xc3\x9f"
                                               "e",
                                        "\xff"};
    CHECK_INT(ask(rank, words, 2, hits), ST_OK);
    CHECK(hits[0].score == 0 && hits[2].score > 0); /* found without its accent */
    rank_free(rank);
}

int main(void) { return tap_run(); }
