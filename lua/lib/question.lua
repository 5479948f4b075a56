--- A question of an agent or a chain to the user: at the terminal at once; where nobody is
--- there it is kept, and stands in the result of the run. Host VM only.
local session = require "lib.session"
local text    = require "lib.text"

local question = {}

local QUESTION_MOST <const> = 8000 -- bytes

local NO_ANSWER <const> = {
  timeout = "nobody answered in time", waiting = "the question was left without an answer",
}

---@class question.Asked
---@field agent       string who asks
---@field question    string
---@field choices?    string[] what may be answered; anything where it is missing
---@field default?    string where nobody answers; the question is not kept then
---@field timeout_ms? integer

--- Nobody answers. A run that can wait for a person would park here until one has; so far none can:
--- the question is kept, and who asked is told so.
local function unanswered(run, asked, how)
  local s = session.get()
  local open = s.questions[run.id] or {}
  s.questions[run.id] = open
  open[#open + 1] = { agent = asked.agent, to = "User", question = asked.question, why = how }
  return nil, how, "nobody"
end

--- The question as the terminal shows it.
local function shown(asked, wait_ms)
  local q = { title = asked.agent .. " asks you", lines = { asked.question },
    default = asked.default, timeout_ms = asked.timeout_ms or wait_ms }
  if not asked.choices then return q end
  q.choices, q.default = {}, nil
  for i, word in ipairs(asked.choices) do
    q.choices[i] = { key = tostring(i), word = word }
    if word == asked.default then q.default = tostring(i) end
  end
  return q
end

--- Asks the user.
---@async
---@param run   HostRun
---@param asked question.Asked
---@return string? answer, string? why there is none, "person"|"default"|"nobody" by
function question.put(run, asked)
  local s = session.get()
  local said = text.cut_middle(text.valid(asked.question), QUESTION_MOST)
  local why = "nobody is here to answer"
  if s.ask then
    local whole = { agent = asked.agent, question = said, choices = asked.choices,
      default = asked.default, timeout_ms = asked.timeout_ms }
    local answer, err = s.ask(shown(whole, s.settings.policy.ask_ms))
    if answer then return answer, nil, "person" end
    why = NO_ANSWER[err.code] or err.message
  end
  if asked.default ~= nil then return asked.default, nil, "default" end
  return unanswered(run, { agent = asked.agent, question = said }, why)
end

--- The questions of a run and its children that nobody answered; what they leave behind goes to
--- the parent.
---@param run HostRun
---@return question.Asked[]? open
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
