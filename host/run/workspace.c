#include "command.h"
#include "shown.h"

#include "../base/mem.h"
#include "../http/proxy.h"
#include "../sandbox/survey.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* The pins that concern the workspace `path`, ending in NULL. One that holds the workspace makes
 * all of it read-only. Owned. */
static char **own_pins(const char *path, const char *const *pins)
{
    size_t count = 0, kept = 0;
    while (pins && pins[count]) count++;
    char **own = mem_new((count + 1) * sizeof *own);
    for (size_t i = 0; i < count; i++) {
        char       *resolved = realpath(pins[i], NULL);
        const char *real = resolved ? resolved : pins[i];
        if (path_within(path, real))
            own[kept++] = mem_text(path);
        else if (path_within(pins[i], path))
            own[kept++] = mem_text(pins[i]); /* by this name, and by what it leads to */
        else if (path_within(real, path))
            own[kept++] = mem_text(real);
        free(resolved);
    }
    return own;
}

static Status open_both(Workspace *workspace, const WorkspaceSpec *spec, char **pins, char **shown,
                        char **passed, Err *err)
{
    RootSpec  root = {.path = workspace->path, .pins = (const char *const *)pins};
    SpaceSpec space = {
        .workspace = workspace->path,
        .helper = spec->helper,
        .read_only = (const char *const *)shown,
        .pins = (const char *const *)pins,
        .variables = (const char *const *)passed,
        .roots = spec->roots,
        .network = workspace->network,
        .listens = command_serve,
        .listens_arg = workspace,
        .limits = spec->limits,
        .wall_most_ms = spec->wall_most_ms,
        .unconfined = spec->unconfined,
    };
    Status status = root_open(&root, &workspace->root, err);
    if (status == ST_OK) status = space_new(workspace->loop, &space, &workspace->space, err);
    bool is_meant = status != ST_OK || !spec->inode ||
                    (root_is(workspace->root, spec->device, spec->inode) &&
                     space_is_in(workspace->space, spec->device, spec->inode));
    return is_meant ? status
                    : err_set(err, ST_DENIED, "workspace %s: another folder was put in its place",
                              workspace->path);
}

static Status open_workspace(Workspace *workspace, const WorkspaceSpec *spec, const char *state,
                             Err *err)
{
    char **shown = NULL, **passed = NULL, **pins = own_pins(workspace->path, spec->pins);
    Status status = shown_refuse_wide("workspace", "--workspace DIR", workspace->path, state, err);
    if (status == ST_OK) status = shown_paths(spec->show, state, &shown, err);
    if (status == ST_OK) status = shown_variables(spec->pass, &passed, err);
    for (size_t i = 0; spec->hosts && spec->hosts[i] && status == ST_OK; i++)
        status = host_rules_add(&workspace->hosts, str_from(spec->hosts[i]), err);
    if (status == ST_OK) status = open_both(workspace, spec, pins, shown, passed, err);
    shown_free(pins);
    shown_free(shown);
    shown_free(passed);
    return status;
}

Status workspace_new(Loop *loop, const WorkspaceSpec *spec, const char *state, Workspace **out,
                     Err *err)
{
    char *path = realpath(spec->path, NULL);
    if (!path)
        return err_set(err, errno == ENOENT ? ST_NOT_FOUND : ST_IO, "workspace %s: %s", spec->path,
                       strerror(errno));
    Workspace *workspace = mem_new(sizeof *workspace);
    workspace->loop = loop;
    workspace->path = path;
    workspace->users = 1;
    pthread_mutex_init(&workspace->looking, NULL);
    workspace->network = spec->unconfined ? NETWORK_HOST : spec->network;
    Status status = open_workspace(workspace, spec, state, err);
    if (status != ST_OK) {
        workspace_release(workspace);
        return status;
    }
    *out = workspace;
    return ST_OK;
}

bool workspace_holds(const Workspace *workspace, const char *path)
{
    char *real = realpath(path, NULL);
    bool  holds = real && path_within(real, workspace->path);
    free(real);
    return holds;
}

Workspace *workspace_hold(Workspace *workspace)
{
    workspace->users++;
    return workspace;
}

void workspace_release(Workspace *workspace)
{
    if (!workspace || --workspace->users > 0) return;
    space_free(workspace->space);
    proxy_free(workspace->proxy);
    host_rules_clear(&workspace->hosts);
    if (workspace->root) root_free(workspace->root);
    pthread_mutex_destroy(&workspace->looking);
    free(workspace->path);
    free(workspace);
}

/* -- what has to be looked up ------------------------------------------------------------------ */

uint64_t workspace_state(Workspace *workspace) { return 1 + space_changes(workspace->space); }

/* The facts of these kinds that lie in the workspace, as paths below it; ends in NULL. Owned. */
static char **places_of(const Workspace *workspace, const Facts *facts, unsigned kinds)
{
    char **places = mem_new((facts->count + 1) * sizeof *places);
    size_t count = 0;
    for (size_t i = 0; i < facts->count; i++) {
        const Fact *fact = &facts->items[i];
        if ((kinds & 1U << fact->kind) == 0 || !path_within(fact->path, workspace->path)) continue;
        const char *below = fact->path + strlen(workspace->path);
        places[count++] = mem_text(*below == '/' ? below + 1 : below);
    }
    return places;
}

Status workspace_look(Workspace *workspace, uint64_t state, Err *err)
{
    Facts           facts;
    struct timespec never = {0, 0};
    Status          status = ST_OK;
    pthread_mutex_lock(&workspace->looking);
    if (workspace->looked < state) {
        facts_init(&facts);
        status = survey_workspace(&facts, workspace->path, NULL, never, err);
        if (status == ST_OK) {
            root_cover(workspace->root,
                       places_of(workspace, &facts, 1U << FACT_SECRET | 1U << FACT_SHUT),
                       places_of(workspace, &facts, 1U << FACT_PROTECTED | 1U << FACT_ABSENT));
            workspace->looked = state;
        }
        facts_clear(&facts);
    }
    pthread_mutex_unlock(&workspace->looking);
    return status;
}
