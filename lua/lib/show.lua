--- How a run looks to whoever watches: text for people, one JSON object a line, or one at the end.
local json = require "lib.json"
local text = require "lib.text"

local show = {}

local LINE_MOST <const> = 100 -- bytes of an argument or an outcome in a line

--- What a model or a program printed, without what could drive the terminal.
---@param said string
---@return string
function show.clean(said) return (text.valid(said):gsub("\r\n", "\n"):gsub("[\0-\8\11-\31\127]", "?"):gsub("\u{9b}", "?")) end

--- The argument of a call that says most, in one line.
local function gist(body)
  local input = body.input
  if type(input) == "string" then return text.cut_end(text.first_line(input), LINE_MOST) end
  local first = input.command or input.path or input.pattern or input.to
  if not first then
    for _, key in ipairs(text.sorted_keys(input)) do
      if type(input[key]) == "string" then first = input[key] break end
    end
  end
  return text.cut_end(text.first_line(first or ""), LINE_MOST)
end

--- What came of a call, in one line.
local function outcome(body)
  local line = text.first_line(body.text or "")
  local more = text.count(body.text or "", "\n")
  local tail = more > 1 and (" (%d lines)"):format(more + 1) or ""
  return text.cut_end(line, LINE_MOST) .. tail
end

local function palette(on)
  local function paint(code) return on and function(s) return "\27[" .. code .. "m" .. s .. "\27[0m" end or function(s) return s end end
  return { dim = paint "2", bold = paint "1", red = paint "31", green = paint "32", cyan = paint "36" }
end

--- Seconds, as people say them.
function show.time(ms)
  if ms < 1000 then return ("%d ms"):format(ms) end
  if ms < 60000 then return ("%.1f s"):format(ms / 1000) end
  return ("%d min %d s"):format(ms // 60000, ms % 60000 // 1000)
end

--- The last line: turns, calls, tokens, cost, time.
---@param total { status: string, run: string, turns: integer, calls: integer, tokens: integer, usd: number?, rehearsed: boolean, ms: integer }
---@return string
function show.total(total)
  local parts = { total.status, text.plural(total.turns, "turn"), text.plural(total.calls, "call") }
  if total.turns == 0 then
    parts[#parts + 1] = "no reply"
  elseif total.rehearsed then
    parts[#parts + 1] = "rehearsed"
  else
    parts[#parts + 1] = text.plural(total.tokens, "token")
    parts[#parts + 1] = total.usd and ("$%.4f"):format(total.usd) or "cost unknown"
  end
  parts[#parts + 1] = show.time(total.ms)
  return table.concat(parts, " · ") .. "  run " .. total.run
end

--- A watcher for people. Text streams to `speak`, everything else to cli.err.
---@param cli   table
---@param speak fun(said: string)
---@return fun(event: table)
function show.people(cli, speak)
  local colours = palette(cli.error_terminal and not cli.env("NO_COLOR"))
  local in_text, calls = false, {}
  local function line(said)
    if in_text then speak("\n") in_text = false end
    cli.err(said .. "\n")
  end
  local draw = {
    prompt = function(body) line(colours.bold(("== %s"):format(body.agent)) .. colours.dim(("  %s"):format(body.model))) end,
    ["delta.text"] = function(body)
      local said = show.clean(body.text)
      speak(said)
      in_text = said:sub(-1) ~= "\n"
    end,
    ["delta.retry"] = function(body) line(colours.red(("   again in %s: %s"):format(show.time(body.wait_ms), show.clean(body.why or "")))) end,
    turn = function() if in_text then speak("\n") in_text = false end end,
    call = function(body) calls[body.id] = ("%s %s"):format(body.tool, show.clean(gist(body))) end,
    result = function(body)
      local bad = type(body.data) == "table" and (body.data.exit_code or 0) ~= 0
      local mark = (body.error or bad) and colours.red("x") or colours.green("+")
      line(("   %s %s %s"):format(mark, calls[body.id] or body.name, colours.dim("-> " .. show.clean(outcome(body)))))
    end,
    hop = function(body) line(colours.cyan(("-> %s: %s"):format(body.to, show.clean(text.first_line(body.why or ""))))) end,
    child = function(body) line(colours.cyan(("   child %s: %s"):format(body.agent, show.clean(text.first_line(body.task))))) end,
    log = function(body) line("   " .. show.clean(body.text)) end,
    partial = function() line(colours.red("   the reply broke off")) end,
    ["run.finished"] = function() if in_text then speak("\n") in_text = false end end,
  }
  return function(event)
    local drawn = draw[event.kind]
    if drawn then drawn(event.body) end
  end
end

--- A watcher for programs: one object a line, flushed, as it happens.
---@param cli table
---@return fun(event: table)
function show.events(cli)
  return function(event)
    cli.out(json.encode(json.object { { "run", event.run }, { "seq", event.seq or json.null }, { "time", cli.now() },
      { "kind", event.kind }, { "body", event.body } }) .. "\n")
  end
end

--- Adds up what the events of a run and its children say; `total` is what the last line shows.
---@return fun(event: table) watch, table total
function show.counter()
  local total = { turns = 0, calls = 0, tokens = 0, usd = 0.0, rehearsed = false }
  return function(event)
    local body = event.body
    if event.kind == "prompt" then
      total.rehearsed = total.rehearsed or body.dialect == "rehearsal"
    elseif event.kind == "turn" then
      total.turns = total.turns + 1
      local usage = body.usage
      if usage then
        total.tokens = total.tokens + (usage.input or 0) + (usage.output or 0) + (usage.cache_read or 0) + (usage.cache_write or 0)
      end
      total.usd = total.usd and body.cost_usd and total.usd + body.cost_usd or nil
    elseif event.kind == "call" then
      total.calls = total.calls + 1
    end
  end, total
end

return show
