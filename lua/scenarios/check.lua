--- What `perigee models check` asks, answered: serve it, and the check of that server shows whether
--- a dialect carries all that a run needs.
local rehearse = require "lib.rehearse"

local function asked(words) return rehearse.first(words) end

local function numbers()
  local lines = {}
  for i = 1, 100 do lines[i] = tostring(i) end
  return table.concat(lines, "\n")
end

return {
  agents = {
    check = {
      { { expect = asked("one word: ready"), text = "ready" } },
      {
        { expect = rehearse.tools("add"), calls = { { "add", { a = 2, b = 3 } } } },
        { expect = rehearse.result("add", "5"), text = "5" },
      },
      { { expect = asked("twice in one reply"),
        calls = { { "add", { a = 1, b = 2 } }, { "add", { a = 3, b = 4 } } } } },
      { { expect = asked("Count from 1 to 100"), text = numbers() } },
      { { expect = asked("Slowly"), text = numbers() } },
      { { expect = asked("one word: again"), text = "again" } },
      { { expect = asked("What is 2 + 3?"), text = '{"sum":5}' } },
    },
  },
}
