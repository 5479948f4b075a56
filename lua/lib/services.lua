--- What the `run` of a chain does, on the host's side. Each function gets the chain's run first.
local agent   = require "lib.agent"
local allowance = require "lib.allowance"
local children = require "lib.children"
local copies  = require "lib.copies"
local door    = require "lib.door"
local duration = require "lib.duration"
local json    = require "lib.json"
local opening = require "lib.opening"
local output  = require "lib.output"
local past    = require "lib.past"
local question = require "lib.question"
local schema  = require "lib.schema"
local session = require "lib.session"
local show    = require "lib.show"
local steps   = require "lib.steps"
local text    = require "lib.text"

local services = {}

local LOG_MOST <const> = 4000 -- bytes of a line

local OPTIONS <const> = schema.object {
  { "hops", schema.enum { "off", "auto", "full" }, "Whether the child may go on to other agents.",
    optional = true },
  { "output", schema.any {}, "What its final reply must be.", optional = true },
  { "workspace", schema.enum { "copy" }, "Where it works.", optional = true },
  { "limits", schema.any {}, "What it may use at most.", optional = true },
}

local PATCH <const> = schema.object {
  { "text", schema.text(), "The patch." },
  { "files", schema.list { of = schema.path() }, "What it changes." },
  { "binary", schema.list { of = schema.path() }, "What of it is no text.", optional = true },
}

local QUESTION <const> = schema.object {
  { "choices", schema.list { of = schema.text { min = 1, max = 60 }, min = 2, max = 9 },
    "What may be answered; anything where it is missing.", optional = true },
  { "default", schema.text {}, "The answer where nobody can be asked, or nobody answers.",
    optional = true },
  { "timeout", schema.text {}, "How long the question waits, such as 10m.", optional = true },
}

local function invalid(message) return nil, { code = "invalid", message = message } end

local function brief(said) return text.cut_middle(text.valid(said), LOG_MOST) end

--- What tells a step from another in the same place: a hash of what it was given.
local function identity(run, ...) return run:hash(json.encode(json.array { ... })) end

--- Every tool there is: policy and grant still stand before each call.
local function chain_as_agent()
  return { name = "chain", tools = text.sorted_keys(session.get().tools), targets = {}, edges = {} }
end

--- What the records of a step say of where it stands.
local function mark(place, of) return { at = place.at, of = of, line = place.line } end

--- A result as the script gets it; the failure of a child that came to no good end holds what it
--- had.
local function outcome(result, err)
  if not result then return nil, err end
  if result.status ~= "ok" then
    return nil, { code = result.status, message = result.error, details = { text = result.text } }
  end
  if result.value ~= nil then return result.value end
  return result.text
end

--- One agent, and whoever it hands to where hops are on.
local function work_of(who, input, options)
  local task, first = opening.of(input)
  return function(child)
    return agent.run(child, { agent = who, task = task, opening = first,
      hops = options.hops or "off", output = options.form })
  end
end

---@return agent.Result? result, Error? err, string? id
local function carry_child(run, place, who, input, options, more)
  local record, task = mark(place, options.of), opening.of(input)
  record.workspace, record.copy = options.workspace, more.copy
  return children.carry(run, { agent = who.name, task = task, record = record, again = more.again,
    try = more.try,
    started = { workspace = more.place and more.place.workspace or run.workspace },
    place = more.place, limits = options.bounds, work = work_of(who, input, options) })
end

--- Records how a child ended, and answers it as the script gets it.
---@return any reply, Patch|Error|nil patch_or_err
local function close_child(run, place, who, options, result, failure, id, patch)
  local reply, err = outcome(result, failure)
  if id then
    local body = mark(place, options.of)
    body.agent, body.run, body.patch = who.name, id, reply ~= nil and patch or nil
    body.status = result and result.status or failure and failure.code
    body.error = reply == nil and err or nil
    session.record(run, "child.finished", body)
  end
  if reply == nil then return nil, err end
  return reply, patch
end

--- A child in a copy of its own, which is taken up again where the child was under way in one;
--- where that copy is gone the child begins anew, and what it did before counts. So does one whose
--- time was over and that may begin anew, in another copy.
---@return any reply, Patch|Error|nil patch_or_err
local function carry_in_copy(run, place, who, input, options, again, try)
  local anew, waits = false, again ~= nil
  local _ <close> = setmetatable({}, { __close = function() -- there was no copy, or no time for one
    if waits then children.give_up(run, again) end
  end })
  local function work(copy, name, is_again)
    waits = false
    if again and not is_again then children.give_up(run, again) end
    return carry_child(run, place, who, input, options,
      { place = copy, copy = name, again = is_again and again or nil, try = try })
  end
  local reply, more = copies.within(run, again and again.copy, work, function(result, err, id, ...)
    anew = id ~= nil and children.again(run, id, try or 1, true)
    if not anew then return close_child(run, place, who, options, result, err, id, ...) end
  end)
  if not anew then return reply, more end
  return carry_in_copy(run, place, who, input, options, nil, (try or 1) + 1)
end

--- run.ask: a child run with one agent.
---@async
---@return any reply, Patch|Error|nil patch_or_err
function services.ask(run, place, name, input, options)
  local checked, problems = schema.check(OPTIONS, options, "options")
  if not checked then return invalid("run.ask: " .. problems[1].message) end
  if checked.output then
    local why
    checked.form, why = output.read(checked.output)
    if not checked.form then return invalid("run.ask: output: " .. why) end
  end
  if checked.limits then
    local why
    checked.bounds, why = allowance.read(checked.limits, allowance.KEYS)
    if not checked.bounds then return invalid("run.ask: " .. why.message) end
  end
  checked.of = identity(run, name, input, options)
  local done, started = steps.known(run, place, { what = "ask", name = name, of = checked.of })
  if done then
    local result, failure = children.recall(run, done)
    if done.error then return nil, done.error end
    local reply, err = outcome(result, failure)
    return reply, err or done.patch
  end
  local again = started and started.body
  local who, err = session.get().catalog.find(name)
  if not who then
    if again then children.give_up(run, again) end
    return nil, err
  end
  if checked.workspace then
    return carry_in_copy(run, place, who, input, checked, again, again and again.try)
  end
  return close_child(run, place, who, checked,
    carry_child(run, place, who, input, checked, { again = again }))
end

--- run.apply: a call like others, of a tool that only chains have.
---@async
---@return boolean? applied, Error? err
function services.apply(run, place, patch)
  local checked, problems = schema.check(PATCH, patch, "patch")
  if not checked then return invalid("run.apply: " .. problems[1].message) end
  local said, err = services.tool(run, place, "apply_patch",
    { patch = checked.text, files = checked.files })
  if not said then return nil, err end
  return true
end

--- run.tool: through the same door as a model's call.
---@async
---@return string? said, any data_or_err what the tool gave beside its text, or why there is none
function services.tool(run, place, name, input)
  local arguments = json.encode(input)
  local call = { id = "chain_" .. place.at:gsub("[^%w]", "_"), name = name, input = arguments,
    at = place.at, of = identity(run, name, arguments), line = place.line }
  local done = steps.known(run, place, { what = "tool", name = name, of = call.of })
  local result = done and door.recall(run, done) or door.call(run, chain_as_agent(), call)
  if result.error then return nil, { code = result.code or "invalid", message = result.text } end
  return result.text, result.data
end

--- Whether the function of a run.step need not run again.
function services.is_done(run, at) return steps.is_done(run, at) end

--- run.step: keeps what a function of the chain answered.
---@async
---@param given table what the function was given
---@return { value: any, error: any }? answer what it answered the first time
---@return Error? err what it was given or answered cannot be kept
function services.step(run, place, name, given, answer)
  local whole, why = pcall(json.encode, { given = given, answer = answer })
  if not whole then
    return nil, { code = "script",
      message = ("%s: run.step %q cannot be kept: %s"):format(place.line, name, why) }
  end
  local of = identity(run, name, given)
  local done = steps.known(run, place, { what = "step", name = name, of = of,
    older = #given == 0 and identity(run, name, { n = 0 }) or nil })
  if done then return { value = done.value, error = done.error } end
  local body = mark(place, of)
  body.name, body.value, body.error = name, answer.value, answer.error
  session.record(run, "step", body)
  return answer
end

--- run.sleep. The record comes first and says when it began, so that who goes on later sleeps no
--- longer than was left.
---@async
function services.sleep(run, place, ms)
  local of = identity(run, ms)
  local done, started = steps.known(run, place, { what = "sleep", of = of })
  if done then return true end
  local left = ms
  if started then
    left = math.max(0, math.min(ms, started.time + ms - session.get().now()))
  else
    local body = mark(place, of)
    body.ms = ms
    session.record(run, "sleep", body)
  end
  local slept, err = run:sleep(left)
  if not slept then return nil, err end
  session.record(run, "woke", mark(place, of))
  return true
end

--- What a run spent, and what is left of it; nil where nothing bounds it. Dollars as dollars.
local function budget_of(run)
  local spent, found = run:spent(), {}
  for _, key in ipairs(allowance.KEYS) do
    local used = spent[key]
    if used then
      local per = key == "usd" and 1e6 or 1
      local left = run:left(key)
      found[key] = { spent = used / per, left = left and left / per }
      if per == 1 then found[key] = { spent = used, left = left } end
    end
  end
  found.time_ms = (run:time_left())
  return found
end

--- run.budget: recorded, since a chain that goes another way for it must go the same way again.
---@async
function services.budget(run, place)
  local done = steps.known(run, place, { what = "budget" })
  if done then return done.value end
  local body = mark(place)
  body.value = budget_of(run)
  session.record(run, "budget", body)
  return body.value
end

--- run.phase: where the chain is, for whoever watches.
---@async
function services.phase(run, place, name)
  past.once(run, "phase", { at = place.at, name = brief(name) })
end

--- run.log: a line for whoever watches; in the journal too.
---@async
function services.tell(run, place, said)
  past.once(run, "log", { at = place.at, text = brief(said) })
end

--- run.question: recorded when it is asked and when it is answered.
---@async
---@return string? answer, Error? err
function services.question(run, place, asked, options)
  local checked, problems = schema.check(QUESTION, options, "options")
  if not checked then return invalid("run.question: " .. problems[1].message) end
  local timeout, err
  if checked.timeout then
    timeout, err = duration.parse(checked.timeout)
    if not timeout then return invalid("run.question: timeout: " .. err.message) end
  end
  if checked.choices and checked.default ~= nil
    and not text.one_of(checked.choices, checked.default) then
    return invalid(("run.question: the default %q is none of the choices"):format(checked.default))
  end
  local of = identity(run, asked, checked.choices)
  local done = steps.known(run, place, { what = "question", name = asked, of = of })
  local word
  if done then
    word, err = done.text, done.error
  else
    word, err = question.put(run, { asker = "The chain", text = asked, place = mark(place, of),
      choices = checked.choices, default = checked.default, timeout_ms = timeout })
  end
  if word then return word end
  return nil, { code = "waiting", message = ("%q has no answer: %s; run it on a terminal, or give "
    .. "the question a default"):format(show.brief(text.first_line(asked), 100), err.message) }
end

--- call.log: a line for whoever watches; in the journal too.
---@async
---@param tool string who says it
function services.log(run, said, tool)
  session.record(run, "log", { text = brief(said), tool = tool })
end

--- What a command prints while it runs, as whoever watches sees it. Waits for nothing: the host
--- fetches the next piece only when this one was shown.
---@param piece { run: HostRun?, call: string, tool: string, stdout: string, stderr: string }
function services.output(piece)
  if not piece.run then return end -- it ended meanwhile
  for _, name in ipairs { "stdout", "stderr" } do
    if piece[name] ~= "" then
      session.emit(piece.run, "delta.output", { call = piece.call, tool = piece.tool,
        text = (text.valid(piece[name])), stderr = name == "stderr" or nil })
    end
  end
end

--- A run that has not ended although its time was over long ago, as the host recorded it.
---@param overdue { id: string, parent: string?, seq: integer, after_ms: integer }
function services.watchdog(overdue)
  session.emit(overdue, "watchdog", { after_ms = overdue.after_ms }, overdue.seq)
end

-- what authors' tests may do besides --------------------------------------------------------------

--- The function of that name among those which `perigee test` gives.
local function of_test(name)
  local bench = session.get().bench
  if bench then return bench[name] end
  return function() return nil, { code = "denied", message = "only in perigee test" } end
end

--- A file of the folder that PERIGEE_SHARED names; nil without it, so that a test can skip aloud.
function services.shared(_, name) return of_test "shared"(name) end

--- A definition's text as the host parses it.
function services.definition(_, source) return of_test "definition"(source) end

--- From here on a scenario plays the agents; its files are put into the workspace.
---@async
---@return string? task of the scenario, Error? err
function services.rehearse(run, scenario) return of_test "rehearse"(run, scenario) end

--- A chain as a child of the test.
---@async
---@return any value, Error? err
function services.chain(run, file, params) return of_test "chain"(run, file, params) end

--- What was recorded so far, by the test's run and its children.
---@return { run: string, kind: string, body: table }[]? records, Error? err
function services.records(_, kind) return of_test "records"(kind) end

return services
