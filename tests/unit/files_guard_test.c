/* Whether others can write what the host obeys: owners, modes and links on the way. */
#include "../../host/files/guard.h"
#include "../../host/files/scratch.h"
#include "tap.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char *root; /* a fresh folder, 0700 */
static Err   err;

static const char *at(const char *name)
{
    static char paths[4][4096];
    static int  turn;
    char       *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

static void begin(void)
{
    err_clear(&err);
    CHECK_INT(scratch_new("perigee-guard", &root, &err), ST_OK);
}

static void end(void)
{
    CHECK(scratch_remove(root));
    free(root);
}

static void make_folder(const char *name, mode_t mode)
{
    CHECK_INT(mkdir(at(name), 0700), 0);
    CHECK_INT(chmod(at(name), mode), 0);
}

static void make_file(const char *name, mode_t mode)
{
    FILE *file = fopen(at(name), "w");
    CHECK(file != NULL);
    if (file) fclose(file);
    CHECK_INT(chmod(at(name), mode), 0);
}

static Status guard(const char *name)
{
    err_clear(&err);
    return guard_path(at(name), &err);
}

static bool says(const char *part) { return strstr(err.text, part) != NULL; }

TEST(what_only_its_user_writes_is_obeyed)
{
    begin();
    make_folder("config", 0755);
    make_file("config/file", 0644);
    CHECK_INT(guard("config/file"), ST_OK);
    CHECK_INT(guard("config"), ST_OK);
    CHECK_INT(guard("config/./../config//file"), ST_OK);
    end();
}

TEST(a_file_that_others_write_is_refused_with_what_to_do)
{
    begin();
    make_file("file", 0646);
    CHECK_INT(guard("file"), ST_DENIED);
    CHECK(says("everybody"));
    CHECK(says("chmod go-w"));
    CHECK(says(at("file")));
    end();
}

TEST(a_folder_on_the_way_that_others_write_is_refused)
{
    begin();
    make_folder("open", 0777);
    make_folder("open/config", 0700);
    make_file("open/config/file", 0600);
    CHECK_INT(guard("open/config/file"), ST_DENIED);
    CHECK(says("open can be written"));
    CHECK_INT(chmod(at("open"), 01777), 0); /* the sticky bit: nobody replaces what is mine */
    CHECK_INT(guard("open/config/file"), ST_OK);
    CHECK_INT(guard("open"), ST_DENIED); /* but what lies in it may be anybody's */
    end();
}

TEST(links_lead_anywhere_that_keeps_the_rules)
{
    begin();
    make_folder("dots", 0755);
    make_file("dots/file", 0644);
    make_folder("config", 0755);
    CHECK_INT(symlink("../dots/file", at("config/relative")), 0);
    CHECK_INT(symlink(at("dots/file"), at("config/absolute")), 0);
    CHECK_INT(symlink("relative", at("config/twice")), 0);
    CHECK_INT(symlink("dots", at("folder")), 0);
    CHECK_INT(guard("config/relative"), ST_OK);
    CHECK_INT(guard("config/absolute"), ST_OK);
    CHECK_INT(guard("config/twice"), ST_OK);
    CHECK_INT(guard("folder/file"), ST_OK);
    CHECK_INT(chmod(at("dots"), 0777), 0);
    CHECK_INT(guard("config/relative"), ST_DENIED);
    CHECK_INT(guard("config/absolute"), ST_DENIED);
    CHECK_INT(guard("config/twice"), ST_DENIED);
    CHECK_INT(guard("folder/file"), ST_DENIED);
    end();
}

TEST(a_folder_between_two_links_counts_too)
{
    begin();
    make_folder("safe", 0755);
    make_file("safe/file", 0644);
    make_folder("open", 0777);
    CHECK_INT(symlink(at("safe/file"), at("open/hop")), 0);
    CHECK_INT(symlink(at("open/hop"), at("start")), 0);
    CHECK_INT(guard("start"), ST_DENIED);
    CHECK(says("open can be written"));
    end();
}

TEST(links_in_a_circle_and_to_nowhere_end)
{
    begin();
    CHECK_INT(symlink("b", at("a")), 0);
    CHECK_INT(symlink("a", at("b")), 0);
    CHECK_INT(guard("a"), ST_INVALID);
    CHECK_INT(symlink("gone", at("c")), 0);
    CHECK_INT(guard("c"), ST_NOT_FOUND);
    CHECK_INT(guard("none/at/all"), ST_NOT_FOUND);
    make_file("file", 0600);
    CHECK_INT(guard("file/below"), ST_NOT_FOUND);
    end();
}

TEST(what_is_another_users_is_refused)
{
    if (geteuid() != 0) SKIP("only root can give files away");
    begin();
    make_file("file", 0644);
    CHECK_INT(chown(at("file"), 12345, 0), 0);
    CHECK_INT(guard("file"), ST_DENIED);
    CHECK(says("belongs to user 12345"));
    make_file("target", 0644);
    CHECK_INT(symlink("target", at("link")), 0);
    CHECK_INT(lchown(at("link"), 12345, 0), 0);
    CHECK_INT(guard("link"), ST_DENIED);
    make_folder("theirs", 0755);
    make_file("theirs/file", 0644);
    CHECK_INT(chown(at("theirs"), 12345, 0), 0);
    CHECK_INT(guard("theirs/file"), ST_DENIED);
    end();
}

TEST(a_group_may_write_only_when_it_is_the_users_own)
{
    if (geteuid() != 0) SKIP("only root can give files to any group");
    begin();
    make_file("file", 0664);
    CHECK_INT(chown(at("file"), 0, 54321), 0);
    CHECK_INT(guard("file"), ST_DENIED);
    CHECK(says("its group"));
    CHECK_INT(chown(at("file"), 0, 0), 0);
    CHECK_INT(guard("file"), ST_OK); /* root's group is called root, and holds nobody else */
    make_folder("admins", 0775);
    make_file("admins/file", 0644);
    CHECK_INT(chown(at("admins"), 0, 54321), 0);
    CHECK_INT(guard("admins/file"), ST_OK); /* on the way, root decides who its admins are */
    CHECK_INT(guard("admins"), ST_DENIED);  /* at the end it does not count */
    end();
}

TEST(a_folder_of_ones_own_is_made_closed_or_refused)
{
    struct stat info;
    bool        mended = true;
    begin();
    err_clear(&err);
    CHECK_INT(guard_own_folder(at("state/perigee"), &mended, &err), ST_OK);
    CHECK(!mended);
    CHECK_INT(stat(at("state/perigee"), &info), 0);
    CHECK_INT(info.st_mode & 07777, 0700);
    CHECK_INT(chmod(at("state/perigee"), 0755), 0);
    CHECK_INT(guard_own_folder(at("state/perigee"), &mended, &err), ST_OK);
    CHECK(mended);
    CHECK_INT(stat(at("state/perigee"), &info), 0);
    CHECK_INT(info.st_mode & 07777, 0700);
    CHECK_INT(chmod(at("state/perigee"), 0777), 0);
    CHECK_INT(guard_own_folder(at("state/perigee"), &mended, &err), ST_DENIED);
    make_file("file", 0600);
    CHECK_INT(guard_own_folder(at("file"), &mended, &err), ST_INVALID);
    CHECK(guard_own_folder(at("file/below"), &mended, &err) != ST_OK);
    end();
}

int main(void) { return tap_run(); }
