--- Asking a model for one reply: which one, what when it is not to be had, and what it cost.
--- lib/model.lua speaks to a server; here is what that means for a run.
local cooldown = require "lib.cooldown"
local dialect  = require "lib.dialect"
local estimate = require "lib.estimate"
local hop      = require "lib.hop"
local json     = require "lib.json"
local limits   = require "lib.limits"
local model    = require "lib.model"
local past     = require "lib.past"
local reservation = require "lib.reservation"
local ruling   = require "lib.ruling"
local session  = require "lib.session"
local siblings = require "lib.siblings"
local stall    = require "lib.stall"
local strict   = require "lib.strict"
local throttle = require "lib.throttle"

local asking = {}

--- Tells something of a model or server once, however many ask it.
local function say_once(run, key, text)
  local s = session.get()
  if s.said[key] then return end
  s.said[key] = true
  session.emit(run, "notice", { text = text })
end

--- A key that is sent where others may read it.
local function say_in_clear(run, target)
  if not target.secret or not model.in_clear(target.base_url) then return end
  say_once(run, "in clear " .. target.base_url, ("%s goes to %s over plain http and can be read on "
    .. "its way there"):format(target.secret, model.shown(target.base_url)))
end

--- A limit that cannot bind must not look as if it did.
local function say_unpriced(run, target)
  if target.scenario or target.prices then return end
  if (target.habits or {}).cost == "usd" then return end -- what was spent counts, from its reply on
  if not run:left("usd") then return end
  say_once(run, "unpriced " .. target.model, ("no price is known for %s: the limit of dollars does "
    .. "not bind; --limit tokens=N does"):format(target.model))
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
  for i, target in ipairs(targets) do names[i] = target.named or target.model end
  s.models[run.id] = names
end

--- Where a model stands in a list from `first` on; `first` where it does not.
local function place_of(targets, name, first)
  for i = first, #targets do
    if targets[i].model == name then return i end
  end
  return first
end

--- The model that an earlier process began with, whatever it passed over then.
local function bring_first(targets, name)
  table.insert(targets, 1, table.remove(targets, place_of(targets, name, 1)))
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
    -- `wanted` was not kept once, but the run's --model always was
    wanted, effort = known.wanted or s.options.model or known.model, known.effort
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
  local passed_over
  if known then
    bring_first(targets, known.model)
  elseif not s.options.exact_order then
    targets, passed_over = cooldown.order(targets, run:clock())
  end
  keep_models(s, run, targets)
  if not known then
    why = why .. (targets[1].why and "; " .. targets[1].why or "")
    session.record(run, "decision", { what = "model", agent = who.name,
      wanted = wanted or json.array(s.models[run.id]), model = targets[1].model,
      effort = effort, from = from,
      why = passed_over and passed_over .. "; " .. why or why })
  end
  say_in_clear(run, targets[1])
  say_unpriced(run, targets[1])
  return targets, nil, effort
end

--- What asking needs of the world.
---@param run HostRun
---@param now? fun(): integer Unix milliseconds; see model.How
---@return model.How
function asking.how(run, now)
  return {
    wait = function(ms) run:sleep(ms) end,
    random = math.random,
    left = function() return run:time_left() end,
    now = now,
    turn = function(target) return throttle.turn(run, target) end,
    decide = function(...) return run:decide(...) end,
  }
end

local function world_of(run, may_retry)
  return {
    send = stall.watched(run, function(request) return run:http(request) end, may_retry),
    rehearse = function(scenario, given)
      return run:decide("lua/lib/decisions.lua", "play", scenario, given)
    end,
  }
end

--- Goes on with the target at `place` of the list. A message is encoded once for each provider to
--- which it is sent.
local function retarget(talk, place)
  local before = talk.targets[1].provider
  table.move(talk.targets, place, #talk.targets + place - 1, 1)
  -- Another list: one that is the same has only grown (asking.encode).
  if talk.targets[1].provider ~= before then talk.request.messages = {} end
end

--- Makes the fragments of the messages that have none yet: each is made once, so that the same
--- prefix is the same bytes (law 10). A list of fragments only grows: where older ones change,
--- another list takes its place. So what is known of a list need not be found out anew at each turn
--- (lib.estimate, lib.prefix).
---@async
---@param run  HostRun
---@param talk table
---@return boolean? ok, Error? err of a dialect that is not ours
function asking.encode(run, talk)
  local made = talk.request.messages
  if #made == #talk.log then return true end
  local speech = dialect.of(talk.targets[1], function(...) return run:decide(...) end)
  local fragments, err = speech.encode(table.move(talk.log, #made + 1, #talk.log, 1, {}))
  if not fragments then return nil, err end
  table.move(fragments, 1, #fragments, #made + 1, made)
  return true
end

--- The fallbacks of an earlier process, before its first reply.
---@param run  HostRun
---@param talk table one agent's conversation, just begun
function asking.again(run, talk)
  local _, first_turn = past.peek(run, "turn")
  local known, at = past.peek(run, "decision", "fallback")
  while talk.targets[2] and known and (not first_turn or at < first_turn) do
    past.take(run, "decision", "fallback")
    retarget(talk, place_of(talk.targets, known.model, 2))
    known, at = past.peek(run, "decision", "fallback")
  end
end

--- The place of the target to go on with. Another model may begin a conversation, never take one
--- over (its thinking is bound to the model that thought); and a server that gave no answer at all
--- gives none for its other models either.
local function next_target(talk, err)
  if not err.retryable or talk.turn > 1 then return nil end
  for i = 2, #talk.targets do
    if cooldown.is_of_model(err) or talk.targets[i].base_url ~= talk.targets[1].base_url then
      return i
    end
  end
end

--- Tells who counts of the replies that broke off in an earlier process; limits.restore has charged
--- them.
local function pass_halves(run)
  while past.take(run, "partial") do end
end

--- What one reply has said so far, for a run that is cancelled, and for whoever watches.
local function listener(run, talk)
  local said = {}
  local self = {}
  function self.hear(event)
    if event.kind == "text" then said[#said + 1] = event.text end
    if event.void then self.begin() end
    local is_said = event.kind ~= "retry" and event.kind ~= "waiting"
    if not (talk.quiet and is_said) then session.emit(run, "delta." .. event.kind, event) end
  end
  --- Forgets it. Answers whether anything had been said.
  function self.begin()
    local any = #said > 0
    said = {}
    session.get().speaking[run.id] = said
    return any
  end
  function self.done() session.get().speaking[run.id] = nil end
  self.begin()
  return self
end

--- A server that refuses the form of the answer is asked without: the check of the reply is the
--- same.
local function without_form(run, talk, err)
  if not talk.request.form or not strict.refused(err) then return false end
  talk.request.form = nil
  session.emit(run, "notice", { text = ("%s takes no form for the answer, which is checked "
    .. "afterwards instead: %s"):format(talk.targets[1].model, err.message) })
  return true
end

--- One request to one target, paid for, when it is its turn beside others that begin alike.
---@return Reply? reply, Error? err, reservation.Held? held with a reply: not closed yet
local function exchange(run, talk, target, hear)
  local held <close>, over = reservation.open(run, talk, target)
  if not held then return nil, over end
  local start <close> = siblings.begin(run, target, talk, hear)
  local watch = held:watch(function(event)
    start:heard(event)
    hear(event)
  end)
  local world, s = world_of(run, function() return held:may_retry() end), session.get()
  local reply, err = model.ask(held:world(world), target, talk.request, watch,
    asking.how(run, not s.options.exact_order and s.now or nil))
  if reply then return reply, nil, held:keep(reply) end
  held:lose(err)
  return nil, err
end

--- One exchange, with the next target when one is not to be had. A reply that broke off is kept,
--- and was paid for (lib/reservation.lua).
---@async
---@param talk table who, targets, request, turn, log: one agent's conversation
---@return Reply? reply, Error? err, model.Target target
---@return reservation.Held? held with a reply: to be closed once that is recorded
function asking.ask(run, talk)
  local listening = listener(run, talk)
  pass_halves(run)
  while true do
    local target = talk.targets[1]
    local ready, reply, err, held
    ready, err = asking.encode(run, talk)
    if ready then reply, err, held = exchange(run, talk, target, listening.hear) end
    if reply then
      listening.done()
      cooldown.clear(target)
      return reply, nil, target, held
    end
    local void = listening.begin()
    if without_form(run, talk, err) then goto again end
    cooldown.note(target, err, run:clock())
    local place = next_target(talk, err)
    if not place then
      listening.done()
      return nil, err, target
    end
    if void then
      session.emit(run, "delta.retry", { kind = "retry", attempt = 1, wait_ms = 0, code = err.code,
        why = err.message, void = true })
    end
    retarget(talk, place)
    session.record(run, "decision", { what = "fallback", agent = talk.who.name,
      model = talk.targets[1].model, why = ("%s failed: %s"):format(target.model, err.message) })
    ::again::
  end
end

--- Counts what a reply of an earlier process cost then.
---@param known  table body of its record
---@param turns? integer 1 where none are given
function asking.recharge(run, known, turns)
  run:charge("turns", turns or 1)
  limits.charge(run, limits.cost_of(known))
end

--- Counts what a reply cost: tokens always, dollars where the price is known.
---@return number? usd, boolean? least
function asking.charge(run, target, reply)
  local usage = reply.usage
  if not usage then return nil end
  local usd, least = model.cost(target, usage)
  limits.charge(run, { tokens = estimate.counted(usage), usd = usd })
  return usd, least
end

return asking
