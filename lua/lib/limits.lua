--- What a run, and the part of one agent in it, may use: turns, calls, dollars, time. A run's
--- limits are the command line's or the defaults; a definition's `limits` bound each part of its
--- agent.
local duration = require "lib.duration"
local session  = require "lib.session"
local text     = require "lib.text"

local limits = {}

--- What `--limit` takes, and what a definition may say.
limits.KEYS = { "turns", "calls", "hops", "children", "tokens", "usd", "time" }
limits.OF_AGENT = { "turns", "calls", "usd", "time" }

local DEFAULTS <const> = {
  turns = "100", calls = "400", children = "1000", usd = "5", time = "30m",
}
local WEEK <const> = 7 * 24 * 3600 * 1000
local MOST <const> = 1e12

---@class Limits counts; `usd` in millionths of a dollar, `time` in milliseconds
---@field turns?    integer
---@field calls?    integer
---@field hops?     integer
---@field children? integer
---@field tokens?   integer
---@field usd?      integer
---@field time?     integer

local function invalid(key, value, why)
  return nil, { code = "invalid", message = ("limit %s=%s: %s"):format(key, tostring(value), why) }
end

local function read_one(key, value)
  if type(value) ~= "string" then return invalid(key, type(value), "a number, such as 12") end
  if key == "time" then
    local ms, err = duration.parse(value)
    if not ms then return invalid(key, value, err.message) end
    if ms > WEEK then return invalid(key, value, "more than a week") end
    return ms
  end
  local number = value:match("^%d+%.?%d*$") and tonumber(value)
  if not number or number > MOST then
    return invalid(key, value, "a number from 0 on, such as 12")
  end
  if key == "usd" then return math.floor(number * 1e6 + 0.5) end
  return math.tointeger(number) or invalid(key, value, "a whole number, such as 12")
end

--- Reads limits as people write them, on the command line or in a definition.
---@param written table<string, string>
---@param known   string[] the keys that may stand here
---@return Limits? read, Error? err
function limits.read(written, known)
  local read = {}
  if type(written) ~= "table" then
    return nil, { code = "invalid",
      message = "limits: a map such as { turns: 12, usd: 0.40, time: 4m }" }
  end
  for _, key in ipairs(text.sorted_keys(written)) do
    if not text.one_of(known, key) then
      return nil, { code = "invalid", message = ("limits: unknown key %q%s (known: %s)"):format(key,
        text.suggest(key, known), table.concat(known, ", ")) }
    end
    local value, err = read_one(key, written[key])
    if not value then return nil, err end
    read[key] = value
  end
  return read
end

--- What a run may use where nobody says otherwise.
---@return Limits
function limits.defaults()
  local read = {}
  for key, value in pairs(DEFAULTS) do read[key] = read_one(key, value) end
  return read
end

--- Sets what a run and its children may use in all: `given`, and the defaults where it is silent.
---@param run   HostRun
---@param given Limits?
function limits.set(run, given)
  local defaults = limits.defaults()
  for _, key in ipairs(limits.KEYS) do
    local value = given and given[key] or defaults[key]
    if value and key == "time" then
      run:deadline_in(value)
    elseif value then
      run:limit(key, value)
    end
  end
end

-- one agent's part --------------------------------------------------------------------------------

---@class limits.Part
---@field agent  string
---@field most   Limits
---@field before table<string, integer> what the run had spent when the part began

--- From here on what the run spends counts for this agent's part.
---@param run HostRun
---@param who agent.Agent
function limits.begin_part(run, who)
  session.get().part[run.id] = who.limits and next(who.limits)
    and { agent = who.name, most = who.limits, before = run:spent() } or nil
end

--- "3 turns", "0.4000 usd", "4 min".
local function amount_words(key, amount)
  if key == "usd" then return ("%.4f usd"):format(amount / 1e6) end
  if key == "time" then return duration.words(amount) end
  return text.plural(amount, (key:gsub("s$", "")))
end

--- Limits as a person reads them: "12 turns, 0.4000 usd, 4 min".
---@param most Limits
---@return string words
function limits.words(most)
  local said = {}
  for _, key in ipairs(limits.KEYS) do
    if most[key] then said[#said + 1] = amount_words(key, most[key]) end
  end
  return table.concat(said, ", ")
end

local function over(part, key, most)
  return { code = "limit", message = ("the limit of %s that %s's definition sets is reached")
    :format(amount_words(key, most), part.agent) }
end

--- Spends from the agent's part and from the run; refuses, spending nothing, where either has no
--- more.
---@param run    HostRun
---@param key    string
---@param amount integer 0 asks whether the limit is passed already
---@return boolean? ok, Error? err
function limits.spend(run, key, amount)
  local part = session.get().part[run.id]
  local most = part and part.most[key]
  if most and run:spent()[key] - part.before[key] + amount > most then
    return nil, over(part, key, most)
  end
  return run:spend(key, amount)
end

--- Does an agent's part within the time that its definition allows; what goes on longer is
--- cancelled.
---@async
---@param run  HostRun
---@param work async fun(): table?, Error?
---@return table? result, Error? err
function limits.in_time(run, work)
  local part = session.get().part[run.id]
  local most = part and part.most.time
  if not most then return work() end
  local done, err = run:race {
    work = function() -- a failure must settle the race as well as a success
      local ok, result, why = pcall(work)
      return { ok = ok, result = result, err = why }
    end,
    time = function()
      run:wait { kind = "clock", key = "part", ms = most }
      return { ok = true, err = over(part, "time", most) }
    end,
  }
  if not done then return nil, err end
  if not done.ok then error(done.result, 0) end
  return done.result, done.err
end

return limits
