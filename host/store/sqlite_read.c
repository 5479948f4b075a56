/* The reading half: its own connection, which SQLite serialises; a statement for each call, so that
 * a callback may read again. In WAL mode a reader sees everything that was committed before it
 * began. */
#include "sqlite_internal.h"

#include <string.h>

static Status finish_read(Journal *journal, sqlite3_stmt *statement, int rc, Err *err);
static Str    column_str(sqlite3_stmt *statement, int column);
static Status find_matching(Journal *journal, Str part, bool top_only, Buf *run, int64_t *count,
                            Err *err);

Status journal_read(Journal *journal, Str run, int64_t from_seq, RecordSeen *seen, void *arg,
                    Err *err)
{
    static const char sql[] = "SELECT format, seq, time, kind, body FROM records"
                              "  WHERE run=?1 AND seq>=?2 ORDER BY seq";
    sqlite3_stmt     *statement = NULL;
    Status            status = store_prepare(journal->reads, sql, &statement, err);
    if (status != ST_OK) return status;
    sqlite3_bind_text64(statement, 1, run.ptr ? run.ptr : "", run.len, SQLITE_STATIC, SQLITE_UTF8);
    sqlite3_bind_int64(statement, 2, from_seq);
    int rc;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        Record record = {run, sqlite3_column_int64(statement, 1),
                         sqlite3_column_int64(statement, 2), column_str(statement, 3),
                         column_str(statement, 4)};
        int    format = sqlite3_column_int(statement, 0);
        if (format != RECORD_FORMAT) {
            sqlite3_finalize(statement);
            return err_set(
                err, ST_INVALID,
                "run %.*s: record %lld has format %d, this perigee knows %d; use a newer one",
                STR_ARG(run), (long long)record.seq, format, RECORD_FORMAT);
        }
        if (!seen(arg, &record)) break;
    }
    return finish_read(journal, statement, rc, err);
}

/* What a list shows of a run `r`. The price of a turn stands in its record; where one turn has none
 * the sum is not known. A reply that broke off, a summary, and the end of a run in which a request
 * was cut short has one where it is known or estimated. */
#define TREE_OF_ROW                                                                                \
    "WITH RECURSIVE tree(id) AS (SELECT r.run UNION"                                               \
    "  SELECT runs.run FROM runs JOIN tree ON runs.parent = tree.id)"
#define ROW_COLUMNS                                                                                \
    "r.run, r.parent, r.agent, r.task, r.status, r.started, r.ended,"                              \
    " (SELECT max(seq) FROM records WHERE run = r.run),"                                           \
    " (SELECT time FROM records WHERE run = r.run ORDER BY seq DESC LIMIT 1),"                     \
    " (" TREE_OF_ROW "  SELECT CASE WHEN count(*) = count(price) THEN sum(price) END FROM"         \
    "    (SELECT json_extract(body, '$.cost_usd') AS price FROM tree JOIN records ON run = id"     \
    "     WHERE kind = 'turn' OR kind IN ('partial', 'compaction', 'run.finished', 'run.parked')"  \
    "       AND price IS NOT NULL)),"                                                              \
    " (SELECT lease FROM owners WHERE run = r.run),"                                               \
    " (SELECT pid FROM owners WHERE run = r.run),"                                                 \
    " (" TREE_OF_ROW " SELECT count(*) - 1 FROM tree),"                                            \
    " (SELECT CASE kind WHEN 'run.finished' THEN json_extract(body, '$.status')"                   \
    "    WHEN 'run.parked' THEN 'waiting' ELSE 'interrupted' END"                                  \
    "  FROM records WHERE run = r.run ORDER BY seq DESC LIMIT 1)"
/* ?2: only top-level ones; ?3: only those that have not ended */
#define ROW_WANTED "(?2 = 0 OR r.parent = '') AND (?3 = 0 OR r.status IN ('running', 'waiting'))"

Status journal_list(Journal *journal, RunFilter filter, RunSeen *seen, void *arg, Err *err)
{
    static const char all[] = "SELECT " ROW_COLUMNS " FROM runs r WHERE " ROW_WANTED
                              "  ORDER BY r.started DESC, r.rowid DESC LIMIT ?1";
    static const char below[] =
        "WITH RECURSIVE wanted(id) AS (VALUES(?4) UNION"
        "  SELECT runs.run FROM runs JOIN wanted ON runs.parent = wanted.id)"
        "SELECT " ROW_COLUMNS " FROM wanted JOIN runs r ON r.run = wanted.id WHERE " ROW_WANTED
        "  ORDER BY r.rowid LIMIT ?1";
    Str           tree = filter.tree;
    sqlite3_stmt *statement = NULL;
    Status        status = store_prepare(journal->reads, tree.len ? below : all, &statement, err);
    if (status != ST_OK) return status;
    sqlite3_bind_int64(statement, 1, filter.most);
    sqlite3_bind_int(statement, 2, filter.top_only);
    sqlite3_bind_int(statement, 3, filter.open_only);
    if (tree.len) sqlite3_bind_text64(statement, 4, tree.ptr, tree.len, SQLITE_STATIC, SQLITE_UTF8);
    int rc;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        bool   priced = sqlite3_column_type(statement, 9) != SQLITE_NULL;
        RunRow row = {.run = column_str(statement, 0),
                      .parent = column_str(statement, 1),
                      .agent = column_str(statement, 2),
                      .task = column_str(statement, 3),
                      .status = column_str(statement, 4),
                      .started_ms = sqlite3_column_int64(statement, 5),
                      .ended_ms = sqlite3_column_int64(statement, 6),
                      .records = sqlite3_column_int64(statement, 7),
                      .last_ms = sqlite3_column_int64(statement, 8),
                      .usd = priced ? sqlite3_column_double(statement, 9) : -1,
                      .below = sqlite3_column_int64(statement, 12)};
        bool   lives = store_lease_lives(journal, sqlite3_column_int64(statement, 10));
        if (lives) row.owner = sqlite3_column_int64(statement, 11);
        if (!lives && str_is(row.status, "running")) { /* its row may have missed its end */
            Str last = column_str(statement, 13);
            row.status = last.len ? last : STR("interrupted");
        }
        if (!seen(arg, &row)) break;
    }
    return finish_read(journal, statement, rc, err);
}

Status journal_inbox(Journal *journal, Str run, MessageSeen *seen, void *arg, Err *err)
{
    static const char sql[] = "SELECT number, body FROM inbox WHERE run=?1 ORDER BY number";
    sqlite3_stmt     *statement = NULL;
    Status            status = store_prepare(journal->reads, sql, &statement, err);
    if (status != ST_OK) return status;
    sqlite3_bind_text64(statement, 1, run.ptr ? run.ptr : "", run.len, SQLITE_STATIC, SQLITE_UTF8);
    int rc;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW)
        if (!seen(arg, sqlite3_column_int64(statement, 0), column_str(statement, 1))) break;
    return finish_read(journal, statement, rc, err);
}

Status journal_text(Journal *journal, Str hash, Buf *out, Err *err)
{
    sqlite3_stmt *statement = NULL;
    Status        status =
        store_prepare(journal->reads, "SELECT text FROM texts WHERE hash=?1", &statement, err);
    if (status != ST_OK) return status;
    sqlite3_bind_text64(statement, 1, hash.ptr ? hash.ptr : "", hash.len, SQLITE_STATIC,
                        SQLITE_UTF8);
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        status = buf_append(out, column_str(statement, 0), err);
        rc = SQLITE_DONE;
    } else if (rc == SQLITE_DONE) {
        status = err_set(err, ST_NOT_FOUND, "journal %s holds no text with hash %.*s",
                         journal->path, STR_ARG(hash));
    }
    if (status == ST_OK) return finish_read(journal, statement, rc, err);
    sqlite3_finalize(statement);
    return status;
}

Status journal_find(Journal *journal, Str part, Buf *run, Err *err)
{
    int64_t count = 0;
    if (part.len == 0)
        return err_set(err, ST_INVALID, "which run? name its id, a part of it, or \"last\"");
    Status status = find_matching(journal, part, true, run, &count, err);
    if (status == ST_OK && count == 0)
        status = find_matching(journal, part, false, run, &count, err);
    if (status != ST_OK || count > 0) return status;
    if (str_is(part, "last"))
        return err_set(err, ST_NOT_FOUND, "journal %s holds no run yet", journal->path);
    return err_set(err, ST_NOT_FOUND,
                   "no run's id contains \"%.*s\"; `perigee runs list` shows them", STR_ARG(part));
}

static Str column_str(sqlite3_stmt *statement, int column)
{
    const char *bytes = sqlite3_column_blob(statement, column);
    int         len = sqlite3_column_bytes(statement, column);
    return (Str){len > 0 ? bytes : "", len > 0 ? (size_t)len : 0};
}

/* SQLITE_ROW means that the callback had enough. */
static Status finish_read(Journal *journal, sqlite3_stmt *statement, int rc, Err *err)
{
    Status status = ST_OK;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        status = store_error(journal->reads, journal->path, "read", err);
    sqlite3_finalize(statement);
    return status;
}

/* An exact id goes before ids that contain the part. Appends to `run` when there is one answer. */
static Status find_matching(Journal *journal, Str part, bool top_only, Buf *run, int64_t *count,
                            Err *err)
{
    static const char newest[] = "SELECT run, 1 FROM runs WHERE ?2 = 0 OR parent = ''"
                                 "  ORDER BY started DESC, rowid DESC LIMIT ?3";
    static const char matching[] = "SELECT run, run = ?1 FROM runs WHERE instr(run, ?1) > 0"
                                   "  AND (?2 = 0 OR parent = '' OR run = ?1)"
                                   "  ORDER BY run = ?1 DESC, started DESC, rowid DESC LIMIT ?3";
    enum { CANDIDATES = 5 };
    bool          last = str_is(part, "last");
    sqlite3_stmt *statement = NULL;
    Buf           names;
    Status        status = store_prepare(journal->reads, last ? newest : matching, &statement, err);
    if (status != ST_OK) return status;
    buf_init(&names, (CANDIDATES + 1) * (RUN_ID_MAX + 2));
    if (!last) sqlite3_bind_text64(statement, 1, part.ptr, part.len, SQLITE_STATIC, SQLITE_UTF8);
    sqlite3_bind_int(statement, 2, top_only);
    sqlite3_bind_int(statement, 3, CANDIDATES + 1);
    int    rc;
    bool   exact = false;
    size_t before = run->len;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW && status == ST_OK && !exact) {
        Str id = column_str(statement, 0);
        exact = ++*count == 1 && sqlite3_column_int(statement, 1) != 0;
        if (*count == 1) status = buf_append(run, id, err);
        if (status == ST_OK && *count <= CANDIDATES)
            status = buf_printf(&names, err, "%s%.*s", *count > 1 ? ", " : "", STR_ARG(id));
    }
    if (status == ST_OK && *count > 1 && !exact) {
        run->len = before;
        run->ptr[before] = '\0';
        status =
            err_set(err, ST_INVALID, "\"%.*s\" is part of several runs' ids: %s%s; name more of it",
                    STR_ARG(part), names.ptr, *count > CANDIDATES ? ", ..." : "");
    }
    buf_clear(&names);
    if (status == ST_OK) return finish_read(journal, statement, rc, err);
    sqlite3_finalize(statement);
    return status;
}
