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

/* The folder of the journal and of what is remembered of projects; owned; NULL without a home. */
char *bind_state_folder(void);

/* Whether a verb made this folder with make_temp. */
bool bind_is_temp(lua_State *L, const char *path);

/* bind_trust.c */
int cli_read_project(lua_State *L);
int cli_admit_project(lua_State *L);
int cli_state_read(lua_State *L);
int cli_state_write(lua_State *L);
int cli_state_lock(lua_State *L);
int cli_state_unlock(lua_State *L);

/* bind_written.c: what runs wrote. written_note waits until the workspace of `run` is noted; then
 * the run is the answer. */
int  written_note(lua_State *L, Run *run);
int  cli_written(lua_State *L);
int  cli_forget_written(lua_State *L);

/* bind_input.c */
int cli_read_stdin(lua_State *L);

/* bind_journal.c */
int cli_open_journal(lua_State *L);
int cli_list_runs(lua_State *L);
int cli_read_run(lua_State *L);
int cli_find_run(lua_State *L);

#endif
