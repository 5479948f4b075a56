/* journal.h -- the append-only records of runs: the interface that a store implements.
 *
 *   record   run   text id, unique in the store
 *            seq   1, 2, 3 ... without gaps within a run
 *            time  Unix milliseconds
 *            kind  "run.started", "prompt", "turn", "call", "result", "hop", ...
 *            body  one JSON object, UTF-8
 *
 * Why     A run is its journal. What depends on a record begins after its append was answered.
 * Use     journal_open -> journal_claim -> journal_append ... (answered through a callback)
 *         -> journal_release -> journal_close.
 * Owner   Journal: the caller. Arguments are copied.
 * Thread  Loop thread only; one thread of the store's own writes, in groups: records that wait
 *         together are committed together.
 * Errors  ST_IO (or ST_TIMEOUT: another process held the file too long), after which the store is
 *         closed to writers and every later append fails the same way; ST_INVALID when `seq` is
 *         not the run's next one (both are named; the store stays open) or the run is not ours;
 *         ST_LIMIT for a record beyond LIMIT_REQUEST; ST_CANCELLED for one that came while the
 *         journal was closing.
 *
 * One process at a time owns a run. An open journal holds one lease, from its first claim to its
 * end; a lease has a number that no other ever had, and the lease that claimed a run last is that
 * run's fence: an append is taken from its holder alone. Keeping the lease alive is the store's own
 * affair, and there is no journal_renew: here the kernel holds it, and it is over the instant the
 * process is dead. A store shared by machines renews it by itself, on the thread that writes; who
 * could not renew in time finds its next append refused, as a zombie does here.
 */
#ifndef HOST_STORE_JOURNAL_H
#define HOST_STORE_JOURNAL_H

#include "../base/buf.h"
#include "../loop/loop.h"

typedef struct Journal Journal;

typedef enum Durability {
    DURABLE_PROCESS, /* survives the death of the process: committed */
    DURABLE_POWER,   /* survives the loss of power: fsynced too */
} Durability;

typedef struct Record {
    Str     run;
    int64_t seq;
    int64_t time_ms;
    Str     kind;
    Str     body;
} Record;

typedef struct RunRow {  /* what a list shows; kept beside the records, derivable from them */
    Str     run, parent; /* parent empty for a top-level run */
    Str     agent;       /* agent or chain it began with */
    Str     task;        /* first 200 bytes, whole code points */
    Str     status;      /* "running", or a code of status.h once it ended; journal_list says
                            "interrupted" of one that is "running" and whose owner is dead,
                            unless its last record tells how it ended */
    int64_t started_ms, ended_ms; /* ended_ms 0 while it runs */
    /* found by journal_list; journal_put_run does not look at them */
    int64_t records, last_ms; /* how many, and the time of the last one (0: none) */
    double  usd;              /* of the turns of it and its children; -1 where it is not known */
    int64_t owner;            /* pid of the process that has it and lives; 0: nobody */
    int64_t below;            /* children, and theirs */
} RunRow;

typedef struct RunFilter { /* which runs a list has */
    Str     tree;          /* this run and what is below it, parents first; empty: all, newest
                              first */
    bool    top_only;      /* no children */
    bool    open_only;     /* those that have not ended: they run, were interrupted or wait */
    int64_t most;          /* rows; a negative number means all */
} RunFilter;

/* Makes the folder (0700) and the file (0600) when they are missing. The file's application_id and
 * user_version say what it is; a newer version is refused, a file that is no journal too. Blocks
 * briefly; called once at start. ST_INVALID for a file that is not ours or newer, ST_IO,
 * ST_TIMEOUT. */
MUST_CHECK Status journal_open(Loop *loop, const char *path, Journal **out, Err *err);

/* Waits for what was appended, answers it (the `done`s are called from here), then closes. NULL
 * allowed; also inside a `done`. Blocks. */
void journal_close(Journal *journal);

typedef void JournalDone(void *arg, const Err *outcome);

/* Makes the run this journal's own, until it is released or this journal ends; in order with the
 * appends. ST_UNAVAILABLE when a process that lives owns it, which is named; then what is appended
 * to it is refused too. NULL allowed for `done`. */
void journal_claim(Journal *journal, Str run, JournalDone *done, void *arg);

/* Gives the run up, in order with the appends; nothing when it is not ours. */
void journal_release(Journal *journal, Str run);

/* Appends one record; `record->seq` is the expected one. `done` comes from the loop, never from
 * inside; NULL allowed. A run's first record makes its row, if journal_put_run has not. */
void journal_append(Journal *journal, const Record *record, Durability durability,
                    JournalDone *done, void *arg);

/* Inserts or replaces the run's row, in order with the appends; nothing when it is not ours. */
void journal_put_run(Journal *journal, const RunRow *row);

/* Keeps a text by its SHA-256 (hex), once; in order with the appends. */
void journal_put_text(Journal *journal, Str hash, Str text);

/* Makes the run next->run, which there is not yet, of the top-level run `of`: its records before
 * next->seq, then `next`; and of each run below it, named next->run with ".1", ".2" ..., what was
 * written when the last of those records was. Bodies name the new runs then. All of it or nothing,
 * fsynced; nobody owns them afterwards. ST_NOT_FOUND, ST_INVALID (`of` is a child, or has ended
 * before). NULL allowed for `done`. */
void journal_fork(Journal *journal, Str of, const Record *next, JournalDone *done, void *arg);

/* Leaves a message for whoever owns the run, now or next; anyone may. Fsynced before the answer.
 * ST_NOT_FOUND when there is no such run. NULL allowed for `done`. */
void journal_post(Journal *journal, Str run, Str body, JournalDone *done, void *arg);

/* Removes the run's message `number`, in order with the appends; nothing when the run is not ours.
 * First append what came of it: who dies in between sees it again. */
void journal_take(Journal *journal, Str run, int64_t number);

/* Answers `done` once, when there is a message for the run that nobody took, with a number above
 * `after`: at once, or within LISTEN_MS when another process leaves one. In order with what was
 * posted and taken before. ST_IO when the store is closed to writers, ST_CANCELLED when the journal
 * closes. One a run is enough.
 */
enum { LISTEN_MS = 250 };
void journal_listen(Journal *journal, Str run, int64_t after, JournalDone *done, void *arg);

/* Ends the listening that has this `arg`, which is not answered any more. */
void journal_unlisten(Journal *journal, const void *arg);

/* Reads; these block on the database and are called on the loop's thread by verbs that show runs,
 * or on a worker. They see everything that was answered. The callback answers false to stop. */
typedef bool      RecordSeen(void *arg, const Record *record);
typedef bool      RunSeen(void *arg, const RunRow *row);
typedef bool      MessageSeen(void *arg, int64_t number, Str body);
MUST_CHECK Status journal_read(Journal *journal, Str run, int64_t from_seq, RecordSeen *seen,
                               void *arg, Err *err);
MUST_CHECK Status journal_list(Journal *journal, RunFilter filter, RunSeen *seen, void *arg,
                               Err *err);
/* The messages that nobody took, oldest first. */
MUST_CHECK Status journal_inbox(Journal *journal, Str run, MessageSeen *seen, void *arg, Err *err);
MUST_CHECK Status journal_text(Journal *journal, Str hash, Buf *out, Err *err); /* ST_NOT_FOUND */

typedef struct Pruned {
    int64_t runs, records, texts;
    int64_t bytes;   /* of the file that became free */
    bool    smaller; /* the file is smaller by them; else later runs use them */
} Pruned;

/* Removes the top-level runs in which nothing happened since `before_ms`, with all that is below
 * them, and the texts that no record refers to then (through `files` of files and run.*, and `hash`
 * of prompt). Never a tree in which a run is waiting or owned by a process
 * that lives; texts only while no such process owns any run. A tree at a time: others write in
 * between. With `dry` runs and records are counted and nothing is removed. Blocks. */
MUST_CHECK Status journal_prune(Journal *journal, int64_t before_ms, bool dry, Pruned *out,
                                Err *err);

/* Appends to `run` the id that is `part`, else the only one that contains it, else nothing:
 * ST_NOT_FOUND, or ST_INVALID naming up to five candidates. "last" is the newest run. Top-level
 * runs are looked at first, children only when none of those fits. */
MUST_CHECK Status journal_find(Journal *journal, Str part, Buf *run, Err *err);

#endif
