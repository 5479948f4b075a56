--- Tables for people: columns as wide as they need to be. Pure.
local columns = {}

--- 12345 as "12,345".
---@param count integer
---@return string
function columns.thousands(count)
  local digits, more = ("%d"):format(count), 1
  while more > 0 do digits, more = digits:gsub("^(-?%d+)(%d%d%d)", "%1,%2") end
  return digits
end

local function signs(said) return utf8.len(said) or #said end

--- Rows of texts as lines. The first `left` columns begin at the left, the others end at the right.
---@param rows string[][]
---@param left integer
---@return string
function columns.lines(rows, left)
  local widths, lines = {}, {}
  for _, row in ipairs(rows) do
    for i, said in ipairs(row) do widths[i] = math.max(widths[i] or 0, signs(said)) end
  end
  for r, row in ipairs(rows) do
    local parts = {}
    for i, said in ipairs(row) do
      local blanks = (" "):rep(widths[i] - signs(said))
      parts[i] = i <= left and said .. blanks or blanks .. said
    end
    lines[r] = (table.concat(parts, "  "):gsub("%s+$", "")) .. "\n"
  end
  return table.concat(lines)
end

return columns
