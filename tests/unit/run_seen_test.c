/* What a run last saw of its files, and what it forgets first. */
#include "../../host/base/mem.h"
#include "../../host/run/seen.h"
#include "tap.h"

static const char *hash_of(char sign)
{
    static char hash[HASH_HEX_SIZE];
    memset(hash, sign, sizeof hash - 1);
    return hash;
}

TEST(a_file_is_known_by_its_last_hash_and_content)
{
    Seen seen = {0};
    CHECK(seen_find(&seen, "x") == NULL);
    seen_put(&seen, "x", hash_of('a'), STR("one"));
    seen_put(&seen, "y", hash_of('c'), (Str){NULL, 0});
    seen_put(&seen, "x", hash_of('b'), STR("four"));
    CHECK_TEXT(seen_find(&seen, "x")->hash, hash_of('b'));
    CHECK_TEXT(seen_find(&seen, "x")->content, "four");
    CHECK_INT(seen_find(&seen, "x")->len, 4);
    CHECK_TEXT(seen_find(&seen, "y")->content, "");
    CHECK_INT(seen.count, 2);
    CHECK_INT(seen.kept, 4);
    seen_clear(&seen);
    CHECK_INT(seen.count, 0);
}

TEST(the_contents_that_were_seen_longest_ago_are_forgotten_first_and_hashes_stay)
{
    Seen  seen = {0};
    char  name[] = "a";
    char *big = mem_new(SEEN_FILE_MOST + 1);
    memset(big, 'x', SEEN_FILE_MOST + 1);
    for (; name[0] <= 'd'; name[0]++)
        seen_put(&seen, name, hash_of('1'), (Str){big, SEEN_FILE_MOST});
    CHECK_INT(seen.kept, SEEN_CONTENT_MOST);
    seen_put(&seen, "a", hash_of('2'), (Str){big, SEEN_FILE_MOST}); /* now b is the oldest */
    seen_put(&seen, "e", hash_of('1'), STR("e"));
    CHECK(seen_find(&seen, "b")->content == NULL && seen_find(&seen, "b")->len == 0);
    CHECK_TEXT(seen_find(&seen, "b")->hash, hash_of('1'));
    CHECK(seen_find(&seen, "a")->content != NULL && seen_find(&seen, "c")->content != NULL);
    seen_put(&seen, "f", hash_of('1'), (Str){big, SEEN_FILE_MOST + 1}); /* too large to be kept */
    CHECK(seen_find(&seen, "f") && seen_find(&seen, "f")->content == NULL);
    CHECK_INT(seen.kept, 3 * SEEN_FILE_MOST + 1);
    free(big);
    seen_clear(&seen);
}

TEST(the_file_that_was_seen_longest_ago_is_forgotten_when_there_are_too_many)
{
    Seen seen = {0};
    char name[20];
    for (int i = 0; i < SEEN_FILES_MAX; i++) {
        snprintf(name, sizeof name, "%d", i);
        seen_put(&seen, name, hash_of('1'), STR("x"));
    }
    seen_put(&seen, "0", hash_of('1'), STR("x"));
    seen_put(&seen, "more", hash_of('1'), STR("x"));
    CHECK(seen_find(&seen, "1") == NULL);
    CHECK(seen_find(&seen, "0") != NULL && seen_find(&seen, "2") != NULL);
    CHECK_INT(seen.count, SEEN_FILES_MAX);
    CHECK_INT(seen.kept, SEEN_FILES_MAX);
    seen_clear(&seen);
}

int main(void) { return tap_run(); }
