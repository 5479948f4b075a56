/* Drafts: how they are called, and which of them a sweep takes. */
#include "../../host/files/draft.h"
#include "files_support.h"

#include <stdlib.h>

static char   gone[400];
static size_t count;

static void note(void *arg, Str path)
{
    (void)arg;
    count++;
    snprintf(gone, sizeof gone, "%.*s", STR_ARG(path));
}

static void sweep(const Yard *yard, const uint32_t *tag)
{
    atomic_bool stop = false;
    count = 0;
    draft_sweep(yard->path, tag, &stop, note, NULL);
}

TEST(a_draft_is_known_by_the_whole_of_its_name)
{
    char name[DRAFT_NAME_SIZE];
    CHECK(draft_name(draft_tag(STR("a run")), name));
    CHECK(draft_is_name(name));
    CHECK_INT(draft_tag(STR("a run")), draft_tag(STR("a run")));
    CHECK(draft_tag(STR("a run")) != draft_tag(STR("another run")));
    CHECK(draft_is_name(".new-0123456789abcdef"));
    CHECK(!draft_is_name(".new-0123456789abcde"));
    CHECK(!draft_is_name(".new-0123456789abcdef0"));
    CHECK(!draft_is_name(".new-0123456789ABCDEF"));
    CHECK(!draft_is_name(".new-0123456789abcdeg"));
    CHECK(!draft_is_name("new-0123456789abcdef"));
    CHECK(!draft_is_name(".old-0123456789abcdef"));
}

TEST(a_sweep_takes_the_drafts_of_its_tag_and_nothing_else)
{
    Yard     yard;
    uint32_t tag = 0x89abcdefU;
    yard_begin(&yard, NULL);
    put_folder(&yard, "root/src");
    put_folder(&yard, "root/src/deep");
    put_file(&yard, "root/src/deep/.new-89abcdef00000001", "half");
    put_file(&yard, "root/src/.new-00000000deadbeef", "another's");
    put_file(&yard, "root/src/.new-89abcdef", "the user's");
    put_file(&yard, "root/src/.new-89abcdef000000012", "the user's too");
    put_folder(&yard, "root/.new-89abcdef00000002");
    put_file(&yard, "root/.new-89abcdef00000002/kept", "in a folder of that name");
    put_link(&yard, "root/.new-89abcdef00000003", "src");
    put_file(&yard, "outside/.new-89abcdef00000004", "behind a link");
    put_link(&yard, "root/link", "../outside");
    sweep(&yard, &tag);
    CHECK_INT(count, 1);
    CHECK_TEXT(gone, "src/deep/.new-89abcdef00000001");
    CHECK_TEXT(text_of(&yard, "root/src/deep/.new-89abcdef00000001"), "(none)");
    CHECK_TEXT(text_of(&yard, "root/src/.new-00000000deadbeef"), "another's");
    CHECK_TEXT(text_of(&yard, "root/src/.new-89abcdef"), "the user's");
    CHECK_TEXT(text_of(&yard, "root/.new-89abcdef00000002/kept"), "in a folder of that name");
    CHECK(S_ISLNK(stat_of(&yard, "root/.new-89abcdef00000003").st_mode));
    CHECK_TEXT(text_of(&yard, "outside/.new-89abcdef00000004"), "behind a link");
    char behind[100];
    snprintf(behind, sizeof behind, "%s/outside/.new-89abcdef00000004", yard.base);
    CHECK(unlink(behind) == 0);
    sweep(&yard, NULL);
    CHECK_INT(count, 1);
    CHECK_TEXT(gone, "src/.new-00000000deadbeef");
    yard_end(&yard);
}

TEST(a_folder_that_is_not_there_holds_no_drafts)
{
    atomic_bool stop = false;
    count = 0;
    draft_sweep("/nowhere/at/all", NULL, &stop, note, NULL);
    CHECK_INT(count, 0);
}

int main(void) { return tap_run(); }
