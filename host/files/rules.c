#include "rules.h"

#include <stddef.h>

static bool is_masked(Str name)
{
    static const char *const keys[] = {"id_rsa",    "id_dsa",    "id_ecdsa",    "id_ed25519",
                                       "id_rsa_sk", "id_dsa_sk", "id_ecdsa_sk", "id_ed25519_sk"};
    if (str_starts(name, STR(".env"))) return !str_is(name, ".env.example");
    if (str_ends(name, STR(".pem"))) return true;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (str_is(name, keys[i])) return true;
    return false;
}

/* Git reads commands from each of these, or where else to look for them. */
static bool is_git_control(Str name)
{
    return str_is(name, "hooks") || str_is(name, "config") || str_is(name, "config.worktree") ||
           str_is(name, "commondir") || str_is(name, "gitdir");
}

static bool is_pinned(Str path, char *const *pins)
{
    for (; pins && *pins; pins++) {
        Str pin = str_from(*pins);
        if (pin.len == 0) return true; /* the whole root */
        if (str_starts(path, pin) && (path.len == pin.len || path.ptr[pin.len] == '/')) return true;
    }
    return false;
}

/* Where in a git directory a path has come to. A branch may be called "config" (refs/heads/config),
 * so names count where git looks for them. */
typedef enum GitPart { GIT_NONE, GIT_TOP, GIT_INNER, GIT_OTHER } GitPart;

FileRule rules_for(Str path, char *const *pins)
{
    FileRule rule = is_pinned(path, pins) ? RULE_READ_ONLY : RULE_NONE;
    GitPart  part = GIT_NONE;
    Str      name;
    while (str_next(&path, '/', &name)) {
        if (is_masked(name)) return RULE_MASKED;
        if (str_is(name, ".perigee") || str_is(name, ".claude")) rule = RULE_READ_ONLY;
        if ((part == GIT_TOP || part == GIT_INNER) && is_git_control(name)) rule = RULE_READ_ONLY;
        if (part == GIT_TOP)
            part = str_is(name, "modules") || str_is(name, "worktrees") ? GIT_INNER : GIT_OTHER;
        if (str_is(name, ".git")) {
            part = GIT_TOP;
            /* A .git that is a file says where the repository is. A folder cannot be written
             * anyway. */
            if (path.ptr == NULL) rule = RULE_READ_ONLY;
        }
    }
    return rule;
}
