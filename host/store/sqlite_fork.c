/* A run once more, up to one of its records, with all that was below it by then. One transaction:
 * the whole copy is there or nothing of it.
 *
 * What was written by then is told by the rows' numbers: SQLite gives each new record a higher one,
 * and keeps their order when it compacts the file. The copy's children are named after it: NEW.1,
 * NEW.2 ... Bodies are changed where they name a run of the tree, and nowhere else: what a model
 * said stays as it said it. */
#include "sqlite_internal.h"

/* The body of a record; a broken one names nothing. */
#define BODY "CASE WHEN json_valid(body) THEN body ELSE '{}' END"

/* ?1 the run, ?2 its copy, ?3 the number of the last record that counts, ?4 Unix ms. */
static const char *const STEPS[] = {
    "CREATE TEMP TABLE IF NOT EXISTS fork(old TEXT PRIMARY KEY, new TEXT NOT NULL)",

    "DELETE FROM temp.fork",

    "WITH RECURSIVE tree(id) AS (VALUES(?1) UNION"
    "  SELECT json_extract(" BODY ", '$.run') FROM records JOIN tree ON records.run = id"
    "  WHERE kind = 'child' AND records.rowid <= ?3)"
    "INSERT INTO temp.fork SELECT id, CASE id WHEN ?1 THEN ?2 ELSE ?2 || '.' ||"
    "  (row_number() OVER (ORDER BY id = ?1 DESC, runs.rowid) - 1) END"
    "  FROM tree JOIN runs ON runs.run = id",

    "INSERT INTO records(format, run, seq, time, kind, body)"
    "  SELECT format, fork.new, seq, time, kind, CASE"
    "    WHEN NOT json_valid(body) THEN body"
    "    WHEN kind IN ('child', 'child.finished') THEN json_set(body, '$.run', coalesce("
    "      (SELECT new FROM temp.fork WHERE old = json_extract(body, '$.run')),"
    "      json_extract(body, '$.run')))"
    "    WHEN kind = 'run.started' AND json_type(body, '$.parent') = 'text' THEN"
    "      json_set(body, '$.parent', coalesce("
    "      (SELECT new FROM temp.fork WHERE old = json_extract(body, '$.parent')),"
    "      json_extract(body, '$.parent')))"
    "    WHEN kind = 'run.resumed' AND json_type(body, '$.below') = 'array' THEN"
    "      json_set(body, '$.below', (SELECT json_group_array(json_set(value, '$.run', coalesce("
    "      (SELECT new FROM temp.fork WHERE old = json_extract(value, '$.run')),"
    "      json_extract(value, '$.run')))) FROM json_each(body, '$.below')))"
    "    WHEN kind = 'run.parked' THEN json_remove(body, '$.questions')" /* the records say it */
    "    ELSE body END"
    "  FROM records JOIN temp.fork ON records.run = fork.old"
    "  WHERE records.rowid <= ?3 ORDER BY records.rowid",

    /* All begin now: a copy is the newest run, and a list has parents first. */
    "INSERT INTO runs SELECT fork.new,"
    "  coalesce((SELECT new FROM temp.fork WHERE old = runs.parent), ''), agent, task,"
    "  coalesce(json_extract(" BODY ", '$.status'), 'running'), ?4, iif(body IS NULL, 0, ?4)"
    "  FROM runs JOIN temp.fork ON runs.run = fork.old"
    "  LEFT JOIN records ON records.run = fork.new AND kind = 'run.finished'"
    "    AND seq = (SELECT max(seq) FROM records WHERE run = fork.new)"
    "  ORDER BY runs.rowid",

    "DELETE FROM temp.fork",
};

static void bind_text(sqlite3_stmt *statement, int at, Str text)
{
    if (at <= sqlite3_bind_parameter_count(statement))
        sqlite3_bind_text64(statement, at, text.ptr ? text.ptr : "", text.len, SQLITE_STATIC,
                            SQLITE_UTF8);
}

static void bind_int(sqlite3_stmt *statement, int at, int64_t value)
{
    if (at <= sqlite3_bind_parameter_count(statement)) sqlite3_bind_int64(statement, at, value);
}

static Status run_step(Journal *journal, const char *sql, const Request *request, int64_t bound,
                       Err *err)
{
    sqlite3_stmt *statement = NULL;
    Status        status = store_prepare(journal->writes, sql, &statement, err);
    if (status != ST_OK) return status;
    bind_text(statement, 1, request->row.run);
    bind_text(statement, 2, request->record.run);
    bind_int(statement, 3, bound);
    bind_int(statement, 4, request->record.time_ms);
    if (sqlite3_step(statement) != SQLITE_DONE)
        status = store_error(journal->writes, journal->path, "fork", err);
    sqlite3_finalize(statement);
    return status;
}

/* The number of the last record that counts, or why there can be no copy in the request's outcome.
 */
static Status find_bound(Journal *journal, Request *request, int64_t *bound, Err *err)
{
    static const char sql[] =
        "SELECT r.parent, (SELECT max(seq) FROM records WHERE run = r.run), e.rowid, e.kind"
        "  FROM runs r LEFT JOIN records e ON e.run = r.run AND e.seq = ?2 WHERE r.run = ?1";
    Str           of = request->row.run;
    int64_t       at = request->record.seq - 1;
    sqlite3_stmt *statement = NULL;
    Status        status = store_prepare(journal->writes, sql, &statement, err);
    if (status != ST_OK) return status;
    bind_text(statement, 1, of);
    bind_int(statement, 2, at);
    int         rc = sqlite3_step(statement);
    const char *parent = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : "",
               *kind = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 3) : NULL;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        status = store_error(journal->writes, journal->path, "fork", err);
    else if (rc == SQLITE_DONE)
        err_set(&request->outcome, ST_NOT_FOUND, "there is no run %.*s", STR_ARG(of));
    else if (parent[0])
        err_set(&request->outcome, ST_INVALID, "run %.*s is a child of %s; fork that one",
                STR_ARG(of), parent);
    else if (!kind)
        err_set(&request->outcome, ST_INVALID, "run %.*s has no record %lld; its last is %lld",
                STR_ARG(of), (long long)at, (long long)sqlite3_column_int64(statement, 1));
    else if (str_is(str_from(kind), "run.finished"))
        err_set(&request->outcome, ST_INVALID,
                "run %.*s: record %lld is its end; name an earlier one", STR_ARG(of),
                (long long)at);
    *bound = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 2) : 0;
    sqlite3_finalize(statement);
    return status;
}

Status fork_write(Journal *journal, Request *request, Err *err)
{
    int64_t bound;
    Status  status = find_bound(journal, request, &bound, err);
    if (status != ST_OK || request->outcome.status != ST_OK) return status;
    for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0] && status == ST_OK; i++)
        status = run_step(journal, STEPS[i], request, bound, err);
    return status == ST_OK ? writer_insert(journal, &request->record, err) : status;
}
