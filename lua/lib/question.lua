--- Questions of a run to a person: recorded before they are asked, asked at the terminal at once,
--- or left for whoever answers later, and recorded with who answered. Where nobody ever can, they
--- are kept and stand in the result of the run. Host VM only.
local inbox   = require "lib.inbox"
local past    = require "lib.past"
local session = require "lib.session"
local show    = require "lib.show"
local text    = require "lib.text"

local question = {}

local QUESTION_MOST <const> = 8000 -- bytes

local NO_ANSWER <const> = {
  unavailable = "nobody is here to answer", timeout = "nobody answered in time",
  waiting = "the question was left without an answer",
}

---@class question.Asked
---@field asker       string  who asks, for the person: an agent's name, "The chain"
---@field text        string
---@field place       table   what the records say of where it stands: { call = } or { at =, of = }
---@field choices?    string[] what may be answered; anything where it is missing
---@field default?    string  the answer where nobody gives one
---@field timeout_ms? integer
---@field amount?  integer that is offered, for whoever goes on

--- Appended before anybody is asked.
---@async
---@param run   HostRun
---@param place table
---@param body  { agent: string?, to: string, text: string, choices: string[]?, default: string? }
---@return table body as it was recorded first, integer seq
function question.asked(run, place, body)
  for key, value in pairs(place) do body[key] = value end
  return past.once(run, "question", body)
end

--- Appended before anybody acts on it.
---@async
---@param run   HostRun
---@param place table
---@param body  { text: string?, by: string, error: Error? }
function question.answered(run, place, body)
  for key, value in pairs(place) do body[key] = value end
  session.record(run, "answer", body)
end

--- Nobody answers, and the run cannot wait: the question is kept, and who asked is told so.
local function unanswered(run, asked, code)
  local s = session.get()
  local open = s.questions[run.id] or {}
  s.questions[run.id] = open
  open[#open + 1] = { agent = asked.asker, to = "User", question = asked.text,
    why = NO_ANSWER[code] }
  return nil, { code = code, message = NO_ANSWER[code] }
end

--- Asks at the terminal.
---@return string? word, Error? err
local function at_terminal(asked, ms)
  local s = session.get()
  local put = { title = asked.asker .. " asks you", lines = { asked.text },
    default = asked.default, timeout_ms = ms or s.settings.policy.ask_ms }
  if asked.choices then
    put.choices = {}
    for i, word in ipairs(asked.choices) do
      put.choices[i] = { key = tostring(i), word = word }
      if word == asked.default then put.default = tostring(i) end
    end
  end
  return s.ask(put)
end

--- Waits for an answer from elsewhere. One that is none of the choices is no answer.
---@return string? word, Error? err, integer? number of the message
local function from_elsewhere(open, asked)
  while true do
    local said, err = inbox.await(open)
    if not said then return nil, err end
    local word = type(said.text) == "string" and text.valid(said.text) or ""
    if word ~= "" and (not asked.choices or text.one_of(asked.choices, word)) then
      return word, nil, said.number
    end
    inbox.took(said.number)
    session.emit(open.run, "notice", { text = ("an answer is none of the choices: %s")
      :format(show.brief(show.clean(word), 60)) })
  end
end

--- Both at once: who is at the terminal need not be who answers.
local function from_either(run, open, asked, ms)
  local done, err = run:race {
    terminal = function()
      local word, why = at_terminal(asked, ms)
      return { word = word, err = why }
    end,
    elsewhere = function()
      local word, why, number = from_elsewhere(open, asked)
      return { word = word, err = why, number = number }
    end,
  }
  if not done then return nil, err end
  return done.word, done.err, done.number
end

--- The word that somebody gave, or why there is none.
---@return string? word, Error? err, integer? number
local function from_somebody(run, open, asked)
  local s = session.get()
  local ms = open.deadline and math.max(0, open.deadline - s.now())
  if ms == 0 then return from_elsewhere(open, asked) end -- somebody may have spoken in time
  if s.ask then return from_either(run, open, asked, ms) end
  if s.parks and (asked.default == nil or ms) then return from_elsewhere(open, asked) end
  return nil, { code = "unavailable" }
end

--- Until when an answer counts, as the record says; where `stalls.ask` waits on, always.
local function deadline_of(asked)
  local s = session.get()
  local ms = asked.timeout_ms
  if not ms and not s.ask and asked.default == nil then ms = s.settings.policy.wait_ms or nil end
  return ms and s.now() + ms or nil
end

--- What is done when nobody answered in time: what the record says, where it names a time.
---@return "default"|"fail"|"wait"
local function policy_of(asked, body)
  local s = session.get()
  local policy = s.settings.stalls.ask
  if body["until"] then policy = body.late or "default" end
  if policy == "wait" and s.parks then return "wait" end
  return policy ~= "fail" and asked.default ~= nil and "default" or "fail"
end

--- Nobody answered in time. What then happens is told; where it is to wait on, it does.
local function too_late(open, asked, action)
  local s = session.get()
  session.emit(open.run, "stall", { what = "ask", action = action, after_ms = asked.timeout_ms
    or not s.ask and s.settings.policy.wait_ms or s.settings.policy.ask_ms })
  if action ~= "wait" then return nil, { code = "timeout" } end
  open.deadline = nil
  return from_elsewhere(open, asked)
end

--- Appended before anybody is asked; what an earlier process offered holds.
local function opened(run, asked)
  local late, deadline = session.get().settings.stalls.ask, deadline_of(asked)
  local kept = late ~= "wait" and deadline or nil
  local body, seq = question.asked(run, asked.place, { agent = asked.asker, to = "User",
    text = asked.text, choices = asked.choices, default = asked.default, amount = asked.amount,
    late = kept and late == "fail" and late or nil, ["until"] = kept })
  asked.choices = body.choices or asked.choices
  return body, { run = run, seq = seq, kind = "question", agent = asked.asker, text = body.text,
    deadline = body["until"] or late == "wait" and deadline or nil }
end

--- Asks the user.
---@async
---@param run   HostRun
---@param asked question.Asked
---@return string? answer, Error? err
---@return string by "person" (at the terminal), "inbox" (from elsewhere), "default" or "nobody"
---@return table body of the record
function question.put(run, asked)
  asked.text = text.cut_middle(text.valid(asked.text), QUESTION_MOST)
  local body, open = opened(run, asked)
  local asking <close> = inbox.asking(run, open.seq)
  local known = past.take(run, "answer", past.key("answer", body))
  asking.known = known ~= nil
  if known then return known.text, known.error, known.by, body end
  local answer, err, number = from_somebody(run, open, asked)
  local action = err and err.code == "timeout" and policy_of(asked, body)
  if action then answer, err, number = too_late(open, asked, action) end
  asking.known = true
  local by = number and "inbox" or "person"
  if not answer and asked.default ~= nil and action ~= "fail" then
    answer, err, by = asked.default, nil, "default"
  elseif not answer then
    by = "nobody"
    if NO_ANSWER[err.code] then answer, err = unanswered(run, asked, err.code) end
  end
  question.answered(run, asked.place, { text = answer, by = by,
    error = err and { code = err.code, message = err.message } })
  inbox.took(number)
  return answer, err, by, body
end

--- What a parked run waits for, for people.
---@param run HostRun
---@return string message
function question.waits_for(run)
  local first, count = session.get().parked[1], #session.get().parked
  if not first then return ("%s waits for a person"):format(run.id) end
  local said = ("%s waits for you: %s %s: %s"):format(run.id, show.clean(first.agent),
    first.kind == "question" and "asks" or "wants to call",
    show.brief(show.clean(text.first_line(first.text)), 200))
  if count > 1 then said = said .. (" (and %d more)"):format(count - 1) end
  return said
end

--- The questions of a run and its children that nobody answered; what they leave behind goes to
--- the parent.
---@param run HostRun
---@return { agent: string, to: string, question: string, why: string }[]? open
function question.left(run)
  local questions = session.get().questions
  local open = questions[run.id]
  if open and run.parent then
    local above = questions[run.parent] or {}
    questions[run.parent] = table.move(open, 1, #open, #above + 1, above)
  end
  return open
end

return question
