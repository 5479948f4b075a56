--- tools/edit.lua, through the one door that models use too.
local t = require "lib.test"

local function words(said, err) return said or err.message end

--- Makes a file of its own for each test.
local made = 0
local function make(run, content)
  made = made + 1
  local path = ("edit/%d.txt"):format(made)
  assert(run.tool("write", { path = path, content = content }))
  return path
end

--- The file's bytes as the next edit would find them, read by an exact search of the whole.
local function holds(run, path, content)
  local result, err = run.tool("edit", { path = path, old = content, new = content .. "?" })
  t.truthy(result, "the file holds exactly this: " .. (result or err.message))
  assert(run.tool("edit", { path = path, old = content .. "?", new = content }))
end

local function bash(run, command)
  local said, err = run.tool("bash", { command = command })
  if not said then t.skip("commands do not run here: " .. err.message) end
  return said
end

t.test("an exact text that occurs once is replaced and shown with its lines", function(run)
  local path = make(run, "one\ntwo\nthree\n")
  local said = words(run.tool("edit", { path = path, old = "two", new = "2" }))
  t.contains(said, "Replaced 1 place in " .. path)
  t.contains(said, "     2\t2")
  holds(run, path, "one\n2\nthree\n")
end)

t.test("a text that occurs more than once is refused with its lines", function(run)
  local path = make(run, "a\nb\na\na\n")
  local result, err = run.tool("edit", { path = path, old = "a", new = "x" })
  t.equal(result, nil)
  t.equal(err.code, "invalid")
  t.contains(err.message, "3 times (lines 1, 3, 4)")
  holds(run, path, "a\nb\na\na\n")
end)

t.test("places that overlap are more than one place", function(run)
  local path = make(run, "xaaax")
  t.contains(words(run.tool("edit", { path = path, old = "aa", new = "b" })), "2 times")
end)

t.test("all replaces every occurrence", function(run)
  local path = make(run, "a\nb\na\naa")
  t.contains(words(run.tool("edit", { path = path, old = "a", new = "xy", all = true })), "Replaced 4 places")
  holds(run, path, "xy\nb\nxy\nxyxy")
end)

t.test("the text is no pattern, and the new one neither", function(run)
  local path = make(run, "f(%d+) $1 [x]")
  assert(run.tool("edit", { path = path, old = "(%d+) $1 [x]", new = "%1 %%" }))
  holds(run, path, "f%1 %%")
end)

t.test("a text that is not there comes back with the nearest lines", function(run)
  local path = make(run, "int main(void)\n{\n    return coutn;\n}\n")
  local said = words(run.tool("edit", { path = path, old = "  return count;", new = "x" }))
  t.contains(said, "does not contain the text in old")
  t.contains(said, "     3\t    return coutn;")
  said = words(run.tool("edit", { path = path, old = "zzzzzzzz", new = "x" }))
  t.contains(said, "nor a line like its first")
end)

t.test("a file with CRLF ends is edited by LF text and keeps its ends", function(run)
  local path = make(run, "one\r\ntwo\r\nthree\r\n")
  assert(run.tool("edit", { path = path, old = "one\ntwo\n", new = "1\n2\n2b\n" }))
  t.contains(bash(run, "od -c " .. path .. " | head -3"), "1  \\r  \\n   2  \\r  \\n   2   b  \\r  \\n")
  assert(run.tool("edit", { path = path, old = "three", new = "3\n4" }))
  t.contains(bash(run, "od -An -c " .. path .. " | tr -d ' \\n'"), "1\\r\\n2\\r\\n2b\\r\\n3\\r\\n4\\r\\n")
end)

t.test("mixed line ends stay as they are where nothing is replaced", function(run)
  local path = make(run, "a\r\nb\nc\r\nd\n")
  assert(run.tool("edit", { path = path, old = "b\nc", new = "B\nC" }))
  t.contains(bash(run, "od -An -c " .. path .. " | tr -d ' \\n'"), "a\\r\\nB\\nC\\r\\nd\\n")
end)

t.test("a byte order mark stays in its place", function(run)
  local path = make(run, "\u{FEFF}one\ntwo\n")
  assert(run.tool("edit", { path = path, old = "one\n", new = "1\n" }))
  t.contains(bash(run, "od -An -tx1 " .. path .. " | head -1"), "ef bb bf 31 0a")
end)

t.test("a last line without its end stays so, also when old has one", function(run)
  local path = make(run, "one\ntwo")
  assert(run.tool("edit", { path = path, old = "two\n", new = "2\n" }))
  t.contains(bash(run, "od -An -c " .. path .. " | tr -d ' \\n'"), "one\\n2")
  t.falsy(bash(run, "od -An -c " .. path .. " | tr -d ' \\n'"):find("2\\n", 1, true))
end)

t.test("the mode of a file stays", function(run)
  local path = make(run, "#!/bin/sh\necho a\n")
  bash(run, "chmod 750 " .. path)
  assert(run.tool("edit", { path = path, old = "echo a", new = "echo b" }))
  t.contains(bash(run, "stat -c %a " .. path), "750")
end)

t.test("a file that changed since it was read is refused", function(run)
  local path = make(run, "one\ntwo\n")
  assert(run.tool("read", { path = path }))
  bash(run, "echo three >> " .. path)
  local result, err = run.tool("edit", { path = path, old = "one", new = "1" })
  t.equal(result, nil)
  t.equal(err.code, "invalid")
  t.contains(err.message, "changed since this run read it; nothing was written")
  t.contains(err.message, "@@ -1,2 +1,3 @@\n one\n two\n+three\n")
  assert(run.tool("edit", { path = path, old = "one", new = "1" }))
end)

t.test("a file that was never read may be edited: the text proves that it is known", function(run)
  bash(run, "mkdir -p edit; printf 'one\\n' > edit/unread.txt")
  assert(run.tool("edit", { path = "edit/unread.txt", old = "one", new = "1" }))
  holds(run, "edit/unread.txt", "1\n")
end)

t.test("nothing to change is said", function(run)
  local path = make(run, "a\r\nb")
  t.contains(words(run.tool("edit", { path = path, old = "a\n", new = "a\r\n" })), "are the same")
end)

t.test("bytes that are no UTF-8 stay as they are", function(run)
  bash(run, "mkdir -p edit; printf 'caf\\351\\nend\\n' > edit/latin.txt")
  assert(run.tool("edit", { path = "edit/latin.txt", old = "end", new = "fin" }))
  t.contains(bash(run, "od -An -c edit/latin.txt | tr -d ' \\n'"), "caf351\\nfin\\n")
end)

t.test("several edits are one change, each on what the one before left", function(run)
  local path = make(run, "one\ntwo\nthree\n")
  t.contains(words(run.tool("edit", { path = path, edits = {
    { old = "one", new = "1" }, { old = "1\ntwo", new = "1\n2 2" }, { old = "2", new = "II", all = true },
  } })), "Made 3 edits in " .. path)
  holds(run, path, "1\nII II\nthree\n")
end)

t.test("when one of several edits fails none is made, and it is named", function(run)
  local path = make(run, "one\ntwo\ntwo\n")
  local _, err = run.tool("edit", { path = path, edits = { { old = "one", new = "1" }, { old = "two", new = "2" } } })
  t.contains(err.message, "edit 2 of 2: ")
  t.contains(err.message, "2 times (lines 2, 3)")
  t.contains(err.message, "none of the edits was made")
  _, err = run.tool("edit", { path = path, edits = { { old = "one", new = "1" }, { old = "one", new = "2" }, { old = "two", new = "2" } } })
  t.contains(err.message, "edit 2 of 3: ")
  t.contains(err.message, "does not contain the text in old")
  holds(run, path, "one\ntwo\ntwo\n")
end)

t.test("one edit or several, not both and not neither", function(run)
  local path = make(run, "a")
  t.contains(words(run.tool("edit", { path = path, old = "a", new = "b", edits = { { old = "a", new = "b" } } })), "either")
  t.contains(words(run.tool("edit", { path = path })), "missing")
  t.contains(words(run.tool("edit", { path = path, edits = {} })), "edits")
end)

t.test("UTF-16 is edited as text and stays what it is", function(run)
  bash(run, [[mkdir -p edit; printf '\377\376a\000\r\000\n\000\351\000' > edit/utf16.txt]])
  assert(run.tool("edit", { path = "edit/utf16.txt", old = "a\né", new = "\u{1F680}\nb" }))
  t.equal(bash(run, "od -An -tx1 edit/utf16.txt | tr -d ' \\n'"), "fffe3dd880de0d000a006200")
end)

t.test("what is no text is not edited", function(run)
  local path = make(run, "ab\0cd")
  t.contains(words(run.tool("edit", { path = path, old = "ab", new = "x" })), "is no text: binary file")
end)

t.test("edits of one file side by side are made one after the other, none is lost", function(run)
  local lines, work = {}, {}
  for i = 1, 40 do
    lines[i] = ("line %02d"):format(i)
    work[i] = function()
      return (run.tool("edit", { path = i % 2 == 0 and "edit/many.txt" or "edit/alias.txt",
        old = ("line %02d"):format(i), new = ("LINE %02d"):format(i) }))
    end
  end
  assert(run.tool("write", { path = "edit/many.txt", content = table.concat(lines, "\n") }))
  bash(run, "ln -sf many.txt edit/alias.txt")
  for i, said in ipairs(run.all(work)) do t.contains(said, "Replaced 1 place", "edit " .. i) end
  t.equal((run.tool("read", { path = "edit/many.txt" })),
    table.concat(lines, "\n"):upper() .. "\n[the last line has no line end]")
end)

t.test("edits side by side are made in the order in which they were asked for", function(run)
  local path, work = make(run, "0."), {}
  for i = 1, 20 do
    work[i] = function()
      return (run.tool("edit", { path = path, old = (i - 1) .. ".", new = i .. "." }))
    end
  end
  for i, said in ipairs(run.all(work)) do t.contains(said, "Replaced 1 place", "edit " .. i) end
  holds(run, path, "20.")
end)

t.test("a missing file and a folder are refused in words", function(run)
  local _, err = run.tool("edit", { path = "edit/none.txt", old = "a", new = "b" })
  t.equal(err.code, "not_found")
  _, err = run.tool("edit", { path = ".", old = "a", new = "b" })
  t.equal(err.code, "invalid")
end)

return t
