--- Bytes as text that JSON can hold (RFC 4648, section 4). Pure.
local base64 = {}

local LETTERS <const> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function letter(six) return LETTERS:byte(six + 1) end

---@param bytes string
---@return string
function base64.encode(bytes)
  local parts = {}
  for at = 1, #bytes - 2, 3 do
    local a, b, c = bytes:byte(at, at + 2)
    parts[#parts + 1] = string.char(letter(a >> 2), letter((a & 3) << 4 | b >> 4),
      letter((b & 15) << 2 | c >> 6), letter(c & 63))
  end
  local rest = #bytes % 3
  if rest == 1 then
    local a = bytes:byte(-1)
    parts[#parts + 1] = string.char(letter(a >> 2), letter((a & 3) << 4)) .. "=="
  elseif rest == 2 then
    local a, b = bytes:byte(-2, -1)
    parts[#parts + 1] = string.char(letter(a >> 2), letter((a & 3) << 4 | b >> 4),
      letter((b & 15) << 2)) .. "="
  end
  return table.concat(parts)
end

return base64
