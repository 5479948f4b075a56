/* The lists of names: what of /etc is shown, what in a workspace is secret or protected, and which
 * folders are no workspace. */
#include "plan.h"

#include <fnmatch.h>
#include <string.h>

/* What compilers, linkers, interpreters and certificate checks read. Nothing that may hold a
 * password, and nothing that says who uses this machine: passwd, group, hosts and the like are
 * written afresh (plan.c). Folders whose other entries stay hidden are listed in survey.c. */
static const char *const ETC[] = {
    "alternatives",
    "ca-certificates",
    "crypto-policies",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d", /* linking and trust */
    "localtime",
    "timezone",
    "locale.alias",
    "locale.conf",
    "terminfo",
    "inputrc",
    "bash.bashrc",
    "os-release",
    "lsb-release",
    "debian_version",
    "*-release",
    "mtab", /* about this system */
    "services",
    "protocols",
    "rpc",
    "ethertypes",
    "host.conf",
    "gai.conf", /* names of the net */
    "magic",
    "magic.mime",
    "mime.types",
    "fonts",
    "groff",
    "papersize",
    "xml",
    "sgml",
    "perl",
    "python[23]*",
    "java*",
    "lua*",
    "ruby*",
    "ghc*",
    "R",
    "texmf",
    "gdb",
    "fpc*.cfg",
    "gnucobol", /* languages */
    NULL,
};

static const char *const SECRETS[] = {
    ".env*",     "*.pem",     "id_rsa",      "id_dsa",        "id_ecdsa", "id_ed25519",
    "id_rsa_sk", "id_dsa_sk", "id_ecdsa_sk", "id_ed25519_sk", NULL,
};

/* Folders of the system: as a workspace they would lay open or cover what the sandbox is made of.
 */
static const char *const SYSTEM[] = {"/bin",   "/boot", "/dev", "/etc",  "/lib", "/lib32",
                                     "/lib64", "/proc", "/run", "/sbin", "/sys", NULL};
/* These themselves only; what lies below may be a workspace. */
static const char *const TOO_WIDE[] = {"/",          "/home",    "/home/agent", "/media",   "/mnt",
                                       "/opt",       "/root",    "/srv",        "/tmp",     "/usr",
                                       "/usr/local", "/usr/src", "/var",        "/var/tmp", NULL};

static bool matches(const char *const *patterns, const char *name)
{
    for (; *patterns; patterns++)
        if (fnmatch(*patterns, name, 0) == 0) return true;
    return false;
}

bool plan_shows_etc(const char *name) { return matches(ETC, name); }

bool plan_is_secret(const char *name)
{
    return strcmp(name, ".env.example") != 0 && matches(SECRETS, name);
}

bool plan_is_protected(const char *name)
{
    return strcmp(name, ".perigee") == 0 || strcmp(name, ".claude") == 0;
}

/* `path` is `folder` or lies below it. */
static bool is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    while (len > 0 && folder[len - 1] == '/') len--;
    return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* Absolute, and as it stands: each component is a name. */
static bool is_plain(const char *path)
{
    if (path[0] != '/' || path[1] == '\0') return false;
    for (const char *at = path; *at;) {
        size_t len = strcspn(++at, "/");
        if (len == 0 || (len == 1 && *at == '.') || (len == 2 && strncmp(at, "..", 2) == 0))
            return false;
        at += len;
    }
    return true;
}

Status plan_check_root(const char *root, const char *workspace, const char *home, const char *state,
                       Err *err)
{
    static const char *const MADE[] = {"/proc",           "/sys", "/dev", "/.granted", "/.masked",
                                       "/.masked-folder", NULL};
    const char              *why = NULL;
    if (!is_plain(root))
        return err_set(err, ST_INVALID,
                       "granted path %s: it should be absolute, without '.', '..' or '//'", root);
    for (size_t i = 0; MADE[i]; i++)
        if (is_below(root, MADE[i])) why = "commands have one of their own";
    if (is_below(workspace, root)) why = "it holds the workspace, whose own rules count there";
    if (is_below(root, workspace)) why = "it lies in the workspace, whose own rules count there";
    if (home && is_below(home, root)) why = "it is your home folder, or holds it";
    if (state && (is_below(state, root) || is_below(root, state)))
        why = "it is Perigee's own state";
    if (!why) return ST_OK;
    return err_set(err, ST_DENIED, "granted path %s: %s; grant a narrower one in config.yaml", root,
                   why);
}

Status plan_check_workspace(const char *workspace, const char *home, const char *state, Err *err)
{
    const char *why = NULL;
    if (!workspace || workspace[0] != '/')
        return err_set(err, ST_INVALID, "workspace %s: not an absolute path",
                       workspace ? workspace : "(none)");
    for (size_t i = 0; TOO_WIDE[i]; i++)
        if (strcmp(workspace, TOO_WIDE[i]) == 0) why = "it holds far more than one project";
    for (size_t i = 0; SYSTEM[i]; i++)
        if (is_below(workspace, SYSTEM[i])) why = "it belongs to the system";
    if (state && is_below(state, workspace)) why = "it holds Perigee's own state";
    if (state && is_below(workspace, state)) why = "it is Perigee's own state";
    if (home && is_below(home, workspace)) why = "it is your home folder, or holds it";
    if (!why) return ST_OK;
    return err_set(err, ST_DENIED,
                   "workspace %s: %s; go to the project's own folder, or name it with --workspace",
                   workspace, why);
}
