--- Amounts of memory as people write them ("4096M", "1G", "65536"), in bytes inside. Pure.
local size = {}

local UNITS <const> = { [""] = 1, K = 1 << 10, M = 1 << 20, G = 1 << 30, T = 1 << 40 }
local MOST  <const> = 1 << 50
local HELP  <const> = 'write it as "4096M", "1G" or a number of bytes'

local function refuse(value, why)
  return nil, { code = "invalid", message = ("%s %s; %s"):format(tostring(value), why, HELP) }
end

--- Bytes of "512K", "1.5G", "4096 MiB", or of an integer, which is taken as bytes. Units are powers
--- of 1024; small letters and a B or iB after them mean the same.
---@param value string|integer
---@return integer? bytes from 0 to a pebibyte; nil where it cannot be read
---@return Error? err
function size.parse(value)
  if type(value) ~= "string" and math.type(value) ~= "integer" then
    return refuse(type(value), "is no size")
  end
  local number, unit = tostring(value):match("^(%d+%.?%d*) ?(%a*)$")
  local factor = unit and UNITS[unit:upper():gsub("^(%a?)I?B$", "%1")]
  if not factor or #number > 20 or (factor == 1 and number:find(".", 1, true)) then
    return refuse(type(value) == "string" and '"' .. value .. '"' or value, "is no size")
  end
  local bytes = tonumber(number) * factor
  if bytes > MOST then return refuse(value, "is more than 1024T") end
  return math.tointeger(math.ceil(bytes))
end

--- "1G", "1536M", "100 bytes": for people, with the largest unit that loses nothing.
---@param bytes integer
---@return string words
function size.words(bytes)
  for _, unit in ipairs { "T", "G", "M", "K" } do
    local factor = UNITS[unit]
    if bytes >= factor and bytes % factor == 0 then return (bytes // factor) .. unit end
  end
  return bytes .. " bytes"
end

return size
