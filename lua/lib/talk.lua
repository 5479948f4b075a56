--- One conversation with a model: how it begins, what is said, one turn of it. Who talks, and about
--- what, is the turn loop's (lib/agent.lua) or the chooser's (lib/chooser.lua).
local asking  = require "lib.asking"
local json    = require "lib.json"
local limits  = require "lib.limits"
local past    = require "lib.past"
local ruling  = require "lib.ruling"
local schema  = require "lib.schema"
local session = require "lib.session"

local talk = {}

---@class talk.Talk
---@field who     agent.Agent
---@field targets model.Target[]
---@field task    string
---@field visit   integer
---@field turn    integer
---@field names   string[] of the tools
---@field first   string the first message
---@field log     Message[]
---@field sight   table images shown so far
---@field form?   Schema what its final reply must be
---@field repaired? boolean it was asked again for that
---@field request table
---@field measured? estimate.Measured of its last request

---@class talk.Ready
---@field targets model.Target[]
---@field system  string
---@field effort? string
---@field form?   Schema

--- Which model is asked, and the system prompt; nothing is recorded as sent yet.
---@async
---@param run   HostRun
---@param who   agent.Agent
---@param facts table of the task and the run, for routing
---@param form? Schema what its final reply must be
---@return talk.Ready? ready, Error? err
function talk.prepare(run, who, facts, form)
  local s = session.get()
  local targets, err, effort = asking.targets(run, who, facts)
  if not targets then return nil, err end
  local known = past.peek(run, "prompt")
  if known then -- what was sent is sent again, byte for byte
    return { targets = targets, system = known.system, effort = effort, form = form }
  end
  local system
  system, err = ruling.ask(run, "lua/context.lua", "prompt", {
    agent = { name = who.name, prompt = who.body, tools = who.tools, targets = who.targets,
      output = form and schema.to_json(form) },
    date = s.facts.date, system = s.facts.system, notes = s.facts.notes,
    workspace = run.workspace, sandbox = s.sandbox })
  if not system then return nil, err end
  return { targets = targets, system = system, effort = effort, form = form }
end

--- Opens a conversation: prompt, tools and the first message, recorded as they will be sent.
---@async
---@param run   HostRun
---@param who   agent.Agent
---@param ready talk.Ready
---@param tools { name: string, description: string, schema: string }[]
---@param first string
---@param task  string
---@return talk.Talk
function talk.open(run, who, ready, tools, first, task)
  local s, names = session.get(), {}
  for i, one in ipairs(tools) do names[i] = one.name end
  local known = past.take(run, "prompt")
  if not known then
    s.visits[who.name] = (s.visits[who.name] or 0) + 1
    known = { agent = who.name, file = who.file, hash = who.source and run:keep_text(who.source),
      model = ready.targets[1].model, visit = s.visits[who.name],
      dialect = ready.targets[1].dialect, system = ready.system, tools = json.array(names),
      first = first }
    session.record(run, "prompt", known)
  end
  first = known.first
  local new = { who = who, targets = ready.targets, task = task, visit = known.visit,
    turn = 0, names = names, first = first, log = {}, sight = {}, form = ready.form,
    request = { system = ready.system, tools = tools, messages = {}, effort = ready.effort } }
  talk.say(new, talk.user(first))
  asking.again(run, new)
  return new
end

---@param said string
---@return Message
function talk.user(said) return { role = "user", content = { { type = "text", text = said } } } end

--- Adds a message. Its fragment is made once, so that the same prefix is the same bytes (law 10).
---@param self    talk.Talk
---@param message Message
function talk.say(self, message)
  local dialect = require("dialects." .. self.targets[1].dialect)
  self.log[#self.log + 1] = message
  self.request.messages[#self.log] = dialect.encode(message)
end

---@param reply Reply
---@return string
function talk.text_of(reply)
  local parts = {}
  for _, block in ipairs(reply.content) do
    if block.type == "text" then parts[#parts + 1] = block.text end
  end
  return table.concat(parts)
end

---@param reply Reply
---@return Call[]
function talk.calls_of(reply)
  local calls = {}
  for _, block in ipairs(reply.content) do
    if block.type == "call" then
      calls[#calls + 1] = { id = block.id, name = block.name, input = block.input }
    end
  end
  return calls
end

--- The scenario's view of what a model is given; only a rehearsal looks at it.
local function given(self, results)
  return { agent = self.who.name, visit = self.visit, turn = self.turn, task = self.task,
    system = self.request.system, first = self.first, results = results, tools = self.names }
end

--- A turn of an earlier process: what the model said then, and what it cost.
local function recall(run, self, known)
  self.turn = known.turn
  asking.recharge(run, known)
  talk.say(self, { role = "assistant", content = known.content })
  return known
end

--- One turn: request, reply, journal. The reply is said.
---@async
---@param run     HostRun
---@param self    talk.Talk
---@param results CallResult[] of the last calls
---@return Reply? reply, Error? err
function talk.turn(run, self, results)
  local known = past.take(run, "turn")
  if known then return recall(run, self, known) end
  local affordable, over = limits.spend(run, "turns", 1)
  if not affordable then return nil, over end
  self.turn = self.turn + 1
  self.request.given = given(self, results)
  session.emit(run, "turn.started",
    { agent = self.who.name, turn = self.turn, model = self.targets[1].model })
  local reply, err, target, held = asking.ask(run, self)
  local _ <close> = held -- what was set aside for it, until it is recorded
  if not reply then return nil, err end
  local usd = asking.charge(run, target, reply)
  session.record(run, "turn", { agent = self.who.name, turn = self.turn, model = reply.model,
    content = json.array(reply.content), stop = reply.stop, stop_raw = reply.stop_raw,
    usage = reply.usage, cost_usd = usd })
  talk.say(self, { role = "assistant", content = reply.content })
  return reply
end

return talk
