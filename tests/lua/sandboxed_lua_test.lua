--- The Lua that scripts get: nothing reaches outside, nothing of others can be spoiled, no call holds
--- the loop, and a run can be repeated.
local json = require "lib.json"
local t    = require "lib.test"

t.test("nothing that reaches outside is there", function()
  for _, name in ipairs { "io", "os", "debug", "package", "print", "dofile", "loadfile", "collectgarbage", "warn", "host" } do
    t.equal(_G[name], nil, name)
  end
  t.equal(string.dump, nil)
  t.equal(math.randomseed, nil)
  t.equal(math.random, nil) -- a chain that runs again takes the same way
end)

t.test("load takes text, and no bytecode", function()
  t.equal(load("return 1 + 1")(), 2)
  t.equal(load("return x", "chunk", "t", { x = 7 })(), 7)
  local chunk, err = load("\27Lua" .. ("\0"):rep(20))
  t.equal(chunk, nil)
  t.contains(err, "binary")
  chunk, err = load("\27Lua" .. ("\0"):rep(20), "b", "b")
  t.equal(chunk, nil)
  t.truthy(err)
  t.contains(select(2, load(("x = 1\n"):rep(200000))), "at most 1048576")
  leaked = nil -- luacheck: ignore
  load("leaked = 1")()
  t.equal(rawget(_G, "leaked"), nil)
end)

t.test("library tables are read-only, whatever is tried", function()
  for name, library in pairs { string = string, table = table, math = math, utf8 = utf8, coroutine = coroutine, json = json, test = t } do
    t.error(function() library.x = 1 end, "read-only")
    t.error(function() rawset(library, "x", 1) end, "read-only")
    t.error(function() setmetatable(library, {}) end, "protected")
    t.error(function() table.insert(library, 1) end, "read-only")
    t.error(function() json.array(library) end, "metatable")
    t.equal(getmetatable(library), false, name)
    t.equal(library.x, nil, name)
  end
end)

t.test("the metatable of strings is out of reach", function()
  t.equal(getmetatable(""), false)
  t.error(function() setmetatable("", {}) end, "table expected")
  t.error(function() ("").x = 1 end, "")
  t.equal(("abc"):upper(), "ABC")
end)

t.test("a global that a file sets is its own", function()
  _G.mine = 1
  t.equal(rawget(_G, "mine"), 1)
  t.error(function() setmetatable(_G, nil) end, "protected")
end)

t.test("pairs and next visit integers, then text bytewise", function()
  local keys, map = {}, { b = 1, a = 2, [10] = 3, [-1] = 4, [2] = 5, A = 6 }
  for key in pairs(map) do keys[#keys + 1] = tostring(key) end
  t.equal(table.concat(keys, " "), "-1 2 10 A a b")
  keys = {}
  for key in next, map do keys[#keys + 1] = tostring(key) end
  t.equal(table.concat(keys, " "), "-1 2 10 A a b")
  t.equal(next {}, nil)
  t.error(function() for _ in pairs { [{}] = 1 } do t.skip "walked" end end, "has no order")
  t.error(function() for _ in pairs { [1.5] = 1 } do t.skip "walked" end end, "has no order")
end)

t.test("pairs skips what was removed on the way, and many keys stay in order", function()
  local map, seen = {}, {}
  for i = 1, 5000 do map["k" .. (i * 7919 % 5000)] = i end
  local last = ""
  for key in pairs(map) do
    t.equal(last < key, true)
    last = key
  end
  map = { a = 1, b = 2, c = 3 }
  for key in pairs(map) do
    seen[#seen + 1] = key
    map.b = nil
  end
  t.equal(seen, { "a", "c" })
end)

t.test("a module's table is walked in order too", function()
  local last = ""
  for key in pairs(string) do
    t.equal(last < key, true)
    last = key
  end
  t.equal(last, "upper")
end)

t.test("no address is shown", function()
  t.equal(tostring {}, "table")
  t.equal(tostring(t.test), "function")
  t.equal(tostring(json.null), "null")
  t.equal(("%s"):format {}, "table")
  t.equal(("%5.2f %d%% %q"):format(1.5, 3, "x"), ' 1.50 3% "x"')
  t.error(function() return ("%p"):format {} end, "address")
  t.error(function() return ("%-20p"):format {} end, "address")
  t.error(function() return ("\0%p"):format {} end, "address")
  t.error(function() return ("%%\0%+p"):format {} end, "address")
  t.equal(("%%%s\0%%"):format "p", "%p\0%")
  local _, said = pcall(function() string[{}] = 1 end) -- luacheck: ignore
  t.contains(said, "field 'table'")
  t.equal(said:find("0x", 1, true), nil)
  _, said = pcall(rawset, math, print, 1)
  t.equal(said:find("0x", 1, true), nil)
  t.equal(tostring(setmetatable({}, { __tostring = function() return "mine" end })), "mine")
end)

t.test("weak tables and finalizers are refused", function()
  t.error(function() setmetatable({}, { __mode = "k" }) end, "weak")
  t.error(function() setmetatable({}, { __gc = function() end }) end, "__gc")
end)

t.test("no single call loops where nothing can stop it", function()
  t.equal(string.rep("", 1 << 62), "")
  t.equal(("ab"):rep(3, ","), "ab,ab,ab")
  t.error(function() table.move({}, 1, 1 << 62, 2) end, "elements")
  t.error(function() table.insert(setmetatable({}, { __len = function() return 1 << 62 end }), 1, 0) end, "__len")
  local holes = {}
  for i = 61, 0, -1 do holes[1 << i] = true end
  t.error(function() table.remove(holes, 1) end, "longer")
  t.error(function() table.unpack({}, 1, 1e8) end, "too many results")
end)

t.test("patterns mean what the manual says", function()
  t.equal({ ("hello world"):find("o w") }, { 5, 7 })
  t.equal({ ("hello"):find("l+") }, { 3, 4 })
  t.equal({ ("hello"):find("l", 1, true) }, { 3, 3 })
  t.equal({ ("a+b"):find("+", 1, true) }, { 2, 2 })
  t.equal({ ("key = value"):match("^(%w+)%s*=%s*(%w+)$") }, { "key", "value" })
  t.equal({ ("abc"):match("()b()") }, { 2, 3 })
  t.equal(("THE (quick) fox"):find("%((%a+)%)"), 5)
  t.equal(("f(a(b)c)d"):match("%b()"), "(a(b)c)")
  t.equal(("THE (quick) fox"):gsub("%f[%a]%a+", string.lower), "the (quick) fox")
  t.equal(("abcabc"):match("(a)(b)(c)%1%2%3"), "a")
  t.equal(("x-y"):match("[%w-]+"), "x-y")
  t.equal(("]"):match("[]]"), "]")
  t.equal(("a]"):match("[^]]"), "a")
  t.equal({ ("abc"):gsub("", "-") }, { "-a-b-c-", 4 })
  t.equal({ ("abc"):gsub("%w", "%0%0", 2) }, { "aabbc", 2 })
  t.equal({ ("hello"):gsub("l", { l = "L" }) }, { "heLLo", 2 })
  t.equal({ ("hello"):gsub("l", function() end) }, { "hello", 2 })
  t.equal({ ("aXb"):gsub("%u", "%%") }, { "a%b", 1 })
  t.equal(("  trim  "):match("^%s*(.-)%s*$"), "trim")
  t.equal({ ("x"):find("", 2) }, { 2, 1 })
  t.equal(("x"):find("", 3), nil)
  t.equal(("a.b"):find("%."), 2)
  t.equal(("a\0b"):match("%z") or ("a\0b"):match("\0"), "\0")
  local words = {}
  for word in ("one two  three"):gmatch("%a+") do words[#words + 1] = word end
  t.equal(words, { "one", "two", "three" })
  words = {}
  for key, value in ("a=1, b=2"):gmatch("(%w+)=(%w+)") do words[#words + 1] = key .. value end
  t.equal(words, { "a1", "b2" })
  for _, bad in ipairs { "[a", "%", "(", "a)", "%b", "%bx", "%f", "%1" } do
    t.error(function() return ("aaa"):match(bad) end, "")
  end
  t.error(function() return ("abc"):gsub("b", "%2") end, "capture")
  t.error(function() return ("abc"):gsub("b", "%") end, "%")
end)

t.test("the host's coroutines cannot be resumed, closed or yielded", function()
  local running, main = coroutine.running()
  t.equal(main, true)
  t.error(function() coroutine.resume(running) end, "the host's")
  t.error(function() coroutine.close(running) end, "the host's")
  t.error(function() coroutine.yield() end, "outside a coroutine")
  t.equal(coroutine.isyieldable(), false)
end)

t.test("a coroutine of the script's own works as it should", function()
  local co = coroutine.create(function(a, b)
    local c = coroutine.yield(a + b)
    local d, e = coroutine.yield(c * 2)
    return d + e
  end)
  t.equal({ coroutine.resume(co, 1, 2) }, { true, 3 })
  t.equal(coroutine.status(co), "suspended")
  t.equal({ coroutine.resume(co, 10) }, { true, 20 })
  t.equal({ coroutine.resume(co, 3, 4) }, { true, 7 })
  t.equal(coroutine.status(co), "dead")
  t.equal({ coroutine.resume(co) }, { false, "cannot resume dead coroutine" })
  local list = {}
  for i in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) do list[#list + 1] = i end
  t.equal(list, { 1, 2, 3 })
  local closed
  co = coroutine.create(function()
    local x <close> = setmetatable({}, { __close = function() closed = true end }) -- luacheck: ignore
    coroutine.yield(1)
  end)
  coroutine.resume(co)
  t.equal(coroutine.close(co), true)
  t.equal(closed, true)
  t.equal({ coroutine.resume(coroutine.create(function() error({ code = "x" }) end)) }, { false, { code = "x" } })
  t.error(function() coroutine.wrap(function() error("inside") end)() end, "inside")
end)

t.test("xpcall hands the error to its handler", function()
  t.equal({ xpcall(function(a) return a + 1 end, function() end, 1) }, { true, 2 })
  t.equal({ xpcall(error, function(e) return "handled " .. e end, "x") }, { false, "handled x" })
end)

t.test("a module that cannot be loaded says why each time", function()
  t.error(function() require "no.such.module" end, "no such file")
  t.error(function() require "no.such.module" end, "no such file")
  t.error(function() require "../secret" end, "named by words")
  t.error(function() require "lib..x" end, "named by words")
end)

t.test("no name of a module leads out of the layers", function()
  for _, name in ipairs { "/etc/passwd", "..x", "lib/../../x", "lib.text\0x", "lib\\x", "", ".", "lib.", "~/x", "file:x", "lib.text.lua/" } do
    t.error(function() require(name) end, "")
  end
  for _, name in ipairs { "io", "os", "debug", "package", "string", "ffi", "uv", "lfs", "cjson.safe", "perigee.base", "_G" } do
    t.error(function() require(name) end, "no such file")
  end
end)

t.test("cjson changes nothing for others", function()
  local cjson = require "cjson"
  for _, name in ipairs { "new", "decode_max_depth", "encode_max_depth", "encode_keep_buffer", "encode_invalid_numbers", "decode_invalid_numbers" } do
    t.equal(cjson[name], nil)
  end
  t.error(function() cjson.encode = nil end, "read-only")
  local loop = {}
  loop.loop = loop
  t.error(function() return cjson.encode(loop) end, "")
  t.error(function() return json.encode(loop) end, "")
end)

t.test("the marks of lists and null are nobody's to change", function()
  local object, other = json.object { { "a", 1 } }, json.object { { "a", 1 } }
  for _, order in ipairs { { "a", "a", "b" }, { {}, 1, "a" }, object, setmetatable({}, { __index = function() return "a" end }) } do
    getmetatable(object)["json.order"] = order -- its own, and a hint at most
    t.equal(json.encode(object), '{"a":1}')
  end
  getmetatable(object).__index = function() return "forged" end
  t.equal(json.encode(object), '{"a":1}')
  t.equal(other.b, nil)
  t.equal(getmetatable(json.array {}), false)
  t.error(function() json.null.x = 1 end, "")
  t.error(function() setmetatable(json.null, {}) end, "")
end)

t.test("an environment of one's own holds no more than what was there", function()
  local own = load("return io, os, debug, package, require, print, _G", "own", "t", {})
  t.equal(select("#", own()), 7)
  for i = 1, 7 do t.equal((select(i, own())), nil) end
  t.equal(load("return getmetatable(_G)")(), false)
  t.equal(getmetatable(_G), false)
  t.equal(rawget(_G, "string"), nil) -- stands behind, where no file can put another
end)

t.test("what looks like the host's own comes from nowhere", function()
  local _, err = pcall(error, setmetatable({}, { __tostring = function() error("inner") end, __name = "HostRun", __metatable = "locked" }))
  t.equal(type(err), "table")
  t.error(function() return tostring(err) end, "inner")
  t.equal(tostring(setmetatable({}, { __name = "HostRun" })), "table")
  t.error(function() setmetatable(setmetatable({}, { __metatable = "locked" }), {}) end, "protected")
end)

t.test("recursion ends by name, in whatever it hides", function()
  local meta = {}
  meta.__tostring = function(self) return "x" .. tostring(self) end
  meta.__index = function(self, key) return self[key .. "x"] end
  meta.__concat = function(a, b) return a .. b end
  meta.__eq = function(a, b) return a == b end
  meta.__close = function(self) local _ <close> = self end
  local one, other = setmetatable({}, meta), setmetatable({}, meta)
  for _, attempt in ipairs {
    function() return tostring(one) end, function() return one.x end, function() return one .. other end,
    function() return one == other end, function() local _ <close> = one end,
    function() local function again(s) return (s:gsub(".", again)) end again "x" end,
    function() local function again() table.sort({ 3, 2, 1 }, again) end again() end,
    function() local function again() return coroutine.wrap(again)() end again() end,
    function() local function again() return select(2, pcall(again)) end error(again(), 0) end,
    function() return assert(load("return " .. ("("):rep(100000) .. "1" .. (")"):rep(100000))) end,
    function() return assert(load(("do "):rep(100000) .. ("end "):rep(100000))) end,
    function() return assert(load("return " .. ("{"):rep(100000) .. ("}"):rep(100000))) end,
  } do
    t.error(attempt, "")
  end
end)

