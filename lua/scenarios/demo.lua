--- The demo: a backend engineer writes a small C program, meets a real compiler error, repairs it,
--- and hands over to a quality engineer who has no bash and checks by reading. The replies are
--- written down; files, compiler, sandbox and the hop are real, and each reply first checks them.
local rehearse = require "lib.rehearse"

local BACKEND <const> = "062-development-backend-senior-guardian"
local QUALITY <const> = "072-development-quality-senior-guardian"

--- The line that hands the work over: a trigger phrase of agents/062.
local PHRASE <const> = "The code builds and runs - " .. QUALITY .. " should check it now"

local TASK <const> = "Write a C program, visits.c, that sums the table in notes/visits.csv: how "
  .. "many rows, how many visitors in all, and which day had the most. Compile it with all "
  .. "warnings, run it on the table, and have the result checked."

local TABLE <const> = [[
day,page,visitors
2026-11-16,start,120
2026-11-16,docs,45
2026-11-17,start,98
2026-11-17,docs,61
2026-11-18,start,143
]]

-- One name is misspelt where the total is summed.
local PROGRAM <const> = [[
/* visits.c -- sums a table of visits: rows, visitors, and the day with the most. */
#include <stdio.h>
#include <string.h>

enum { DAYS_MOST = 64, NAME_SIZE = 11 };

struct day {
    char name[NAME_SIZE];
    long visitors;
};

static struct day days[DAYS_MOST];
static int        day_count;

/* The entry of a day, made when the day is new; NULL when there is no room left. */
static struct day *find_day(const char *name)
{
    for (int i = 0; i < day_count; i++)
        if (strcmp(days[i].name, name) == 0) return &days[i];
    if (day_count == DAYS_MOST) return NULL;
    strcpy(days[day_count].name, name);
    return &days[day_count++];
}

int main(int argc, char **argv)
{
    char  line[256], name[NAME_SIZE], page[32];
    long  visitors, rows = 0, total = 0;
    FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (!file) {
        fprintf(stderr, "usage: visits FILE.csv\n");
        return 2;
    }
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "%10[^,],%31[^,],%ld", name, page, &visitors) != 3) continue; /* heading */
        struct day *day = find_day(name);
        if (!day) break;
        day->visitors += visitors;
        total += visitor;
        rows++;
    }
    fclose(file);

    const struct day *busiest = &days[0];
    for (int i = 1; i < day_count; i++)
        if (days[i].visitors > busiest->visitors) busiest = &days[i];
    printf("rows: %ld\nvisitors: %ld\n", rows, total);
    if (rows > 0) printf("busiest day: %s (%ld)\n", busiest->name, busiest->visitors);
    return 0;
}
]]

local WRONG <const> = "total += visitor;"
local RIGHT <const> = "total += visitors;"
local COMPILE <const> = "cc -std=c11 -Wall -Wextra -o visits visits.c"

local ROWS <const> = "rows: 5"
local VISITORS <const> = "visitors: 467"
local BUSIEST <const> = "busiest day: 2026-11-16 (165)"

local VERDICT <const> = [[
Accepted.

- The table has 5 rows under its heading; 120 + 45 + 98 + 61 + 143 = 467. The program says the same.
- 2026-11-16 has 120 + 45 = 165, more than 159 and 143: the busiest day is right.
- Every input is bounded; a file that is not there ends in a usage line and code 2.
- One remark, no defect: a table of more than 64 days is cut off in silence.
]]

--- What the first agent ends with: what it has just seen, and the phrase.
local function report(given)
  return "visits.c is done. Compiled without a warning and run on notes/visits.csv, it says:\n\n"
    .. "```\n" .. given.results[1].text .. "\n```\n\n"
    .. "The first version did not compile, one name was misspelt; that is repaired.\n\n"
    .. PHRASE .. "\n"
end

return {
  task = TASK,
  files = { ["notes/visits.csv"] = TABLE },

  agents = {
    [BACKEND] = { {
      {
        expect = rehearse.all {
          rehearse.first("visits.c", "notes/visits.csv"),
          rehearse.tools("read", "write", "edit", "bash"),
        },
        text = "I look at the workspace and at the table first.",
        calls = {
          { "read", { path = "." } },
          { "read", { path = "notes/visits.csv" } },
        },
      },
      {
        expect = rehearse.all {
          rehearse.results(2),
          rehearse.result("read", "notes/"),
          rehearse.result("read", "day,page,visitors", "2026-11-17,docs,61"),
        },
        text = "Five rows under a heading. I write the program.",
        calls = { { "write", { path = "visits.c", content = PROGRAM } } },
      },
      {
        expect = rehearse.result("write", "visits.c"),
        text = "Now I compile it.",
        calls = { { "bash", { command = COMPILE } } },
      },
      {
        expect = rehearse.all { -- the words that gcc and clang have in common
          rehearse.shown("bash", "visits.c", "error:", "undeclared", "visitor", "exit code 1"),
          rehearse.lacks("bash", "command not found"),
        },
        text = "The compiler is right: `visitor` is not declared, the variable is `visitors`.",
        calls = { { "edit", { path = "visits.c", old = WRONG, new = RIGHT } } },
      },
      {
        expect = rehearse.result("edit", "visits.c"),
        text = "Repaired. I compile again and run it.",
        calls = { { "bash", { command = COMPILE .. " && ./visits notes/visits.csv" } } },
      },
      {
        expect = rehearse.all {
          rehearse.result("bash", ROWS, VISITORS, BUSIEST),
          rehearse.lacks("bash", "warning:", "error:", "exit code"),
        },
        text = report,
      },
    } },

    [QUALITY] = { {
      {
        expect = rehearse.all {
          rehearse.first("notes/visits.csv", "visits.c", ROWS, VISITORS, BUSIEST),
          rehearse.tools("read"),
          rehearse.no_tools("bash"),
        },
        text = "I cannot run it, so I read the program and count the table myself.",
        calls = {
          { "read", { path = "visits.c" } },
          { "read", { path = "notes/visits.csv" } },
        },
      },
      {
        expect = rehearse.all {
          rehearse.result("read", RIGHT, "find_day(name)", "fclose(file);"),
          rehearse.lacks("read", WRONG),
          rehearse.result("read", "2026-11-16,start,120", "2026-11-18,start,143"),
        },
        text = VERDICT,
      },
    } },
  },
}
