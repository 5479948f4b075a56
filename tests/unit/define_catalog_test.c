/* Finding definitions in a folder that somebody else filled. */
#include "../../host/base/limits.h"
#include "../../host/define/catalog.h"
#include "tap.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static char    root[] = "/tmp/perigee-catalog-XXXXXX";
static Catalog catalog;
static Err     err;

static const char *below(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(below(name), "w");
    CHECK(file != NULL);
    if (!file) return;
    fputs(text, file);
    fclose(file);
}

static void folder(const char *name) { CHECK_INT(mkdir(below(name), 0700), 0); }

static int entry_remove(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    (void)info, (void)flag, (void)ftw;
    return remove(path);
}

static void begin(void)
{
    strcpy(root + strlen(root) - 6, "XXXXXX");
    CHECK(mkdtemp(root) != NULL);
}

static void finish(void)
{
    catalog_free(&catalog);
    nftw(root, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* "path kind", joined by "|". */
static const char *listing(void)
{
    static const char *const KINDS[] = {"definition", "prose", "refused"};
    static char              text[4000];
    size_t                   len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < catalog.count && len < 3000; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s %s", i ? "|" : "",
                                catalog.files[i].path, KINDS[catalog.files[i].kind]);
    return text;
}

#define AGENT "---\nname: a\n---\nYou are a.\n"

TEST(definitions_are_found_at_any_depth_and_sorted_bytewise)
{
    begin();
    folder("b");
    folder("b/c");
    folder(".hidden");
    put("b.md", AGENT);
    put("b/z.md", AGENT);
    put("b/c/A.MD", AGENT);
    put("B.md", AGENT);
    put(".hidden/x.md", AGENT);
    put(".y.md", AGENT);
    put("code.lua", AGENT);
    CHECK_INT(catalog_find(root, &catalog, &err), ST_OK);
    CHECK_TEXT(listing(), "B.md definition|b.md definition|b/c/A.MD definition|b/z.md definition");
    CHECK(catalog.count > 0 && str_is(catalog.files[0].text, AGENT));
    finish();
}

TEST(prose_is_told_from_definitions_and_a_readme_is_not_even_listed)
{
    begin();
    put("README.md", "# What is here\n");
    put("notes.md", "# Notes\n");
    put("empty.md", "");
    CHECK_INT(catalog_find(root, &catalog, &err), ST_OK);
    CHECK_TEXT(listing(), "empty.md prose|notes.md prose");
    catalog_free(&catalog);
    put("README.md", AGENT);
    CHECK_INT(catalog_find(root, &catalog, &err), ST_OK);
    CHECK_TEXT(listing(), "README.md definition|empty.md prose|notes.md prose");
    finish();
}

TEST(what_is_no_regular_file_is_refused_and_never_waited_for)
{
    begin();
    CHECK_INT(mkfifo(below("fifo.md"), 0600), 0);
    CHECK_INT(symlink("/dev/zero", below("device.md")), 0);
    CHECK_INT(symlink("nowhere", below("gone.md")), 0);
    folder("folder.md");
    CHECK_INT(catalog_find(root, &catalog, &err), ST_OK);
    CHECK_TEXT(listing(), "device.md refused|fifo.md refused|gone.md refused");
    CHECK(catalog.count == 3 && strcmp(catalog.files[1].problem, "not a regular file") == 0);
    CHECK(catalog.count == 3 && catalog.files[1].status == ST_INVALID);
    finish();
}

TEST(links_in_a_ring_end_and_each_folder_is_read_once)
{
    begin();
    folder("a");
    put("a/x.md", AGENT);
    CHECK_INT(symlink("..", below("a/up")), 0);
    CHECK_INT(symlink("a", below("b")), 0);
    CHECK_INT(symlink("x.md", below("a/same.md")), 0);
    CHECK_INT(catalog_find(root, &catalog, &err), ST_OK);
    CHECK_TEXT(listing(), "a/same.md definition|a/x.md definition");
    finish();
}

TEST(a_tree_without_bottom_is_cut_with_a_diagnosis)
{
    begin();
    char path[200] = "d";
    folder(path);
    for (int i = 0; i < 20; i++) {
        strcat(path, "/d");
        folder(path);
    }
    strcat(path, "/x.md");
    put(path, AGENT);
    CHECK_INT(catalog_find(root, &catalog, &err), ST_OK);
    CHECK_INT(catalog.count, 1);
    CHECK(catalog.count == 1 && catalog.files[0].status == ST_LIMIT);
    finish();
}

TEST(a_file_that_is_too_large_is_refused_and_the_rest_is_read)
{
    begin();
    put("big.md", AGENT);
    CHECK_INT(truncate(below("big.md"), (off_t)(10 * MB)), 0);
    put("small.md", AGENT);
    CHECK_INT(catalog_find(root, &catalog, &err), ST_OK);
    CHECK_TEXT(listing(), "big.md refused|small.md definition");
    CHECK(catalog.count == 2 && catalog.files[0].status == ST_LIMIT);
    finish();
}

TEST(a_folder_that_is_missing_or_none_is_an_error)
{
    begin();
    put("file.md", AGENT);
    CHECK_INT(catalog_find(below("none"), &catalog, &err), ST_NOT_FOUND);
    CHECK_INT(catalog_find(below("file.md"), &catalog, &err), ST_INVALID);
    finish();
}

TEST(one_file_can_be_read_by_its_path)
{
    begin();
    CatalogFile file;
    put("any.txt", AGENT);
    CHECK_INT(catalog_read(below("any.txt"), &file, &err), ST_OK);
    CHECK_INT(file.kind, CATALOG_DEFINITION);
    CHECK(str_is(file.text, AGENT));
    catalog_file_free(&file);
    CHECK_INT(catalog_read(below("none.md"), &file, &err), ST_NOT_FOUND);
    CHECK_INT(catalog_read(root, &file, &err), ST_INVALID);
    CHECK(strstr(err.text, "a folder, not a file") != NULL);
    CHECK_INT(mkfifo(below("f.md"), 0600), 0);
    CHECK_INT(catalog_read(below("f.md"), &file, &err), ST_INVALID);
    CHECK(strstr(err.text, "not a regular file") != NULL);
    finish();
}

int main(void) { return tap_run(); }
