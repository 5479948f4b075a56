--- The settings in force as people read them: each key, what holds, and who said so. Pure.
local keys = require "lib.settings_keys"
local text     = require "lib.text"

local settings_words = {}

local RULE_KEYS <const> = { "command", "path", "host", "agent", "effect" }
local NEEDS     <const> = { "net", "secrets", "read", "write" }

--- A rule in one line: `deny bash command="git push*" (pushing is mine)`.
---@param rule settings.Rule
---@return string words
function settings_words.rule(rule)
  local said = { rule.verdict, rule.tool }
  for _, key in ipairs(RULE_KEYS) do
    if rule[key] then said[#said + 1] = ('%s="%s"'):format(key, rule[key]) end
  end
  if rule.argument then
    said[#said + 1] = ('%s="%s"'):format(rule.argument.name, rule.argument.glob)
  end
  if rule.why and rule.why ~= "" then said[#said + 1] = ("(%s)"):format(rule.why) end
  return table.concat(said, " ")
end

local function needs_words(needs)
  local said = {}
  for _, kind in ipairs(NEEDS) do
    if needs[kind] and #needs[kind] > 0 then
      said[#said + 1] = kind .. " " .. table.concat(needs[kind], ", ")
    end
  end
  return #said > 0 and table.concat(said, "; ") or "nothing"
end

local function value_of(found, key)
  local section = key[1]:match("^(%l+)%.")
  if section then return found[section][key[2]] end
  return found[key[2]]
end

--- One row a key; one a rule, and one a tool's grant.
---@param found settings.Settings
---@return { key: string, value: string, origin: string }[] rows
function settings_words.rows(found)
  local rows = {}
  local function add(key, value, origin)
    rows[#rows + 1] = { key = key, value = value, origin = origin }
  end
  for _, key in ipairs(keys.ALL) do
    local name, value = key[1], value_of(found, key)
    if key.words then
      add(name, key.words(value), found.origin[name])
    elseif type(value) ~= "table" then
      add(name, tostring(value), found.origin[name])
    elseif next(value) == nil then
      add(name, "nothing", found.origin[name])
    elseif name == "policy.rules" then
      for _, rule in ipairs(value) do
        local place = rule.line and ("%s:%d"):format(rule.file, rule.line) or rule.file
        add(name, settings_words.rule(rule), place)
      end
    elseif name == "grants" then
      for _, tool in ipairs(text.sorted_keys(value)) do
        add("grants." .. tool, needs_words(value[tool]), found.origin["grants." .. tool])
      end
    else
      add(name, table.concat(value, ", "), found.origin[name])
    end
  end
  return rows
end

--- The rows as lines of three columns.
---@param found settings.Settings
---@return string[] lines
function settings_words.lines(found)
  local rows, widest, wide = settings_words.rows(found), 0, 0
  for _, row in ipairs(rows) do
    widest = math.max(widest, #row.key)
    wide = math.max(wide, math.min(#row.value, 40))
  end
  local lines = {}
  for i, row in ipairs(rows) do
    local key = row.key .. (" "):rep(widest - #row.key)
    local value = row.value .. (" "):rep(wide - #row.value)
    lines[i] = ("  %s  %s  %s"):format(key, value, row.origin)
  end
  return lines
end

return settings_words
