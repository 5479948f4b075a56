--- What the host asks of files that people write, without letting them act: declarations, the
--- presence of hooks, scenarios. Runs in the decision VM, where `entry(path)` loads such a file.
local allowance = require "lib.allowance"
local rehearsal = require "lib.rehearsal"
local route     = require "lib.route"
local schema    = require "lib.schema"
local text      = require "lib.text"
local tool      = require "lib.tool"

local decisions = {}

local HOOKS <const> = { "before", "allow_tool", "accept", "next" }
local CHAIN <const> = { "params", "run", "description", "limits" }

local function invalid(message) return nil, { code = "invalid", message = message } end

local function unknown_key(value, known)
  for _, key in ipairs(text.sorted_keys(value)) do
    if not text.one_of(known, key) then
      return ("unknown key %q%s"):format(key, text.suggest(key, known))
    end
  end
end

--- The declaration of a tool's file, as data.
---@return tool.Declaration? declaration, Error? err
function decisions.tool(name, path) return tool.declare(name, entry(path)) end

--- Which hooks an agent's file has.
---@return table<string, boolean>? hooks, Error? err
function decisions.hooks(path)
  local file, found = entry(path), {}
  local why = unknown_key(file, HOOKS)
  if why then return invalid(path .. ": " .. why) end
  for _, name in ipairs(HOOKS) do
    if file[name] ~= nil and type(file[name]) ~= "function" then
      return invalid(("%s: %s is a %s; it should be a function")
        :format(path, name, type(file[name])))
    end
    found[name] = file[name] ~= nil
  end
  return found
end

--- What a chain's file says of itself.
---@return { params: Schema, description: string?, limits: Limits? }? chain, Error? err
function decisions.chain(path)
  local file = entry(path)
  local why = unknown_key(file, CHAIN)
  if why then return invalid(path .. ": " .. why) end
  if type(file.run) ~= "function" then
    return invalid(path .. ": run is missing: function(run, params)")
  end
  local params, err = schema.load(file.params or schema.object {})
  if not params then return invalid(path .. ": params: " .. err.message) end
  local most
  if file.limits ~= nil then
    most, err = allowance.read(file.limits, allowance.KEYS)
    if not most then return invalid(("%s: %s"):format(path, err.message)) end
  end
  return { params = params, description = file.description, limits = most }
end

local ADDRESS <const> = schema.text { pattern = "^https?://[^%s/@]+" }
local VARIABLE <const> = schema.text { pattern = "^%u[%u%d_]*$" }
local ENGINE <const> = schema.object {
  { "base_url", ADDRESS, "Where it is.", optional = true },
  { "base_url_variable", VARIABLE, "A variable with its address.", optional = true },
  { "secret", VARIABLE, "Its key.", optional = true },
  { "secret_header", schema.text { min = 1 }, "Which header carries it.", optional = true },
  { "fields", schema.map { of = schema.text { min = 1 } }, "What is called how.", optional = true },
}

--- What a search engine's file says of itself, without its functions.
---@return searching.Engine? engine, Error? err
function decisions.engine(name)
  local path = ("lua/search/%s.lua"):format(name)
  local file, data = entry(path), {}
  if type(file) ~= "table" then return invalid(path .. ": it returns no table") end
  for key, value in pairs(file) do data[key] = value end
  for _, field in ipairs { "request", "results" } do
    if type(data[field]) ~= "function" then
      return invalid(("%s: %s is missing: a function"):format(path, field))
    end
    data[field] = nil
  end
  local engine, problems = schema.check(ENGINE, data, "engine")
  if not engine then return invalid(path .. ": " .. problems[1].message) end
  if not engine.base_url and not engine.base_url_variable then
    return invalid(path .. ": neither base_url nor base_url_variable says where it is")
  end
  engine.name = name
  return engine
end

--- A scenario's own task and files, and who plays in it.
---@return { task: string?, files: table<string, string>?, agents: string[] }? scenario, Error? err
function decisions.scenario(path)
  local file = entry(path)
  local why = rehearsal.check(file)
  if why then return invalid(path .. ": " .. why) end
  return { task = file.task, files = file.files, agents = text.sorted_keys(file.agents) }
end

--- The functions that each of the files which people edit first returns, all of them and no more;
--- these alone may be missing.
local SETTINGS <const> = {
  { "lua/policy.lua", { "decide", "explain", "limits" } },
  { "lua/routing.lua", { "choose", "model", "next" } },
  { "lua/context.lua", { "prompt", "handover", "compact" } },
}
local MAY_MISS <const> = { explain = true, limits = true, choose = true, compact = true }

local PROJECT_POLICY <const> = { "project:lua/policy.lua", { "decide", "explain", "limits" } }

--- Whether policy, routing and context can be used.
---@param project_policy boolean the project has a policy, which is asked besides
---@return { limiting: string[] }? usable, Error? err limiting: policies that limit agents' parts
function decisions.settings(project_policy)
  local all, limiting = table.move(SETTINGS, 1, #SETTINGS, 1, {}), {}
  if project_policy then all[#all + 1] = PROJECT_POLICY end
  for _, one in ipairs(all) do
    local path, names = one[1], one[2]
    local file = entry(path)
    local why = unknown_key(file, names)
    if why then return invalid(path .. ": " .. why) end
    for _, name in ipairs(names) do
      local missing = file[name] == nil and MAY_MISS[name]
      if not missing and type(file[name]) ~= "function" then
        return invalid(("%s: %s is %s; it should be a function"):format(path, name,
          file[name] == nil and "missing" or "a " .. type(file[name])))
      end
    end
    if file.limits then limiting[#limiting + 1] = path end
  end
  return { limiting = limiting }
end

--- Each rule of a policy with whether it holds; nil where that file does not say.
---@param file string "lua/policy.lua" or "project:lua/policy.lua"
---@return policy.Look[]? looks
function decisions.explain(file, call, facts)
  local policy = entry(file)
  return policy.explain and policy.explain(call, facts)
end

--- Whether a file has a function that may be missing.
---@return boolean
function decisions.has(path, field) return type(entry(path)[field]) == "function" end

--- Where a function of a file begins; nil where it is made elsewhere, as by `route.first`.
---@return integer? line
function decisions.line(path, field)
  local file = entry(path)
  return type(file[field]) == "function" and line_of(file[field], path) or nil
end

--- A decision of routing or of a hook with every rule that was looked at on the way; `looks` is
--- empty where it is not made of rules.
---@return { answer: any, looks: route.Look[] } explained
function decisions.explained(path, field, ...)
  local decide = entry(path)[field]
  if not decide then return { looks = {} } end
  local answer, looks = route.explain(decide, ...)
  return { answer = answer, looks = looks }
end

local NAME <const> = schema.text { min = 1 }
local CASE <const> = schema.object {
  { "name", schema.text {}, "What it is about.", optional = true },
  { "task", NAME, "Who gets it?", optional = true },
  { "from", NAME, "Who goes on after this agent?", optional = true },
  { "reply", schema.text {}, "Its final reply.", optional = true },
  { "handoff", NAME, "To whom it calls handoff.", optional = true },
  { "hops", schema.enum { "off", "auto", "full" }, "As --hops.", optional = true },
  { "to", schema.any_of { NAME, schema.boolean {}, schema.list { of = NAME, min = 1 } },
    "Who is wanted: one of these; false: nobody." },
}

--- A table of cases for `perigee route test`.
---@return routes.Case[]? cases, Error? err
function decisions.cases(path)
  local checked, problems = schema.check(schema.list { of = CASE, min = 1 }, entry(path), "cases")
  if not checked then return invalid(path .. ": " .. problems[1].message) end
  for i, case in ipairs(checked) do
    local what = case.to == true and "to is an agent, a list of agents, or false"
      or not case.task and not case.from and "it has neither task nor from"
      or case.from and not case.reply and not case.handoff and "from needs reply or handoff"
      or not case.from and (case.reply or case.handoff) and "reply and handoff need from"
    if what then return invalid(("%s: cases[%d]: %s"):format(path, i, what)) end
    case.reply = case.from and (case.reply or "") or nil
  end
  return checked
end

--- The table of models in force: data, which the user may have put in place of ours, with a
--- project's names and tiers over it.
---@param of_project boolean the project has such a table
---@param shipped    table   ours, for a user's table that adds to it
---@return table? models, Error? err
function decisions.models(of_project, shipped)
  local model_data = require "lib.model_data" -- here: most runs have the table that ships
  local data, why = model_data.added(entry("lua/models.lua"), shipped)
  if data then data, why = model_data.check(data) end
  if not data then return invalid("lua/models.lua: " .. why) end
  if not of_project then return data end
  data, why = model_data.overlay(data, entry("project:lua/models.lua"))
  if not data then return invalid("project:lua/models.lua: " .. why) end
  return data
end

--- The next reply of a rehearsal; what differs is told with the file, and with the line where the
--- turn's `expect` is written there.
---@return Reply? reply, Error? err
function decisions.play(path, given)
  local scenario = entry(path)
  local reply, err = rehearsal.reply(scenario, given)
  if reply then return reply end
  local turn = ((scenario.agents or {})[given.agent] or {})[given.visit]
  local expect = turn and turn[given.turn] and turn[given.turn].expect
  local line = type(expect) == "function" and line_of(expect, path)
  err.message = ("%s (%s%s)"):format(err.message, path, line and ":" .. line or "")
  return nil, err
end

return decisions
