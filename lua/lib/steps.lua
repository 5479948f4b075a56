--- The steps of a chain that goes on: the script runs again from the top, and what it asks for is
--- answered by the records of the first time, in the order in which they were written then
--- (DESIGN.md, section 11). Host VM only.
---
--- A step has a place: the path of its coroutine and its ordinal there. Its last record (DONE) is
--- its completion. Three rules make the script take the same way again:
---
---   1  A completion is delivered after all completions that stand before it in the journal.
---   2  A step without one begins after all completions were delivered. It cannot have been what
---      one of them waited for: that one was recorded while this was not.
---   3  Where nothing moves any more and something waits by 1 or 2, the script has left the way.
---      So it has where a place holds another step than the journal says. Then the run stops,
---      says what differs, and stays as it is.
local children = require "lib.children"
local past    = require "lib.past"
local session = require "lib.session"
local show    = require "lib.show"
local text    = require "lib.text"

local steps = {}

---@class steps.Place
---@field at    string  "3.facts/1", see lib.chain
---@field line  string  "lua/chains/x.lua:12", where the script asks
---@field over? string[] branches that were cancelled since the last step: "3.facts/"

---@class steps.Step
---@field at       string
---@field what     string of STARTS and DONE
---@field of?      string hash of what it was given
---@field line?    string
---@field name?    string of what it is about
---@field started? past.Record
---@field lost     past.Record[] earlier ones: what they began could not be taken up again
---@field done?    past.Record
---@field asked?   boolean the script came by it
---@field counted? boolean whoever came by it counts what it cost

---@class steps.Steps
---@field at      table<string, steps.Step>
---@field below   table<string, steps.Step[]> those of a branch, and of what is inside it, by path
---@field order   steps.Step[] those that are done, in the order of their completions
---@field next    integer index of the first that was not delivered
---@field waiting table<steps.Step, boolean>
---@field passed  table<steps.Step, boolean> nobody will ask for them
---@field live    string[] keys of what waits for rule 2
---@field count   integer

local STARTS <const> = { child = "ask", call = "tool", sleep = "sleep", question = "question" }
local DONE   <const> = { ["child.finished"] = "ask", result = "tool", woke = "sleep",
  answer = "question", step = "step", budget = "budget" }

local function name_of(kind, body)
  if kind == "question" then return text.first_line(body.text) end
  return body.agent or body.tool or body.name
end

local function note(at, record)
  local what = STARTS[record.kind] or DONE[record.kind]
  local body = record.body
  if not what or not (body.at and body.at:find("^b?%d")) then return end -- the host asks besides
  local step = at[body.at] or { at = body.at, lost = {} }
  at[body.at] = step
  step.what, step.of, step.line = what, body.of or step.of, body.line or step.line
  step.name = step.name or name_of(record.kind, body)
  if STARTS[record.kind] then
    step.lost[#step.lost + 1] = step.started
    step.started = record
  end
  if DONE[record.kind] then step.done = record end
end

--- The paths that a place lies below: "4/1" of "4/", "3.facts/4/1" of "3.facts/" and "3.facts/4/".
local function paths_above(at)
  local paths = {}
  for last in at:gmatch("()/") do paths[#paths + 1] = at:sub(1, last) end
  return paths
end

--- Drops what a recorded function or hook did on its way: it is not asked for again.
local function drop_inner(found, records)
  local over = {}
  for _, record in ipairs(records) do
    if record.kind == "step" then over[record.body.at .. "/"] = true end
    if record.kind == "before" and record.body.below then over[record.body.below] = true end
  end
  for at in pairs(found) do
    for _, path in ipairs(paths_above(at)) do
      if over[path] then found[at] = nil end
    end
  end
end

---@param mine past.Past
---@return steps.Steps
local function read(mine)
  local found, order, below = {}, {}, {}
  for _, record in ipairs(mine.records) do note(found, record) end
  drop_inner(found, mine.records)
  for at, step in pairs(found) do
    if step.done then order[#order + 1] = step end
    for _, path in ipairs(paths_above(at)) do
      below[path] = below[path] or {}
      table.insert(below[path], step)
    end
  end
  table.sort(order, function(a, b) return a.done.seq < b.done.seq end)
  return { at = found, below = below, order = order, next = 1, waiting = {}, passed = {}, live = {},
    count = 0 }
end

--- The recorded steps of a run; nil where it did not go on.
---@return steps.Steps?
local function of(run)
  local mine = past.of(run)
  if mine and not mine.steps then mine.steps = read(mine) end
  return mine and mine.steps
end

-- the order ---------------------------------------------------------------------------------------

local function key_of(step) return "step " .. step.at end

--- Delivers what is next, as far as somebody waits for it; after the last one what is new begins.
local function deliver(run, self)
  while self.order[self.next] do
    local step = self.order[self.next]
    if self.waiting[step] then
      self.waiting[step] = nil
      run:wake(key_of(step), "")
    elseif not self.passed[step] then
      return
    end
    self.next = self.next + 1
  end
  local live = self.live
  self.live = {}
  for _, key in ipairs(live) do run:wake(key, "") end
end

--- What children cost counts also where nobody asks for them any more; who is `asked` for does that
--- by itself.
local function count(run, step, asked)
  if step.what ~= "ask" or step.counted then return end
  step.counted = true
  for _, record in ipairs(step.lost) do children.give_up(run, record.body) end
  if not asked and step.started then children.give_up(run, step.started.body) end
end

--- Nobody will ask for the steps below a branch that was cancelled.
local function pass_over(run, self, prefixes)
  for _, prefix in ipairs(prefixes) do
    for _, step in ipairs(self.below[prefix] or {}) do
      self.passed[step] = true
      count(run, step)
    end
  end
  if #prefixes > 0 then deliver(run, self) end
end

-- another way -------------------------------------------------------------------------------------

local SAID <const> = { ask = "run.ask of %s", tool = "run.tool %s", sleep = "run.sleep",
  question = "run.question %q", step = "run.step %q", budget = "run.budget" }

local function describe(what, name, line)
  local said = SAID[what] or what
  if said:find("%%") then said = said:format(show.brief(show.clean(name or "?"), 60)) end
  return line and line ~= "" and ("%s (%s)"):format(said, line) or said
end

local function differ_at(run, step, what, name, place, why)
  past.differ(("%s: step %s: the journal has a %s, the script asks for a %s%s"):format(run.id,
    place.at, describe(step.what, step.name, step.line), describe(what, name, place.line), why))
end

--- Nothing moves any more.
local function stalled(run, self, what, name, place)
  local step = self.order[self.next]
  if not step then error({ code = "bug", message = "a step waits for nothing" }, 0) end
  past.differ(("%s: next in the journal is step %s, a %s; the script does not come there and asks "
    .. "at step %s for a %s"):format(run.id, step.at, describe(step.what, step.name, step.line),
    place.at, describe(what, name, place.line)))
end

--- Waits until it is woken by `deliver`.
local function hold(run, self, key, what, name, place)
  local woken, err = run:wait { kind = "gate", key = key }
  if not woken then
    if err.code == "not_found" then stalled(run, self, what, name, place) end
    error(err, 0)
  end
end

--- Rule 1.
local function await_turn(run, self, step, name, place)
  if self.order[self.next] == step then
    self.next = self.next + 1
    deliver(run, self)
    return
  end
  self.waiting[step] = true
  local _ <close> = setmetatable({}, { __close = function()
    if not self.waiting[step] then return end -- cancelled meanwhile
    self.waiting[step], self.passed[step] = nil, true
    deliver(run, self)
  end })
  hold(run, self, key_of(step), step.what, name, place)
end

--- Rule 2.
local function await_end(run, self, what, name, place)
  if not self.order[self.next] then return end
  self.count = self.count + 1
  local key = "live " .. self.count
  self.live[#self.live + 1] = key
  hold(run, self, key, what, name, place)
end

-- a step ------------------------------------------------------------------------------------------

---@class steps.Ask
---@field what   string of DONE
---@field name?  string what it is about, for people
---@field of?    string hash of what it is given
---@field older? string what an earlier version took for that hash

--- The recorded completion of a step, in its turn; nil where the step is new or was under way, and
--- then only when all that is recorded was delivered.
---@async
---@param run   HostRun
---@param place steps.Place
---@param ask   steps.Ask
---@return table? done the completion's body
---@return past.Record? started its first record, where it was under way
function steps.known(run, place, ask)
  local self = of(run)
  if not self then return nil end
  pass_over(run, self, place.over or {})
  local step = self.at[place.at]
  if step and step.what ~= ask.what then
    differ_at(run, step, ask.what, ask.name, place, "")
  elseif step and step.of ~= ask.of and (not ask.older or step.of ~= ask.older) then
    differ_at(run, step, ask.what, ask.name, place, ", with other arguments")
  end
  if step then step.asked = true end
  if step and step.done then
    await_turn(run, self, step, ask.name, place)
    count(run, step, true)
    session.emit(run, step.done.kind, step.done.body, step.done.seq, true)
    return step.done.body
  end
  await_end(run, self, ask.what, ask.name, place)
  if step then count(run, step, true) end
  return nil, step and step.started
end

--- Whether the function of a run.step was done already; its inside is not looked at then.
---@param run HostRun
---@param at  string
---@return boolean
function steps.is_done(run, at)
  local self = of(run)
  return self ~= nil and self.at[at] ~= nil and self.at[at].done ~= nil
end

--- The first step of the main way that the script did not come by: in branches that were cancelled
--- there may be more.
local function left_out(self)
  local first, seq
  for at, step in pairs(self.at) do
    local record = step.done or step.started
    if not step.asked and not self.passed[step] and not at:find(".", 1, true)
      and (not first or record.seq < seq) then
      first, seq = step, record.seq
    end
  end
  return first
end

--- When the script has returned: whether it came by everything that the journal has of its main
--- way.
---@param run HostRun
---@param err? Error with which it ended
function steps.finished(run, err)
  local self = of(run)
  if not self then return end
  for _, one in pairs(self.at) do count(run, one) end
  local step = left_out(self)
  if step then
    past.differ(("%s: the script has ended%s; the journal has step %s, a %s"):format(run.id,
      err and (" (%s)"):format(err.message) or "", step.at,
      describe(step.what, step.name, step.line)))
  end
end

return steps
