--- A person is asked whether a run gets more of something: the question and what came of it stand
--- in the journal of the run whose limit it is, whoever needed more, so that one question serves
--- all, and whoever goes on finds it. Host VM only.
local allowance = require "lib.allowance"
local question  = require "lib.question"
local session   = require "lib.session"

local more = {}

local END <const> = "end"

---@class more.Wanted
---@field limit   string  of allowance.KEYS
---@field name    string  tells it from others of the run: "usd", "usd.part2"
---@field amount  integer offered
---@field why     string  what was reached, for the person
---@field default? string the answer where nobody is asked
---@field before? { run: HostRun, at: string } an earlier version asked there, and parked

---@class more.Given what was said before about one limit of a run
---@field asked   integer questions so far that nobody waits for any more
---@field amount  integer given, in all
---@field last?   { at: integer, amount: integer } number of the record that gave last, and how much
---@field ended?  boolean it was said that this is the end

---@param run  HostRun whose limit it is
---@param name string
---@return more.Given
function more.given(run, name)
  local all = session.get().given
  local key = run.id .. " " .. name
  all[key] = all[key] or { asked = 0, amount = 0 }
  return all[key]
end

local function note(given, said, index)
  if said.verdict == "raise" then
    given.amount = given.amount + said.amount
    given.last = { at = index, amount = said.amount }
  else
    given.ended = true
  end
end

--- Asks, and records the decision.
---@async
---@param run    HostRun whose limit it is
---@param wanted more.Wanted
---@return { verdict: "raise"|"end", amount: integer? } decision
function more.ask(run, wanted)
  local given, asker = more.given(run, wanted.name), run
  local place = { at = ("more.%s/%d"):format(wanted.name, given.asked + 1) }
  if wanted.before then asker, place.at = wanted.before.run, wanted.before.at end
  local _ <close> = setmetatable({}, { __close = function()
    if not run.parked then given.asked = given.asked + 1 end -- also where who asked was cancelled
  end })
  local answer, _, by, asked = question.put(asker, { asker = "The run", place = place,
    text = ("%s.\nIt can have more, or end here with what is done."):format(wanted.why),
    choices = { "give " .. allowance.amount(wanted.limit, wanted.amount) .. " more", END },
    amount = wanted.amount, default = wanted.default })
  local raise = answer ~= nil and answer ~= END
  local body = { what = "limit", at = ("more.%s/%d"):format(wanted.name, given.asked + 1),
    limit = wanted.limit, verdict = raise and "raise" or "end", by = by, why = wanted.why,
    amount = raise and (asked.amount or wanted.amount) or nil }
  session.record(run, "decision", body)
  note(given, body)
  return body
end

--- The limit that a record is about, and which question of it.
local function named(record)
  local at = record.body.at
  if type(at) ~= "string" then return nil end
  local name, number = at:match("^more%.(.+)/(%d+)$")
  return name, math.tointeger(tonumber(number))
end

--- Reads what was given to a run that goes on. An end that was said holds until somebody takes the
--- ended run up again.
---@param run     HostRun
---@param records past.Record[]
function more.restore(run, records)
  local names, asked = {}, {}
  for index, record in ipairs(records) do
    local name, number = named(record)
    local withdrawn = record.kind == "withdrawn" and asked[record.body.seq]
    if name and record.kind == "question" then
      asked[record.seq] = { name = name, number = number }
    elseif withdrawn then
      more.given(run, withdrawn.name).asked = withdrawn.number
    elseif name and record.kind == "decision" and record.body.what == "limit" then
      names[name] = more.given(run, name)
      names[name].asked = number
      note(names[name], record.body, index)
    elseif record.kind == "run.finished" then
      for _, given in pairs(names) do given.ended = nil end
    end
  end
end

return more
