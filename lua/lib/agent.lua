--- The turn loop. `agent.run` carries one run from its first agent to its end; a part is one
--- agent's conversation: request, reply, calls, results, request ... until a final reply or a
--- handoff.
local asking    = require "lib.asking"
local door      = require "lib.door"
local hop       = require "lib.hop"
local json      = require "lib.json"
local limits    = require "lib.limits"
local output    = require "lib.output"
local ruling    = require "lib.ruling"
local schema    = require "lib.schema"
local session   = require "lib.session"
local sight     = require "lib.sight"

local agent = {}

local REFUSALS_MOST <const> = 3 -- of `accept`, before the reply stands as it is

-- one agent's conversation ------------------------------------------------------------------------

local function text_of(reply)
  local parts = {}
  for _, block in ipairs(reply.content) do
    if block.type == "text" then parts[#parts + 1] = block.text end
  end
  return table.concat(parts)
end

local function calls_of(reply)
  local calls = {}
  for _, block in ipairs(reply.content) do
    if block.type == "call" then
      calls[#calls + 1] = { id = block.id, name = block.name, input = block.input }
    end
  end
  return calls
end

--- The message that answers calls.
local function answers(talk, results)
  local content = {}
  for i, result in ipairs(results) do
    local said, images = sight.of(result, talk.sight, talk.targets[1].sees ~= false)
    content[i] = { type = "result", id = result.id, name = result.name, text = said,
      error = result.error, images = images }
  end
  return { role = "user", content = content }
end

local function user(said) return { role = "user", content = { { type = "text", text = said } } } end

local function tool_list(way, who)
  local list, s = {}, session.get()
  for _, name in ipairs(who.tools) do
    local tool = s.tools[name]
    list[#list + 1] = { name = name, description = tool.description, schema = tool.schema }
  end
  if hop.offered(way, who) then list[#list + 1] = hop.tool(who) end
  return list
end

--- Opens a conversation: prompt, tools and the first message, recorded as they will be sent.
local function open(run, way, who, opening, task)
  local s = session.get()
  local usable, err = s.hooks(who)
  if not usable then return nil, err end
  local form = way.output or who.form
  local targets
  targets, err = asking.targets(run, who)
  if not targets then return nil, err end
  local system
  system, err = ruling.ask(run, "lua/context.lua", "prompt", {
    agent = { name = who.name, prompt = who.body, tools = who.tools, targets = who.targets,
      output = form and schema.to_json(form) },
    date = s.facts.date, system = s.facts.system, notes = s.facts.notes,
    workspace = run.workspace, sandbox = s.sandbox })
  if not system then return nil, err end
  if who.hooks and who.hooks.before then
    local more
    more, err = ruling.checked(who.hooks_file, "before",
      run:script(who.hooks_file, "before", { task = task, first = opening }))
    if err then return nil, err end
    if more and more.context then opening = opening .. "\n\n" .. more.context end
    session.record(run, "before", { agent = who.name, context = more and more.context })
  end
  local tools = tool_list(way, who)
  local names = {}
  for i, one in ipairs(tools) do names[i] = one.name end
  s.visits[who.name] = (s.visits[who.name] or 0) + 1
  session.record(run, "prompt", { agent = who.name, model = targets[1].model,
    dialect = targets[1].dialect, system = system, tools = json.array(names), first = opening })
  local talk = { who = who, targets = targets, task = task, visit = s.visits[who.name], turn = 0,
    names = names, first = opening, log = {}, sight = {}, form = form,
    request = { system = system, tools = tools, messages = {} } }
  return talk
end

--- Adds a message. Its fragment is made once, so that the same prefix is the same bytes (law 10).
local function say(talk, message)
  local dialect = require("dialects." .. talk.targets[1].dialect)
  talk.log[#talk.log + 1] = message
  talk.request.messages[#talk.log] = dialect.encode(message)
end

--- The scenario's view of what a model is given; only a rehearsal looks at it.
local function given(talk, results)
  return { agent = talk.who.name, visit = talk.visit, turn = talk.turn, task = talk.task,
    system = talk.request.system, first = talk.first, results = results, tools = talk.names }
end

--- The value of a final reply of an agent that owes one. A reply that does not fit is answered once
--- with what is wrong; the second ends the part.
---@return any value, string? repair for the model, Error? err
local function value_of(run, talk, said)
  if not talk.form then return nil end
  local value, problem = output.of(talk.form, said)
  if not problem then return value end
  session.record(run, "decision",
    { what = "output", agent = talk.who.name, verdict = "deny", why = problem })
  if not talk.repaired then
    talk.repaired = true
    return nil, output.repair(talk.form, problem)
  end
  return nil, nil, { code = "invalid", details = { text = said },
    message = ("the final reply of %s is not its output, also when asked again: %s"):format(
      talk.who.name, (problem:gsub("^\n%- ", ""):gsub("\n.*", ""))) }
end

--- Asks `accept`; answers the reason when it refuses.
local function refusal(run, who, reply_text)
  if not (who.hooks and who.hooks.accept) then return nil end
  local accepted, why = ruling.consents(run, who.hooks_file, "accept",
    { text = reply_text, agent = who.name })
  session.record(run, "decision", { what = "accept", agent = who.name,
    verdict = accepted and "allow" or "deny", why = why })
  if not accepted then return why or "The reply was not accepted." end
end

--- Splits a reply's calls into the loop's own and the tools'.
local function sort_calls(calls, way, who)
  local handoffs, others = {}, {}
  local offered = hop.offered(way, who)
  for _, call in ipairs(calls) do
    local list = offered and call.name == hop.NAME and handoffs or others
    list[#list + 1] = call
  end
  return handoffs, others
end

--- Carries out the calls of a reply. Answers the results in the order of the calls, and the handoff
--- that was taken, if one was.
local function carry_out(run, way, who, reply)
  local calls = calls_of(reply)
  local handoffs, others = sort_calls(calls, way, who)
  local by_id, taken = {}, nil
  for _, result in ipairs(door.all(run, who, others)) do by_id[result.id] = result end
  if #handoffs > 0 then
    local results
    results, taken = hop.take(run, who, handoffs, function(said) return refusal(run, who, said) end)
    for _, result in ipairs(results) do by_id[result.id] = result end
  end
  local ordered = {}
  for i, call in ipairs(calls) do ordered[i] = by_id[call.id] end
  return ordered, taken
end

--- One turn: request, reply, journal. Answers the reply.
local function turn(run, talk, results)
  local affordable, over = limits.spend(run, "turns", 1)
  if affordable then affordable, over = limits.spend(run, "tokens", 0) end
  if affordable then affordable, over = limits.spend(run, "usd", 0) end
  if not affordable then return nil, over end
  talk.turn = talk.turn + 1
  talk.request.given = given(talk, results)
  session.emit(run, "turn.started",
    { agent = talk.who.name, turn = talk.turn, model = talk.targets[1].model })
  local reply, err, target = asking.ask(run, talk)
  if not reply then return nil, err end
  local usd = asking.charge(run, target, reply)
  session.record(run, "turn", { agent = talk.who.name, turn = talk.turn, model = reply.model,
    content = json.array(reply.content), stop = reply.stop, stop_raw = reply.stop_raw,
    usage = reply.usage, cost_usd = usd })
  return reply
end

local STOPPED <const> = { -- endings of a reply that are no end of the work
  length = "the model's reply reached its length limit",
  refusal = "the model declined to go on",
  context = "the conversation no longer fits the model's context window",
}

--- Runs one agent until its final reply or a handoff.
---@async
---@param run     HostRun
---@param way     hop.Way
---@param who     agent.Agent
---@param opening string the first message
---@param task    string what the run was asked
---@return agent.Ending? ending, Error? err
local function part(run, way, who, opening, task)
  local talk, err = open(run, way, who, opening, task)
  if not talk then return nil, err end
  say(talk, user(talk.first)) -- with what `before` added
  local results, refusals = {}, 0
  while true do
    local reply
    reply, err = turn(run, talk, results)
    if not reply then return nil, err end
    local said = text_of(reply)
    say(talk, { role = "assistant", content = reply.content })
    local calls = calls_of(reply)
    if #calls > 0 then
      local taken
      results, taken = carry_out(run, way, who, reply)
      if taken then
        return { agent = who.name, reply = taken.result or said, said = said, handoff = taken }
      end
      say(talk, answers(talk, results))
    elseif reply.stop == "pause" then
      results = {} -- the server wants to be asked again with what it has said so far
    elseif STOPPED[reply.stop] then
      return { agent = who.name, reply = said, stopped = STOPPED[reply.stop] }
    else
      local value, why
      value, why, err = value_of(run, talk, said)
      if err then return nil, err end
      if not why and refusals < REFUSALS_MOST then
        why = refusal(run, who, said)
        refusals = refusals + 1
      end
      if not why then return { agent = who.name, reply = said, value = value } end
      results = {}
      say(talk, user(why))
    end
  end
end

-- the run -----------------------------------------------------------------------------------------

---@class agent.Start
---@field agent   agent.Agent
---@field task    string
---@field opening string? the first message, when it is more than the task
---@field hops    "off"|"auto"|"full"
---@field output  Schema? what a final reply must be, in place of what definitions say

---@class agent.Result plain data
---@field status string "ok", or a code when it ended early with what it had
---@field agent  string who gave the result
---@field text   string
---@field value  any    of the reply, where an output is asked for
---@field hops   { agent: string, text: string, to: string?, why: string? }[]
---@field error  string? why it ended early

local function result_of(status, parts, why, value)
  local last = parts[#parts]
  return { status = status, agent = last and last.agent, text = last and last.text or "", value = value,
    hops = json.array(parts), error = why }
end

--- Carries a run to its end, from agent to agent. What was finished is in the result, also when a
--- limit ended it.
---@async
---@param run   HostRun
---@param start agent.Start
---@return agent.Result? result, Error? err
function agent.run(run, start)
  local who, opening, parts = start.agent, start.opening or start.task, {}
  local way = hop.begin(run, start)
  way.output = start.output
  while true do
    limits.begin_part(run, who)
    local ending, err = limits.in_time(run, function()
      return part(run, way, who, opening, start.task)
    end)
    if not ending then
      if #parts > 0 and err.code == "limit" then return result_of("limit", parts, err.message) end
      return nil, err
    end
    local this = { agent = who.name, text = ending.reply }
    parts[#parts + 1] = this
    if ending.stopped then return result_of("limit", parts, ending.stopped) end
    local onward
    onward, err = hop.next(run, way, who, ending)
    if not onward then return nil, err end
    if onward.limit then return result_of("limit", parts, onward.why) end
    if onward.ends then return result_of("ok", parts, nil, ending.value) end
    this.to, this.why = onward.to.name, onward.why
    who = onward.to
    opening, err = hop.handover(run, start.task, ending, onward)
    if not opening then return nil, err end
    session.record(run, "hop", { from = ending.agent, to = who.name, why = onward.why,
      evidence = onward.evidence, handover = opening })
  end
end

--- Runs `work` as the whole of `run`: whatever happens, the run ends with a last record.
---@async
---@param run  HostRun
---@param work fun(): table?, Error?
---@return table? result, Error? err
function agent.whole(run, work)
  local whole, result, err = pcall(run.scope, run, work)
  if not whole then
    err = type(result) == "table" and result or { code = "script", message = tostring(result) }
    result = nil
  end
  local status = err and err.code or result and result.status or "ok"
  local speaking = table.concat(session.get().speaking[run.id] or {})
  local ended = run:end_jobs()
  local body = { status = status, result = result, jobs = #ended > 0 and ended or nil,
    error = err and { code = err.code, message = err.message } or nil,
    partial = speaking ~= "" and speaking or nil, spent = run:spent(), files = run:sources() }
  session.emit(run, "run.finished", body, run:finish(status, json.encode(body)))
  if not whole then error(err, 0) end -- whoever waited for this run was cancelled
  return result, err
end

return agent
