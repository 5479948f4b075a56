--- What a run, and the part of one agent in it, may use: setting it, spending of it, and what
--- happens when it is reached. A run's limits are the command line's, else those of config.yaml; a
--- chain's own and a child's only narrow; a definition's bound each part of its agent. The counting
--- is C's (host/run/budget.h). Host VM only.
local allowance = require "lib.allowance"
local estimate  = require "lib.estimate"
local past      = require "lib.past"
local question  = require "lib.question"
local session   = require "lib.session"

local limits = {}

local CENT <const> = 10000 -- millionths of a dollar
local END  <const> = "end"

--- Narrows what a run and its children may use.
local function put(run, most)
  for _, key in ipairs(allowance.KEYS) do
    if most[key] and key == "time" then
      run:deadline_in(most.time)
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
  local ok, err = limits.room(run, "children", 1)
  if not ok then return nil, err end
  local child
  child, err = run:child(spec)
  if child and most then put(child, most) end
  return child, err
end

-- one agent's part --------------------------------------------------------------------------------

---@class limits.Part
---@field agent string
---@field time  integer? milliseconds

--- From here on what the run spends counts for this agent's part.
---@param run HostRun
---@param who agent.Agent
---@param most Limits
function limits.begin_part(run, who, most)
  run:begin_part(who.name)
  for _, key in ipairs(allowance.OF_AGENT) do
    if most[key] and key ~= "time" then run:limit(key, most[key], true) end
  end
  session.get().part[run.id] = most.time and { agent = who.name, time = most.time } or nil
end

--- Does an agent's part within the time that it has; what goes on longer is cancelled.
---@async
---@param run  HostRun
---@param work async fun(): table?, Error?
---@return table? result, Error? err
function limits.in_time(run, work)
  local part = session.get().part[run.id]
  if not part then return work() end
  local done, err = run:race {
    work = function() -- a failure must settle the race as well as a success
      local ok, result, why = pcall(work)
      return { ok = ok, result = result, err = why }
    end,
    time = function()
      run:wait { kind = "clock", key = "part", ms = part.time }
      return { ok = true, err = { code = "limit",
        message = ("the limit of %s of %s's part is reached"):format(
          allowance.amount("time", part.time), part.agent) } }
    end,
  }
  if not done then return nil, err end
  if not done.ok then error(done.result, 0) end
  return done.result, done.err
end

-- spending ----------------------------------------------------------------------------------------

--- How much more a person is asked for: as much again as was used, and at least what is needed now.
local function more_of(run, key, need)
  local more = math.max(need, run:spent()[key], 1)
  if key == "usd" then more = (more + CENT - 1) // CENT * CENT end
  return more
end

--- Asks the person whether the run gets more. Where nobody is there, a run that may wait for one
--- parks (lib/question.lua).
---@return string verdict "raise"|"end", string by
local function ask(run, key, more, why)
  local s = session.get()
  local place = { at = ("limit.%s/%d"):format(key, run:spent()[key]) }
  local raise = "give " .. allowance.amount(key, more) .. " more"
  local answer, _, by = question.put(run, { asker = "The run", place = place,
    text = ("%s.\nIt can have more, or end here with what is done."):format(why),
    choices = { raise, END }, default = s.settings.budget.on_reached == "ask" and END or nil })
  return answer == raise and "raise" or END, by
end

--- What to do about a limit: the person's answer, or the end where policy asks nobody.
local function decide(run, key, need, err)
  local s = session.get()
  local policy = s.settings.budget.on_reached
  if s.reached[run.top .. key] or policy == "end" or policy == "ask" and not s.ask then
    return nil
  end
  local more = more_of(run, key, need)
  local verdict, by = ask(run, key, more, err.message)
  if verdict == END then s.reached[run.top .. key] = true end
  local body = { what = "limit", limit = key, verdict = verdict, by = by, why = err.message,
    amount = verdict == "raise" and more or nil }
  session.record(run, "decision", body)
  return body
end

--- A limit was reached. Answers true where there is more now.
---@async
---@param run  HostRun
---@param key  string
---@param need integer how much is needed
---@param err  Error what refused
---@return boolean? more, Error? err
function limits.reached(run, key, need, err)
  local known = past.take(run, "decision", "limit")
  while known do -- one about another limit was not asked for again: it holds all the same
    if known.verdict == "raise" then run:raise(known.limit, known.amount) end
    if known.limit == key then break end
    known = past.take(run, "decision", "limit")
  end
  local said = known
  if not said then
    said = decide(run, key, need, err)
    if said and said.verdict == "raise" then run:raise(key, said.amount) end
  end
  if said and said.verdict == "raise" then return true end
  return nil, err
end

--- Spends from the agent's part and from the run; refuses, spending nothing, where either has no
--- more and nobody gives more.
---@async
---@param run    HostRun
---@param key    string
---@param amount integer 0 asks whether the limit is passed already
---@return boolean? ok, Error? err
function limits.spend(run, key, amount)
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
---@return boolean? ok, Error? err
function limits.room(run, key, amount)
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

--- Milliseconds in which a run was at work: from its start, and from each time that it was taken up
--- again, to the last record before it stood still.
---@param records { seq: integer, time: integer, kind: string, body: table }[] of one run, in order
---@return integer ms
local function active_ms(records)
  local total, began, last = 0, nil, nil
  for i, record in ipairs(records) do
    if began and record.kind == "run.resumed" then
      local before = i - 1 -- what was recorded on the way to being taken up is of this stretch
      while before > 1 and records[before].seq > (record.body.after or math.maxinteger) do
        before = before - 1
      end
      total = total + math.max(0, records[before].time - began)
      began = record.time
    end
    began = began or record.time
    last = record.time
  end
  return began and total + math.max(0, last - began) or total
end

local SETTLES <const> = { turn = true, partial = true, compaction = true,
  ["run.parked"] = true } -- a run parks when nothing in it is under way

--- Whether nothing is open after this record: what came of the request stands in the journal, as it
--- does where a run ended because its provider failed.
local function settles(record)
  return SETTLES[record.kind]
    or record.kind == "run.finished" and record.body.status == "unavailable"
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

--- When a top-level run was taken up again.
---@param records past.Record[] its own
---@return integer[] times
function limits.stops(records)
  local times = {}
  for _, record in ipairs(records) do
    if record.kind == "run.resumed" then times[#times + 1] = record.time end
  end
  return times
end

--- Takes from the limits of a run that goes on what its records alone tell: the time in which it
--- was at work (not that in which it waited), requests that were cut by the death of their process,
--- and replies that broke off. Turns and calls are spent by whoever takes their records. Right
--- after limits.set, or limits.child.
---@param run     HostRun
---@param records { seq: integer, time: integer, kind: string, body: table }[] of this run, in order
---@param stops   integer[] limits.stops of the top-level run
function limits.restore(run, records, stops)
  local left = run:time_left()
  if left then run:deadline_in(math.max(0, left - active_ms(records))) end
  limits.charge_cut(run, records, stops)
end

--- Charges what no turn has: replies that broke off, and requests that were cut by the death of
--- their process.
---@param run     HostRun
---@param records { time: integer, kind: string, body: table }[] of one run, in order
---@param stops   integer[] limits.stops of the top-level run
function limits.charge_cut(run, records, stops)
  for _, record in ipairs(records) do
    if record.kind == "partial" then limits.charge(run, limits.cost_of(record.body)) end
  end
  for _, open in ipairs(unsettled(records, stops)) do limits.charge(run, open) end
end

--- Charges what was taken back and is done again: it was paid for.
---@param run   HostRun
---@param gone  past.Record[]
---@param pasts table<string, past.Past> of the tree
function limits.charge_gone(run, gone, pasts)
  for _, record in ipairs(gone) do
    local body = record.body
    if record.kind == "child" and pasts[body.run] then
      limits.charge_gone(run, pasts[body.run].records, pasts)
      limits.charge_gone(run, pasts[body.run].gone, pasts)
    else
      limits.charge(run, limits.cost_of(body))
    end
  end
end

--- What a reply cost, whole or not, as its record says; nothing where it is no record of one.
---@param body table of turn, partial or compaction
---@return { tokens: integer?, usd: number? } cost dollars
function limits.cost_of(body)
  return { tokens = body.usage and estimate.counted(body.usage), usd = body.cost_usd }
end

--- Charges what a request came to: tokens, and dollars where they are known.
---@param run  HostRun
---@param cost { tokens: integer?, usd: number? } dollars
function limits.charge(run, cost)
  if cost.tokens then run:charge("tokens", cost.tokens) end
  if cost.usd then run:charge("usd", math.ceil(cost.usd * 1e6)) end
end

return limits
