/* The writer thread's part: one group of requests, one transaction. */
#include "sqlite_internal.h"

#include "../base/fault.h"
#include "../base/log.h"

#include <errno.h>
#include <unistd.h>

enum {
    CHECKPOINT_PAGES = 1000, /* the log is emptied into the file once it has so many, and again
                                after so many more if a reader kept it from starting anew */
};

static Status write_group(Journal *journal, Request *group, Err *err);
static void   close_to_writers(Journal *journal);

void writer_commit(Journal *journal, Request *group)
{
    Err err;
    err_clear(&err);
    if (journal->failure.status == ST_OK && write_group(journal, group, &err) != ST_OK) {
        journal->failure = err;
        close_to_writers(journal);
    }
    if (journal->failure.status == ST_OK) return;
    for (Request *request = group; request; request = request->next)
        request->outcome = journal->failure;
}

void writer_checkpoint(Journal *journal)
{
    if (journal->wal_pages < CHECKPOINT_PAGES) journal->checkpoint_at = CHECKPOINT_PAGES;
    if (journal->wal_pages < journal->checkpoint_at) return;
    journal->checkpoint_at = journal->wal_pages + CHECKPOINT_PAGES;
    writer_empty_log(journal);
}

void writer_empty_log(Journal *journal)
{
    if (journal->failure.status != ST_OK) return;
    int rc =
        sqlite3_wal_checkpoint_v2(journal->writes, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED) return;
    /* Left to itself SQLite would pass over this. But an fsync that fails here may leave pages of
     * the log unwritten that the kernel believes written, and the next fsync would answer "done".
     */
    store_failed(journal, journal->writes, "checkpoint", &journal->failure);
    close_to_writers(journal);
    log_line(LOG_ERROR, "%s", journal->failure.text);
}

/* What lies in the log is left as it is: whoever opens the file next decides what holds. */
static void close_to_writers(Journal *journal)
{
    sqlite3_db_config(journal->writes, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

/* Runs a statement that gives no rows, and makes it ready to run again. */
static Status run_statement(Journal *journal, sqlite3_stmt *statement, const char *what, Err *err)
{
    Status status = ST_OK;
    errno = 0; /* see store_error */
    if (sqlite3_step(statement) != SQLITE_DONE)
        status = store_failed(journal, journal->writes, what, err);
    sqlite3_reset(statement);
    return status;
}

static void bind_text(sqlite3_stmt *statement, int at, Str text)
{
    sqlite3_bind_text64(statement, at, text.ptr ? text.ptr : "", text.len, SQLITE_STATIC,
                        SQLITE_UTF8);
}

/* Whose the run is: a lease, 0 for nobody's. */
static Status read_owner(Journal *journal, Str run, int64_t *lease, int64_t *pid, Err *err)
{
    sqlite3_stmt *owner = journal->statements.owner;
    bind_text(owner, 1, run);
    int    rc = sqlite3_step(owner);
    Status status = ST_OK;
    *lease = rc == SQLITE_ROW ? sqlite3_column_int64(owner, 0) : 0;
    *pid = rc == SQLITE_ROW ? sqlite3_column_int64(owner, 1) : 0;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        status = store_error(journal->writes, journal->path, "append", err);
    sqlite3_reset(owner);
    return status;
}

/* Sets *ours, and why not in `why`, which may be NULL. */
static Status check_owner(Journal *journal, Str run, bool *ours, Err *why, Err *err)
{
    int64_t lease, pid;
    Status  status = read_owner(journal, run, &lease, &pid, err);
    *ours = status == ST_OK && lease != 0 && lease == atomic_load(&journal->lease);
    if (status != ST_OK || *ours || !why) return status;
    if (lease != 0)
        err_set(why, ST_INVALID, "run %.*s: process %lld carries it now; this one has to stop",
                STR_ARG(run), (long long)pid);
    else
        err_set(why, ST_INVALID, "run %.*s: this process does not own it", STR_ARG(run));
    return ST_OK;
}

/* The lease's number is new in the file. Its byte may still be held by a process whose transaction
 * with that number did not hold: then it is the next one. */
static Status take_lease(Journal *journal, Err *err)
{
    Status status = ST_UNAVAILABLE;
    if (atomic_load(&journal->lease) != 0) return ST_OK;
    while (status == ST_UNAVAILABLE) {
        if (sqlite3_exec(journal->writes, "INSERT INTO leases VALUES(NULL); DELETE FROM leases",
                         NULL, NULL, NULL) != SQLITE_OK)
            return store_error(journal->writes, journal->path, "take a lease", err);
        int64_t number = sqlite3_last_insert_rowid(journal->writes);
        status = fair_lock_lease(&journal->lock, number, err);
        if (status == ST_OK) atomic_store(&journal->lease, number);
    }
    return status == ST_OK ? ST_OK : err_wrap(err, "journal %s", journal->path);
}

static Status write_claim(Journal *journal, Request *request, Err *err)
{
    Str     run = request->record.run;
    int64_t lease, pid;
    Status  status = take_lease(journal, err);
    if (status == ST_OK) status = read_owner(journal, run, &lease, &pid, err);
    if (status != ST_OK) return status;
    if (lease != atomic_load(&journal->lease) && store_lease_lives(journal, lease)) {
        err_set(&request->outcome, ST_UNAVAILABLE,
                "run %.*s: process %lld carries it; wait until it ends, or end it", STR_ARG(run),
                (long long)pid);
        return ST_OK;
    }
    sqlite3_stmt *claim = journal->statements.claim;
    bind_text(claim, 1, run);
    sqlite3_bind_int64(claim, 2, atomic_load(&journal->lease));
    sqlite3_bind_int64(claim, 3, getpid());
    return run_statement(journal, claim, "claim", err);
}

static Status write_release(Journal *journal, Str run, Err *err)
{
    bool          ours;
    Status        status = check_owner(journal, run, &ours, NULL, err);
    sqlite3_stmt *release = journal->statements.release;
    if (status != ST_OK || !ours) return status;
    bind_text(release, 1, run);
    return run_statement(journal, release, "release", err);
}

static Status write_post(Journal *journal, Request *request, Err *err)
{
    sqlite3_stmt *post = journal->statements.post;
    bind_text(post, 1, request->record.run);
    bind_text(post, 2, request->record.body);
    Status status = run_statement(journal, post, "leave a message", err);
    if (status == ST_OK && sqlite3_changes(journal->writes) == 0)
        err_set(&request->outcome, ST_NOT_FOUND, "there is no run %.*s",
                STR_ARG(request->record.run));
    return status;
}

static Status write_take(Journal *journal, const Record *message, Err *err)
{
    bool          ours;
    Status        status = check_owner(journal, message->run, &ours, NULL, err);
    sqlite3_stmt *take = journal->statements.take;
    if (status != ST_OK || !ours) return status;
    bind_text(take, 1, message->run);
    sqlite3_bind_int64(take, 2, message->seq);
    return run_statement(journal, take, "take a message", err);
}

Status writer_insert(Journal *journal, const Record *record, Err *err)
{
    sqlite3_stmt *insert = journal->statements.insert;
    sqlite3_bind_int(insert, 1, RECORD_FORMAT);
    bind_text(insert, 2, record->run);
    sqlite3_bind_int64(insert, 3, record->seq);
    sqlite3_bind_int64(insert, 4, record->time_ms);
    bind_text(insert, 5, record->kind);
    bind_text(insert, 6, record->body);
    return run_statement(journal, insert, "append", err);
}

/* ST_OK also when the request itself was refused: its outcome says so, and the group goes on. */
static Status write_record(Journal *journal, Request *request, Err *err)
{
    const Record *record = &request->record;
    sqlite3_stmt *last = journal->statements.last_seq;
    bool          ours;
    if (fault_hit("store.append")) return err_set(err, ST_IO, "append: injected fault");
    Status status = check_owner(journal, record->run, &ours, &request->outcome, err);
    if (status != ST_OK || !ours) return status;
    bind_text(last, 1, record->run);
    if (sqlite3_step(last) != SQLITE_ROW) {
        store_error(journal->writes, journal->path, "append", err);
        sqlite3_reset(last);
        return err->status;
    }
    int64_t next =
        sqlite3_column_int64(last, 0) + 1; /* max() of no rows is null, which reads as 0 */
    sqlite3_reset(last);
    if (record->seq != next) {
        err_set(&request->outcome, ST_INVALID,
                "run %.*s: record %lld was to be appended, but the next one is %lld; does another "
                "process carry this run?",
                STR_ARG(record->run), (long long)record->seq, (long long)next);
        return ST_OK;
    }
    status = writer_insert(journal, record, err);
    if (status != ST_OK || record->seq != 1) return status;

    sqlite3_stmt *note =
        journal->statements.note_run; /* so that every run can be found and listed */
    bind_text(note, 1, record->run);
    sqlite3_bind_int64(note, 2, record->time_ms);
    return run_statement(journal, note, "append", err);
}

static Status write_row(Journal *journal, const RunRow *row, Err *err)
{
    sqlite3_stmt *put = journal->statements.put_run;
    bool          ours;
    Status        status = check_owner(journal, row->run, &ours, NULL, err);
    if (status != ST_OK || !ours) return status;
    bind_text(put, 1, row->run);
    bind_text(put, 2, row->parent);
    bind_text(put, 3, row->agent);
    bind_text(put, 4, row->task);
    bind_text(put, 5, row->status);
    sqlite3_bind_int64(put, 6, row->started_ms);
    sqlite3_bind_int64(put, 7, row->ended_ms);
    return run_statement(journal, put, "put the run's row", err);
}

static Status write_text(Journal *journal, const Request *request, Err *err)
{
    sqlite3_stmt *put = journal->statements.put_text;
    bind_text(put, 1, request->hash);
    sqlite3_bind_blob64(put, 2, request->text.ptr ? request->text.ptr : "", request->text.len,
                        SQLITE_STATIC);
    return run_statement(journal, put, "keep a text", err);
}

static Status write_request(Journal *journal, Request *request, Err *err)
{
    switch (request->kind) {
    case REQUEST_APPEND: return write_record(journal, request, err);
    case REQUEST_RUN: return write_row(journal, &request->row, err);
    case REQUEST_TEXT: return write_text(journal, request, err);
    case REQUEST_CLAIM: return write_claim(journal, request, err);
    case REQUEST_RELEASE: return write_release(journal, request->record.run, err);
    case REQUEST_POST: return write_post(journal, request, err);
    case REQUEST_TAKE: return write_take(journal, &request->record, err);
    case REQUEST_LISTEN: return ST_OK; /* see sqlite_inbox.c */
    case REQUEST_FORK: return fork_write(journal, request, err);
    }
    return ST_OK;
}

/* Sets whether COMMIT fsyncs the log. Outside a transaction, where SQLite obeys it. */
static Status set_fsync(Journal *journal, bool wanted, Err *err)
{
    if (journal->fsyncs == wanted) return ST_OK;
    const char *sql = wanted ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL";
    if (sqlite3_exec(journal->writes, sql, NULL, NULL, NULL) != SQLITE_OK)
        return store_error(journal->writes, journal->path, "append", err);
    journal->fsyncs = wanted;
    return ST_OK;
}

/* `appends`: a record is among what is committed. */
static Status commit(Journal *journal, bool appends, Err *err)
{
    if (fault_hit("store.commit")) return err_set(err, ST_IO, "commit: injected fault");
    Status status = run_statement(journal, journal->statements.commit, "commit", err);
    /* What was not answered may be there all the same: */
    if (status == ST_OK && appends && fault_hit("store.committed"))
        return err_set(err, ST_IO, "commit: injected fault after it");
    return status;
}

static Status write_group(Journal *journal, Request *group, Err *err)
{
    bool fsync_wanted = false, anything = false, appends = false;
    for (Request *request = group; request; request = request->next) {
        if (request->durability == DURABLE_POWER) /* of an append or a message */
            fsync_wanted = true;
        if (request->kind != REQUEST_LISTEN) anything = true;
        if (request->kind == REQUEST_APPEND) appends = true;
    }
    if (!anything) return ST_OK;
    Status status = set_fsync(journal, fsync_wanted, err);
    if (status != ST_OK) return status;
    status = fair_lock_take(&journal->lock, STORE_PATIENCE_MS, err);
    if (status != ST_OK) return err_wrap(err, "journal %s", journal->path);

    status = run_statement(journal, journal->statements.begin, "append", err);
    for (Request *request = group; request && status == ST_OK; request = request->next)
        status = write_request(journal, request, err);
    if (status == ST_OK) status = commit(journal, appends, err);
    if (status != ST_OK && !sqlite3_get_autocommit(journal->writes)) {
        sqlite3_step(
            journal->statements.rollback); /* its failure changes nothing: the store closes */
        sqlite3_reset(journal->statements.rollback);
    }
    fair_lock_leave(&journal->lock);
    return status;
}
