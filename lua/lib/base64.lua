--- Bytes as text that JSON can hold (RFC 4648, section 4). Pure.
local base64 = {}

local BATCH   <const> = 3000 -- bytes at a time: the pieces of a large image need little memory
local LETTERS <const> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local PAIRS   <const> = {} -- of twelve bits; filled when first needed: few runs see an image

local function fill_pairs()
  for value = 0, 4095 do
    local high, low = (value >> 6) + 1, (value & 63) + 1
    PAIRS[value] = LETTERS:sub(high, high) .. LETTERS:sub(low, low)
  end
end

---@param bytes string
---@return string
function base64.encode(bytes)
  if not PAIRS[0] then fill_pairs() end
  local parts, whole = {}, #bytes // 3 * 3
  for from = 1, whole, BATCH do
    local some, n = {}, 0
    for at = from, math.min(from + BATCH - 1, whole), 3 do
      local a, b, c = bytes:byte(at, at + 2)
      some[n + 1], some[n + 2] = PAIRS[a << 4 | b >> 4], PAIRS[(b & 15) << 8 | c]
      n = n + 2
    end
    parts[#parts + 1] = table.concat(some)
  end
  local a, b = bytes:byte(whole + 1, #bytes)
  if b then
    parts[#parts + 1] = PAIRS[a << 4 | b >> 4] .. PAIRS[(b & 15) << 8]:sub(1, 1) .. "="
  elseif a then
    parts[#parts + 1] = PAIRS[a << 4] .. "=="
  end
  return table.concat(parts)
end

return base64
