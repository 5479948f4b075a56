/* Commands through the real interface, in a real sandbox: endings, limits, output, lives. */
#include "sandbox_try.h"

TEST(a_command_runs_and_its_output_comes_back)
{
    TRY_OPEN(t);
    try_sh(&t, "echo hello; echo oops >&2; pwd");
    CHECK_INT(t.err.status, ST_OK);
    CHECK_INT(t.code, 0);
    CHECK(t.out && strncmp(t.out, "hello\n/tmp/perigee-test-", 24) == 0);
    CHECK_TEXT(t.error, "oops\n");
    try_close(&t);
}

int main(void) { return try_main(); }
