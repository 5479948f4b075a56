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

/* bind_input.c */
int cli_read_stdin(lua_State *L);

/* bind_output.c */
int cli_pass(
    lua_State *L); /* cli.pass(bytes, to_stderr) -> true | nil, err: waits until it is out */

/* bind_open.c */
int cli_open_run(lua_State *L);

/* bind_journal.c */
int cli_open_journal(lua_State *L);
int cli_list_runs(lua_State *L);
int cli_read_run(lua_State *L);
int cli_find_run(lua_State *L);

#endif
