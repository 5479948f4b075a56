/* bind_cli.h -- the functions that `cli` is put together from, by the file that holds them. */
#ifndef HOST_SCRIPT_BIND_CLI_H
#define HOST_SCRIPT_BIND_CLI_H

#include "bind.h"

/* nil and the error table; their count. */
int bind_push_failure(lua_State *L, const Err *err);

/* bind_folders.c */
int cli_read_file(lua_State *L);
int cli_list_folder(lua_State *L);
int cli_stat(lua_State *L);
int cli_folders(lua_State *L);
int cli_make_temp(lua_State *L);
int cli_remove_temp(lua_State *L);
int cli_locate(lua_State *L);
int cli_guard(lua_State *L);
int cli_state_folder(lua_State *L);

bool bind_state_folder(char *path, size_t size); /* $XDG_STATE_HOME/perigee; false without HOME */

/* bind_keep.c: cli.keep(path, was, now) -> true | nil, err. Replaces a file of the host's own,
 * atomically and 0600, if it still holds `was` (nil: if it is not there); else error "invalid". */
int cli_keep(lua_State *L);

/* Whether a verb made this folder with make_temp. */
bool bind_is_temp(lua_State *L, const char *path);

/* bind_trust.c */
int cli_read_project(lua_State *L);
int cli_admit_project(lua_State *L);
int cli_refresh(lua_State *L);
int cli_on_trial(lua_State *L);
int cli_revert(lua_State *L);

/* bind_written.c: what runs wrote. written_note waits until the workspace of `run` is noted; then
 * the run is the answer. `pins` as note_begin's, copied. */
int written_note(lua_State *L, Run *run, const char *const *pins);
int cli_written(lua_State *L);
int cli_forget_written(lua_State *L);
int cli_settle_written(lua_State *L);

/* bind_input.c */
int cli_read_stdin(lua_State *L);
int cli_read_line(lua_State *L);

/* bind_terminal.c: cli.question(text, timeout_ms) -> the line that the person typed, without its
 * end | nil, err. `text` is written to the terminal as it stands: lib/ask.lua cleans it. Errors:
 * "unavailable" when stdin and stderr are no terminal, "timeout" (counted from when it is shown),
 * "waiting" when the person gave no answer (Ctrl-D). One at a time; others wait for their turn. */
int cli_question(lua_State *L);
/* bind_output.c */
int cli_pass(
    lua_State *L); /* cli.pass(bytes, to_stderr) -> true | nil, err: waits until it is out */

/* bind_cassette.c */
int cli_record(lua_State *L);
int cli_replay(lua_State *L);
int cli_moved(lua_State *L);
int cli_end_traffic(lua_State *L);

/* bind_open.c */
int cli_open_run(lua_State *L);

/* bind_journal.c */
int cli_claim_run(lua_State *L);
int cli_open_journal(lua_State *L);
int cli_list_runs(lua_State *L);
int cli_read_run(lua_State *L);
int cli_find_run(lua_State *L);
int cli_read_text(lua_State *L);
int cli_prune_runs(lua_State *L);
/* Pushes { { number, body }, ... } of the messages after that number, or nil, err; their count. */
int bind_push_inbox(lua_State *L, Str run, int64_t after);

/* bind_runs.c */
int cli_end_run(lua_State *L);
int cli_fork_run(lua_State *L);

/* bind_inbox.c */
int cli_read_inbox(lua_State *L);
int cli_post(lua_State *L);

/* bind_texts.c */
int cli_use_texts(lua_State *L);

/* bind_save.c */
int cli_save(lua_State *L);

#endif
