--- tools/glob.lua and tools/grep.lua, and lib.glob and lib.search under them. What starts ripgrep is
--- skipped where no sandbox can be made.
local glob   = require "lib.glob"
local search = require "lib.search"
local t      = require "lib.test"

local function said(run, name, input)
  local result, err = run.tool(name, input)
  if result then return result end
  if err.code == "unavailable" or err.code == "denied" and err.message:find("no sandbox", 1, true) then
    t.skip("commands do not run here: " .. err.message)
  end
  return err.code .. ": " .. err.message
end

local FILES <const> = {
  [".gitignore"] = "*.log\n/build/\n!kept.log\n",
  ["top.c"] = "int top;\n", ["a.log"] = "int noise;\n", ["kept.log"] = "int kept;\n",
  ["src/x.c"] = "int x;\nINT y;\n", ["src/deep/z.c"] = "int z;\r\n", ["src/x.h"] = "int h;\n",
  ["build/o.c"] = "int o;\n", [".hidden/h.c"] = "int hid;\n", ["sp ace.c"] = "int s;\n",
}
local placed = false
local function place(run)
  if placed then return end
  for path, content in pairs(FILES) do assert(run.tool("write", { path = "search/" .. path, content = content })) end
  placed = true
end

t.test("a pattern without a slash fits names in every folder, sorted", function(run)
  place(run)
  t.equal(said(run, "glob", { pattern = "*.c", path = "search" }),
    "search/.hidden/h.c\nsearch/sp ace.c\nsearch/src/deep/z.c\nsearch/src/x.c\nsearch/top.c")
end)

t.test("what git ignores is left out, whatever the pattern", function(run)
  place(run)
  local all = said(run, "glob", { pattern = "**/*", path = "./search/" })
  t.falsy(all:find("build/o.c", 1, true), all)
  t.falsy(all:find("a.log", 1, true), all)
  t.contains(all, "search/kept.log")
  t.falsy(said(run, "glob", { pattern = "*.c", path = "search" }):find("kept", 1, true), "a ! line lets in only what fits")
end)

t.test("patterns with folders, braces and a path", function(run)
  place(run)
  t.equal(said(run, "glob", { pattern = "src/*.{c,h}", path = "search" }), "search/src/x.c\nsearch/src/x.h")
  t.equal(said(run, "glob", { pattern = "search/src/**/*.c" }), "search/src/deep/z.c\nsearch/src/x.c")
  t.equal(said(run, "glob", { pattern = "*.zig" }), "No files match.")
end)

t.test("folders outside and folders that are not there are refused", function(run)
  place(run)
  t.contains(said(run, "glob", { pattern = "*", path = "../.." }), "outside the workspace")
  t.contains(said(run, "glob", { pattern = "*", path = "/etc" }), "outside the workspace")
  t.contains(said(run, "glob", { pattern = "../*" }), "leaves the folder")
  t.contains(said(run, "glob", { pattern = "*", path = "search/none" }), "not_found: ")
end)

t.test("lines are found with path and number", function(run)
  place(run)
  t.equal(said(run, "grep", { pattern = "^int [xyz];", path = "search" }),
    "search/src/deep/z.c:1:int z;\nsearch/src/x.c:1:int x;")
  t.equal(said(run, "grep", { pattern = "int y", path = "search/src/x.c", ignore_case = true }), "search/src/x.c:2:INT y;")
  t.equal(said(run, "grep", { pattern = "nowhere at all", path = "search" }), "No matches.")
end)

t.test("a glob narrows a search and ignored files stay out", function(run)
  place(run)
  t.equal(said(run, "grep", { pattern = "int", path = "search", glob = "*.h" }), "search/src/x.h:1:int h;")
  t.equal(said(run, "grep", { pattern = "noise|kept", path = "search", glob = "*.log" }), "search/kept.log:1:int kept;")
end)

t.test("a pattern that begins with a dash is a pattern", function(run)
  place(run)
  t.equal(said(run, "grep", { pattern = "--files", path = "search" }), "No matches.")
end)

t.test("a wrong expression comes back with what is wrong", function(run)
  place(run)
  local words = said(run, "grep", { pattern = "(", path = "search" })
  t.contains(words, "invalid: ")
  t.contains(words, "unclosed group")
end)

t.test("more lines than the limit are counted", function(run)
  place(run)
  local words = said(run, "grep", { pattern = "int", path = "search", limit = 2 })
  t.contains(words, "more matching lines left out")
  t.equal(select(2, words:gsub("\n", "\n")), 2)
end)

t.test("only the paths, and only counts", function(run)
  place(run)
  t.equal(said(run, "grep", { pattern = "^int", path = "search/src", answer = "files" }),
    "search/src/deep/z.c\nsearch/src/x.c\nsearch/src/x.h")
  t.equal(said(run, "grep", { pattern = "int", path = "search/src", ignore_case = true, answer = "count" }),
    "search/src/deep/z.c:1\nsearch/src/x.c:2\nsearch/src/x.h:1")
  t.contains(said(run, "grep", { pattern = "int", path = "search/src", answer = "files", limit = 1 }), "2 more matching files")
end)

t.test("lines around a match are told from it, and places apart are parted", function(run)
  assert(run.tool("write", { path = "around/a.txt", content = "1\n2\nhit\n4\n5\n6\nhit\n8\n" }))
  assert(run.tool("write", { path = "around/b.txt", content = "hit\n" }))
  t.equal(said(run, "grep", { pattern = "hit", path = "around", context = 1 }),
    "around/a.txt-2-2\naround/a.txt:3:hit\naround/a.txt-4-4\n--\naround/a.txt-6-6\naround/a.txt:7:hit\n"
      .. "around/a.txt-8-8\n--\naround/b.txt:1:hit")
end)

t.test("plain text, several lines and kinds of files", function(run)
  assert(run.tool("write", { path = "kinds/a.py", content = "f(x)\nreturn\n" }))
  assert(run.tool("write", { path = "kinds/a.c", content = "f(x)\nf[x]\n" }))
  t.equal(said(run, "grep", { pattern = "f(x)", path = "kinds", literal = true, type = "py" }), "kinds/a.py:1:f(x)")
  t.equal(said(run, "grep", { pattern = "f\\(x\\)\nre.*n", path = "kinds", multiline = true }),
    "kinds/a.py:1:f(x)\nkinds/a.py:2:return")
  t.contains(said(run, "grep", { pattern = "f", path = "kinds", type = "klingon" }), "klingon")
  t.contains(said(run, "grep", { pattern = "f", path = "kinds", type = "--files" }), "invalid")
end)

t.test("very long lines are cut, binary files left out, many rows counted", function(run)
  assert(run.tool("write", { path = "long/a.txt", content = "hit" .. ("x"):rep(100000) .. "\n" }))
  assert(run.tool("write", { path = "long/b.bin", content = "hit\0hit\n" }))
  assert(run.tool("write", { path = "long/c.txt", content = ("hit\n"):rep(5000) }))
  local words = said(run, "grep", { pattern = "hit", path = "long", limit = 10 })
  t.truthy(#words < 2000, words)
  t.contains(words, "4991 more matching lines")
  t.falsy(words:find("b.bin", 1, true))
end)

t.test("without ripgrep the answer says so", function(run)
  local call = { workspace = run and run.workspace or "/w", exec = function()
    return nil, { code = "not_found", message = "rg: no such command" }
  end }
  local found, err = search.run({ options = {}, pattern = "x", path = "." }, call)
  t.equal(found, nil)
  t.equal(err.code, "unavailable")
  t.contains(err.message, "install it")
end)

t.test("paths with line ends and parted places are split where they are", function()
  t.equal(search.rows("./a\nb\0001:x\n--\n./c\0002-y\n", false),
    { { path = "a\nb", rest = "1:x" }, { path = "c", rest = "2-y" } })
  t.equal(search.rows("./a\nb\0./c\0", true), { { path = "a\nb", rest = "" }, { path = "c", rest = "" } })
end)

t.test("globs fit as ripgrep's do", function()
  local cases = { -- pattern, folder, path, fits
    { "*.c", ".", "a/b.c", true },        { "*.c", "src", "b.c", false },       { "a/*.c", ".", "a/b/c.c", false },
    { "a/**/c", ".", "a/c", true },       { "a/**/c", ".", "a/x/y/c", true },   { "**", ".", "a/b", true },
    { "a/", ".", "a/b/c", true },         { "a/", ".", "a", false },            { "/x", ".", "a/x", false },
    { "[!a]*", ".", "b", true },          { "[!a]*", ".", "a", false },         { "[a-c]?", ".", "bz", true },
    { "{a,b{c,d}}.x", ".", "bd.x", true }, { "\\*", ".", "*", true },           { "\\*", ".", "a", false },
    { "[x", ".", "[x", true },            { "é?", ".", "éé", true },            { "a*b*c", ".", "a/b/c", false },
  }
  for _, case in ipairs(cases) do
    local fits = glob.matcher(assert(glob.rooted(case[1], case[2])))
    t.equal(fits(case[3]), case[4], ("%s in %s fits %s"):format(case[1], case[2], case[3]))
  end
end)

t.test("a glob made to cost much costs little", function()
  local fits = glob.matcher(glob.rooted(("*a"):rep(60), "."))
  t.equal(fits(("a"):rep(200) .. "b"), false)
  t.equal(glob.rooted(("{a,b}"):rep(30), "."), nil)
  fits = glob.matcher(glob.rooted(("**/a/"):rep(40) .. "b", "."))
  t.equal(fits(("a/"):rep(200) .. "c"), false)
end)

t.test("rows that the host cut in half are dropped, with its note", function(run)
  local call = { workspace = run and run.workspace or "/w", exec = function()
    return { exit_code = 0, stderr = "", stdout_dropped = 900,
      stdout = "./a\0001:one\n./b\0002:tw\n[... 900 bytes left out ...]\nlf/y\0009:nine\n./z\0003:three\n" }
  end }
  local found = search.run({ options = {}, pattern = "x", path = "." }, call)
  t.equal(found.rows, { { path = "a", rest = "1:one" }, { path = "z", rest = "3:three" } })
  t.contains(search.notes(found), "900 bytes")
end)

t.test("paths are taken from the workspace's root", function()
  t.equal(search.below("./a//b/", "/w"), "a/b")
  t.equal(search.below("/w", "/w"), ".")
  t.equal(search.below("/w/a/../b", "/w"), "b")
  t.equal(search.below("/wx/a", "/w"), nil)
  t.equal(search.below("a/../../w", "/w"), nil)
end)

return t
