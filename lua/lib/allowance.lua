--- What a run, or one agent's part in it, may use, as people write and read it: on the command
--- line, in config.yaml, in a definition or in a chain. Pure.
local duration = require "lib.duration"
local size     = require "lib.size"
local text     = require "lib.text"

local allowance = {}

---@class Limits counts; `usd` in millionths of a dollar, `written` in bytes, `time` in
---  milliseconds; false: no limit
---@field turns?    integer|false
---@field calls?    integer|false
---@field hops?     integer|false
---@field children? integer|false
---@field tokens?   integer|false
---@field usd?      integer|false
---@field written?  integer|false
---@field time?     integer

--- What may be limited.
allowance.KEYS = { "turns", "calls", "hops", "children", "tokens", "usd", "written", "time" }

--- What a definition may say: a part of one agent has no hops.
allowance.OF_AGENT = { "turns", "calls", "children", "tokens", "usd", "written", "time" }

--- Of a run, where nobody says otherwise.
---@type Limits
allowance.DEFAULTS = { turns = 100, calls = 400, hops = false, children = 1000, tokens = false,
  usd = 5000000, written = false, time = 30 * 60000 }

local EXAMPLES <const> = { usd = "0.50", written = "200M", time = "4m" }
local WEEK <const> = 7 * 24 * 3600 * 1000
local MOST <const> = 1e12

local function refuse(why) return nil, { code = "invalid", message = why } end

--- One amount.
---@param key   string
---@param value any text as written; a number of a Lua table
---@return integer|false|nil amount, Error? err its message says only what is wrong
function allowance.parse(key, value)
  local example = EXAMPLES[key] or "12"
  if type(value) == "number" and key ~= "time" then
    value = math.type(value) == "integer" and tostring(value) or ("%.6f"):format(value)
  end
  if type(value) ~= "string" then
    return refuse(("a %s; write it as %s"):format(type(value), example))
  end
  if value == "none" and key ~= "time" then return false end
  if key == "time" then
    local ms, err = duration.parse(value)
    if not ms then return nil, err end
    if ms > WEEK then return refuse("more than a week") end
    return ms
  elseif key == "written" then
    return size.parse(value)
  end
  local number = value:match("^%d+%.?%d*$") and tonumber(value)
  if not number or number > MOST then return refuse("a number from 0 on, such as " .. example) end
  if key == "usd" then return math.floor(number * 1e6 + 0.5) end
  local whole = math.tointeger(number)
  if not whole then return refuse("a whole number, such as 12") end
  return whole
end

--- Reads limits as people write them.
---@param written table<string, any>
---@param known   string[] the keys that may stand here
---@return Limits? read, Error? err
function allowance.read(written, known)
  local read = {}
  if type(written) ~= "table" then
    return refuse("limits: a map such as { turns: 12, usd: 0.40, time: 4m }")
  end
  for _, key in ipairs(text.sorted_keys(written)) do
    if not text.one_of(known, key) then
      return refuse(("limits: unknown key %q%s (known: %s)"):format(tostring(key),
        text.suggest(tostring(key), known), table.concat(known, ", ")))
    end
    local value, err = allowance.parse(key, written[key])
    if value == nil then
      return refuse(("limit %s=%s: %s"):format(key, tostring(written[key]), err.message))
    end
    read[key] = value
  end
  return read
end

--- "3 turns", "0.4000 usd", "4 min", "200M written".
---@param key    string
---@param amount integer
---@return string words
function allowance.amount(key, amount)
  if key == "usd" then return ("%.4f usd"):format(amount / 1e6) end
  if key == "time" then return duration.words(amount) end
  if key == "written" then return size.words(amount) .. " written" end
  if key == "children" then return text.plural(amount, "child", "children") end
  return text.plural(amount, (key:gsub("s$", "")))
end

--- Limits, or what was spent, as a person reads it: "12 turns, 0.4000 usd, 4 min". Nothing is said
--- of what is 0 or without limit.
---@param amounts Limits
---@return string words
function allowance.words(amounts)
  local said = {}
  for _, key in ipairs(allowance.KEYS) do
    local amount = amounts[key]
    if math.type(amount) == "integer" and amount > 0 then
      said[#said + 1] = allowance.amount(key, amount)
    end
  end
  return table.concat(said, ", ")
end

--- The narrower of two, key by key.
---@param first  Limits
---@param second Limits
---@return Limits
function allowance.narrower(first, second)
  local both = {}
  for _, key in ipairs(allowance.KEYS) do
    local one, other = first[key], second[key]
    if one and other then both[key] = math.min(one, other) else both[key] = one or other end
  end
  return both
end

return allowance
