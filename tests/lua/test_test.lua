--- What `perigee test` gives to each test: nothing of the one before.
local t = require "lib.test"

local loads = 0
loads = loads + 1

t.test("what a test leaves in its workspace and its shell", function(run)
  assert(run.tool("write", { path = "left/a.txt", content = "a" }))
  run.tool("bash", { command = "cd left; export LEFT=1" })
  loads = loads + 1
end)

t.test("is not there for the next one, which has a run of its own", function(run)
  t.equal(loads, 1)
  local _, err = run.tool("read", { path = "left/a.txt" })
  t.equal(err and err.code, "not_found")
  local said, gone = run.tool("bash", { command = "echo \"${LEFT-none}\"; ls | wc -l" })
  if not said then t.skip("commands do not run here: " .. gone.message) end
  t.equal(said, "none\n0")
end)

return t
