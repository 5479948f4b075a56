local rehearse = require "lib.rehearse"

local function part(line, path)
  return { {
    { expect = rehearse.tools("edit"), calls = { { "edit", { path = path, old = line, new = line .. "!" } } } },
    { expect = rehearse.result("edit", "Replaced 1 place in " .. path), text = "Done." },
  } }
end

return { agents = { ["first-agent"] = part("one", "list.txt"), ["second-agent"] = part("two", "./list.txt"),
  ["third-agent"] = part("three", "list.txt") } }
