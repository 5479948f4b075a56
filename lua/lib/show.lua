--- How a run looks to whoever watches: text for people, one JSON object a line, or one at the end.
local compaction_words = require "lib.compaction_words"
local json = require "lib.json"
local served = require "lib.served"
local text = require "lib.text"

local show = {}

local LINE_MOST  <const> = 100 -- bytes of an argument or an outcome in a line
local LINE_LEAST <const> = 24  -- of either, however narrow the terminal
local LINE_SIGNS <const> = 28  -- what stands around the two: mark, tool, arrow, count of lines
local COLUMNS    <const> = 79  -- of a terminal that does not say
local LIVE_LINES <const> = 5   -- of what a command prints while it runs
local LIVE_MOST  <const> = 4096 -- bytes of its last line, while it has no end

--- What could drive a terminal, or show other words than stand there: control characters (those of
--- two bytes too), the marks that turn the direction of text, separators that may end a line, and
--- what takes no room: blanks of no width, the mark of byte order, the letters of tags. Joiners
--- stay, since scripts and signs are put together with them.
local DRIVES <const> = {
  "[\0-\8\11-\31\127]", "\xC2[\x80-\x9F\xAD]", "\xD8\x9C",
  "\xE2\x80[\x8B\x8E\x8F\xA8-\xAE]", "\xE2\x81[\xA0-\xAF]", "\xEF\xBB\xBF",
  "\xF3\xA0[\x80\x81][\x80-\xBF]",
}

--- What a model, a program or a file's author wrote, without what could drive the terminal.
---@param said string
---@return string
function show.clean(said)
  local clean = text.valid(said):gsub("\r\n", "\n")
  for _, drives in ipairs(DRIVES) do clean = clean:gsub(drives, "?") end
  return clean
end

--- A line that a program printed for a terminal, as text: colours and the like are left out, and of
--- what it wrote over itself only the last stays.
---@param line string without its end
---@return string
function show.plain(line)
  line = line:gsub("\r+$", ""):gsub("\27%[[0-?]*[ -/]*[@-~]", ""):gsub("\27%][^\7\27]*\7?", "")
  return show.clean((line:match("[^\r]*$"):gsub("\t", "  ")))
end

--- The same for bytes that come in parts: what is cut at the end of one part is kept for the next.
---@return fun(part: string, last?: boolean): string clean
function show.cleaner()
  local kept = ""
  return function(part, last)
    local bytes = kept .. part
    kept = ""
    if not last then
      local tail = bytes:match("[\xC2-\xF4][\x80-\xBF]?[\x80-\xBF]?$") or bytes:match("\r$") or ""
      if tail ~= "" and not utf8.len(tail) or tail == "\r" then
        kept, bytes = tail, bytes:sub(1, #bytes - #tail)
      end
    end
    return show.clean(bytes)
  end
end

--- The start of a line; what is cut off shows as "...".
---@param line string
---@param most integer bytes, at least 4
---@return string
function show.brief(line, most)
  if #line <= most then return line end
  return text.cut_end(line, most - 3) .. "..."
end

--- The argument of a call that says most, in one line.
local function gist(body, most)
  local input = body.input
  if type(input) == "string" then return show.brief(text.first_line(input), most) end
  local first = input.command or input.path or input.pattern or input.to
    or input.job and "job " .. tostring(input.job)
  if not first then
    for _, key in ipairs(text.sorted_keys(input)) do
      if type(input[key]) == "string" then first = input[key] break end
    end
  end
  return show.brief(text.first_line(first or ""), most)
end

--- What came of a call, in one line.
local function outcome(body, most)
  local line = show.plain(text.first_line(body.text or ""))
  local more = text.count(body.text or "", "\n")
  local tail = more > 1 and (" (%d lines)"):format(more + 1) or ""
  return show.brief(line, most) .. tail
end

--- How long either may be, so that a call stays in one line of a terminal where it can.
local function line_most(cli)
  local columns = cli.error_terminal and cli.columns()
  if not columns then return LINE_MOST end
  return math.max(LINE_LEAST, math.min(LINE_MOST, (columns - LINE_SIGNS) // 2))
end

local function palette(on)
  local function paint(code)
    return on and function(s) return "\27[" .. code .. "m" .. s .. "\27[0m" end
      or function(s) return s end
  end
  return {
    dim = paint "2", bold = paint "1", red = paint "31", green = paint "32", cyan = paint "36",
  }
end

--- Seconds, as people say them.
function show.time(ms)
  if ms < 1000 then return ("%d ms"):format(ms) end
  if ms < 60000 then return ("%.1f s"):format(ms / 1000) end
  return ("%d min %d s"):format(ms // 60000, ms % 60000 // 1000)
end

--- How long a run of the list took, or has been at work as far as its journal says.
---@param row { started: integer, ended: integer, last: integer }
---@return integer ms
function show.took(row)
  return math.max(0, (row.ended > 0 and row.ended or row.last) - row.started)
end

--- Dollars, with what is to be known of the sum: `~` where some of it is an estimate, `+` where
--- something that it does not hold came on top.
---@param usd  number
---@param mark { estimated: boolean?, least: boolean? }
---@return string
function show.dollars(usd, mark)
  return ("%s$%.4f%s"):format(mark.estimated and "~" or "", usd, mark.least and "+" or "")
end

---@class show.Total
---@field status    string
---@field run       string
---@field turns     integer
---@field calls     integer
---@field tokens    integer
---@field usage     { input: integer, output: integer, cache_read: integer, cache_write: integer }
---@field usd       number?
---@field estimated boolean? some of it is an estimate: of replies that broke off
---@field least     boolean? a provider took more, and does not say how much
---@field rehearsed boolean
---@field ms        integer

--- The last line: turns, calls, tokens, cost, time.
---@param total show.Total
---@return string
function show.total(total)
  local parts = { total.status, text.plural(total.turns, "turn"), text.plural(total.calls, "call") }
  if total.turns == 0 then
    parts[#parts + 1] = "no reply"
  elseif total.rehearsed then
    parts[#parts + 1] = "rehearsed"
  else
    local cached = total.usage.cache_read
    parts[#parts + 1] = text.plural(total.tokens, "token")
      .. (cached > 0 and (" (%d from the cache)"):format(cached) or "")
    parts[#parts + 1] = total.usd and show.dollars(total.usd, total) or "cost unknown"
  end
  parts[#parts + 1] = show.time(total.ms)
  return table.concat(parts, " · ") .. "  run " .. total.run
end

--- Writes lines to stderr, and on a terminal a few passing lines that the next output wipes away:
--- what the run waits for now.
local function writer(cli, speak)
  local write = { in_text = false }
  local moves = cli.error_terminal and cli.env("TERM") ~= "dumb"
  local passing = 0 -- lines; the cursor stands at the end of the last
  --- What wipes them.
  local function wiping()
    local up = passing - 1
    passing = 0
    return up >= 0 and "\r\27[K" .. ("\27[A\27[K"):rep(up) or ""
  end
  local function wipe()
    if passing > 0 then cli.err(wiping()) end
  end
  function write.line(said)
    wipe()
    if write.in_text then speak("\n") end
    write.in_text = false
    cli.err(said .. "\n")
  end
  function write.text(said)
    wipe()
    speak(said)
    write.in_text = said:sub(-1) ~= "\n"
  end
  function write.passing(lines, paint)
    if not moves then return end
    if write.in_text then speak("\n") end
    write.in_text = false
    local before = wiping()
    local most, shown = (cli.columns() or COLUMNS + 1) - 1, {} -- one that wraps cannot be wiped
    for i, line in ipairs(lines) do
      local brief = show.brief(line, most)
      shown[i] = i > 1 and paint and paint(brief) or brief
    end
    cli.err(before .. table.concat(shown, "\n"))
    passing = #shown
  end
  function write.finish_text()
    wipe()
    if write.in_text then speak("\n") end
    write.in_text = false
  end
  return write
end

--- The last lines of what a call has printed so far. What two calls print at once stays apart.
local function live()
  local of_call = {}
  local function add(lines, line)
    lines[#lines + 1] = line
    if #lines > LIVE_LINES then table.remove(lines, 1) end
  end
  local function take(b)
    local now = of_call[b.call] or { lines = {}, rest = {} }
    of_call[b.call] = now
    local stream = b.stderr and "stderr" or "stdout"
    local said = (now.rest[stream] or "") .. b.text
    local at = 1
    for line, stop in said:gmatch("([^\n]*)\n()") do
      add(now.lines, show.plain(line))
      at = stop
    end
    now.rest[stream] = said:sub(math.max(at, #said - LIVE_MOST + 1))
    local shown = table.move(now.lines, 1, #now.lines, 1, {})
    for _, name in ipairs { "stdout", "stderr" } do
      local rest = now.rest[name] or ""
      if rest ~= "" then add(shown, show.plain(rest)) end
    end
    return shown
  end
  return take, function(call) of_call[call] = nil end
end

--- A watcher for people. Text streams to `speak`, everything else to stderr: a line for each call
--- when its outcome is known, and on a terminal what is waited for meanwhile.
---@param cli   table
---@param speak fun(said: string)
---@return fun(event: table)
function show.people(cli, speak)
  local no_color = cli.env("NO_COLOR") or ""
  local colours = palette(cli.error_terminal and no_color == "" and cli.env("TERM") ~= "dumb")
  local write, calls = writer(cli, speak), {}
  local take_output, forget_output = live()
  local asked = {} -- by place, until they are answered
  local children = {} -- what each has said of its reply: two that speak at once must not mix
  local draw = {
    prompt = function(b)
      write.line(colours.bold("== " .. show.clean(b.agent))
        .. colours.dim("  " .. show.clean(b.model)))
    end,
    ["turn.started"] = function(b)
      write.passing { ("   waiting for %s ..."):format(show.clean(b.model)) }
    end,
    ["delta.text"] = function(b, event)
      if not event.parent then return write.text(show.clean(b.text)) end
      children[event.run] = (children[event.run] or "") .. b.text
    end,
    ["delta.waiting"] = function(b)
      if b.cache then
        return write.passing { "   waiting for one that began alike and fills the cache ..." }
      end
      local said = b.ahead > 0 and (", %d before it"):format(b.ahead) or ""
      write.passing { ("   waiting for a turn with the server, which takes %d at a time%s ...")
        :format(b.at_once, said) }
    end,
    ["delta.served"] = function(b)
      local mark = (b.error or (b.exit_code or 0) ~= 0) and colours.red("x") or colours.green("+")
      local what = show.brief(b.what or "", line_most(cli))
      local use = show.clean(("the provider's %s %s"):format(b.tool, what))
      write.line(("   %s %s"):format(mark, use)
        .. colours.dim(show.clean(" -> " .. served.outcome(b))))
    end,
    ["delta.retry"] = function(b, event)
      if b.void then children[event.run] = nil end
      local why = show.clean(b.why or "")
      write.line(colours.red(("   again in %s: %s"):format(show.time(b.wait_ms), why)))
    end,
    turn = function(b, event)
      local said = children[event.run]
      children[event.run] = nil
      if said then
        write.line(colours.dim(("   %s says"):format(show.clean(b.agent))))
        write.text(show.clean(said))
      end
      write.finish_text()
      for i, source in ipairs(b.sources or {}) do
        local named = source.title and source.url and ("%s, %s"):format(source.title, source.url)
        write.line(colours.dim(show.clean(("   source %d: %s"):format(i,
          named or source.url or source.title))))
      end
    end,
    call = function(b)
      calls[b.id] = show.clean(("%s %s"):format(b.tool, gist(b, line_most(cli))))
      write.passing { ("   . %s ..."):format(calls[b.id]) }
    end,
    ["delta.output"] = function(b)
      local lines = take_output(b)
      for i, line in ipairs(lines) do lines[i] = "     " .. line end
      table.insert(lines, 1, ("   . %s ..."):format(calls[b.call] or show.clean(b.tool)))
      write.passing(lines, colours.dim)
    end,
    compaction = function(b)
      local said = text.first_line(compaction_words.of(b))
      write.line(colours.dim("   made shorter: " .. show.clean(said)))
    end,
    result = function(b)
      forget_output(b.id)
      local bad = type(b.data) == "table" and (b.data.exit_code or 0) ~= 0
      local mark = (b.error or bad) and colours.red("x") or colours.green("+")
      local came = colours.dim("-> " .. show.clean(outcome(b, line_most(cli))))
      write.line(("   %s %s %s"):format(mark, calls[b.id] or show.clean(b.name), came))
    end,
    hop = function(b)
      write.line(colours.cyan(show.clean(("-> %s: %s"):format(b.to, text.first_line(b.why or "")))))
    end,
    child = function(b)
      local said = ("   child %s: %s"):format(b.agent, text.first_line(b.task))
      write.line(colours.cyan(show.clean(said)))
    end,
    ["run.resumed"] = function(b)
      write.line(colours.cyan(("-> goes on after record %d"):format(b.after or 0)))
    end,
    phase = function(b) write.line(colours.bold("## " .. show.clean(b.name))) end,
    question = function(b) asked[b.at or ""] = text.first_line(b.text) end,
    answer = function(b)
      if b.by == "inbox" then return write.line(show.clean("   answered: " .. b.text)) end
      if b.by ~= "default" then return end -- a call shows its own, and a person has seen both
      write.line(show.clean(("   nobody answered %q: %s"):format(asked[b.at] or "", b.text)))
    end,
    notice = function(b) write.line("perigee: " .. show.clean(b.text)) end,
    log = function(b)
      write.line("   " .. show.clean(b.tool and b.tool .. ": " .. b.text or b.text))
    end,
    watchdog = function(b, event)
      write.line(colours.red(("   run %s goes on %s after the end of its time: a bug of perigee")
        :format(event.run, show.time(b.after_ms))))
    end,
    partial = function(b)
      if b.text ~= "" then write.line(colours.red("   the reply broke off")) end
    end,
    ["run.finished"] = write.finish_text,
    ["run.parked"] = write.finish_text,
  }
  return function(event)
    local drawn = draw[event.kind]
    if drawn then drawn(event.body, event) end
  end
end

--- A watcher for programs: one object a line, flushed, as it happens.
---@param cli table
---@return fun(event: table)
function show.events(cli)
  return function(event)
    cli.out(json.encode(json.object {
      { "run", event.run }, { "seq", event.seq or json.null }, { "time", cli.now() },
      { "kind", event.kind }, { "body", event.body },
    }) .. "\n")
  end
end

--- Adds up what the events of a run and its children say; `total` is what the last line shows.
---@return fun(event: table) watch, table total
function show.counter()
  local total = { turns = 0, calls = 0, tokens = 0, usd = 0.0, rehearsed = false,
    usage = { input = 0, output = 0, cache_read = 0, cache_write = 0 } }
  local function add(body)
    for kind in pairs(total.usage) do
      local tokens = body.usage and body.usage[kind] or 0
      total.usage[kind] = total.usage[kind] + tokens
      total.tokens = total.tokens + tokens
    end
    total.usd = total.usd and body.cost_usd and total.usd + body.cost_usd or nil
    total.least = total.least or body.cost_least
  end
  return function(event)
    local body = event.body
    if event.kind == "prompt" then
      total.rehearsed = total.rehearsed or body.dialect == "rehearsal"
    elseif event.kind == "turn" then
      total.turns = total.turns + 1
      add(body)
    elseif (event.kind == "partial" or event.kind == "compaction") and body.usage then
      -- a reply that broke off costs too, and so does a summary
      add(body)
      total.estimated = total.estimated or event.kind == "partial" or nil
    elseif event.kind == "call" then
      total.calls = total.calls + 1
    end
    for _, cut in ipairs(body.cut or {}) do -- requests of a run that was cancelled
      add(cut)
      total.estimated = true
    end
  end, total
end

--- Says on stderr why a verb cannot go on.
---@param cli   table
---@param err   Error
---@param code? integer exit code; that of err.code where none is given
---@return integer code
function show.failure(cli, err, code)
  cli.err("perigee: " .. show.clean(err.message) .. "\n")
  return code or cli.exit_code(err.code)
end

return show
