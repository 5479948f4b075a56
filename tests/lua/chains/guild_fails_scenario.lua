--- backend_guild with a tester who fails at once, beside a reviewer who looks for a long time.
local rehearse = require "lib.rehearse"

local looks = {}
for i = 1, 60 do looks[i] = { expect = rehearse.anything("it looks on"), calls = { { "read", { path = "." } } } } end
looks[#looks + 1] = { expect = rehearse.first("nothing: it is cancelled before"), text = "-" }

return { task = "Build it.", agents = {
  ["062-development-backend-senior-guardian"] = { { { expect = rehearse.task("Build it."), text = "Built." } } },
  ["063-development-backend-junior-guardian"] = { { { expect = rehearse.first("a tester who knows what to do"), text = "-" } } },
  ["072-development-quality-senior-guardian"] = { looks },
} }
