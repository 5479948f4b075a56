--- perigee runs: what ran, and what each run did.
local allowance = require "lib.allowance"
local args = require "lib.args"
local chains = require "lib.chains"
local compaction_words = require "lib.compaction_words"
local export = require "lib.export"
local export_html = require "lib.export_html"
local json = require "lib.json"
local records = require "lib.records"
local reply = require "lib.reply"
local resume = require "lib.resume"
local run_cache = require "lib.run_cache"
local run_cost = require "lib.run_cost"
local run_sums = require "lib.run_sums"
local show = require "lib.show"
local size = require "lib.size"
local start = require "lib.start"
local text = require "lib.text"
local waiting = require "lib.waiting"

local SPEC <const> = {
  usage = "perigee runs list | show RUN | resume RUN | answer RUN[:SEQ] TEXT "
    .. "| approve RUN[:SEQ] | deny RUN[:SEQ] | cancel RUN | fork RUN --at SEQ | cost RUN "
    .. "| cache RUN | export RUN | prune --older TIME",
  about = "RUN is an id, any part of it that only one run has, or last. answer, approve and deny "
    .. "tell a run what it waits for (:SEQ is needed where it waits for several things). The "
    .. "process that carries the run hears it; where there is none the run is carried on here, "
    .. "as resume does. cost: tokens and dollars by agent and model, children included. cache: "
    .. "what the provider's cache did for each turn, why it missed, and what that cost.",
  positionals = {
    { "WHAT", "list, show, resume, answer, approve, deny, cancel, fork, cost, cache, export "
      .. "or prune" },
    { "RUN", "a run", optional = true },
    { "TEXT", "answer: what you say; - reads it from stdin", optional = true },
  },
  options = {
    { "--format", "text", "export: html, a page to read (default), or jsonl, all records",
      hint = "FORMAT" },
    { "--output", "text", "export: the file to write (default: stdout)", hint = "FILE" },
    { "--store", "text", "the journal's file", hint = "FILE" },
    { "--with-current", "flag", "resume: with the files as they are now, not as the run had them" },
    { "--from", "text", "resume: do this step again, and what followed from it: a place in a chain "
      .. "(3.facts/2), or the number of a record; RUN:STEP is one of a child", hint = "STEP" },
    { "--model", "text", "resume: ask this model from here on" },
    { "--workspace", "text", "resume: go on in this folder; needed where the run's own was moved "
      .. "or replaced", hint = "DIR" },
    { "--limit", "key=value list", "resume: other limits than the run had", keys = allowance.KEYS },
    { "--events", "flag", "resume: print one JSON object a line while it runs" },
    { "--unconfined", "flag", "resume: run commands WITHOUT a sandbox" },
    { "--most", "integer", "list: how many runs (default 20)" },
    { "--waiting", "flag", "list: only runs that wait for a person, and what for" },
    { "--always", "flag", "approve, deny: also whenever just this is asked here again" },
    { "--at", "integer", "fork: the last record that the copy has", hint = "SEQ" },
    { "--set", "list", "fork: another value for a chain's parameter", hint = "KEY=VALUE" },
    { "--no-run", "flag", "answer, approve, deny, fork: leave it at that; do not carry on here" },
    { "--older", "duration", "prune: what has not changed for so long, such as 30d" },
    { "--dry-run", "flag", "prune: say what would be removed, and remove nothing" },
    { "--json", "flag", "print JSON: one record a line for show, one object for the others" },
  },
}

local failed = show.failure

--- The newest runs, or those that wait.
local function rows_of(cli, values)
  local most = values.most or 20
  local rows, err = cli.list_runs(values.waiting and -1 or most)
  if not rows or not values.waiting then return rows, err end
  local parked = {}
  for _, row in ipairs(rows) do
    if row.status == "waiting" and row.parent == "" and #parked < most then
      row.waiting = json.array(waiting.of(cli, row.run))
      parked[#parked + 1] = row
    end
  end
  return parked
end

local function list(cli, values)
  local rows, err = rows_of(cli, values)
  if not rows then return failed(cli, err) end
  if values.json then
    cli.out(json.encode(json.object { { "runs", json.array(rows) } }) .. "\n")
    return 0
  end
  for _, row in ipairs(rows) do
    local child = row.parent ~= "" and "  child of " .. row.parent or ""
    local usd = row.usd and ("$%.4f"):format(row.usd) or "-"
    cli.out(show.clean(("%s  %s  %-11s %9s %8s  %s: %s%s\n"):format(
      row.run, start.date_of(row.started), row.status, show.time(show.took(row)), usd, row.agent,
      show.brief(text.first_line(row.task), 60), child)))
    for _, open in ipairs(row.waiting or {}) do cli.out(waiting.say(open, cli.now())) end
  end
  if #rows == 0 then
    cli.err(values.waiting and "perigee: no run waits\n" or "perigee: no runs yet\n")
  end
  return 0
end

--- Limits, or what was spent of them, behind `before`; "" where there is nothing.
local function used(before, amounts)
  local words = type(amounts) == "table" and allowance.words(amounts) or ""
  return words ~= "" and before .. words or ""
end

--- What a record says, for a person: the text of texts, one line of the rest.
local SAY <const> = {
  ["run.started"] = function(b)
    return ("%s: %s%s"):format(b.agent or b.chain or "?", text.first_line(b.task or ""),
      used("\nmay use ", b.limits))
  end,
  prompt   = function(b)
    return ("%s, %s, tools: %s"):format(b.agent, b.model, table.concat(b.tools, ", "))
  end,
  turn     = function(b)
    local parts = {}
    for _, block in ipairs(b.content) do
      if block.type == "text" then
        parts[#parts + 1] = block.text
      elseif block.type == "call" then
        parts[#parts + 1] = ("[%s %s]"):format(block.name, show.brief(block.input, 200))
      end
    end
    return table.concat(parts, "\n")
  end,
  call     = function(b)
    local input = type(b.input) == "string" and b.input or json.encode(b.input)
    return ("%s %s"):format(b.tool, show.brief(input, 200))
  end,
  result   = function(b) return (b.error and "error: " or "") .. text.cut_middle(b.text, 2000) end,
  decision = function(b)
    return ("%s: %s%s"):format(b.what, b.verdict or b.to or b.model or "-",
      b.why and " (" .. b.why .. ")" or "")
  end,
  compaction = function(b) return compaction_words.of(b) end,
  reserved = function(b)
    return ("%s, %s%s for at most %s of reply"):format(b.model,
      b.usd and allowance.amount("usd", math.ceil(b.usd * 1e6)) or "",
      b.tokens and (b.usd and ", " or "") .. text.plural(b.tokens, "token") or "",
      text.plural(b.max_tokens, "token"))
  end,
  hop      = function(b) return ("%s -> %s: %s"):format(b.from, b.to, b.why) end,
  question = function(b) return ("%s to %s: %s"):format(b.agent, b.to, b.text) end,
  answer   = function(b)
    return ("%s: %s"):format(b.by, b.text or b.error and b.error.message or "no answer")
  end,
  approval = function(b)
    return ("%s wants to call %s\n%s"):format(b.agent, b.tool, table.concat(b.lines or {}, "\n"))
  end,
  child    = function(b) return ("%s: %s"):format(b.run, b.agent) end,
  sleep = function(b) return show.time(b.ms) end,
  woke = function() return "" end,
  step     = function(b) return ("%s: %s"):format(b.name, json.encode(b.value)) end,
  log      = function(b) return b.tool and b.tool .. ": " .. b.text or b.text end,
  phase    = function(b) return b.name end,
  ["run.differs"] = function(b) return b.error.message end,
  ["child.finished"] = function(b) return ("%s: %s"):format(b.run, b.status) end,
  files    = function(b)
    return table.concat(text.sorted_keys(b.files or {}), ", ")
  end,
  ["run.parked"] = function(b) return b.error and b.error.message or "" end,
  ["run.resumed"] = function(b)
    if b.by ~= "fork" then return (b.by or "") .. (b.from and " from " .. b.from or "") end
    local set = {}
    for _, key in ipairs(text.sorted_keys(b.set or {})) do
      set[#set + 1] = (" %s=%s"):format(key, show.brief(text.first_line(b.set[key]), 60))
    end
    return ("fork of %s at %d%s"):format(b.of, b.at, table.concat(set))
  end,
  ["run.finished"] = function(b)
    local said = b.result and b.result.text or b.error and b.error.message or ""
    return ("%s: %s%s"):format(b.status, text.cut_middle(said, 2000), used("\nused ", b.spent))
  end,
}

local function show_one(cli, values, part)
  local id, err = cli.find_run(part)
  if not id then return failed(cli, err) end
  for record in records.of(cli, id) do
    if values.json then
      cli.out(export.line(id, record))
    else
      local body = json.decode(record.body)
      local say = SAY[record.kind] or function() return show.brief(record.body, 400) end
      local said = type(body) == "table" and say(body) or record.body
      local at = type(body) == "table" and body.at -- of a chain's step: --from takes it
      if type(at) == "string" and at:find("^b?%d") and not at:find("#", 1, true) then
        said = ("[%s] %s"):format(at, said)
      end
      cli.out(show.clean(("%4d %-12s %s\n"):format(
        record.seq, record.kind, (said:gsub("\n", "\n                  ")))))
    end
  end
  if not values.json then
    local top
    id, top = reply.find(cli, id)
    if not id then return failed(cli, top) end
    local open = waiting.of(cli, top.run)
    if #open > 0 then cli.out("waits for:\n") end
    for _, one in ipairs(open) do cli.out(waiting.say(one, cli.now())) end
  end
  return 0
end

-- what a person says to a run ---------------------------------------------------------------------

--- What became of it, on stdout where JSON was asked for.
local function tell(cli, values, said, object)
  if values.json then
    cli.out(json.encode(json.object(object)) .. "\n")
  else
    cli.err("perigee: " .. show.clean(said) .. "\n")
  end
  return 0
end

--- answer, approve, deny: left for the run; heard, or carried on here.
---@async
local function give(cli, values, part, what, said)
  local left, err = reply.give(cli, what, part, values, said)
  if not left then return failed(cli, err) end
  local heard = left.heard and left.owner
  if not left.owner and not left.heard and not values.no_run then
    return resume.carry_on(cli, left.run, values)
  end
  local went = heard and ("process %d carries the run and heard it"):format(left.owner)
    or left.owner and ("process %d carries the run and will hear it"):format(left.owner)
    or "perigee runs resume " .. left.run .. " goes on with it"
  return tell(cli, values, ("%s is told; %s"):format(left.name, went), {
    { "run", left.run }, { "told", left.name }, { "owner", left.owner }, { "heard", left.heard } })
end

---@async
local function cancel(cli, values, part)
  local left, err = reply.cancel(cli, part)
  if not left then return failed(cli, err) end
  local ends = left.owner and not left.heard
  return tell(cli, values, ends and ("%s: process %d is told to end it"):format(left.run,
    left.owner) or left.run .. " is cancelled", {
    { "run", left.run }, { "status", not ends and "cancelled" or nil },
    { "owner", left.owner }, { "heard", left.heard } })
end

--- Whether a run is a chain's: its first record says so.
local function is_chain(cli, run)
  local first = records.of(cli, run)()
  local body = first and json.decode(first.body)
  return type(body) == "table" and body.chain ~= nil
end

--- A run once more, up to one of its records.
---@async
local function fork(cli, values, part)
  if not values.at then
    return failed(cli, { message = "fork: --at SEQ is missing; perigee runs show RUN lists them" },
      2)
  end
  local set, err = chains.pairs(values.set or {})
  if not set then return failed(cli, err, 2) end
  local id, new
  id, err = cli.find_run(part)
  if not id then return failed(cli, err) end
  if next(set) and not is_chain(cli, id) then
    return failed(cli, { message = ("--set: %s is an agent's run; only chains have parameters")
      :format(id) }, 2)
  end
  new, err = cli.fork_run(id, values.at, json.encode(json.object { { "by", "fork" }, { "of", id },
    { "at", values.at }, { "set", next(set) and set or nil } }))
  if not new then return failed(cli, err) end
  if not values.json then
    cli.err(("perigee: %s is %s up to its record %d\n"):format(new, id, values.at))
  end
  if not values.no_run then return resume.carry_on(cli, new, values) end
  if values.json then return tell(cli, values, "", { { "run", new }, { "of", id },
    { "at", values.at } }) end
  cli.err(("perigee: perigee runs resume %s goes on with it\n"):format(new))
  return 0
end

--- Removes old runs and says what that freed.
local function prune(cli, values)
  if not values.older then
    return failed(cli, { message = "prune: --older TIME is missing, such as --older 30d" }, 2)
  end
  local freed, err = cli.prune_runs(cli.now() - values.older, values.dry_run == true)
  if not freed then return failed(cli, err) end
  if values.json then
    freed.dry_run = values.dry_run == true
    cli.out(json.encode(freed) .. "\n")
    return 0
  end
  local what = ("%s with %s"):format(text.plural(freed.runs, "run"),
    text.plural(freed.records, "record"))
  if values.dry_run then
    cli.out(("would remove %s, and the texts that only they refer to\n"):format(what))
    return 0
  end
  cli.out(("removed %s, and %s of files that no run refers to\n"):format(what,
    text.plural(freed.texts, "text")))
  cli.out(("freed %s%s\n"):format(size.words(freed.bytes),
    freed.smaller and "" or freed.bytes > 0 and " in the file, for later runs" or ""))
  return 0
end

--- Carries on a run that was stopped, or that waits.
---@async
local function resume_one(cli, values, part)
  local id, top = reply.find(cli, part)
  if not id then return failed(cli, top) end
  values.of = id
  return resume.carry_on(cli, top.run, values)
end

local FORMATS <const> = { html = export_html, jsonl = export.jsonl }

--- Writes a run with its children into one file, or to stdout.
---@async
local function export_one(cli, values, part)
  local write_all = FORMATS[values.format or "html"]
  if not write_all then
    return failed(cli, { message = ("--format %s: html or jsonl"):format(values.format) }, 2)
  end
  local id, err = cli.find_run(part)
  if not id then return failed(cli, err) end
  local rows
  rows, err = cli.list_runs(-1, id)
  if not rows then return failed(cli, err) end
  local file
  if values.output then
    file, err = cli.save(values.output)
    if not file then return failed(cli, err) end
  end
  local _ <close> = file
  local function write(said)
    local ok, why
    if file then ok, why = file:write(said) else ok, why = cli.pass(said) end
    if not ok then error(why, 0) end
  end
  local ok, why = pcall(write_all, cli, rows, write)
  if ok and file then ok, why = file:finish() end
  if ok then return 0 end
  if type(why) ~= "table" then error(why, 0) end
  return failed(cli, why)
end

local function cost(cli, values, part) return run_sums.print(cli, values, part, run_cost) end
local function cache(cli, values, part) return run_sums.print(cli, values, part, run_cache) end

local OF_ALL <const> = { list = list, prune = prune }
local OF_ONE <const> = { show = show_one, resume = resume_one, export = export_one,
  cancel = cancel, fork = fork, cost = cost, cache = cache }

---@async
local function runs(cli, words)
  local given, err = args.parse(SPEC, words)
  if not given then return failed(cli, err, 2) end
  local values, what, part, said = given.values, table.unpack(given.positionals)
  if values.help then
    cli.out(args.help(SPEC))
    return 0
  end
  local store = values.store
  if not store then
    local state = cli.folders().state
    if state and not cli.stat(state) then
      store = state .. "/journal.db" -- a look makes no folder
    else
      store, err = start.store(cli)
      if not store then return failed(cli, err) end
    end
  end
  if not cli.stat(store) then
    if what == "list" then
      cli.err("perigee: no runs yet\n")
      return 0
    end
    return failed(cli, { code = "not_found", message = store .. ": there is no journal yet" })
  end
  local ok
  ok, err = cli.open_journal(store)
  if not ok then return failed(cli, err) end
  if text.one_of({ "answer", "approve", "deny" }, what) and part then
    return give(cli, values, part, what, said)
  end
  local verb = not said and (part and OF_ONE or OF_ALL)[what]
  if verb then return verb(cli, values, part) end
  return failed(cli, { message = "usage: " .. SPEC.usage }, 2)
end

return { usage = SPEC.usage, run = runs }
