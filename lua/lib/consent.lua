--- A call that policy asks about: an answer from before, a person at the terminal or elsewhere, or
--- nobody. Every answer is recorded with who gave it and how. Host VM only.
local inbox   = require "lib.inbox"
local json    = require "lib.json"
local past    = require "lib.past"
local rules   = require "lib.policy_rules"
local session = require "lib.session"
local show    = require "lib.show"
local text    = require "lib.text"

local consent = {}

local VALUE_MOST <const> = 3000 -- bytes of one argument that are shown
local SHOWN_MOST <const> = 8000 -- of all of them
local NAME_MOST  <const> = 60   -- of an agent's name in the title

local ONCE <const>, ALWAYS <const>, NO <const>, NEVER <const> =
  "once", "always here", "no", "never here"

local ALLOWS <const> = { [ONCE] = true, [ALWAYS] = true }
local KEPT   <const> = { [ALWAYS] = "allow", [NEVER] = "deny" }

---@class consent.Question
---@field call    Call
---@field asked   policy.Call
---@field verdict policy.Verdict that asks
---@field key     answers.Key

--- The arguments, each with its name; false when something is not shown in full.
local function arguments(input)
  local lines, whole, left = {}, true, SHOWN_MOST
  for _, key in ipairs(text.sorted_keys(input)) do
    local value = input[key]
    local said = type(value) == "string" and value or json.encode(value)
    local most = math.min(VALUE_MOST, math.max(left, 200))
    local shown, missing = text.cut_middle(said, most)
    whole = whole and missing == 0
    left = left - #shown
    lines[#lines + 1] = ("%s: %s"):format(key, shown)
  end
  return lines, whole
end

--- A name that stands in the title, short enough that what follows it is seen.
local function in_title(name) return show.brief(text.first_line(name), NAME_MOST) end

--- Whether an answer can be kept: it must be about no more than what was shown. A host that can be
--- read in several ways stands for any other such host.
local function keepable(asked, whole)
  return whole and not text.one_of(asked.hosts, rules.ODD)
end

--- What the person reads and may answer. What is not shown in full can be answered for this once
--- only.
local function question_of(question, answers)
  local asked, verdict = question.asked, question.verdict
  local lines, whole = arguments(asked.input)
  local facts = {}
  if #asked.hosts > 0 then facts[#facts + 1] = "hosts: " .. table.concat(asked.hosts, ", ") end
  facts[#facts + 1] = "reach: " .. asked.reach
    .. (question.key.unconfined and ", WITHOUT a sandbox" or "")
  facts[#facts + 1] = ("why it asks: %s%s"):format(verdict.why,
    verdict.from and (" (%s)"):format(verdict.from) or "")
  local choices = { { key = "y", word = ONCE }, { key = "n", word = NO } }
  local kept
  if answers and keepable(asked, whole) then
    kept = "always and never mean: " .. answers.scope(question.key)
    choices = { { key = "y", word = ONCE }, { key = "a", word = ALWAYS, whole = true },
      { key = "n", word = NO }, { key = "v", word = NEVER, whole = true } }
  end
  return { title = ("%s wants to call %s"):format(in_title(asked.agent), in_title(asked.tool)),
    lines = lines, facts = facts, kept = kept, choices = choices, default = "n",
    timeout_ms = session.get().settings.policy.ask_ms }
end

local function record(run, question, allowed, by, how)
  session.record(run, "decision", { what = "ask", call = question.call.id,
    tool = question.call.name, verdict = allowed and "allow" or "deny", by = by, why = how })
end

--- Nobody answers, and the run cannot wait: a question without an answer is a denial.
local function unanswered(run, question, how)
  record(run, question, false, "nobody", how)
  return false, ("%s (it would have to be asked, and %s)"):format(question.verdict.why, how)
end

local NO_ANSWER <const> = {
  timeout = "nobody answered in time", waiting = "the question was left without an answer",
}

--- Keeps an answer for the next time. Where that fails the answer holds this once, and it is said.
local function keep(run, answers, question, word)
  if not KEPT[word] then return end
  local kept, err = answers.keep(question.key, KEPT[word])
  if not kept then
    session.emit(run, "notice", { text = "the answer holds this once: " .. err.message })
  end
end

--- What an approval shows, as one text.
local function shown(body)
  local parts = { body.tool, body.title, body.kept or "" }
  for _, key in ipairs { "lines", "facts", "choices" } do
    for _, line in ipairs(body[key]) do parts[#parts + 1] = ("%s %q"):format(key, line) end
  end
  return table.concat(parts, "\n")
end

--- The number of the approval's record. An earlier one holds only where it shows the same: who says
--- yes to it has to have read what is asked now.
local function put_elsewhere(run, body)
  local known, seq = past.take(run, "approval", body.call)
  while known do
    if shown(known) == shown(body) then return seq end
    inbox.drop(run, seq)
    session.record(run, "decision", { what = "ask", call = body.call, tool = body.tool,
      verdict = "again", by = "nobody", why = "what it would do is not what was shown any more" })
    known, seq = past.take(run, "approval", body.call)
  end
  return session.record(run, "approval", body)
end

--- Somebody's word from elsewhere, who is shown what a person at the terminal would be.
---@return string? word, Error? err, integer? number of the message
local function from_elsewhere(run, question, answers)
  local put, words = question_of(question, answers), {}
  for i, choice in ipairs(put.choices) do words[i] = choice.word end
  local seq = put_elsewhere(run, { call = question.call.id,
    agent = question.asked.agent, tool = question.asked.tool, title = put.title, lines = put.lines,
    facts = put.facts, kept = put.kept, choices = words })
  local said, err = inbox.await { run = run, seq = seq, kind = "approval",
    agent = question.asked.agent, text = table.concat(
      { question.asked.tool, table.unpack(put.lines) }, "\n") }
  if not said then return nil, err end
  local always = said.always == true and text.one_of(words, ALWAYS)
  if said.what == "approve" then return always and ALWAYS or ONCE, nil, said.number end
  return always and NEVER or NO, nil, said.number
end

---@return string? word, Error? err, integer? number
local function from_somebody(run, question, answers)
  local s = session.get()
  if s.ask then return s.ask(question_of(question, answers)) end
  if s.parks then return from_elsewhere(run, question, answers) end
  return nil, { code = "unavailable", message = "nobody is here to answer" }
end

--- Whether a call that policy asks about may be made.
---@async
---@param run      HostRun
---@param question consent.Question
---@return boolean allowed, string? why not
function consent.ask(run, question)
  local answers = session.get().answers
  local known = past.take(run, "decision", "ask " .. question.call.id)
  while known and known.verdict == "again" do
    past.take(run, "approval", question.call.id)
    known = past.take(run, "decision", "ask " .. question.call.id)
  end
  if known then
    past.pass(run, "approval", question.call.id, math.maxinteger)
    return known.verdict == "allow", ("%s (%s)"):format(question.verdict.why, known.why)
  end
  if answers then
    local before, err = answers.find(question.key)
    if err then return unanswered(run, question, err.message) end
    if before then
      record(run, question, before == "allow", "kept answer", "answered before for "
        .. answers.scope(question.key))
      return before == "allow", "the person answered before: never here"
    end
  end
  local word, err, number = from_somebody(run, question, answers)
  if not word then return unanswered(run, question, NO_ANSWER[err.code] or err.message) end
  record(run, question, ALLOWS[word], number and "inbox" or "person", word)
  inbox.took(number)
  keep(run, answers, question, word)
  return ALLOWS[word] == true, ("%s, and the person said %s"):format(
    show.clean(question.verdict.why), word)
end

return consent
