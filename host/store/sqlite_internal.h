/* sqlite_internal.h -- what the files of the SQLite journal share. The only header with sqlite3.h.
 *
 *     loop's thread                        writer thread
 *     journal_append --> waiting --------> takes all that waits: one group
 *                                          fair lock, BEGIN, rows, COMMIT, unlock
 *     done callbacks <-- answered <------- outcome of each (Waker)
 */
#ifndef HOST_STORE_SQLITE_INTERNAL_H
#define HOST_STORE_SQLITE_INTERNAL_H

#include "fair_lock.h"
#include "journal.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

enum {
    STORE_APPLICATION = 0x50657267, /* "Perg", in the file's header */
    STORE_VERSION = 2,              /* of the tables, in the file's header */
    RECORD_FORMAT = 1,              /* of a record, its first column */
    STORE_PATIENCE_MS = 60000,      /* for another process's lock; a group takes milliseconds */
    RUN_ID_MAX = 200,               /* bytes */
    TASK_MAX = 200,                 /* bytes */
};

typedef enum RequestKind {
    REQUEST_APPEND,
    REQUEST_RUN,
    REQUEST_TEXT,
    REQUEST_CLAIM,
    REQUEST_RELEASE,
    REQUEST_POST,
    REQUEST_TAKE,
    REQUEST_LISTEN,
    REQUEST_FORK,
} RequestKind;

typedef struct Request {
    struct Request *next;
    RequestKind     kind;
    Durability      durability;
    Record          record;     /* REQUEST_APPEND; of the last five `run`, of a message `body`, of
                                   what is taken `seq`. All texts lie in `bytes` */
    RunRow          row;        /* REQUEST_RUN; of REQUEST_FORK `run`, what is copied */
    Str             hash, text; /* REQUEST_TEXT */
    char           *bytes;      /* owned */
    size_t          size;       /* of `bytes` */
    JournalDone    *done;       /* NULL when nobody waits for it; the loop thread's */
    bool            given_up;   /* REQUEST_LISTEN; under the mutex */
    bool            heard;      /* REQUEST_LISTEN; the writer's */
    void           *arg;        /* borrowed */
    Err             outcome;
} Request;

typedef struct Queue {
    Request *first, **last; /* owned */
} Queue;

typedef struct Statements { /* owned; of `writes` */
    sqlite3_stmt *begin, *commit, *rollback;
    sqlite3_stmt *last_seq, *insert, *note_run, *put_run, *put_text;
    sqlite3_stmt *owner, *claim, *release, *post, *take;
    sqlite3_stmt *has_message, *data_version;
} Statements;

struct Journal {
    Loop  *loop;  /* borrowed */
    char  *path;  /* owned */
    Waker *waker; /* owned */
    size_t unanswered;
    bool   delivering;
    bool   closed;   /* no writer any more: what still comes is refused */
    bool   released; /* closed inside a callback: only the shell is left, the delivery frees it */

    /* the writer thread's, from its start to its end */
    sqlite3   *writes; /* owned */
    Statements statements;
    FairLock   lock;
    Err        failure;   /* ST_OK while the store takes records; it may be set before the start */
    bool       fsyncs;    /* what PRAGMA synchronous was last set to */
    int        wal_pages; /* after the last commit */
    int        checkpoint_at;
    int64_t    heard_version; /* what data_version said when the inboxes were looked at */
    int64_t    look_at;       /* monotonic: when they are to be looked at again */

    _Atomic int64_t lease; /* 0 before the first claim; set by the writer */

    sqlite3 *reads; /* owned; any thread, SQLite serialises */

    /* between the two */
    pthread_t       writer;
    pthread_mutex_t mutex;
    pthread_cond_t  wanted;
    Queue           waiting, answered;
    Request        *listening; /* owned list: those that found no message yet */
    Request        *writing;   /* borrowed list: the group that is being written */
    bool            closing;
};

/* -- sqlite_file.c ----------------------------------------------------------------------------- */

/* Makes folder and file where missing, checks whose and how new the file is, opens both
 * connections. */
MUST_CHECK Status store_open(Journal *journal, Err *err);
void              store_close(Journal *journal); /* also after a failed store_open */

/* Opens a connection to a file that is recognised; `*out` is to be closed also when it failed. */
MUST_CHECK Status store_connect(const char *path, int flags, sqlite3 **out, Err *err);

/* Whether the process that has this lease lives; 0 is nobody's. */
bool store_lease_lives(const Journal *journal, int64_t lease);

MUST_CHECK Status store_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, Err *err);

/* Fills `err` from what the database says about its last call, in words that help. */
Status store_error(sqlite3 *db, const char *path, const char *what, Err *err);

/* The same of a connection that writes. Where it was a sync, that is noted in the lock's file: the
 * kernel may hold pages of the log for written that are not, so whoever opens the journal next
 * writes all of it anew before anything is appended. */
Status store_failed(Journal *journal, sqlite3 *db, const char *what, Err *err);

/* -- sqlite_faults.c --------------------------------------------------------------------------- */

/* The VFS of all connections; NULL, which is SQLite's own, in release builds. */
const char *store_disk(void);

/* -- sqlite_writer.c --------------------------------------------------------------------------- */

/* Commits the group and fills each request's outcome. */
void writer_commit(Journal *journal, Request *group);

/* Moves pages from the log to the file when the log has grown. Called after the group was answered.
 */
void writer_checkpoint(Journal *journal);

/* Does so in any case; also once the thread has ended. What fails closes the store to writers. */
void writer_empty_log(Journal *journal);

/* Appends the record as it is, whoever owns the run. */
MUST_CHECK Status writer_insert(Journal *journal, const Record *record, Err *err);

/* -- sqlite_fork.c ----------------------------------------------------------------------------- */

/* Copies row.run as record.run up to record.seq - 1, and appends the record; what speaks against it
 * stands in the request's outcome. */
MUST_CHECK Status fork_write(Journal *journal, Request *request, Err *err);

/* -- sqlite_inbox.c ---------------------------------------------------------------------------- */

/* The writer thread's; all of them under the mutex. */

/* Takes those that listen out of a group that was committed. Answers whether there is reason to
 * look at once: somebody listens anew, or a message was left. */
bool inbox_add(Journal *journal, Request **group);

/* Looks, with `now` or when it is time, and takes out those that have a message, or that nobody
 * waits for. Leaves the mutex while it reads. */
Request *inbox_look(Journal *journal, bool now);

/* Waits for requests, or until it is time to look. */
void inbox_wait(Journal *journal);

/* Takes out all: the journal closes. */
Request *inbox_end(Journal *journal);

#endif
