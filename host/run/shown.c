#include "shown.h"

#include "../base/mem.h"
#include "../http/secrets.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool path_within(const char *inner, const char *outer)
{
    size_t len = strlen(outer);
    if (strcmp(outer, "/") == 0) return true;
    return strncmp(inner, outer, len) == 0 && (inner[len] == '\0' || inner[len] == '/');
}

Status shown_refuse_wide(const char *what, const char *remedy, const char *path, const char *state,
                         Err *err)
{
    const char *home = getenv("HOME");
    char       *resolved_home = home ? realpath(home, NULL) : NULL;
    char       *resolved_state = state ? realpath(state, NULL) : NULL;
    Status      status = ST_OK;
    if (strcmp(path, "/") == 0)
        status = err_set(err, ST_DENIED, "%s /: that is the whole system; use %s", what, remedy);
    else if (resolved_home && path_within(resolved_home, path))
        status = err_set(err, ST_DENIED,
                         "%s %s: that is the home folder, or holds it; use a folder in "
                         "it with %s",
                         what, path, remedy);
    else if (resolved_state && path_within(resolved_state, path))
        status = err_set(err, ST_DENIED, "%s %s: it holds the journal (%s); use %s or --store FILE",
                         what, path, resolved_state, remedy);
    free(resolved_home);
    free(resolved_state);
    return status;
}

static char **new_list(const char *const *from, size_t each)
{
    size_t count = 0;
    while (from && from[count]) count++;
    return mem_new((count * each + 1) * sizeof(char *));
}

void shown_free(char **list)
{
    for (size_t i = 0; list && list[i]; i++) free(list[i]);
    free(list);
}

/* Only the last component is a link: the folder that it stands in is where it says. */
static bool is_link_alone(const char *path, const char *real)
{
    char        folder[PATH_MAX], found[PATH_MAX];
    const char *name = strrchr(path, '/');
    size_t      len = (size_t)(name - path);
    if (strcmp(path, real) == 0 || len == 0 || len >= sizeof folder || !name[1]) return false;
    memcpy(folder, path, len);
    folder[len] = '\0';
    return realpath(folder, found) && strcmp(found, folder) == 0;
}

Status shown_paths(const char *const *show, const char *state, char ***out, Err *err)
{
    static const char *const MADE[] = {"/proc", "/sys", "/dev", NULL};
    char                   **list = new_list(show, 2);
    Status                   status = ST_OK;
    size_t                   count = 0;
    for (size_t i = 0; show && show[i] && status == ST_OK; i++) {
        char real[PATH_MAX];
        if (show[i][0] != '/')
            status = err_set(err, ST_INVALID, "show %s: not an absolute path", show[i]);
        else if (!realpath(show[i], real))
            status = err_set(err, errno == ENOENT ? ST_NOT_FOUND : ST_IO, "show %s: %s", show[i],
                             strerror(errno));
        if (status == ST_OK)
            status = shown_refuse_wide("show", "a folder below it", real, state, err);
        for (size_t k = 0; MADE[k] && status == ST_OK; k++)
            if (path_within(real, MADE[k]))
                status = err_set(err, ST_DENIED, "show %s: commands have a %s of their own",
                                 show[i], MADE[k]);
        if (status != ST_OK) break;
        list[count++] = mem_text(real);
        if (is_link_alone(show[i], real)) list[count++] = mem_text(show[i]);
    }
    *out = list;
    return status;
}

static bool is_name(const char *name)
{
    static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    return *name && (*name < '0' || *name > '9') && strspn(name, LETTERS) == strlen(name);
}

Status shown_variables(const char *const *pass, char ***out, Err *err)
{
    char **list = new_list(pass, 1);
    size_t count = 0;
    *out = list;
    for (size_t i = 0; pass && pass[i]; i++) {
        if (!is_name(pass[i]))
            return err_set(err, ST_INVALID, "pass %s: this is no name of a variable", pass[i]);
        if (secrets_is_name(str_from(pass[i])))
            return err_set(err, ST_DENIED,
                           "pass %s: names that end so are keys, and no key reaches a command",
                           pass[i]);
        const char *value = getenv(pass[i]);
        if (!value) continue;
        size_t size = strlen(pass[i]) + strlen(value) + 2;
        list[count] = mem_new(size);
        snprintf(list[count++], size, "%s=%s", pass[i], value);
    }
    return ST_OK;
}
