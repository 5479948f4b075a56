--- Where the agents of today do not fit a run that is to go on with them (`--with-current`). What
--- was done stands, whoever did it; but a conversation that is not over has begun with a prompt and
--- tools, which the model has seen. Another agent cannot take it over unseen. Host VM only.
local show = require "lib.show"
local text = require "lib.text"

local drift = {}

local LINE_MOST <const> = 60 -- signs of a line that is shown

--- The loop's own calls, which are no tools of a file.
local OWN <const> = { handoff = true, escalate = true }

local function quoted(line)
  if not line then return "nothing" end
  return ("%q"):format(show.brief(show.clean(line), LINE_MOST))
end

--- The first line in which two texts differ: its number in each and what stands there.
local function first_difference(old, new)
  local before, now = text.lines(old), text.lines(new)
  for i = 1, math.max(#before, #now) do
    if before[i] ~= now[i] then return i, before[i], now[i] end
  end
end

--- Whether a run goes on: a child that came to an end of its own is not taken up again.
local function goes_on(mine, is_top)
  return is_top or not mine.ended or mine.ended.body.status == "cancelled"
end

--- The prompt of the conversation that has not ended: the last one, unless the work was handed on
--- since.
local function open_prompt(mine)
  local open
  for _, record in ipairs(mine.records) do
    if record.kind == "prompt" then open = record end
    if record.kind == "hop" then open = nil end
  end
  return open
end

--- What of an agent's instructions is not as it was; nil where they are the same.
local function body_differs(cli, body, who)
  local source = body.hash and cli.read_text(body.hash)
  local parsed = source and cli.definition(source, "front")
  local body_then = parsed and source:sub(parsed.body_at)
  if not parsed or body_then == who.body then return nil end
  local at, was, is = first_difference(body_then, who.body)
  if not at then return nil end
  return ("the journal has %s:%d as %s; now %s:%d is %s"):format(body.file,
    parsed.body_line + at - 1, quoted(was), who.file, who.body_line + at - 1, quoted(is))
end

--- Where a tool that is not there should come from.
local function whereabouts(loaded, name)
  for _, one in ipairs(loaded.box.diagnostics) do
    if one.name == name then
      return ("%s%s: %s"):format(one.file, one.line and ":" .. one.line or "", one.message)
    end
  end
  return loaded.box.tools[name] and "its definition no longer gives it"
    or "there is no such tool now"
end

--- A tool that the model was offered and that the agent has no more.
local function tool_is_gone(loaded, body, who)
  for _, name in ipairs(body.tools or {}) do
    if not OWN[name] and not text.one_of(who.tools, name) then
      return ("the journal offers the tool %s to %s (%s); now %s:%d does not: %s"):format(name,
        body.agent, body.file, who.file, who.tools_line[1] or 1, whereabouts(loaded, name))
    end
  end
end

local function prompt_differs(cli, loaded, body)
  local who = loaded.catalog.by_name[body.agent]
  if not who then
    return ("the journal has the agent %s (%s); there is none of that name now"):format(body.agent,
      body.file or "?")
  end
  return body_differs(cli, body, who) or tool_is_gone(loaded, body, who)
end

--- A way that the run has gone, and that the agents of today do not have.
local function hop_differs(loaded, body)
  local from, to = loaded.catalog.by_name[body.from], loaded.catalog.by_name[body.to]
  if from and to and text.one_of(from.targets, body.to) then return nil end
  local gone = not from and body.from or not to and body.to
  return ("the journal has %s hand over to %s; %s"):format(body.from, body.to,
    gone and ("there is no agent %s now"):format(gone)
    or ("now %s does not lead there"):format(from.file))
end

--- The first difference of one run: the record, and both sides.
local function difference(cli, loaded, mine)
  for _, record in ipairs(mine.records) do
    local said = record.kind == "hop" and hop_differs(loaded, record.body)
    if said then return record, said end
  end
  local open = open_prompt(mine)
  local said = open and open.body.file and prompt_differs(cli, loaded, open.body)
  if said then return open, said end
end

--- The runs of the tree that may go on: a child that was taken back, or in whose place another
--- works, does not.
local function living(pasts, id, found)
  local last = {}
  found[id] = pasts[id]
  for _, record in ipairs(pasts[id].records) do
    local body = record.body
    if record.kind == "child" and pasts[body.run] then
      last[body.at or body.call or record.seq] = body.run
    end
  end
  for _, child in pairs(last) do living(pasts, child, found) end
  return found
end

--- Whether the agents of today can go on with a run. Needs an open journal; the agents have their
--- tools.
---@param cli    table
---@param loaded start.Loaded
---@param pasts  table<string, past.Past> of the tree
---@param top    string
---@return boolean? ok, Error? err
function drift.check(cli, loaded, pasts, top)
  for _, id in ipairs(text.sorted_keys(living(pasts, top, {}))) do
    local record, said
    if goes_on(pasts[id], id == top) then record, said = difference(cli, loaded, pasts[id]) end
    if record then
      return nil, { code = "invalid", message = ("%s: record %d, a %s: %s. What has begun goes on "
        .. "as it was: perigee runs resume %s does that; --from RUN:SEQ --with-current begins anew "
        .. "with what is now, from this record (%s:%d) or one before it"):format(id, record.seq,
        record.kind, said, top, id, record.seq) }
    end
  end
  return true
end

return drift
