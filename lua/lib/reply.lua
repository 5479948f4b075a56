--- What a person says to a run from outside: answers, approvals, its cancellation. The word is left
--- in the inbox of the top-level run first, where it outlives everything; then whoever carries the
--- run hears it, or it is carried on here, or it waits. Host VM only.
local json    = require "lib.json"
local show    = require "lib.show"
local text    = require "lib.text"
local waiting = require "lib.waiting"

local reply = {}

local TEXT_MOST <const> = 64 * 1024 -- bytes of an answer

local function invalid(...) return nil, { code = "invalid", message = string.format(...) } end

--- The whole id of a run, and the row of the top-level run that it belongs to.
---@param cli  table
---@param part string
---@return string? id, table|Error row_or_err of the top-level run
function reply.find(cli, part)
  local id, err = cli.find_run(part)
  if not id then return nil, err end
  local at = id
  while true do
    local rows
    rows, err = cli.list_runs { tree = at, most = 1 }
    if not rows then return nil, err end
    if rows[1].parent == "" then return id, rows[1] end
    at = rows[1].parent
  end
end

local NOTHING <const> = { question = "waits for an answer", approval = "waits for an approval" }
local WANTS   <const> = { question = "is a question: perigee runs answer %s TEXT",
  approval = "is an approval: perigee runs approve %s, or deny %s" }

local function listed(open)
  local names = {}
  for i, one in ipairs(open) do
    names[i] = ("%s (%s)"):format(waiting.name(one),
      show.brief(text.first_line(one.text or ""), 60))
  end
  return table.concat(names, ", ")
end

--- The one that RUN or RUN:SEQ names.
local function pick(cli, id, top, seq, kind)
  local fits, others = {}, {}
  for _, open in ipairs(waiting.of(cli, top.run)) do
    local meant = (id == top.run and not seq) or open.run == id
    if meant and (not seq or open.seq == seq) then
      local list = open.kind == kind and fits or others
      list[#list + 1] = open
    end
  end
  if #fits == 1 then return fits[1] end
  if #fits > 1 then return invalid("%s: %d of them wait; name one: %s", id, #fits, listed(fits)) end
  if seq and others[1] then
    local name = waiting.name(others[1])
    return invalid("%s " .. WANTS[others[1].kind], name, name, name)
  end
  local named = seq and ("%s:%d"):format(id, seq) or id
  return nil, { code = "not_found", message = ("nothing in %s %s%s"):format(named, NOTHING[kind],
    #others > 0 and "; there waits " .. listed(others) or "") }
end

--- Why no word counts any more.
local function too_late(open)
  local name = waiting.name(open)
  if open.told then
    return invalid("%s was told %q already; perigee runs resume %s goes on with it", name,
      show.brief(text.first_line(open.told), 60), open.run)
  end
  if open.overdue then
    return invalid("%s: its time is over%s; perigee runs resume %s goes on", name,
      waiting.holds(open, " and "), open.run)
  end
  return true
end

local READ <const> = {
  answer = function(cli, open, _, said)
    local err
    if said == "-" then
      said, err = cli.read_stdin()
      if not said then return nil, err end
      said = said:gsub("\r?\n$", "")
    end
    if not utf8.len(said) or said == "" then return invalid("the answer is no text") end
    if #said > TEXT_MOST then
      return invalid("the answer has %d bytes; the most is %d", #said, TEXT_MOST)
    end
    if open.choices and not text.one_of(open.choices, said) then
      return invalid("%q is none of the answers: %s", show.brief(said, 60),
        table.concat(open.choices, " | "))
    end
    return { what = "answer", text = said }
  end,
}

--- An answer for good is about what was shown, and only where all of it was.
local function verdict(what, word)
  return function(_, open, values, said)
    if said then return invalid("too many words, from %q on", said) end
    if values.always and not text.one_of(open.choices or {}, word) then
      return invalid("%s can be answered for this once only: not all of the call could be shown, "
        .. "or answers are not kept here", waiting.name(open))
    end
    return { what = what, always = values.always }
  end
end

READ.approve = verdict("approve", "always here")
READ.deny    = verdict("deny", "never here")

local KIND <const> = { answer = "question", approve = "approval", deny = "approval" }

---@class reply.Left
---@field run    string the top-level run
---@field name?  string RUN:SEQ of what was answered
---@field owner? integer pid of the process that carries the run; nil: none does
---@field heard? boolean it took the message: what came of it is recorded
---@field body   string  the message

local PATIENCE_MS <const> = 3000 -- how long the verb waits for the owner to hear
local LOOK_MS     <const> = 50

--- Waits a moment for whoever carries the run to take the message. It may park or die before that.
---@async
---@param cli  table
---@param left reply.Left
---@return reply.Left? left, Error? err
function reply.hearing(cli, left)
  for _ = 1, PATIENCE_MS // LOOK_MS do
    local messages, err = cli.read_inbox(left.run)
    if not messages then return nil, err end
    left.heard = true
    for _, message in ipairs(messages) do
      if message.body == left.body then left.heard = nil end
    end
    if left.heard then return left end
    local rows
    rows, err = cli.list_runs { tree = left.run, most = 1 }
    if not rows then return nil, err end
    left.owner = rows[1].owner
    if not left.owner then return left end
    cli.sleep(LOOK_MS)
  end
  return left
end

--- Leaves an answer or a verdict.
---@async
---@param cli    table
---@param what   "answer"|"approve"|"deny"
---@param named  string RUN or RUN:SEQ
---@param values { always: boolean? }
---@param said?  string the answer, or - for stdin
---@return reply.Left? left, Error? err
function reply.give(cli, what, named, values, said)
  local part, seq = named:match("^(.-):(%d+)$")
  local id, top = reply.find(cli, part or named)
  if not id then return nil, top end
  local open, err = pick(cli, id, top, seq and math.tointeger(tonumber(seq)), KIND[what])
  if not open then return nil, err end
  local message, ok
  ok, err = too_late(open)
  if not ok then return nil, err end
  message, err = READ[what](cli, open, values, said)
  if not message then return nil, err end
  message.run, message.seq, message.time = open.run, open.seq, cli.now()
  local body = json.encode(message)
  ok, err = cli.post(top.run, body)
  if not ok then return nil, err end
  return reply.hearing(cli, { run = top.run, name = waiting.name(open), owner = top.owner,
    body = body })
end

-- cancelled ---------------------------------------------------------------------------------------

local CANCELLED <const> = "cancelled with perigee runs cancel"

local function is_over(row) return row.ended > 0 and row.status ~= "waiting" end

--- Ends what of a tree is open, children before their parents. What was left for it is settled.
local function end_tree(cli, rows)
  local numbers, messages = {}, cli.read_inbox(rows[1].run)
  for i, message in ipairs(messages or {}) do numbers[i] = message.number end
  local body = json.encode(json.object { { "status", "cancelled" },
    { "error", json.object { { "code", "cancelled" }, { "message", CANCELLED } } } })
  for i = #rows, 1, -1 do -- the list has parents first
    if not is_over(rows[i]) then
      local ok, err = cli.end_run(rows[i], "cancelled", body, i == 1 and numbers or {})
      if not ok then return nil, err end
    end
  end
  return true
end

--- Cancels a run: whoever carries it ends it; what nobody carries is ended here.
---@async
---@return reply.Left? left, Error? err
function reply.cancel(cli, part)
  local id, top = reply.find(cli, part)
  if not id then return nil, top end
  if id ~= top.run then
    return invalid("%s is a child of %s; perigee runs cancel %s ends both", id, top.run, top.run)
  end
  if is_over(top) then return invalid("%s has ended (%s)", id, top.status) end
  local body = json.encode { what = "cancel" }
  local ok, err = cli.post(id, body)
  if not ok then return nil, err end
  local left
  left, err = reply.hearing(cli, { run = id, owner = top.owner, body = body })
  if not left or left.owner or left.heard then return left, err end
  local rows
  rows, err = cli.list_runs { tree = id }
  if not rows then return nil, err end
  ok, err = end_tree(cli, rows)
  if not ok then return nil, err end
  return left
end

return reply
