--- Which agent may have been meant by a name that none has: the one that shares most of its words,
--- else one that is spelt nearly so. Pure.
---
--- A catalog of thousands must not be walked for each wrong name. So names are kept by word, by
--- number and by how they begin, and a shelf that holds too many to tell anything is not looked at.
local text = require "lib.text"

local MOST_WORDS <const> = 12
local MOST_ON_SHELF <const> = 200
local MOST_COMPARED <const> = 40 -- letter by letter, for each of
local MOST_SPELT <const> = 500 -- wrong names
local BEGINNING <const> = 4 -- letters
local COMMON <const> = { guardian = true, agent = true } -- they say nothing about who is meant

local function words_of(name)
  local words, seen = {}, {}
  for word in name:lower():gmatch("%w+") do
    if not COMMON[word] and not word:find("^%d+$") and not seen[word] and #words < MOST_WORDS then
      seen[word] = true
      words[#words + 1] = word
    end
  end
  return words
end

local function put(shelves, key, name)
  local shelf = shelves[key]
  if not shelf then
    shelf = {}
    shelves[key] = shelf
  end
  shelf[#shelf + 1] = name
end

local function number_of(name) return name:match("^0*(%d+)%-") end

local function beginning_of(name)
  return name:lower():gsub("^%d+%-", ""):sub(1, BEGINNING)
end

--- By words. Whoever shares two thirds of all words shares one of the rarer half of them. The
--- second answer says that there are several.
local function by_words(kept, target)
  local words, shared, best, score, ties = words_of(target), {}, nil, 0, 0
  table.sort(words, function(a, b)
    local left, right = #(kept.word[a] or {}), #(kept.word[b] or {})
    if left ~= right then return left < right end
    return a < b
  end)
  for i = 1, #words // 2 + 1 do
    local shelf = kept.word[words[i]] or {}
    for j = 1, #shelf <= MOST_ON_SHELF and #shelf or 0 do shared[shelf[j]] = 0 end
  end
  local wanted = {}
  for _, word in ipairs(words) do wanted[word] = true end
  for name in pairs(shared) do
    local own, same = kept.words[name], 0
    for _, word in ipairs(own) do same = same + (wanted[word] and 1 or 0) end
    local value = 2 * same / math.max(1, #words + #own)
    if value > score then best, score, ties = name, value, 0
    elseif value == score then ties = ties + 1 end
  end
  if score < 2 / 3 then return nil, false end
  return ties == 0 and best or nil, ties > 0
end

local function by_letters(kept, target)
  for _, shelf in ipairs { kept.number[number_of(target) or ""] or {},
    kept.beginning[beginning_of(target)] or {} } do
    local near = #shelf <= MOST_COMPARED and text.nearest(target, shelf)
    if near then return near end
  end
  return nil
end

--- Makes the shelves once.
---@param names string[]
---@return fun(target: string): string? nearest nil when there is none, or several are as near
return function(names)
  local kept = { word = {}, words = {}, number = {}, beginning = {} }
  local known, spelt = {}, 0
  for _, name in ipairs(names) do
    kept.words[name] = words_of(name)
    for _, word in ipairs(kept.words[name]) do put(kept.word, word, name) end
    if number_of(name) then put(kept.number, number_of(name), name) end
    put(kept.beginning, beginning_of(name), name)
  end
  return function(target)
    if known[target] == nil then
      local name, several = by_words(kept, target)
      local spell = not name and not several and spelt < MOST_SPELT
      spelt = spelt + (spell and 1 or 0)
      known[target] = name or spell and by_letters(kept, target) or false
    end
    return known[target] or nil
  end
end
