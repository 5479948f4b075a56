--- Which records of a tree a resume `--from STEP` takes back: that step and what followed from it,
--- in its run and in those that waited for it; never what went on beside it. Host VM only.
---
--- A run that is a child waits in its parent at one place or call. Where a step of it is taken
--- back, so is its end, and in the parent everything that came of that end; the record by which the
--- child began stays, so that the child is taken up again and not begun anew. So on to the top.
local forget = {}

--- The path of a place, split: "3.facts/2" is { "3.facts", "2" }.
local function parts_of(at)
  local parts = {}
  for part in at:gmatch("[^/]+") do parts[#parts + 1] = part end
  return parts
end

local function split(part)
  local number, branch = part:match("^(%d+)(.*)$")
  return math.tointeger(number), branch
end

--- Whether the step at `at` comes after the one at `from`, or is it: in the same coroutine later,
--- or later in one that waits for that coroutine.
local function follows(at, from)
  local mine, theirs = parts_of(at), parts_of(from)
  for i, part in ipairs(theirs) do
    if not mine[i] then return i > 1 end -- what stands around the step ended after it
    local number, branch = split(mine[i])
    local from_number, from_branch = split(part)
    if not number or not from_number then
      if mine[i] ~= part then return false end
    elseif number ~= from_number then
      return number > from_number
    elseif branch ~= from_branch and from_branch ~= "" and branch:sub(1, 1) ~= "#" then
      return false
    end
  end
  return true
end

--- Where in a script a record stands: in a chain ("3.facts/2"), or in a hook, whose steps are
--- counted below the number of the part ("b1/2"). Nil of what a fork or a compaction calls `at`,
--- which may look like it.
local OTHERS <const> = { ["run.resumed"] = true, compaction = true }
local function place_of(record, places)
  local body = record.body
  local at = not OTHERS[record.kind] and (body.at or body.call and places[body.call])
  return at and at:find("^b?%d") and at or nil
end

--- Where each call of a script stands; what is decided about it has no place of its own.
local function places_of(mine)
  local places = {}
  for _, record in ipairs(mine.records) do
    if record.kind == "call" and record.body.at then places[record.body.id] = record.body.at end
  end
  return places
end

--- When a run was taken up, and by what limits, stays, and so does what the workspace was like
--- before it; whatever it ended with is no end any more.
local ALWAYS <const> = { ["run.started"] = false, ["run.resumed"] = false, changes = false,
  ["run.finished"] = true }

---@class forget.Cut from where on records are taken back
---@field seq   integer the first of them, where order says what follows
---@field at?   string  its place, where places say it

--- Whether a record is taken back. An agent does one thing after the other, so that all that came
--- later follows; but for the steps of its hook, which has branches as a chain has.
local function is_gone(record, cut, places, is_chain)
  if ALWAYS[record.kind] ~= nil then return ALWAYS[record.kind] end
  local said = record.body.at
  if said and said:find("^more%.") then return false end -- what people gave it since
  local at = place_of(record, places)
  if cut.at and at then return follows(at, cut.at) end
  if cut.at and is_chain then return false end
  return record.seq >= cut.seq
end

local function is_chain(mine) return mine.records[1] and mine.records[1].body.chain ~= nil end

---@param mine past.Past
---@param cut  forget.Cut
---@param keep? fun(record: past.Record): boolean
---@return table<integer, true> seqs
local function taken(mine, cut, keep)
  local seqs, places, chain = {}, places_of(mine), is_chain(mine)
  for _, record in ipairs(mine.records) do
    if is_gone(record, cut, places, chain) and not (keep and keep(record)) then
      seqs[record.seq] = true
    end
  end
  return seqs
end

-- the step itself ---------------------------------------------------------------------------------

--- A call of which only the result is taken back was not cut off by a death: it is made again.
local function add_calls(mine, seqs)
  local back = {}
  for _, record in ipairs(mine.records) do
    if record.kind == "result" and seqs[record.seq] then back[record.body.id] = true end
  end
  for _, record in ipairs(mine.records) do
    if record.kind == "call" and back[record.body.id] then seqs[record.seq] = true end
  end
end

--- What of a run is taken back with one of its steps; nil where it has no such step.
---@param mine past.Past
---@param step string a place, "3.facts/2", or the number of a record
---@return table<integer, true>? seqs
local function from_step(mine, step)
  local seq = math.tointeger(tonumber(step))
  for _, record in ipairs(mine.records) do
    if record.body.at == step then return taken(mine, { seq = record.seq, at = step }) end
  end
  for _, record in ipairs(mine.records) do
    if record.seq == seq then
      local seqs = taken(mine, { seq = seq })
      add_calls(mine, seqs)
      return seqs
    end
  end
end

-- those that waited for it ------------------------------------------------------------------------

local function invalid(...) return nil, { code = "invalid", message = string.format(...) } end

--- Whose child a run is: the parent's id and its record of it.
---@return string? parent, past.Record? record
local function parent_of(pasts, id)
  for parent, mine in pairs(pasts) do
    for _, record in ipairs(mine.records) do
      if record.kind == "child" and record.body.run == id then return parent, record end
    end
  end
end

--- What the parent has of its child's place: a later child there, the child's end, whether the
--- script went on behind it.
local function look(mine, child)
  local found, key = {}, child.body.at or child.body.call
  local places = places_of(mine)
  for _, record in ipairs(mine.records) do
    local body = record.body
    local here = (body.at or body.call) == key
    if record.kind == "child" and here then found.last = body.run end
    if record.kind == "child.finished" and here then found.ended = true end
    local at = place_of(record, places)
    if child.body.at and at and at ~= key and follows(at, child.body.at) then
      found.passed = true
    end
  end
  return found
end

local function name_of(parent, child)
  return ("%s:%s"):format(parent, child.body.at or child.seq)
end

--- Why a child cannot be taken up again; true where it can.
local function can_go_on(mine, parent, id, child)
  local found = look(mine, child)
  if found.last ~= id then
    return invalid("%s was given up, and %s works in its place", id, found.last)
  end
  if found.passed and not found.ended then
    return invalid("%s was cancelled when the branch beside it had settled the matter, and nobody "
      .. "waits for it; take back the step that began it, %s, or the one of the other branch", id,
      name_of(parent, child))
  end
  if found.ended and child.body.copy then
    return invalid("%s worked in a copy of the workspace, which was removed when it had ended; "
      .. "%s does all of its work again, in a new one", id, name_of(parent, child))
  end
  return true
end

--- Takes back in the parents what came of the end of a run.
---@param pasts table<string, past.Past>
---@param top   string
---@param id    string
---@param all   table<string, table<integer, true>> by run
---@return boolean? ok, Error? err
local function add_parents(pasts, top, id, all)
  while id ~= top do
    local parent, child = parent_of(pasts, id)
    if not parent or not child then
      return invalid("%s is no part of %s any more: what asked for it was taken back", id, top)
    end
    local mine = pasts[parent]
    local ok, err = can_go_on(mine, parent, id, child)
    if not ok then return nil, err end
    local key = child.body.at or child.body.call
    all[parent] = taken(mine, { seq = child.seq, at = child.body.at }, function(record)
      return record.kind == "child" and (record.body.at or record.body.call) == key
    end)
    id = parent
  end
  return true
end

-- for `resume` ------------------------------------------------------------------------------------

--- The run of the tree that a name, or a part of one, means.
local function run_of(pasts, part)
  if pasts[part] then return part end
  local found
  for id in pairs(pasts) do
    if id:find(part, 1, true) then
      if found then return nil end
      found = id
    end
  end
  return found
end

--- Which run a step is of, and its name there: RUN:STEP names one, a bare STEP is of `named`.
local function read(pasts, named, step)
  local part, rest = step:match("^(.+):([^:]+)$")
  if not part then return named, step end
  return run_of(pasts, part), rest
end

---@param pasts table<string, past.Past> of the tree
---@param top   string its top-level run
---@param named string the run that a bare STEP is of
---@param step  string PLACE, SEQ, RUN:PLACE or RUN:SEQ
---@return table<string, integer[]>? seqs by run, in order
---@return Error? err
function forget.from(pasts, top, named, step)
  local id, name = read(pasts, named, step)
  local all = {}
  all[id or ""] = id and pasts[id] and from_step(pasts[id], name) or nil
  if not next(all) or not next(all[id]) then
    return nil, { code = "not_found", message = ("no step %s; perigee runs show RUN lists the "
      .. "records of a run, with the steps of a chain as [3.facts/2]; RUN:STEP names one of a "
      .. "child"):format(step) }
  end
  local ok, err = add_parents(pasts, top, id, all)
  if not ok then return nil, err end
  local lists = {}
  for run, seqs in pairs(all) do
    local list = {}
    for seq in pairs(seqs) do list[#list + 1] = seq end
    table.sort(list)
    lists[run] = list
  end
  return lists
end

return forget
