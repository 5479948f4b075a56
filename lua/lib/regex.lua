--- Says a Lua pattern as a regular expression, for readers that know only those (models, ripgrep).
--- Pure. Covers what both can say; %b, %f, captures and back references are refused.
local regex = {}

local CLASSES <const> = {
  a = "A-Za-z", d = "0-9", l = "a-z", u = "A-Z", w = "0-9A-Za-z", x = "0-9A-Fa-f",
  s = "\\t-\\r ", p = "!-/:-@\\[-`{-~", c = "\\x00-\\x1f\\x7f", g = "!-~",
}
-- ECMA's u flag refuses to escape others.
local SPECIAL     <const> = "[%^%$%(%)%.%[%]%*%+%?%{%}%|\\/]"
local SET_SPECIAL <const> = "[%[%]\\%^%-]"
local QUANTIFIERS <const> = { ["*"] = "*", ["+"] = "+", ["?"] = "?", ["-"] = "*?" }

local function escape(char, inside)
  return char:find(inside and SET_SPECIAL or SPECIAL) and "\\" .. char or char
end

--- What stands for `%x`; `inside` a set the brackets are there already.
local function class(letter, inside)
  local lower = letter:lower()
  local set = letter:find("%a") and CLASSES[lower]
  if not set then
    if letter:find("%w") then
      return nil, "uses %" .. letter .. ", which no regular expression says"
    end
    return escape(letter, inside)
  end
  if letter == lower then return inside and set or "[" .. set .. "]" end
  if inside then return nil, ("uses %%%s inside a set"):format(letter) end
  return "[^" .. set .. "]"
end

--- One set, from its "[" at `at`. Answers the text and the place after the "]".
local function set_at(pattern, at)
  local parts, first = { "[" }, at + 1
  if pattern:sub(first, first) == "^" then parts[1], first = "[^", first + 1 end
  local i = first
  while true do
    local char = pattern:sub(i, i)
    if char == "" then return nil, "has a set without its ]" end
    if char == "]" and i > first then break end
    if char == "%" then
      local said, why = class(pattern:sub(i + 1, i + 1), true)
      if not said then return nil, why end
      parts[#parts + 1], i = said, i + 2
    elseif char == "-" and i > first and pattern:sub(i + 1, i + 1) ~= "]" then
      parts[#parts + 1], i = "-", i + 1
    else
      parts[#parts + 1], i = escape(char, true), i + 1
    end
  end
  parts[#parts + 1] = "]"
  return table.concat(parts), i + 1
end

--- One item (a character, a class or a set). Answers the text and the place after it.
local function item_at(pattern, at)
  local char = pattern:sub(at, at)
  if char == "[" then return set_at(pattern, at) end
  if char == "(" or char == ")" then return nil, "has captures" end
  if char == "." then return "[\\s\\S]", at + 1 end
  if char ~= "%" then return escape(char), at + 1 end
  local letter = pattern:sub(at + 1, at + 1)
  local said, why = class(letter, false)
  if not said then return nil, why end
  return said, at + 2
end

--- The regular expression (ECMA and Rust read it alike) that finds what the Lua pattern finds in
--- ASCII text.
---@param pattern string
---@return string? expression nil when there is none
---@return string? why a clause about the pattern: "has captures"
function regex.from_pattern(pattern)
  if not pcall(string.find, "", pattern) then return nil, "is no Lua pattern" end
  local parts, at = {}, 1
  if pattern:sub(1, 1) == "^" then parts[1], at = "^", 2 end
  while at <= #pattern do
    if pattern:sub(at) == "$" then
      parts[#parts + 1] = "$"
      break
    end
    local item, after = item_at(pattern, at)
    if not item then return nil, after --[[@as string]] end
    local quantifier = QUANTIFIERS[pattern:sub(after, after)]
    parts[#parts + 1] = item .. (quantifier or "")
    at = quantifier and after + 1 or after --[[@as integer]]
  end
  return table.concat(parts)
end

return regex
