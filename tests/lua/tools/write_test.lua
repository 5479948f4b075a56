--- tools/write.lua.
local t = require "lib.test"

local function words(said, err) return said or err.message end

t.test("a new file is made, with the folders on the way", function(run)
  t.equal(words(run.tool("write", { path = "write/a/b.txt", content = "one\ntwo\n" })),
    "Created write/a/b.txt: 2 lines, 8 bytes.")
  t.contains(words(run.tool("read", { path = "write/a/b.txt" })), "     2\ttwo")
end)

t.test("a file that this run wrote or read may be replaced", function(run)
  assert(run.tool("write", { path = "write/own.txt", content = "1" }))
  t.equal(words(run.tool("write", { path = "./write//own.txt", content = "" })),
    "Replaced ./write//own.txt: 0 lines, 0 bytes.")
end)

t.test("a file that nobody looked at is not replaced by a guess", function(run)
  local made, err = run.tool("bash", { command = "mkdir -p write; echo dear > write/other.txt" })
  if not made then t.skip("commands do not run here: " .. err.message) end
  local result
  result, err = run.tool("write", { path = "write/other.txt", content = "gone" })
  t.equal(result, nil)
  t.equal(err.code, "invalid")
  t.contains(err.message, "read it first")
  t.contains(words(run.tool("read", { path = "write/other.txt" })), "dear")
  assert(run.tool("write", { path = "write/other.txt", content = "known" }))
end)

t.test("a file that changed since it was read is not replaced", function(run)
  assert(run.tool("write", { path = "write/changed.txt", content = "1" }))
  local made, err = run.tool("bash", { command = "echo 2 > write/changed.txt" })
  if not made then t.skip("commands do not run here: " .. err.message) end
  local _, refused = run.tool("write", { path = "write/changed.txt", content = "3" })
  t.equal(refused.code, "invalid")
end)

t.test("a folder is no file", function(run)
  local _, err = run.tool("write", { path = ".", content = "x" })
  t.contains(err.message, "is a folder")
end)

t.test("arguments that do not fit come back as words a model can act on", function(run)
  local _, err = run.tool("write", { path = "write/x.txt", contents = "x" })
  t.contains(err.message, 'did you mean "content"?')
  t.contains(err.message, "input.content is missing")
end)

return t
