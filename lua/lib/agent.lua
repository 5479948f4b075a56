--- The turn loop. `agent.run` carries one run from its first agent to its end; a part is one
--- agent's conversation: request, reply, calls, results, request ... until a final reply or a
--- handoff.
local door     = require "lib.door"
local escalate = require "lib.escalate"
local hop      = require "lib.hop"
local json     = require "lib.json"
local model    = require "lib.model"
local limits   = require "lib.limits"
local output   = require "lib.output"
local overtime = require "lib.overtime"
local part_limits = require "lib.part_limits"
local past     = require "lib.past"
local question = require "lib.question"
local ruling   = require "lib.ruling"
local serving  = require "lib.serving"
local session  = require "lib.session"
local sight    = require "lib.sight"
local stall    = require "lib.stall"
local talk     = require "lib.talk"
local text     = require "lib.text"
local way      = require "lib.way"

local agent = {}

local SAID_MOST     <const> = 300 -- bytes of why a model declined
local REFUSALS_MOST <const> = 3 -- of `accept`, before the reply stands as it is

-- one agent's conversation ------------------------------------------------------------------------

--- The message that answers calls.
local function answers(with, results)
  local content = {}
  for i, result in ipairs(results) do
    local said, images = sight.of(result, with.sight, with.targets[1].sees ~= false)
    content[i] = { type = "result", id = result.id, name = result.name, text = said,
      error = result.error, images = images }
  end
  return { role = "user", content = content }
end

--- How a tool is offered; `server` where the model's provider may do its work. One that nobody else
--- can do is not offered then, and why is said.
local function offered(run, who, name, targets)
  local tool = session.get().tools[name]
  local able = tool.server and model.can_serve(targets, tool)
  local serves, why = false, serving.missing(tool)
  if able then
    serves, why = door.serves(run, who, tool)
  elseif tool.server then
    why = ("no tool of the provider of %s does it"):format(targets[1].model)
  end
  if tool.only_served and not serves then
    session.emit(run, "notice", { text = ("%s is not offered to %s: %s"):format(name, who.name,
      why) })
    return nil
  end
  return { name = name, description = tool.description, schema = tool.schema,
    server = serves and tool.server or nil, only_served = tool.only_served }
end

local function tool_list(run, course, who, start, targets)
  local list = {}
  for _, name in ipairs(who.tools) do list[#list + 1] = offered(run, who, name, targets) end
  if hop.offered(course, who) then list[#list + 1] = hop.tool(who) end
  local above = escalate.offered(who, start.above or {})
  if #above > 0 then list[#list + 1] = escalate.tool(above) end
  return list
end

--- What the hook `before` adds. Its own steps stand below the number of the part.
---@return { context: string? }? added, Error? err
local function before(run, course, who, opening, start)
  local known = past.take(run, "before")
  if known then return known end
  local below = ("b%d/"):format(course.count + 1)
  run:steps_below(below)
  local more, err = ruling.checked(who.hooks_file, "before",
    run:script(who.hooks_file, "before", { task = start.task, first = opening }))
  if err then return nil, err end
  local body = { agent = who.name, context = more and more.context, below = below }
  session.record(run, "before", body)
  return body
end

--- Opens a conversation, with what `before` adds to its first message.
local function open(run, course, who, opening, start)
  local usable, err = session.get().hooks(who)
  if not usable then return nil, err end
  local ready
  ready, err = talk.prepare(run, who, way.facts(run, course, who, start),
    course.output or who.form)
  if not ready then return nil, err end
  if who.hooks and who.hooks.before then
    local more
    more, err = before(run, course, who, opening, start)
    if not more then return nil, err end
    if more.context then opening = opening .. "\n\n" .. more.context end
  end
  return talk.open(run, who, ready, tool_list(run, course, who, start, ready.targets),
    opening, start.task)
end

--- The value of a final reply of an agent that owes one. A reply that does not fit is answered once
--- with what is wrong; the second ends the part.
---@return any value, string? repair for the model, Error? err
local function value_of(run, with, said)
  if not with.form then return nil end
  local value, problem = output.of(with.form, said)
  if not problem then return value end
  past.once(run, "decision",
    { what = "output", agent = with.who.name, verdict = "deny", why = problem })
  if not with.repaired then
    with.repaired = true
    return nil, output.repair(with.form, problem)
  end
  return nil, nil, { code = "invalid", details = { text = said },
    message = ("the final reply of %s is not its output, also when asked again: %s"):format(
      with.who.name, (problem:gsub("^\n%- ", ""):gsub("\n.*", ""))) }
end

--- Asks `accept`; answers the reason when it refuses.
local function refusal(run, who, reply_text)
  if not (who.hooks and who.hooks.accept) then return nil end
  local known = past.take(run, "decision", "accept")
  if not known then
    local accepted, why = ruling.consents(run, who.hooks_file, "accept",
      { text = reply_text, agent = who.name })
    known = { what = "accept", agent = who.name, verdict = accepted and "allow" or "deny",
      why = why }
    session.record(run, "decision", known)
  end
  if known.verdict ~= "allow" then return known.why or "The reply was not accepted." end
end

--- Splits a reply's calls into the loop's own and the tools'. `at` says where each stands in the
--- reply: two calls may bear one id.
local function sort_calls(calls, course, who)
  local sorted = { handoff = { at = {} }, escalate = { at = {} }, tools = { at = {} } }
  local own = { [hop.NAME] = hop.offered(course, who) and sorted.handoff or nil,
    [escalate.NAME] = #escalate.targets(who) > 0 and sorted.escalate or nil }
  for i, call in ipairs(calls) do
    local list = own[call.name] or sorted.tools
    list[#list + 1], list.at[#list.at + 1] = call, i
  end
  return sorted
end

--- Carries out the calls of a reply: tools, then questions, then the handoff. Answers the results
--- in the order of the calls, and the handoff that was taken, if one was.
local function carry_out(run, course, who, reply, start)
  local sorted = sort_calls(talk.calls_of(reply), course, who)
  local ordered, taken = {}, nil
  local function keep(list, results)
    for i, result in ipairs(results) do ordered[list.at[i]] = result end
  end
  keep(sorted.tools, door.all(run, who, sorted.tools))
  keep(sorted.escalate, escalate.answer(run, who, sorted.escalate, start))
  if #sorted.handoff > 0 then
    local results
    results, taken = hop.take(run, who, sorted.handoff,
      function(said) return refusal(run, who, said) end)
    keep(sorted.handoff, results)
  end
  return ordered, taken
end

---@class agent.Ended
---@field agent    string
---@field reply    string the result
---@field said?    string the reply beside a handoff
---@field handoff? { to: string, reason: string, result: string }
---@field stopped? string why the reply is no end of the work
---@field sources? { url: string?, title: string? }[] what the reply rests on

local STOPPED <const> = { -- endings of a reply that are no end of the work
  length = "the model's reply reached its length limit",
  refusal = "the model declined to go on",
  context = "the conversation no longer fits the model's context window",
}

--- Why a reply is no end of the work; of a refusal also what the model or its server says.
local function stopped(reply)
  local why, declined = STOPPED[reply.stop], reply.refusal or {}
  local said = reply.stop == "refusal" and (declined.explanation or declined.category)
  return said and ("%s: %s"):format(why, text.cut_end(text.first_line(said), SAID_MOST)) or why
end

--- A server that pauses to be asked again goes on with the same reply: what it said and what that
--- rests on are put together, until a reply that ends.
---@return fun(reply: Reply): string said, table[]? sources
local function paused()
  local said, sources = {}, {}
  return function(reply)
    said[#said + 1] = talk.text_of(reply)
    for _, source in ipairs(reply.sources or {}) do sources[#sources + 1] = source end
    local whole, all = table.concat(said), sources[1] and sources
    if reply.stop ~= "pause" then said, sources = {}, {} end
    return whole, all
  end
end

--- Runs one agent until its final reply or a handoff.
---@async
---@param run     HostRun
---@param course    way.Way
---@param who     agent.Agent
---@param opening string the first message
---@param start   agent.Start what the run was asked
---@return agent.Ended? ending, Error? err
local function part(run, course, who, opening, start)
  local with, err = open(run, course, who, opening, start)
  if not with then return nil, err end
  local results, refusals, before_pause = {}, 0, paused()
  while true do
    local reply
    reply, err = talk.turn(run, with, results)
    if not reply then return nil, err end
    local said, sources = before_pause(reply)
    if #talk.calls_of(reply) > 0 then
      local taken
      results, taken = carry_out(run, course, who, reply, start)
      if taken then
        return { agent = who.name, reply = taken.result or said, said = said, handoff = taken }
      end
      talk.say(with, answers(with, results))
    elseif reply.stop == "pause" then
      results = {} -- the server wants to be asked again with what it has said so far
    elseif STOPPED[reply.stop] then
      return { agent = who.name, reply = said, sources = sources, stopped = stopped(reply) }
    else
      local value, why
      value, why, err = value_of(run, with, said)
      if err then return nil, err end
      if not why and refusals < REFUSALS_MOST then
        why = refusal(run, who, said)
        refusals = refusals + 1
      end
      if not why then
        return { agent = who.name, reply = said, sources = sources, value = value }
      end
      results = {}
      talk.say(with, talk.user(why))
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
---@field attachments? integer files that came with the task
---@field above?  string[] agents that wait for the answer, the outermost first

---@class agent.Result plain data
---@field status string "ok", or a code when it ended early with what it had
---@field agent  string who gave the result
---@field text   string
---@field value  any    of the reply, where an output is asked for
---@field sources { url: string?, title: string? }[]? what the reply cites
---@field hops   { agent: string, text: string, to: string?, why: string? }[]
---@field error  string? why it ended early
---@field questions question.Asked[]? that nobody answered

local function result_of(status, parts, why, value)
  local last = parts[#parts]
  return { status = status, agent = last and last.agent, text = last and last.text or "",
    sources = last and last.sources, value = value, hops = json.array(parts), error = why }
end

--- The first message of the next agent; the hop is recorded with it.
---@return string? opening, Error? err
local function handed(run, start, ending, onward)
  local known = past.take(run, "hop")
  if known then return known.handover end
  local opening, err = way.handover(run, start.task, ending, onward)
  if not opening then return nil, err end
  session.record(run, "hop", { from = ending.agent, to = onward.to.name, why = onward.why,
    evidence = onward.evidence, handover = opening })
  return opening
end

--- Carries a run to its end, from agent to agent. What was finished is in the result, also when a
--- limit ended it.
---@async
---@param run   HostRun
---@param start agent.Start
---@return agent.Result? result, Error? err
function agent.run(run, start)
  local who, opening, parts = start.agent, start.opening or start.task, {}
  local course = way.begin(run, start)
  course.output = start.output
  while true do
    local most, err = part_limits.of(run, who, way.facts(run, course, who, start))
    if not most then return nil, err end
    limits.begin_part(run, who, most)
    local ending
    ending, err = limits.in_time(run, function()
      return part(run, course, who, opening, start)
    end)
    if not ending then
      if #parts > 0 and err.code == "limit" then return result_of("limit", parts, err.message) end
      return nil, err
    end
    local this = { agent = who.name, text = ending.reply,
      sources = ending.sources and json.array(ending.sources) }
    parts[#parts + 1] = this
    if ending.stopped then return result_of("limit", parts, ending.stopped) end
    local onward
    onward, err = way.next(run, course, who, ending, start)
    if not onward then return nil, err end
    if onward.limit then return result_of("limit", parts, onward.why) end
    if onward.ends then return result_of("ok", parts, nil, ending.value) end
    this.to, this.why = onward.to.name, onward.why
    who = onward.to
    opening, err = handed(run, start, ending, onward)
    if not opening then return nil, err end
  end
end

--- The last record of a run, and the event of it. Where this process ends before the run does, the
--- record says what it waits for, or how it differs from its journal; the run goes on later.
local function finish(run, status, body)
  local s = session.get()
  local kind = s.unrecorded and "run.finished" or run.parked and "run.parked"
    or s.differs and "run.differs" or "run.finished"
  if kind == "run.differs" then status = "running" end -- nobody's: the list calls it interrupted
  local ok, seq, err = pcall(run.finish, run, status, json.encode(body), kind)
  session.emit(run, kind, body, run.seq)
  if not ok then error(seq, 0) end
  return err
end

--- Runs `work` as the whole of `run`: whatever happens, the run ends with a last record.
---@async
---@param run  HostRun
---@param work fun(): table?, Error?
---@return table? result, Error? err
function agent.whole(run, work)
  local whole, result, err = pcall(run.scope, run, function() return overtime.whole(run, work) end)
  if not whole then
    err = type(result) == "table" and result or { code = "script", message = tostring(result) }
    result = nil
  end
  local s = session.get()
  err = s.unrecorded or s.differs or err -- whatever its script made of it
  if s.unrecorded then
    result = nil
  elseif run.parked then
    result, err = nil, { code = "waiting", message = question.waits_for(run) }
  end
  local status = err and err.code or result and result.status or "ok"
  local speaking = table.concat(s.speaking[run.id] or {})
  local after_ms = overtime.ended(run, status)
  if after_ms and not run.parent then stall.tell(run, "run", after_ms, "fail") end
  local ended, open_questions = run:end_jobs(), question.left(run)
  if result then result.questions = open_questions end
  local body = { status = status, result = result, jobs = #ended > 0 and ended or nil,
    questions = not result and open_questions or nil,
    error = err and { code = err.code, message = err.message } or nil,
    partial = speaking ~= "" and speaking or nil, spent = run:spent(),
    files = not run.parent and run:sources() or nil, wrote = run:wrote(), late = after_ms }
  body.cut, body.cost_usd = session.take_cut(run)
  local lost = finish(run, status, body)
  if not whole then error(err, 0) end -- whoever waited for this run was cancelled
  if lost and not err then return nil, lost end
  return result, err
end

return agent
