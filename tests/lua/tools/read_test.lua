--- tools/read.lua.
local t = require "lib.test"

local function words(said, err) return said or err.message end

local made = 0
local function make(run, content)
  made = made + 1
  local path = ("read/%d.txt"):format(made)
  assert(run.tool("write", { path = path, content = content }))
  return path
end

t.test("lines are numbered", function(run)
  t.equal(words(run.tool("read", { path = make(run, "one\n\nthree\n") })), "     1\tone\n     2\t\n     3\tthree")
end)

t.test("a range says how to go on", function(run)
  local path = make(run, "1\n2\n3\n4\n5\n")
  t.equal(words(run.tool("read", { path = path, offset = 2, limit = 2 })),
    "     2\t2\n     3\t3\n[2 lines after this; go on with offset=4]")
  t.equal(words(run.tool("read", { path = path, offset = 5, limit = 9 })), "     5\t5")
  local _, err = run.tool("read", { path = path, offset = 6 })
  t.equal(err.code, "invalid")
  t.contains(err.message, "has 5 lines")
end)

t.test("of a long file the middle is left out, and the note says how to read it", function(run)
  local lines = {}
  for i = 1, 3000 do lines[i] = ("line %d of a file that is long enough to be cut"):format(i) end
  local path = make(run, table.concat(lines, "\n"))
  local said = words(run.tool("read", { path = path }))
  t.truthy(#said < 61000)
  t.contains(said, "     1\tline 1 of")
  t.contains(said, "  3000\tline 3000 of")
  local from, to, offset, limit = said:match("%[%.%.%. lines (%d+) to (%d+) left out; read them with offset=(%d+) limit=(%d+) %.%.%.%]")
  t.equal(offset, from)
  t.equal(tonumber(limit), tonumber(to) - tonumber(from) + 1)
  t.contains(said, ("%6d\t"):format(tonumber(from) - 1))
  t.contains(said, ("%6d\t"):format(tonumber(to) + 1))
  t.falsy(said:find(("\n%6d\t"):format(tonumber(from)), 1, true))
end)

t.test("a long line is cut at a character", function(run)
  local said = words(run.tool("read", { path = make(run, ("€"):rep(1000)) }))
  t.contains(said, "bytes left out ...]")
  t.truthy(utf8.len(said))
end)

t.test("line ends and marks that cannot be seen are told", function(run)
  t.equal(words(run.tool("read", { path = make(run, "\u{FEFF}a\r\nb\r\n") })),
    "     1\ta\n     2\tb\n[line ends are CRLF; begins with a byte order mark]")
end)

t.test("an empty file is said to be empty", function(run)
  t.contains(words(run.tool("read", { path = make(run, "") })), "is an empty file")
end)

t.test("what is no text is told by its kind", function(run)
  t.contains(words(run.tool("read", { path = make(run, "ab\0cd") })), "is no text: binary file, 5 bytes.")
  t.contains(words(run.tool("read", { path = make(run, "%PDF-1.7 ...") })), "PDF document")
end)

t.test("a folder is listed", function(run)
  assert(run.tool("write", { path = "read/folder/b/c.txt", content = "x" }))
  assert(run.tool("write", { path = "read/folder/a.txt", content = "xyz" }))
  t.equal(words(run.tool("read", { path = "read/folder" })), "a.txt (3 bytes)\nb/")
end)

t.test("a file that is not there is not found", function(run)
  local _, err = run.tool("read", { path = "read/none" })
  t.equal(err.code, "not_found")
end)

return t
