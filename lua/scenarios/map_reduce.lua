--- The chain map_reduce over six notes, of which one cannot be understood. Each agent reads its
--- file with the real tool.
local rehearse = require "lib.rehearse"

local MAPPER  <const> = "063-development-backend-junior-guardian"
local REDUCER <const> = "072-development-quality-senior-guardian"

local FILES <const> = {}
for i = 1, 6 do
  FILES[("notes/%d.txt"):format(i)] = i == 4 and "???\n" or ("owes %d\n"):format(i)
end

local function file_of(given) return given.first:match("notes/%d%.txt") end

--- The agent of note 4 says what this scenario does not expect of it, and fails.
local function understood(given)
  if not given.results[1].text:find("???", 1, true) then return true end
  return false, "a note that can be understood"
end

local look = {
  { expect = rehearse.first("## File", "notes/"),
    calls = function(given) return { { "read", { path = file_of(given) } } } end },
  { expect = understood,
    text = function(given) return "It says: " .. given.results[1].text:match("owes %d") end },
}

local visits = {}
for i = 1, 6 do visits[i] = look end

return {
  task = "Who owes how much?",
  files = FILES,
  agents = {
    [MAPPER] = visits,
    [REDUCER] = { {
      { expect = rehearse.first("owes 1", "owes 2", "owes 3", "owes 5", "owes 6",
          "## Not looked at", "notes/4.txt"), text = "17 in all, without note 4." },
    } },
  },
}
