/* store_support.h -- what the journal's tests share: a folder, a loop, appends that are waited for.
 */
#ifndef TESTS_UNIT_STORE_SUPPORT_H
#define TESTS_UNIT_STORE_SUPPORT_H

#include "../../host/base/mem.h"
#include "../../host/store/journal.h"
#include "tap.h"

#include <sys/stat.h>
#include <unistd.h>

typedef struct Shelf { /* a journal in a folder of its own */
    char     folder[64];
    char     path[128];
    Loop    *loop;
    Journal *journal; /* NULL when it could not be opened; see err */
    Err      err;
} Shelf;

static inline void shelf_open(Shelf *shelf)
{
    err_clear(&shelf->err);
    CHECK(loop_new(&shelf->loop, true, &shelf->err) == ST_OK);
    shelf->journal = NULL;
    if (journal_open(shelf->loop, shelf->path, &shelf->journal, &shelf->err) != ST_OK)
        shelf->journal = NULL;
}

static inline void shelf_close(Shelf *shelf)
{
    journal_close(shelf->journal);
    CHECK_INT(loop_objects(shelf->loop), 0);
    loop_free(shelf->loop);
    shelf->journal = NULL;
    shelf->loop = NULL;
}

/* libuv opens a pipe for signals once a process: before the first test counts descriptors. */
static inline void open_what_stays_open(void)
{
    Loop *loop;
    Err   err;
    if (loop_new(&loop, true, &err) == ST_OK) loop_free(loop);
}

/* A new folder with no journal in it yet. */
static inline void shelf_make(Shelf *shelf)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(shelf->folder, sizeof shelf->folder, "%s/store-XXXXXX",
             tmp && strlen(tmp) < 40 ? tmp : "/tmp");
    CHECK(mkdtemp(shelf->folder) != NULL);
    snprintf(shelf->path, sizeof shelf->path, "%s/journal.db", shelf->folder);
}

static inline void shelf_remove(Shelf *shelf)
{
    char           path[512];
    DIR           *dir = opendir(shelf->folder);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        snprintf(path, sizeof path, "%s/%s", shelf->folder, entry->d_name);
        unlink(path);
    }
    if (dir) closedir(dir);
    CHECK(rmdir(shelf->folder) == 0);
}

static inline void shelf_begin(Shelf *shelf)
{
    shelf_make(shelf);
    shelf_open(shelf);
    if (!shelf->journal) printf("# %s\n", shelf->err.text);
    CHECK(shelf->journal != NULL);
}

static inline void shelf_end(Shelf *shelf)
{
    shelf_close(shelf);
    shelf_remove(shelf);
}

static inline Record record_of(const char *run, int64_t seq, const char *body)
{
    return (Record){str_from(run), seq, 1000 + seq, STR("turn"), str_from(body)};
}

typedef struct Answer {
    bool  came;
    Err   outcome;
    Loop *loop; /* stopped when the answer comes */
} Answer;

static inline void on_answer(void *arg, const Err *outcome)
{
    Answer *answer = arg;
    answer->came = true;
    answer->outcome = *outcome;
    if (answer->loop) loop_stop(answer->loop);
}

/* Makes the run ours and waits for the answer. */
static inline Err claim_now(Shelf *shelf, const char *run)
{
    Answer answer = {.loop = shelf->loop};
    journal_claim(shelf->journal, str_from(run), on_answer, &answer);
    while (!answer.came && loop_run(shelf->loop)) continue;
    CHECK(answer.came);
    return answer.outcome;
}

/* Appends to a run that is ours from here on, and runs the loop until the answer is there. */
static inline Err append_now(Shelf *shelf, const char *run, int64_t seq, const char *body,
                             Durability durability)
{
    Answer answer = {.loop = shelf->loop};
    Record record = record_of(run, seq, body);
    journal_claim(shelf->journal, record.run, NULL, NULL);
    journal_append(shelf->journal, &record, durability, on_answer, &answer);
    CHECK(!answer.came);
    while (!answer.came && loop_run(shelf->loop)) continue;
    CHECK(answer.came);
    return answer.outcome;
}

typedef struct Seen {
    int64_t count, last_seq;
    bool    gapless;
    char    kind[64], body[256]; /* of the last one, cut */
} Seen;

static inline bool on_record(void *arg, const Record *record)
{
    Seen *seen = arg;
    if (record->seq != seen->last_seq + 1) seen->gapless = false;
    seen->count++;
    seen->last_seq = record->seq;
    snprintf(seen->kind, sizeof seen->kind, "%.*s", STR_ARG(record->kind));
    snprintf(seen->body, sizeof seen->body, "%.*s", STR_ARG(record->body));
    return true;
}

static inline Seen read_run(Shelf *shelf, const char *run)
{
    Seen seen = {.gapless = true};
    Err  err;
    CHECK(journal_read(shelf->journal, str_from(run), 1, on_record, &seen, &err) == ST_OK);
    return seen;
}

#endif
