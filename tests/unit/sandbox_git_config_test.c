/* What git's own syntax lets a config say, and which of it is harmless. */
#include "../../host/base/mem.h"
#include "../../host/sandbox/git_config.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct Seen {
    char text[4000];
    bool plain;
} Seen;

static bool see(void *arg, const GitSetting *setting)
{
    Seen  *seen = arg;
    size_t len = strlen(seen->text);
    snprintf(seen->text + len, sizeof seen->text - len, "%s|%s|%s=%s\n", setting->section,
             setting->subsection, setting->key, setting->value);
    seen->plain = seen->plain && git_setting_is_plain(setting);
    return true;
}

static Seen parsed(const char *text, bool good)
{
    Seen seen = {.plain = true};
    CHECK_INT(git_config_parse(str_from(text), see, &seen), good);
    return seen;
}

static bool is_plain(const char *text) { return parsed(text, true).plain; }

TEST(settings_are_read_as_git_reads_them)
{
    CHECK_TEXT(parsed("\xEF\xBB\xBF[Core]\r\n\tFSMonitor = \"a b\" c ; x\r\n", true).text,
               "core||fsmonitor=a b c\n");
    CHECK_TEXT(parsed("[remote \"A.b\\\"c\"] URL=x # y\n", true).text, "remote|A.b\"c|url=x\n");
    CHECK_TEXT(parsed("[Filter.LFS]clean=a\\\n b\\tc\nrequired\n", true).text,
               "filter|lfs|clean=a b\tc\nfilter|lfs|required=true\n");
    CHECK_TEXT(parsed("# [core]\n; x\n[a]\nk = \"#;\"   \nl=\n", true).text, "a||k=#;\na||l=\n");
    CHECK_TEXT(parsed("[a]k=v", true).text, "a||k=v\n");
    CHECK_TEXT(parsed("", true).text, "");
}

TEST(what_git_refuses_is_no_config)
{
    static const char *const bad[] = {
        "x = 1\n",        "[core\n",        "[core]\n1 = 2\n",    "[core]\nx y\n",
        "[a]\nk = \"x\n", "[a]\nk = \\q\n", "[a \"b\n\"]\nk=v\n", "[a]\nk # comment\n",
        "[]\nk=v\n",      "[a \"b\nk=v\n",  "[a \"b\" c]\n",      NULL};
    for (size_t i = 0; bad[i]; i++) {
        Seen seen = {.plain = true};
        bool whole = git_config_parse(str_from(bad[i]), see, &seen);
        if (whole) printf("# taken: %s\n", bad[i]);
        CHECK(!whole);
    }
    Seen seen = {.plain = true};
    CHECK(!git_config_parse(STR("[a]\nk=v\0w\n"), see, &seen));
}

TEST(what_git_writes_into_a_new_repository_is_plain)
{
    CHECK(
        is_plain("[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n"
                 "\tlogallrefupdates = true\n[remote \"origin\"]\n\turl = git@h:x.git\n"
                 "\tfetch = +refs/heads/*:refs/remotes/origin/*\n[branch \"main\"]\n"
                 "\tremote = origin\n\tmerge = refs/heads/main\n[user]\n\tname = A\n"
                 "[submodule \"a/b\"]\n\tactive = true\n\turl = https://h/x\n\tupdate = merge\n"));
}

TEST(what_makes_git_run_something_is_not)
{
    static const char *const evil[] = {"[core]fsmonitor=x",
                                       "[core]hooksPath=x",
                                       "[core]sshCommand=x",
                                       "[core]pager=x",
                                       "[core]editor=x",
                                       "[core]askPass=x",
                                       "[core]gitProxy=x",
                                       "[core]alternateRefsCommand=x",
                                       "[core]worktree=/",
                                       "[include]path=x",
                                       "[includeIf \"gitdir:/\"]path=x",
                                       "[alias]st=!x",
                                       "[filter \"a\"]clean=x",
                                       "[filter \"a\"]process=x",
                                       "[diff \"a\"]textconv=x",
                                       "[diff]external=x",
                                       "[merge \"a\"]driver=x",
                                       "[credential]helper=!x",
                                       "[credential \"u\"]helper=x",
                                       "[gpg]program=x",
                                       "[gpg \"ssh\"]program=x",
                                       "[pager]log=x",
                                       "[sequence]editor=x",
                                       "[interactive]diffFilter=x",
                                       "[remote \"o\"]uploadpack=x",
                                       "[remote \"o\"]vcs=x",
                                       "[remote \"o\"]url=ext::sh -c x",
                                       "[submodule \"s\"]update=!x",
                                       "[protocol \"ext\"]allow=always",
                                       "[url \"x\"]insteadOf=y",
                                       "[difftool \"x\"]cmd=x",
                                       "[hook \"x\"]command=x",
                                       "[tar \"x\"]command=x",
                                       "[color.pager]x.y=z",
                                       "[core \"x\"]filemode=true",
                                       "[uploadpack]packObjectsHook=x",
                                       NULL};
    for (size_t i = 0; evil[i]; i++) {
        Seen seen = {.plain = true};
        bool whole = git_config_parse(str_from(evil[i]), see, &seen);
        if (whole && seen.plain) printf("# plain: %s\n", evil[i]);
        CHECK(!whole || !seen.plain);
    }
}

TEST(random_bytes_are_taken_or_refused_and_nothing_else)
{
    static const char alphabet[] = "[]\"\\=#; \t\r\nab.-1";
    unsigned          state = 7;
    size_t            whole = 0;
    for (int round = 0; round < 20000; round++) {
        char  *text = mem_new(24); /* on the heap: a sanitizer sees one byte too many */
        size_t len = (size_t)round % 24;
        Seen   seen = {.plain = true};
        for (size_t i = 0; i < len; i++) {
            state = state * 1103515245U + 12345U;
            text[i] = alphabet[(state >> 16) % (sizeof alphabet - 1)];
        }
        whole += git_config_parse((Str){text, len}, see, &seen);
        free(text);
    }
    CHECK(whole > 0 && whole < 20000);
}

int main(void) { return tap_run(); }
