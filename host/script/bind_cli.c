/* The `cli` of a verb: only the fields that its row in the table of verbs (main.c) grants. */
#include "bind_cli.h"

#include "../base/limits.h"
#include "../base/mem.h"
#include "../http/secrets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int bind_push_failure(lua_State *L, const Err *err)
{
    lua_pushnil(L);
    op_push_error(L, err);
    return 2;
}

/* -- print ------------------------------------------------------------------------------------- */

static int write_all(lua_State *L, FILE *to)
{
    size_t      len;
    const char *text = luaL_checklstring(L, 1, &len);
    Engine     *engine = vm_of(L)->engine;
    if (engine->unread && to != stdout) return 0; /* `perigee ... | head` ends without a word */
    if (fwrite(text, 1, len, to) != len || fflush(to) != 0) {
        Err why;
        engine->unread = engine->unread || (to == stdout && errno == EPIPE);
        err_set(&why, ST_IO, "write to %s: %s", to == stdout ? "stdout" : "stderr",
                strerror(errno));
        if (to == stdout)
            return op_raise(L, &why); /* nobody reads any more: there is no point in going on */
    }
    return 0;
}

/* cli.columns() -> the width of the terminal on stderr, or nil when it is none or does not say */
static int cli_columns(lua_State *L)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 0;
    lua_pushinteger(L, size.ws_col);
    return 1;
}

static int cli_out(lua_State *L) { return write_all(L, stdout); }
static int cli_err(lua_State *L) { return write_all(L, stderr); }

/* cli.env(name) -> text or nil. Keys and tokens were taken out of the environment at start. */
static int cli_env(lua_State *L)
{
    lua_pushstring(L, getenv(luaL_checkstring(L, 1)));
    return 1;
}

/* cli.has_secret(name) -> whether there is one; false has a reason where its file is refused. */
static int cli_has_secret(lua_State *L)
{
    size_t      len;
    const char *name = luaL_checklstring(L, 1, &len);
    lua_pushboolean(L, secrets_has((Str){name, len}));
    lua_pushstring(L, secrets_refused((Str){name, len}));
    return 2;
}

/* cli.allow_secret(name, url) -> true | nil, err: the host's own configuration says where a key may
 * go. */
static int cli_allow_secret(lua_State *L)
{
    Err         err;
    Buf         host;
    size_t      name_len, url_len;
    const char *name = luaL_checklstring(L, 1, &name_len), *url = luaL_checklstring(L, 2, &url_len);
    err_clear(&err);
    buf_init(&host, 1000);
    Status status = http_host_key((Str){url, url_len}, &host, &err);
    if (status == ST_OK) status = secrets_allow((Str){name, name_len}, buf_str(&host), &err);
    buf_clear(&host);
    if (status != ST_OK) return bind_push_failure(L, &err);
    lua_pushboolean(L, true);
    return 1;
}

/* cli.exit_code(code) -> the exit code of status.h; 1 for a code that a script made up */
static int cli_exit_code(lua_State *L)
{
    const char *code = luaL_checkstring(L, 1);
    Status      status = status_from_code(code);
    lua_pushinteger(L, strcmp(status_code(status), code) == 0 ? status_exit(status) : 1);
    return 1;
}

/* -- the sandbox ------------------------------------------------------------------------------- */

typedef struct ProbeOp {
    Op op; /* first */
} ProbeOp;

static void probe_cancel(Op *op) { (void)op; /* bounded by its own deadline */ }

static int probe_push(Op *op, lua_State *L)
{
    (void)op;
    lua_pushboolean(L, true);
    return 1;
}

static void probe_free(Op *op) { free(op); }

static const OpKind PROBE = {"sandbox.probe", probe_cancel, probe_push, probe_free};

static void probed(void *arg, const Err *outcome) { op_finish(arg, outcome); }

/* cli.probe_sandbox(anew?) -> true | nil, err that names step, errno and remedy. What worked since
 * this boot is not tried again, unless `anew`. */
static int cli_probe_sandbox(lua_State *L)
{
    Engine *engine = vm_of(L)->engine;
    Err     err;
    bool    anew = lua_toboolean(L, 1);
    err_clear(&err);
    op_may_wait(L);
    ProbeOp *probe = mem_new(sizeof *probe);
    probe->op.kind = &PROBE;
    if (!anew && sandbox_known(engine->helper))
        op_finish(&probe->op, &err);
    else if (sandbox_probe(engine->loop, engine->helper, probed, &probe->op, &err) != ST_OK)
        op_finish(&probe->op, &err);
    return op_await(L, &probe->op);
}

/* cli.sandbox_layers() -> text: what bounds a command here. For doctor: blocks for a moment. */
static int cli_sandbox_layers(lua_State *L)
{
    Buf out;
    Err err;
    buf_init(&out, 16 * KB);
    err_clear(&err);
    Status status = sandbox_layers(&out, &err);
    if (status == ST_OK) lua_pushlstring(L, out.ptr, out.len);
    buf_clear(&out);
    return status == ST_OK ? 1 : bind_push_failure(L, &err);
}

/* cli.interrupted() -> whether Ctrl-C, or a request to end, was seen */
static int cli_interrupted(lua_State *L)
{
    lua_pushboolean(L, vm_of(L)->engine->interrupted != 0);
    return 1;
}

/* cli.decide(entry, field, ...) */
static int cli_decide(lua_State *L)
{
    CrossSpec spec = {
        .vm = VM_DECISION, .entry = luaL_checkstring(L, 1), .field = luaL_checkstring(L, 2)};
    op_may_wait(L);
    return cross_await(L, cross_new(L, &spec, 3, lua_gettop(L) - 2));
}

/* -- the table --------------------------------------------------------------------------------- */

void bind_push_cli(lua_State *L, unsigned grants)
{
    static const struct {
        unsigned      grant;
        const char   *name;
        lua_CFunction function;
    } FIELDS[] = {
        {GRANT_PRINT, "out", cli_out},
        {GRANT_PRINT, "err", cli_err},
        {GRANT_PRINT, "columns", cli_columns},
        {GRANT_PRINT, "pass", cli_pass},
        {GRANT_PRINT, "env", cli_env},
        {GRANT_PRINT, "now", bind_now},
        {GRANT_PRINT, "question", cli_question},
        {GRANT_PRINT, "exit_code", cli_exit_code},
        {GRANT_FILES, "read_file", cli_read_file},
        {GRANT_FILES, "read_stdin", cli_read_stdin},
        {GRANT_FILES, "read_line", cli_read_line},
        {GRANT_FILES, "list_folder", cli_list_folder},
        {GRANT_FILES, "stat", cli_stat},
        {GRANT_FILES, "folders", cli_folders},
        {GRANT_FILES, "locate", cli_locate},
        {GRANT_FILES, "guard", cli_guard},
        {GRANT_FILES, "state_folder", cli_state_folder},
        {GRANT_FILES, "keep", cli_keep},
        {GRANT_RUN, "make_temp", cli_make_temp},
        {GRANT_RUN, "remove_temp", cli_remove_temp},
        {GRANT_FILES, "definition", bind_definition},
        {GRANT_FILES, "catalog", bind_catalog},
        {GRANT_TRUST, "read_project", cli_read_project},
        {GRANT_TRUST, "admit_project", cli_admit_project},
        {GRANT_TRUST, "refresh", cli_refresh},
        {GRANT_TRUST, "on_trial", cli_on_trial},
        {GRANT_TRUST, "revert", cli_revert},
        {GRANT_TRUST, "written", cli_written},
        {GRANT_TRUST, "forget_written", cli_forget_written},
        {GRANT_TRUST, "settle_written", cli_settle_written},
        {GRANT_FILES, "yaml", bind_yaml},
        {GRANT_JOURNAL, "open_journal", cli_open_journal},
        {GRANT_JOURNAL, "list_runs", cli_list_runs},
        {GRANT_JOURNAL, "read_run", cli_read_run},
        {GRANT_JOURNAL, "find_run", cli_find_run},
        {GRANT_JOURNAL, "read_text", cli_read_text},
        {GRANT_TRUST, "use_texts", cli_use_texts},
        {GRANT_PRUNE, "prune_runs", cli_prune_runs},
        {GRANT_SAVE, "save", cli_save},
        {GRANT_JOURNAL, "read_inbox", cli_read_inbox},
        {GRANT_RUN, "post", cli_post},
        {GRANT_RUN, "end_run", cli_end_run},
        {GRANT_RUN, "fork_run", cli_fork_run},
        {GRANT_RUN, "open_run", cli_open_run},
        {GRANT_RUN, "claim_run", cli_claim_run},
        {GRANT_RUN, "probe_sandbox", cli_probe_sandbox},
        {GRANT_RUN, "sandbox_layers", cli_sandbox_layers},
        {GRANT_RUN, "probe_page", bind_probe_page},
        {GRANT_RUN | GRANT_DECIDE, "has_secret", cli_has_secret},
        {GRANT_RUN, "allow_secret", cli_allow_secret},
        {GRANT_RUN, "record", cli_record},
        {GRANT_RUN, "replay", cli_replay},
        {GRANT_RUN, "moved", cli_moved},
        {GRANT_RUN, "end_traffic", cli_end_traffic},
        {GRANT_RUN, "interrupted", cli_interrupted},
        {GRANT_RUN, "sleep", bind_sleep},
        {GRANT_RUN, "skip_waits", bind_skip_waits},
        {GRANT_DECIDE, "decide", cli_decide},
        {GRANT_LISTEN, "listen", bind_listen},
    };
    lua_newtable(L);
    for (size_t i = 0; i < sizeof FIELDS / sizeof FIELDS[0]; i++) {
        if (!(grants & FIELDS[i].grant)) continue;
        lua_pushcfunction(L, FIELDS[i].function);
        lua_setfield(L, -2, FIELDS[i].name);
    }
    lua_pushboolean(L, isatty(STDOUT_FILENO));
    lua_setfield(L, -2, "terminal");
    lua_pushboolean(L, isatty(STDERR_FILENO));
    lua_setfield(L, -2, "error_terminal");
    lua_pushboolean(L, isatty(STDIN_FILENO) && isatty(STDERR_FILENO));
    lua_setfield(L, -2, "person"); /* somebody can be asked */
}
