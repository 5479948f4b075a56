--- How a file's bytes are text: UTF-8, with or without a byte order mark, or UTF-16 with one. What
--- is decoded is encoded again byte by byte the same. Pure.
---
--- Other encodings of eight bits (Latin-1 and its kin) cannot be told from each other: such a file
--- is taken as UTF-8 with bytes that are none, which stay as they are.
local encoding = {}

local SNIFF <const> = 8192 -- bytes in which a NUL makes a file binary, as git does it
local BATCH <const> = 2000 -- code points made into text at a time

---@class encoding.Form
---@field name "UTF-8"|"UTF-16LE"|"UTF-16BE"
---@field mark string the byte order mark, or ""

local MARKS <const> = { -- the longer ones first: one begins like another
  { "\xFF\xFE\0\0", "UTF-32" }, { "\0\0\xFE\xFF", "UTF-32" }, { "\xEF\xBB\xBF", "UTF-8" },
  { "\xFF\xFE", "UTF-16LE" }, { "\xFE\xFF", "UTF-16BE" },
}

--- UTF-16 without its mark as UTF-8; nil where it is damaged.
local function from_16(bytes, unit)
  if #bytes % 2 ~= 0 then return nil end
  local parts, points, high = {}, {}, nil
  for at = 1, #bytes, 2 do
    local value = unit:unpack(bytes, at)
    if high then
      if value < 0xDC00 or value > 0xDFFF then return nil end
      points[#points + 1], high = 0x10000 + (high - 0xD800) * 0x400 + (value - 0xDC00), nil
    elseif value >= 0xD800 and value <= 0xDBFF then
      high = value
    elseif value >= 0xDC00 and value <= 0xDFFF then
      return nil
    else
      points[#points + 1] = value
    end
    if #points == BATCH then parts[#parts + 1], points = utf8.char(table.unpack(points)), {} end
  end
  if high then return nil end
  parts[#parts + 1] = utf8.char(table.unpack(points))
  return table.concat(parts)
end

local function to_16(s, unit)
  local parts = {}
  for _, point in utf8.codes(s) do
    if point < 0x10000 then
      parts[#parts + 1] = unit:pack(point)
    else
      point = point - 0x10000
      parts[#parts + 1] = unit:pack(0xD800 + (point >> 10))
        .. unit:pack(0xDC00 + (point & 0x3FF))
    end
  end
  return table.concat(parts)
end

local UNITS <const> = { ["UTF-16LE"] = "<I2", ["UTF-16BE"] = ">I2" }

--- A file's bytes as text without its mark. UTF-8 may hold wrong bytes; UTF-16 comes as UTF-8.
---@param bytes string
---@return string? text nil where the bytes are no text
---@return encoding.Form|string form or what the bytes are instead
function encoding.open(bytes)
  for _, mark in ipairs(MARKS) do
    if bytes:sub(1, #mark[1]) == mark[1] then
      if mark[2] == "UTF-32" then return nil, "UTF-32 text" end
      local form, rest = { name = mark[2], mark = mark[1] }, bytes:sub(#mark[1] + 1)
      if not UNITS[form.name] then return rest, form end
      local text = from_16(rest, UNITS[form.name])
      if not text then return nil, "damaged UTF-16 text" end
      return text, form
    end
  end
  if bytes:sub(1, SNIFF):find("\0", 1, true) then return nil, "binary file" end
  return bytes, { name = "UTF-8", mark = "" }
end

--- The bytes of a text in a form that `open` answered.
---@param s    string for UTF-16 valid UTF-8
---@param form encoding.Form
---@return string bytes
function encoding.close(s, form)
  return form.mark .. (UNITS[form.name] and to_16(s, UNITS[form.name]) or s)
end

return encoding
