--- lib.text, lib.duration and the assertions of lib.test themselves.
local duration = require "lib.duration"
local t        = require "lib.test"
local text     = require "lib.text"

t.test("lines have no ends and a last line needs none", function()
  t.equal(text.lines("a\nb"), { "a", "b" })
  t.equal(text.lines("a\r\n\r\nb\n"), { "a", "", "b" })
  t.equal(text.lines("\n"), { "" })
  t.equal(text.lines(""), {})
end)

t.test("the first line is the first that says something", function()
  t.equal(text.first_line("\n  \n  rg: no such file  \nmore"), "rg: no such file")
  t.equal(text.first_line(" \n"), "")
end)

t.test("trim takes blanks at both ends only", function()
  t.equal(text.trim(" \t a b\n"), "a b")
  t.equal(text.trim("   "), "")
  t.equal(text.trim((" "):rep(20000) .. "x" .. (" "):rep(20000)), "x")
end)

t.test("indent leaves empty lines empty", function()
  t.equal(text.indent("a\n\nb\n", "  "), "  a\n\n  b\n")
end)

t.test("wrap breaks at blanks, keeps line ends, and lets a long word stand", function()
  t.equal(text.wrap("a bb ccc", 4), { "a bb", "ccc" })
  t.equal(text.wrap("a\nb  c", 10), { "a", "b c" })
  t.equal(text.wrap("\u{e9}\u{e9} \u{e9}", 4), { "\u{e9}\u{e9} \u{e9}" })
  t.equal(text.wrap("x abcdefgh y", 4), { "x", "abcdefgh", "y" })
  t.equal(text.wrap("", 4), { "" })
end)

t.test("count is of plain text and does not overlap", function()
  t.equal(text.count("a.b.c", "."), 2)
  t.equal(text.count("aaaa", "aa"), 2)
  t.error(function() text.count("a", "") end, "part is empty")
end)

t.test("keep_lines says how many lines are left out", function()
  t.equal({ text.keep_lines("a\nb\nc\nd\n", 2) }, { "a\nb\n[... 2 more lines left out ...]", 2 })
  t.equal({ text.keep_lines("a\nb\nc", 2) }, { "a\nb\n[... 1 more line left out ...]", 1 })
  t.equal({ text.keep_lines("a\nb\n", 2) }, { "a\nb\n", 0 })
  t.equal({ text.keep_lines("a\nb", 2) }, { "a\nb", 0 })
end)

t.test("a text that fits is not cut", function()
  t.equal({ text.cut_middle("short", 200) }, { "short", 0 })
  t.equal({ text.cut_middle("short", 200, 7) }, { "short", 7 })
end)

t.test("a cut keeps both ends, whole lines, and says what is missing", function()
  local lines = {}
  for i = 1, 1000 do lines[i] = ("line %d"):format(i) end
  local whole = table.concat(lines, "\n")
  local cut, missing = text.cut_middle(whole, 1000)
  t.truthy(#cut <= 1000, "the answer keeps its bound")
  t.equal(cut:sub(1, 7), "line 1\n")
  t.equal(cut:sub(-9), "line 1000")
  local head, bytes, count, tail = cut:match("^(.*)%[%.%.%. (%d+) bytes %((%d+) lines%) left out %.%.%.%]\n(.*)$")
  t.equal(tonumber(bytes), missing)
  t.equal(#head + missing + #tail, #whole)
  t.equal(text.count(head, "\n") + tonumber(count) + #text.lines(tail), 1000)
  t.equal(head:sub(-1), "\n")
  t.truthy(tail:match("^line %d+\n"))
end)

t.test("a cut of one long line splits no character", function()
  for width = 200, 208 do
    local cut = text.cut_middle(("a"):rep(width % 3) .. ("€"):rep(500), width)
    t.truthy(utf8.len(cut), "valid at " .. width)
    t.truthy(#cut <= width)
  end
end)

t.test("bytes that were missing before are counted in", function()
  local cut, missing = text.cut_middle(("x"):rep(1000), 200, 5000)
  t.contains(cut, ("[... %d bytes left out ...]"):format(missing))
  t.truthy(missing > 5000)
end)

t.test("wrong bytes and NUL become U+FFFD, one each", function()
  t.equal({ text.valid("a\xffb\xc3") }, { "a\u{FFFD}b\u{FFFD}", 2 })
  t.equal({ text.valid("a\0b") }, { "a\u{FFFD}b", 1 })
  t.equal({ text.valid("grün €") }, { "grün €", 0 })
  t.equal({ text.valid("") }, { "", 0 })
end)

t.test("nearest finds slips of the finger and parts, and nothing far", function()
  local names = { "read", "write", "edit", "bash", "code-reviewer" }
  t.equal(text.nearest("raed", names), "read")
  t.equal(text.nearest("Write", names), "write")
  t.equal(text.nearest("reviewer", names), "code-reviewer")
  t.equal(text.nearest("kubernetes", names), nil)
  t.equal(text.suggest("edti", names), '; did you mean "edit"?')
  t.equal(text.suggest("zzz", names), "")
  t.equal(text.nearest_few("rea", { "real", "rear", "read", "zebra" }), { "read", "real", "rear" })
end)

t.test("durations read units, parts and milliseconds", function()
  t.equal(duration.parse("20s"), 20000)
  t.equal(duration.parse("1h30m"), 5400000)
  t.equal(duration.parse("1.5s"), 1500)
  t.equal(duration.parse("250ms"), 250)
  t.equal(duration.parse(0), 0)
  t.equal(duration.parse(2.0), 2)
end)

t.test("what is no duration says what to write", function()
  for _, wrong in ipairs { "", "20", "s", "20 s", "-1s", "2w", "1s2", "1e3s", "900000000h", -5, 2.5, true } do
    local ms, err = duration.parse(wrong)
    t.equal(ms, nil, tostring(wrong))
    t.equal(err.code, "invalid", tostring(wrong))
    t.truthy(err.message:find("366 days") or err.message:find('as "20s"', 1, true), tostring(wrong))
  end
end)

t.test("durations are said as people say them", function()
  t.equal(duration.words(250), "250 ms")
  t.equal(duration.words(20000), "20 s")
  t.equal(duration.words(90000), "1 min 30 s")
  t.equal(duration.words(120000), "2 min")
  t.equal(duration.words(5400000), "1 h 30 min")
end)

t.test("equal names the first place that differs", function()
  t.error(function() t.equal({ a = { 1, 2 } }, { a = { 1, 3 } }) end, "value.a[2] is 2, wanted 3")
  t.error(function() t.equal({ ["x y"] = 1 }, {}) end, 'value["x y"] is 1, wanted nil')
  t.error(function() t.equal(1, 1.0) end, "value is 1, wanted 1.0")
  t.error(function() t.equal("a", "b", "the name") end, 'the name: value is "a", wanted "b"')
end)

t.test("an assertion fails when it should", function()
  t.error(function() t.truthy(false) end, "wanted a value")
  t.error(function() t.falsy(0) end, "wanted nil or false")
  t.error(function() t.contains("abc", "%a") end, "does not contain")
  t.error(function() t.error(function() end, "x") end, "no error was raised")
  t.error(function() t.error(function() error({ message = "other" }) end, "x") end, 'the error says "other"')
end)

t.test("a misspelt part of a long name finds the names that have it", function()
  local names = { "062-development-backend-senior-guardian", "063-development-backend-junior-guardian", "docs" }
  t.equal(text.nearest_parts("bakend-senior", names)[1], names[1])
  t.equal(text.nearest_parts("guardain", names), { names[1], names[2] })
  t.equal(text.nearest_parts("nobody", names), {})
  t.equal(text.nearest_parts("docz", names), { "docs" })
end)

return t
