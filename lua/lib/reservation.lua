--- The money and the tokens of one request to a model. The most that it may come to is set aside
--- before it is sent, so that requests side by side never exceed a limit together; what it came to
--- is charged afterwards, also when its reply broke off. A request that does not fit is not sent.
---
---   local held <close>, err = reservation.open(run, talk, target) -- waits; refuses with numbers
---   local reply, err = model.ask(held:world(world), target, request, held:watch(on_event), how)
---   if reply then return held:keep(reply) end                     -- closed once it is recorded
---   held:lose(err)
---
--- Each attempt of a request passes through `world.send`, and so does what is set aside for it.
local allowance = require "lib.allowance"
local estimate  = require "lib.estimate"
local limits    = require "lib.limits"
local model     = require "lib.model"
local session   = require "lib.session"

local reservation = {}

local FLOOR <const> = 1024 -- tokens of a reply; a shorter one is seldom one

---@class reservation.Held
---@field run      HostRun
---@field talk     talk.Talk
---@field target   model.Target
---@field binds    { usd: boolean?, tokens: boolean? } which limits there are
---@field input    integer tokens, as estimated
---@field size     { bytes: integer, images: integer }
---@field output   integer tokens of the reply, at most
---@field aside    { usd: integer?, tokens: integer? } set aside now
---@field kept     boolean its scope is left with a reply
---@field attempts integer so far
---@field attempt? reservation.Attempt the one under way

---@class reservation.Attempt
---@field sent        boolean
---@field status?     integer of the answer
---@field unanswered? { taken: boolean } there was no answer; the server may have begun with it
---@field usage?      table   as the server counted so far
---@field said        integer bytes of all that came
---@field text        string[] of it, what was said
---@field err?        Error   why another follows

local Held = {}
Held.__index = Held

-- what fits ---------------------------------------------------------------------------------------

--- What a request with a reply so long comes to, by kind.
local function most_of(self, output)
  return { usd = self.binds.usd and estimate.usd(self.target, self.input, output),
    tokens = self.binds.tokens and self.input + output }
end

--- How long the reply may be by what is left of each limit, and by what there would be if nothing
--- were spent of what others have set aside; the kind that allows least.
local function allowed(self)
  local now, later, tight = self.output, self.output, nil
  for _, kind in ipairs { "usd", "tokens" } do
    if self.binds[kind] then
      local left, free = self.run:left(kind)
      local function output(amount)
        if kind == "usd" then return estimate.output(self.target, self.input, amount) end
        return amount - self.input
      end
      if left and output(left) < now then now, tight = output(left), kind end
      if free then later = math.min(later, output(free)) end
    end
  end
  return now, later, tight
end

--- Why a request is not sent: with what it may come to, what is left, and what helps.
local function refusal(self, kind, need)
  local left = self.run:left(kind)
  local _, said = self.run:spend(kind, need) -- refuses, since so much is not left
  return { code = "limit", retryable = false, details = { limit = kind, need = need, left = left },
    message = ("%s: the next request to %s may come to %s (%d tokens in, %d out), and %s are left")
      :format(said and said.message or "the limit is reached", self.target.model,
        allowance.amount(kind, need), self.input, math.min(FLOOR, self.output),
        allowance.amount(kind, left)) }
end

--- Sets aside what the request may come to. Where others have set something aside it waits for them
--- rather than have a reply cut short; then the reply is bounded by what is left, down to `least`.
---@async
---@return boolean? ok, Error? err
local function set_aside(self, least)
  while true do
    local now, later, tight = allowed(self)
    if now >= self.output or now >= later and now >= least then
      self.output = math.min(self.output, now)
      break
    elseif later > now then
      self.run:settled()
    else
      local need = most_of(self, least)[tight]
      local more, err = limits.reached(self.run, tight, need, refusal(self, tight, need))
      if not more then return nil, err end
    end
  end
  for kind, amount in pairs(most_of(self, self.output)) do
    if amount then
      local ok, err = self.run:reserve(kind, amount)
      if not ok then error(err, 0) end -- it was measured just now, and nothing waited since
      self.aside[kind] = amount
    end
  end
  return true
end

--- Appended before the request, so that a process that is killed meanwhile leaves it behind.
local function record(self)
  if not next(self.aside) then return end
  session.record(self.run, "reserved", { agent = self.talk.who.name, turn = self.talk.turn,
    model = self.target.model, tokens = self.aside.tokens, max_tokens = self.output,
    usd = self.aside.usd and self.aside.usd / 1e6 })
end

--- Gives back what was set aside, and charges what was spent.
---@param cost { tokens: integer?, usd: number? }
local function settle(self, cost)
  for kind, amount in pairs(self.aside) do self.run:settle(kind, amount, 0) end
  self.aside = {}
  limits.charge(self.run, cost)
end

-- what a broken request came to -------------------------------------------------------------------

--- A server that did not take the request, or refused it, counts nothing. One that was cut counts
--- what it said of it; where it said nothing, what went in and what came. It is an estimate: how
--- much of the reply was made and never came, nobody tells.
local function broken_cost(self)
  local attempt = self.attempt
  local never_taken = attempt.unanswered and not attempt.unanswered.taken
  if not attempt.sent or never_taken or attempt.status and attempt.status ~= 200
    or self.target.scenario then
    return {}
  end
  local usage, said = attempt.usage or {}, estimate.said(attempt.said)
  usage = { input = usage.input or self.input, output = math.max(usage.output or 0, said),
    cache_read = usage.cache_read, cache_write = usage.cache_write, searches = usage.searches,
    fetches = usage.fetches, code_runs = usage.code_runs }
  return { tokens = estimate.counted(usage), usd = model.cost(self.target, usage), usage = usage }
end

--- Ends an attempt that brought no whole reply. What it said or cost is recorded.
---@param err? Error nil: it was cancelled; the run's last record has what it cost, since nobody can
---  wait for one now
local function lose(self, err)
  local attempt = self.attempt
  if not attempt then return settle(self, {}) end
  local cost = broken_cost(self)
  settle(self, cost)
  self.attempt = nil
  if not err then
    if cost.usage then
      session.cut(self.run, { agent = self.talk.who.name, model = self.target.model,
        usage = cost.usage, cost_usd = cost.usd })
    end
    return
  end
  local said = table.concat(attempt.text)
  if said == "" and not cost.tokens then return end
  session.record(self.run, "partial", { agent = self.talk.who.name, turn = self.talk.turn,
    text = said, error = { code = err.code, message = err.message }, usage = cost.usage,
    cost_usd = cost.usd })
end

-- the parts of model.ask that it stands in --------------------------------------------------------

--- Begins an attempt. One that comes after another has to be paid for as well.
---@async
---@return boolean? ok, Error? err
local function begin(self)
  if self.attempt then
    lose(self, self.attempt.err or { code = "unavailable", message = "it is asked again" })
    local ok, err = set_aside(self, self.output)
    if not ok then return nil, err end
    record(self)
  end
  self.attempts = self.attempts + 1
  self.attempt = { sent = false, said = 0, text = {} }
  return true
end

--- A world whose requests are paid for.
---@param world { send: function, rehearse: function }
---@return { send: function, rehearse: function }
function Held:world(world)
  local function paid(act)
    return function(...)
      local ok, err = begin(self)
      if not ok then return nil, err end
      self.attempt.sent = true
      return act(...)
    end
  end
  return {
    rehearse = paid(world.rehearse),
    send = paid(function(request)
      local attempt = self.attempt
      local response, err = world.send(request)
      if response then
        attempt.status = response.status
      else
        -- Whoever waits for the first byte may be working on it already.
        attempt.unanswered = { taken = err.message:find("first byte", 1, true) ~= nil }
      end
      return response, err
    end),
  }
end

--- Hears what comes of a reply, before `on_event` does.
---@param on_event fun(event: table)
---@return fun(event: table)
function Held:watch(on_event)
  return function(event)
    local attempt = self.attempt
    if attempt and event.kind == "usage" then
      attempt.usage = event.usage
    elseif attempt and event.kind == "retry" then
      attempt.err = { code = event.code, message = event.why }
    elseif attempt and (event.text or event.input) then
      attempt.said = attempt.said + #(event.text or event.input)
      if event.kind == "text" then attempt.text[#attempt.text + 1] = event.text end
    end
    return on_event(event)
  end
end

--- Whether the request may be sent again.
---@return boolean
function Held:may_retry() return self.attempts < self.target.limits.attempts end

--- Keeps how the server counted a request of that size; false where it does not say.
local function measure(talk, size, reply)
  if not (reply.usage and reply.usage.input) then return false end
  -- With tools of the server's own its count is that of several requests.
  talk.measured = not reply.served and { bytes = size.bytes, images = size.images,
    tokens = estimate.counted(reply.usage) - (reply.usage.output or 0) } or nil
  return true
end

--- A reply that an earlier process got: the next request is estimated as it would have been there.
---@param talk  talk.Talk whose reply is not said yet
---@param reply table as it was recorded
function reservation.recall(talk, reply)
  local _, size = estimate.input(talk.request, talk.log)
  measure(talk, size, reply)
end

--- The request has its whole reply. What is set aside stays so until the reply is recorded: whoever
--- waits for it goes on from there. What the reply cost is charged with its record (asking.charge);
--- where its server does not say, and a limit binds, what was estimated is charged here, and
--- stands in `estimated` for the record.
---@param reply Reply
---@return reservation.Held self to be closed
function Held:keep(reply)
  if not measure(self.talk, self.size, reply) then
    local cost = broken_cost(self)
    limits.charge(self.run, cost)
    self.estimated = cost.tokens and { tokens = cost.tokens, usd = cost.usd }
  end
  self.kept, self.attempt = true, nil
  return self
end

--- The request has no whole reply. What it said or cost is recorded.
---@async
---@param err Error
function Held:lose(err) lose(self, err) end

--- Leaving the scope of a request: it was kept, and is given back by the scope of its reply; or it
--- was cancelled, and whatever is known of it was spent.
function Held:__close()
  if self.kept then
    self.kept = false
  else
    lose(self, nil)
  end
end

--- Makes room for one request; the reply is bounded by what is left.
---@async
---@param run    HostRun
---@param talk   talk.Talk
---@param target model.Target
---@return reservation.Held? held, Error? err
function reservation.open(run, talk, target)
  local input, size = estimate.input(talk.request, talk.log, talk.measured)
  local longest = model.reply_most(target)
  local most = math.min(talk.most or longest, longest)
  local self = setmetatable({ run = run, talk = talk, target = target, input = input, size = size,
    output = most, aside = {}, kept = false, attempts = 0,
    binds = { tokens = run:left("tokens") ~= nil,
      usd = run:left("usd") ~= nil and target.prices ~= nil } }, Held)
  for _, kind in ipairs { "tokens", "usd" } do -- also where no price is known
    local ok, err = limits.spend(run, kind, 0)
    if not ok then return nil, err end
  end
  local ok, err = set_aside(self, math.min(FLOOR, most))
  if not ok then return nil, err end
  talk.request.max_tokens = self.output < longest and self.output or nil
  record(self)
  return self
end

return reservation
