/* tap.h -- tests that speak TAP and look for litter.
 *
 * Use     TEST(a_sentence_with_underscores) { CHECK(x == 1); CHECK_TEXT(got, "want"); }
 *         int main(void) { return tap_run(); }
 * After each test the descriptors open in this process are counted; a difference is a failure.
 * SKIP("reason") leaves the test with its reason shown.
 */
#ifndef TESTS_UNIT_TAP_H
#define TESTS_UNIT_TAP_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct TapTest {
    const char *name;
    void (*body)(void);
    struct TapTest *next;
} TapTest;

static TapTest    *tap_first, **tap_last = &tap_first;
static bool        tap_failed;
static const char *tap_skipped;

static inline void tap_add(TapTest *test)
{
    *tap_last = test;
    tap_last = &test->next;
}

#define TEST(sentence)                                                                             \
    static void                              test_##sentence(void);                                \
    static TapTest                           tap_##sentence = {#sentence, test_##sentence, NULL};  \
    __attribute__((constructor)) static void add_##sentence(void) { tap_add(&tap_##sentence); }    \
    static void                              test_##sentence(void)

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            tap_failed = true;                                                                     \
            printf("# %s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                     \
        }                                                                                          \
    } while (0)

#define CHECK_TEXT(got, want)                                                                      \
    do {                                                                                           \
        const char *got_ = (got), *want_ = (want);                                                 \
        if (!got_ || strcmp(got_, want_) != 0) {                                                   \
            tap_failed = true;                                                                     \
            printf("# %s:%d: got \"%s\", want \"%s\"\n", __FILE__, __LINE__, got_ ? got_ : "NULL", \
                   want_);                                                                         \
        }                                                                                          \
    } while (0)

#define CHECK_INT(got, want)                                                                       \
    do {                                                                                           \
        long long got_ = (long long)(got), want_ = (long long)(want);                              \
        if (got_ != want_) {                                                                       \
            tap_failed = true;                                                                     \
            printf("# %s:%d: %s is %lld, want %lld\n", __FILE__, __LINE__, #got, got_, want_);     \
        }                                                                                          \
    } while (0)

#define SKIP(reason)                                                                               \
    do {                                                                                           \
        tap_skipped = (reason);                                                                    \
        return;                                                                                    \
    } while (0)

static inline int tap_descriptors(void)
{
    int  count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir)) count++;
    if (dir) closedir(dir);
    return count;
}

static inline int tap_run(void)
{
    int number = 0, bad = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (TapTest *test = tap_first; test; test = test->next) {
        char name[200];
        snprintf(name, sizeof name, "%s", test->name);
        for (char *c = name; *c; c++)
            if (*c == '_') *c = ' ';
        tap_failed = false;
        tap_skipped = NULL;
        int before = tap_descriptors();
        test->body();
        int left = tap_descriptors() - before;
        if (left != 0) {
            tap_failed = true;
            printf("# %d descriptors left open\n", left);
        }
        printf("%s %d - %s%s%s\n", tap_failed ? "not ok" : "ok", ++number, name,
               tap_skipped ? " # SKIP " : "", tap_skipped ? tap_skipped : "");
        bad += tap_failed;
    }
    printf("1..%d\n", number);
    return bad ? 1 : 0;
}

#endif
