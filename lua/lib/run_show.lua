--- A run's journal as a list of its steps, for a terminal. Host VM only.
local allowance = require "lib.allowance"
local compaction_words = require "lib.compaction_words"
local export = require "lib.export"
local json = require "lib.json"
local records = require "lib.records"
local reply = require "lib.reply"
local show = require "lib.show"
local text = require "lib.text"
local waiting = require "lib.waiting"

local run_show = {}

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
  changes  = function(b)
    return b.kind and ("the workspace before the first command, by %s"):format(b.kind)
      or b.why or ""
  end,
  watchdog = function(b)
    return ("the deadline was passed %s ago, and the run had not ended"):format(
      show.time(b.after_ms))
  end,
  ["run.differs"] = function(b) return b.error.message end,
  ["child.finished"] = function(b) return ("%s: %s"):format(b.run, b.status or "ended") end,
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

--- One record: its number, kind, place in the chain, and what it says.
local function line(record)
  local body = json.decode(record.body)
  local say = SAY[record.kind] or function() return show.brief(record.body, 400) end
  local said = type(body) == "table" and say(body) or record.body
  local at = type(body) == "table" and body.at -- of a chain's step: --from takes it
  if type(at) == "string" and at:find("^b?%d") and not at:find("#", 1, true) then
    said = ("[%s] %s"):format(at, said)
  end
  return show.clean(("%4d %-12s %s\n"):format(record.seq, record.kind,
    (said:gsub("\n", "\n                  "))))
end

--- Prints every step of a run, and what it waits for; with `values.json` its records, one a line.
---@param cli    table
---@param values table
---@param part   string
---@return integer code
function run_show.print(cli, values, part)
  local id, err = cli.find_run(part)
  if not id then return show.failure(cli, err) end
  for record in records.of(cli, id) do
    cli.out(values.json and export.line(id, record) or line(record))
  end
  if values.json then return 0 end
  local top
  id, top = reply.find(cli, id)
  if not id then return show.failure(cli, top) end
  local open = waiting.of(cli, top.run)
  if #open > 0 then cli.out("waits for:\n") end
  for _, one in ipairs(open) do cli.out(waiting.say(one, cli.now())) end
  return 0
end

return run_show
