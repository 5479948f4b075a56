--- perigee runs: what ran, and what each run did.
local args = require "lib.args"
local json = require "lib.json"
local show = require "lib.show"
local start = require "lib.start"
local text = require "lib.text"

local SPEC <const> = {
  usage = "perigee runs list | show RUN",
  about = "RUN is an id, any part of it that only one run has, or last.",
  positionals = { { "WHAT", "list or show" }, { "RUN", "a run", optional = true } },
  options = {
    { "--store", "text", "the journal's file", hint = "FILE" },
    { "--most", "integer", "how many runs to list (default 20)" },
    { "--json", "flag", "print JSON: one object for list, one record a line for show" },
  },
}

local failed = show.failure

local function list(cli, values)
  local rows, err = cli.list_runs(values.most or 20)
  if not rows then return failed(cli, err) end
  if values.json then
    cli.out(json.encode(json.object { { "runs", json.array(rows) } }) .. "\n")
    return 0
  end
  for _, row in ipairs(rows) do
    local child = row.parent ~= "" and "  child of " .. row.parent or ""
    local took = row.ended > 0 and show.time(row.ended - row.started) or "-"
    cli.out(show.clean(("%s  %s  %-9s %9s  %s: %s%s\n"):format(
      row.run, start.date_of(row.started), row.status, took, row.agent,
      show.brief(text.first_line(row.task), 60), child)))
  end
  if #rows == 0 then cli.err("perigee: no runs yet\n") end
  return 0
end

--- What a record says, for a person: the text of texts, one line of the rest.
local SAY <const> = {
  ["run.started"] = function(b)
    return ("%s: %s"):format(b.agent or b.chain or "?", text.first_line(b.task or ""))
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
  hop      = function(b) return ("%s -> %s: %s"):format(b.from, b.to, b.why) end,
  question = function(b)
    if not b.to then return b.text or "" end -- a chain's own
    return ("%s to %s: %s\n%s: %s"):format(b.agent, b.to, b.question, b.by or "no answer",
      b.answer or b.why)
  end,
  child    = function(b) return ("%s: %s"):format(b.run, b.agent) end,
  ["run.finished"] = function(b)
    local said = b.result and b.result.text or b.error and b.error.message or ""
    return ("%s: %s"):format(b.status, text.cut_middle(said, 2000))
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
      cli.out(json.encode(json.object {
        { "run", id }, { "seq", record.seq }, { "time", record.time }, { "kind", record.kind },
        { "body", json.raw(record.body) },
      }) .. "\n")
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
  if what == "show" and part then return show_one(cli, values, part) end
  return failed(cli, { message = "usage: " .. SPEC.usage }, 2)
end

return { usage = SPEC.usage, run = runs }
