--- lua/lib/diff.lua.
local diff = require "lib.diff"
local t    = require "lib.test"

local function whole(old, new) return (diff.unified(old, new, 100000)) end

t.test("equal texts have no difference", function()
  t.equal(whole("", ""), "")
  t.equal(whole("a\nb\n", "a\nb\n"), "")
end)

t.test("a changed line stands between its neighbours", function()
  t.equal(whole("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n"),
    "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8")
end)

t.test("what comes and goes at the ends and in empty texts", function()
  t.equal(whole("", "a\nb\n"), "@@ -0,0 +1,2 @@\n+a\n+b")
  t.equal(whole("a\nb\n", ""), "@@ -1,2 +0,0 @@\n-a\n-b")
  t.equal(whole("b\n", "a\nb\n"), "@@ -1 +1,2 @@\n+a\n b")
  t.equal(whole("a\n", "a\nb\n"), "@@ -1 +1,2 @@\n a\n+b")
end)

t.test("places far apart are hunks of their own, near ones are one", function()
  local old, new = {}, {}
  for i = 1, 30 do old[i], new[i] = i .. "\n", i .. "\n" end
  new[2], new[28] = "two\n", "more\n"
  local said = whole(table.concat(old), table.concat(new))
  t.equal(select(2, said:gsub("@@ %-", "")), 2)
  t.contains(said, "@@ -25,6 +25,6 @@")
  new[28], new[9] = "28\n", "nine\n"
  t.equal(select(2, whole(table.concat(old), table.concat(new)):gsub("@@ %-", "")), 1)
end)

t.test("a missing last line end and line ends alone are told", function()
  t.equal(whole("a\nb", "a\nb\n"),
    "@@ -1,2 +1,2 @@\n a\n-b\n\\ no line end at the end of the file\n+b")
  t.equal(whole("a\r\nb\r\n", "a\nb\n"), "only line ends differ (CRLF and LF)")
end)

--- Applies hunks of a difference: the proof that it says what happened.
local function apply(old, said)
  local lines, out, at = {}, {}, 1
  for line in old:gmatch("[^\n]*\n") do lines[#lines + 1] = line end
  for line in (said .. "\n"):gmatch("[^\n]*\n") do
    local from, count = line:match("^@@ %-(%d+),?(%d*)")
    if from then
      from = tonumber(from) + (count == "0" and 1 or 0)
      while at < from do out[#out + 1], at = lines[at], at + 1 end
    elseif line:sub(1, 1) == "+" then
      out[#out + 1] = line:sub(2)
    else
      if line:sub(2) ~= lines[at] then return nil, "line " .. at .. " is not " .. line end
      if line:sub(1, 1) == " " then out[#out + 1] = lines[at] end
      at = at + 1
    end
  end
  return table.concat(out) .. table.concat(lines, "", at)
end

t.test("generated differences are true and never longer than a plain search finds", function()
  local seed = 7
  local function random(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed // 65536 % n + 1
  end
  local function lines(n)
    local made = {}
    for i = 1, n do made[i] = ("abc"):sub(random(3)):sub(1, 1) .. "\n" end
    return made
  end
  --- The longest common lines by the table that everybody knows.
  local function common(a, b)
    local row = {}
    for j = 0, #b do row[j] = 0 end
    for i = 1, #a do
      local corner = 0
      for j = 1, #b do
        local above = row[j]
        row[j] = a[i] == b[j] and corner + 1 or math.max(row[j], row[j - 1])
        corner = above
      end
    end
    return row[#b]
  end
  for _ = 1, 300 do
    local a, b = lines(random(12) - 1), lines(random(12) - 1)
    local old, new = table.concat(a), table.concat(b)
    local said = whole(old, new)
    t.equal(old == new and old or apply(old, said), new, old .. "->" .. new)
    local edits = select(2, ("\n" .. said):gsub("\n[+-]", ""))
    t.equal(edits, #a + #b - 2 * common(a, b), old .. "->" .. new)
  end
end)

t.test("texts that have nothing in common cost little and are cut with their number", function()
  local old, new = {}, {}
  for i = 1, 5000 do old[i], new[i] = "old " .. i .. "\n", "new " .. i .. "\n" end
  local said, complete = diff.unified(table.concat(old), table.concat(new), 2000)
  t.truthy(#said < 2100)
  t.equal(complete, false)
  t.contains(said, "left out ...]")
end)

t.test("a difference is text, and not whole where bytes were none", function()
  local said, complete = diff.unified("a\n", "caf\xE9\n", 1000)
  t.truthy(utf8.len(said))
  t.equal(complete, false)
  said, complete = diff.unified("a\n", ("x"):rep(3000) .. "\n", 10000)
  t.contains(said, "bytes left out")
  t.equal(complete, false)
end)

return t
