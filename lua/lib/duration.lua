--- Lengths of time as people write them ("20s", "1h30m"), in milliseconds inside. Pure.
local duration = {}

local UNIT_MS <const> = { ms = 1, s = 1000, m = 60000, h = 3600000, d = 86400000 }
local MOST_MS <const> = 366 * 86400000 -- a wait of more than a year is a mistake
local HELP    <const> = 'write it as "20s", "4m" or "1h30m"'

local function refuse(value, why)
  return nil, { code = "invalid", message = ("%s %s; %s"):format(tostring(value), why, HELP) }
end

---@param value string|integer
---@return integer? ms, Error? err
local function parse(value)
  if type(value) == "number" then
    local whole = math.tointeger(value)
    if not whole then return refuse(value, "is no whole number of milliseconds") end
    return whole
  end
  if type(value) ~= "string" then return refuse(type(value), "is no length of time") end
  if value:match("^%d+$") then return refuse('"' .. value .. '"', "has no unit") end

  local total, at = 0, 1
  while at <= #value do
    local number, unit, after = value:match("^(%d+%.?%d*)(%l+)()", at)
    if not number or not UNIT_MS[unit] then
      return refuse('"' .. value .. '"', "is no length of time")
    end
    total, at = total + tonumber(number) * UNIT_MS[unit], after
  end
  if value == "" then return refuse('""', "is no length of time") end
  return math.tointeger(math.ceil(total)) or MOST_MS + 1
end

--- Milliseconds of "20s", "1.5h", "1h30m", or of an integer, which is taken as milliseconds.
---@param value string|integer
---@return integer? ms from 0 to a year; nil where it cannot be read
---@return Error? err
function duration.parse(value)
  local ms, err = parse(value)
  if not ms then return nil, err end
  if ms < 0 or ms > MOST_MS then return refuse(value, "is not between 0 and 366 days") end
  return ms
end

--- "850 ms", "20 s", "4 min", "1 h 30 min": for people, rounded to what they would say.
---@param ms integer
---@return string words
function duration.words(ms)
  if ms < 1000 then return ms .. " ms" end
  if ms < 60000 then return ("%.3g s"):format(ms / 1000) end
  local minutes = ms // 60000
  if minutes < 60 then
    local seconds = ms // 1000 % 60
    return seconds == 0 and minutes .. " min" or ("%d min %d s"):format(minutes, seconds)
  end
  local rest = minutes % 60
  return rest == 0 and minutes // 60 .. " h" or ("%d h %d min"):format(minutes // 60, rest)
end

return duration
