--- tools/bash.lua. Skipped where no sandbox can be made.
local t = require "lib.test"

local function bash(run, command, timeout)
  local said, data = run.tool("bash", { command = command, timeout = timeout })
  if not said then t.skip("commands do not run here: " .. data.message) end
  return said, data
end

t.test("output comes as it was printed", function(run)
  t.equal((bash(run, "echo one; echo two")), "one\ntwo")
  t.equal((bash(run, "true")), "(no output)")
end)

t.test("both outputs are told apart", function(run)
  t.equal((bash(run, "echo out; echo err >&2")), "out\n[stderr]\nerr")
  t.equal((bash(run, "echo err >&2")), "err")
end)

t.test("an exit code other than 0 is told, as text and as data", function(run)
  local said, data = bash(run, "echo x; exit 3")
  t.equal(said, "x\n[exit code 3]")
  t.equal(data.exit_code, 3)
end)

t.test("bytes that are no text become signs that can be sent", function(run)
  t.equal((bash(run, "printf 'a\\377\\000b'")), "a\u{FFFD}\u{FFFD}b")
end)

t.test("long output keeps both ends and says what is missing", function(run)
  local said = bash(run, "seq 1 50000; echo problem >&2")
  t.truthy(#said < 31000)
  t.equal(said:sub(1, 6), "1\n2\n3\n")
  t.contains(said, "left out ...]\n")
  t.contains(said, "\n50000\n[stderr]\nproblem")
end)

t.test("a command that runs too long is stopped and says so", function(run)
  t.contains((bash(run, "echo begun; sleep 60", 1)), "[stopped: it ran longer than 1 s")
end)

t.test("a timeout beyond the most is refused with the range", function(run)
  local _, err = run.tool("bash", { command = "true", timeout = 601 })
  t.contains(err.message, "from 1 to 600")
end)

return t
