--- Who is meant by a name as an author wrote it. Pure.
---
--- Nothing is ever resolved by a number alone: an author who renamed an agent and kept its number
--- meant another.
local item = require "lib.relation_item"

local DONE = {
  ["direct completion"] = true, ["completion"] = true, ["complete"] = true, ["done"] = true,
  ["task complete"] = true, ["end"] = true,
}

--- An index over names: exact, without the last word, and by every suffix of two words or more;
--- false marks what several agents share. Leading zeros of a number do not count.
local function index(names)
  local by = { exact = {}, cut = {}, suffix = {} }
  local function put(into, key, name)
    if into[key] == nil then into[key] = name elseif into[key] ~= name then into[key] = false end
  end
  for _, name in ipairs(names) do
    local key = name:gsub("^0+(%d)", "%1")
    by.exact[name] = name
    put(by.exact, key, name)
    local cut = key:match("^(.+%-.+)%-[^-]+$")
    if cut then put(by.cut, cut, name) end
    local at = key:find("-", 1, true)
    while at do
      local suffix = key:sub(at + 1)
      if suffix:find("-", 1, true) then put(by.suffix, suffix, name) end
      at = key:find("-", at + 1, true)
    end
  end
  return by
end

local function resolve_target(target, by)
  local low = target:lower()
  if item.USER[low] then return "User", "user" end
  if DONE[low] then return nil, "done" end
  local key = target:gsub("^0+(%d)", "%1")
  local exact = by.exact[target] or by.exact[key]
  if exact then return exact, "exact" end
  if by.cut[key] then return by.cut[key], "cut" end
  if by.suffix[key] then return by.suffix[key], "suffix" end
  if target == "" or item.name_like(target) then return nil, "none" end
  return nil, "group"
end

--- Makes the index once; each target is then a few look-ups.
---@param names string[] all agents of the catalog
---@return fun(target: string): string?, string to and resolved, as an edge has them
return function(names)
  local by = index(names)
  return function(target) return resolve_target(target, by) end
end
