--- From one agent to the next: the handoff call, trigger phrases, the itinerary, and their bounds
--- (DESIGN.md, section 7). The choice itself is routing.lua's; here is what it is asked and held
--- to.
local json      = require "lib.json"
local relations = require "lib.relations"
local ruling    = require "lib.ruling"
local session   = require "lib.session"

local hop = { NAME = "handoff" }

local HOPS_MOST   <const> = 8
local VISITS_MOST <const> = 2

--- The call that hands the work on, as a model sees it. Its schema names the targets, so that a
--- model that keeps to schemas cannot name another.
---@param who agent.Agent
---@return { name: string, description: string, schema: string }
function hop.tool(who)
  local field = function(about, more)
    local pairs_ = { { "type", "string" }, { "description", about } }
    if more then pairs_[#pairs_ + 1] = { "enum", json.array(more) } end
    return json.object(pairs_)
  end
  return {
    name = hop.NAME,
    description = "Hand the work to another agent and end your part. Use it when your part is done "
      .. "or the rest is another agent's work; the phrases in your instructions that announce "
      .. "a handover mean the same. "
      .. "The next agent sees only the task, your result and your reason.",
    schema = json.encode(json.object {
      { "type", "object" },
      { "properties", json.object {
        { "to", field("The agent that goes on.", who.targets) },
        { "reason", field("Why this agent, in one sentence.") },
        { "result", field("Your result, complete: what was done, what was found, what is open.") },
      } },
      { "required", json.array { "to", "reason", "result" } },
      { "additionalProperties", false },
    }),
  }
end

--- Whether an agent may hand the work on in this run.
---@param way hop.Way
---@param who agent.Agent
---@return boolean
function hop.offered(way, who) return way.mode ~= "off" and #who.targets > 0 end

local function answer(call, said, is_error)
  return { id = call.id, name = hop.NAME, text = said, error = is_error }
end

local function read(call)
  local input = json.decode(call.input)
  if type(input) ~= "table" then return nil, "The arguments are no JSON object." end
  for _, key in ipairs { "to", "reason", "result" } do
    if type(input[key]) ~= "string" or input[key] == "" then
      return nil, ("%q is missing: text."):format(key)
    end
  end
  return input
end

local function is_target(who, name)
  for _, target in ipairs(who.targets) do
    if target == name then return true end
  end
  return false
end

--- The handoffs of one reply. Two different targets: neither is taken. A refusal by `accept` is the
--- call's result, so that the agent can mend what was refused.
---@async
---@return CallResult[] results, { to: string, reason: string, result: string }? taken
function hop.take(run, who, calls, refusal)
  local results, wanted, mixed = {}, nil, false
  for i, call in ipairs(calls) do
    local input, why = read(call)
    if input and not is_target(who, input.to) then
      why = ("%q is not among the agents that %s hands to: %s."):format(
        input.to, who.name, table.concat(who.targets, ", "))
      input = nil
    end
    if input and wanted and wanted.to ~= input.to then mixed = true end
    if input then wanted = wanted or input end
    results[i] = answer(call, why or ("Handed to %s."):format(input.to), why ~= nil)
  end
  if mixed then
    wanted = nil
    for i, call in ipairs(calls) do
      results[i] = answer(call, "Two different agents were named in one reply; "
        .. "the work goes to none. Name one.", true)
    end
  end
  local refused = wanted and refusal(wanted.result)
  if refused then
    wanted = nil
    for i, call in ipairs(calls) do results[i] = answer(call, refused, true) end
  end
  for i, call in ipairs(calls) do
    session.record(run, "call",
      { id = call.id, tool = hop.NAME, input = call.input, effect = "read" })
    session.record(run, "result", results[i])
  end
  return results, wanted
end

-- the way of a run --------------------------------------------------------------------------------

---@class hop.Way
---@field mode      "off"|"auto"|"full"
---@field count     integer hops so far
---@field visits    table<string, integer>
---@field itinerary string[] who is still to come
---@field output    Schema? what a final reply must be, in place of what definitions say

--- The resolved primary chain of the starting agent, in order, without itself and repetitions. Who
--- is not there is skipped, with a line for whoever watches.
local function itinerary_of(run, who)
  local list, seen = {}, { [who.name] = true }
  for _, edge in ipairs(who.edges) do
    if edge.kind == "primary" and edge.to and edge.to ~= "User" then
      if not seen[edge.to] then list[#list + 1] = edge.to end
      seen[edge.to] = true
    elseif edge.kind == "primary" then
      local said = ("primary chain of %s, line %d: %q is no agent here; skipped")
        :format(who.name, edge.line, edge.target)
      session.record(run, "log", { text = said })
    end
  end
  return list
end

---@async
---@param run   HostRun
---@param start agent.Start
---@return hop.Way
function hop.begin(run, start)
  local mode = start.hops or "auto"
  return { mode = mode, count = 0, visits = { [start.agent.name] = 1 },
    itinerary = mode == "full" and itinerary_of(run, start.agent) or {} }
end

--- An agent as pure functions see it.
---@param who agent.Agent
---@return table facts
function hop.facts(who)
  return { name = who.name, description = who.description, model = who.model,
    complexity = who.complexity, tools = who.tools, targets = who.targets }
end

--- What routing says: the agent's own hook first, then routing.lua.
local function decide(run, who, facts)
  if who.hooks and who.hooks.next then
    local said, err = ruling.ask(run, who.hooks_file, "next", hop.facts(who), facts, {})
    if err then return nil, err end
    if said then return said end
  end
  local said, err = ruling.ask(run, "lua/routing.lua", "next", hop.facts(who), facts, {})
  if err then return nil, err end
  return said or { ends = true, why = "no rule holds" }
end

--- Whether the way allows a hop; else why not.
local function bound(way, name)
  local visits = way.visits[name] or 0
  if way.count >= HOPS_MOST then
    return ("the run has made %d hops, which is the most"):format(HOPS_MOST)
  end
  if way.mode == "full" and visits > 0 then return ("%s was visited already"):format(name), true end
  if visits >= VISITS_MOST then
    return ("%s was visited %d times, which is the most"):format(name, VISITS_MOST)
  end
end

local function next_of_itinerary(way)
  while #way.itinerary > 0 do
    local name = table.remove(way.itinerary, 1)
    local who = session.get().catalog.by_name[name]
    if who and not way.visits[name] then return who end
  end
end

---@class hop.Onward
---@field to?       agent.Agent
---@field ends?     boolean
---@field limit?    boolean
---@field why       string
---@field evidence? table

--- Where the run goes when a part has ended. The decision is recorded with its evidence.
---@async
---@return hop.Onward? onward, Error? err
function hop.next(run, way, who, ending)
  if way.mode == "off" then return { ends = true, why = "hops are off" } end
  local triggers = {}
  if not ending.handoff then
    for _, match in ipairs(relations.match_trigger(who.edges, ending.reply)) do
      triggers[#triggers + 1] = { to = match.to, phrase = match.phrase, line = match.line }
    end
  end
  local said, err = decide(run, who, { reply = ending.reply, handoff = ending.handoff,
    triggers = json.array(triggers), hops = way.count })
  if not said then return nil, err end
  if said.to and not is_target(who, said.to) then
    local targets = #who.targets > 0 and table.concat(who.targets, ", ") or "it has none"
    return nil, { code = "invalid",
      message = ("routing sent %s to %q, which is none of its targets: %s"):format(
        who.name, tostring(said.to), targets) }
  end
  local to = said.to and session.get().catalog.by_name[said.to]
  local why, skipped = nil, false
  if to then why, skipped = bound(way, to.name) end
  if why and not skipped then
    session.record(run, "decision",
      { what = "next", agent = who.name, to = to.name, limit = true, why = why })
    return { limit = true, why = why }
  end
  if not to or skipped then
    to = next_of_itinerary(way)
    if to then said = { why = "next of the primary chain" } end
  end
  session.record(run, "decision", { what = "next", agent = who.name, to = to and to.name,
    why = why or said.why, evidence = said.evidence, triggers = json.array(triggers) })
  if not to then return { ends = true, why = said.why } end
  local affordable, over = run:spend("hops", 1)
  if not affordable then return { limit = true, why = over.message } end
  way.count = way.count + 1
  way.visits[to.name] = (way.visits[to.name] or 0) + 1
  return { to = to, why = said.why, evidence = said.evidence }
end

--- The first message of the next agent, from context.lua.
---@async
---@return string? opening, Error? err
function hop.handover(run, task, ending, onward)
  return ruling.ask(run, "lua/context.lua", "handover", {
    task = task, from = ending.agent, to = onward.to.name, result = ending.reply,
    reason = onward.why, files = session.get().touched[run.id],
  })
end

return hop
