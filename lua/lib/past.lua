--- What a run that goes on has done already: its records, which answer in place of what they are
--- records of (DESIGN.md, section 11). The code that carries a run is the same as ever; before each
--- step it asks here, and where the record is known the step is not taken again. Host VM only.
---
--- A record is found by its kind and by what tells it from others of its kind: the id of its call,
--- its place in a chain, what a decision is about. Of several alike the oldest that nobody took is
--- meant, since what a run does one after the other it does in the same order again.
local json    = require "lib.json"
local older   = require "lib.older"
local session = require "lib.session"

local past = {}

---@class past.Record
---@field seq  integer
---@field time integer Unix milliseconds
---@field kind string
---@field body table

---@class past.Past
---@field records past.Record[] all of the run, oldest first
---@field seq     integer       of the last one
---@field queues  table<string, past.Record[]> those that nobody took, the next one last
---@field gone    past.Record[] those that --from took back; what they cost was spent all the same
---@field ended?  past.Record   its run.finished, unless something came after it
---@field steps?  steps.Steps   of its chain; see lib.steps

local function queue_of(kind, key) return key and kind .. "\0" .. key or kind end

--- What tells a record from others of its kind.
---@param kind string
---@param body table
---@return string? key
function past.key(kind, body)
  if body.at then return body.at end
  if kind == "decision" then return body.call and body.what .. " " .. body.call or body.what end
  if kind == "call" or kind == "result" then return body.id end
  return body.call
end

local function of_records(records, seq, gone)
  local new = { records = records, seq = seq, queues = {}, gone = gone }
  for i = #records, 1, -1 do
    local record = records[i]
    local key = queue_of(record.kind, past.key(record.kind, record.body))
    local queue = new.queues[key] or {}
    new.queues[key] = queue
    queue[#queue + 1] = record
  end
  return new
end

--- The same past without some records.
---@param mine past.Past
---@param seqs integer[]
---@return past.Past
function past.without(mine, seqs)
  local wanted, kept, gone = {}, {}, table.move(mine.gone, 1, #mine.gone, 1, {})
  for _, seq in ipairs(seqs) do wanted[seq] = true end
  for _, record in ipairs(mine.records) do
    local list = wanted[record.seq] and gone or kept
    list[#list + 1] = record
  end
  return of_records(kept, mine.seq, gone)
end

--- What later records took back: run.resumed { forget = { seq, ... } }.
local function taken_back(records)
  local seqs = {}
  for _, record in ipairs(records) do
    for _, seq in ipairs(record.kind == "run.resumed" and record.body.forget or {}) do
      seqs[#seqs + 1] = seq
    end
  end
  return seqs
end

--- What the records of a top-level run took back below it, by run:
--- run.resumed { below = { { run, forget }, ... } }.
---@param mine past.Past
---@return table<string, integer[]> seqs
function past.below(mine)
  local found = {}
  for _, record in ipairs(mine.records) do
    for _, one in ipairs(record.kind == "run.resumed" and record.body.below or {}) do
      local seqs = found[one.run] or {}
      found[one.run] = table.move(one.forget, 1, #one.forget, #seqs + 1, seqs)
    end
  end
  return found
end

---@param raw { seq: integer, time: integer, kind: string, body: string }[] as cli.read_run has them
---@param also? integer[] records that were taken back; see past.below
---@return past.Past? new, Error? err
function past.read(raw, also)
  local records = {}
  for i, one in ipairs(raw) do
    local body = json.decode(one.body)
    if type(body) ~= "table" then
      return nil, { code = "io", message = ("record %d is no JSON object"):format(one.seq) }
    end
    records[i] = { seq = one.seq, time = one.time, kind = one.kind, body = body }
  end
  older.complete(records)
  local last, back = records[#records], taken_back(records)
  table.move(also or {}, 1, #(also or {}), #back + 1, back)
  local new = past.without({ records = records, seq = last and last.seq or 0, gone = {} }, back)
  if last and last.kind == "run.finished" and new.records[#new.records] == last then
    new.ended = last
  end
  return new
end

--- The past of a run; nil for one that began in this process.
---@param run HostRun|string or its id
---@return past.Past?
function past.of(run)
  return session.past_of(type(run) == "string" and run or run.id)
end

local function queue_in(run, kind, key)
  local mine = past.of(run)
  local found = mine and mine.queues[queue_of(kind, key)]
  return found and #found > 0 and found or nil
end

--- The next record of that kind, which stays.
---@param run  HostRun
---@param kind string
---@param key? string
---@return table? body, integer? seq, integer? time
function past.peek(run, kind, key)
  local found = queue_in(run, kind, key)
  if not found then return nil end
  local record = found[#found]
  return record.body, record.seq, record.time
end

--- Takes the next record of that kind: what it says was done, and is not done again. Whoever counts
--- what happens hears of it.
---@param run  HostRun
---@param kind string
---@param key? string
---@return table? body, integer? seq, integer? time
function past.take(run, kind, key)
  local found = queue_in(run, kind, key)
  if not found then return nil end
  local record = table.remove(found)
  session.emit(run, kind, record.body, record.seq, true)
  return record.body, record.seq, record.time
end

--- The records that nobody took, in no order; but for those of steps that a chain or hook came by.
---@param mine past.Past
---@return past.Record[] records
function past.left(mine)
  local left = {}
  for _, queue in pairs(mine.queues) do
    for _, record in ipairs(queue) do
      local step = mine.steps and record.body.at and mine.steps.at[record.body.at]
      if not (step and step.counted) then left[#left + 1] = record end
    end
  end
  return left
end

--- Whether a call that may have written was under way in one of these runs: it has no result.
---@param pasts table<string, past.Past>
---@return boolean
function past.wrote_last(pasts)
  for _, mine in pairs(pasts) do
    local open = {}
    for _, record in ipairs(mine.records) do
      local body = record.body
      if record.kind == "call" then open[body.id] = not body.refused and body.effect ~= "read" end
      if record.kind == "result" then open[body.id] = nil end
    end
    for _, may_write in pairs(open) do
      if may_write then return true end
    end
  end
  return false
end

--- Passes over the records of that kind that stand before `seq`: what they led to is known.
---@param run  HostRun
---@param kind string
---@param key? string
---@param seq  integer
function past.pass(run, kind, key, seq)
  local _, at = past.peek(run, kind, key)
  while at and at < seq do
    past.take(run, kind, key)
    _, at = past.peek(run, kind, key)
  end
end

--- The record of a step that takes no time: as it stands in the past, else recorded now.
---@async
---@param run   HostRun
---@param kind  string
---@param body  table
---@param power? boolean
---@return table body, integer seq, integer? time of a known one
function past.once(run, kind, body, power)
  local known, seq, time = past.take(run, kind, past.key(kind, body))
  if known then return known, seq, time end
  return body, session.record(run, kind, body, power)
end

--- Stops a run that does not lead where its journal has been; it stays as it is in the journal.
---@param message string both sides
function past.differ(message)
  local s, err = session.get(), { code = "invalid", message = message }
  s.differs = s.differs or err
  s.top:cancel("invalid", message)
  error(err, 0)
end

return past
