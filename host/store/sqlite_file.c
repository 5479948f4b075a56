/* The journal's file: making it, recognising it, and the settings of its connections.
 *
 * Nothing here opens and closes the database's file by itself once it exists: closing any
 * descriptor of a file drops all locks that the process holds on it (fcntl(2)), and SQLite's are
 * among them. */
#include "sqlite_internal.h"

#include "../base/fault.h"
#include "../base/log.h"
#include "../base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the tables mean is drawn in README.md. */
static const char TABLES[] =
    "CREATE TABLE runs(run TEXT PRIMARY KEY, parent TEXT NOT NULL, agent TEXT NOT NULL,"
    "  task TEXT NOT NULL, status TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER NOT NULL);"
    "CREATE INDEX runs_by_start ON runs(started);"
    "CREATE TABLE records(format INTEGER NOT NULL, run TEXT NOT NULL, seq INTEGER NOT NULL,"
    "  time INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY(run, seq));"
    "CREATE TABLE texts(hash TEXT PRIMARY KEY, text BLOB NOT NULL);";

/* What each version added to the one before. Only ever additions: a process of an earlier version
 * that has the file open goes on. */
static const char *const ADDED[STORE_VERSION + 1] = {
    [2] = "CREATE TABLE owners(run TEXT PRIMARY KEY, lease INTEGER NOT NULL, pid INTEGER NOT NULL);"
          "CREATE TABLE leases(lease INTEGER PRIMARY KEY AUTOINCREMENT);"
          "CREATE TABLE inbox(number INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL,"
          "  body TEXT NOT NULL);"
          "CREATE INDEX inbox_by_run ON inbox(run);"
          "CREATE INDEX runs_by_parent ON runs(parent);",
};

static Status make_file(const char *path, Err *err);
static Status recognise(sqlite3 *db, const char *path, Err *err);
static Status settle(sqlite3 *db, const char *path, Err *err);
static Status prepare_all(Journal *journal, Err *err);
static void   write_anew(Journal *journal);

Status store_open(Journal *journal, Err *err)
{
    const char *path = journal->path;
    Buf         lock_path;
    journal->lock.fd = -1;
    buf_init(&lock_path, 8192);
    Status status = buf_printf(&lock_path, err, "%s-lock", path);
    if (status == ST_OK) status = make_file(path, err);
    if (status == ST_OK) status = fair_lock_open(&journal->lock, lock_path.ptr, err);
    buf_clear(&lock_path);
    if (status != ST_OK) return status;

    /* Under the lock, so that of two processes that start together one makes the tables. */
    status = fair_lock_take(&journal->lock, STORE_PATIENCE_MS, err);
    if (status != ST_OK) {
        err_wrap(err, "journal %s", path);
        return status;
    }
    status = store_connect(path, SQLITE_OPEN_NOMUTEX, &journal->writes, err);
    if (status == ST_OK) status = recognise(journal->writes, path, err);
    if (status == ST_OK) status = settle(journal->writes, path, err);
    if (status == ST_OK) write_anew(journal);
    if (status == ST_OK) status = prepare_all(journal, err);
    if (status == ST_OK) status = store_connect(path, SQLITE_OPEN_FULLMUTEX, &journal->reads, err);
    if (status == ST_OK &&
        sqlite3_exec(journal->reads, "PRAGMA query_only=ON", NULL, NULL, NULL) != SQLITE_OK)
        status = store_error(journal->reads, path, "open", err);
    fair_lock_leave(&journal->lock);
    return status;
}

void store_close(Journal *journal)
{
    Statements    *all = &journal->statements;
    sqlite3_stmt **each[] = {&all->begin,  &all->commit,      &all->rollback,    &all->last_seq,
                             &all->insert, &all->note_run,    &all->put_run,     &all->put_text,
                             &all->owner,  &all->claim,       &all->release,     &all->post,
                             &all->take,   &all->has_message, &all->data_version};
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) sqlite3_finalize(*each[i]);
    if (journal->wal_pages > 0) writer_empty_log(journal); /* sqlite3_close would not say how */
    sqlite3_close(journal->reads);  /* first, so that the writer's is the last one */
    sqlite3_close(journal->writes); /* of a file nobody else has open: removes the empty log */
    fair_lock_close(&journal->lock);
}

bool store_lease_lives(const Journal *journal, int64_t lease)
{
    if (lease == 0) return false;
    return lease == atomic_load(&journal->lease) || fair_lock_lives(&journal->lock, lease);
}

Status store_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, Err *err)
{
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) == SQLITE_OK)
        return ST_OK;
    return store_error(db, sqlite3_db_filename(db, "main"), "prepare", err);
}

Status store_error(sqlite3 *db, const char *path, const char *what, Err *err)
{
    int left = errno;
    int code = db ? sqlite3_errcode(db) : SQLITE_NOMEM;
    int extended = db ? sqlite3_extended_errcode(db) : code;
    int sys = db ? sqlite3_system_errno(db) : 0;
    /* SQLite does not note it when a COMMIT fails; then it is what the last system call left. */
    if (sys == 0 && code == SQLITE_IOERR) sys = left;
    errno = code == SQLITE_FULL ? ENOSPC : sys;
    if (code == SQLITE_FULL || (code == SQLITE_IOERR && (sys == ENOSPC || sys == EDQUOT)))
        return err_set(err, ST_IO, "journal %s: %s: the disk is full; free some space, then resume",
                       path, what);
    if (code == SQLITE_IOERR && sys == EFBIG)
        return err_set(err, ST_IO,
                       "journal %s: %s: the file may not grow further (ulimit -f, or the file "
                       "system's limit)",
                       path, what);
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return err_set(err, ST_TIMEOUT, "journal %s: %s: another program has held it for too long",
                       path, what);
    if (code == SQLITE_NOTADB)
        return err_set(err, ST_INVALID,
                       "%s is no perigee journal; move it away or name another file with --store",
                       path);
    if (code == SQLITE_CORRUPT)
        return err_set(err, ST_IO,
                       "journal %s: %s: the file is damaged (%s); move it away, "
                       "`sqlite3 FILE .recover` may save what it holds",
                       path, what, sqlite3_errstr(extended));
    return err_set(err, ST_IO, "journal %s: %s: %s%s%s", path, what, sqlite3_errstr(extended),
                   sys ? ": " : "", sys ? strerror(sys) : "");
}

Status store_failed(Journal *journal, sqlite3 *db, const char *what, Err *err)
{
    Status status = store_error(db, journal->path, what, err);
    /* A file of one byte takes no room on the disk, and need not outlive a loss of power: what the
     * kernel held is gone then too. */
    if (sqlite3_extended_errcode(db) == SQLITE_IOERR_FSYNC && ftruncate(journal->lock.fd, 1) != 0)
        log_line(LOG_ERROR, "journal %s: note that a sync failed: %s", journal->path,
                 strerror(errno));
    return status;
}

/* -- making it --------------------------------------------------------------------------------- */

/* fsync, so that a name made in the folder outlives a loss of power. */
static Status sync_folder(const char *folder, Err *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return err_set(err, ST_IO, "open %s: %s", folder, strerror(errno));
    int rc = fsync(fd), saved = errno;
    close(fd);
    errno = saved;
    /* Some file systems cannot sync a folder and say so with EINVAL. */
    if (rc != 0 && saved != EINVAL)
        return err_set(err, ST_IO, "fsync %s: %s", folder, strerror(saved));
    return ST_OK;
}

/* `path` up to its last slash: "." for a bare name, "/" below the root. Caller frees. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return mem_text(".");
    return slash == path ? mem_text("/") : mem_copy(path, (size_t)(slash - path));
}

static Status make_folder(const char *folder, Err *err)
{
    if (mkdir(folder, 0700) == 0) {
        char  *above = folder_of(folder);
        Status status = sync_folder(above, err);
        free(above);
        return status;
    }
    if (errno == EEXIST) return ST_OK; /* if it is no folder, opening the file will say so */
    if (errno != ENOENT) return err_set(err, ST_IO, "mkdir %s: %s", folder, strerror(errno));
    char  *above = folder_of(folder);
    Status status = make_folder(above, err);
    free(above);
    if (status != ST_OK) return status;
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return err_set(err, ST_IO, "mkdir %s: %s", folder, strerror(errno));
    return ST_OK;
}

/* Leaves an empty file where none was; SQLite gives -wal and -shm the mode that this one has. */
static Status make_file(const char *path, Err *err)
{
    struct stat st;
    char       *folder = folder_of(path);
    Status      status = make_folder(folder, err);
    int         fd = -1;
    if (status == ST_OK) fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
        status = sync_folder(folder, err);
    } else if (status == ST_OK && errno != EEXIST) {
        status = err_set(err, ST_IO, "open journal %s: %s", path, strerror(errno));
    }
    free(folder);
    if (status != ST_OK) return status;
    if (stat(path, &st) != 0)
        return err_set(err, ST_IO, "open journal %s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(err, ST_INVALID, "journal %s is no regular file; name another with --store",
                       path);
    return ST_OK;
}

/* -- recognising it ---------------------------------------------------------------------------- */

Status store_connect(const char *path, int flags, sqlite3 **out, Err *err)
{
    flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_PRIVATECACHE;
    int rc = sqlite3_open_v2(path, out, flags, store_disk());
    if (rc != SQLITE_OK) return store_error(*out, path, "open", err);
    sqlite3_extended_result_codes(*out, 0);
    sqlite3_busy_timeout(*out, STORE_PATIENCE_MS);
    sqlite3_db_config(*out, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(*out, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return ST_OK;
}

static Status read_int(sqlite3 *db, const char *path, const char *sql, int64_t *out, Err *err)
{
    sqlite3_stmt *statement = NULL;
    int           rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) *out = sqlite3_column_int64(statement, 0);
    Status status = rc == SQLITE_ROW ? ST_OK : store_error(db, path, "open", err);
    sqlite3_finalize(statement);
    return status;
}

/* Brings the tables from `version` (0: there are none) to ours, wholly or not at all. */
static Status make_tables(sqlite3 *db, const char *path, int64_t version, Err *err)
{
    char sql[100];
    int  rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc == SQLITE_OK && version == 0) rc = sqlite3_exec(db, TABLES, NULL, NULL, NULL);
    for (int64_t next = version < 1 ? 2 : version + 1; next <= STORE_VERSION; next++)
        if (rc == SQLITE_OK) rc = sqlite3_exec(db, ADDED[next], NULL, NULL, NULL);
    snprintf(sql, sizeof sql, "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT",
             STORE_APPLICATION, STORE_VERSION);
    if (rc == SQLITE_OK && fault_hit("store.migrate")) rc = sqlite3_exec(db, "-", NULL, NULL, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK) return ST_OK;
    return store_error(db, path, version == 0 ? "make the tables" : "bring it up to date", err);
}

static Status recognise(sqlite3 *db, const char *path, Err *err)
{
    int64_t application = 0, version = 0, objects = 0;
    Status  status = read_int(db, path, "PRAGMA application_id", &application, err);
    if (status == ST_OK) status = read_int(db, path, "PRAGMA user_version", &version, err);
    if (status == ST_OK)
        status = read_int(db, path, "SELECT count(*) FROM sqlite_schema", &objects, err);
    if (status != ST_OK) return status;
    if (application == 0 && version == 0 && objects == 0) return make_tables(db, path, 0, err);
    if (application != STORE_APPLICATION || version < 1)
        return err_set(err, ST_INVALID,
                       "%s is an SQLite file of another program, no perigee journal; name another "
                       "file with --store",
                       path);
    if (version > STORE_VERSION)
        return err_set(err, ST_INVALID,
                       "journal %s was written by a newer perigee (format %lld, this one knows up "
                       "to %d); use the newer program, or another file with --store",
                       path, (long long)version, STORE_VERSION);
    return version < STORE_VERSION ? make_tables(db, path, version, err) : ST_OK;
}

/* -- settings: the reasons stand in README.md -------------------------------------------------- */

/* Closes the file, the log and the log's index to everybody else, whoever made or copied them. */
static Status make_private(const char *path, Err *err)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    Buf                      name;
    Status                   status = ST_OK;
    buf_init(&name, 8192);
    for (size_t i = 0; i < 3 && status == ST_OK; i++) {
        struct stat st;
        buf_reset(&name);
        status = buf_printf(&name, err, "%s%s", path, suffixes[i]);
        if (status != ST_OK || stat(name.ptr, &st) != 0 || (st.st_mode & 0077) == 0) continue;
        if (chmod(name.ptr, 0600) != 0)
            status = err_set(err, ST_IO, "journal %s: others can read it, and chmod failed: %s",
                             name.ptr, strerror(errno));
    }
    buf_clear(&name);
    return status;
}

static Status settle(sqlite3 *db, const char *path, Err *err)
{
    sqlite3_stmt *statement = NULL;
    int           rc = sqlite3_prepare_v2(db, "PRAGMA journal_mode=WAL", -1, &statement, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(statement);
    if (rc != SQLITE_ROW) {
        sqlite3_finalize(statement);
        return store_error(db, path, "turn on the write-ahead log", err);
    }
    bool wal = strcmp((const char *)sqlite3_column_text(statement, 0), "wal") == 0;
    rc = sqlite3_finalize(statement); /* it is committed here, after its answer */
    if (rc != SQLITE_OK) return store_error(db, path, "turn on the write-ahead log", err);
    if (!wal)
        return err_set(
            err, ST_UNAVAILABLE,
            "journal %s: its file system cannot share memory between processes, which the "
            "write-ahead log needs; name a file on a local disk with --store",
            path);
    rc = sqlite3_exec(db,
                      "PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=4194304;"
                      "PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON; PRAGMA mmap_size=0",
                      NULL, NULL, NULL);
    return rc == SQLITE_OK ? make_private(path, err) : store_error(db, path, "open", err);
}

/* After a sync that failed: all that the log holds goes to the file, which is synced, and the log
 * begins anew. Where that fails the journal can be read and takes no records. */
static void write_anew(Journal *journal)
{
    struct stat st;
    if (fstat(journal->lock.fd, &st) != 0 || st.st_size == 0) return;
    int rc =
        sqlite3_wal_checkpoint_v2(journal->writes, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (rc == SQLITE_OK && ftruncate(journal->lock.fd, 0) == 0) return;
    store_error(journal->writes, journal->path, "write it anew, since a sync failed before",
                &journal->failure);
    sqlite3_db_config(journal->writes, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

static Status prepare_all(Journal *journal, Err *err)
{
    Statements *all = &journal->statements;
    const struct {
        const char    *sql;
        sqlite3_stmt **out;
    } table[] = {
        {"BEGIN IMMEDIATE", &all->begin},
        {"COMMIT", &all->commit},
        {"ROLLBACK", &all->rollback},
        {"SELECT max(seq) FROM records WHERE run=?1", &all->last_seq},
        {"INSERT INTO records(format,run,seq,time,kind,body) VALUES(?1,?2,?3,?4,?5,?6)",
         &all->insert},
        {"INSERT INTO runs VALUES(?1,'','','','running',?2,0) ON CONFLICT DO NOTHING",
         &all->note_run},
        {"INSERT INTO runs VALUES(?1,?2,?3,?4,?5,?6,?7) ON CONFLICT(run) DO UPDATE SET"
         " parent=excluded.parent, agent=excluded.agent, task=excluded.task,"
         " status=excluded.status, started=excluded.started, ended=excluded.ended",
         &all->put_run},
        {"SELECT lease, pid FROM owners WHERE run=?1", &all->owner},
        {"INSERT INTO owners VALUES(?1,?2,?3) ON CONFLICT(run) DO UPDATE SET"
         " lease=excluded.lease, pid=excluded.pid",
         &all->claim},
        {"DELETE FROM owners WHERE run=?1", &all->release},
        {"INSERT INTO inbox(run, body) SELECT run, ?2 FROM runs WHERE run=?1", &all->post},
        {"DELETE FROM inbox WHERE run=?1 AND number=?2", &all->take},
        {"SELECT 1 FROM inbox WHERE run=?1 AND number>?2 LIMIT 1", &all->has_message},
        {"PRAGMA data_version", &all->data_version},
        {"INSERT INTO texts VALUES(?1,?2) ON CONFLICT DO NOTHING", &all->put_text},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        Status status = store_prepare(journal->writes, table[i].sql, table[i].out, err);
        if (status != ST_OK) return status;
    }
    return ST_OK;
}
