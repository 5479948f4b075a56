--- What a run, and the part of one agent in it, may use: setting it, spending of it, and what
--- happens when it is reached. A run's limits are the command line's, else those of config.yaml; a
--- chain's own and a child's only narrow; a definition's bound each part of its agent. The counting
--- is C's (host/run/budget.h). Host VM only.
local allowance = require "lib.allowance"
local estimate  = require "lib.estimate"
local more      = require "lib.more"
local overtime  = require "lib.overtime"
local past      = require "lib.past"
local session   = require "lib.session"
local together  = require "lib.together"

local limits = {}

local CENT <const> = 10000 -- millionths of a dollar

--- Narrows what a run and its children may use.
local function put(run, most)
  for _, key in ipairs(allowance.KEYS) do
    if most[key] and key == "time" then
      session.get().allowed[run.id] = most.time
      run:deadline_in(most.time, overtime.asks(run))
    elseif most[key] then
      run:limit(key, most[key])
    end
  end
end

--- Sets what a run and its children may use in all: `given`, where it is silent what the settings
--- say, and never more than `own`.
---@param run    HostRun
---@param given? Limits of the command line
---@param own?   Limits a chain's
---@return Limits most as it holds
function limits.set(run, given, own)
  local most, budget = {}, session.get().settings.budget
  for _, key in ipairs(allowance.KEYS) do
    local said = given and given[key]
    if said == nil then said = budget[key] end
    most[key] = said
  end
  most = allowance.narrower(most, own or {})
  put(run, most)
  return most
end

--- Makes a child with a slice of its parent's: at most `most`, and never more than is left above.
--- Nothing is set aside for it: what it does not use is its siblings'.
---@async
---@param run   HostRun
---@param most? Limits
---@param spec  table of run:child
---@return HostRun? child, Error? err
function limits.child(run, most, spec)
  local ok, err = limits.room(run, "children", 1, spec.past ~= nil)
  if not ok then return nil, err end
  local child
  child, err = run:child(spec)
  if child and most then put(child, most) end
  return child, err
end

-- time --------------------------------------------------------------------------------------------

--- Milliseconds in which a run was at work: from its first record, and from each time that it was
--- taken up again, to the last record before it stood still.
---@param records past.Record[] of one run, in order
---@param stops   integer[] limits.stops of the top-level run
---@return integer ms
local function active_ms(records, stops)
  local total, at = 0, 1
  for i = 2, #records do
    local from, to = records[i - 1].time, records[i].time
    while stops[at] and stops[at] <= to do
      if stops[at] > from then from = stops[at] end
      at = at + 1
    end
    total = total + math.max(0, to - from)
  end
  return total
end

--- What is left of a time that was set, and of more that somebody gave.
---@param ms      integer
---@param given   more.Given
---@param records past.Record[] of the run
---@param first   integer number of the first that counts
---@param stops   integer[]
---@return integer ms
local function time_left(ms, given, records, first, stops)
  local left = ms - active_ms(table.move(records, first, #records, 1, {}), stops)
  if not given.last or given.last.at < first then return math.max(0, left) end
  local since = table.move(records, given.last.at, #records, 1, {})
  return math.max(0, left, given.last.amount - active_ms(since, stops))
end

--- What an agent's part has left of its time. One that has ended already needs none, and no option
--- gives more to one at whose limit the run ended: whoever takes that up again gives it anew.
local function part_left(run, part)
  local mine = past.of(run)
  if not mine then return part.time end
  local first, hops = 1, 0
  for i, record in ipairs(mine.records) do
    if record.kind == "hop" then first, hops = i, hops + 1 end
    if record.kind == "run.finished" then first = i + 1 end
  end
  if hops + 1 ~= part.number then return part.time end
  local given = more.given(run, ("time.part%d"):format(part.number))
  return time_left(part.time, given, mine.records, first,
    limits.stops(past.of(run.top).records))
end

-- one agent's part --------------------------------------------------------------------------------

---@class limits.Part
---@field agent  string
---@field number integer of the run's parts, from 1 on
---@field time?  integer milliseconds

local function name_of(key, part) return part and ("%s.part%d"):format(key, part.number) or key end

--- From here on what the run spends counts for this agent's part.
---@param run HostRun
---@param who agent.Agent
---@param most Limits
function limits.begin_part(run, who, most)
  local parts = session.get().part
  local part = { agent = who.name, number = parts[run.id] and parts[run.id].number + 1 or 1,
    time = most.time or nil }
  parts[run.id] = part
  run:begin_part(who.name)
  for _, key in ipairs(allowance.OF_AGENT) do
    if most[key] and key ~= "time" then
      run:limit(key, most[key] + more.given(run, name_of(key, part)).amount, true)
    end
  end
end

--- Does an agent's part within the time that it has; what goes on longer is cancelled, or a person
--- is asked.
---@async
---@param run  HostRun
---@param work async fun(): table?, Error?
---@return table? result, Error? err
function limits.in_time(run, work)
  local part = session.get().part[run.id]
  if not (part and part.time) then return work() end
  local words = ("the limit of %s of %s's part"):format(
    allowance.amount("time", part.time), part.agent)
  return overtime.within(run, { name = name_of("time", part), asks = overtime.asks(run),
    left = part_left(run, part), whole = part.time, words = words, ends = function()
      run:be_late(false)
      session.get().late[run.id] = part.time
      return { ok = true, err = { code = "limit", message = words .. " is reached" } }
    end }, work)
end

-- spending ----------------------------------------------------------------------------------------

--- How much more a person is asked for: as much again as was used, and at least what is needed now.
local function more_of(holder, key, need)
  local amount = math.max(need, holder:spent()[key], 1)
  if key == "usd" then amount = (amount + CENT - 1) // CENT * CENT end
  return amount
end

--- Where an earlier version of this asked, and the run parked.
local function asked_before(run, key)
  local at = ("limit.%s/%d"):format(key, run:spent()[key])
  return past.peek(run, "question", at) and { run = run, at = at } or nil
end

--- Asks about a limit of `holder`, unless policy asks nobody. Answers whether it has more now.
local function decide(run, holder, of_part, key, need, err)
  local s = session.get()
  local policy = s.settings.budget.on_reached
  local name = name_of(key, of_part and s.part[holder.id])
  if more.given(holder, name).ended then return false end
  if policy == "end" or policy == "ask" and not s.ask then return false end
  local said = more.ask(holder, { limit = key, name = name, amount = more_of(holder, key, need),
    why = err.message, default = policy == "ask" and "end" or nil,
    before = asked_before(run, key) })
  if said.verdict ~= "raise" then return false end
  holder:raise(key, said.amount, of_part)
  return true
end

--- Earlier versions recorded a raise with whoever asked for it, and raised all that was short.
---@return boolean? known it was raised, or said to be the end
local function recall(run, key)
  local known = past.take(run, "decision", "limit")
  while known do -- one about another limit was not asked for again: it holds all the same
    local raises = known.verdict == "raise"
    local id, of_part = run:short(known.limit, known.amount or 0)
    while raises and id do
      run:above(id):raise(known.limit, known.amount, of_part)
      id, of_part = run:short(known.limit, known.amount)
    end
    if known.limit == key then return raises end
    known = past.take(run, "decision", "limit")
  end
end

--- A limit was reached. Answers true where there is more now. Of several who are short of the same
--- thing one asks.
---@async
---@param run  HostRun
---@param key  string
---@param need integer how much is needed
---@param err  Error what refused
---@return boolean? more, Error? err
function limits.reached(run, key, need, err)
  local known = recall(run, key)
  if known ~= nil then return known or nil, not known and err or nil end
  local id, of_part = run:short(key, need)
  if not id then return true end -- somebody was given more meanwhile
  local found = together.find(run, ("%s of %s %s"):format(key, id, of_part), function()
    return decide(run, run:above(id), of_part, key, need, err)
  end)
  if found == false then return nil, err end
  return true -- or who asked was cancelled: whoever comes back asks
end

--- Spends from the agent's part and from the run; refuses, spending nothing, where either has no
--- more and nobody gives more.
---@async
---@param run    HostRun
---@param key    string
---@param amount integer 0 asks whether the limit is passed already
---@param begun? boolean an earlier process began with it: it comes to its end also in overtime
---@return boolean? ok, Error? err
function limits.spend(run, key, amount, begun)
  if not begun then overtime.hold(run) end
  while true do
    local ok, err = run:spend(key, amount)
    if ok then return true end
    ok, err = limits.reached(run, key, amount, err)
    if not ok then return nil, err end
  end
end

--- Whether there is room for what someone else spends next.
---@async
---@param run    HostRun
---@param key    string
---@param amount integer
---@param begun?  boolean as limits.spend has it
---@return boolean? ok, Error? err
function limits.room(run, key, amount, begun)
  if not begun then overtime.hold(run) end
  while true do
    local ok, err = run:reserve(key, amount)
    if ok then
      run:settle(key, amount, 0)
      return true
    end
    ok, err = limits.reached(run, key, amount, err)
    if not ok then return nil, err end
  end
end

-- a run that goes on ------------------------------------------------------------------------------

local LAST <const> = { ["run.finished"] = true, ["run.parked"] = true, ["run.differs"] = true }

local SETTLES <const> = { turn = true, partial = true, compaction = true,
  ["run.parked"] = true } -- a run parks when nothing in it is under way

--- Whether nothing is open after this record: what came of the request stands in the journal, as it
--- does where a run ended because its provider failed, or was cancelled.
local function settles(record)
  return SETTLES[record.kind]
    or record.kind == "run.finished" and (record.body.status == "unavailable" or record.body.cut)
end

--- What killed processes had reserved for requests and nothing settled: it may have been spent, by
--- each of them.
---@param records table[]
---@param stops   integer[] times at which another process took the tree up, in order
---@return table[] open bodies of such records
local function unsettled(records, stops)
  local lost, open, at = {}, nil, 1
  for _, record in ipairs(records) do
    while stops[at] and record.time >= stops[at] do
      lost[#lost + 1], open, at = open, nil, at + 1
    end
    if record.kind == "reserved" then
      open = record.body
    elseif settles(record) then
      open = nil
    end
  end
  lost[#lost + 1] = open
  return lost
end

--- When a top-level run was taken up again: at the first record of each process after the first.
---@param records past.Record[] its own
---@return integer[] times
function limits.stops(records)
  local times = {}
  for i, record in ipairs(records) do
    if record.kind == "run.resumed" then
      local first = i -- what was recorded on the way to being taken up is of this stretch
      while first > 1 and records[first - 1].seq > (record.body.after or math.maxinteger) do
        first = first - 1
      end
      times[#times + 1] = records[first].time
    end
  end
  return times
end

--- Takes from the limits of a run that goes on what its records alone tell: the time in which it
--- was at work (not that in which it waited), requests that were cut by the death of their process,
--- replies that broke off, and bytes written for calls without a result; and adds what people gave.
--- Turns and calls are spent by whoever takes their records. Right after limits.set, or
--- limits.child.
---@param run     HostRun
---@param records past.Record[] of this run, in order
---@param stops   integer[] limits.stops of the top-level run
---@param gone?   past.Record[] of this run that were taken back; limits.charge_gone has their cost
function limits.restore(run, records, stops, gone)
  more.restore(run, records)
  for _, key in ipairs(allowance.KEYS) do
    local given = more.given(run, key)
    if key ~= "time" then run:raise(key, given.amount) end
  end
  local _, _, own = run:time_left()
  if own then
    run:deadline_in(time_left(own, more.given(run, "time"), records, 1, stops), overtime.asks(run))
  end
  limits.charge_cut(run, records, stops, gone)
end

--- Charges what was under way when a run was cancelled, as its last record has it: requests, and
--- bytes that were written for calls without a result.
local function charge_cancelled(run, record)
  if not LAST[record.kind] then return end
  for _, cut in ipairs(record.body.cut or {}) do limits.charge(run, limits.cost_of(cut)) end
  if record.body.wrote then run:charge("written", record.body.wrote) end
end

--- All records of a run in order, with those that were taken back: a reply that was taken back has
--- settled its request all the same, and a request that was taken back may have been paid for.
local function whole(records, gone)
  if not gone or not gone[1] then return records end
  local all = table.move(records, 1, #records, 1, {})
  table.move(gone, 1, #gone, #all + 1, all)
  table.sort(all, function(one, other) return one.seq < other.seq end)
  return all
end

local function charge_unsettled(run, records, gone, stops)
  for _, open in ipairs(unsettled(whole(records, gone), stops)) do limits.charge(run, open) end
end

--- Charges what neither turn nor result has: replies that broke off, requests that were cut by the
--- death of their process, and what a cancellation cut.
---@param run     HostRun
---@param records { time: integer, kind: string, body: table }[] of one run, in order
---@param stops   integer[] limits.stops of the top-level run
---@param gone?   past.Record[] of the run that were taken back; limits.charge_gone has their cost
function limits.charge_cut(run, records, stops, gone)
  for _, record in ipairs(records) do
    if record.kind == "partial" then limits.charge(run, limits.cost_of(record.body)) end
    charge_cancelled(run, record)
  end
  charge_unsettled(run, records, gone, stops)
end

--- Charges what was taken back and is done again: it was paid for.
---@param run   HostRun
---@param gone  past.Record[]
---@param pasts table<string, past.Past> of the tree
---@param stops integer[] limits.stops of the top-level run
function limits.charge_gone(run, gone, pasts, stops)
  for _, record in ipairs(gone) do
    local body = record.body
    local inner = record.kind == "child" and pasts[body.run]
    if inner then
      limits.charge_gone(run, inner.records, pasts, stops)
      limits.charge_gone(run, inner.gone, pasts, stops)
      charge_unsettled(run, inner.records, inner.gone, stops)
    elseif LAST[record.kind] then
      charge_cancelled(run, record)
    else
      limits.charge(run, limits.cost_of(body))
    end
  end
end

--- What a reply cost, whole or not, as its record says; nothing where it is no record of one.
---@param body table of turn, partial or compaction; `estimated`: what its server did not count
---@return { tokens: integer?, usd: number? } cost dollars
function limits.cost_of(body)
  local cost = { tokens = body.usage and estimate.counted(body.usage), usd = body.cost_usd }
  for key, amount in pairs(body.estimated or {}) do cost[key] = (cost[key] or 0) + amount end
  return cost
end

--- Charges what a request came to: tokens, and dollars where they are known.
---@param run  HostRun
---@param cost { tokens: integer?, usd: number? } dollars
function limits.charge(run, cost)
  if cost.tokens then run:charge("tokens", cost.tokens) end
  if cost.usd then run:charge("usd", math.ceil(cost.usd * 1e6)) end
end

return limits
