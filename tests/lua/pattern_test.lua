--- No single call of a library function holds the loop: what would take too long is an error, soon.
local t = require "lib.test"

local MANY <const> = ("a"):rep(100000)

t.test("a pattern that tries too much is an error that names it", function()
  t.error(function() return MANY:find(".-b") end, "pattern took more than 20800000 steps: '.-b'")
  t.error(function() return MANY:match("(a*)(a*)(a*)b") end, "steps: '(a*)(a*)(a*)b'")
  t.error(function() return MANY:gsub("a+$*b", "") end, "steps: 'a+$*b'")
  t.error(function() for _ in string.gmatch(MANY, ".-b") do end end, "steps: '.-b'")
  t.error(function() return ((" "):rep(100000) .. "x"):gsub("%s+$", "") end, "steps: '%s+$'")
end)

t.test("a script that catches such errors goes on, however long they take together", function()
  local caught = 0
  for _ = 1, 40 do -- more than one stretch without an instruction may take
    if not pcall(string.find, MANY, ".-b") then caught = caught + 1 end
  end
  t.equal(caught, 40)
end)

t.test("ordinary work on a long text passes", function()
  local text = ("key = value; "):rep(300000)
  t.equal(select(2, text:gsub("%w+", "%0")), 600000)
  t.equal(select(2, text:gsub("(%w+)%s*=%s*(%w+)", "%2=%1")), 300000)
  t.equal(text:match("^.-(v%a+)"), "value")
  t.equal(text:find("nowhere", 1, true), nil)
end)

t.test("looking for a plain text takes linear time", function()
  local long = ("x"):rep(8000000)
  t.equal(long:find(("x"):rep(200000) .. "y", 1, true), nil)
end)

t.test("rep looks at the size first", function()
  t.equal((""):rep(1 << 62), "")
  t.equal(("ab"):rep(3, "-"), "ab-ab-ab")
  t.equal(("ab"):rep(-1), "")
  t.error(function() return ("x"):rep(1000000000) end, "string.rep: a result of 1000000000 bytes does not fit")
  t.error(function() return ("x"):rep(1 << 62, "yy") end, "resulting string too large")
end)

t.test("concat and format look at the size first", function()
  local part, parts = ("x"):rep(1000000), {}
  for i = 1, 70 do parts[i] = part end
  t.error(function() return table.concat(parts) end, "table.concat: a result of 70000000 bytes does not fit")
  t.error(function() return ("%s"):rep(70):format(table.unpack(parts)) end, "string.format: a result of 70000000 bytes")
  t.equal(#("%.3s"):rep(70):format(table.unpack(parts)), 210)
  t.equal(table.concat({ 1, "a", 2.5 }, ", "), "1, a, 2.5")
  t.equal(table.concat({ "a", "b", "c" }, "-", 2), "b-c")
  t.equal(table.concat({}, "-", 2, 1), "")
  t.equal(("%d%% of %s"):format(5, "x"), "5% of x")
  t.error(function() return table.concat({ "a", {} }) end, "in table for 'concat'")
end)

t.test("table functions refuse more rounds than a table can hold", function()
  local endless = setmetatable({}, { __len = function() return 1 << 40 end, __index = rawlen })
  for _, name in ipairs { "concat", "insert", "remove", "sort" } do -- what a __len says may differ each time
    t.error(function() return table[name](endless, 1, "x") end, "plain tables, not one with a __len")
  end
  t.error(function() return table.move({}, 1, 1000000000, 2) end, "table.move: 1000000000 elements")
  t.error(function() return table.move({}, math.mininteger, math.maxinteger, 2) end, "too many elements to move")
  t.error(function() return table.unpack({}, 1, 100000000) end, "too many results to unpack")
  t.error(function() return ("x"):rep(2000000):byte(1, -1) end, "string slice too long")
end)

t.test("table functions do what they always did", function()
  local list = { 3, 1, 2 }
  table.insert(list, 2, "x")
  t.equal(list, { 3, "x", 1, 2 })
  t.equal(table.remove(list, 2), "x")
  table.insert(list, 0)
  t.equal(table.remove(list), 0)
  table.sort(list)
  t.equal(list, { 1, 2, 3 })
  table.sort(list, function(a, b) return a > b end)
  t.equal(list, { 3, 2, 1 })
  t.equal(table.move({ 1, 2, 3 }, 2, 3, 1), { 2, 3, 3 })
  t.equal(table.remove({}), nil)
end)

t.test("sort compares no more than it can in one call", function()
  local common = ("x"):rep(5000000)
  local texts = {}
  for i = 1, 1000 do texts[i] = common end
  t.error(function() table.sort(texts) end, "table.sort: 5000000000 bytes in 1000 texts")
  t.error(function() table.sort({ 2, 1 }, math.ult) end, "the order function should be a Lua function")
  t.error(function() table.sort({ 1, nil, 2 }) end, "table.sort: element 2 is nil")
end)

t.test("load compiles no more than a file may hold", function()
  local chunk, why = load("return " .. ("a+"):rep(1000000) .. "1")
  t.equal(chunk, nil)
  t.equal(why, "load: a chunk of 2000008 bytes; at most 1048576")
  t.equal(load("return 1 + 1")(), 2)
end)

-- Symptom: reading a file of 20,000 lines ended as "an endless loop". Cause: a plain find charged for
-- the whole rest of the text, also where it stopped at the next line end.
t.test("walking a long text line by line costs what it looks at", function()
  local long, at, lines = ("0123456789\n"):rep(200000), 1, 0
  while true do
    local stop = long:find("\n", at, true)
    if not stop then break end
    at, lines = stop + 1, lines + 1
  end
  t.equal(lines, 200000)
end)
