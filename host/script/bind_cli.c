/* The `cli` of a verb: only the fields that its row in the table of verbs (main.c) grants. */
#include "bind.h"

#include "../base/limits.h"
#include "../base/mem.h"
#include "../files/scratch.h"
#include "../http/secrets.h"
#include "group.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char TEMPS[] = "perigee.temps"; /* registry: temporary folders that a verb made */

static int push_failure(lua_State *L, const Err *err)
{
    lua_pushnil(L);
    op_push_error(L, err);
    return 2;
}

/* -- print ---------------------------------------------------------------------------------------------- */

static int write_all(lua_State *L, FILE *to)
{
    size_t      len;
    const char *text = luaL_checklstring(L, 1, &len);
    if (fwrite(text, 1, len, to) != len || fflush(to) != 0) {
        Err why;
        err_set(&why, ST_IO, "write to %s: %s", to == stdout ? "stdout" : "stderr", strerror(errno));
        if (to == stdout) return op_raise(L, &why); /* nobody reads any more: there is no point in going on */
    }
    return 0;
}

static int cli_out(lua_State *L) { return write_all(L, stdout); }
static int cli_err(lua_State *L) { return write_all(L, stderr); }

/* cli.env(name) -> text or nil. Keys and tokens were taken out of the environment at start. */
static int cli_env(lua_State *L)
{
    lua_pushstring(L, getenv(luaL_checkstring(L, 1)));
    return 1;
}

static int cli_has_secret(lua_State *L)
{
    size_t      len;
    const char *name = luaL_checklstring(L, 1, &len);
    lua_pushboolean(L, secrets_has((Str){name, len}));
    return 1;
}

/* cli.allow_secret(name, url) -> true | nil, err: the host's own configuration says where a key may go. */
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
    if (status != ST_OK) return push_failure(L, &err);
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

/* -- files ------------------------------------------------------------------------------------------------ */

/* cli.read_file(path[, most]) -> text | nil, err. A regular file; for what the command line names. */
static int cli_read_file(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    lua_Integer most = luaL_optinteger(L, 2, (lua_Integer)LIMIT_FILE_READ);
    struct stat info;
    Err         err;
    err_clear(&err);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        err_set(&err, errno == ENOENT ? ST_NOT_FOUND : ST_IO, "%s: %s", path, strerror(errno));
    else if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        err_set(&err, ST_INVALID, "%s is no regular file", path);
    else if (info.st_size > most)
        err_set(&err, ST_LIMIT, "%s has %lld bytes; at most %lld are read", path, (long long)info.st_size,
                (long long)most);
    if (err.status != ST_OK) {
        if (fd >= 0) close(fd);
        return push_failure(L, &err);
    }
    char  *text = mem_new((size_t)info.st_size + 1);
    size_t len = 0;
    for (;;) {
        ssize_t got = read(fd, text + len, (size_t)info.st_size - len);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        len += (size_t)got;
    }
    close(fd);
    lua_pushlstring(L, text, len); /* the host VM's quota holds what is read here */
    free(text);
    return 1;
}

/* cli.list_folder(path) -> { {name, folder = bool}, ... } sorted, or nil, err */
static int cli_list_folder(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    Err         err;
    struct dirent **names;
    int         count = scandir(path, &names, NULL, alphasort);
    if (count < 0) {
        err_set(&err, errno == ENOENT ? ST_NOT_FOUND : ST_IO, "%s: %s", path, strerror(errno));
        return push_failure(L, &err);
    }
    lua_newtable(L);
    lua_Integer kept = 0;
    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.') {
            lua_createtable(L, 0, 2);
            lua_pushstring(L, names[i]->d_name);
            lua_setfield(L, -2, "name");
            lua_pushboolean(L, names[i]->d_type == DT_DIR);
            lua_setfield(L, -2, "folder");
            lua_rawseti(L, -2, ++kept);
        }
        free(names[i]);
    }
    free(names);
    return 1;
}

/* cli.stat(path) -> { kind = "file|folder|other", real = resolved path, device, owner = "me|root|other" } or nil */
static int cli_stat(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    struct stat info;
    if (stat(path, &info) != 0) return 0;
    char *real = realpath(path, NULL);
    lua_createtable(L, 0, 4);
    lua_pushstring(L, S_ISREG(info.st_mode) ? "file" : S_ISDIR(info.st_mode) ? "folder" : "other");
    lua_setfield(L, -2, "kind");
    lua_pushstring(L, real ? real : path);
    lua_setfield(L, -2, "real");
    lua_pushinteger(L, (lua_Integer)info.st_dev);
    lua_setfield(L, -2, "device");
    lua_pushstring(L, info.st_uid == getuid() ? "me" : info.st_uid == 0 ? "root" : "other");
    lua_setfield(L, -2, "owner");
    free(real);
    return 1;
}

/* cli.folders() -> { distribution, user (or nil), current, home, state } */
static int cli_folders(lua_State *L)
{
    Engine     *engine = vm_of(L)->engine;
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char       *current = getcwd(NULL, 0);
    lua_createtable(L, 0, 5);
    lua_pushstring(L, engine->distribution);
    lua_setfield(L, -2, "distribution");
    lua_pushstring(L, engine->user);
    lua_setfield(L, -2, "user");
    lua_pushstring(L, current);
    lua_setfield(L, -2, "current");
    free(current);
    lua_pushstring(L, home);
    lua_setfield(L, -2, "home");
    if (state && state[0] == '/')
        lua_pushfstring(L, "%s/perigee", state);
    else if (home)
        lua_pushfstring(L, "%s/.local/state/perigee", home);
    else
        lua_pushnil(L);
    lua_setfield(L, -2, "state");
    return 1;
}

/* cli.make_temp(name) -> path | nil, err; cli.remove_temp(path), only of what make_temp made */
static int cli_make_temp(lua_State *L)
{
    char *path = NULL;
    Err   err;
    err_clear(&err);
    lua_getfield(L, LUA_REGISTRYINDEX, TEMPS);
    if (scratch_new(luaL_checkstring(L, 1), &path, &err) != ST_OK) return push_failure(L, &err);
    lua_pushstring(L, path);
    free(path);
    lua_pushvalue(L, -1);
    lua_pushboolean(L, true);
    lua_rawset(L, -4);
    return 1;
}

static int cli_remove_temp(lua_State *L)
{
    lua_settop(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, TEMPS);
    lua_pushvalue(L, 1);
    if (lua_rawget(L, 2) == LUA_TNIL) return luaL_error(L, "remove_temp: no folder that make_temp made");
    lua_pushboolean(L, scratch_remove(lua_tostring(L, 1)));
    return 1;
}

/* cli.locate(path) -> where a layer has it, or nil */
static int cli_locate(lua_State *L)
{
    char file[4096];
    if (!engine_locate(vm_of(L)->engine, luaL_checkstring(L, 1), false, file, sizeof file)) return 0;
    lua_pushstring(L, file);
    return 1;
}

/* -- standard input, on a thread: a terminal, a pipe and a file are alike there ------------------------------ */

typedef struct InputOp {
    Op   op; /* first */
    Buf  text;
    Err  err;
    bool working, wanted;
} InputOp;

static void input_work(void *arg)
{
    InputOp *input = arg;
    char     chunk[16384];
    for (;;) {
        ssize_t got = read(STDIN_FILENO, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) err_set(&input->err, ST_IO, "read stdin: %s", strerror(errno));
        if (got <= 0) break;
        if (buf_append(&input->text, (Str){chunk, (size_t)got}, &input->err) != ST_OK) break;
    }
}

static void input_release(InputOp *input)
{
    if (input->working || input->wanted) return;
    buf_clear(&input->text);
    free(input);
}

static void input_done(void *arg, bool abandoned)
{
    InputOp *input = arg;
    (void)abandoned;
    input->working = false;
    op_finish(&input->op, &input->err); /* nothing when it was cancelled before */
    input_release(input);
}

static void input_cancel(Op *op)
{
    Err why;
    err_set(&why, ST_CANCELLED, "reading stdin was cancelled");
    op_finish(op, &why); /* the thread reads on until its line comes; the process does not wait for it */
}

static int input_push(Op *op, lua_State *L)
{
    InputOp *input = (InputOp *)op;
    lua_pushlstring(L, input->text.ptr, input->text.len);
    return 1;
}

static void input_free(Op *op)
{
    ((InputOp *)op)->wanted = false;
    input_release((InputOp *)op);
}

static const OpKind INPUT = {"stdin", input_cancel, input_push, input_free};

static int cli_read_stdin(lua_State *L)
{
    op_may_wait(L);
    InputOp *input = mem_new(sizeof *input);
    input->op.kind = &INPUT;
    input->working = input->wanted = true;
    buf_init(&input->text, LIMIT_CROSSING);
    work_start(vm_of(L)->engine->loop, input_work, input_done, input);
    return op_await(L, &input->op);
}

/* -- the journal ---------------------------------------------------------------------------------------------- */

/* cli.open_journal(path) -> true | nil, err */
static int cli_open_journal(lua_State *L)
{
    Engine     *engine = vm_of(L)->engine;
    const char *path = luaL_checkstring(L, 1);
    Err         err;
    err_clear(&err);
    if (engine->journal) return luaL_error(L, "the journal is open already");
    if (journal_open(engine->loop, path, &engine->journal, &err) != ST_OK) return push_failure(L, &err);
    engine->store = mem_text(path);
    lua_pushboolean(L, true);
    return 1;
}

static Journal *check_journal(lua_State *L)
{
    Journal *journal = vm_of(L)->engine->journal;
    if (!journal) luaL_error(L, "no journal is open");
    return journal;
}

static void set_text(lua_State *L, const char *key, Str text)
{
    lua_pushlstring(L, text.ptr ? text.ptr : "", text.len);
    lua_setfield(L, -2, key);
}

static bool add_row(void *arg, const RunRow *row)
{
    lua_State *L = arg;
    lua_createtable(L, 0, 8);
    set_text(L, "run", row->run);
    set_text(L, "parent", row->parent);
    set_text(L, "agent", row->agent);
    set_text(L, "task", row->task);
    set_text(L, "status", row->status);
    lua_pushinteger(L, row->started_ms);
    lua_setfield(L, -2, "started");
    lua_pushinteger(L, row->ended_ms);
    lua_setfield(L, -2, "ended");
    lua_pushinteger(L, row->records);
    lua_setfield(L, -2, "records");
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    return true;
}

static bool add_record(void *arg, const Record *record)
{
    lua_State *L = arg;
    lua_createtable(L, 0, 5);
    lua_pushinteger(L, record->seq);
    lua_setfield(L, -2, "seq");
    lua_pushinteger(L, record->time_ms);
    lua_setfield(L, -2, "time");
    set_text(L, "kind", record->kind);
    set_text(L, "body", record->body);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    return true;
}

static int cli_list_runs(lua_State *L)
{
    Err err;
    err_clear(&err);
    lua_newtable(L);
    if (journal_list(check_journal(L), luaL_optinteger(L, 1, 50), add_row, L, &err) != ST_OK) return push_failure(L, &err);
    return 1;
}

static int cli_read_run(lua_State *L)
{
    Err         err;
    size_t      len;
    const char *run = luaL_checklstring(L, 1, &len);
    err_clear(&err);
    lua_newtable(L);
    if (journal_read(check_journal(L), (Str){run, len}, 1, add_record, L, &err) != ST_OK) return push_failure(L, &err);
    return 1;
}

static int cli_find_run(lua_State *L)
{
    Err         err;
    size_t      len;
    const char *part = luaL_checklstring(L, 1, &len);
    Buf         run;
    err_clear(&err);
    buf_init(&run, 1000);
    if (journal_find(check_journal(L), (Str){part, len}, &run, &err) != ST_OK) {
        buf_clear(&run);
        return push_failure(L, &err);
    }
    lua_pushlstring(L, run.ptr, run.len);
    buf_clear(&run);
    return 1;
}

/* -- runs ------------------------------------------------------------------------------------------------------- */

enum { PINS_MAX = 64 };

/* The list at spec.pins, ending in NULL; the table keeps the texts. */
static void read_pins(lua_State *L, int spec, const char *pins[PINS_MAX + 1])
{
    pins[0] = NULL;
    if (lua_getfield(L, spec, "pins") != LUA_TNIL) {
        luaL_checktype(L, -1, LUA_TTABLE);
        lua_Unsigned count = lua_rawlen(L, -1);
        if (count > PINS_MAX) luaL_error(L, "open_run: more than %d pins", PINS_MAX);
        for (lua_Unsigned i = 0; i < count; i++) {
            if (lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TSTRING) luaL_error(L, "open_run: pins are paths");
            pins[i] = lua_tostring(L, -1);
            lua_pop(L, 1);
        }
        pins[count] = NULL;
    }
    lua_pop(L, 1);
}

/* cli.open_run{ agent, task, workspace = path or nil, pins = paths or nil, unconfined = bool } -> run | nil,
 * err. Pins stay read-only where they lie in the workspace. */
static int cli_open_run(lua_State *L)
{
    Engine    *engine = vm_of(L)->engine;
    Workspace *workspace = NULL;
    Run       *run = NULL;
    Err        err;
    err_clear(&err);
    luaL_checktype(L, 1, LUA_TTABLE);
    const char *path = opt_text(L, 1, "workspace", NULL);
    const char *agent = opt_text(L, 1, "agent", ""), *task = opt_text(L, 1, "task", "");
    const char *pins[PINS_MAX + 1];
    read_pins(L, 1, pins);
    char       *store = mem_text(engine->store);
    Status      status = ST_OK;
    if (path) {
        WorkspaceSpec spec = {.path = path, .helper = engine->helper, .pins = pins,
                              .unconfined = opt_flag(L, 1, "unconfined")};
        status = workspace_new(engine->loop, &spec, store ? dirname(store) : NULL, &workspace, &err);
    }
    free(store);
    if (status == ST_OK)
        status = run_new(engine->loop, engine->journal, NULL, workspace, agent, task, &run, &err);
    workspace_release(workspace);
    if (status != ST_OK) return push_failure(L, &err);
    run->next_sibling = engine->runs;
    engine->runs = run;
    bind_push_run(L, run);
    return 1;
}

/* -- the sandbox --------------------------------------------------------------------------------------------------- */

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

/* cli.probe_sandbox() -> true | nil, err that names step, errno and remedy */
static int cli_probe_sandbox(lua_State *L)
{
    Engine *engine = vm_of(L)->engine;
    Err     err;
    err_clear(&err);
    op_may_wait(L);
    ProbeOp *probe = mem_new(sizeof *probe);
    probe->op.kind = &PROBE;
    if (sandbox_probe(engine->loop, engine->helper, probed, &probe->op, &err) != ST_OK) op_finish(&probe->op, &err);
    return op_await(L, &probe->op);
}

/* cli.decide(entry, field, ...) */
static int cli_decide(lua_State *L)
{
    CrossSpec spec = {.vm = VM_DECISION, .entry = luaL_checkstring(L, 1), .field = luaL_checkstring(L, 2)};
    op_may_wait(L);
    return cross_await(L, cross_new(L, &spec, 3, lua_gettop(L) - 2));
}

/* -- the table ---------------------------------------------------------------------------------------------------------- */

void bind_push_cli(lua_State *L, unsigned grants)
{
    static const struct {
        unsigned      grant;
        const char   *name;
        lua_CFunction function;
    } FIELDS[] = {
        {GRANT_PRINT, "out", cli_out},
        {GRANT_PRINT, "err", cli_err},
        {GRANT_PRINT, "env", cli_env},
        {GRANT_PRINT, "now", bind_now},
        {GRANT_PRINT, "exit_code", cli_exit_code},
        {GRANT_FILES, "read_file", cli_read_file},
        {GRANT_FILES, "read_stdin", cli_read_stdin},
        {GRANT_FILES, "list_folder", cli_list_folder},
        {GRANT_FILES, "stat", cli_stat},
        {GRANT_FILES, "folders", cli_folders},
        {GRANT_FILES, "locate", cli_locate},
        {GRANT_RUN, "make_temp", cli_make_temp},
        {GRANT_RUN, "remove_temp", cli_remove_temp},
        {GRANT_FILES, "definition", bind_definition},
        {GRANT_FILES, "catalog", bind_catalog},
        {GRANT_JOURNAL, "open_journal", cli_open_journal},
        {GRANT_JOURNAL, "list_runs", cli_list_runs},
        {GRANT_JOURNAL, "read_run", cli_read_run},
        {GRANT_JOURNAL, "find_run", cli_find_run},
        {GRANT_RUN, "open_run", cli_open_run},
        {GRANT_RUN, "probe_sandbox", cli_probe_sandbox},
        {GRANT_RUN, "has_secret", cli_has_secret},
        {GRANT_RUN, "allow_secret", cli_allow_secret},
        {GRANT_RUN, "sleep", bind_sleep},
        {GRANT_RUN, "all", group_all},
        {GRANT_DECIDE, "decide", cli_decide},
        {GRANT_LISTEN, "listen", bind_listen},
    };
    luaL_getsubtable(L, LUA_REGISTRYINDEX, TEMPS);
    lua_pop(L, 1);
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
    lua_pushboolean(L, isatty(STDIN_FILENO));
    lua_setfield(L, -2, "input_terminal");
}
