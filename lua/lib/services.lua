--- What the `run` of a chain does, on the host's side. Each function gets the chain's run first.
local agent   = require "lib.agent"
local door    = require "lib.door"
local json    = require "lib.json"
local opening = require "lib.opening"
local schema  = require "lib.schema"
local session = require "lib.session"
local text    = require "lib.text"

local services = {}

local LOG_MOST <const> = 4000 -- bytes of a line

local OPTIONS <const> = schema.object {
  { "hops", schema.enum { "off", "auto", "full" }, "Whether the child may go on to other agents.",
    optional = true },
}

local function invalid(message) return nil, { code = "invalid", message = message } end

--- Every tool there is: policy and grant still stand before each call.
local function chain_as_agent()
  return { name = "chain", tools = text.sorted_keys(session.get().tools), targets = {}, edges = {} }
end

--- run.ask: a child run with one agent. Its text is the result.
---@async
---@return string? said, Error? err
function services.ask(run, name, input, options)
  local checked, problems = schema.check(OPTIONS, options, "options")
  if not checked then return invalid("run.ask: " .. problems[1].message) end
  local who, err = session.get().catalog.find(name)
  if not who then return nil, err end
  local task, first = opening.of(input)
  local child
  child, err = run:child { agent = who.name, task = task }
  if not child then return nil, err end
  -- Also when we are cancelled:
  local _ <close> = setmetatable({}, { __close = function() child:close() end })
  session.record(run, "child", { run = child.id, agent = who.name, task = task })
  session.record(child, "run.started",
    { format = 1, agent = who.name, task = task, parent = run.id })
  local result
  result, err = agent.whole(child, function()
    return agent.run(child,
      { agent = who, task = task, opening = first, hops = checked.hops or "off" })
  end)
  if not result then return nil, err end
  if result.status ~= "ok" then
    return nil, { code = result.status, message = result.error, details = { text = result.text } }
  end
  return result.text
end

local calls = 0

--- run.tool: through the same door as a model's call.
---@async
---@return string? said, any data_or_err what the tool gave beside its text, or why there is none
function services.tool(run, name, input)
  calls = calls + 1
  local result = door.call(run, chain_as_agent(),
    { id = ("chain_%d"):format(calls), name = name, input = json.encode(input) })
  if result.error then return nil, { code = result.code or "invalid", message = result.text } end
  return result.text, result.data
end

--- run.step: keeps what a function of the chain answered.
---@async
function services.step(run, name, answer)
  session.record(run, "step", { name = name, value = answer.value, error = answer.error })
end

--- run.log and call.log: a line for whoever watches; in the journal too.
---@async
---@param tool? string who says it, where it is a tool
function services.log(run, said, tool)
  session.record(run, "log", { text = text.cut_middle(text.valid(said), LOG_MOST), tool = tool })
end

--- What a command prints while it runs, as whoever watches sees it. Waits for nothing: the host
--- fetches the next piece only when this one was shown.
---@param piece { run: HostRun?, call: string, tool: string, stdout: string, stderr: string }
function services.output(piece)
  if not piece.run then return end -- it ended meanwhile
  for _, name in ipairs { "stdout", "stderr" } do
    if piece[name] ~= "" then
      session.emit(piece.run, "delta.output", { call = piece.call, tool = piece.tool,
        text = (text.valid(piece[name])), stderr = name == "stderr" or nil })
    end
  end
end

local NOT_A_TEST <const> = { code = "denied", message = "only in perigee test" }

--- A file of the folder that PERIGEE_SHARED names; nil without it, so that a test can skip aloud.
function services.shared(_, name)
  local shared = session.get().shared
  if not shared then return nil, NOT_A_TEST end
  return shared(name)
end

--- A definition's text as the host parses it.
function services.definition(_, source)
  local definition = session.get().definition
  if not definition then return nil, NOT_A_TEST end
  return definition(source)
end

return services
