--- Asking a model for one reply: which one, what when it is not to be had, and what it cost.
--- lib/model.lua speaks to a server; here is what that means for a run.
local hop     = require "lib.hop"
local model   = require "lib.model"
local past    = require "lib.past"
local reservation = require "lib.reservation"
local ruling  = require "lib.ruling"
local session = require "lib.session"
local stall   = require "lib.stall"

local asking = {}

--- A limit that cannot bind must not look as if it did.
local function say_unpriced(run, target)
  local s = session.get()
  if target.scenario or target.prices then return end
  if not run:left("usd") or s.unpriced[target.model] then return end
  s.unpriced[target.model] = true
  session.emit(run, "notice", { text = ("no price is known for %s: the limit of dollars does not "
    .. "bind; --limit tokens=N does"):format(target.model) })
end

--- The effort of a definition's `complexity`; nil where nothing says.
---@param models table models.lua
---@param who    agent.Agent
---@return string? effort
function asking.effort(models, who)
  return who.complexity and models.effort and models.effort[who.complexity:lower()]
end

--- What an agent inherits whose definition says so: what was asked before it in its run, else what
--- the run is asked with that waits for it.
local function keep_models(s, run, targets)
  local names = {}
  for i, target in ipairs(targets) do names[i] = target.model end
  s.models[run.id] = names
end

--- The servers and models to try, in order; the choice and its reason are recorded.
---@async
---@param run   HostRun
---@param who   agent.Agent
---@param facts table what routing may know of the task and the run
---@return model.Target[]? targets, Error? err, string? effort
function asking.targets(run, who, facts)
  local s = session.get()
  local wanted, why, effort, from = s.options.model, "--model", nil, nil
  local known = past.take(run, "decision", "model")
  if known then
    wanted, effort = known.wanted or known.model, known.effort
  elseif not wanted then
    local answer, err = ruling.ask(run, "lua/routing.lua", "model", hop.facts(who), facts)
    if err then return nil, err end
    answer = answer or {}
    wanted, why = answer.models, answer.why or "the definition's own"
    effort, from = answer.effort, answer.from
  end
  effort = effort or not known and asking.effort(s.env.models, who) or nil
  local inherit = s.models[run.id] or s.models[run.parent or ""]
  local targets, err = model.resolve(wanted, { model = who.model, complexity = who.complexity,
    inherit = inherit, exact = s.options.model ~= nil }, s.env)
  if not targets then return nil, err end
  keep_models(s, run, targets)
  if not known then
    session.record(run, "decision", { what = "model", agent = who.name, wanted = wanted,
      model = targets[1].model, effort = effort, from = from,
      why = why .. (targets[1].why and "; " .. targets[1].why or "") })
  end
  say_unpriced(run, targets[1])
  return targets, nil, effort
end

--- What the loop needs of the world, as model.ask takes it.
local function world_of(run, may_retry)
  return {
    send = stall.watched(run, function(request) return run:http(request) end, may_retry),
    rehearse = function(scenario, given)
      return run:decide("lua/lib/decisions.lua", "play", scenario, given)
    end,
  }, {
    wait = function(ms) run:sleep(ms) end,
    random = math.random,
  }
end

--- Goes on with the next target. A message is encoded once for each dialect that it is sent in.
local function retarget(talk)
  local before = table.remove(talk.targets, 1).dialect
  if talk.targets[1].dialect == before then return end
  local dialect = require("dialects." .. talk.targets[1].dialect)
  for i, message in ipairs(talk.log) do talk.request.messages[i] = dialect.encode(message) end
end

--- The fallbacks of an earlier process, before its first reply.
---@param talk table one agent's conversation, just begun
function asking.again(run, talk)
  while talk.targets[2] and past.take(run, "decision", "fallback") do retarget(talk) end
end

--- Another model may begin a conversation, never take one over (its thinking is bound to the model
--- that thought); and where no server answered at all, another model's would not either.
local function can_fall_back(talk, err)
  return err.retryable and talk.targets[2] ~= nil and talk.turn == 1
    and err.details ~= nil and err.details.status ~= nil
end

--- One request to one target, paid for.
---@return Reply? reply, Error? err, reservation.Held? held with a reply: not closed yet
local function exchange(run, talk, target, on_event)
  local held <close>, over = reservation.open(run, talk, target)
  if not held then return nil, over end
  local world, how = world_of(run, function() return held:may_retry() end)
  local reply, err = model.ask(held:world(world), target, talk.request, held:watch(on_event), how)
  if reply then return reply, nil, held:keep(reply) end
  held:lose(err)
  return nil, err
end

--- One exchange, with the next target when one is not to be had. A reply that broke off is kept
--- (lib/reservation.lua).
---@async
---@param talk table who, targets, request, turn, log: one agent's conversation
---@return Reply? reply, Error? err, model.Target target
---@return reservation.Held? held with a reply: to be closed once that is recorded
function asking.ask(run, talk)
  local shown = {}
  session.get().speaking[run.id] = shown -- what a cut or cancelled reply had said so far
  local function on_event(event)
    if event.kind == "text" then shown[#shown + 1] = event.text end
    session.emit(run, "delta." .. event.kind, event)
  end
  while true do
    local target = talk.targets[1]
    local reply, err, held = exchange(run, talk, target, on_event)
    if reply or #shown > 0 then session.get().speaking[run.id] = nil end
    if reply then return reply, nil, target, held end
    if #shown > 0 or not can_fall_back(talk, err) then return nil, err, target end
    retarget(talk)
    session.record(run, "decision", { what = "fallback", agent = talk.who.name,
      model = talk.targets[1].model, why = ("%s failed: %s"):format(target.model, err.message) })
  end
end

local function tokens_of(usage)
  return (usage.input or 0) + (usage.output or 0) + (usage.cache_read or 0)
    + (usage.cache_write or 0)
end

--- Counts what a reply of an earlier process cost then.
---@param known table body of its record
function asking.recharge(run, known)
  run:charge("turns", 1)
  if known.usage then run:charge("tokens", tokens_of(known.usage)) end
  if known.cost_usd then run:charge("usd", math.ceil(known.cost_usd * 1e6)) end
end

--- Counts what a reply cost: tokens always, dollars where the price is known.
---@return number? usd
function asking.charge(run, target, reply)
  local usage = reply.usage
  if not usage then return nil end
  local usd = model.cost(target, usage)
  run:charge("tokens", tokens_of(usage))
  if usd then run:charge("usd", math.ceil(usd * 1e6)) end
  return usd
end

return asking
