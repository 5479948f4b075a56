#include "run.h"

#include "../base/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Whether `inner` is `outer` or lies below it. Both absolute and resolved. */
static bool within(const char *inner, const char *outer)
{
    size_t len = strlen(outer);
    if (strcmp(outer, "/") == 0) return true;
    return strncmp(inner, outer, len) == 0 && (inner[len] == '\0' || inner[len] == '/');
}

static Status refuse_wide(const char *path, const char *state, Err *err)
{
    const char *home = getenv("HOME");
    char       *resolved_home = home ? realpath(home, NULL) : NULL;
    char       *resolved_state = state ? realpath(state, NULL) : NULL;
    Status      status = ST_OK;
    if (strcmp(path, "/") == 0)
        status = err_set(err, ST_DENIED,
                         "workspace /: the whole system is no workspace; use --workspace DIR");
    else if (resolved_home && strcmp(path, resolved_home) == 0)
        status = err_set(err, ST_DENIED,
                         "workspace %s: the home folder is no workspace; use a folder in it "
                         "with --workspace DIR",
                         path);
    else if (resolved_state && within(resolved_state, path))
        status = err_set(err, ST_DENIED,
                         "workspace %s: it holds the journal (%s); use --workspace DIR or "
                         "--store FILE",
                         path, resolved_state);
    free(resolved_home);
    free(resolved_state);
    return status;
}

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
        if (within(path, real))
            own[kept++] = mem_text(path);
        else if (within(pins[i], path))
            own[kept++] = mem_text(pins[i]); /* by this name, and by what it leads to */
        else if (within(real, path))
            own[kept++] = mem_text(real);
        free(resolved);
    }
    return own;
}

static void free_pins(char **pins)
{
    for (size_t i = 0; pins[i]; i++) free(pins[i]);
    free(pins);
}

Status workspace_new(Loop *loop, const WorkspaceSpec *spec, const char *state, Workspace **out,
                     Err *err)
{
    char *path = realpath(spec->path, NULL);
    if (!path)
        return err_set(err, errno == ENOENT ? ST_NOT_FOUND : ST_IO, "workspace %s: %s", spec->path,
                       strerror(errno));
    Status status = refuse_wide(path, state, err);
    if (status != ST_OK) {
        free(path);
        return status;
    }
    Workspace *workspace = mem_new(sizeof *workspace);
    workspace->path = path;
    workspace->users = 1;
    char    **pins = own_pins(path, spec->pins);
    RootSpec  root = {.path = path, .pins = (const char *const *)pins};
    SpaceSpec space = {.workspace = path,
                       .helper = spec->helper,
                       .pins = (const char *const *)pins,
                       .roots = spec->roots,
                       .unconfined = spec->unconfined};
    status = root_open(&root, &workspace->root, err);
    if (status == ST_OK) status = space_new(loop, &space, &workspace->space, err);
    free_pins(pins);
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
    bool  holds = real && within(real, workspace->path);
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
    if (workspace->root) root_free(workspace->root);
    free(workspace->path);
    free(workspace);
}
