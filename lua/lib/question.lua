--- A question of an agent to the user: at the terminal at once; where nobody is there it is kept,
--- and stands in the result of the run. Host VM only.
local session = require "lib.session"
local text    = require "lib.text"

local question = {}

local QUESTION_MOST <const> = 8000 -- bytes

local NO_ANSWER <const> = {
  timeout = "nobody answered in time", waiting = "the question was left without an answer",
}

---@class question.Asked
---@field agent    string who asks
---@field question string

--- Nobody answers. A run that can wait for a person would park here until one has; so far none can:
--- the question is kept, and who asked is told so.
local function unanswered(run, asked, how)
  local s = session.get()
  local open = s.questions[run.id] or {}
  s.questions[run.id] = open
  open[#open + 1] = { agent = asked.agent, to = "User", question = asked.question, why = how }
  return nil, how
end

--- Asks the user.
---@async
---@param run   HostRun
---@param asked question.Asked
---@return string? answer, string? why there is none
function question.put(run, asked)
  local s = session.get()
  asked = { agent = asked.agent, question = text.cut_middle(text.valid(asked.question),
    QUESTION_MOST) }
  if not s.ask then return unanswered(run, asked, "nobody is here to answer") end
  local answer, err = s.ask { title = asked.agent .. " asks you", lines = { asked.question },
    timeout_ms = s.settings.policy.ask_ms }
  if answer then return answer end
  return unanswered(run, asked, NO_ANSWER[err.code] or err.message)
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
