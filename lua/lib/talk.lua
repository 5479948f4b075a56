--- One conversation with a model: how it begins, what is said, one turn of it. Who talks, and about
--- what, is the turn loop's (lib/agent.lua) or the chooser's (lib/chooser.lua).
local asking  = require "lib.asking"
local compaction = require "lib.compaction"
local json    = require "lib.json"
local limits  = require "lib.limits"
local past    = require "lib.past"
local prefix  = require "lib.prefix"
local reservation = require "lib.reservation"
local ruling  = require "lib.ruling"
local schema  = require "lib.schema"
local session = require "lib.session"
local strict  = require "lib.strict"

local talk = {}

local KEY_SIGNS <const> = 32 -- of a hash, to name what siblings share

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
    workspace = run.workspace, sandbox = s.sandbox,
    network = s.settings.sandbox.network, hosts = s.settings.sandbox.hosts })
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
  local served = json.array {}
  for i, one in ipairs(tools) do
    names[i] = one.name
    if one.server then served[#served + 1] = one.name end
  end
  local known = past.take(run, "prompt")
  if not known then
    s.visits[who.name] = (s.visits[who.name] or 0) + 1
    local held, loose = strict.output(ready.targets[1], ready.form, tools)
    if loose then
      session.emit(run, "notice", { text = ("the reply of %s is checked, not held to its output by "
        .. "%s: %s"):format(who.name, ready.targets[1].model, loose) })
    end
    known = { agent = who.name, file = who.file, hash = who.source and run:keep_text(who.source),
      model = ready.targets[1].model, visit = s.visits[who.name],
      dialect = ready.targets[1].dialect, system = ready.system, tools = json.array(names),
      served = served[1] and served, first = first, form = held and held.schema }
    session.record(run, "prompt", known)
  end
  first = known.first
  local shared = prefix.shared(ready.system, tools)
  local new = { who = who, targets = ready.targets, task = task, visit = known.visit,
    turn = 0, names = names, first = first, log = {}, sight = {}, form = ready.form,
    request = { cache_key = run:hash(shared):sub(1, KEY_SIGNS), shared_bytes = #shared,
      system = ready.system, tools = tools, messages = {}, blocks = {}, effort = ready.effort,
      form = ready.form } }
  talk.say(new, talk.user(first))
  asking.again(run, new)
  return new
end

---@param said string
---@return Message
function talk.user(said) return { role = "user", content = { { type = "text", text = said } } } end

--- Adds a message. Its fragment is made before the next request (asking.encode).
---@param self    talk.Talk
---@param message Message
function talk.say(self, message)
  self.log[#self.log + 1] = message
  self.request.blocks[#self.log] = #message.content
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

--- Keeps what a reply says of its conversation: how long that is, and what later requests name.
---@return table? cache what of the request was sent before
local function keep(self, target, reply)
  local cache = prefix.note(self, target, reply)
  self.request.previous = reply.id
  self.request.container = reply.container or self.request.container
  compaction.note(self, reply)
  return cache
end

--- A turn of an earlier process: what the model said then, and what it cost.
local function recall(run, self, known)
  local ready, err = asking.encode(run, self) -- the next request is compared with what was sent
  if not ready then return nil, err end
  self.turn = known.turn
  asking.recharge(run, known)
  if not past.peek(run, "turn") then reservation.recall(self, known) end
  if known.formless then self.request.form = nil end -- its server refused that
  keep(self, self.targets[1], known)
  self.request.previous = known.reply_id
  return known
end

--- One request and its reply, recorded; the reply is not said yet.
local function exchange(run, self, results)
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
  if not reply then
    self.turn = self.turn - 1 -- a refused request is no turn
    return nil, err
  end
  local usd, least = asking.charge(run, target, reply)
  local cache = keep(self, target, reply)
  session.record(run, "turn", { agent = self.who.name, turn = self.turn, model = reply.model,
    content = json.array(reply.content), stop = reply.stop, stop_raw = reply.stop_raw,
    refusal = reply.refusal, container = reply.container,
    served = reply.served and json.array(reply.served),
    sources = reply.sources and json.array(reply.sources),
    reply_id = reply.id, formless = self.form and not self.request.form or nil,
    usage = reply.usage, cost_usd = usd, cost_least = least, estimated = held and held.estimated,
    cache = cache })
  return reply
end

--- One turn: request, reply, journal. The reply is said. A conversation that no longer fits the
--- model's window is made shorter, and asked about once more.
---@async
---@param run     HostRun
---@param self    talk.Talk
---@param results CallResult[] of the last calls
---@return Reply? reply, Error? err
function talk.turn(run, self, results)
  local _, broken = compaction.make_room(run, self, false)
  if broken then return nil, broken end
  local reply, err = exchange(run, self, results)
  if compaction.is_exceeded(reply, err) then
    local made
    made, broken = compaction.make_room(run, self, true)
    if broken then return nil, broken end
    if made then reply, err = exchange(run, self, results) end
  end
  if not reply then return nil, err end
  talk.say(self, { role = "assistant", content = reply.content })
  return reply
end

return talk
