/* host/sandbox/filter.pfc is what people read: it must be what is compiled in. */
#include "tap.h"

#include <limits.h>
#include <unistd.h>

static char *read_all(FILE *file)
{
    size_t len = 0, got;
    char  *text = calloc(1, 1 << 20);
    while (file && text && (got = fread(text + len, 1, (1 << 20) - 1 - len, file)) > 0) len += got;
    return text;
}

/* build/MODE/tests/unit/NAME -> build/MODE */
static void build_folder(char *path, size_t size)
{
    ssize_t len = readlink("/proc/self/exe", path, size - 1);
    path[len > 0 ? len : 0] = '\0';
    for (int up = 0; up < 3; up++)
        if (strrchr(path, '/')) *strrchr(path, '/') = '\0';
}

TEST(the_readable_filter_is_the_one_that_is_compiled_in)
{
    char folder[PATH_MAX], command[PATH_MAX + 40], kept_path[PATH_MAX + 60];
    build_folder(folder, sizeof folder);
    snprintf(command, sizeof command, "'%s/filter_gen' pfc", folder);
    snprintf(kept_path, sizeof kept_path, "%s/../../host/sandbox/filter.pfc", folder);
    FILE *made_file = popen(command, "r"), *kept_file = fopen(kept_path, "r");
    char *made = read_all(made_file), *kept = read_all(kept_file);
    int   ended = made_file ? pclose(made_file) : -1;
    if (kept_file) fclose(kept_file);
    /* Another libseccomp or processor prints another text for the same rules. */
    size_t line = strcspn(kept, "\n");
    bool   comparable = strncmp(made, kept, line + 1) == 0 && strstr(made, "x86_64");
    bool   equal = strcmp(made, kept) == 0;
    free(made);
    free(kept);
    CHECK_INT(ended, 0);
    CHECK(line > 0);
    if (!comparable) SKIP("filter.pfc was made with another libseccomp or for another processor");
    CHECK(
        equal); /* else: build/MODE/filter_gen pfc > host/sandbox/filter.pfc, and read the change */
}

int main(void) { return tap_run(); }
