--- The form of models.lua: what the model client relies on. Pure.
local schema = require "lib.schema"
local text   = require "lib.text"

local model_data = {}

local NAME    <const> = schema.text { min = 1 }
local NAMES   <const> = schema.list { of = NAME }
local COUNT   <const> = schema.integer { min = 0 }
local PLACES  <const> = schema.integer { min = 1 }
local DOLLARS <const> = schema.number { min = 0 }

local function object(wanted, optional)
  local fields = {}
  for _, field in ipairs(wanted) do fields[#fields + 1] = { field[1], field[2], field[3] or "" } end
  for _, field in ipairs(optional) do
    fields[#fields + 1] = { field[1], field[2], field[3] or "", optional = true }
  end
  return schema.object(fields)
end

local KINDS <const> = { { "input", DOLLARS }, { "output", DOLLARS } }
local CACHE <const> = { { "cache_read", DOLLARS }, { "cache_write", DOLLARS } }
local ABOVE <const> = object({ { "tokens", COUNT }, KINDS[1], KINDS[2] }, CACHE)
local PRICES <const> = object(KINDS, { CACHE[1], CACHE[2], { "above", ABOVE },
  { "search", DOLLARS },
  { "source", schema.text {} }, { "date", schema.text {} } })

local PROVIDER <const> = object({
  { "dialect", NAME }, { "base_url", NAME },
}, { { "base_url_variable", NAME }, { "secret", NAME }, { "own_dialect", NAME },
  { "owns", NAMES }, { "dots", schema.boolean {} },
  { "legacy", schema.enum { "refused", "always", "never" } }, { "at_once", PLACES },
  { "cache_least", COUNT }, { "fills", schema.boolean {} }, { "keyless", schema.boolean {} },
  { "takes", NAME }, { "habits", schema.map { of = NAME } } })
local MODEL <const> = object({ { "provider", NAME } }, {
  { "context", COUNT }, { "max_output", COUNT }, { "thinking", NAME }, { "prices", PRICES },
  { "retires", NAME }, { "sees", schema.boolean {} },
  { "effort", schema.boolean {} }, { "cache_least", COUNT }, { "marks", schema.boolean {} },
})
local RULES <const> = schema.list { of = schema.list { of = NAME, min = 2, max = 2 } }
local LIMITS <const> = object({
  { "max_tokens", COUNT }, { "connect_ms", COUNT }, { "first_byte_ms", COUNT },
  { "idle_ms", COUNT }, { "body_limit", COUNT }, { "attempts", COUNT },
  { "first_wait_ms", COUNT }, { "most_wait_ms", COUNT }, { "most_asked_ms", COUNT },
  { "at_once", PLACES }, { "most_queue_ms", COUNT }, { "cooldown_ms", COUNT } }, {})

local EFFORT <const> = schema.map { of = schema.enum { "low", "medium", "high", "xhigh", "max" } }

local FORM <const> = object({
  { "providers", schema.map { of = PROVIDER } }, { "models", schema.map { of = MODEL } },
  { "tiers", schema.map { of = NAMES } }, { "fallbacks", schema.map { of = NAMES } },
  { "complexity", schema.map { of = NAME } }, { "aliases", schema.map { of = NAME } },
  { "retired", RULES }, { "others", RULES }, { "limits", LIMITS },
}, { { "effort", EFFORT } })

--- The first name in `data` that stands for nothing.
local function dangling(data)
  for id, facts in pairs(data.models) do
    if not data.providers[facts.provider] then
      return ("models[%q].provider is %q, which is no provider"):format(id, facts.provider)
    end
  end
  for word, name in pairs(data.complexity) do
    if not data.tiers[name] then
      return ("complexity.%s is %q, which is no tier"):format(word, name)
    end
  end
  for _, key in ipairs { "retired", "others" } do
    for _, rule in ipairs(data[key]) do
      if not data.tiers[rule[2]] then
        return ("%s: %q names %q, which is no tier"):format(key, rule[1], rule[2])
      end
    end
  end
  if not data.complexity.default then
    return "complexity.default is missing: the tier of a definition that says nothing"
  end
end

-- What a user's table may add to; every key of theirs stands in place of ours.
local ADDED <const> = { "providers", "models", "tiers", "fallbacks", "complexity", "aliases",
  "effort", "limits" }

--- What ships, with what a user's file adds over it: `{ add = { ... } }`. Another file is returned
--- as it is: it stands in place of what ships.
---@param file    any
---@param shipped table
---@return table? data, string? why
function model_data.added(file, shipped)
  if type(file) ~= "table" or file.add == nil then return file end
  for key in pairs(file) do
    if key ~= "add" then return nil, ("beside add stands %s"):format(tostring(key)) end
  end
  if type(file.add) ~= "table" then return nil, "add is no table" end
  local data = {}
  for key, value in pairs(shipped) do data[key] = value end
  for key, rows in pairs(file.add) do
    if not text.one_of(ADDED, key) or type(rows) ~= "table" then
      return nil, ("add.%s: what may be added to is %s, each a table")
        :format(tostring(key), table.concat(ADDED, ", "))
    end
    data[key] = {}
    for name, value in pairs(shipped[key]) do data[key][name] = value end
    for name, value in pairs(rows) do data[key][name] = value end
  end
  return data
end

-- What a project may change: names and tiers. Servers, secrets and prices are the user's.
local OVERLAY <const> = { "tiers", "fallbacks", "complexity", "aliases", "effort" }

local PROJECT_FORM <const> = object({}, {
  { "tiers", schema.map { of = NAMES } }, { "fallbacks", schema.map { of = NAMES } },
  { "complexity", schema.map { of = NAME } }, { "aliases", schema.map { of = NAME } },
  { "effort", EFFORT },
})

--- `base` with what a project may change put over it, or what is wrong with the project's.
---@param base    table
---@param project any
---@return table? data, string? why
function model_data.overlay(base, project)
  if type(project) == "table" then
    for key in pairs(project) do
      if base[key] ~= nil and not text.one_of(OVERLAY, key) then
        return nil, ("a project says no %s: it may set %s; everything else comes from the user's "
          .. "own lua/models.lua"):format(tostring(key), table.concat(OVERLAY, ", "))
      end
    end
  end
  local checked, problems = schema.check(PROJECT_FORM, project, "models")
  if not checked then return nil, problems[1].message end
  local data = {}
  for key, value in pairs(base) do data[key] = value end
  for _, key in ipairs(OVERLAY) do
    data[key] = {}
    for name, value in pairs(base[key] or {}) do data[key][name] = value end
    for name, value in pairs(checked[key] or {}) do data[key][name] = value end
  end
  local why = dangling(data)
  if why then return nil, why end
  return data
end

--- The data as it stands, or what is wrong with it.
---@param data any
---@return table? data, string? why
function model_data.check(data)
  local _, problems = schema.check(FORM, data, "models")
  if problems then return nil, problems[1].message end
  local why = dangling(data)
  if why then return nil, why end
  return data
end

return model_data
