--- fix_and_review with a reviewer who fails.
local rehearse = require "lib.rehearse"

return { task = "Fix sum.sh.", files = { ["sum.sh"] = "echo old\n" }, agents = {
  ["062-development-backend-senior-guardian"] = { {
    { expect = rehearse.task("Fix"), calls = { { "edit", { path = "sum.sh", old = "old", new = "new" } } } },
    { expect = rehearse.result("edit"), text = "Done." },
  } },
  ["072-development-quality-senior-guardian"] = { { { expect = rehearse.first("a patch that suits"), text = "-" } } },
} }
