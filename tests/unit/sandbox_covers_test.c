/* Inside the workspace: secrets are masked, what others will obey later is read-only. */
#include "sandbox_try.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static void host(const Try *t, const char *script)
{
    char command[2000];
    snprintf(command, sizeof command, "cd '%s' && { %s ; } >/dev/null 2>&1", t->folder, script);
    if (system(command) != 0) printf("# failed: %s\n", script);
}

TEST(secrets_are_masked_wherever_they_lie)
{
    TRY_OPEN(t);
    static const char *const secret[] = {".env",     ".env.local",    "a/b/.env", "key.pem",
                                         "a/id_rsa", "id_ed25519_sk", ".envrc"};
    for (size_t i = 0; i < 7; i++) try_file(&t, secret[i], "PASSWORD=hunter2\n");
    try_file(&t, ".env.example", "PASSWORD=\n");
    try_file(&t, "id_rsa.pub", "public\n");
    try_file(&t, ".envs/production", "PASSWORD=hunter2\n");
    try_sh(
        &t,
        "grep -r hunter2 . 2>/dev/null; cat .env.example id_rsa.pub .envs/production; "
        "cat .env; echo new > .env; mv .env x; rm -f a/id_rsa; mv a c; mv a/b c; cat a/b/.env; ls");
    CHECK(t.out && strstr(t.out, "hunter2") == NULL);
    CHECK(t.out && strncmp(t.out, "PASSWORD=\npublic\n", 17) == 0);
    CHECK(t.error && strstr(t.error, "cat: .envs/production: ") != NULL);
    CHECK(t.error && strstr(t.error, "cat: .env: Permission denied") != NULL);
    CHECK(t.error && strstr(t.error, "cannot move '.env'") != NULL);
    CHECK(t.error && strstr(t.error, "cannot move 'a' to 'c'") != NULL);
    host(&t, "grep -q hunter2 .env a/b/.env a/id_rsa");
    try_close(&t);
}

TEST(a_link_in_the_place_of_a_secret_is_followed_to_what_it_leads_to)
{
    TRY_OPEN(t);
    try_file(&t, "config/production.txt", "PASSWORD=hunter2\n");
    host(&t,
         "ln -s config/production.txt .env; ln -s /etc/passwd .env.host; ln -s nowhere .env.not");
    try_sh(&t, "cat config/production.txt .env; cat .env.host | cut -d: -f1 | head -2");
    CHECK_TEXT(t.out, "root\nagent\n"); /* the sandbox's own passwd */
    CHECK(t.error && strstr(t.error, "cat: config/production.txt: Permission denied") != NULL);
    try_close(&t);
}

TEST(a_folder_that_cannot_be_looked_into_is_masked_whole)
{
    TRY_OPEN(t);
    if (geteuid() == 0) {
        try_close(&t);
        SKIP("root can look into every folder");
    }
    try_file(&t, "shut/.env", "PASSWORD=hunter2\n");
    host(&t, "chmod 000 shut");
    try_sh(&t, "chmod 700 shut; cat shut/.env; echo RAN");
    CHECK_TEXT(t.out, "RAN\n");
    try_close(&t);
}

TEST(a_socket_from_before_the_run_cannot_be_reached)
{
    TRY_OPEN(t);
    char               script[200];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int                fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/host.sock", t.folder);
    CHECK_INT(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_INT(listen(fd, 1), 0);
    space_free(t.space);
    CHECK(try_space(&t));
    snprintf(script, sizeof script,
             "python3 -c 'import socket; socket.socket(1).connect(\"host.sock\")' 2>&1 | "
             "grep -o '[A-Z][a-z]*Error: .*'");
    try_sh(&t, script);
    CHECK_TEXT(t.out, "PermissionError: [Errno 13] Permission denied\n");
    try_sh(&t, "python3 -c 'import socket\ns = socket.socket(1); s.bind(\"own\"); s.listen()\n"
               "c = socket.socket(1); c.connect(\"own\"); print(\"own\")'");
    CHECK_TEXT(t.out, "own\n");
    close(fd);
    try_close(&t);
}

TEST(hooks_and_config_of_git_are_read_only)
{
    TRY_OPEN(t);
    host(&t, "git init -q . && git init -q sub/inner");
    try_sh(&t,
           "for d in . sub/inner; do\n"
           "(echo evil > $d/.git/hooks/pre-commit) 2>/dev/null && echo hook $d\n"
           "git -C $d config core.hooksPath /tmp 2>/dev/null && echo config $d\n"
           "mv $d/.git $d/.git2 2>/dev/null && echo moved $d\n"
           "rm -rf $d/.git/hooks 2>/dev/null && echo removed $d\n"
           "done; mv sub other 2>/dev/null && echo moved sub\n"
           "echo x > f; git add f && git -c user.name=a -c user.email=b commit -qm one && git log "
           "--format=%s");
    CHECK_TEXT(t.out, "one\n");
    host(&t, "test -e .git/hooks -a -e sub/inner/.git/config");
    try_close(&t);
}

TEST(a_repository_made_by_one_command_is_protected_from_the_next)
{
    TRY_OPEN(t);
    try_sh(&t, "git init -q . && echo made");
    CHECK_TEXT(t.out, "made\n");
    try_sh(&t, "(echo evil >> .git/config) 2>/dev/null || echo refused");
    CHECK_TEXT(t.out, "refused\n");
    try_close(&t);
}

TEST(definitions_and_pins_are_read_only)
{
    TRY_OPEN(t);
    try_file(&t, ".perigee/tools/x.lua", "return 1\n");
    try_file(&t, ".claude/agents/a.md", "x\n");
    try_file(&t, "deep/down/agents/a.md", "x\n");
    space_free(t.space);
    t.space_spec.pins = (const char *const[]){"deep/down/agents", "not/there", NULL};
    CHECK(try_space(&t));
    try_sh(&t, "for f in .perigee/tools/x.lua .claude/agents/a.md deep/down/agents/a.md; do\n"
               "(echo evil > $f) 2>/dev/null && echo wrote $f; done\n"
               "for f in .perigee .claude deep deep/down deep/down/agents; do\n"
               "mv $f gone 2>/dev/null && echo moved $f; done\n"
               "echo fine > deep/down/other && cat deep/down/other deep/down/agents/a.md");
    CHECK_TEXT(t.out, "fine\nx\n");
    try_close(&t);
}

TEST(nothing_is_left_in_the_workspace_as_a_placeholder)
{
    TRY_OPEN(t);
    try_sh(&t, "ls -A");
    CHECK_TEXT(t.out, "");
    host(&t, "test -z \"$(ls -A)\"");
    try_close(&t);
}

TEST(a_linked_worktree_finds_its_repository)
{
    TRY_OPEN(t);
    char tree[PATH_MAX];
    host(&t, "git init -q main && git -C main -c user.name=a -c user.email=b commit -q "
             "--allow-empty -m one && git -C main worktree add -q ../tree");
    snprintf(tree, sizeof tree, "%s/tree", t.folder);
    space_free(t.space);
    t.space_spec.workspace = tree;
    t.space_spec.helper = try_helper();
    CHECK_INT(space_new(t.loop, &t.space_spec, &t.space, &t.err), ST_OK);
    try_sh(&t, "git log --format=%s; echo x > f; git add f && git -c user.name=a -c user.email=b "
               "commit -qm two && git log --format=%s -1\n"
               "(echo evil >> ../main/.git/config) 2>/dev/null && echo wrote\n"
               "(echo evil > .git) 2>/dev/null && echo wrote; ls -A ../main");
    CHECK_TEXT(t.out, "one\ntwo\n.git\n");
    try_close(&t);
}

/* The .git file of a workspace is written by whoever writes in the workspace. */
TEST(a_git_file_that_lies_brings_nothing_in)
{
    TRY_OPEN(t);
    char text[PATH_MAX], tree[PATH_MAX];
    try_file(&t, "secret/HEAD", "hunter2\n");
    try_file(&t, "secret/worktrees/tree/HEAD", "hunter2\n");
    snprintf(text, sizeof text, "gitdir: %s/secret/worktrees/tree\n", t.folder);
    try_file(&t, "tree/.git", text);
    snprintf(tree, sizeof tree, "%s/tree", t.folder);
    space_free(t.space);
    t.space_spec.workspace = tree;
    t.space_spec.helper = try_helper();
    CHECK_INT(space_new(t.loop, &t.space_spec, &t.space, &t.err), ST_OK);
    try_sh(&t, "ls ..; cat ../secret/HEAD; echo RAN");
    CHECK_TEXT(t.out, "tree\nRAN\n");
    try_close(&t);
}

TEST(a_folder_named_read_only_is_shown_and_cannot_be_changed)
{
    TRY_OPEN(t);
    static Try other;
    try_loop(&other);
    try_file(&other, "tool", "works\n");
    space_free(t.space);
    t.space_spec.read_only = (const char *const[]){other.folder, NULL};
    CHECK(try_space(&t));
    char script[400];
    snprintf(script, sizeof script,
             "cat %s/tool; (echo x > %s/tool) 2>/dev/null && echo wrote; :", other.folder,
             other.folder);
    try_sh(&t, script);
    CHECK_TEXT(t.out, "works\n");
    try_close(&t);
    try_close(&other);
}

TEST(a_workspace_that_is_too_wide_is_refused)
{
    static Try t;
    try_loop(&t);
    static const char *const wide[] = {"/", "/etc", "/tmp", "/usr"};
    for (size_t i = 0; i < 4; i++) {
        t.space_spec.workspace = wide[i];
        t.space_spec.helper = try_helper();
        CHECK_INT(space_new(t.loop, &t.space_spec, &t.space, &t.err), ST_DENIED);
    }
    char old[PATH_MAX];
    snprintf(old, sizeof old, "%s", getenv("HOME") ? getenv("HOME") : "");
    setenv("HOME", t.folder, 1);
    CHECK(!try_space(&t));
    CHECK(strstr(t.err.text, "home") != NULL);
    if (*old)
        setenv("HOME", old, 1);
    else
        unsetenv("HOME");
    try_close(&t);
}

TEST(what_git_would_obey_is_set_aside_when_a_command_puts_it_where_nothing_was)
{
    TRY_OPEN(t);
    host(&t, "git init -q . && rm -rf .git/hooks && git init -q --bare .git/modules/m/n");
    try_sh(&t,
           "echo ../evil > .git/commondir; mkdir .git/hooks; echo evil > .git/hooks/pre-commit; "
           "ln -s /nowhere .git/config.worktree; echo ../evil > .git/modules/m/n/commondir; "
           "git status >/dev/null && echo RAN");
    bool told = false;
    for (size_t i = 0; i < t.denied.count; i++)
        told = told || (strcmp(t.denied.items[i].what, "file") == 0 &&
                        strstr(t.denied.items[i].name, "/.git/commondir") != NULL);
    CHECK(told);
    try_sh(&t, "ls -d .git/commondir .git/hooks .git/config.worktree .git/modules/m/n/commondir "
               "2>/dev/null; "
               "cat .git/hooks.set-aside-1/pre-commit");
    CHECK_TEXT(t.out, "evil\n");
    try_sh(&t, "echo again > .git/commondir");
    try_sh(&t, "cat .git/commondir.set-aside-2");
    CHECK_TEXT(t.out, "again\n");
    try_close(&t);
}

TEST(a_module_without_its_head_is_still_a_module)
{
    TRY_OPEN(t);
    host(
        &t,
        "git init -q . && git init -q --bare .git/modules/m && git init -q --bare .git/modules/.n");
    try_sh(&t, "rm .git/HEAD .git/modules/m/HEAD .git/modules/.n/HEAD; "
               "rm -rf .git/modules/m/objects .git/modules/.n/objects");
    try_sh(&t, "for m in m .n; do echo evil >> .git/modules/$m/config; echo evil > "
               ".git/modules/$m/hooks/post-checkout; "
               "done; grep -r evil .git; echo RAN");
    CHECK_TEXT(t.out, "RAN\n");
    try_close(&t);
}

TEST(a_folder_that_holds_a_secret_is_not_moved_from_under_another_command)
{
    TRY_OPEN(t);
    try_file(&t, "a/b/.env", "PASSWORD=hunter2\n");
    try_file(&t, "plain/file", "x\n");
    try_sh(&t, "mv a c 2>/dev/null || echo STAYS; mv plain moved && echo MOVES; "
               "mv a/b d 2>/dev/null; mkdir -p d; grep -r hunter2 . 2>/dev/null; ls a");
    CHECK_TEXT(t.out, "STAYS\nMOVES\nb\n");
    try_close(&t);
}

int main(void) { return try_main(); }
