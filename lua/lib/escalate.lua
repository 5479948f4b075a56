--- The escalate call: an agent asks somebody and goes on with the answer; the work stays with it
--- (DESIGN.md, section 7). An agent that is asked works in a child run, whose reply is the call's
--- result; the user is asked at the terminal.
local json     = require "lib.json"
local limits   = require "lib.limits"
local past     = require "lib.past"
local question = require "lib.question"
local session  = require "lib.session"
local text     = require "lib.text"

local escalate = { NAME = "escalate" }

local DEPTH_MOST <const> = 3 -- agents that wait, one for the other
local TASK_MOST  <const> = 4000 -- bytes of the task that who is asked is shown

--- Whom an agent may ask by its definition, in the author's order; "User" among them.
---@param who agent.Agent
---@return string[] names
function escalate.targets(who)
  local names, seen = {}, { [who.name] = true }
  for _, edge in ipairs(who.edges) do
    if edge.kind == "escalate" and edge.to and not seen[edge.to] then
      seen[edge.to] = true
      names[#names + 1] = edge.to
    end
  end
  return names
end

--- Why somebody cannot be asked from here; nil when he can.
local function barred(name, above)
  if name == "User" then return nil end
  if text.one_of(above, name) then return ("%s waits for this very answer"):format(name) end
  if #above >= DEPTH_MOST then
    return ("%d agents wait already, one for the other, which is the most"):format(DEPTH_MOST)
  end
end

--- Those of them who can be asked from here.
---@param who   agent.Agent
---@param above string[] agents that wait for this one
---@return string[] names
function escalate.offered(who, above)
  local names = {}
  for _, name in ipairs(escalate.targets(who)) do
    if not barred(name, above) then names[#names + 1] = name end
  end
  return names
end

--- The call as a model sees it.
---@param names string[] not empty
---@return { name: string, description: string, schema: string }
function escalate.tool(names)
  return {
    name = escalate.NAME,
    description = "Ask somebody above you and go on with the answer: for a decision that is not "
      .. "yours, or when you cannot get further. The work stays with you; to give it away is "
      .. "something else. Who is asked sees your question and the task, nothing more.",
    schema = json.encode(json.object {
      { "type", "object" },
      { "properties", json.object {
        { "to", json.object { { "type", "string" },
          { "description", "Who is asked. User is the person you work for." },
          { "enum", json.array(names) } } },
        { "question", json.object { { "type", "string" },
          { "description", "The question, with all that is needed to answer it." } } },
      } },
      { "required", json.array { "to", "question" } },
      { "additionalProperties", false },
    }),
  }
end

local function read(call)
  local input = json.decode(call.input)
  if type(input) ~= "table" then return nil, "The arguments are no JSON object." end
  for _, key in ipairs { "to", "question" } do
    if type(input[key]) ~= "string" or text.trim(input[key]) == "" then
      return nil, ("%q is missing: text."):format(key)
    end
  end
  return input
end

--- Why a call is not made; nil when it is.
local function refused(who, input, above)
  local known = escalate.targets(who)
  if not text.one_of(known, input.to) then
    return ("%q is not among those whom %s asks: %s."):format(input.to, who.name,
      table.concat(known, ", "))
  end
  local why = barred(input.to, above)
  return why and ("%s cannot be asked: %s."):format(input.to, why)
end

local function first_message(who, asked, task)
  return ("%s works on the task below and asks you. Answer the question; your reply is the answer, "
    .. "and the work stays with %s.\n\n## Question\n%s\n\n## Task of %s\n%s\n"):format(who.name,
    who.name, asked, who.name, text.cut_middle(task, TASK_MOST))
end

--- What the past has of the child of a call, as far as `seq`. Of several the last one is it: before
--- the others began the process was stopped, or their time was over, and what they cost counts.
local function child_of(run, call_id, seq)
  local found
  local child, at = past.peek(run, "child", call_id)
  while child and at < seq do
    if found then require("lib.children").give_up(run, found) end
    found = past.take(run, "child", call_id)
    child, at = past.peek(run, "child", call_id)
  end
  return found
end

--- Counts what the child of an answer that is known cost.
local function account(run, call_id, seq)
  local child = child_of(run, call_id, seq)
  if child then require("lib.children").recall(run, child) end
end

--- A child run of the agent that is asked, on the parent's budget.
local function consult(run, who, input, place, start)
  local agent, children = require "lib.agent", require "lib.children" -- they require this file
  local other = session.get().catalog.by_name[input.to]
  local above = table.move(start.above or {}, 1, #(start.above or {}), 1, {})
  above[#above + 1] = who.name
  local result, err = children.carry(run, { agent = other.name, task = input.question,
    record = place, started = {}, again = child_of(run, place.call, math.maxinteger),
    work = function(child)
      return agent.run(child, { agent = other, task = input.question, hops = "off", above = above,
        opening = first_message(who, input.question, start.task) })
    end })
  if not result then return nil, ("%s could not answer: %s"):format(other.name, err.message) end
  if result.status == "ok" then return result.text end
  return nil, ("%s did not come to an end (%s). It said so far:\n%s"):format(other.name,
    result.error or result.status, result.text)
end

--- Asks the user, and words what came of it for a model.
local function ask_user(run, who, input, place)
  local answer, err = question.put(run, { asker = who.name, text = input.question, place = place })
  if answer then return answer end
  return nil, ("There is no answer: %s. Your question is kept and will be shown with the result. "
    .. "Go on as far as you can without it, and say at the end what depends on the answer.")
    :format(err.message)
end

--- Asks an agent; question and answer are recorded as those to the user are.
local function ask_agent(run, who, input, place, start)
  question.asked(run, place, { agent = who.name, to = input.to, text = input.question })
  local known, seq = past.take(run, "answer", place.call)
  if known then
    account(run, place.call, seq)
    return known.text, known.error and known.error.message
  end
  local said, why = consult(run, who, input, place, start)
  question.answered(run, place, { text = said, by = input.to,
    error = why and { code = "unavailable", message = why } })
  return said, why
end

--- An answer of an earlier process, as if it had just come: what it cost counts.
local function recall(run, call, known)
  local _, seq = past.peek(run, "result", call.id)
  local made = past.take(run, "call", call.id)
  if made and not made.refused then run:charge("calls", 1) end
  past.pass(run, "question", call.id, seq)
  past.pass(run, "answer", call.id, seq)
  account(run, call.id, seq)
  past.take(run, "result", call.id)
  return known
end

local function answer_one(run, who, call, start)
  local known = past.peek(run, "result", call.id)
  if known then return recall(run, call, known) end
  local input, why = read(call)
  why = why or refused(who, input, start.above or {})
  if not why then
    local affordable, over = limits.spend(run, "calls", 1, past.peek(run, "call", call.id) ~= nil)
    if not affordable then why = over.message end
  end
  past.once(run, "call", { id = call.id, tool = escalate.NAME,
    input = why and call.input or input, effect = "read", refused = why and true or nil })
  local said
  if not why then
    local place = { call = call.id }
    if input.to == "User" then
      said, why = ask_user(run, who, input, place)
    else
      said, why = ask_agent(run, who, input, place, start)
    end
  end
  local result = { id = call.id, name = escalate.NAME, text = said or why, error = said == nil }
  session.record(run, "result", result)
  return result
end

--- The escalations of one reply, one after the other.
---@async
---@param run   HostRun
---@param who   agent.Agent who asks
---@param calls Call[]
---@param start agent.Start of the run
---@return CallResult[] results
function escalate.answer(run, who, calls, start)
  local results = {}
  for i, call in ipairs(calls) do results[i] = answer_one(run, who, call, start) end
  return results
end

return escalate
