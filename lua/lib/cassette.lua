--- What a recording of traffic keeps beside it: whatever else a request was made from that is not
--- the project's. The file itself is host/http/cassette.h. Host VM only.
local json = require "lib.json"
local model = require "lib.model"

local cassette = {}

local NEXT <const> = "; record the run again"

---@class cassette.About
---@field task      string
---@field workspace string where it lay
---@field date      string the day that the agents were told
---@field variables table<string, string> base URLs of the providers, where they were set
---@field secrets   table<string, boolean> names of the keys that were there
---@field providers table<string, { dialect: string, base_url: string }>

--- What is kept of a session before its first request.
---@param session   Session
---@param task      string
---@param workspace string
---@return string about JSON in one line
function cassette.about(session, task, workspace)
  local env = session.env
  local providers = {}
  for name, provider in pairs(env.models.providers) do
    providers[name] = { dialect = provider.dialect,
      base_url = (model.address(env.variables, provider)) }
  end
  return json.encode { task = task, workspace = workspace, date = session.facts.date,
    variables = env.variables, secrets = env.secrets, providers = providers }
end

--- Whether `map` has texts for keys and `kind` for values.
local function is_map(map, kind)
  if type(map) ~= "table" or map == json.null then return false end
  for key, value in pairs(map) do
    if type(key) ~= "string" or type(value) ~= kind then return false end
  end
  return true
end

--- The same, read back; a stranger may have written it.
---@param text string
---@param file string for the error
---@return cassette.About? about, Error? err
function cassette.read(text, file)
  local about = json.decode(text)
  local function bad(what)
    return nil, { code = "invalid", retryable = false,
      message = ("recording %s: what it says about its run has no %s%s"):format(file, what, NEXT) }
  end
  if type(about) ~= "table" or about == json.null then return bad "object" end
  if type(about.task) ~= "string" then return bad "task" end
  if type(about.workspace) ~= "string" or about.workspace:sub(1, 1) ~= "/" then
    return bad "workspace"
  end
  if type(about.date) ~= "string" or not about.date:find "^%d%d%d%d%-%d%d%-%d%d$" then
    return bad "date"
  end
  if not is_map(about.variables, "string") then return bad "variables" end
  if not is_map(about.secrets, "boolean") then return bad "secrets" end
  if not is_map(about.providers, "table") then return bad "providers" end
  for _, provider in pairs(about.providers) do
    if type(provider.dialect) ~= "string" or type(provider.base_url) ~= "string" then
      return bad "base URL of a provider"
    end
  end
  return about
end

--- Takes the traffic of this process from a file.
---@param cli       table
---@param file      string
---@param workspace string where it lies now
---@return cassette.About? about, Error? err
function cassette.play(cli, file, workspace)
  local text, err = cli.replay(file)
  if not text then return nil, err end
  local about
  about, err = cassette.read(text, file)
  if not about then return nil, err end
  cli.moved(workspace, about.workspace)
  cli.skip_waits() -- before a retry, in a chain: whoever they were for is not there
  return about
end

return cassette
