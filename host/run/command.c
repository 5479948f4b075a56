#include "command.h"

#include "../base/mem.h"
#include "../http/proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct Command {
    Workspace   *workspace; /* borrowed; held by the caller */
    Command     *next;      /* in workspace->commands */
    SandboxExec *exec;      /* borrowed; NULL once it ended */
    ExecEvents   events;
    void        *arg;
    HostRules    own; /* where it does not have the run's */
    bool         has_own;
    char         token[PROXY_TOKEN_SIZE]; /* "" where it has no way out */
    ProxyPass   *pass;                    /* owned; NULL before it was admitted */
    DeniedList   denied;
};

static const HostRules *rules_of(const Command *command)
{
    return command->has_own ? &command->own : &command->workspace->hosts;
}

static void on_refused(void *arg, const ProxyRefusal *refusal)
{
    Command *command = arg;
    char     name[400];
    if (refusal->port == 0)
        snprintf(name, sizeof name, "%s", refusal->name);
    else
        snprintf(name, sizeof name, "%s:%u", refusal->name, refusal->port);
    denied_add(&command->denied, "host", name, refusal->why);
}

/* A token that the proxy does not know reaches nothing: what fails here fails closed. */
static void admit(Command *command)
{
    Err err;
    if (!command->token[0] || command->pass || !command->workspace->proxy) return;
    if (proxy_admit(command->workspace->proxy, command->token, rules_of(command), on_refused,
                    command, &command->pass, &err) != ST_OK)
        denied_add(&command->denied, "network", "proxy", err.text);
}

void command_serve(void *arg, int fd)
{
    Workspace *workspace = arg;
    ProxySpec  spec = {.listen_fd = fd, .times = PROXY_TIMES};
    Err        err;
    Status     status = proxy_new(workspace->loop, &spec, &workspace->proxy, &err);
    for (Command *command = workspace->commands; command; command = command->next) {
        if (status == ST_OK)
            admit(command);
        else
            denied_add(&command->denied, "network", "proxy", err.text);
    }
}

static void leave(Command *command)
{
    Command **at = &command->workspace->commands;
    while (*at && *at != command) at = &(*at)->next;
    if (*at) *at = command->next;
    proxy_dismiss(command->pass);
    command->pass = NULL;
}

static void release(Command *command)
{
    host_rules_clear(&command->own);
    denied_clear(&command->denied);
    explicit_bzero(command->token, sizeof command->token);
    free(command);
}

static void on_output(void *arg, bool is_error, Str bytes)
{
    Command *command = arg;
    command->events.on_output(command->arg, is_error, bytes);
}

/* The workspace may be gone after the event. */
static void on_end(void *arg, SandboxResult *result)
{
    Command *command = arg;
    leave(command);
    denied_take(&result->denied, &command->denied);
    command->exec = NULL;
    command->events.on_end(command->arg, result);
    release(command);
}

static Status read_hosts(Command *command, const char *const *hosts, Err *err)
{
    Status status = ST_OK;
    command->has_own = hosts != NULL;
    for (size_t i = 0; hosts && hosts[i] && status == ST_OK; i++)
        status = host_rules_add(&command->own, str_from(hosts[i]), err);
    return status;
}

Status command_begin(Workspace *workspace, const ExecSpec *spec, const char *const *hosts,
                     const ExecEvents *events, void *arg, Command **out, Err *err)
{
    Command   *command = mem_new(sizeof *command);
    ExecSpec   own = *spec;
    ExecEvents hooks = {.on_output = events->on_output ? on_output : NULL, .on_end = on_end};
    command->workspace = workspace;
    command->events = *events;
    command->arg = arg;
    Status status = ST_OK;
    if (workspace->network == NETWORK_PROXY) {
        status = read_hosts(command, hosts, err);
        if (status == ST_OK && rules_of(command)->count > 0)
            status = proxy_token(command->token, err);
    }
    own.token = command->token[0] ? command->token : NULL;
    own.own_home = command->has_own && own.token;
    if (status == ST_OK)
        status = exec_begin(workspace->space, &own, &hooks, command, &command->exec, err);
    if (status != ST_OK) {
        release(command);
        return status;
    }
    command->next = workspace->commands;
    workspace->commands = command;
    admit(command);
    *out = command;
    return ST_OK;
}

void command_cancel(Command *command) { exec_cancel(command->exec); }

void command_stop(Command *command) { exec_stop(command->exec); }

void command_pause(Command *command, bool paused) { exec_pause(command->exec, paused); }

void command_drop(Command *command)
{
    if (!command) return;
    leave(command);
    exec_drop(command->exec);
    release(command);
}

int64_t command_wrote(const SandboxResult *result)
{
    return (int64_t)result->usage.ru_oublock * 512; /* getrusage(2) counts blocks of 512 bytes */
}
