/* What scripts call and C carries out: no call holds the loop, and patterns mean what stock Lua's mean. */
#include "script_rig.h"

static const char *run_tool(Rig *rig, const char *body)
{
    char name[30], text[4000], host[300];
    snprintf(name, sizeof name, "tool%zu.lua", rig->file_count);
    snprintf(text, sizeof text, "return { run = function(input, call) %s\nend }", body);
    rig_file(rig, name, text);
    snprintf(host, sizeof host,
             "return run:tool({ entry = file '%s', name = 't', timeout_ms = 20, grant = {} }, {})", name);
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
        if (strncmp(shown, "nil | timeout", 13) != 0 && strncmp(shown, "nil | limit", 11) != 0) {
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
    CHECK_TEXT(rig_script(&rig, "return (('a'):rep(4000000) .. 'c'):find(('a'):rep(2000000) .. 'b', 1, true)"), "nil");
    rig_close(&rig);
}

/* The host VM has the stock functions, a run VM has ours: the same random patterns give the same there. */
#define COMPARE                                                                                       \
    "local seed = 20261122\n"                                                                         \
    "local function random(n) seed = (seed * 1103515245 + 12345) & 0x7fffffff return (seed >> 8) % n + 1 end\n" \
    "local ITEMS = { 'a', 'b', '.', '%a', '%d', '%s', '%W', '[ab]', '[^a]', '[a-c1]', '[%d_]', '%.', '(a)', '(', ')', '()',\n" \
    "  '(.-)', '%1', '%b()', '%f[%w]', '%f[^a]', '^', '$', '-', '[]]', '[^]]', '%', '[', '(a*)', 'x' }\n" \
    "local SUFFIXES = { '', '', '', '*', '+', '-', '?' }\n"                                           \
    "local SUBJECT = { 'a', 'b', 'c', '1', ' ', '.', '(', ')', '_', ']', 'A', '\\0' }\n"              \
    "local function some(list, most) local out = {} for i = 1, random(most) do out[i] = list[random(#list)] end return out end\n" \
    "local function said(ok, ...)\n"                                                                  \
    "  if not ok then return 'error' end\n"                                                           \
    "  local out = {} for i = 1, select('#', ...) do out[i] = tostring((select(i, ...))) end return table.concat(out, ',')\n" \
    "end\n"                                                                                           \
    "local hash = 0\n"                                                                                \
    "local function mix(text) for i = 1, #text do hash = (hash * 31 + text:byte(i)) & 0xffffffffff end end\n" \
    "for _ = 1, 4000 do\n"                                                                            \
    "  local parts = some(ITEMS, 5)\n"                                                                \
    "  for i = 1, #parts do parts[i] = parts[i] .. SUFFIXES[random(#SUFFIXES)] end\n"                 \
    "  local pattern, subject = table.concat(parts), table.concat(some(SUBJECT, 10))\n"               \
    "  local init = random(14) - 4\n"                                                                 \
    "  mix(said(pcall(string.find, subject, pattern, init)))\n"                                       \
    "  mix(said(pcall(string.match, subject, pattern, init)))\n"                                      \
    "  mix(said(pcall(string.gsub, subject, pattern, '<%0>', random(3))))\n"                          \
    "  mix(said(pcall(string.gsub, subject, pattern, '%1')))\n"                                       \
    "  mix(said(pcall(string.gsub, subject, pattern, function(a, b) return b or a end)))\n"           \
    "  mix(said(pcall(function()\n"                                                                   \
    "    local out = {} for a, b in subject:gmatch(pattern, init) do out[#out + 1] = tostring(a) .. tostring(b) end\n" \
    "    return table.concat(out, ';') end)))\n"                                                      \
    "end\n"                                                                                           \
    "return hash"

TEST(random_patterns_give_what_stock_Lua_gives)
{
    Rig  rig;
    char stock[100];
    rig_open(&rig, REAL_CLOCK);
    snprintf(stock, sizeof stock, "%.99s", rig_eval(&rig, COMPARE));
    CHECK(strncmp(stock, "raised", 6) != 0);
    CHECK_TEXT(rig_script(&rig, COMPARE), stock);
    rig_close(&rig);
}

int main(void) { return rig_run(); }
