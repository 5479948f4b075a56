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
---@field begun   boolean an earlier process began with it, and it is not made again
---@field put?    ask.Question as a person is shown it

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

--- What somebody says yes or no to, as one text.
local function terms(body)
  local parts = { body.tool, body.title }
  for _, key in ipairs { "lines", "facts" } do
    for _, line in ipairs(body[key]) do parts[#parts + 1] = ("%s %q"):format(key, line) end
  end
  return table.concat(parts, "\n")
end

--- What an approval shows: its terms, and how it may be answered.
local function shown(body)
  local parts = { terms(body), body.kept or "" }
  for _, word in ipairs(body.choices) do parts[#parts + 1] = ("choices %q"):format(word) end
  return table.concat(parts, "\n")
end

--- The approval as it is recorded.
local function body_of(question, put)
  local words = {}
  for i, choice in ipairs(put.choices) do words[i] = choice.word end
  return { call = question.call.id, agent = question.asked.agent, tool = question.asked.tool,
    title = put.title, lines = put.lines, facts = put.facts, kept = put.kept, choices = words }
end

local function record(run, question, allowed, by, how)
  session.record(run, "decision", { what = "ask", call = question.call.id,
    tool = question.call.name, verdict = allowed and "allow" or "deny", by = by, why = how,
    terms = run:hash(terms(body_of(question, question.put))) })
end

--- What was recorded so far does not hold: it was about something else.
local function record_again(run, body)
  session.record(run, "decision", { what = "ask", call = body.call, tool = body.tool,
    verdict = "again", by = "nobody", why = "what it would do is not what was shown any more" })
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

-- who answers -------------------------------------------------------------------------------------

--- Until when an approval counts; nil: there is no such time.
local function deadline_now()
  local s = session.get()
  local ms = s.settings.policy.wait_ms
  return ms and s.settings.stalls.ask ~= "wait" and s.now() + ms or nil
end

--- The approval's record and its number. An earlier one holds only where it shows the same: who
--- says yes to it has to have read what is asked now.
local function put_elsewhere(run, body)
  local known, seq = past.take(run, "approval", body.call)
  while known do
    if shown(known) == shown(body) then return known, seq end
    inbox.drop(run, seq, "it asks for something else now")
    record_again(run, body)
    known, seq = past.take(run, "approval", body.call)
  end
  body["until"] = deadline_now()
  return body, session.record(run, "approval", body)
end

local function tell_stall(run, action)
  local s = session.get()
  session.emit(run, "stall", { what = "ask", action = action,
    after_ms = not s.ask and s.settings.policy.wait_ms or s.settings.policy.ask_ms })
end

--- Somebody's word from elsewhere, who is shown what a person at the terminal would be.
---@return string? word, Error? err, integer? number of the message
local function from_elsewhere(run, question)
  local body, seq = put_elsewhere(run, body_of(question, question.put))
  local asking <close> = inbox.asking(run, seq)
  local said, err = inbox.await { run = run, seq = seq, kind = "approval", agent = body.agent,
    deadline = body["until"], text = table.concat({ body.tool, table.unpack(body.lines) }, "\n") }
  asking.known = true
  if not said then
    if err.code == "timeout" then tell_stall(run, "deny") end
    return nil, err
  end
  local always = said.always == true and text.one_of(body.choices, ALWAYS)
  if said.what == "approve" then return always and ALWAYS or ONCE, nil, said.number end
  return always and NEVER or NO, nil, said.number
end

--- At the terminal. Where nobody answers there, `stalls.ask` may say that the run waits on.
local function at_terminal(run, question)
  local s = session.get()
  local word, err = s.ask(question.put)
  if word or err.code ~= "timeout" then return word, err end
  local waits = s.settings.stalls.ask == "wait" and s.parks
  tell_stall(run, waits and "wait" or "deny")
  if waits then return from_elsewhere(run, question) end
  return nil, err
end

--- Whether there is nothing to ask at the terminal: somebody answered from elsewhere, or the time
--- to do so is over.
local function is_settled(run, question)
  local body, seq = past.peek(run, "approval", question.call.id)
  return body ~= nil and (inbox.has(run, seq)
    or body["until"] ~= nil and body["until"] <= session.get().now())
end

---@return string? word, Error? err, integer? number
local function from_somebody(run, question)
  local s = session.get()
  if s.ask and not is_settled(run, question) then return at_terminal(run, question) end
  if s.parks then return from_elsewhere(run, question) end
  return nil, { code = "unavailable", message = "nobody is here to answer" }
end

-- what was answered before ------------------------------------------------------------------------

--- The last decision about this call that an earlier process recorded: one that did not hold any
--- more is followed by `again`.
local function recorded(run, id)
  local key = "ask " .. id
  local known, seq = past.take(run, "decision", key)
  local after = known and past.peek(run, "decision", key)
  while after and (known.verdict == "again" or after.verdict == "again") do
    known, seq = past.take(run, "decision", key)
    after = past.peek(run, "decision", key)
  end
  if not known then return nil end
  local approval, at = past.peek(run, "approval", id)
  while at and at < seq do
    if not known.terms then known.terms = run:hash(terms(approval)) end -- of an earlier version
    past.take(run, "approval", id)
    inbox.drop(run, at, "it has an answer already")
    approval, at = past.peek(run, "approval", id)
  end
  return known
end

--- Whether a yes is still about what is asked now; a no always holds. Of a call that has begun, and
--- is not made again, it does not matter any more.
local function still_holds(run, question, known, answers)
  if known.verdict == "deny" or question.begun then return true end
  if known.by == "kept answer" then return answers and answers.find(question.key) == "allow" end
  return known.terms == run:hash(terms(body_of(question, question.put)))
end

--- Whether a call that policy asks about may be made.
---@async
---@param run      HostRun
---@param question consent.Question
---@return boolean allowed, string? why not
function consent.ask(run, question)
  local answers = session.get().answers
  question.put = question_of(question, answers)
  local known = recorded(run, question.call.id)
  if known and known.verdict ~= "again" then
    if still_holds(run, question, known, answers) then
      return known.verdict == "allow", ("%s (%s)"):format(question.verdict.why, known.why)
    end
    record_again(run, body_of(question, question.put))
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
  local word, err, number = from_somebody(run, question)
  if not word then return unanswered(run, question, NO_ANSWER[err.code] or err.message) end
  record(run, question, ALLOWS[word], number and "inbox" or "person", word)
  inbox.took(number)
  keep(run, answers, question, word)
  return ALLOWS[word] == true, ("%s, and the person said %s"):format(
    show.clean(question.verdict.why), word)
end

return consent
