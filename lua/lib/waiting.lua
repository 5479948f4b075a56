--- What a run waits for: questions and approvals that nobody gave an answer to, by its records and
--- those of the runs below it. Host VM only.
local duration = require "lib.duration"
local json     = require "lib.json"
local records  = require "lib.records"
local show     = require "lib.show"
local text     = require "lib.text"

local waiting = {}

---@class waiting.Open plain data, as `runs list --waiting --json` shows it
---@field run      string who asks; it may be a child
---@field seq      integer of the record; people name it RUN:SEQ
---@field kind     "question"|"approval"
---@field agent    string
---@field since    integer Unix ms
---@field until?   integer Unix ms: no answer counts after that
---@field overdue? boolean that time has passed
---@field text     string the question; of an approval what is to be called, in one line
---@field choices? string[] what may be answered
---@field default? string the answer where nobody gives one in time
---@field late?    "fail" who asked gets no answer after that time, whatever the default
---@field tool?    string of an approval
---@field lines?   string[] of an approval: the arguments
---@field facts?   string[] of an approval: what it reaches, and why it asks
---@field told?    string what somebody said already; the run has not heard it yet

local LINE_MOST <const> = 200 -- bytes of a question in a list

---@param open waiting.Open
---@return string name as people give it: RUN:SEQ
function waiting.name(open) return ("%s:%d"):format(open.run, open.seq) end

local function place_of(body) return body.call or body.at end

local function texts_of(list)
  return type(list) == "table" and json.array(table.move(list, 1, #list, 1, {})) or nil
end

local OPENS <const> = {
  question = function(body)
    if body.to ~= "User" then return nil end
    return { kind = "question", text = body.text, default = body.default, late = body.late }
  end,
  approval = function(body)
    local first = type(body.lines) == "table" and body.lines[1]
    return { kind = "approval", tool = body.tool, lines = texts_of(body.lines),
      facts = texts_of(body.facts),
      text = body.tool .. (first and ": " .. text.first_line(first) or "") }
  end,
}

local CLOSES <const> = {
  answer   = function() return "question" end,
  decision = function(body) return body.what == "ask" and "approval" or nil end,
  withdrawn = function() end, -- by its number
}

--- Takes the first of that kind and place out of the list; two may bear one place.
local function close(list, kind, place)
  for i, open in ipairs(list) do
    if open.kind == kind and open.place == place then return table.remove(list, i) end
  end
end

--- An open question or approval by its record.
local function opened(run, record, body, open, now)
  open.run, open.seq, open.since = run, record.seq, record.time
  open.agent, open.place, open.choices = body.agent, place_of(body), texts_of(body.choices)
  open["until"] = body["until"]
  open.overdue = body["until"] and body["until"] <= now or nil
  return open
end

--- What a resume `--from` took back was never asked, nor answered.
local function note_gone(gone, run, body)
  for _, one in ipairs { { run = run, forget = body.forget }, table.unpack(body.below or {}) } do
    for _, seq in ipairs(one.forget or {}) do gone[("%s:%d"):format(one.run, seq)] = true end
  end
end

--- Children nobody waits for, since what began them was taken back or another works in their place;
--- and theirs.
---@param begun { seq: integer, run: string, place: string? }[] by one run, in order
---@param is_gone boolean that run itself is
local function note_children(gone, begun, is_gone, stands)
  local last = {}
  for _, child in ipairs(begun) do
    local place = child.place or child.seq
    local before = last[place]
    if is_gone or not stands(child.seq) then
      gone[child.run] = true
    else
      if before then gone[before] = true end
      last[place] = child.run
    end
  end
end

--- The open ones of one run; none where it has ended, unless it went on after that.
---@param gone table<string, true> records that were taken back or withdrawn, as RUN:SEQ, and runs
local function of_run(cli, run, now, gone)
  local acts, list, begun, ended = {}, {}, {}, false
  for record in records.of(cli, run) do
    local opens, closes = OPENS[record.kind], CLOSES[record.kind]
    local resumed, child = record.kind == "run.resumed", record.kind == "child"
    local body = (opens or closes or resumed or child) and json.decode(record.body)
    ended = record.kind == "run.finished" and record.seq
    if type(body) == "table" then
      local open, kind = opens and opens(body), closes and closes(body)
      if resumed then note_gone(gone, run, body) end
      if record.kind == "withdrawn" then gone[("%s:%d"):format(run, body.seq)] = true end
      if child and type(body.run) == "string" then
        begun[#begun + 1] = { seq = record.seq, run = body.run, place = place_of(body) }
      end
      if open then acts[#acts + 1] = opened(run, record, body, open, now) end
      if kind then acts[#acts + 1] = { seq = record.seq, closes = kind, place = place_of(body) } end
    end
  end
  local function stands(seq) return not gone[("%s:%d"):format(run, seq)] end
  note_children(gone, begun, gone[run] or false, stands)
  if gone[run] or ended and stands(ended) then return {} end
  for _, act in ipairs(acts) do
    if not stands(act.seq) then goto continue end
    if act.closes then close(list, act.closes, act.place) else list[#list + 1] = act end
    ::continue::
  end
  return list
end

--- What somebody left for the run already, by RUN:SEQ.
local function told(cli, run)
  local said, messages = {}, cli.read_inbox(run)
  for _, message in ipairs(messages or {}) do
    local body = json.decode(message.body)
    local name = type(body) == "table" and type(body.run) == "string"
      and math.type(body.seq) == "integer" and ("%s:%d"):format(body.run, body.seq)
    if name then said[name] = said[name] or body.text or body.what end
  end
  return said
end

--- What a top-level run and all below it wait for, oldest first. Raises what the store says when it
--- cannot be read.
---@param cli table with an open journal
---@param run string its whole id
---@return waiting.Open[] open
function waiting.of(cli, run)
  local rows, err = cli.list_runs { tree = run }
  if not rows then error(err, 0) end
  if rows[1] and rows[1].status ~= "waiting" and rows[1].ended > 0 then return {} end
  local all, now, said, gone = {}, cli.now(), told(cli, run), {}
  for _, row in ipairs(rows) do -- parents first, whose records say what is gone below them
    for _, open in ipairs(of_run(cli, row.run, now, gone)) do
      open.place, open.told = nil, said[waiting.name(open)]
      all[#all + 1] = open
    end
  end
  table.sort(all, function(a, b)
    if a.since ~= b.since then return a.since < b.since end
    return waiting.name(a) < waiting.name(b)
  end)
  return all
end

-- for people --------------------------------------------------------------------------------------

--- What holds when the time to answer is over, behind `before`.
---@param open   waiting.Open
---@param before string
---@return string words "" where nothing does: who asked gets no answer
function waiting.holds(open, before)
  if open.kind == "approval" then return before .. "it is denied" end
  if open.default == nil or open.late == "fail" then return "" end
  return ("%s%q holds"):format(before, open.default)
end

local function time_left(open, now)
  local at = open["until"]
  if not at then return "" end
  if open.overdue then return ", its time is over" .. waiting.holds(open, ": ") end
  return (", for %s more%s"):format(duration.words(at - now), waiting.holds(open, ", then "))
end

--- What to type.
local function remedy(open, name)
  if open.overdue then return "perigee runs resume " .. open.run end
  if open.kind == "approval" then
    return ("perigee runs approve %s, or deny %s"):format(name, name)
  end
  return ("perigee runs answer %s TEXT"):format(name)
end

--- One open question or approval: who asks what, since when, and what answers it.
---@param open waiting.Open
---@param now  integer Unix ms
---@return string said lines, indented, clean, with the last end of line
function waiting.say(open, now)
  local name = waiting.name(open)
  local lines = { ("%s, %s, since %s%s"):format(name, open.kind,
    duration.words(math.max(0, now - open.since)), time_left(open, now)) }
  local verb = open.kind == "approval" and "wants to call" or "asks"
  lines[2] = ("%s %s %s"):format(open.agent or "it", verb,
    show.brief(text.first_line(open.text or ""), LINE_MOST))
  if open.choices and open.kind == "question" then
    lines[3] = "one of: " .. table.concat(open.choices, " | ")
  end
  lines[#lines + 1] = open.told and ("told %q, and not heard yet: perigee runs resume %s")
    :format(show.brief(text.first_line(open.told), LINE_MOST), open.run) or remedy(open, name)
  for i, line in ipairs(lines) do
    lines[i] = (i == 1 and "  " or "    ") .. show.clean(text.first_line(line))
  end
  return table.concat(lines, "\n") .. "\n"
end

return waiting
