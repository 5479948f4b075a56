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

/* `above` is the name before, for info/attributes. Git reads commands from each of these, or where
 * else to look for them. */
static bool is_git_control(Str above, Str name)
{
    return str_is(name, "hooks") || str_is(name, "config") || str_is(name, "config.worktree") ||
           str_is(name, "commondir") || str_is(name, "gitdir") ||
           (str_is(above, "info") && str_is(name, "attributes"));
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

FileRule rules_for(Str path, char *const *pins)
{
    FileRule rule = is_pinned(path, pins) ? RULE_READ_ONLY : RULE_NONE;
    Str      name, above = {NULL, 0};
    bool     in_git = false;
    while (str_next(&path, '/', &name)) {
        if (is_masked(name)) return RULE_MASKED;
        if (in_git && is_git_control(above, name)) rule = RULE_READ_ONLY;
        if (str_is(name, ".perigee") || str_is(name, ".claude")) rule = RULE_READ_ONLY;
        if (str_is(name, ".git")) {
            in_git = true;
            /* A .git that is a file says where the repository is. A folder cannot be written
             * anyway. */
            if (path.ptr == NULL) rule = RULE_READ_ONLY;
        }
        above = name;
    }
    return rule;
}
