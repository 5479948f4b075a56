/* Whose a run is: one process's at a time, and nobody's the instant that process is dead. This
 * program starts itself again as the other process: `store_owner_test own|crash PATH RUN N`. */
#include "store_support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

/* -- the other process ------------------------------------------------------------------------- */

static void say_byte(void)
{
    char byte = 'a';
    if (write(STDOUT_FILENO, &byte, 1) != 1) _exit(1);
}

static void put_running(Shelf *shelf, const char *run)
{
    RunRow row = {.run = str_from(run), .status = STR("running"), .started_ms = 1};
    journal_put_run(shelf->journal, &row);
}

/* Claims the run, says so, and stays until it is killed. */
static int child_own(Shelf *shelf, const char *run)
{
    if (claim_now(shelf, run).status != ST_OK) return 1;
    put_running(shelf, run);
    if (append_now(shelf, run, 1, "{}", DURABLE_PROCESS).status != ST_OK) return 1;
    say_byte();
    pause();
    return 1;
}

/* Goes on with the run and kills itself after `most` answers, in the middle of the next append. */
static int child_crash(Shelf *shelf, const char *run, int64_t most)
{
    int64_t seq = read_run(shelf, run).count;
    for (int64_t i = 0; i < most; i++) {
        Durability how = i % 3 ? DURABLE_PROCESS : DURABLE_POWER;
        if (append_now(shelf, run, ++seq, "{}", how).status != ST_OK) return 1;
        say_byte();
    }
    Record record = record_of(run, seq + 1, "{}");
    journal_append(shelf->journal, &record, DURABLE_POWER, NULL, NULL);
    raise(SIGKILL);
    return 1;
}

static int child_main(char **argv)
{
    Shelf shelf = {0};
    snprintf(shelf.path, sizeof shelf.path, "%s", argv[2]);
    shelf_open(&shelf);
    if (!shelf.journal) return 3;
    if (strcmp(argv[1], "own") == 0) return child_own(&shelf, argv[3]);
    return child_crash(&shelf, argv[3], strtoll(argv[4], NULL, 10));
}

static pid_t start(const char *what, const Shelf *shelf, const char *run, const char *count,
                   int *out)
{
    int pipes[2];
    CHECK(pipe2(pipes, O_CLOEXEC) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        const char *argv[] = {"store_owner_test", what, shelf->path, run, count, NULL};
        dup2(pipes[1], STDOUT_FILENO);
        execv("/proc/self/exe", (char *const *)argv);
        _exit(127);
    }
    close(pipes[1]);
    *out = pipes[0];
    CHECK(pid > 0);
    return pid;
}

static int64_t count_bytes(int fd) /* to the end */
{
    char    bytes[64];
    int64_t came = 0;
    for (;;) {
        ssize_t got = read(fd, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        came += got;
    }
    close(fd);
    return came;
}

static void kill_and_wait(pid_t pid)
{
    int status;
    CHECK(kill(pid, SIGKILL) == 0);
    CHECK(waitpid(pid, &status, 0) == pid);
}

static bool copy_status(void *arg, const RunRow *row)
{
    snprintf(arg, 40, "%.*s", STR_ARG(row->status));
    return false;
}

static const char *status_of(Shelf *shelf, const char *run)
{
    static char status[40];
    Err         err;
    status[0] = '\0';
    CHECK(journal_list(shelf->journal, (RunFilter){.tree = str_from(run), .most = 1}, copy_status,
                       status, &err) == ST_OK);
    return status;
}

/* -- one owner --------------------------------------------------------------------------------- */

TEST(a_run_that_a_living_process_owns_is_not_to_be_had_and_nothing_can_be_appended_to_it)
{
    Shelf shelf;
    int   out;
    char  byte, pid_text[32];
    shelf_begin(&shelf);
    pid_t pid = start("own", &shelf, "theirs", "0", &out);
    CHECK(read(out, &byte, 1) == 1);
    Err claim = claim_now(&shelf, "theirs");
    CHECK_INT(claim.status, ST_UNAVAILABLE);
    snprintf(pid_text, sizeof pid_text, "process %d", (int)pid);
    CHECK(strstr(claim.text, pid_text) != NULL);
    CHECK_INT(append_now(&shelf, "theirs", 2, "{}", DURABLE_PROCESS).status, ST_INVALID);
    journal_release(shelf.journal, STR("theirs")); /* not ours to give */
    CHECK_INT(claim_now(&shelf, "theirs").status, ST_UNAVAILABLE);
    CHECK_TEXT(status_of(&shelf, "theirs"), "running");
    kill_and_wait(pid);
    close(out);
    shelf_end(&shelf);
}

TEST(the_death_of_an_owner_shows_at_once_and_its_run_can_be_had)
{
    Shelf shelf;
    int   out;
    char  byte;
    shelf_begin(&shelf);
    pid_t pid = start("own", &shelf, "r", "0", &out);
    CHECK(read(out, &byte, 1) == 1);
    CHECK_TEXT(status_of(&shelf, "r"), "running");
    kill_and_wait(pid);
    close(out);
    CHECK_TEXT(status_of(&shelf, "r"), "interrupted");
    CHECK_INT(claim_now(&shelf, "r").status, ST_OK);
    CHECK_TEXT(status_of(&shelf, "r"), "running");
    CHECK_INT(append_now(&shelf, "r", 2, "{}", DURABLE_POWER).status, ST_OK);
    shelf_end(&shelf);
}

static void append_kind(Shelf *shelf, int64_t seq, Str kind, const char *body)
{
    Answer answer = {.loop = shelf->loop};
    Record record = record_of("r", seq, body);
    record.kind = kind;
    journal_append(shelf->journal, &record, DURABLE_PROCESS, on_answer, &answer);
    while (!answer.came && loop_run(shelf->loop)) continue;
    CHECK_INT(answer.outcome.status, ST_OK);
}

TEST(a_run_whose_owner_died_between_its_end_and_its_row_has_ended_as_its_last_record_says)
{
    Shelf shelf;
    shelf_begin(&shelf);
    CHECK_INT(claim_now(&shelf, "r").status, ST_OK);
    put_running(&shelf, "r");
    append_kind(&shelf, 1, STR("run.finished"), "{\"status\":\"limit\"}");
    CHECK_TEXT(status_of(&shelf, "r"), "running");
    journal_release(shelf.journal, STR("r"));
    loop_run(shelf.loop);
    CHECK_TEXT(status_of(&shelf, "r"), "limit");
    CHECK_INT(claim_now(&shelf, "r").status, ST_OK);
    append_kind(&shelf, 2, STR("run.parked"), "{}");
    journal_release(shelf.journal, STR("r"));
    loop_run(shelf.loop);
    CHECK_TEXT(status_of(&shelf, "r"), "waiting");
    shelf_end(&shelf);
}

TEST(an_append_to_a_run_that_nobody_claimed_is_refused)
{
    Shelf  shelf;
    Answer answer = {0};
    Record record = record_of("r", 1, "{}");
    shelf_begin(&shelf);
    journal_append(shelf.journal, &record, DURABLE_PROCESS, on_answer, &answer);
    loop_run(shelf.loop);
    CHECK_INT(answer.outcome.status, ST_INVALID);
    put_running(&shelf, "r"); /* nor does it get a row */
    loop_run(shelf.loop);
    CHECK_TEXT(status_of(&shelf, "r"), "");
    shelf_end(&shelf);
}

TEST(a_released_run_is_the_next_ones_and_no_longer_its_old_owners)
{
    Shelf one, two;
    shelf_begin(&one);
    two = one;
    shelf_open(&two);
    CHECK_INT(append_now(&one, "r", 1, "{}", DURABLE_PROCESS).status, ST_OK);
    CHECK_INT(claim_now(&two, "r").status, ST_UNAVAILABLE);
    journal_release(one.journal, STR("r"));
    loop_run(one.loop);
    CHECK_INT(append_now(&two, "r", 2, "{}", DURABLE_PROCESS).status, ST_OK);
    CHECK_INT(append_now(&one, "r", 3, "{}", DURABLE_PROCESS).status, ST_INVALID);
    CHECK_INT(read_run(&one, "r").count, 2);
    shelf_close(&two);
    CHECK_INT(append_now(&one, "r", 3, "{}", DURABLE_PROCESS).status, ST_OK);
    shelf_end(&one);
}

/* The lock file is removed under a process that goes on: it is taken for dead, and must not be able
 * to write once somebody else has its run. */
TEST(a_zombies_append_and_row_are_refused_after_somebody_else_claimed_the_run)
{
    Shelf  zombie, heir;
    char   path[200];
    Answer answer = {0};
    shelf_begin(&zombie);
    CHECK_INT(append_now(&zombie, "r", 1, "{}", DURABLE_PROCESS).status, ST_OK);
    put_running(&zombie, "r");
    loop_run(zombie.loop);
    snprintf(path, sizeof path, "%s-lock", zombie.path);
    CHECK(unlink(path) == 0);
    heir = zombie;
    shelf_open(&heir);
    CHECK_TEXT(status_of(&heir, "r"), "interrupted");
    CHECK_INT(append_now(&heir, "r", 2, "{}", DURABLE_PROCESS).status, ST_OK);
    Record record = record_of("r", 3, "{}");
    journal_append(zombie.journal, &record, DURABLE_POWER, on_answer, &answer);
    RunRow row = {.run = STR("r"), .status = STR("ok"), .ended_ms = 5};
    journal_put_run(zombie.journal, &row);
    journal_release(zombie.journal, STR("r"));
    loop_run(zombie.loop);
    CHECK_INT(answer.outcome.status, ST_INVALID);
    CHECK(strstr(answer.outcome.text, "carries it now") != NULL);
    CHECK_TEXT(status_of(&heir, "r"), "running");
    CHECK_INT(append_now(&heir, "r", 3, "{}", DURABLE_PROCESS).status, ST_OK);
    shelf_close(&zombie);
    shelf_end(&heir);
}

/* A claim that was rolled back left its number behind: locked, but free in the file. */
TEST(a_lease_whose_number_is_still_held_is_passed_over)
{
#ifdef PERIGEE_FAULTS
    Shelf one, two;
    shelf_begin(&one);
    setenv("PERIGEE_FAULT", "store.commit:1", 1); /* the process's first commit */
    CHECK_INT(claim_now(&one, "r").status, ST_IO);
    unsetenv("PERIGEE_FAULT");
    two = one;
    shelf_open(&two);
    CHECK_INT(append_now(&two, "r", 1, "{}", DURABLE_PROCESS).status, ST_OK);
    shelf_close(&two);
    shelf_end(&one);
#else
    SKIP("this build has no fault seams (MODE=asan has)");
#endif
}

/* -- messages ---------------------------------------------------------------------------------- */

static bool list_message(void *arg, int64_t number, Str body)
{
    char *text = arg;
    snprintf(text + strlen(text), 100 - strlen(text), "%lld:%.*s ", (long long)number,
             STR_ARG(body));
    return true;
}

static const char *inbox_of(Shelf *shelf, const char *run)
{
    static char text[100];
    Err         err;
    text[0] = '\0';
    CHECK(journal_inbox(shelf->journal, str_from(run), list_message, text, &err) == ST_OK);
    return text;
}

static Status post_now(Shelf *shelf, const char *run, const char *body)
{
    Answer answer = {0};
    journal_post(shelf->journal, str_from(run), str_from(body), on_answer, &answer);
    loop_run(shelf->loop);
    CHECK(answer.came);
    return answer.outcome.status;
}

TEST(a_message_reaches_the_owner_from_another_process_and_only_the_owner_can_take_it)
{
    Shelf owner, other;
    shelf_begin(&owner);
    other = owner;
    shelf_open(&other);
    append_now(&owner, "r", 1, "{}", DURABLE_PROCESS);
    CHECK_INT(post_now(&other, "r", "cancel"), ST_OK);
    CHECK_INT(post_now(&other, "r", "answer"), ST_OK);
    CHECK_INT(post_now(&other, "nobody", "x"), ST_NOT_FOUND);
    CHECK_TEXT(inbox_of(&owner, "r"), "1:cancel 2:answer ");
    journal_take(other.journal, STR("r"), 2);
    loop_run(other.loop);
    CHECK_TEXT(inbox_of(&owner, "r"), "1:cancel 2:answer ");
    journal_take(owner.journal, STR("r"), 2);
    loop_run(owner.loop);
    CHECK_TEXT(inbox_of(&other, "r"), "1:cancel "); /* what came of an earlier one may be open */
    shelf_close(&owner);
    claim_now(&other, "r"); /* what the old owner left is the next one's */
    journal_take(other.journal, STR("r"), 1);
    loop_run(other.loop);
    CHECK_TEXT(inbox_of(&other, "r"), "");
    CHECK_INT(post_now(&other, "r", "again"), ST_OK);
    CHECK_TEXT(inbox_of(&other, "r"), "3:again "); /* a number is never used again */
    shelf_end(&other);
}

/* Runs the loop until what listens was answered. */
static Status heard_by(Shelf *shelf, Answer *answer)
{
    answer->loop = shelf->loop;
    while (!answer->came && loop_run(shelf->loop)) continue;
    CHECK(answer->came);
    return answer->outcome.status;
}

TEST(who_listens_hears_a_message_of_another_process_and_one_that_is_there_already)
{
    Shelf  owner, other;
    Answer later = {0}, at_once = {0}, next = {0};
    shelf_begin(&owner);
    other = owner;
    shelf_open(&other);
    append_now(&owner, "r", 1, "{}", DURABLE_PROCESS);
    append_now(&owner, "s", 1, "{}", DURABLE_PROCESS);
    journal_listen(owner.journal, STR("r"), 0, on_answer, &later);
    CHECK_INT(post_now(&other, "s", "not for it"), ST_OK);
    CHECK_INT(post_now(&other, "r", "for it"), ST_OK);
    CHECK_INT(heard_by(&owner, &later), ST_OK);
    CHECK_TEXT(inbox_of(&owner, "r"), "2:for it ");
    journal_listen(owner.journal, STR("r"), 0, on_answer, &at_once);
    CHECK_INT(heard_by(&owner, &at_once), ST_OK);
    journal_listen(owner.journal, STR("r"), 2, on_answer, &next);
    CHECK_INT(append_now(&owner, "r", 2, "{}", DURABLE_PROCESS).status, ST_OK);
    CHECK(!next.came);
    CHECK_INT(post_now(&other, "r", "more"), ST_OK);
    CHECK_INT(heard_by(&owner, &next), ST_OK);
    shelf_close(&other);
    shelf_end(&owner);
}

TEST(what_was_taken_before_is_not_heard_again_and_closing_ends_the_listening)
{
    Shelf  owner;
    Answer answer = {0};
    shelf_begin(&owner);
    append_now(&owner, "r", 1, "{}", DURABLE_PROCESS);
    CHECK_INT(post_now(&owner, "r", "one"), ST_OK);
    journal_take(owner.journal, STR("r"), 1);
    journal_listen(owner.journal, STR("r"), 0, on_answer, &answer);
    CHECK_INT(append_now(&owner, "r", 2, "{}", DURABLE_PROCESS).status, ST_OK);
    CHECK(!answer.came);
    shelf_close(&owner);
    CHECK(answer.came);
    CHECK_INT(answer.outcome.status, ST_CANCELLED);
    shelf_remove(&owner);
}

TEST(who_gave_up_listening_is_not_answered)
{
    Shelf  owner;
    Answer gone = {0}, here = {0};
    shelf_begin(&owner);
    append_now(&owner, "r", 1, "{}", DURABLE_PROCESS);
    journal_listen(owner.journal, STR("r"), 0, on_answer, &gone);
    journal_unlisten(owner.journal, &gone); /* while it is on its way */
    journal_listen(owner.journal, STR("r"), 0, on_answer, &gone);
    journal_listen(owner.journal, STR("r"), 0, on_answer, &here);
    CHECK_INT(append_now(&owner, "r", 2, "{}", DURABLE_PROCESS).status, ST_OK);
    journal_unlisten(owner.journal, &gone); /* while it waits */
    CHECK_INT(post_now(&owner, "r", "one"), ST_OK);
    CHECK_INT(heard_by(&owner, &here), ST_OK);
    CHECK(!gone.came);
    shelf_end(&owner);
    CHECK(!gone.came);
}

/* -- killed, again and again ------------------------------------------------------------------- */

/* At each number of appends, and at an instant within the next one that is the machine's choice:
 * what was answered is there, nothing is half there, and the next owner goes on at once. */
TEST(an_owner_that_is_killed_at_any_append_leaves_a_run_that_the_next_one_carries_on)
{
    Shelf   shelf;
    int64_t kept = 0;
    shelf_make(&shelf);
    for (int round = 0; round < 24; round++) {
        char count[16];
        int  out, status;
        snprintf(count, sizeof count, "%d", round % 12);
        pid_t   pid = start("crash", &shelf, "r", count, &out);
        int64_t answered = count_bytes(out);
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        CHECK_INT(answered, round % 12);
        shelf_open(&shelf);
        Seen seen = read_run(&shelf, "r");
        CHECK(seen.gapless);
        CHECK(seen.count == kept + answered || seen.count == kept + answered + 1);
        kept = seen.count;
        shelf_close(&shelf);
    }
    shelf_remove(&shelf);
}

/* What a loss of power may leave of the log's last frame: some of it, or other bytes. */
static void garble_end_of_log(const char *log, int way)
{
    char        noise[700];
    struct stat st;
    int         fd = open(log, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 5000);
    memset(noise, 0x5a, sizeof noise);
    if (way == 0) CHECK(ftruncate(fd, st.st_size - 100) == 0);
    if (way == 1) CHECK(pwrite(fd, noise, sizeof noise, st.st_size - 900) == sizeof noise);
    if (way == 2) CHECK(pwrite(fd, noise, 20, st.st_size - 4100) == 20); /* the frame's head */
    close(fd);
}

TEST(a_torn_page_at_the_end_of_the_log_costs_that_record_at_most)
{
    for (int way = 0; way < 3; way++) {
        Shelf shelf;
        char  log[200];
        int   out, status;
        shelf_make(&shelf);
        pid_t pid = start("crash", &shelf, "r", "9", &out);
        CHECK_INT(count_bytes(out), 9);
        CHECK(waitpid(pid, &status, 0) == pid);
        snprintf(log, sizeof log, "%s-wal", shelf.path);
        garble_end_of_log(log, way);
        shelf_open(&shelf);
        CHECK(shelf.journal != NULL);
        Seen seen = read_run(&shelf, "r");
        CHECK(seen.gapless);
        CHECK(seen.count >= 8 && seen.count <= 9); /* the tenth, if it came, was the torn one */
        CHECK_INT(append_now(&shelf, "r", seen.count + 1, "{}", DURABLE_POWER).status, ST_OK);
        shelf_end(&shelf);
    }
}

int main(int argc, char **argv)
{
    if (argc == 5) return child_main(argv);
    open_what_stays_open();
    return tap_run();
}
