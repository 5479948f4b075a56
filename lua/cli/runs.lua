--- perigee runs: what ran, and what each run did.
local allowance = require "lib.allowance"
local args = require "lib.args"
local export = require "lib.export"
local export_html = require "lib.export_html"
local json = require "lib.json"
local resume = require "lib.resume"
local show = require "lib.show"
local size = require "lib.size"
local start = require "lib.start"
local text = require "lib.text"

local SPEC <const> = {
  usage = "perigee runs list | show RUN | resume RUN | export RUN | prune --older TIME",
  about = "RUN is an id, any part of it that only one run has, or last.",
  positionals = {
    { "WHAT", "list, show, resume, export or prune" }, { "RUN", "a run", optional = true },
  },
  options = {
    { "--format", "text", "export: html, a page to read (default), or jsonl, all records",
      hint = "FORMAT" },
    { "--output", "text", "export: the file to write (default: stdout)", hint = "FILE" },
    { "--store", "text", "the journal's file", hint = "FILE" },
    { "--with-current", "flag", "resume: with the files as they are now, not as the run had them" },
    { "--from", "text", "resume: do this step again, and what followed from it", hint = "STEP" },
    { "--model", "text", "resume: ask this model from here on" },
    { "--limit", "key=value list", "resume: other limits than the run had", keys = allowance.KEYS },
    { "--events", "flag", "resume: print one JSON object a line while it runs" },
    { "--unconfined", "flag", "resume: run commands WITHOUT a sandbox" },
    { "--most", "integer", "list: how many runs (default 20)" },
    { "--waiting", "flag", "list: only runs that wait for a person" },
    { "--older", "duration", "prune: what has not changed for so long, such as 30d" },
    { "--dry-run", "flag", "prune: say what would be removed, and remove nothing" },
    { "--json", "flag", "print JSON: one object for list and prune, one record a line for show" },
  },
}

local failed = show.failure

--- The newest runs, or those that wait.
local function rows_of(cli, values)
  local most = values.most or 20
  local rows, err = cli.list_runs(values.waiting and -1 or most)
  if not rows or not values.waiting then return rows, err end
  local waiting = {}
  for _, row in ipairs(rows) do
    if row.status == "waiting" and #waiting < most then waiting[#waiting + 1] = row end
  end
  return waiting
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
  reserved = function(b)
    return ("%s, %s%s for at most %s of reply"):format(b.model,
      b.usd and allowance.amount("usd", math.ceil(b.usd * 1e6)) or "",
      b.tokens and (b.usd and ", " or "") .. text.plural(b.tokens, "token") or "",
      text.plural(b.max_tokens, "token"))
  end,
  hop      = function(b) return ("%s -> %s: %s"):format(b.from, b.to, b.why) end,
  question = function(b)
    if not b.to then return b.text or "" end -- a chain's own
    return ("%s to %s: %s\n%s: %s"):format(b.agent, b.to, b.question, b.by or "no answer",
      b.answer or b.why)
  end,
  child    = function(b) return ("%s: %s"):format(b.run, b.agent) end,
  ["run.finished"] = function(b)
    local said = b.result and b.result.text or b.error and b.error.message or ""
    return ("%s: %s%s"):format(b.status, text.cut_middle(said, 2000), used("\nused ", b.spent))
  end,
}

local function show_one(cli, values, part)
  local id, err = cli.find_run(part)
  if not id then return failed(cli, err) end
  local records
  records, err = cli.read_run(id)
  if not records then return failed(cli, err) end
  for _, record in ipairs(records) do
    if values.json then
      cli.out(export.line(id, record))
    else
      local body = json.decode(record.body)
      local say = SAY[record.kind] or function() return show.brief(record.body, 400) end
      local said = type(body) == "table" and say(body) or record.body
      cli.out(show.clean(("%4d %-12s %s\n"):format(
        record.seq, record.kind, (said:gsub("\n", "\n                  ")))))
    end
  end
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
  local id, err = cli.find_run(part)
  if not id then return failed(cli, err) end
  return resume.carry_on(cli, id, values)
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

---@async
local function runs(cli, words)
  local given, err = args.parse(SPEC, words)
  if not given then return failed(cli, err, 2) end
  local values, what, part = given.values, given.positionals[1], given.positionals[2]
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
  if what == "list" then return list(cli, values) end
  if what == "prune" and not part then return prune(cli, values) end
  if what == "show" and part then return show_one(cli, values, part) end
  if what == "resume" and part then return resume_one(cli, values, part) end
  if what == "export" and part then return export_one(cli, values, part) end
  return failed(cli, { message = "usage: " .. SPEC.usage }, 2)
end

return { usage = SPEC.usage, run = runs }
