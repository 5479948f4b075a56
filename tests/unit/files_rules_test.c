/* The rules about names: pure text, so every case is a line. */
#include "../../host/files/rules.h"
#include "tap.h"

static char *PINS[] = {"agents", "lua/lib", NULL};

static FileRule rule(const char *path) { return rules_for(str_from(path), PINS); }

TEST(secrets_are_masked_at_every_depth)
{
    static const char *const masked[] = {
        ".env",        ".env.local",    ".envrc",        "a/b/.env",         ".env.d/key",
        "x.pem",       ".pem",          "k/server.pem",  "id_rsa",           ".ssh/id_dsa",
        "id_ecdsa",    "id_ed25519",    "id_ed25519_sk", "deep/id_ecdsa_sk", ".env.example/.env",
        ".git/id_rsa", ".perigee/.env",
    };
    for (size_t i = 0; i < sizeof masked / sizeof masked[0]; i++) {
        if (rule(masked[i]) != RULE_MASKED) printf("# %s\n", masked[i]);
        CHECK(rule(masked[i]) == RULE_MASKED);
    }
}

TEST(names_that_only_look_like_secrets_are_free)
{
    static const char *const open_names[] = {
        "",
        ".env.example",
        "a/.env.example",
        "env",
        "x.pem.txt",
        "id_rsa.pub",
        "id_ed25519.pub",
        "my_id_rsa",
        "a.env",
        ".git",
        ".gitignore",
        "agentsx",
        "lua/library",
        "sub/agents",
        ".git/index",
        "hooks",
        "config",
        ".github/hooks",
        ".git/refs/heads/config",
        ".git/info/attributes",
    };
    for (size_t i = 0; i < sizeof open_names / sizeof open_names[0]; i++) {
        bool is_free = rule(open_names[i]) == RULE_NONE;
        if (strcmp(open_names[i], ".git") == 0)
            is_free = rule(".git") == RULE_READ_ONLY; /* as a file */
        if (!is_free) printf("# %s\n", open_names[i]);
        CHECK(is_free);
    }
}

TEST(what_decides_what_runs_outside_is_read_only)
{
    static const char *const read_only[] = {
        ".git/config",
        ".git/hooks",
        ".git/hooks/pre-commit",
        "sub/repo/.git/config",
        ".git/modules/m/config",
        ".git/modules/m/hooks/x",
        ".git/worktrees/w/config.worktree",
        ".git/worktrees/w/gitdir",
        ".git/commondir",
        ".git/worktrees/w/hooks",
        "sub/.git",
        ".perigee",
        ".perigee/lua/a.lua",
        ".claude/settings.json",
        "sub/.claude/agents/a.md",
        "agents",
        "agents/a.lua",
        "lua/lib/x",
    };
    for (size_t i = 0; i < sizeof read_only / sizeof read_only[0]; i++) {
        if (rule(read_only[i]) != RULE_READ_ONLY) printf("# %s\n", read_only[i]);
        CHECK(rule(read_only[i]) == RULE_READ_ONLY);
    }
}

TEST(a_pin_on_the_root_makes_everything_read_only)
{
    char *pins[] = {"", NULL};
    CHECK(rules_for(STR("any/file"), pins) == RULE_READ_ONLY);
    CHECK(rules_for(STR("any/file"), NULL) == RULE_NONE);
}

int main(void) { return tap_run(); }
