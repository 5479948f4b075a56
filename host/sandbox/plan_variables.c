/* The environment of a command. It starts empty; what comes later in this file replaces what came
 * before: the defaults, what the user passes, the way to the proxy, what the command asks for. */
#include "plan.h"

#include <stdio.h>
#include <string.h>

static const char *const VARIABLES[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/home/agent",
    "USER=agent",
    "LOGNAME=agent",
    "SHELL=/bin/sh",
    "LANG=C.UTF-8",
    "TERM=dumb",
    "TMPDIR=/tmp",
    "PAGER=cat",
    "GIT_PAGER=cat",
    "GIT_TERMINAL_PROMPT=0",
    /* Files of another owner are shown as nobody's; git would refuse a repository of theirs. */
    "GIT_CONFIG_COUNT=1",
    "GIT_CONFIG_KEY_0=safe.directory",
    "GIT_CONFIG_VALUE_0=*",
    NULL,
};

/* What programs look for to find a proxy: curl and git in lower case, most others in either. Node
 * looks at these only when it is told to. */
static const char *const PROXY_NAMES[] = {"http_proxy",  "https_proxy", "all_proxy", "HTTP_PROXY",
                                          "HTTPS_PROXY", "ALL_PROXY",   NULL};
static const char *const PROXY_OTHERS[] = {
    "no_proxy=localhost,127.0.0.1,::1",
    "NO_PROXY=localhost,127.0.0.1,::1",
    "NODE_USE_ENV_PROXY=1",
    NULL,
};

static size_t count_of(const char *const *list)
{
    size_t count = 0;
    while (list && list[count]) count++;
    return count;
}

/* There is room: plan_variables has counted. */
static void set(Plan *plan, const char *variable)
{
    size_t name_len = strcspn(variable, "="), at = 0;
    char  *copy = arena_copy(&plan->arena, str_from(variable));
    if (!copy) {
        plan->failed = true;
        return;
    }
    while (at < plan->variable_count && (strncmp(plan->variables[at], copy, name_len) != 0 ||
                                         plan->variables[at][name_len] != '='))
        at++;
    plan->variables[at] = copy;
    if (at == plan->variable_count) plan->variable_count++;
}

static void set_all(Plan *plan, const char *const *list)
{
    for (size_t i = 0; list && list[i]; i++) set(plan, list[i]);
}

static void set_proxy(Plan *plan, const char *token, unsigned port)
{
    char variable[300];
    for (size_t i = 0; PROXY_NAMES[i]; i++) {
        int len = snprintf(variable, sizeof variable, "%s=http://run:%s@127.0.0.1:%u",
                           PROXY_NAMES[i], token, port);
        if (len < 0 || (size_t)len >= sizeof variable)
            plan->failed = true;
        else
            set(plan, variable);
    }
    set_all(plan, PROXY_OTHERS);
}

void plan_variables(Plan *plan, const SpaceSpec *space, const ExecSpec *spec, const Facts *facts)
{
    size_t room = count_of(VARIABLES) + count_of(space->variables) + count_of(PROXY_NAMES) +
                  count_of(PROXY_OTHERS) + count_of(spec->variables);
    plan->variables = arena_alloc(&plan->arena, (room + 1) * sizeof *plan->variables);
    if (!plan->variables) {
        plan->failed = true;
        return;
    }
    memset(plan->variables, 0, (room + 1) * sizeof *plan->variables);
    set_all(plan, VARIABLES);
    /* Programs obey what lies at home (.gitconfig, .curlrc, Python's own packages): what one
     * command leaves there must not act with what another was granted. /run is each one's own. */
    if (spec->own_home || (spec->roots && spec->roots[0].path)) set(plan, "HOME=/run");
    set_all(plan, space->variables);
    if (space->network == NETWORK_PROXY && spec->token) set_proxy(plan, spec->token, facts->port);
    set_all(plan, spec->variables);
}
