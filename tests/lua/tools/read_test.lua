--- tools/read.lua.
local t = require "lib.test"

local function words(said, err) return said or err.message end

local count = 0
local function make(run, content)
  count = count + 1
  local path = ("read/%d.txt"):format(count)
  assert(run.tool("write", { path = path, content = content }))
  return path
end

t.test("a text comes as it is, and with line numbers on request", function(run)
  local path = make(run, "one\n\nthree\n")
  t.equal(words(run.tool("read", { path = path })), "one\n\nthree")
  t.equal(words(run.tool("read", { path = path, numbers = true })),
    "     1\tone\n     2\t\n     3\tthree")
  t.equal(words(run.tool("read", { path = path, numbers = true, offset = 3 })), "     3\tthree")
end)

t.test("a range says how to go on", function(run)
  local path = make(run, "1\n2\n3\n4\n5\n")
  t.equal(words(run.tool("read", { path = path, offset = 2, limit = 2 })),
    "2\n3\n[2 lines after this; go on with offset=4]")
  t.equal(words(run.tool("read", { path = path, offset = 5, limit = 9 })), "5")
  local _, err = run.tool("read", { path = path, offset = 6 })
  t.equal(err.code, "invalid")
  t.contains(err.message, "has 5 lines")
end)

t.test("of a long file the middle is left out, and the note says how to read it", function(run)
  local lines = {}
  for i = 1, 3000 do lines[i] = ("line %d of a file that is long enough to be cut"):format(i) end
  local path = make(run, table.concat(lines, "\n"))
  local said = words(run.tool("read", { path = path, numbers = true }))
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
    "a\nb\n[line ends are CRLF; begins with a byte order mark]")
  t.equal(words(run.tool("read", { path = make(run, "a\nb") })),
    "a\nb\n[the last line has no line end]")
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

--- Bytes that JSON cannot carry come from a command: `octal` is for printf.
local function put(run, path, octal)
  local made, err = run.tool("bash", { command = ("mkdir -p read; printf '%s' > %s"):format(octal, path) })
  if not made then t.skip("commands do not run here: " .. err.message) end
end

t.test("UTF-16 with its mark is read as text, damaged or without one it is none", function(run)
  put(run, "read/16le.txt", "\\377\\376h\\000\\351\\000\\075\\330\\200\\336\\r\\000\\n\\000")
  t.equal(words(run.tool("read", { path = "read/16le.txt" })),
    "hé\u{1F680}\n[line ends are CRLF; encoded as UTF-16LE]")
  put(run, "read/16be.txt", "\\376\\377\\000a\\000\\n")
  t.equal(words(run.tool("read", { path = "read/16be.txt" })), "a\n[encoded as UTF-16BE]")
  put(run, "read/half.txt", "\\377\\376\\075\\330a\\000")
  t.contains(words(run.tool("read", { path = "read/half.txt" })), "damaged UTF-16 text")
  put(run, "read/32.txt", "\\377\\376\\000\\000a\\000\\000\\000")
  t.contains(words(run.tool("read", { path = "read/32.txt" })), "UTF-32 text")
  put(run, "read/plain16.txt", "a\\000b\\000")
  t.contains(words(run.tool("read", { path = "read/plain16.txt" })), "binary file")
end)

t.test("bytes of another encoding are shown as what they are: no UTF-8", function(run)
  put(run, "read/latin.txt", "caf\\351\\n")
  t.equal(words(run.tool("read", { path = "read/latin.txt" })),
    "caf\u{FFFD}\n[1 byte is no UTF-8, shown as \u{FFFD}]")
end)

t.test("a name that is no text is listed and addressed by its escaped form", function(run)
  local made, err = run.tool("bash", { command = [[mkdir -p read/odd && cd read/odd &&
    printf 1 >"$(printf 'caf\351')" && printf 2 >"$(printf 'two\nlines')" && printf 3 >'back\x41']] })
  if not made then t.skip("commands do not run here: " .. err.message) end
  local listed = words(run.tool("read", { path = "read/odd" }))
  t.contains(listed, [[back\x5Cx41 (1 byte)]])
  t.contains(listed, [[caf\xE9 (1 byte)]])
  t.contains(listed, [[two\x0Alines (1 byte)]])
  t.contains(words(run.tool("read", { path = [[read/odd/caf\xE9]] })), "1\n[")
  t.contains(words(run.tool("read", { path = [[read/odd/two\x0Alines]] })), "2\n[")
  t.contains(words(run.tool("read", { path = [[read/odd/back\x5Cx41]] })), "3\n[")
  assert(run.tool("edit", { path = [[read/odd/caf\xE9]], old = "1", new = "one" }))
  t.contains(words(run.tool("bash", { command = "cat caf*" })), "one")
  t.contains(words(run.tool("glob", { pattern = "read/odd/*" })), [[read/odd/caf\xE9]])
  t.equal(words(run.tool("grep", { pattern = "one", path = "read/odd" })), [[read/odd/caf\xE9:1:one]])
  t.equal(words(run.tool("grep", { pattern = "2", path = [[read/odd/two\x0Alines]] })),
    [[read/odd/two\x0Alines:1:2]])
end)

t.test("a masked file is listed, and nothing else is said of it", function(run)
  put(run, "read/.env.local", "KEY=12345")
  t.contains(words(run.tool("read", { path = "read" })), ".env.local (masked)")
  local _, err = run.tool("read", { path = "read/.env.local" })
  t.equal(err.code, "denied")
end)

t.test("what a link makes a secret during a run is masked from then on", function(run)
  assert(run.tool("write", { path = "read/late/settings.txt", content = "KEY=1" }))
  local made, err = run.tool("bash", { command = "ln -s settings.txt read/late/.env" })
  if not made then t.skip("commands do not run here: " .. err.message) end
  local said, refused = run.tool("read", { path = "read/late/settings.txt" })
  t.equal(said, nil)
  t.equal(refused.code, "denied")
  t.contains(words(run.tool("bash", { command = "cat read/late/settings.txt" })), "denied")
  assert(run.tool("bash", { command = "rm read/late/.env" }))
  t.contains(words(run.tool("read", { path = "read/late/settings.txt" })), "KEY=1")
end)

t.test("an image that cannot be shown is told in words", function(run)
  put(run, "read/damaged.png", "\\211PNG\\r\\n\\032\\n")
  t.contains(words(run.tool("read", { path = "read/damaged.png" })), "PNG image, 8 bytes. It cannot be shown: it is damaged")
  put(run, "read/wide.gif", "GIF89a\\101\\037\\001\\000")
  t.contains(words(run.tool("read", { path = "read/wide.gif" })), "8001 x 1 pixels")
  t.contains(words(run.tool("read", { path = "read/wide.gif" })), "longer than 8000 pixels; make a smaller copy")
end)

t.test("a file that is not there is not found", function(run)
  local _, err = run.tool("read", { path = "read/none" })
  t.equal(err.code, "not_found")
end)

return t
