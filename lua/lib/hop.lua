--- The handoff call, by which an agent hands its work to another one. Where the run then goes is
--- lib/way.lua's.
local json    = require "lib.json"
local past    = require "lib.past"

local hop = { NAME = "handoff" }

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
---@param way way.Way
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

---@param who  agent.Agent
---@param name string
---@return boolean is one of those to whom it may hand over
function hop.is_target(who, name)
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
  local results, wanted, mixed, named = {}, nil, false, nil
  for i, call in ipairs(calls) do
    local input, why = read(call)
    if input and named and named ~= input.to then mixed = true end
    named = named or input and input.to
    if input and not hop.is_target(who, input.to) then
      why = ("%q is not among the agents that %s hands to: %s."):format(
        input.to, who.name, table.concat(who.targets, ", "))
      input = nil
    end
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
    past.once(run, "call", { id = call.id, tool = hop.NAME, input = call.input, effect = "read" })
    past.once(run, "result", results[i])
  end
  return results, wanted
end

--- An agent as pure functions see it.
---@param who agent.Agent
---@return table facts
function hop.facts(who)
  return { name = who.name, description = who.description, model = who.model,
    complexity = who.complexity, tools = who.tools, targets = who.targets }
end

return hop
