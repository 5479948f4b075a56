/* Removing old runs: on a connection of its own, a tree at a time, each with its turn at the lock,
 * so that who appends meanwhile waits for one tree at most. */
#include "sqlite_internal.h"

#include "../base/log.h"
#include "../base/mem.h"

#include <stdlib.h>

typedef struct Pruner {
    Journal *journal; /* borrowed */
    sqlite3 *db;      /* owned */
    FairLock lock;    /* the file's, through a descriptor of its own */
    int64_t  before_ms;
    bool     dry;
    char   **roots; /* owned: ids of the runs to look at */
    size_t   root_count;
    Pruned  *pruned; /* borrowed */
} Pruner;

#define TREE                                                                                       \
    "WITH RECURSIVE tree(id) AS (VALUES(?1) UNION"                                                 \
    "  SELECT runs.run FROM runs JOIN tree ON runs.parent = tree.id) "

static Status  open_own(Pruner *pruner, Err *err);
static Status  list_roots(Pruner *pruner, Err *err);
static Status  prune_tree(Pruner *pruner, const char *root, Err *err);
static Status  prune_texts(Pruner *pruner, bool *alone, Err *err);
static int64_t used_bytes(Pruner *pruner);
static void    compact(Pruner *pruner);

Status journal_prune(Journal *journal, int64_t before_ms, bool dry, Pruned *out, Err *err)
{
    Pruner pruner = {
        .journal = journal, .lock.fd = -1, .before_ms = before_ms, .dry = dry, .pruned = out};
    bool alone = false;
    *out = (Pruned){0};
    Status status = open_own(&pruner, err);
    if (status == ST_OK) status = list_roots(&pruner, err);
    int64_t before = status == ST_OK ? used_bytes(&pruner) : 0;
    for (size_t i = 0; i < pruner.root_count && status == ST_OK; i++)
        status = prune_tree(&pruner, pruner.roots[i], err);
    if (status == ST_OK && !dry) status = prune_texts(&pruner, &alone, err);
    if (status == ST_OK) out->bytes = before - used_bytes(&pruner);
    if (status == ST_OK && alone && out->bytes > 0) compact(&pruner);
    for (size_t i = 0; i < pruner.root_count; i++) free(pruner.roots[i]);
    free(pruner.roots);
    sqlite3_close(pruner.db);
    fair_lock_close(&pruner.lock);
    return status;
}

static Status sql_error(Pruner *pruner, Err *err)
{
    return store_failed(pruner->journal, pruner->db, "prune", err);
}

static Status open_own(Pruner *pruner, Err *err)
{
    const char *path = pruner->journal->path;
    Buf         lock_path;
    buf_init(&lock_path, 8192);
    Status status = buf_printf(&lock_path, err, "%s-lock", path);
    if (status == ST_OK) status = fair_lock_open(&pruner->lock, lock_path.ptr, err);
    buf_clear(&lock_path);
    if (status == ST_OK) status = store_connect(path, SQLITE_OPEN_NOMUTEX, &pruner->db, err);
    /* Its own checkpoints would pass over a failed sync: see README.md. */
    if (status == ST_OK && sqlite3_exec(pruner->db,
                                        "PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=FULL;"
                                        "PRAGMA mmap_size=0",
                                        NULL, NULL, NULL) != SQLITE_OK)
        status = sql_error(pruner, err);
    return status;
}

/* Takes the turn and begins; `end` ends both. */
static Status begin(Pruner *pruner, Err *err)
{
    Status status = fair_lock_take(&pruner->lock, STORE_PATIENCE_MS, err);
    if (status != ST_OK) return err_wrap(err, "journal %s", pruner->journal->path);
    if (sqlite3_exec(pruner->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK) return ST_OK;
    status = sql_error(pruner, err);
    fair_lock_leave(&pruner->lock);
    return status;
}

static Status end(Pruner *pruner, Status status, bool keep, Err *err)
{
    if (status == ST_OK && keep &&
        sqlite3_exec(pruner->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        status = sql_error(pruner, err);
    if (!sqlite3_get_autocommit(pruner->db))
        sqlite3_exec(pruner->db, "ROLLBACK", NULL, NULL, NULL); /* nothing is kept either way */
    fair_lock_leave(&pruner->lock);
    return status;
}

/* Runs one statement with the root as its ?1, and answers its first column or its changes. */
static Status run_sql(Pruner *pruner, const char *sql, const char *root, int64_t *out, Err *err)
{
    sqlite3_stmt *statement = NULL;
    Status        status = store_prepare(pruner->db, sql, &statement, err);
    if (status != ST_OK) return status;
    if (root) sqlite3_bind_text(statement, 1, root, -1, SQLITE_STATIC);
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) *out = sqlite3_column_int64(statement, 0);
    if (rc == SQLITE_DONE) *out = sqlite3_changes(pruner->db);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) status = sql_error(pruner, err);
    sqlite3_finalize(statement);
    return status;
}

/* A child whose parent is gone is a root too. */
static Status list_roots(Pruner *pruner, Err *err)
{
    static const char sql[] = "SELECT run FROM runs r WHERE started < ?1 AND NOT EXISTS"
                              "  (SELECT 1 FROM runs p WHERE p.run = r.parent) ORDER BY started";
    sqlite3_stmt     *statement = NULL;
    Status            status = store_prepare(pruner->db, sql, &statement, err);
    if (status != ST_OK) return status;
    sqlite3_bind_int64(statement, 1, pruner->before_ms);
    int rc;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        pruner->roots = mem_grow(pruner->roots, (pruner->root_count + 1) * sizeof *pruner->roots);
        pruner->roots[pruner->root_count++] =
            mem_text((const char *)sqlite3_column_text(statement, 0));
    }
    if (rc != SQLITE_DONE) status = sql_error(pruner, err);
    sqlite3_finalize(statement);
    return status;
}

/* Whether all of the tree is old, and none of it waiting or somebody's who lives. */
static Status is_over(Pruner *pruner, const char *root, bool *over, Err *err)
{
    static const char sql[] =
        TREE "SELECT r.status, max(r.started, r.ended, coalesce("
             "    (SELECT time FROM records WHERE run = id ORDER BY seq DESC LIMIT 1), 0)),"
             "  (SELECT lease FROM owners WHERE run = id) FROM tree JOIN runs r ON r.run = id";
    sqlite3_stmt *statement = NULL;
    Status        status = store_prepare(pruner->db, sql, &statement, err);
    if (status != ST_OK) return status;
    sqlite3_bind_text(statement, 1, root, -1, SQLITE_STATIC);
    int rc;
    *over = true;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW)
        if (str_is(str_from((const char *)sqlite3_column_text(statement, 0)),
                   status_code(ST_WAITING)) ||
            sqlite3_column_int64(statement, 1) >= pruner->before_ms ||
            store_lease_lives(pruner->journal, sqlite3_column_int64(statement, 2)))
            *over = false;
    if (rc != SQLITE_DONE) status = sql_error(pruner, err);
    sqlite3_finalize(statement);
    return status;
}

static Status prune_tree(Pruner *pruner, const char *root, Err *err)
{
    static const char records[] = TREE "DELETE FROM records WHERE run IN tree";
    static const char inbox[] = TREE "DELETE FROM inbox WHERE run IN tree";
    static const char owners[] = TREE "DELETE FROM owners WHERE run IN tree";
    static const char runs[] = TREE "DELETE FROM runs WHERE run IN tree";
    static const char count_records[] = TREE "SELECT count(*) FROM tree JOIN records ON run = id";
    static const char count_runs[] = TREE "SELECT count(*) FROM tree";
    int64_t           record_count = 0, run_count = 0, ignored = 0;
    bool              over = false;
    Status            status = begin(pruner, err);
    if (status != ST_OK) return status;
    status = is_over(pruner, root, &over, err);
    if (status == ST_OK && over)
        status = run_sql(pruner, pruner->dry ? count_records : records, root, &record_count, err);
    if (status == ST_OK && over && !pruner->dry)
        status = run_sql(pruner, owners, root, &ignored, err);
    if (status == ST_OK && over && !pruner->dry)
        status = run_sql(pruner, inbox, root, &ignored, err);
    if (status == ST_OK && over) /* last: the tree is known by its runs */
        status = run_sql(pruner, pruner->dry ? count_runs : runs, root, &run_count, err);
    status = end(pruner, status, over && !pruner->dry, err);
    if (status != ST_OK) return status;
    pruner->pruned->records += record_count;
    pruner->pruned->runs += run_count;
    return ST_OK;
}

/* A process that lives may have kept a text for a record that it has not appended yet. */
static Status nobody_else(Pruner *pruner, bool *alone, Err *err)
{
    sqlite3_stmt *statement = NULL;
    Status status = store_prepare(pruner->db, "SELECT DISTINCT lease FROM owners", &statement, err);
    if (status != ST_OK) return status;
    int rc;
    *alone = true;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW)
        if (store_lease_lives(pruner->journal, sqlite3_column_int64(statement, 0))) *alone = false;
    if (rc != SQLITE_DONE) status = sql_error(pruner, err);
    sqlite3_finalize(statement);
    return status;
}

static Status prune_texts(Pruner *pruner, bool *alone, Err *err)
{
    static const char sql[] =
        "DELETE FROM texts WHERE hash NOT IN (SELECT file.value FROM records,"
        "  json_each(CASE WHEN json_valid(body) THEN body ELSE '{}' END, '$.files') AS file"
        "  WHERE kind IN ('run.started', 'files', 'run.resumed', 'run.parked', 'run.finished')"
        "    AND file.type = 'text'"
        "  UNION ALL SELECT json_extract(CASE WHEN json_valid(body) THEN body ELSE '{}' END,"
        "    '$.hash') AS definition FROM records"
        "  WHERE kind = 'prompt' AND definition IS NOT NULL)"; /* one NULL would keep all */
    Status status = begin(pruner, err);
    if (status != ST_OK) return status;
    status = nobody_else(pruner, alone, err);
    if (status == ST_OK && *alone) status = run_sql(pruner, sql, NULL, &pruner->pruned->texts, err);
    return end(pruner, status, *alone, err);
}

static int64_t used_bytes(Pruner *pruner)
{
    int64_t pages = 0, free_pages = 0, size = 0;
    Err     err; /* a number for people: where it is not to be had it is 0 */
    err_clear(&err);
    if (run_sql(pruner, "PRAGMA page_count", NULL, &pages, &err) != ST_OK ||
        run_sql(pruner, "PRAGMA freelist_count", NULL, &free_pages, &err) != ST_OK ||
        run_sql(pruner, "PRAGMA page_size", NULL, &size, &err) != ST_OK)
        return 0;
    return (pages - free_pages) * size;
}

/* Gives the free pages back to the file system, where nobody is in the way and the disk has room
 * for a copy. Where it does not work they stay in the file, for later runs. */
static void compact(Pruner *pruner)
{
    Err err;
    if (fair_lock_take(&pruner->lock, STORE_PATIENCE_MS, &err) != ST_OK) return;
    sqlite3_busy_timeout(pruner->db, 1000);
    pruner->pruned->smaller =
        sqlite3_exec(pruner->db, "VACUUM", NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_wal_checkpoint_v2(pruner->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) ==
            SQLITE_OK;
    if (!pruner->pruned->smaller) {
        store_failed(pruner->journal, pruner->db, "compact", &err);
        log_line(LOG_INFO, "%s", err.text);
    }
    fair_lock_leave(&pruner->lock);
}
