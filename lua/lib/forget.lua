--- Which records of a run a resume `--from STEP` takes back: that step and what followed from it,
--- never what went on beside it. Host VM only.
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

--- Where each call of the chain stands; what is decided about it has no place of its own.
local function places_of(mine)
  local places = {}
  for _, record in ipairs(mine.records) do
    if record.kind == "call" and record.body.at then places[record.body.id] = record.body.at end
  end
  return places
end

---@param mine past.Past
---@param step string a place, "3.facts/2", or the number of a record
---@return integer[]? seqs, Error? err
function forget.from(mine, step)
  local seqs, found, placed = {}, false, false
  local seq, places = math.tointeger(tonumber(step)), places_of(mine)
  for _, record in ipairs(mine.records) do placed = placed or record.body.at == step end
  for _, record in ipairs(mine.records) do
    local at = record.body.at or record.body.call and places[record.body.call]
    local gone
    if placed then
      gone = at ~= nil and follows(at, step)
    else
      gone = seq ~= nil and record.seq >= seq and record.kind ~= "run.started"
        and record.kind ~= "run.resumed" -- when it was taken up, and by what limits
        and not (at and at:find("^more%.")) -- nor what people gave it since
    end
    found = found or placed or record.seq == seq
    if gone then seqs[#seqs + 1] = record.seq end
  end
  if found and #seqs > 0 then return seqs end
  return nil, { code = "not_found", message = ("no step %s; perigee runs show lists the records, "
    .. "with the steps of a chain as [3.facts/2]"):format(step) }
end

return forget
