/* Reading, looking and listing: what is inside comes, what is outside or masked never does. */
#include "files_support.h"

#include "../../host/base/mem.h"
#include "../../host/files/path.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

TEST(a_file_is_read_by_a_relative_and_by_an_absolute_path)
{
    Yard yard;
    char path[200];
    yard_begin(&yard, NULL);
    put_folder(&yard, "root/a");
    put_file(&yard, "root/a/f", "hello");
    CHECK_TEXT(read_it(&yard, "a/f"), "hello");
    CHECK_TEXT(read_it(&yard, "./a//./f"), "hello");
    CHECK_TEXT(read_it(&yard, "a/../a/f"), "hello");
    snprintf(path, sizeof path, "%s/a/f", yard.path);
    CHECK_TEXT(read_it(&yard, path), "hello");
    CHECK(read_it(&yard, "a/g") == NULL && yard.err.status == ST_NOT_FOUND);
    CHECK(read_it(&yard, "none/g") == NULL && yard.err.status == ST_NOT_FOUND);
    CHECK(read_it(&yard, "a/f/g") == NULL && yard.err.status == ST_INVALID);
    CHECK(read_it(&yard, "a") == NULL && yard.err.status == ST_INVALID);
    CHECK(strstr(yard.err.text, "folder") != NULL);
    CHECK(read_it(&yard, "") == NULL && yard.err.status == ST_INVALID);
    yard_end(&yard);
}

TEST(nothing_outside_the_root_can_be_read)
{
    static const char *const paths[] = {"../outside/secret",
                                        "a/../../outside/secret",
                                        "/etc/passwd",
                                        "..",
                                        "/",
                                        "out",
                                        "out_absolute",
                                        "folder/secret",
                                        "up/secret",
                                        "chain",
                                        "a/up2/secret",
                                        "/proc/self/root/etc/passwd"};
    Yard                     yard;
    char                     path[200];
    yard_begin(&yard, NULL);
    put_folder(&yard, "root/a");
    put_link(&yard, "root/out", "../outside/secret");
    snprintf(path, sizeof path, "%s/outside/secret", yard.base);
    put_link(&yard, "root/out_absolute", path);
    CHECK(read_it(&yard, path) == NULL && yard.err.status == ST_DENIED);
    put_link(&yard, "root/folder", "../outside");
    put_link(&yard, "root/up", "a/../../outside");
    put_link(&yard, "root/a/up2", "../../outside");
    put_link(&yard, "root/chain", "out");
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        CHECK(read_it(&yard, paths[i]) == NULL);
        if (yard.err.status != ST_DENIED) printf("# %s: %s\n", paths[i], yard.err.text);
        CHECK_INT(yard.err.status, ST_DENIED);
    }
    snprintf(path, sizeof path, "%sx/f",
             yard.path); /* a sibling that begins with the root's name */
    CHECK(read_it(&yard, path) == NULL && yard.err.status == ST_DENIED);
    yard_end(&yard);
}

TEST(links_are_followed_inside_the_root_also_absolute_ones)
{
    Yard yard;
    char path[200];
    yard_begin(&yard, NULL);
    put_folder(&yard, "root/a");
    put_folder(&yard, "root/a/b");
    put_file(&yard, "root/a/f", "hello");
    put_link(&yard, "root/near", "a/f");
    put_link(&yard, "root/a/b/back", "../../near");
    put_link(&yard, "root/folder", "a/b/..");
    snprintf(path, sizeof path, "%s/a", yard.path);
    put_link(&yard, "root/a/b/absolute", path);
    CHECK_TEXT(read_it(&yard, "near"), "hello");
    CHECK_TEXT(read_it(&yard, "a/b/back"), "hello");
    CHECK_TEXT(read_it(&yard, "folder/f"), "hello");
    CHECK_TEXT(read_it(&yard, "folder/b/../f"), "hello");
    CHECK_TEXT(read_it(&yard, "a/b/absolute/f"), "hello");
    put_link(&yard, "root/loop", "loop2");
    put_link(&yard, "root/loop2", "loop");
    CHECK(read_it(&yard, "loop") == NULL && yard.err.status == ST_INVALID);
    yard_end(&yard);
}

TEST(masked_names_cannot_be_read_under_any_name)
{
    Yard yard;
    yard_begin(&yard, NULL);
    put_folder(&yard, "root/a");
    put_file(&yard, "root/.env", "KEY=1");
    put_file(&yard, "root/.env.example", "KEY=");
    put_file(&yard, "root/a/id_rsa", "key");
    put_file(&yard, "root/plain", "plain");
    put_link(&yard, "root/innocent.txt", ".env");
    put_link(&yard, "root/b", "a");
    put_link(&yard, "root/x.pem", "plain");
    static const char *const masked[] = {".env",     "./a/../.env", "innocent.txt", "a/id_rsa",
                                         "b/id_rsa", "x.pem",       "no/such/.env"};
    for (size_t i = 0; i < sizeof masked / sizeof masked[0]; i++) {
        CHECK(read_it(&yard, masked[i]) == NULL);
        CHECK_INT(yard.err.status, ST_DENIED);
        CHECK_INT(write_it(&yard, masked[i], "x", NULL), ST_DENIED);
    }
    CHECK_TEXT(text_of(&yard, "root/.env"), "KEY=1");
    CHECK_TEXT(read_it(&yard, ".env.example"), "KEY=");
    yard_end(&yard);
}

TEST(a_fifo_a_socket_and_a_device_are_refused_without_waiting)
{
    Yard               yard;
    char               path[200];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    FileInfo           info;
    yard_begin(&yard, NULL);
    snprintf(path, sizeof path, "%s/fifo", yard.path);
    CHECK(mkfifo(path, 0600) == 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/sock", yard.path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    close(fd);
    CHECK(read_it(&yard, "fifo") == NULL && yard.err.status == ST_INVALID);
    CHECK(strstr(yard.err.text, "FIFO") != NULL);
    CHECK(read_it(&yard, "sock") == NULL && yard.err.status == ST_INVALID);
    CHECK_INT(write_it(&yard, "fifo", "x", NULL), ST_INVALID);
    CHECK_INT(write_it(&yard, "fifo", "x", ""), ST_INVALID);
    CHECK(S_ISFIFO(stat_of(&yard, "root/fifo").st_mode));
    CHECK(root_info(yard.root, STR("fifo"), &info, &yard.err) == ST_OK && info.kind == FILE_OTHER);

    Root    *devices = NULL;
    RootSpec spec = {"/dev", NULL};
    Buf      out;
    buf_init(&out, 100);
    CHECK(root_open(&spec, &devices, &yard.err) == ST_OK);
    CHECK(root_read(devices, STR("zero"), 100, &out, &info, &yard.err) == ST_INVALID);
    CHECK(strstr(yard.err.text, "device") != NULL);
    root_free(devices);
    buf_clear(&out);
    yard_end(&yard);
}

TEST(a_file_of_ten_gigabytes_is_refused_by_its_size)
{
    Yard     yard;
    char     path[200];
    FileInfo info;
    Buf      out;
    buf_init(&out, 1000);
    yard_begin(&yard, NULL);
    put_file(&yard, "root/big", "");
    put_file(&yard, "root/six", "123456");
    snprintf(path, sizeof path, "%s/big", yard.path);
    CHECK(truncate(path, 10LL << 30) == 0);
    CHECK_INT(root_read(yard.root, STR("big"), 1000, &out, &info, &yard.err), ST_LIMIT);
    CHECK_INT(root_read(yard.root, STR("six"), 5, &out, &info, &yard.err), ST_LIMIT);
    CHECK_INT(out.len, 0);
    CHECK_INT(root_read(yard.root, STR("six"), 6, &out, &info, &yard.err), ST_OK);
    CHECK_INT(out.len, 6);
    CHECK_INT(root_read(yard.root, STR("six"), 6, &out, &info, &yard.err), ST_OK); /* appends */
    CHECK_TEXT(out.ptr, "123456123456");
    CHECK_INT(root_info(yard.root, STR("big"), &info, &yard.err), ST_OK);
    CHECK_INT(info.size, 10LL << 30);
    CHECK_INT(write_it(&yard, "big", "x", "0000"), ST_LIMIT);
    buf_clear(&out);
    yard_end(&yard);
}

TEST(a_file_that_does_not_know_its_size_is_read_to_its_end)
{
    Root    *root = NULL;
    RootSpec spec = {"/proc", NULL};
    FileInfo info;
    Err      err;
    Buf      out;
    buf_init(&out, 1 << 20);
    CHECK(root_open(&spec, &root, &err) == ST_OK);
    CHECK_INT(root_read(root, STR("version"), 10000, &out, &info, &err), ST_OK);
    CHECK(out.len > 10 && info.size == out.len);
    buf_reset(&out);
    CHECK_INT(root_read(root, STR("version"), 10, &out, &info, &err), ST_LIMIT);
    CHECK_INT(out.len, 0);
    CHECK_INT(root_read(root, STR("self/root/etc/passwd"), 10000, &out, &info, &err), ST_DENIED);
    root_free(root);
    buf_clear(&out);
}

TEST(paths_of_4095_bytes_work_longer_ones_and_nul_bytes_are_refused)
{
    Yard yard;
    yard_begin(&yard, NULL);
    char path[PATH_MAX + 1] = "";
    while (strlen(path) + 202 < PATH_MAX - 1) { /* folders of 200 bytes */
        memset(path + strlen(path), 'd', 200);
        strcat(path, "/");
    }
    memset(path + strlen(path), 'f', PATH_MAX - 1 - strlen(path));
    CHECK_INT(strlen(path), 4095);
    CHECK_INT(write_it(&yard, path, "deep", ""), ST_OK);
    CHECK_TEXT(read_it(&yard, path), "deep");
    CHECK(strlen(yard.err.text) < ERR_TEXT_MAX);
    strcat(path, "f");
    CHECK(read_it(&yard, path) == NULL && yard.err.status == ST_INVALID);
    CHECK(strstr(yard.err.text, "4096 bytes") != NULL);
    char name[300] = "";
    memset(name, 'n', 256);
    CHECK(read_it(&yard, name) == NULL && yard.err.status == ST_INVALID);
    CHECK_INT(write_it(&yard, name, "x", NULL), ST_INVALID);

    FileInfo info;
    CHECK_INT(root_info(yard.root, STR("a\0b"), &info, &yard.err), ST_INVALID);
    CHECK(strstr(yard.err.text, "NUL") != NULL);
    yard_end(&yard);
}

TEST(names_that_are_not_utf8_are_files_like_others_and_errors_stay_text)
{
    Yard yard;
    yard_begin(&yard, NULL);
    CHECK_INT(write_it(&yard, "\xff\xfe name\n", "bytes", ""), ST_OK);
    CHECK_TEXT(read_it(&yard, "\xff\xfe name\n"), "bytes");
    CHECK(read_it(&yard, "\xff/\xc3") == NULL);
    CHECK_INT(str_utf8_valid_len(str_from(yard.err.text)), strlen(yard.err.text));
    yard_end(&yard);
}

typedef struct Listed {
    char text[400];
    int  links, folders;
} Listed;

static void on_entry(void *arg, Str name, const FileInfo *info)
{
    Listed *listed = arg;
    snprintf(listed->text + strlen(listed->text), sizeof listed->text - strlen(listed->text),
             "%.*s|", STR_ARG(name));
    listed->links += info->kind == FILE_LINK;
    listed->folders += info->kind == FILE_FOLDER;
}

TEST(a_folder_is_listed_bytewise_with_kinds_and_at_most_so_many)
{
    Yard   yard;
    Listed listed = {0};
    yard_begin(&yard, NULL);
    put_file(&yard, "root/b", "");
    put_file(&yard, "root/B", "");
    put_file(&yard, "root/\xff", "");
    put_file(&yard, "root/.env", "");
    put_folder(&yard, "root/a");
    put_link(&yard, "root/l", "../outside");
    CHECK_INT(root_list(yard.root, STR(""), 6, on_entry, &listed, &yard.err), ST_OK);
    CHECK_TEXT(listed.text, ".env|B|a|b|l|\xff|");
    CHECK_INT(listed.links, 1);
    CHECK_INT(listed.folders, 1);
    listed.text[0] = '\0';
    CHECK_INT(root_list(yard.root, STR("."), 5, on_entry, &listed, &yard.err), ST_LIMIT);
    CHECK_TEXT(listed.text, "");
    CHECK_INT(root_list(yard.root, STR("a"), 0, on_entry, &listed, &yard.err), ST_OK);
    CHECK_INT(root_list(yard.root, STR("b"), 9, on_entry, &listed, &yard.err), ST_INVALID);
    CHECK_INT(root_list(yard.root, STR("l"), 9, on_entry, &listed, &yard.err), ST_DENIED);
    CHECK_INT(root_list(yard.root, STR("none"), 9, on_entry, &listed, &yard.err), ST_NOT_FOUND);
    yard_end(&yard);
}

TEST(info_tells_a_link_from_its_target_and_does_not_look_into_masked_folders)
{
    Yard     yard;
    FileInfo info;
    yard_begin(&yard, NULL);
    put_file(&yard, "root/f", "123");
    put_folder(&yard, "root/.env.d");
    put_file(&yard, "root/.env.d/key", "secret");
    put_link(&yard, "root/l", "../outside/secret");
    CHECK_INT(root_info(yard.root, STR("l"), &info, &yard.err), ST_OK);
    CHECK(info.kind == FILE_LINK);
    CHECK_INT(root_info(yard.root, STR("f"), &info, &yard.err), ST_OK);
    CHECK(info.kind == FILE_REGULAR && info.size == 3 && info.modified_ms > 0);
    CHECK_TEXT(info.hash, "");
    CHECK_INT(root_info(yard.root, STR(""), &info, &yard.err), ST_OK);
    CHECK(info.kind == FILE_FOLDER);
    CHECK_INT(root_info(yard.root, STR(".env.d"), &info, &yard.err), ST_OK);
    CHECK_INT(root_info(yard.root, STR(".env.d/key"), &info, &yard.err), ST_DENIED);
    yard_end(&yard);
}

TEST(a_masked_place_is_there_and_nothing_else_is_said_of_it)
{
    Yard     yard;
    FileInfo info;
    yard_begin(&yard, NULL);
    put_file(&yard, "root/.env", "KEY=1");
    put_file(&yard, "root/plain", "KEY=1");
    put_link(&yard, "root/alias", ".env");
    CHECK_INT(root_info(yard.root, STR(".env"), &info, &yard.err), ST_OK);
    CHECK(info.masked && info.kind == FILE_REGULAR);
    CHECK(info.size == 0 && info.mode == 0 && info.modified_ms == 0);
    CHECK_INT(root_info(yard.root, STR("alias"), &info, &yard.err), ST_OK);
    CHECK(!info.masked && info.kind == FILE_LINK); /* of the link itself, not of what it names */
    CHECK_INT(root_info(yard.root, STR("plain"), &info, &yard.err), ST_OK);
    CHECK(!info.masked && info.size == 5);
    yard_end(&yard);
}

/* A list on the heap, as root_cover takes it. */
static char **places(const char *a, const char *b)
{
    char **list = mem_new(3 * sizeof *list);
    list[0] = mem_text(a);
    list[1] = mem_text(b);
    return list;
}

TEST(what_was_looked_up_is_masked_and_read_only_under_every_name)
{
    Yard     yard;
    FileInfo info;
    yard_begin(&yard, NULL);
    put_folder(&yard, "root/kept");
    put_file(&yard, "root/kept/key", "secret");
    put_file(&yard, "root/settings", "secret");
    put_folder(&yard, "root/gitdata");
    put_file(&yard, "root/gitdata/config", "[core]");
    put_file(&yard, "root/settingsx", "plain");
    put_link(&yard, "root/alias", "settings");
    put_link(&yard, "root/folder", "kept");
    CHECK_TEXT(read_it(&yard, "settings"), "secret");
    root_cover(yard.root, places("settings", "kept"), places("gitdata/config", NULL));
    static const char *const masked[] = {"settings", "alias", "kept/key", "folder/key", "kept/new"};
    for (size_t i = 0; i < sizeof masked / sizeof masked[0]; i++) {
        CHECK(read_it(&yard, masked[i]) == NULL && yard.err.status == ST_DENIED);
        CHECK_INT(write_it(&yard, masked[i], "x", NULL), ST_DENIED);
    }
    CHECK_INT(root_info(yard.root, STR("settings"), &info, &yard.err), ST_OK);
    CHECK(info.masked && info.size == 0);
    CHECK_INT(root_info(yard.root, STR("kept/key"), &info, &yard.err), ST_DENIED);
    CHECK_TEXT(read_it(&yard, "gitdata/config"), "[core]");
    CHECK_INT(write_it(&yard, "gitdata/config", "x", NULL), ST_DENIED);
    CHECK_TEXT(read_it(&yard, "settingsx"), "plain");
    root_cover(yard.root, NULL, NULL); /* replaced, not added */
    CHECK_TEXT(read_it(&yard, "settings"), "secret");
    CHECK_INT(write_it(&yard, "gitdata/config", "x", NULL), ST_OK);
    root_cover(yard.root, places("", NULL), NULL); /* the whole root */
    CHECK(read_it(&yard, "settingsx") == NULL && yard.err.status == ST_DENIED);
    yard_end(&yard);
}

TEST(two_names_of_a_file_are_one_place)
{
    Yard yard;
    Buf  real;
    char absolute[200];
    yard_begin(&yard, NULL);
    buf_init(&real, PATH_MAX);
    put_folder(&yard, "root/a");
    put_file(&yard, "root/a/f", "");
    put_link(&yard, "root/l", "a");
    snprintf(absolute, sizeof absolute, "%s/l/f", yard.path);
    const char *names[] = {"a/f", "./a//f", "l/f", "l/../a/f", absolute};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        CHECK_INT(root_real(yard.root, str_from(names[i]), &real, &yard.err), ST_OK);
        CHECK_TEXT(real.ptr, "a/f");
    }
    CHECK_INT(root_real(yard.root, STR("l/new/one"), &real, &yard.err), ST_OK);
    CHECK_TEXT(real.ptr, "a/new/one");
    CHECK_INT(root_real(yard.root, STR("../outside"), &real, &yard.err), ST_DENIED);
    buf_clear(&real);
    yard_end(&yard);
}

TEST(what_the_user_may_not_read_is_denied_with_the_reason)
{
    Yard yard;
    char path[200];
    yard_begin(&yard, NULL);
    put_folder(&yard, "root/shut");
    put_file(&yard, "root/shut/f", "x");
    put_file(&yard, "root/f", "x");
    bool as_root = geteuid() == 0;
    snprintf(path, sizeof path, "%s/f", yard.path);
    CHECK(chmod(path, 0) == 0);
    snprintf(path, sizeof path, "%s/shut", yard.path);
    CHECK(chmod(path, 0) == 0);
    if (as_root) { /* one who owns nothing here, and can reach it */
        CHECK(chmod(yard.base, 0755) == 0);
        CHECK(seteuid(65534) == 0);
    }
    CHECK(read_it(&yard, "f") == NULL && yard.err.status == ST_DENIED);
    CHECK(strstr(yard.err.text, "Permission denied") != NULL);
    CHECK(read_it(&yard, "shut/f") == NULL && yard.err.status == ST_DENIED);
    CHECK_INT(write_it(&yard, "shut/new", "x", NULL), ST_DENIED);
    if (as_root) {
        CHECK_INT(write_it(&yard, "new", "x", NULL), ST_DENIED); /* not his folder */
        CHECK(seteuid(0) == 0);
    }
    CHECK(chmod(path, 0755) == 0);
    yard_end(&yard);
}

/* -- a link swapped all the time while others read through it ---------------------------------- */

typedef struct Swapper {
    char       link[200], spare[200];
    atomic_int stop;
} Swapper;

static void *swap_links(void *arg)
{
    Swapper *swapper = arg;
    for (int i = 0; !atomic_load(&swapper->stop); i++) {
        if (symlink(i % 2 ? "inside" : i % 4 ? ".env" : "../outside", swapper->spare) == 0)
            rename(swapper->spare, swapper->link);
    }
    return NULL;
}

TEST(a_link_that_is_swapped_meanwhile_never_leads_outside_or_to_a_masked_file)
{
    Yard      yard;
    Swapper   swapper = {.stop = 0};
    pthread_t thread;
    int       leaks = 0, written = 0;
    yard_begin(&yard, NULL);
    put_folder(&yard, "root/inside");
    put_folder(&yard, "root/.env");
    put_file(&yard, "root/inside/secret", "inside");
    put_file(&yard, "root/.env/secret", "masked");
    put_link(&yard, "root/link", "inside");
    snprintf(swapper.link, sizeof swapper.link, "%s/link", yard.path);
    snprintf(swapper.spare, sizeof swapper.spare, "%s/spare", yard.path);
    CHECK(pthread_create(&thread, NULL, swap_links, &swapper) == 0);
    for (int i = 0; i < 2000; i++) {
        const char *text = read_it(&yard, "link/secret");
        if (text && strcmp(text, "inside") != 0) leaks++;
        /* May fail, when the link leads elsewhere just then; what matters is where it wrote. */
        if (i % 20 == 0 && write_it(&yard, "link/secret", "inside", NULL) == ST_OK) written++;
    }
    atomic_store(&swapper.stop, 1);
    pthread_join(thread, NULL);
    CHECK_INT(leaks, 0);
    printf("# %d of 100 writes hit the right moment\n", written);
    CHECK_TEXT(text_of(&yard, "root/.env/secret"), "masked");
    yard_end(&yard); /* looks that outside/ is as it was */
}

/* The program's own fstat stands before libc's: the walk's look at a file is the last thing before
 * it is opened, so what happens here happens between check and use. */
static void (*on_look)(void);
static ino_t watched;
static Yard *swapped_yard;

int fstat(int fd, struct stat *st)
{
    int rc = fstatat(fd, "", st, AT_EMPTY_PATH);
    void (*now)(void) = on_look;
    if (rc == 0 && now && st->st_ino == watched) {
        on_look = NULL;
        now();
    }
    return rc;
}

static void swap_folder(void)
{
    char from[200], to[200];
    snprintf(from, sizeof from, "%s/a", swapped_yard->path);
    snprintf(to, sizeof to, "%s/gone", swapped_yard->path);
    CHECK(rename(from, to) == 0);
    CHECK(symlink("../outside", from) == 0);
}

TEST(a_folder_that_becomes_a_link_between_check_and_use_is_not_followed)
{
    Yard yard;
    yard_begin(&yard, NULL);
    put_folder(&yard, "root/a");
    put_file(&yard, "root/a/secret", "inside");
    watched = stat_of(&yard, "root/a/secret").st_ino;
    swapped_yard = &yard;
    on_look = swap_folder;
    CHECK(read_it(&yard, "a/secret") == NULL);
    CHECK(on_look == NULL);
    CHECK_INT(yard.err.status, ST_INVALID);
    yard_end(&yard);
}

TEST(the_kernel_is_asked_to_stay_beneath_the_root_and_to_follow_no_link)
{
    Yard yard;
    yard_begin(&yard, NULL);
    put_file(&yard, "root/f", "");
    put_link(&yard, "root/inner", "f");
    put_link(&yard, "root/out", "../outside");
    int root = open(yard.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = open_beneath(root, STR("f"), O_RDONLY);
    CHECK(fd >= 0);
    close(fd);
    CHECK(open_beneath(root, STR("inner"), O_RDONLY) < 0 && errno == ELOOP);
    CHECK(open_beneath(root, STR("out/secret"), O_RDONLY) < 0 && errno == ELOOP);
    CHECK(open_beneath(root, STR("../outside/secret"), O_RDONLY) < 0 && errno == EXDEV);
    CHECK(open_beneath(root, STR("/etc/passwd"), O_RDONLY) < 0 && errno == EXDEV);
    close(root);
    yard_end(&yard);
}

/* So does read: a file that grows by a line each time it is read. */
static const char *growing;

ssize_t read(int fd, void *out, size_t size)
{
    ssize_t got = syscall(SYS_read, fd, out, size);
    if (growing && got > 0) {
        int file = open(growing, O_WRONLY | O_APPEND | O_CLOEXEC);
        CHECK(file >= 0 && write(file, "another line\n", 13) == 13);
        close(file);
    }
    return got;
}

TEST(a_file_that_grows_while_it_is_read_is_bounded_all_the_same)
{
    Yard     yard;
    FileInfo info;
    Buf      out;
    char     path[200];
    yard_begin(&yard, NULL);
    buf_init(&out, 10000);
    put_file(&yard, "root/log", "first line\n");
    snprintf(path, sizeof path, "%s/log", yard.path);
    growing = path;
    Status status = root_read(yard.root, STR("log"), 500, &out, &info, &yard.err);
    growing = NULL;
    CHECK_INT(status, ST_LIMIT);
    CHECK_INT(out.len, 0);
    CHECK(strstr(yard.err.text, "500 bytes") != NULL);
    buf_clear(&out);
    yard_end(&yard);
}

/* So does syscall: a kernel without openat2. */
static bool openat2_is_missing;

long syscall(long number, ...)
{
    static long (*real)(long, ...);
    long    a[6];
    va_list args;
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "syscall");
    va_start(args, number);
    for (int i = 0; i < 6; i++) a[i] = va_arg(args, long);
    va_end(args);
    if (openat2_is_missing && number == SYS_openat2) {
        errno = ENOSYS;
        return -1;
    }
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

TEST(without_openat2_nothing_is_read_or_written)
{
    Yard  yard;
    Root *root = NULL;
    yard_begin(&yard, NULL);
    put_file(&yard, "root/f", "inside");
    RootSpec spec = {yard.path, NULL};
    openat2_is_missing = true;
    CHECK_INT(root_open(&spec, &root, &yard.err), ST_UNAVAILABLE);
    CHECK(strstr(yard.err.text, "openat2") != NULL);
    CHECK(read_it(&yard, "f") == NULL && yard.err.status == ST_UNAVAILABLE);
    CHECK_INT(write_it(&yard, "f", "x", NULL), ST_UNAVAILABLE);
    openat2_is_missing = false;
    CHECK_TEXT(read_it(&yard, "f"), "inside");
    yard_end(&yard);
}

TEST(a_root_that_is_no_folder_or_not_absolute_is_refused)
{
    Root    *root = NULL;
    Err      err;
    RootSpec relative = {"tests", NULL}, missing = {"/no/such/folder", NULL},
             file = {"/etc/passwd", NULL};
    CHECK_INT(root_open(&relative, &root, &err), ST_INVALID);
    CHECK_INT(root_open(&missing, &root, &err), ST_NOT_FOUND);
    CHECK_INT(root_open(&file, &root, &err), ST_INVALID);
    root_free(NULL);
}

int main(void) { return tap_run(); }
