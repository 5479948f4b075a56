--- Tasks that come one a line: what a line asks for, and what came of all of them.
local chains = require "lib.chains"
local json   = require "lib.json"
local show   = require "lib.show"
local text   = require "lib.text"

local each = {}

local KEYS <const> = { "agent", "task", "set" }

---@class each.Item
---@field who?  string an agent, a definition's file or a chain; nil: routing chooses
---@field task  string
---@field set   table<string, string> parameters of a chain

local function invalid(...) return nil, { code = "invalid", message = string.format(...) } end

--- A parameter as --set would write it, for the chain's own schema to read.
local function written(value)
  if type(value) == "string" then return value end
  return json.encode(value)
end

local function read_object(line)
  local object, err = json.decode(line)
  if object == nil then
    return invalid("it begins with { and is no JSON object (%s); a task that begins so goes into "
      .. '{"task": "..."}', err.message)
  end
  for _, key in ipairs(text.sorted_keys(object)) do
    if not text.one_of(KEYS, key) then
      return invalid("unknown key %q%s", key, text.suggest(key, KEYS))
    end
  end
  for _, key in ipairs { "agent", "task" } do
    if object[key] ~= nil and type(object[key]) ~= "string" then
      return invalid("%s is no text", key)
    end
  end
  local set = object.set
  if set ~= nil and (type(set) ~= "table" or json.is_array(set)) then
    return invalid("set is no object")
  end
  return object
end

--- What a line asks for. Plain text is the task; an object can name more.
---@param line string
---@param who? string of the command line, for lines that name nobody
---@param set  table<string, string> of the command line
---@return each.Item? item, Error? err
function each.item(line, who, set)
  line = text.trim(line)
  if line:sub(1, 1) ~= "{" then return { who = who, task = line, set = set } end
  local object, err = read_object(line)
  if not object then return nil, err end
  local all = {}
  for key, value in pairs(set) do all[key] = value end
  for key, value in pairs(object.set or {}) do all[key] = written(value) end
  local item = { who = object.agent or who, task = object.task or "", set = all }
  if item.task == "" and not (item.who and chains.is_file(item.who)) then
    return invalid("task is missing")
  end
  return item
end

---@class each.Tally
---@field count    integer
---@field statuses table<string, integer>
---@field usd      number?
---@field began?   boolean one of them did
---@field rehearsed? boolean
---@field code     integer that of the first which was not ok

---@return each.Tally
function each.tally() return { count = 0, statuses = {}, usd = 0.0, code = 0 } end

--- Adds one task.
---@param tally each.Tally
---@param total show.Total? nil: it never began
---@param code  integer its exit code
function each.count(tally, total, code)
  local status = total and total.status or "refused"
  tally.count = tally.count + 1
  tally.statuses[status] = (tally.statuses[status] or 0) + 1
  if tally.code == 0 then tally.code = code end
  if not total then return end
  tally.began = true
  tally.rehearsed = tally.rehearsed or total.rehearsed
  if total.turns > 0 then tally.usd = tally.usd and total.usd and tally.usd + total.usd end
end

--- "3 tasks: 2 ok, 1 limit · $0.0312".
---@param tally each.Tally
---@return string line
function each.summary(tally)
  local parts = {}
  if tally.statuses.ok then parts[1] = ("%d ok"):format(tally.statuses.ok) end
  for _, status in ipairs(text.sorted_keys(tally.statuses)) do
    if status ~= "ok" then
      parts[#parts + 1] = ("%d %s"):format(tally.statuses[status], show.clean(status))
    end
  end
  local line = text.plural(tally.count, "task")
  if #parts > 0 then line = line .. ": " .. table.concat(parts, ", ") end
  if tally.rehearsed then return line .. " · rehearsed" end
  if not tally.began then return line end
  return line .. " · " .. (tally.usd and ("$%.4f"):format(tally.usd) or "cost unknown")
end

return each
