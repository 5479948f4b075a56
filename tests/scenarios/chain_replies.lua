--- What the agents say to the chains of this folder.
local rehearse = require "lib.rehearse"

local SENIOR  <const> = "062-development-backend-senior-guardian"
local JUNIOR  <const> = "063-development-backend-junior-guardian"
local QUALITY <const> = "072-development-quality-senior-guardian"


local function visits(count, turn)
  local all = {}
  for i = 1, count do all[i] = { turn } end
  return all
end

return {
  agents = {
    [SENIOR] = visits(4, { expect = rehearse.task("count"), text = "Three files." }),
    [JUNIOR] = visits(40, { expect = rehearse.anything("whatever the chain asks"), text = "Done by the junior." }),
    [QUALITY] = { { -- the second turn is not written: this child fails
      { expect = rehearse.task("check"), text = "I look.", calls = { { "glob", { pattern = "*.txt" } } } },
    } },
  },
}
