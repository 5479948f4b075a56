local rehearse = require "lib.rehearse"

--- Each agent changes its line twice in one reply, and all of them the last one.
local function part(line)
  return { {
    { expect = rehearse.tools("edit"), calls = {
      { "edit", { path = "list.txt", old = line, new = line .. "!" } },
      { "edit", { path = "list.txt", old = line .. "!", new = line .. "?" } },
      { "edit", { path = "./list.txt", old = "four", new = "four+" } },
    } },
    { expect = rehearse.all { rehearse.results(3), rehearse.result("edit", "Replaced 1 place in list.txt") },
      text = "Done." },
  } }
end

return { agents = { ["first-agent"] = part "one", ["second-agent"] = part "two", ["third-agent"] = part "three" } }
