--- What people say to a run from elsewhere: answers, approvals, its cancellation. They stand in the
--- inbox of the top-level run until a record says what came of them. Host VM only.
local json    = require "lib.json"
local past    = require "lib.past"
local session = require "lib.session"

local inbox = {}

---@class inbox.Answer
---@field what   "answer"|"approve"|"deny"
---@field text?  string  of an answer
---@field time?  integer Unix ms when it was said; versions before did not say
---@field always? boolean of an approval: it holds for later runs too
---@field number integer of its message
---@field run    string  who asks
---@field seq    integer of the question's record

---@class inbox.Open somebody who waits
---@field run   HostRun
---@field seq   integer
---@field kind  "question"|"approval"
---@field agent string who asks
---@field text  string what about, one line or more
---@field deadline? integer Unix ms: what is said after that does not count

local ANSWERED <const> = "it has an answer already"

local function name_of(run_id, seq) return ("%s:%d"):format(run_id, seq) end

local function not_taken(run, name, said, why)
  inbox.took(said.number)
  session.emit(run, "notice", { text = ("what was said to %s is not taken: %s"):format(name, why) })
end

--- Whether somebody spoke in time.
local function counts(open, said)
  if not open.deadline then return true end
  return (said.time or session.get().now()) <= open.deadline
end

--- What was said before anybody waited for it, in time.
local function early_word(open, name)
  local s = session.get()
  local said = s.inbox[name]
  s.inbox[name] = nil
  if said and counts(open, said) then return said end
  if said then
    inbox.took(said.number)
    session.emit(open.run, "notice", { text = ("what was said to %s came too late"):format(name) })
  end
end

--- Whether somebody has said something already about the question whose record is `seq`.
---@param run HostRun
---@param seq integer
---@return boolean
function inbox.has(run, seq) return session.get().inbox[name_of(run.id, seq)] ~= nil end

--- Waits for a person's word about the question whose record is `seq`, until its deadline. What was
--- said in time counts also where it is heard later.
---@async
---@param open inbox.Open
---@return inbox.Answer? answer, Error? err
function inbox.await(open)
  local s, name = session.get(), name_of(open.run.id, open.seq)
  s.settled[name] = nil -- one that was none of the choices is followed by another
  local early = early_word(open, name)
  if early then return early end
  local ms = open.deadline and math.max(0, open.deadline - s.now())
  if ms == 0 then return nil, { code = "timeout", message = "its time is over" } end
  s.waiting[name] = open
  local _ <close> = setmetatable({}, { __close = function()
    s.waiting[name] = nil
    if open.run.parked then -- asked again by whoever goes on
      s.parked[#s.parked + 1] = { run = open.run.id, seq = open.seq, kind = open.kind,
        agent = open.agent, text = open.text }
    end
  end })
  local word, err = open.run:wait { kind = "person", key = name, ms = ms }
  if word then return json.decode(word) end
  if err.code ~= "timeout" then return nil, err end
  inbox.receive(s.top, s.top:messages(s.heard, true) or {}) -- left in time, and not seen yet
  return early_word(open, name), err
end

--- One that cannot be understood is passed over; nobody could ever take it otherwise.
local function read(message)
  local said = json.decode(message.body)
  if type(said) ~= "table" then return {} end
  said.number = message.number
  return said
end

--- Of several who speak to one question the first is heard.
local function hear(top, name, said)
  local s = session.get()
  local open = s.waiting[name]
  local why = s.settled[name] or s.inbox[name] and ANSWERED
  if why then
    not_taken(top, name, said, why)
  elseif open and open.run:wake(name, json.encode(said)) then
    s.settled[name] = ANSWERED
  else
    s.inbox[name] = said
  end
end

local function take(top, said, number)
  if said.what == "cancel" then
    inbox.took(number)
    top:cancel("cancelled", "cancelled with perigee runs cancel")
  elseif type(said.run) == "string" and math.type(said.seq) == "integer" then
    hear(top, name_of(said.run, said.seq), said)
  else
    inbox.took(number)
  end
end

--- Takes what came: wakes who waits for it, or keeps it until it is asked for. What was received
--- before is passed over.
---@param top      HostRun
---@param messages { number: integer, body: string }[]
function inbox.receive(top, messages)
  local s = session.get()
  for _, message in ipairs(messages) do
    if message.number > s.heard then
      s.heard = message.number
      take(top, read(message), message.number)
    end
  end
end

--- Forgets what was said to RUN:SEQ; `run` tells whoever watches that it is lost.
local function forget(run, id, seq, why)
  local s, name = session.get(), name_of(id, seq)
  local said = s.inbox[name]
  s.inbox[name] = nil
  if said then not_taken(run, name, said, why) end
end

--- Forgets what was said to a question that is not asked, or not in that way, any more.
---@param run HostRun
---@param seq integer of the question's record
---@param why string
function inbox.drop(run, seq, why) forget(run, run.id, seq, why) end

--- Forgets what was said to questions that --from took back, and to those of children begun there.
---@param top   HostRun whose record says so
---@param pasts table<string, past.Past> of the tree
function inbox.drop_gone(top, pasts)
  local function gone(id, records)
    for _, record in ipairs(records) do
      forget(top, id, record.seq, "that was taken back")
      local child = record.kind == "child" and record.body.run
      if child and pasts[child] then gone(child, pasts[child].records) end
    end
  end
  for id, mine in pairs(pasts) do gone(id, mine.gone) end
end

--- Somebody asks, until the scope of the answer is left or its `known` is set. Who is cancelled
--- before that leaves a question that nobody asks any more; one whose run parks is asked again.
---@param run HostRun
---@param seq integer of the question's record
---@return { known: boolean? } asking to be closed
function inbox.asking(run, seq)
  return setmetatable({}, { __close = function(asking)
    if run.parked then return end
    local why = asking.known and ANSWERED or "nobody asks it any more"
    session.get().settled[name_of(run.id, seq)] = why
    inbox.drop(run, seq, why)
    if asking.known then return end
    if not past.take(run, "withdrawn", tostring(seq)) then session.withdraw(run.id, seq) end
  end })
end

--- What came of a message is recorded: nobody needs it any more.
---@param number? integer
function inbox.took(number)
  local s = session.get()
  if number and not s.top.finished then s.top:took(number) end
end

--- Listens for messages as long as the run lives.
---@async
---@param top HostRun
function inbox.listen(top)
  while true do
    local messages, err = top:messages(session.get().heard)
    if not messages then error(err, 0) end
    inbox.receive(top, messages)
  end
end

return inbox
