--- One page of a run that a person reads: what was said and called, what came of it, who decided
--- what and why, cost and time. No script, no network, no other file: only the style with the hash
--- below is obeyed, so that nothing that a model or a tool wrote can become more than text.
local export   = require "lib.export"
local compaction_words = require "lib.compaction_words"
local json     = require "lib.json"
local records  = require "lib.records"
local show     = require "lib.show"
local served   = require "lib.served"
local start    = require "lib.start"
local style    = require "lib.export_style"
local text     = require "lib.text"
local texts    = require "lib.texts"

-- SHA-256 of the style's text, in base64. Whoever changes it puts the new value here; the test of
-- this page says it.
local STYLE_HASH <const> = "EleESw1cGjbQrUp9ruxoVOHTJOeyD9SlXSshxpS7wTQ="

local POLICY <const> = table.concat({
  "default-src 'none'", "base-uri 'none'", "form-action 'none'", "img-src data:",
  ("style-src 'sha256-%s'"):format(STYLE_HASH),
}, "; ")

local HEAD <const> = [==[
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="%s">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>%s</title>
<style>%s</style>
<body>
]==]

local LONG   <const> = 24 -- lines of a text that stand open
local BRIEF  <const> = 160 -- bytes of a line that stands for more
local IMAGES <const> = { "image/png", "image/jpeg", "image/gif", "image/webp" }

local ESCAPES <const> = {
  ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;",
}

--- Anything as text of a page.
local function esc(value)
  if value == nil or value == json.null then return "" end
  local said = type(value) == "table" and json.encode(value) or tostring(value)
  return (show.clean(said):gsub("[&<>\"']", ESCAPES))
end

local function p(said, class)
  if said == nil or said == json.null or said == "" then return "" end
  return ("<p%s>%s</p>"):format(class and (' class="%s"'):format(class) or "", esc(said))
end

local function fold(title, inside)
  return ("<details><summary>%s</summary>%s</details>"):format(esc(title), inside)
end

--- Text as it stands; a long one folded, with its first line to see.
local function pre(said, title)
  if said == nil or said == "" then return "" end
  said = type(said) == "string" and said or json.encode(said, { indent = 2 })
  local whole = ("<pre>%s</pre>"):format(esc(said))
  local lines = text.count(said, "\n") + 1
  if title then return fold(("%s (%s)"):format(title, text.plural(lines, "line")), whole) end
  if lines <= LONG then return whole end
  return fold(("%s ... (%d lines)"):format(show.brief(text.first_line(said), BRIEF), lines), whole)
end

--- A value as a line, where it is a short one; else folded.
local function value(title, given)
  if given == nil or given == json.null then return "" end
  if type(given) == "table" and next(given) == nil then return "" end
  local said = type(given) == "string" and given or json.encode(given)
  if #said <= BRIEF and not said:find("\n", 1, true) then
    return p(title .. ": " .. said, "small")
  end
  return pre(given, title)
end

--- An object field by field, so that the lines of a text are lines; anything else as it stands.
local function fields(given)
  if type(given) ~= "table" or json.is_array(given) then return pre(given) end
  local short, long = {}, {}
  for _, key in ipairs(text.sorted_keys(given)) do
    local said = type(given[key]) == "string" and given[key] or json.encode(given[key])
    if #said > BRIEF or said:find("\n", 1, true) then
      long[#long + 1] = p(key, "small") .. pre(said)
    else
      short[#short + 1] = key .. ": " .. said
    end
  end
  return pre(table.concat(short, "\n")) .. table.concat(long)
end

--- What the provider did itself within a reply.
local function uses_of(b)
  local lines = {}
  for i, use in ipairs(type(b.served) == "table" and b.served or {}) do
    lines[i] = p(("the provider's %s %s: %s"):format(use.tool, use.what or "",
      served.outcome(use)), "small")
  end
  return table.concat(lines)
end

--- What a reply rests on; no link: the addresses are those of strangers.
local function sources_of(b)
  local lines = {}
  for i, source in ipairs(type(b.sources) == "table" and b.sources or {}) do
    lines[i] = ("%s %s"):format(source.title or "", source.url or "")
  end
  return #lines > 0 and value("sources", table.concat(lines, "; ")) or ""
end

local function usage_of(b)
  local parts = {}
  for _, key in ipairs { "input", "output", "cache_read", "cache_write" } do
    local count = type(b.usage) == "table" and b.usage[key]
    if type(count) == "number" and count > 0 then
      parts[#parts + 1] = ("%d %s"):format(count, (key:gsub("_", " ")))
    end
  end
  local said = #parts > 0 and table.concat(parts, ", ") .. " tokens" or nil
  if type(b.cost_usd) == "number" then said = ("%s · $%.4f"):format(said or "", b.cost_usd) end
  return said
end

local function images(list)
  local parts = {}
  for _, image in ipairs(type(list) == "table" and list or {}) do
    local data = type(image) == "table" and image.data
    if text.one_of(IMAGES, image.media_type) and type(data) == "string"
      and not data:find("[^%w+/=]") then
      parts[#parts + 1] = ('<img alt="image" src="data:%s;base64,%s">'):format(
        image.media_type, data)
    end
  end
  return table.concat(parts)
end

local function error_of(err)
  if type(err) ~= "table" then return p(err, "bad") end
  return p(("%s: %s"):format(err.code or "error", err.message or ""), "bad")
end

--- What of a turn is no call: calls have records of their own, with what was really asked.
local function said_of(content)
  local parts = {}
  for _, block in ipairs(type(content) == "table" and content or {}) do
    if type(block) == "table" and block.type == "text" then
      parts[#parts + 1] = p(block.text)
    elseif type(block) == "table" and block.type == "thinking" then
      parts[#parts + 1] = pre(block.text or block.thinking, "thinking")
    end
  end
  return table.concat(parts)
end

--- What each kind of record shows; `seen` is what the run's page knows so far.
local DRAW <const> = {
  ["run.started"] = function(b)
    return p(("began: %s"):format(b.agent or b.chain or "?"), "small") .. value("task", b.task)
      .. value("parameters", b.params) .. value("workspace", b.workspace)
  end,
  prompt = function(b)
    return ("<h3>%s <span class=\"quiet\">%s</span></h3>"):format(esc(b.agent), esc(b.model))
      .. value("tools", type(b.tools) == "table" and table.concat(b.tools, ", ") or nil)
      .. pre(b.system, "system prompt") .. pre(b.first, "first message")
  end,
  before = function(b) return value("added before the first message", b.context) end,
  turn = function(b)
    local said = said_of(b.content)
    local line = { b.agent, b.model }
    line[#line + 1] = usage_of(b)
    said = said .. uses_of(b) .. sources_of(b)
    return p(table.concat(line, " · "), "small") .. said, said == "" and "silent" or nil
  end,
  partial = function(b)
    return p("the reply broke off", "bad") .. p(b.text) .. error_of(b.error)
  end,
  call = function(b, seen)
    local input = b.input
    if type(input) == "table" and not json.is_array(input) then
      local only = next(input)
      if only and next(input, only) == nil and type(input[only]) == "string" then
        input = input[only] -- its name says nothing more
      end
    end
    local said = type(input) == "string" and input or json.encode(input)
    seen.calls[b.id or ""] = show.brief(text.first_line(said), 80)
    return ("<h3>%s%s</h3>"):format(esc(b.tool),
      b.refused and ' <span class="bad">refused</span>' or "") .. fields(input)
  end,
  result = function(b, seen)
    local mark = b.error and ("<span class=\"bad\">%s</span>"):format(esc(b.code or "error"))
      or "<span class=\"ok\">done</span>"
    return ("<p class=\"small\">%s %s %s</p>"):format(mark, esc(b.name),
      esc(seen.calls[b.id or ""])) .. pre(b.text) .. images(b.images),
      b.error and "result failed" or nil
  end,
  decision = function(b)
    local came = b.verdict or b.to or b.model or (b.limit and "limit") or "none"
    local of = b.tool or b.agent
    return p(("decision, %s%s: %s%s"):format(b.what, of and " of " .. of or "", came,
      type(b.why) == "string" and " (" .. b.why .. ")" or "")
      .. (b.from and ", by " .. b.from or "") .. (b.by and ", said by " .. b.by or ""), "small")
      .. value("evidence", b.evidence)
  end,
  compaction = function(b)
    return p("made shorter, " .. text.first_line(compaction_words.of(b)), "small")
      .. pre(b.summary, "summary")
  end,
  hop = function(b)
    return ("<h3>%s → %s</h3>"):format(esc(b.from), esc(b.to)) .. p(b.why, "small")
      .. pre(b.handover, "handover")
  end,
  child = function(b, seen)
    local id = esc(b.run)
    local name = seen.ids[b.run] and ('<a href="#run-%s">%s</a>'):format(id, id) or id
    return ("<p class=\"small\">child %s: %s</p>"):format(name, esc(b.agent)) .. p(b.task)
  end,
  question = function(b)
    return ("<h3>%s asks %s</h3>"):format(esc(b.agent), esc(b.to)) .. p(b.text)
      .. value("one of", type(b.choices) == "table" and table.concat(b.choices, " | ") or nil)
  end,
  approval = function(b)
    return ("<h3>%s wants to call %s</h3>"):format(esc(b.agent), esc(b.tool))
      .. pre(type(b.lines) == "table" and table.concat(b.lines, "\n") or nil)
  end,
  answer = function(b)
    return p("answered by " .. b.by, "small") .. p(b.text) .. (b.error and error_of(b.error) or "")
  end,
  ["run.resumed"] = function(b)
    return p(b.by == "fork" and ("a copy of %s up to %d goes on from here"):format(b.of, b.at)
      or "carried on from here", "small") .. value("other parameters", b.set)
  end,
  step = function(b)
    return p("step " .. b.name, "small") .. value("answered", b.value)
      .. (b.error and b.error ~= json.null and error_of(b.error) or "")
  end,
  files = function(b)
    return p("loaded: " .. table.concat(text.sorted_keys(b.files), ", "), "small")
  end,
  changes = function(b)
    local known = type(b.paths) == "table" and #text.sorted_keys(b.paths) or 0
    return p(b.kind and ("the workspace before the first command, by %s: %s noted"):format(b.kind,
      text.plural(known, "file")) or b.why, "small")
  end,
  watchdog = function(b)
    return p(("the deadline was passed %s ago, and the run had not ended: a bug of ours"):format(
      show.time(b.after_ms)), "bad")
  end,
  sleep = function(b) return p("sleeps for " .. show.time(b.ms), "small") end,
  woke = function() return p("woke", "small") end,
  budget = function(b) return value("what was spent, and is left", b.value) end,
  phase = function(b) return ("<h3>%s</h3>"):format(esc(b.name)) end,
  reserved = function(b)
    return p(("set aside for a request to %s, with a reply of at most %d tokens"):format(b.model,
      b.max_tokens), "small")
  end,
  ["child.finished"] = function(b, seen)
    local id = esc(b.run)
    local name = seen.ids[b.run] and ('<a href="#run-%s">%s</a>'):format(id, id) or id
    return ("<p class=\"small\">child %s ended: %s</p>"):format(name, esc(b.status or "-"))
      .. (b.error and error_of(b.error) or "")
      .. (type(b.patch) == "table" and pre(b.patch.text, "what it changed") or "")
  end,
  ["run.parked"] = function(b)
    return ("<h3>waits for a person</h3>") .. p(b.error.message, "small")
  end,
  ["run.differs"] = function(b)
    return ("<h3 class=\"bad\">the script went another way than the journal</h3>")
      .. error_of(b.error)
  end,
  log = function(b) return p(b.tool and b.tool .. ": " .. b.text or b.text, "small") end,
  ["run.finished"] = function(b)
    local good = b.status == "ok"
    local result = type(b.result) == "table" and b.result or {}
    return ("<h3 class=\"%s\">%s</h3>"):format(good and "ok" or "bad", esc(b.status))
      .. (b.error and error_of(b.error) or "") .. p(result.error, "bad")
      .. (type(result.value) == "table" and fields(result.value) or p(result.text))
      .. (b.partial and pre(b.partial, "what was said last") or "")
      .. value("background jobs ended with it", b.jobs)
  end,
}

local function since(row, time)
  local ms = time - row.started
  if ms < 0 then ms = 0 end
  if ms < 10000 then return ("+%.2f s"):format(ms / 1000) end
  return ("+%d:%02d:%02d"):format(ms // 3600000, ms // 60000 % 60, ms // 1000 % 60)
end

--- One record. One that is not as it should be is shown as it stands: an export leaves nothing out.
local function step(row, record, seen)
  local body = json.decode(record.body)
  local draw, whole, drawn, class = DRAW[record.kind], false, nil, nil
  if type(body) == "table" and draw then whole, drawn, class = pcall(draw, body, seen) end
  if not whole then drawn = p(record.kind, "small") .. pre(record.body) end
  return ('<div class="step %s" id="%s-%d"><time>%s</time><div>%s</div></div>\n'):format(
    class or esc(record.kind:match("[^.]*$")), esc(row.run), record.seq,
    since(row, record.time), drawn)
end

local function stamp(ms)
  local s = ms // 1000
  return ("%s %02d:%02d:%02d UTC"):format(start.date_of(ms), s // 3600 % 24, s // 60 % 60, s % 60)
end

local function facts(row, more)
  local status_class = row.status == "ok" and "ok" or row.status ~= "running" and "bad" or "quiet"
  local list = {
    { "status", ('<span class="%s">%s</span>'):format(status_class, esc(row.status)) },
    { "run", esc(row.run) }, { "began with", esc(row.agent) },
    { "started", stamp(row.started) },
    { "took", esc(show.time(show.took(row))) },
    { "cost", row.usd and ("$%.4f"):format(row.usd) or nil },
  }
  for _, fact in ipairs(more or {}) do list[#list + 1] = fact end
  local parts = {}
  for i = 1, #list do
    if list[i][2] then
      parts[#parts + 1] = ("<div><dt>%s</dt><dd>%s</dd></div>"):format(list[i][1], list[i][2])
    end
  end
  return "<dl>" .. table.concat(parts) .. "</dl>\n"
end

---@param cli   table
---@param rows  table[] the run, then what is below it
---@param write fun(text: string)
return function(cli, rows, write)
  local seen, files, top = { ids = {} }, {}, rows[1]
  local title = show.brief(text.first_line(top.task), BRIEF)
  for _, row in ipairs(rows) do seen.ids[row.run] = true end
  write(HEAD:format(POLICY, esc(title ~= "" and title or top.run), style))
  write(("<h1>%s</h1>\n"):format(esc(top.task ~= "" and top.task or top.run)))
  write(facts(top, { { "children", #rows > 1 and tostring(#rows - 1) or nil } }))
  for i, row in ipairs(rows) do
    seen.calls = {}
    write(('<section class="run" id="run-%s">\n'):format(esc(row.run)))
    if i > 1 then
      write(('<h2>%s</h2>\n<p class="small">child of <a href="#run-%s">%s</a></p>\n'):format(
        esc(row.agent), esc(row.parent), esc(row.parent)))
      write(facts(row))
    end
    for record in records.of(cli, row.run) do
      export.note_files(record, files)
      write(step(row, record, seen))
    end
    write("</section>\n")
  end
  write('<section class="run"><h2>Files that were loaded</h2>\n')
  local own = {}
  for path, hash, said in export.texts(cli, files) do
    if texts.of_program(path) then
      own[#own + 1] = ("%s  %s"):format(hash, path)
    else
      write(fold(path, ('<p class="small">SHA-256 %s</p><pre>%s</pre>'):format(esc(hash),
        esc(said))))
    end
  end
  if #own > 0 then
    write(fold(("Perigee's own %d files, by SHA-256"):format(#own), pre(table.concat(own, "\n"))))
  end
  write("</section>\n</body>\n</html>\n")
end
