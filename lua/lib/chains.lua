--- Chains from the outside: where a file is, what it takes, and how that reads on a command line.
local errors = require "lib.errors"
local json   = require "lib.json"
local schema = require "lib.schema"
local steps  = require "lib.steps"
local text   = require "lib.text"

local chains = {}

---@class chains.Chain
---@field path        string
---@field params      Schema an object
---@field description string?
---@field limits?     Limits what it may use at most

local function invalid(message) return nil, { code = "invalid", message = message } end

--- Whether a word on a command line means a chain's file.
---@param word string
---@return boolean
function chains.is_file(word) return word:sub(-4) == ".lua" end

--- A chain by its file, or by the name of one in lua/chains.
---@return string? path, Error? err
function chains.find(cli, word)
  local info = cli.stat(word)
  if info and info.kind == "file" then return info.real end
  local entry = word:match("/") and word or "lua/chains/" .. word
  if cli.locate(entry) then return entry end
  return nil, { code = "not_found", message = ("%s: no such chain"):format(word) }
end

--- What a chain's file says of itself.
---@async
---@return chains.Chain? chain, Error? err
function chains.declare(cli, path)
  local chain, err = cli.decide("lua/lib/decisions.lua", "chain", path)
  if not chain then return nil, err end
  chain.path = path
  return chain
end

--- "retries=3" as written; the value may hold anything.
---@param words string[]
---@return table<string, string>? given, Error? err
function chains.pairs(words)
  local given = {}
  for _, word in ipairs(words) do
    local key, value = word:match("^%s*([^=%s]+)%s*=(.*)$")
    if not key then return invalid(('--set: "%s" is not key=value'):format(word)) end
    if given[key] then return invalid(("--set: %s is given twice"):format(key)) end
    given[key] = value
  end
  return given
end

local function scalar(written)
  local value = json.decode(written)
  if value == nil or type(value) == "table" then return written end
  return value
end

--- A value as a command line writes it, by what the schema wants. What does not fit comes back as
--- it is, for the check to name.
local function read(node, written)
  if node.kind == "text" or node.kind == "path" then return written end
  if node.kind == "enum" then
    return text.one_of(node.values, written) and written or scalar(written)
  end
  if written:find("^%s*[%[{]") then
    local value = json.decode(written)
    if value ~= nil then return value end
  end
  if node.kind ~= "list" then return scalar(written) end
  local items = {}
  for item in (written .. ","):gmatch("%s*(.-)%s*,") do
    if item ~= "" then items[#items + 1] = node.of and read(node.of, item) or item end
  end
  return json.array(items)
end

--- Puts what --set said over `params`, by the schema of each.
local function put(chain, params, given)
  for key, written in pairs(given) do params[key] = written end
  for _, field in ipairs(chain.params.fields) do
    local written = given[field.name]
    if written then params[field.name] = read(field.schema, written) end
  end
end

local function checked(chain, params)
  local fits, problems = schema.check(chain.params, params)
  if fits then return fits end
  local said = problems[1].message:gsub("^input%.", ""):gsub("^input: ", "")
  return invalid(("%s: %s; perigee run %s --help lists what it takes"):format(chain.path, said,
    chain.path:match("[^/]*$")))
end

--- The arguments of a chain, checked against its own schema.
---@param chain chains.Chain
---@param task  string "" is none
---@param given table<string, string> of --set
---@return table? params, Error? err
function chains.params(chain, task, given)
  local params = {}
  put(chain, params, given)
  for _, field in ipairs(chain.params.fields) do
    if field.name == "task" and task ~= "" then params.task = task end
  end
  return checked(chain, params)
end

--- The arguments that a chain had, with others in the place of some.
---@param chain  chains.Chain
---@param before table
---@param given  table<string, string> of --set
---@return table? params, Error? err
function chains.amend(chain, before, given)
  local params = {}
  for key, value in pairs(before) do params[key] = value end
  put(chain, params, given)
  return checked(chain, params)
end

--- "text", "a whole number from 1 to 9", "read | write", "a list of paths".
local function kind_of(node)
  if node.kind == "enum" then
    local words = {}
    for i, value in ipairs(node.values) do words[i] = tostring(value) end
    return table.concat(words, " | ")
  elseif node.kind == "list" then
    return node.of and "list of " .. kind_of(node.of) or "list"
  elseif node.min and node.max and node.kind == "integer" then
    return ("integer, %d to %d"):format(node.min, node.max)
  end
  return (node.kind:gsub("_", " "))
end

local function is_needed(field)
  return not (field.optional or field.schema.optional or field.schema.default ~= nil)
end

local function row(field)
  local notes = { kind_of(field.schema) }
  if is_needed(field) then
    notes[#notes + 1] = "needed"
  elseif field.schema.default ~= nil then
    local default = field.schema.default
    notes[#notes + 1] = "default "
      .. (type(default) == "string" and default or json.encode(default))
  end
  return { field.name == "task" and "TASK" or "--set " .. field.name .. "=...",
    ("%s (%s)"):format(field.about or "", table.concat(notes, "; ")) }
end

--- What a chain takes, for the person who asks with --help.
---@param chain chains.Chain
---@return string help
function chains.help(chain)
  local rows, width, words = {}, 0, {}
  for i, field in ipairs(chain.params.fields) do
    rows[i] = row(field)
    width = math.max(width, #rows[i][1])
    if is_needed(field) then words[#words + 1] = rows[i][1] end
  end
  local lines = { ("Usage: perigee run %s %s"):format(chain.path:match("[^/]*$"),
    table.concat(words, " ")) }
  if chain.description then lines[#lines + 1] = chain.description end
  lines[#lines + 1] = #rows == 0 and "It takes nothing." or ""
  for _, one in ipairs(rows) do
    lines[#lines + 1] = ("  %-" .. width .. "s  %s"):format(one[1], one[2])
  end
  lines[#lines + 1] = "\nperigee run --help lists the options of every run."
  return table.concat(lines, "\n") .. "\n"
end

--- Carries a chain out as the work of `run`; see agent.whole.
---@async
---@param run    HostRun
---@param path   string
---@param params table
---@return agent.Result? result, Error? err
function chains.work(run, path, params)
  local value, err = run:script(path, "run", params)
  local failed = value == nil and err ~= nil and errors.of(err) or nil
  steps.finished(run, failed)
  if failed then return nil, failed end
  local said = type(value) == "string" and value or json.encode(value, { indent = 2 })
  return { status = "ok", text = said, value = value, hops = json.array {} }
end

return chains
