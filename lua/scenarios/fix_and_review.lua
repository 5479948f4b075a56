--- The chain fix_and_review on a shell script: the first patch is rejected, the second accepted and
--- applied. The copies, the patches and their application are real.
local rehearse = require "lib.rehearse"

local FIXER    <const> = "062-development-backend-senior-guardian"
local REVIEWER <const> = "072-development-quality-senior-guardian"

local function edits(new, report, expect)
  return {
    { expect = expect, calls = { { "edit", { path = "sum.sh", old = "head -n 2", new = new } } } },
    { expect = rehearse.result("edit"), text = report },
  }
end

return {
  task = "sum.sh adds up only the first two lines. It should add all of them.",
  files = { ["sum.sh"] = "head -n 2 \"$1\" | awk '{ n += $1 } END { print n }'\n" },
  agents = {
    [FIXER] = {
      edits("head -n 100", "It reads 100 lines now.", rehearse.task("sum.sh")),
      edits("cat", "It reads the whole file.",
        rehearse.first("## Rejected patch", "+head -n 100", "101 lines are still cut")),
    },
    [REVIEWER] = {
      { { expect = rehearse.first('-head -n 2 "$1"', '+head -n 100 "$1"'),
          text = '{"verdict": "reject", "defects": ["101 lines are still cut"]}' } },
      { { expect = rehearse.first('+cat "$1"'), text = '{"verdict": "accept", "defects": []}' } },
    },
  },
}
