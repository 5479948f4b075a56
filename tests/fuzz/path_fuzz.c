/* Any tree, any links, any path: what is opened lies below the root, is not masked, and is what the
 * kernel's own walk finds there.
 *
 * The bytes are a program of small commands: make folders, files and links from a list of names
 * that matter, then ask for paths. The oracle knows nothing of host/files/: realpath, the name that
 * /proc gives an open descriptor, and a second list of masked names. Bounded: the tree of one input
 * has at most NODES_MAX nodes, and is taken away after it.
 *
 * Use     make MODE=fuzz fuzz
 */
#include "../../host/base/mem.h"
#include "../../host/files/internal.h"
#include "../../host/files/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { NODES_MAX = 24, ASKED_MAX = 40, PARTS_MAX = 7 };

static const char *const NAMES[] = {
    "a",    "b",        "c",    "..",     ".",      "",      ".env", ".env.example",
    ".git", "config",   "root", "hooks",  "out",    "x.pem", "\xff", "secret",
    "...",  ".perigee", "deep", "id_rsa", "%ROOT%", "/",     "a/b",  "../out",
};

typedef struct Input {
    const uint8_t *at;
    size_t         left;
    uint32_t       more; /* what follows behind the last byte: a few bytes make a whole tree */
} Input;

/* xorshift32 (Marsaglia 2003) behind the end, seeded by all that came before. */
static unsigned take(Input *input)
{
    if (input->left > 0) {
        input->left--;
        input->more = (input->more ^ *input->at) * 16777619U;
        return *input->at++;
    }
    if (input->more == 0) input->more = 1;
    input->more ^= input->more << 13;
    input->more ^= input->more >> 17;
    input->more ^= input->more << 5;
    return input->more >> 8 & 0xFF;
}

/* A path of a few names, joined by slashes. */
static void take_path(Input *input, const char *root, char *path, size_t size)
{
    unsigned parts = take(input) % PARTS_MAX + 1;
    path[0] = '\0';
    for (unsigned i = 0; i < parts; i++) {
        const char *name = NAMES[take(input) % (sizeof NAMES / sizeof NAMES[0])];
        size_t      len = strlen(path);
        if (strcmp(name, "%ROOT%") == 0) name = root;
        snprintf(path + len, size - len, "%s%s", i > 0 ? "/" : "", name);
    }
}

static void make_node(Input *input, const char *root)
{
    char     path[2048], target[2048], full[4200];
    unsigned kind = take(input) % 3;
    take_path(input, root, path, sizeof path);
    snprintf(full, sizeof full, "%s/%s", root, path);
    /* Only what lies in the scratch folder is touched: the kernel's walk of the folder decides. */
    char *slash = strrchr(full, '/'), real[PATH_MAX];
    *slash = '\0';
    size_t base = strlen(root) - strlen("/root");
    if (!realpath(full, real) || strncmp(real, root, base) != 0) return;
    *slash = '/';
    if (kind == 0) {
        if (mkdir(full, 0755) != 0) return;
    } else if (kind == 1) {
        int fd = open(full, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
        if (fd >= 0) close(fd);
    } else {
        take_path(input, root, target, sizeof target);
        if (symlink(target, full) != 0) return;
    }
}

/* The rule as SANDBOX says it, written a second time. */
static bool name_is_masked(const char *name, size_t len)
{
    static const char *const keys[] = {"id_rsa",    "id_dsa",    "id_ecdsa",    "id_ed25519",
                                       "id_rsa_sk", "id_dsa_sk", "id_ecdsa_sk", "id_ed25519_sk"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strlen(keys[i]) == len && memcmp(keys[i], name, len) == 0) return true;
    if (len >= 4 && memcmp(name + len - 4, ".pem", 4) == 0) return true;
    return len >= 4 && memcmp(name, ".env", 4) == 0 &&
           !(len == 12 && memcmp(name, ".env.example", 12) == 0);
}

static bool path_is_masked(const char *path)
{
    while (*path) {
        size_t len = strcspn(path, "/");
        if (name_is_masked(path, len)) return true;
        path += len + (path[len] == '/');
    }
    return false;
}

static void die(const char *why, const char *asked, const char *found)
{
    fprintf(stderr, "%s: asked for \"%s\", found \"%s\"\n", why, asked, found);
    abort();
}

/* Opens a path as root_read does, and asks the oracle what was opened. */
static void check_open(Root *root, const char *asked)
{
    Place place;
    Err   err;
    char  self[40], found[PATH_MAX], full[2 * PATH_MAX], real[PATH_MAX];
    place_init(&place, str_from(asked));
    if (root_place(root, &place, ACCESS_READ, &err) == ST_OK) {
        int fd = open_beneath(root->fd, buf_str(&place.resolved), O_PATH | O_NOFOLLOW);
        if (fd >= 0) {
            snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
            ssize_t len = readlink(self, found, sizeof found - 1);
            if (len < 0) abort();
            found[len] = '\0';
            size_t base = strlen(root->real);
            if (strncmp(found, root->real, base) != 0 || (found[base] && found[base] != '/'))
                die("outside the root", asked, found);
            if (path_is_masked(found + base)) die("masked", asked, found);
            if (asked[0] == '/')
                snprintf(full, sizeof full, "%s", asked);
            else
                snprintf(full, sizeof full, "%s/%s", root->real, asked);
            if (realpath(full, real) && strcmp(real, found) != 0)
                die("not what the kernel finds", asked, found);
            close(fd);
        }
    }
    place_clear(&place);
}

/* The public functions on the same path: none may write outside, or read what is masked. */
static void check_use(Root *root, const char *asked)
{
    Buf      out;
    FileInfo info;
    Err      err;
    buf_init(&out, 4096);
    if (root_read(root, str_from(asked), 4096, &out, &info, &err) == ST_OK &&
        str_find(buf_str(&out), STR("outside")) >= 0)
        die("read the outside", asked, out.ptr);
    if (root_write(root, str_from(asked), STR("inside"), NULL, &info, &err) == ST_OK) {
        buf_reset(&out);
        if (root_read(root, str_from(asked), 4096, &out, &info, &err) != ST_OK ||
            strcmp(out.ptr, "inside") != 0)
            die("written and not read again", asked, err.text);
    }
    (void)!root_info(root, str_from(asked), &info, &err);
    buf_clear(&out);
}

/* The file beside the root holds what it held, and nothing else came there. */
static void check_outside(const char *dir)
{
    char path[PATH_MAX], text[16] = "";
    snprintf(path, sizeof path, "%s/out/secret", dir);
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof text - 1) != 7 || strcmp(text, "outside") != 0)
        die("changed the outside", path, text);
    close(fd);
}

static void begin(char **dir, char *root, size_t size)
{
    Err  err;
    char path[PATH_MAX];
    if (scratch_new("path-fuzz", dir, &err) != ST_OK) abort();
    snprintf(root, size, "%s/root", *dir);
    snprintf(path, sizeof path, "%s/out", *dir);
    if (mkdir(root, 0755) != 0 || mkdir(path, 0755) != 0) abort();
    snprintf(path, sizeof path, "%s/out/secret", *dir);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, "outside", 7) != 7) abort();
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    Input    input = {bytes, len, 2166136261U};
    char    *dir, path[1024], asked[2048];
    Root    *root = NULL;
    Err      err;
    unsigned nodes = take(&input) % NODES_MAX;
    begin(&dir, path, sizeof path);
    for (unsigned i = 0; i < nodes; i++) make_node(&input, path);
    RootSpec spec = {path, NULL};
    if (root_open(&spec, &root, &err) != ST_OK) abort();
    for (unsigned i = 0; i < ASKED_MAX; i++) {
        bool use = take(&input) % 4 == 0;
        take_path(&input, path, asked, sizeof asked);
        check_open(root, asked);
        if (use) check_use(root, asked);
    }
    check_outside(dir);
    root_free(root);
    if (!scratch_remove(dir)) abort();
    free(dir);
    return 0;
}
