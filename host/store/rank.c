#include "rank.h"

#include "../base/buf.h"
#include "../base/mem.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

struct Rank {
    sqlite3      *db;     /* owned; in memory, this index and nothing else */
    sqlite3_stmt *insert; /* owned */
    double        weights[RANK_FIELDS_MAX];
    size_t        fields, texts, bytes;
    size_t        found; /* by the words of one question */
};

static Status failed(Rank *rank, const char *what, Err *err)
{
    return err_set(err, ST_UNAVAILABLE, "rank texts: %s: %s", what, sqlite3_errmsg(rank->db));
}

static Status prepare(Rank *rank, Buf *sql, sqlite3_stmt **out, Err *err)
{
    if (sqlite3_prepare_v2(rank->db, sql->ptr, (int)sql->len, out, NULL) == SQLITE_OK) return ST_OK;
    return failed(rank, "prepare", err);
}

/* Appends "PREFIX0, PREFIX1, ...": names of columns, or parameters. */
static Status append_list(Buf *sql, const char *prefix, size_t count, Err *err)
{
    for (size_t i = 0; i < count; i++) {
        Status status = buf_printf(sql, err, "%s%s%zu", i > 0 ? ", " : "", prefix, i + 1);
        if (status != ST_OK) return status;
    }
    return ST_OK;
}

/* Contentless: the texts themselves are not kept. */
static Status make_table(Rank *rank, Err *err)
{
    Buf sql;
    buf_init(&sql, 4 * KB);
    Status status = buf_printf(&sql, err, "CREATE VIRTUAL TABLE texts USING fts5(");
    if (status == ST_OK) status = append_list(&sql, "f", rank->fields, err);
    if (status == ST_OK)
        status = buf_printf(&sql, err,
                            ", content='', tokenize=\"porter unicode61 remove_diacritics 2\")");
    if (status == ST_OK && sqlite3_exec(rank->db, sql.ptr, NULL, NULL, NULL) != SQLITE_OK)
        status = failed(rank, "make the index", err);
    buf_clear(&sql);
    return status;
}

static Status prepare_insert(Rank *rank, Err *err)
{
    Buf sql;
    buf_init(&sql, 4 * KB);
    Status status = buf_printf(&sql, err, "INSERT INTO texts(rowid, ");
    if (status == ST_OK) status = append_list(&sql, "f", rank->fields, err);
    if (status == ST_OK) status = buf_printf(&sql, err, ") VALUES (?%zu, ", rank->fields + 1);
    if (status == ST_OK) status = append_list(&sql, "?", rank->fields, err);
    if (status == ST_OK) status = buf_printf(&sql, err, ")");
    if (status == ST_OK) status = prepare(rank, &sql, &rank->insert, err);
    buf_clear(&sql);
    return status;
}

Status rank_new(const double *weights, size_t fields, Rank **out, Err *err)
{
    if (fields == 0 || fields > RANK_FIELDS_MAX)
        return err_set(err, ST_LIMIT, "rank texts: from 1 to %d fields", RANK_FIELDS_MAX);
    Rank *rank = mem_new(sizeof *rank);
    rank->fields = fields;
    memcpy(rank->weights, weights, fields * sizeof *weights);
    Status status = ST_OK;
    if (sqlite3_open_v2(":memory:", &rank->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY,
                        NULL) != SQLITE_OK ||
        sqlite3_exec(rank->db, "PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF; BEGIN", NULL,
                     NULL, NULL) != SQLITE_OK)
        status = failed(rank, "open", err);
    if (status == ST_OK) status = make_table(rank, err);
    if (status == ST_OK) status = prepare_insert(rank, err);
    if (status == ST_OK)
        *out = rank;
    else
        rank_free(rank);
    return status;
}

void rank_free(Rank *rank)
{
    if (!rank) return;
    sqlite3_finalize(rank->insert);
    sqlite3_close(rank->db);
    free(rank);
}

Status rank_add(Rank *rank, const Str *fields, Err *err)
{
    if (rank->texts >= LIMIT_CATALOG)
        return err_set(err, ST_LIMIT, "rank texts: more than %d", LIMIT_CATALOG);
    for (size_t i = 0; i < rank->fields; i++) {
        rank->bytes += fields[i].len;
        if (rank->bytes > LIMIT_RANK)
            return err_set(err, ST_LIMIT, "rank texts: more than %zu MB", LIMIT_RANK / MB);
        sqlite3_bind_text64(rank->insert, (int)i + 1, fields[i].len > 0 ? fields[i].ptr : "",
                            fields[i].len, SQLITE_STATIC, SQLITE_UTF8);
    }
    sqlite3_bind_int64(rank->insert, (int)rank->fields + 1, (sqlite3_int64)++rank->texts);
    int code = sqlite3_step(rank->insert);
    sqlite3_reset(rank->insert);
    sqlite3_clear_bindings(rank->insert);
    return code == SQLITE_DONE ? ST_OK : failed(rank, "add", err);
}

/* -- asking ------------------------------------------------------------------------------------ */

/* Appends a word as FTS5's string: in quotes, a quote in it twice. A NUL would end the query. */
static Status append_word(Buf *query, Str word, Err *err)
{
    Status status = buf_byte(query, '"', err);
    for (size_t i = 0; i < word.len && status == ST_OK; i++) {
        if (word.ptr[i] == '"') status = buf_byte(query, '"', err);
        if (status == ST_OK) status = buf_byte(query, word.ptr[i] ? word.ptr[i] : ' ', err);
    }
    return status == ST_OK ? buf_byte(query, '"', err) : status;
}

/* A better text has a lower bm25, always below 0. */
static Status take_scores(Rank *rank, sqlite3_stmt *ask, double weight, uint64_t bit, RankHit *hits,
                          Err *err)
{
    int code;
    while ((code = sqlite3_step(ask)) == SQLITE_ROW) {
        size_t at = (size_t)sqlite3_column_int64(ask, 0);
        if (at < 1 || at > rank->texts) continue;
        rank->found++;
        hits[at - 1].score -= weight * sqlite3_column_double(ask, 1);
        hits[at - 1].words |= bit;
    }
    return code == SQLITE_DONE ? ST_OK : failed(rank, "ask", err);
}

static Status prepare_ask(Rank *rank, sqlite3_stmt **ask, Err *err)
{
    Buf sql;
    buf_init(&sql, 4 * KB);
    Status status = buf_printf(&sql, err, "SELECT rowid, bm25(texts, ");
    if (status == ST_OK) status = append_list(&sql, "?", rank->fields, err);
    if (status == ST_OK)
        status = buf_printf(&sql, err, ") FROM texts WHERE texts MATCH ?%zu", rank->fields + 1);
    if (status == ST_OK) status = prepare(rank, &sql, ask, err);
    buf_clear(&sql);
    for (size_t i = 0; status == ST_OK && i < rank->fields; i++)
        sqlite3_bind_double(*ask, (int)i + 1, rank->weights[i]);
    return status;
}

static Status score_word(Rank *rank, sqlite3_stmt *ask, const RankWord *word, uint64_t bit,
                         RankHit *hits, Err *err)
{
    Buf query;
    if (word->text.len > RANK_WORD_MAX)
        return err_set(err, ST_LIMIT, "rank texts: a word of more than %d bytes", RANK_WORD_MAX);
    buf_init(&query, 4 * RANK_WORD_MAX);
    Status status = append_word(&query, word->text, err);
    if (status == ST_OK) {
        sqlite3_bind_text64(ask, (int)rank->fields + 1, query.ptr, query.len, SQLITE_STATIC,
                            SQLITE_UTF8);
        status = take_scores(rank, ask, word->weight, bit, hits, err);
    }
    sqlite3_reset(ask);
    buf_clear(&query);
    return status;
}

/* Word by word: bm25 of several words is the sum of theirs, and so each can have its weight. */
Status rank_score(Rank *rank, const RankWord *words, size_t count, RankHit *hits, Err *err)
{
    sqlite3_stmt *ask = NULL;
    for (size_t i = 0; i < rank->texts; i++) hits[i] = (RankHit){0};
    if (count == 0) return ST_OK;
    if (count > RANK_WORDS_MAX)
        return err_set(err, ST_LIMIT, "rank texts: more than %d words", RANK_WORDS_MAX);
    Status status = prepare_ask(rank, &ask, err);
    rank->found = 0;
    for (size_t i = 0; i < count && status == ST_OK && rank->found < RANK_FOUND_MAX; i++)
        status = score_word(rank, ask, &words[i], (uint64_t)1 << i, hits, err);
    sqlite3_finalize(ask);
    return status;
}
