--- Questions of a run to a person: recorded before they are asked, asked at the terminal at once,
--- and recorded with who answered. Where nobody is there they are kept, and stand in the result of
--- the run. Host VM only.
local session = require "lib.session"
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

--- Appended before anybody is asked.
---@async
---@param run   HostRun
---@param place table
---@param body  { agent: string?, to: string, text: string, choices: string[]?, default: string? }
function question.asked(run, place, body)
  for key, value in pairs(place) do body[key] = value end
  session.record(run, "question", body)
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

--- Nobody answers. A run that can wait for a person would park here until one has; so far none can:
--- the question is kept, and who asked is told so.
local function unanswered(run, asked, code)
  local s = session.get()
  local open = s.questions[run.id] or {}
  s.questions[run.id] = open
  open[#open + 1] = { agent = asked.asker, to = "User", question = asked.text,
    why = NO_ANSWER[code] }
  return nil, { code = code, message = NO_ANSWER[code] }
end

--- The word that the person gave, or why there is none.
local function ask_person(asked)
  local s = session.get()
  if not s.ask then return nil, { code = "unavailable" } end
  local put = { title = asked.asker .. " asks you", lines = { asked.text },
    default = asked.default, timeout_ms = asked.timeout_ms or s.settings.policy.ask_ms }
  if asked.choices then
    put.choices = {}
    for i, word in ipairs(asked.choices) do
      put.choices[i] = { key = tostring(i), word = word }
      if word == asked.default then put.default = tostring(i) end
    end
  end
  return s.ask(put)
end

--- Asks the user.
---@async
---@param run   HostRun
---@param asked question.Asked
---@return string? answer, Error? err
---@return string by "person", "default" or "nobody"
function question.put(run, asked)
  asked.text = text.cut_middle(text.valid(asked.text), QUESTION_MOST)
  question.asked(run, asked.place, { agent = asked.asker, to = "User", text = asked.text,
    choices = asked.choices, default = asked.default })
  local by = "person"
  local answer, err = ask_person(asked)
  if err and err.code == "timeout" then
    session.emit(run, "stall", { what = "ask", action = asked.default and "default" or "fail",
      after_ms = asked.timeout_ms or session.get().settings.policy.ask_ms })
  end
  if not answer and asked.default ~= nil then
    answer, err, by = asked.default, nil, "default"
  elseif not answer then
    by = "nobody"
    if NO_ANSWER[err.code] then answer, err = unanswered(run, asked, err.code) end
  end
  question.answered(run, asked.place, { text = answer, by = by,
    error = err and { code = err.code, message = err.message } })
  return answer, err, by
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
