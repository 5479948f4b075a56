/* Writing: whole or not at all, where it may, and nothing is left behind. */
#include "files_support.h"

#include "../../host/base/limits.h"
#include "../../host/base/mem.h"

#include <stdarg.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

static const char *hash_of(const char *text)
{
    static char hash[HASH_HEX_SIZE];
    hash_hex(str_from(text), hash);
    return hash;
}

TEST(a_new_file_is_made_with_its_missing_folders)
{
    Yard yard;
    yard_begin(&yard, NULL);
    mode_t before = umask(022);
    CHECK_INT(write_it(&yard, "a/b/c/f", "one", NULL), ST_OK);
    CHECK_TEXT(text_of(&yard, "root/a/b/c/f"), "one");
    CHECK_INT(stat_of(&yard, "root/a/b/c/f").st_mode & 07777, 0644);
    CHECK_INT(stat_of(&yard, "root/a/b").st_mode & 07777, 0755);
    umask(077);
    CHECK_INT(write_it(&yard, "a/private", "one", NULL), ST_OK);
    CHECK_INT(stat_of(&yard, "root/a/private").st_mode & 07777, 0600);
    umask(before);
    CHECK_INT(entries_in(&yard, "root/a/b/c"), 1);
    yard_end(&yard);
}

TEST(a_file_that_is_replaced_keeps_its_mode_and_owner_but_not_setuid)
{
    Yard     yard;
    char     path[200];
    FileInfo info;
    yard_begin(&yard, NULL);
    put_file(&yard, "root/run.sh", "old");
    snprintf(path, sizeof path, "%s/run.sh", yard.path);
    bool as_root = geteuid() == 0;
    if (as_root) CHECK(chown(path, 1234, 1235) == 0);
    CHECK(chmod(path, 04751) == 0);
    ino_t old = stat_of(&yard, "root/run.sh").st_ino;
    CHECK_INT(root_write(yard.root, STR("run.sh"), STR("new"), NULL, &info, &yard.err), ST_OK);
    CHECK_INT(info.mode, 0751);
    struct stat st = stat_of(&yard, "root/run.sh");
    CHECK(st.st_ino != old);
    CHECK_INT(st.st_mode & 07777, 0751);
    if (as_root) CHECK(st.st_uid == 1234 && st.st_gid == 1235);
    CHECK_TEXT(text_of(&yard, "root/run.sh"), "new");
    yard_end(&yard);
}

TEST(a_file_whose_mode_forbids_writing_to_all_is_left_alone)
{
    Yard yard;
    char path[200];
    yard_begin(&yard, NULL);
    put_file(&yard, "root/f", "old");
    snprintf(path, sizeof path, "%s/f", yard.path);
    CHECK(chmod(path, 0444) == 0);
    CHECK_INT(write_it(&yard, "f", "new", NULL), ST_DENIED);
    CHECK_TEXT(text_of(&yard, "root/f"), "old");
    yard_end(&yard);
}

TEST(a_write_that_expects_a_state_is_refused_when_it_finds_another)
{
    Yard yard;
    yard_begin(&yard, NULL);
    CHECK_INT(write_it(&yard, "f", "one", hash_of("zero")), ST_INVALID);
    CHECK(strstr(yard.err.text, "gone") != NULL);
    CHECK_INT(write_it(&yard, "f", "one", ""), ST_OK);
    CHECK_INT(write_it(&yard, "f", "two", ""), ST_INVALID);
    CHECK_INT(write_it(&yard, "f", "two", hash_of("zero")), ST_INVALID);
    CHECK(strstr(yard.err.text, "changed since") != NULL);
    CHECK_TEXT(text_of(&yard, "root/f"), "one");
    CHECK_INT(write_it(&yard, "f", "two", hash_of("one")), ST_OK);
    CHECK_INT(write_it(&yard, "f", "three", NULL), ST_OK);
    CHECK_TEXT(text_of(&yard, "root/f"), "three");
    CHECK_INT(entries_in(&yard, "root"), 1);
    yard_end(&yard);
}

TEST(a_link_stays_a_link_and_the_file_behind_it_is_replaced)
{
    Yard yard;
    yard_begin(&yard, NULL);
    put_folder(&yard, "root/a");
    put_file(&yard, "root/a/f", "old");
    put_link(&yard, "root/l", "a/f");
    put_link(&yard, "root/dangling", "a/new");
    CHECK_INT(write_it(&yard, "l", "new", hash_of("old")), ST_OK);
    CHECK_TEXT(text_of(&yard, "root/a/f"), "new");
    CHECK(S_ISLNK(stat_of(&yard, "root/l").st_mode));
    CHECK_INT(write_it(&yard, "dangling", "made", ""), ST_OK);
    CHECK_TEXT(text_of(&yard, "root/a/new"), "made");
    yard_end(&yard);
}

TEST(nothing_outside_the_root_can_be_written)
{
    static const char *const paths[] = {
        "../outside/secret", "../outside/new",        "link", "folder/new", "dangling",
        "/etc/perigee-test", "none/../../outside/new"};
    Yard yard;
    yard_begin(&yard, NULL);
    put_link(&yard, "root/link", "../outside/secret");
    put_link(&yard, "root/folder", "../outside");
    put_link(&yard, "root/dangling", "../outside/new");
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        Status status = write_it(&yard, paths[i], "x", NULL);
        if (status != ST_DENIED) printf("# %s: %s\n", paths[i], yard.err.text);
        CHECK_INT(status, ST_DENIED);
    }
    yard_end(&yard);
}

TEST(read_only_parts_and_pins_can_be_read_but_not_written_under_any_name)
{
    static const char *const pins[] = {"agents", "lua/../tools", NULL};
    static const char *const paths[] = {
        ".git/config",        ".git/hooks/pre-commit", "sub/.git/config",
        ".perigee/lua/x.lua", ".claude/new",           "agents/a.md",
        "pinned/a.md",        "tools/new/deep",        "real_agents/../agents/a.md",
        "repository/config"};
    Yard yard;
    yard_begin(&yard, NULL);
    put_folder(&yard, "root/.git");
    put_file(&yard, "root/.git/config", "[core]");
    put_folder(&yard, "root/real_agents");
    put_file(&yard, "root/real_agents/a.md", "agent");
    root_free(yard.root);
    put_link(&yard, "root/agents", "real_agents"); /* the pin is a link: both its ends are pinned */
    RootSpec spec = {yard.path, pins};
    CHECK(root_open(&spec, &yard.root, &yard.err) == ST_OK);
    put_link(&yard, "root/pinned", "agents");
    put_link(&yard, "root/repository", ".git");
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        Status status = write_it(&yard, paths[i], "x", NULL);
        if (status != ST_DENIED) printf("# %s\n", paths[i]);
        CHECK_INT(status, ST_DENIED);
    }
    CHECK_INT(write_it(&yard, "real_agents/a.md", "x", NULL), ST_DENIED);
    CHECK_TEXT(read_it(&yard, ".git/config"), "[core]");
    CHECK_TEXT(read_it(&yard, "pinned/a.md"), "agent");
    CHECK_INT(write_it(&yard, "toolsx", "x", NULL), ST_OK);
    yard_end(&yard);
}

TEST(a_folder_is_not_written_over)
{
    Yard yard;
    yard_begin(&yard, NULL);
    put_folder(&yard, "root/a");
    CHECK_INT(write_it(&yard, "a", "x", NULL), ST_INVALID);
    CHECK_INT(write_it(&yard, "a", "x", ""), ST_INVALID);
    CHECK_INT(write_it(&yard, "", "x", NULL), ST_INVALID);
    CHECK_INT(write_it(&yard, "new/", "x", NULL), ST_INVALID);
    CHECK_INT(entries_in(&yard, "root"), 1);
    CHECK_INT(entries_in(&yard, "root/a"), 0);
    yard_end(&yard);
}

TEST(more_than_the_limit_is_refused_before_anything_is_made)
{
    Yard     yard;
    FileInfo info;
    char     byte = 'x';
    Str      huge = {&byte, LIMIT_FILE_READ + 1};
    yard_begin(&yard, NULL);
    CHECK_INT(root_write(yard.root, STR("a/f"), huge, NULL, &info, &yard.err), ST_LIMIT);
    CHECK_INT(entries_in(&yard, "root"), 0);
    yard_end(&yard);
}

#ifdef PERIGEE_FAULTS
/* The counter of passes lives as long as the process: every case tries the next number. */
static void check_fault_leaves_nothing(const char *seam, const char *path, int *pass)
{
    Yard yard;
    char fault[64];
    yard_begin(&yard, NULL);
    put_file(&yard, "root/f", "old");
    snprintf(fault, sizeof fault, "%s:%d", seam, ++*pass);
    setenv("PERIGEE_FAULT", fault, 1);
    CHECK_INT(write_it(&yard, path, "new", NULL), ST_IO);
    unsetenv("PERIGEE_FAULT");
    CHECK_TEXT(text_of(&yard, "root/f"), "old");
    CHECK_INT(entries_in(&yard, "root"), 1); /* neither a draft nor a folder */
    yard_end(&yard);
}
#endif

TEST(a_write_that_fails_leaves_the_old_file_and_nothing_else)
{
#ifdef PERIGEE_FAULTS
    int pass = 0;
    check_fault_leaves_nothing("files.write", "f", &pass);
    check_fault_leaves_nothing("files.write", "a/b/f", &pass);
    check_fault_leaves_nothing("files.rename", "f", &pass);
    check_fault_leaves_nothing("files.rename", "a/b/f", &pass);
#else
    SKIP("this build has no fault seams (MODE=asan has)");
#endif
}

TEST(a_full_disk_leaves_the_old_file_and_nothing_else)
{
    Yard yard;
    char path[200];
    yard_begin(&yard, NULL);
    root_free(yard.root);
    yard.root = NULL;
    bool mounted = mount("none", yard.path, "tmpfs", 0, "size=64k") == 0;
    if (mounted) {
        RootSpec spec = {yard.path, NULL};
        char    *big = mem_new(200001);
        memset(big, 'x', 200000);
        CHECK(root_open(&spec, &yard.root, &yard.err) == ST_OK);
        CHECK_INT(write_it(&yard, "f", "old", NULL), ST_OK);
        CHECK_INT(write_it(&yard, "f", big, NULL), ST_IO);
        CHECK(strstr(yard.err.text, "disk is full") != NULL);
        CHECK_INT(write_it(&yard, "a/b", big, NULL), ST_IO);
        CHECK_TEXT(text_of(&yard, "root/f"), "old");
        CHECK_INT(entries_in(&yard, "root"), 1);
        free(big);
        root_free(yard.root);
        yard.root = NULL;
        CHECK(umount(yard.path) == 0);
    }
    snprintf(path, sizeof path, "%s", yard.path);
    yard_end(&yard);
    if (!mounted) SKIP("only root may mount a small tmpfs");
}

TEST(a_file_system_that_is_mounted_read_only_is_told)
{
    Yard yard;
    yard_begin(&yard, NULL);
    root_free(yard.root);
    yard.root = NULL;
    bool mounted = mount("none", yard.path, "tmpfs", 0, "size=64k") == 0;
    if (mounted) {
        RootSpec spec = {yard.path, NULL};
        CHECK(root_open(&spec, &yard.root, &yard.err) == ST_OK);
        CHECK_INT(write_it(&yard, "f", "old", NULL), ST_OK);
        CHECK(mount("none", yard.path, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
        CHECK_INT(write_it(&yard, "f", "new", NULL), ST_DENIED);
        CHECK(strstr(yard.err.text, "mounted read-only") != NULL);
        CHECK_INT(write_it(&yard, "a/new", "new", NULL), ST_DENIED);
        CHECK_TEXT(read_it(&yard, "f"), "old");
        root_free(yard.root);
        yard.root = NULL;
        CHECK(umount(yard.path) == 0);
    }
    yard_end(&yard);
    if (!mounted) SKIP("only root may mount a small tmpfs");
}

TEST(a_file_that_is_a_mount_is_not_replaced)
{
    Yard yard;
    char from[200], to[200];
    yard_begin(&yard, NULL);
    put_file(&yard, "outside/other", "other");
    put_file(&yard, "root/f", "old");
    snprintf(from, sizeof from, "%s/outside/other", yard.base);
    snprintf(to, sizeof to, "%s/f", yard.path);
    bool mounted = mount(from, to, NULL, MS_BIND, NULL) == 0;
    if (mounted) {
        CHECK_INT(write_it(&yard, "f", "new", NULL), ST_DENIED);
        CHECK(strstr(yard.err.text, "mount") != NULL);
        CHECK_TEXT(text_of(&yard, "outside/other"), "other");
        CHECK_INT(entries_in(&yard, "root"), 1);
        CHECK(umount(to) == 0);
    }
    CHECK(unlink(from) == 0);
    yard_end(&yard);
    if (!mounted) SKIP("only root may bind a file over another");
}

TEST(other_names_of_a_replaced_file_keep_the_old_content)
{
    Yard yard;
    char from[200], to[200];
    yard_begin(&yard, NULL);
    put_file(&yard, "root/f", "old");
    snprintf(from, sizeof from, "%s/f", yard.path);
    snprintf(to, sizeof to, "%s/outside/hard", yard.base);
    CHECK(link(from, to) == 0);
    CHECK_INT(write_it(&yard, "f", "new", NULL), ST_OK);
    CHECK_TEXT(text_of(&yard, "outside/hard"), "old"); /* nothing outside was written through it */
    CHECK(unlink(to) == 0);
    yard_end(&yard);
}

TEST(a_replaced_file_keeps_its_access_list_and_user_attributes_but_no_rights_of_a_program)
{
    /* user::rw- user:1234:rw- group::r-- mask::rw- other::--- (acl(5), the kernel's xattr form) */
    static const unsigned char list[] = {2,   0,   0,   0,   1,   0,   6,  0,   255, 255, 255,
                                         255, 2,   0,   6,   0,   210, 4,  0,   0,   4,   0,
                                         4,   0,   255, 255, 255, 255, 16, 0,   6,   0,   255,
                                         255, 255, 255, 32,  0,   0,   0,  255, 255, 255, 255};
    Yard                       yard;
    char                       path[200];
    unsigned char              got[100];
    yard_begin(&yard, NULL);
    put_file(&yard, "root/f", "old");
    snprintf(path, sizeof path, "%s/f", yard.path);
    bool has_list = setxattr(path, "system.posix_acl_access", list, sizeof list, 0) == 0;
    bool has_user = setxattr(path, "user.note", "mine", 4, 0) == 0;
    CHECK_INT(write_it(&yard, "f", "new", NULL), ST_OK);
    CHECK_TEXT(text_of(&yard, "root/f"), "new");
    if (has_list) {
        CHECK_INT(getxattr(path, "system.posix_acl_access", got, sizeof got), sizeof list);
        CHECK(memcmp(got, list, sizeof list) == 0);
    }
    if (has_user) CHECK_INT(getxattr(path, "user.note", got, sizeof got), 4);
    CHECK_INT(stat_of(&yard, "root/f").st_mode & 07777, has_list ? 0660 : 0644);
    yard_end(&yard);
    if (!has_list && !has_user) SKIP("this file system keeps no attributes");
}

/* -- others at work at the same moment --------------------------------------------------------- */

/* Called by root_write's fchmod, between its first look at the file and the rename. The program's
 * own fchmod stands before libc's. */
static void (*in_between)(Yard *yard);
static Yard *between_yard;

int fchmod(int fd, mode_t mode)
{
    void (*now)(Yard *) = in_between;
    char self[40];
    in_between = NULL;
    if (now) now(between_yard);
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    return chmod(self, mode);
}

static Status write_while(Yard *yard, void (*happens)(Yard *), const char *expect)
{
    between_yard = yard;
    in_between = happens;
    Status status = write_it(yard, "a/f", "new", expect);
    CHECK(in_between == NULL);
    in_between = NULL;
    return status;
}

static void begin_with_file(Yard *yard)
{
    yard_begin(yard, NULL);
    put_folder(yard, "root/a");
    put_file(yard, "root/a/f", "old");
}

static void change_file(Yard *yard) { put_file(yard, "root/a/f", "other"); }

TEST(a_file_changed_between_check_and_rename_is_not_written_over)
{
    Yard yard;
    begin_with_file(&yard);
    CHECK_INT(write_while(&yard, change_file, hash_of("old")), ST_INVALID);
    CHECK_TEXT(text_of(&yard, "root/a/f"), "other");
    CHECK_INT(entries_in(&yard, "root/a"), 1);
    yard_end(&yard);
}

static void touch_file(Yard *yard) { put_file(yard, "root/a/f", "old"); }

TEST(a_file_that_was_only_touched_is_written)
{
    Yard yard;
    begin_with_file(&yard);
    CHECK_INT(write_while(&yard, touch_file, hash_of("old")), ST_OK);
    CHECK_TEXT(text_of(&yard, "root/a/f"), "new");
    yard_end(&yard);
}

static void move_folder_out(Yard *yard)
{
    char from[200], to[200];
    snprintf(from, sizeof from, "%s/a", yard->path);
    snprintf(to, sizeof to, "%s/moved", yard->path);
    CHECK(rename(from, to) == 0);
    CHECK(symlink("../outside", from) == 0);
}

TEST(a_folder_replaced_by_a_link_to_the_outside_takes_nothing_there)
{
    Yard yard;
    begin_with_file(&yard);
    CHECK(write_while(&yard, move_folder_out, NULL) != ST_OK);
    CHECK_TEXT(text_of(&yard, "root/moved/f"), "old");
    CHECK_INT(entries_in(&yard, "root/moved"), 1);
    yard_end(&yard);
}

static void exchange_folder(Yard *yard)
{
    char from[200], to[200];
    snprintf(from, sizeof from, "%s/a", yard->path);
    snprintf(to, sizeof to, "%s/moved", yard->path);
    CHECK(rename(from, to) == 0);
    CHECK(mkdir(from, 0755) == 0);
}

TEST(a_folder_that_was_moved_away_is_not_written_to_under_its_new_name)
{
    Yard yard;
    begin_with_file(&yard);
    CHECK_INT(write_while(&yard, exchange_folder, NULL), ST_INVALID);
    CHECK_TEXT(text_of(&yard, "root/moved/f"), "old");
    CHECK_INT(entries_in(&yard, "root/moved"), 1);
    CHECK_INT(entries_in(&yard, "root/a"), 0);
    yard_end(&yard);
}

static void replace_by_link(Yard *yard)
{
    char path[200];
    snprintf(path, sizeof path, "%s/a/f", yard->path);
    CHECK(unlink(path) == 0);
    CHECK(symlink("../../outside/secret", path) == 0);
}

TEST(a_file_replaced_by_a_link_to_the_outside_does_not_lead_there)
{
    Yard yard;
    begin_with_file(&yard);
    CHECK(write_while(&yard, replace_by_link, NULL) != ST_OK);
    CHECK_INT(entries_in(&yard, "root/a"), 1);
    yard_end(&yard); /* looks that outside/ is as it was */
}

/* -- a file system without O_TMPFILE ----------------------------------------------------------- */

static bool tmpfile_is_missing;

int openat(int folder, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (tmpfile_is_missing && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return (int)syscall(SYS_openat, folder, path, flags, mode);
}

TEST(where_a_draft_needs_a_name_writing_does_the_same)
{
    Yard yard;
    begin_with_file(&yard);
    tmpfile_is_missing = true;
    CHECK_INT(write_it(&yard, "a/f", "one", hash_of("old")), ST_OK);
    CHECK_INT(write_it(&yard, "a/f", "two", hash_of("old")), ST_INVALID);
    CHECK_INT(write_it(&yard, "a/f", "two", ""), ST_INVALID);
    CHECK_INT(write_while(&yard, change_file, hash_of("one")), ST_INVALID);
    CHECK_INT(write_it(&yard, "a/g", "new", ""), ST_OK);
    CHECK_INT(entries_in(&yard, "root/a"), 2);
    CHECK_TEXT(text_of(&yard, "root/a/f"), "other");
    CHECK_TEXT(text_of(&yard, "root/a/g"), "new");
    tmpfile_is_missing = false;
    yard_end(&yard);
}

int main(void) { return tap_run(); }
