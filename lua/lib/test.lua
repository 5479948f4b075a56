--- The test library for authors of agents, tools, policies and chains.
---
---   local t = require "lib.test"
---   t.test("a reviewer cannot write", function()
---     t.equal(policy.decide(call, facts).verdict, "deny")
---   end)
---
--- A file of tests only registers; `perigee test` runs them, each with what the host hands to
--- `run`.
local test = {}

local DEPTH_MOST <const> = 32  -- of what is compared and shown
local SHOW_MOST  <const> = 200 -- bytes of a value in a message
local SKIP       <const> = {}  -- the value that `skip` raises, known by identity

local registered = {}

--- Registers a test. Names are sentences: "private input never leaves the machine".
---@param name string
---@param fn   async fun(...)
function test.test(name, fn)
  if type(name) ~= "string" or type(fn) ~= "function" then
    error("test: takes a name and a function", 2)
  end
  registered[#registered + 1] = { name = name, fn = fn }
end

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then return a < b end
    return type(a) < type(b)
  end)
  return keys
end

local function show(value, depth)
  if type(value) == "string" then return ("%q"):format(value):gsub("\\\n", "\\n") end
  if type(value) ~= "table" then return tostring(value) end
  if depth > 3 then return "{...}" end
  local parts, length = {}, #value
  for i = 1, length do parts[i] = show(value[i], depth + 1) end
  for _, key in ipairs(sorted_keys(value)) do
    if not (math.type(key) == "integer" and key >= 1 and key <= length) then
      local name = type(key) == "string" and key:match("^[%a_][%w_]*$")
        or "[" .. show(key, depth + 1) .. "]"
      parts[#parts + 1] = name .. " = " .. show(value[key], depth + 1)
    end
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

local function brief(value)
  local shown = show(value, 0)
  return #shown > SHOW_MOST and shown:sub(1, SHOW_MOST) .. "..." or shown
end

local function step(path, key)
  if type(key) == "string" and key:match("^[%a_][%w_]*$") then return path .. "." .. key end
  return ("%s[%s]"):format(path, type(key) == "string" and ("%q"):format(key) or tostring(key))
end

--- Where two values first differ, or nil. Integers and floats differ: 1 is not 1.0 on the wire.
local function difference(got, wanted, path, depth)
  if type(got) ~= "table" or type(wanted) ~= "table" then
    if got == wanted and math.type(got) == math.type(wanted) then return nil end
    return path, got, wanted
  end
  if rawequal(got, wanted) then return nil end
  if depth > DEPTH_MOST then
    error("values nest deeper than " .. DEPTH_MOST .. " at " .. path, 0)
  end
  for _, key in ipairs(sorted_keys(wanted)) do
    local where, a, b = difference(got[key], wanted[key], step(path, key), depth + 1)
    if where then return where, a, b end
  end
  for _, key in ipairs(sorted_keys(got)) do
    if wanted[key] == nil then return step(path, key), got[key], nil end
  end
  return nil
end

local function fail(message, why)
  error((message and message .. ": " or "") .. why, 3) -- at the line of the assertion
end

--- Both values are equal, tables by their content.
---@param got      any
---@param wanted   any
---@param message? string
function test.equal(got, wanted, message)
  local where, a, b = difference(got, wanted, "value", 0)
  if not where then return end
  fail(message, ("%s is %s, wanted %s"):format(where, brief(a), brief(b)))
end

---@param value    any
---@param message? string
function test.truthy(value, message)
  if not value then fail(message, "got " .. brief(value) .. ", wanted a value") end
end

---@param value    any
---@param message? string
function test.falsy(value, message)
  if value then fail(message, "got " .. brief(value) .. ", wanted nil or false") end
end

--- `text` holds `part`, which is plain text and no pattern.
---@param text     string
---@param part     string
---@param message? string
function test.contains(text, part, message)
  if type(text) ~= "string" then fail(message, "got " .. brief(text) .. ", wanted text") end
  if not text:find(part, 1, true) then
    fail(message, ("%s does not contain %s"):format(brief(text), brief(part)))
  end
end

--- `fn` raises an error whose text holds `part`.
---@param fn   async fun()
---@param part string plain text
function test.error(fn, part)
  local ok, raised = pcall(fn)
  if ok then fail(nil, "no error was raised, wanted one that says " .. brief(part)) end
  local said = type(raised) == "table" and tostring(raised.message) or tostring(raised)
  if not said:find(part, 1, true) then
    fail(nil, ("the error says %s, wanted %s"):format(brief(said), brief(part)))
  end
end

--- Ends this test as skipped. The reason is printed, always.
---@param reason string
function test.skip(reason)
  error(setmetatable({ reason = tostring(reason) }, SKIP), 0)
end

local function outcome(entry, ...)
  local ok, raised = pcall(entry.fn, ...)
  if ok then return { name = entry.name, ok = true } end
  if getmetatable(raised) == SKIP then
    return { name = entry.name, ok = true, skipped = raised.reason }
  end
  local said = type(raised) == "table" and (raised.message or brief(raised)) or tostring(raised)
  return { name = entry.name, ok = false, message = tostring(said) }
end

---@class test.Outcome
---@field name     string
---@field ok       boolean true for skipped ones too
---@field message? string  why it failed
---@field skipped? string  why it was skipped

--- The names of what was registered, in order.
---@return string[] names
function test.names()
  local names = {}
  for i, entry in ipairs(registered) do names[i] = entry.name end
  return names
end

--- Runs the test that was registered as the one with this number. What else is given goes to it.
---@async
---@param number integer
---@return test.Outcome
function test.run(number, ...) return outcome(registered[number], ...) end

return test
