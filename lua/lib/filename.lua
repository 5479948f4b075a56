--- Names of files are bytes; what models send and read is text. A byte that is no UTF-8, or a sign
--- that would break a line, is written \xHH, and read back from there. Pure.
local filename = {}

local function escape(char) return ("\\x%02X"):format(char:byte()) end

--- A name or path as text in one line. A backslash before "xHH" is escaped itself, so that `bytes`
--- gives back exactly what there was.
---@param name string
---@return string shown
function filename.shown(name)
  name = name:gsub("\\(x%x%x)", "\\x5C%1"):gsub("[\1-\31\127]", escape)
  local parts, at = {}, 1
  while true do
    local length, bad = utf8.len(name, at)
    if length then break end
    parts[#parts + 1] = name:sub(at, bad - 1) .. escape(name:sub(bad, bad))
    at = bad + 1
    if at > #name then break end
  end
  parts[#parts + 1] = name:sub(at)
  return table.concat(parts)
end

--- The bytes that a path as a model writes it means.
---@param shown string
---@return string name
function filename.bytes(shown)
  return (shown:gsub("\\x(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

return filename
