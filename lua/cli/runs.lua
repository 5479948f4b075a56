--- perigee runs: what ran, what each run did, and what a person does with runs.
local actions = require "lib.actions"
local allowance = require "lib.allowance"
local chains = require "lib.chains"
local export = require "lib.export"
local export_html = require "lib.export_html"
local json = require "lib.json"
local records = require "lib.records"
local reply = require "lib.reply"
local resume = require "lib.resume"
local run_cache = require "lib.run_cache"
local run_cost = require "lib.run_cost"
local run_show = require "lib.run_show"
local run_sums = require "lib.run_sums"
local show = require "lib.show"
local size = require "lib.size"
local start = require "lib.start"
local text = require "lib.text"
local waiting = require "lib.waiting"

local RUN   <const> = { "RUN", "a run: its id, any part of it that only one has, or last" }
local NAMED <const> = { "RUN[:SEQ]", "a run; :SEQ where it waits for several things, as runs list "
  .. "--waiting names them" }
local STORE <const> = { "--store", "text", "the journal's file", hint = "FILE" }
local JSON  <const> = { "--json", "flag", "print one JSON object" }
local SEE   <const> = { "--json", "flag", "print one JSON object instead of lines" }
local STAY  <const> = { "--no-run", "flag", "leave it at that; do not carry on here" }
-- what a run that is carried on here takes
local GO_ON <const> = {
  { "--model", "text", "ask this model from here on" },
  { "--limit", "key=value list", "other limits than the run had", keys = allowance.KEYS },
  { "--workspace", "text", "go on in this folder; needed where the run's own was moved or replaced",
    hint = "DIR" },
  { "--unconfined", "flag", "run commands WITHOUT a sandbox" },
  { "--events", "flag", "print one JSON object a line while it runs" },
}

local HEARD <const> = "The process that carries the run hears it; where there is none the run is "
  .. "carried on here, as resume does."

local LIST <const> = {
  usage = "perigee runs list",
  about = "The newest runs: how they stand, how long they took, what they cost, who did what. With "
    .. "--waiting those that want a word of yours, and what to type.",
  options = { STORE, SEE,
    { "--most", "integer", "how many runs (default 20, -1: all)" },
    { "--children", "flag", "also the runs that other runs began" },
    { "--waiting", "flag", "only runs that wait for a person, and what for" },
  },
}
local SHOW <const> = {
  usage = "perigee runs show RUN",
  about = "Every step of a run.",
  positionals = { RUN },
  options = { STORE, { "--json", "flag", "print its records, a JSON object a line" } },
}
local RESUME <const> = {
  usage = "perigee runs resume RUN",
  about = "Goes on where a run was when its process died, it was ended, or it began to wait. What "
    .. "is recorded is not done again.",
  positionals = { RUN },
  options = { STORE, JSON,
    { "--from", "text", "do this step again, and what followed from it: a place in a chain "
      .. "(3.facts/2), or the number of a record; RUN:STEP is one of a child", hint = "STEP" },
    { "--with-current", "flag", "with the files as they are now, not as the run had them" },
    table.unpack(GO_ON),
  },
}
local ANSWER <const> = {
  usage = "perigee runs answer RUN[:SEQ] TEXT",
  about = "Answers a question of a run. " .. HEARD,
  positionals = { NAMED, { "TEXT", "what you say; - reads it from stdin" } },
  options = { STORE, JSON, STAY, table.unpack(GO_ON) },
}

--- approve and deny differ by their word.
local function verdict_spec(word, about)
  return {
    usage = ("perigee runs %s RUN[:SEQ]"):format(word),
    about = about .. " " .. HEARD,
    positionals = { NAMED },
    options = { STORE, JSON, STAY,
      { "--always", "flag", "also whenever just this is asked here again" },
      table.unpack(GO_ON) },
  }
end

local APPROVE <const> = verdict_spec("approve", "Allows a call that a run asks about.")
local DENY    <const> = verdict_spec("deny", "Refuses a call that a run asks about.")
local CANCEL  <const> = {
  usage = "perigee runs cancel RUN",
  about = "Ends a run, also one that waits or that another process carries.",
  positionals = { RUN },
  options = { STORE, JSON },
}
local FORK <const> = {
  usage = "perigee runs fork RUN --at SEQ",
  about = "The same run once more, up to one of its records, and on from there. The run itself "
    .. "stays as it is; the workspace is taken as it is found.",
  positionals = { RUN },
  options = { STORE, JSON, STAY,
    { "--at", "integer", "the last record that the copy has; runs show lists them", hint = "SEQ" },
    { "--set", "list", "another value for a chain's parameter", hint = "KEY=VALUE" },
    table.unpack(GO_ON),
  },
}
local COST <const> = {
  usage = "perigee runs cost RUN",
  about = "Tokens by kind and dollars, by agent and model, children included.",
  positionals = { RUN },
  options = { STORE, SEE },
}
local CACHE <const> = {
  usage = "perigee runs cache RUN",
  about = "What the provider's cache did for each turn, why it missed, and what that cost.",
  positionals = { RUN },
  options = { STORE, SEE },
}
local EXPORT <const> = {
  usage = "perigee runs export RUN",
  about = "All of a run and its children as one file.",
  positionals = { RUN },
  options = { STORE,
    { "--format", "text", "html, a page to read (default), or jsonl, all records",
      hint = "FORMAT" },
    { "--output", "text", "the file to write (default: stdout)", hint = "FILE" },
  },
}
local PRUNE <const> = {
  usage = "perigee runs prune --older TIME",
  about = "Removes runs that ended or were interrupted that long ago, with their children; never "
    .. "one that goes on or waits.",
  options = { STORE, SEE,
    { "--older", "duration", "what has not changed for so long, such as 30d" },
    { "--dry-run", "flag", "say what would be removed, and remove nothing" },
  },
}

local failed = show.failure

--- The newest runs, or those that want a word: also while something else in them goes on.
local function rows_of(cli, values)
  local most = values.most or 20
  if not values.waiting then
    return cli.list_runs { most = most, top_only = not values.children }
  end
  local rows, err = cli.list_runs { top_only = true, open_only = true }
  if not rows then return nil, err end
  local wanted = {}
  for _, row in ipairs(rows) do
    if #wanted >= most then break end
    row.waiting = json.array(waiting.of(cli, row.run))
    if #row.waiting > 0 or row.status == "waiting" then wanted[#wanted + 1] = row end
  end
  return wanted
end

--- What a row has to say of the runs around it.
local function family(row, values)
  if row.parent ~= "" then return "  child of " .. row.parent end
  if row.below == 0 or values.children then return "" end
  return ("  with %s"):format(row.below == 1 and "1 child" or row.below .. " children")
end

local function list(cli, values)
  local rows, err = rows_of(cli, values)
  if not rows then return failed(cli, err) end
  if values.json then
    cli.out(json.encode(json.object { { "runs", json.array(rows) } }) .. "\n")
    return 0
  end
  for _, row in ipairs(rows) do
    local usd = row.usd and ("$%.4f"):format(row.usd) or "-"
    cli.out(show.clean(("%s  %s  %-11s %9s %8s  %s: %s%s\n"):format(
      row.run, start.date_of(row.started), row.status, show.time(show.took(row)), usd, row.agent,
      show.brief(text.first_line(row.task), 60), family(row, values))))
    for _, open in ipairs(row.waiting or {}) do cli.out(waiting.say(open, cli.now())) end
  end
  if #rows == 0 then
    cli.err(values.waiting and "perigee: no run waits\n" or "perigee: no runs yet\n")
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

--- What became of somebody's word that is not carried on here.
local function told(cli, values, left)
  local heard = left.heard and left.owner
  local went = heard and ("process %d carries the run and heard it"):format(left.owner)
    or left.owner and ("process %d carries the run and will hear it"):format(left.owner)
    or "perigee runs resume " .. left.run .. " goes on with it"
  return tell(cli, values, ("%s is told; %s"):format(left.name, went), {
    { "run", left.run }, { "told", left.name }, { "owner", left.owner }, { "heard", left.heard } })
end

--- answer, approve, deny: left for the run; heard, or carried on here.
---@async
local function give(cli, values, part, what, said)
  local left, err = reply.give(cli, what, part, values, said)
  if not left then return failed(cli, err) end
  if not left.owner and not left.heard and not values.no_run then
    return resume.carry_on(cli, left.run, values, function(why)
      left = reply.hearing(cli, left) -- another process was quicker
      if left and (left.owner or left.heard) then return told(cli, values, left) end
      return failed(cli, why)
    end)
  end
  return told(cli, values, left)
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
  rows, err = cli.list_runs { tree = id }
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

--- answer, approve, deny.
local function say(what)
  ---@async
  return function(cli, values, part, said) return give(cli, values, part, what, said) end
end

--- The journal's file: the one that is named, else that of the state folder, which a look does not
--- make.
local function store_of(cli, named)
  if named then return named end
  local state = cli.folders().state
  if state and not cli.stat(state) then return state .. "/journal.db" end
  return start.store(cli)
end

--- An action over the journal, opened; or `without`, where there is none yet.
local function over(action, without)
  ---@async
  return function(cli, values, ...)
    local store, err = store_of(cli, values.store)
    if not store then return failed(cli, err) end
    if not cli.stat(store) then
      if without then return without(cli, values) end
      return failed(cli, { code = "not_found", message = store .. ": there is no journal yet" })
    end
    local opened
    opened, err = cli.open_journal(store)
    if not opened then return failed(cli, err) end
    return action(cli, values, ...)
  end
end

local function none(cli, values)
  if values.json then cli.out(json.encode(json.object { { "runs", json.array {} } }) .. "\n") end
  cli.err("perigee: no runs yet\n")
  return 0
end

return actions.verb("runs", "What ran, and what a person does with it. RUN is an id, any part of "
  .. "it that only one run has, or last.", {
  { "list", "the newest runs, or those that wait for you", LIST, over(list, none) },
  { "show", "every step of a run", SHOW, over(run_show.print) },
  { "resume", "go on with a run that died, was ended or waits", RESUME, over(resume_one) },
  { "answer", "answer its question", ANSWER, over(say "answer") },
  { "approve", "allow a call that it asks about", APPROVE, over(say "approve") },
  { "deny", "refuse a call that it asks about", DENY, over(say "deny") },
  { "cancel", "end it", CANCEL, over(cancel) },
  { "fork", "the same run once more, from one of its steps", FORK, over(fork) },
  { "cost", "tokens and dollars by agent and model", COST, over(cost) },
  { "cache", "what the provider's cache did, turn by turn", CACHE, over(cache) },
  { "export", "all of it as one page or file", EXPORT, over(export_one) },
  { "prune", "remove old runs", PRUNE, over(prune) },
})
