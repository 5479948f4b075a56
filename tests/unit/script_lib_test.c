/* What scripts call and C carries out: no call holds the loop. */
#include "script_rig.h"

static const char *run_tool(Rig *rig, const char *body)
{
    char name[30], text[4000], host[300];
    snprintf(name, sizeof name, "tool%zu.lua", rig->file_count);
    snprintf(text, sizeof text, "return { run = function(input, call) %s\nend }", body);
    rig_file(rig, name, text);
    snprintf(host, sizeof host,
             "return run:tool({ entry = file '%s', name = 't', timeout_ms = 20, grant = {} }, {})",
             name);
    return rig_eval(rig, host);
}

/* Stock string.find goes on for ages with these, inside one call, where no timeout reaches it. */
TEST(a_pattern_that_would_run_for_ages_is_stopped)
{
    static const char *const BODIES[] = {
        "return ('a'):rep(40000):find(('a*'):rep(20) .. 'b')",
        "return ('a'):rep(100000):match('.-.-.-.-.-b')",
        "return ('('):rep(1000000):gsub('%b()', '')",
        "for w in ('a'):rep(50000):gmatch('(a-)(a-)(a-)b') do end",
        "while true do ('a'):rep(3000):find('a-a-b') end",
        "return ('x'):rep(50000):gsub('.-.-.-y', function() end)",
    };
    for (size_t i = 0; i < sizeof BODIES / sizeof BODIES[0]; i++) {
        Rig rig;
        rig_open(&rig, REAL_CLOCK);
        const char *shown = run_tool(&rig, BODIES[i]);
        if (strncmp(shown, "nil | timeout", 13) != 0 && strncmp(shown, "nil | limit", 11) != 0 &&
            strncmp(shown, "nil | script", 12) != 0) {
            tap_failed = true;
            printf("# %s gave %s\n", BODIES[i], shown);
        }
        rig_close(&rig);
    }
}

TEST(a_plain_search_takes_time_in_proportion_to_the_text)
{
    Rig rig;
    rig_open(&rig, REAL_CLOCK);
    CHECK_TEXT(
        rig_script(&rig,
                   "return tostring((('a'):rep(4000000) .. 'c'):find(('a'):rep(2000000) .. 'b', 1, "
                   "true))"),
        "nil");
    rig_close(&rig);
}

int main(void) { return rig_run(); }
