--- tools/write.lua.
local t = require "lib.test"

local function words(said, err) return said or err.message end

t.test("a new file is made, with the folders on the way", function(run)
  t.equal(words(run.tool("write", { path = "write/a/b.txt", content = "one\ntwo\n" })),
    "Created write/a/b.txt: 2 lines, 8 bytes.")
  t.contains(words(run.tool("read", { path = "write/a/b.txt" })), "one\ntwo")
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
  t.contains(refused.message, "changed since this run read it")
  t.contains(refused.message, "@@ -1 +1 @@\n-1\n")
  t.contains(refused.message, "\n+2\n")
  t.contains(refused.message, "make it again")
  assert(run.tool("write", { path = "write/changed.txt", content = "3" })) -- it saw what changed
end)

t.test("a change that is too large to be shown has to be read", function(run)
  local made, err = run.tool("bash", { command = "mkdir -p write; seq 1 5000 > write/long.txt" })
  if not made then t.skip("commands do not run here: " .. err.message) end
  assert(run.tool("read", { path = "write/long.txt" }))
  run.tool("bash", { command = "seq 10001 15000 > write/long.txt" })
  for _ = 1, 2 do
    local _, refused = run.tool("write", { path = "write/long.txt", content = "x" })
    t.contains(refused.message, "left out ...]")
    t.contains(refused.message, "Read it again")
    t.truthy(#refused.message < 10000)
  end
end)

t.test("a file known by one name is known by all, and changed by all", function(run)
  assert(run.tool("write", { path = "write/real.txt", content = "1" }))
  local made, err = run.tool("bash", { command = "ln -sf real.txt write/alias.txt" })
  if not made then t.skip("commands do not run here: " .. err.message) end
  assert(run.tool("write", { path = "write/alias.txt", content = "2" }))
  assert(run.tool("edit", { path = "write/real.txt", old = "2", new = "3" }))
  t.equal((run.tool("bash", { command = "cat write/alias.txt; test -L write/alias.txt && echo link" })), "3link")
end)

t.test("a replaced file keeps its encoding, its mark and CRLF line ends", function(run)
  local made, err = run.tool("bash", { command = [[mkdir -p write; cd write
    printf 'a\r\nb\r\n' > crlf.txt; printf '\357\273\277a\n' > mark.txt
    printf '\376\377\000a\000\n' > be.txt; printf 'a\r\nb\n' > mixed.txt; cd ..]] })
  if not made then t.skip("commands do not run here: " .. err.message) end
  local function check(name, content, wanted, kept)
    assert(run.tool("read", { path = "write/" .. name }))
    local said = words(run.tool("write", { path = "write/" .. name, content = content }))
    t.contains(said, kept)
    local bytes = run.tool("bash", { command = "od -An -tx1 write/" .. name .. " | tr -d ' \\n'" })
    t.equal(bytes, wanted, name)
  end
  check("crlf.txt", "x\ny\n", "780d0a790d0a", "kept its CRLF line ends")
  check("crlf.txt", "x\ny", "780d0a79", "kept its CRLF line ends")
  check("mark.txt", "x\n", "efbbbf780a", "kept its byte order mark")
  check("be.txt", "é\n", "feff00e9000a", "kept its UTF-16BE")
  check("mixed.txt", "x\ny\n", "780a790a", "4 bytes.")
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
