--- What the agents of copy_test.lua do in their copies.
local rehearse = require "lib.rehearse"

local COMMAND <const> = [[
  echo %s >> a.txt; printf 'caf\351\n' > %s.latin; printf '\000' > %s.bin; rm gone-%s.txt
  chmod +x run.sh; git init -q sub; cat .env 2>/dev/null; ls -A]]

local function writes(name)
  return {
    { expect = rehearse.task("write"), calls = {
      { "write", { path = "new/" .. name .. ".txt", content = name .. "\n" } },
      { "bash", { command = (COMMAND):gsub("%%s", name) } },
    } },
    { expect = rehearse.all { rehearse.result("bash", "a.txt"), rehearse.lacks("bash", "KEY=1") },
      text = name .. " done" },
  }
end

local function says(text) return { { expect = rehearse.anything("only its reply counts"), text = text } } end

return {
  files = { ["a.txt"] = "1\n2\n3\n4\n", ["run.sh"] = "true\n", ["gone-one.txt"] = "x\n", ["gone-two.txt"] = "y\n" },
  agents = {
    ["062-development-backend-senior-guardian"] = { writes "one" },
    ["063-development-backend-junior-guardian"] = { writes "two", says "nothing to do" },
    ["072-development-quality-senior-guardian"] = {
      says '{ "verdict": "maybe" }',
      { { expect = rehearse.first("schema"), text = "no" }, { expect = rehearse.anything("again"), text = '{ "ok": true }' } },
    },
  },
}
