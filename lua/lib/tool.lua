--- Tools: checks a tool's file, says in words what it reaches, and resolves an agent's `tools`
--- field. Pure; what it answers is plain data and can cross from one VM to another.
local duration = require "lib.duration"
local names    = require "lib.tool_names"
local schema   = require "lib.schema"
local text     = require "lib.text"

---@class tool.Declaration
---@field name        string
---@field description string
---@field schema      string   JSON Schema as text, for models
---@field input       Schema   the same, for checks
---@field effect      "read"|"write"|"outside"
---@field needs       Needs
---@field timeout_ms  integer
---@field repeatable  boolean  may be called again when its outcome is unknown
---@field reach       string   what it may touch, in words
---@field inside      boolean  stays in the sandbox and the workspace
---@field origin?     "distribution"|"user"|"project" set by who loaded the file
---@field shadows?    boolean  a project's, in the place of one of the user's or the distribution's
---@field granted?    { net: string[], secrets: string[], roots: grants.Root[] } by the user
---@field lacks?      Needs    what of `needs` is not granted; nil when nothing is missing
---@field settings?   table    what the host tells it: `call.settings`
---@field outside?    { variables: table<string, string>, secrets: table<string, boolean> }
---@field server?     { always: boolean } a model's provider may do it in its place
---@field only_served? boolean  nobody else can: it is offered where the provider does it

local tool = {}

local TIMEOUT_MS       <const> = 120000 -- where a tool names none
local DESCRIPTION_MOST <const> = 4000   -- bytes; it stands in every request
local RESERVED <const> = { handoff = true, escalate = true }
local EFFECTS  <const> = { "read", "write", "outside" }
local KEYS     <const> = {
  "description", "input", "effect", "needs", "timeout", "repeatable", "run",
}
local NEEDS    <const> = { "read", "write", "exec", "net", "secrets" }

local function invalid(name, why)
  return nil, { code = "invalid", message = ("tool %s: %s"):format(name, why) }
end

--- The first key that is not among `known`, in a sentence.
local function unknown_key(value, known, what)
  for _, key in ipairs(text.sorted_keys(value)) do
    if not text.one_of(known, key) then
      return ("unknown key %q%s%s"):format(key, what, text.suggest(key, known))
    end
  end
end

--- A copy of `needs` with every list checked.
local function read_needs(written)
  if written == nil then return {} end
  if type(written) ~= "table" then return nil, "needs must be a table" end
  local why = unknown_key(written, NEEDS, " in needs")
  if why then return nil, why end
  local needs = {}
  for _, kind in ipairs(NEEDS) do
    local list = written[kind]
    if list ~= nil then
      if type(list) ~= "table" or #list == 0 then
        return nil, ("needs.%s must be a list of names"):format(kind)
      end
      for _, entry in ipairs(list) do
        if type(entry) ~= "string" or entry == "" then
          return nil, ("needs.%s holds something else than names"):format(kind)
        end
      end
      needs[kind] = table.move(list, 1, #list, 1, {})
    end
  end
  return needs
end

--- A path that cannot lead out of the workspace by its own words; links are the files' business.
---@param path string
---@return boolean inside
function tool.path_inside(path)
  if path:sub(1, 1) == "/" or path:sub(1, 1) == "~" then return false end
  for part in path:gmatch("[^/]+") do
    if part == ".." then return false end
  end
  return true
end

--- Whether a tool stays in the sandbox and the workspace: no network, no secrets, no path outside,
--- no effect outside. Commands stay inside because they run in the sandbox.
---@param effect string
---@param needs  Needs
---@return boolean inside, string? why not
function tool.stays_inside(effect, needs)
  if effect ~= "read" and effect ~= "write" then
    return false, "it changes the world outside the workspace"
  end
  if type(needs) ~= "table" then return false, "what it needs is not known" end
  if needs.net then
    return false, "it uses the network (" .. table.concat(needs.net, ", ") .. ")"
  end
  if needs.secrets then
    return false, "it uses secrets (" .. table.concat(needs.secrets, ", ") .. ")"
  end
  for _, kind in ipairs { "read", "write" } do
    for _, path in ipairs(needs[kind] or {}) do
      if not tool.path_inside(path) then
        return false, ("it wants to %s %s, outside the workspace"):format(kind, path)
      end
    end
  end
  return true
end

local function places(paths)
  local said = {}
  for i, path in ipairs(paths) do said[i] = path == "." and "the workspace" or path end
  return table.concat(said, ", ")
end

--- What a tool may touch, as a person reads it: "reads the workspace; runs rg in the sandbox".
---@param effect string
---@param needs  Needs
---@return string words
function tool.reach(effect, needs)
  local said = {}
  if needs.read  then said[#said + 1] = "reads " .. places(needs.read) end
  if needs.write then said[#said + 1] = "writes " .. places(needs.write) end
  if needs.exec  then
    said[#said + 1] = ("runs %s in the sandbox"):format(table.concat(needs.exec, ", "))
  end
  if needs.net   then
    local hosts = table.concat(needs.net, ", ")
    if hosts == "*" then hosts = "any public host that it is asked for" end
    said[#said + 1] = "talks to " .. hosts
  end
  if needs.secrets then
    said[#said + 1] = "uses the secrets " .. table.concat(needs.secrets, ", ")
  end
  if effect == "outside" then said[#said + 1] = "changes the world outside the workspace" end
  return #said > 0 and table.concat(said, "; ") or "reaches nothing"
end

local function check_plain_keys(file)
  if type(file) ~= "table" then return "its file returns a " .. type(file) .. ", not a table" end
  local why = unknown_key(file, KEYS, "")
  if why then return why end
  local about = file.description
  if type(about) ~= "string" or text.trim(about) == "" then
    return "description is missing: a sentence for the model"
  end
  if #about > DESCRIPTION_MOST then
    return ("description is longer than %d bytes"):format(DESCRIPTION_MOST)
  end
  if not utf8.len(about) then return "description is not UTF-8" end
  if not text.one_of(EFFECTS, file.effect) then
    return ("effect is %s; expected \"read\", \"write\" or \"outside\"")
      :format(tostring(file.effect))
  end
  if type(file.run) ~= "function" then return "run is missing: function(input, call)" end
  if file.repeatable ~= nil and type(file.repeatable) ~= "boolean" then
    return "repeatable is not true or false"
  end
end

--- Checks the table that a tool's file returns, and answers what the host keeps of it: data only.
---@param name string the file's name without ".lua"
---@param file any
---@return tool.Declaration? declaration, Error? err
function tool.declare(name, file)
  if not name:match("^%l[%l%d_]*$") or #name > 64 then
    return invalid(name, "a tool's name is small letters, digits and _, at most 64")
  end
  if RESERVED[name] then
    return invalid(name, "this name belongs to the turn loop; choose another")
  end
  local why = check_plain_keys(file)
  if why then return invalid(name, why) end

  local input, err = schema.load(file.input)
  if not input then return invalid(name, "input: " .. err.message) end
  if input.kind ~= "object" then
    return invalid(name, "input: models send an object; use schema.object { ... }")
  end
  local needs, needs_why = read_needs(file.needs)
  if not needs then return invalid(name, needs_why) end
  if file.effect == "read" and needs.write then
    return invalid(name, 'it needs to write, so effect cannot be "read"')
  end
  local timeout_ms = TIMEOUT_MS
  if file.timeout ~= nil then
    timeout_ms, err = duration.parse(file.timeout)
    if not timeout_ms then return invalid(name, "timeout: " .. err.message) end
  end

  return {
    name        = name,
    description = text.trim(file.description),
    schema      = schema.to_json(input),
    input       = input,
    effect      = file.effect,
    needs       = needs,
    timeout_ms  = timeout_ms,
    repeatable  = file.repeatable == true or file.effect == "read",
    reach       = tool.reach(file.effect, needs),
    inside      = (tool.stays_inside(file.effect, needs)),
  }
end

--- By name, from a list of declarations or a map of them.
local function by_name(available)
  local known = {}
  for key, declaration in pairs(available) do
    known[type(key) == "string" and key or declaration.name] = declaration
  end
  return known
end

local function ours_of(written, known)
  local set = {}
  for _, entry in ipairs(written or {}) do
    for _, name in ipairs(names.ours(entry, known) or {}) do set[name] = true end
  end
  return set
end

local function all_inside(known, refused)
  local without, tools = ours_of(refused, known), {}
  for _, name in ipairs(text.sorted_keys(known)) do
    local ours = (known[name].origin or "distribution") == "distribution"
    if ours and known[name].inside and not without[name] then tools[#tools + 1] = name end
  end
  return tools
end

---@class tool.Resolved
---@field tools   string[] our names, in the order of the field; sorted where it names none
---@field missing string[] as written: no tool here bears the name
---@field scopes  table<string, string[]> what brackets said, by our name: { bash = { "git:*" } }
---@field note?   string   why nothing was given, where the field could not be read

--- Which tools an agent is given by its `tools` field. A missing field means every tool of the
--- distribution that stays in the sandbox and the workspace; an empty list, or what cannot be read,
--- means none.
---@param written   any nil, text, list or map: the front matter's value
---@param available tool.Declaration[]|table<string, tool.Declaration>
---@param refused?  any list or map like `written`: what is taken from it, whole tools only
---@return tool.Resolved resolved
function tool.resolve(written, available, refused)
  local known = by_name(available)
  local read, note = names.read(written)
  local less, unread = names.read(refused)
  if refused ~= nil and (less.all or unread) then -- all, or what cannot be read
    return { tools = {}, missing = {}, scopes = {}, note = unread }
  end
  read.refused = table.move(less.given, 1, #less.given, #(read.refused or {}) + 1,
    read.refused or {})
  if read.all then
    return { tools = all_inside(known, read.refused), missing = {}, scopes = {}, note = note }
  end

  local tools, missing, scopes, whole = {}, {}, {}, {}
  local without = ours_of(read.refused, known)
  for _, entry in ipairs(read.given) do
    local ours, scope = names.ours(entry, known)
    if not ours then missing[#missing + 1] = entry end
    for _, name in ipairs(ours or {}) do
      local has = not without[name]
      if has and not text.one_of(tools, name) then tools[#tools + 1] = name end
      if not has then
        scope = nil -- said by another name to be false
      elseif not scope or scope == "" or scope == "*" then
        whole[name] = true
      else
        scopes[name] = scopes[name] or {}
        table.insert(scopes[name], scope)
      end
    end
  end
  for i = 1, #tools do
    for _, name in ipairs(names.along(tools[i])) do
      if known[name] and not without[name] and not text.one_of(tools, name) then
        tools[#tools + 1] = name
      end
    end
  end
  for name in pairs(whole) do scopes[name] = nil end -- given without brackets too: all of it
  return { tools = tools, missing = missing, scopes = scopes, note = note }
end

return tool
