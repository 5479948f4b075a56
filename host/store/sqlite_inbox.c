/* Who waits for messages: the writer thread looks for them between its groups, and four times a
 * second while nothing is to be written. SQLite tells nobody that another process wrote; what it
 * answers for next to nothing is whether one did (data_version). */
#include "sqlite_internal.h"

#include "../base/clock.h"

#include <time.h>

static int64_t now_ms(void) { return clock_now(&(Clock){0}); }

void inbox_wait(Journal *journal)
{
    if (!journal->listening) {
        pthread_cond_wait(&journal->wanted, &journal->mutex);
        return;
    }
    struct timespec until = {.tv_sec = journal->look_at / 1000,
                             .tv_nsec = journal->look_at % 1000 * 1000000};
    pthread_cond_timedwait(&journal->wanted, &journal->mutex, &until);
}

bool inbox_add(Journal *journal, Request **group)
{
    bool look = false;
    for (Request **at = group; *at;) {
        Request *request = *at;
        if (request->kind == REQUEST_POST) look = true;
        if (request->kind != REQUEST_LISTEN || request->outcome.status != ST_OK) {
            at = &request->next;
            continue;
        }
        *at = request->next;
        request->next = journal->listening;
        journal->listening = request;
        look = true;
    }
    return look;
}

/* Whether another process wrote since this was asked last; a failure is left to who reads. */
static bool others_wrote(Journal *journal)
{
    sqlite3_stmt *statement = journal->statements.data_version;
    int64_t       before = journal->heard_version;
    if (sqlite3_step(statement) == SQLITE_ROW)
        journal->heard_version = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return journal->heard_version != before;
}

static void read_inbox(Journal *journal, Request *request)
{
    sqlite3_stmt *statement = journal->statements.has_message;
    Str           run = request->record.run;
    sqlite3_bind_text64(statement, 1, run.ptr, run.len, SQLITE_STATIC, SQLITE_UTF8);
    sqlite3_bind_int64(statement, 2, request->record.seq);
    int rc = sqlite3_step(statement);
    request->heard = rc != SQLITE_DONE;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        store_error(journal->writes, journal->path, "look for messages", &request->outcome);
    sqlite3_reset(statement);
}

static void read_inboxes(Journal *journal, Request *list, bool now)
{
    bool wrote = others_wrote(journal);
    for (Request *request = list; request; request = request->next) {
        if (journal->failure.status != ST_OK) {
            request->heard = true;
            request->outcome = journal->failure;
        } else if (wrote || now) {
            read_inbox(journal, request);
        }
    }
}

Request *inbox_look(Journal *journal, bool now)
{
    Request *out = NULL, *list = journal->listening;
    if (list && (now || now_ms() >= journal->look_at)) {
        pthread_mutex_unlock(&journal->mutex); /* others only mark what is in the list */
        read_inboxes(journal, list, now);
        pthread_mutex_lock(&journal->mutex);
        journal->look_at = now_ms() + LISTEN_MS;
    }
    for (Request **at = &journal->listening; *at;) {
        Request *request = *at;
        if (!request->heard && !request->given_up) {
            at = &request->next;
            continue;
        }
        *at = request->next;
        request->next = out;
        out = request;
    }
    return out;
}

Request *inbox_end(Journal *journal)
{
    Request *all = journal->listening;
    journal->listening = NULL;
    for (Request *request = all; request; request = request->next)
        err_set(&request->outcome, ST_CANCELLED, "journal %s: is being closed", journal->path);
    return all;
}
