--- What the provider's cache did for each turn of a run and its children: what was read from it and
--- written to it, and for a miss the first byte that differs and what it cost. Pure; lib/prefix.lua
--- compared the requests when they were sent.
local columns = require "lib.columns"
local json    = require "lib.json"
local text    = require "lib.text"

local run_cache = {}

local HEADS <const> = { "turn", "input", "cache read", "cache write", "sent", "as before",
  "missed" }
local KEPT_MS <const> = 5 * 60 * 1000 -- what a cache keeps at least, as providers say
local QUOTE <const> = 60
local SMALL <const> = 0.02 -- of a prompt: a miss that small is the server's rounding

--- The records that are looked at.
run_cache.KINDS = { turn = true, prompt = true, compaction = true }

--- What a server says of a miss by itself.
local REASONS <const> = {
  model_changed = "the model changed", system_changed = "the system prompt changed",
  tools_changed = "the tools changed", messages_changed = "an earlier message changed",
  previous_message_not_found = "it does not know the request before",
  unavailable = "it cannot tell",
}

---@class run_cache.Turn
---@field run    string
---@field agent  string
---@field turn   integer
---@field time   integer Unix ms
---@field usage? Usage
---@field cache? table of lib/prefix.lua
---@field after_ms? integer since the turn before in its conversation
---@field compacted? boolean the conversation was made shorter before it

---@class run_cache.Sum
---@field turns run_cache.Turn[]
---@field last  table<string, integer> when a conversation had its last turn
---@field compacted table<string, boolean>

---@return run_cache.Sum
function run_cache.begin() return { turns = {}, last = {}, compacted = {} } end

--- Takes one record.
---@param sum  run_cache.Sum
---@param run  string
---@param kind string
---@param body table
---@param time integer Unix ms
function run_cache.note(sum, run, kind, body, time)
  local place = run .. "/" .. tostring(body.agent)
  if kind == "prompt" then sum.last[place] = nil return end
  if kind == "compaction" then sum.compacted[place] = true return end
  local last = sum.last[place]
  sum.turns[#sum.turns + 1] = { run = run, agent = body.agent, turn = body.turn, time = time,
    usage = body.usage, cache = body.cache, after_ms = last and time - last,
    compacted = sum.compacted[place] }
  sum.last[place], sum.compacted[place] = time, nil
end

local function is_miss(turn)
  local cache, usage = turn.cache, turn.usage
  if not cache or not cache.missed then return false end
  local prompt = (usage.input or 0) + (usage.cache_read or 0) + (usage.cache_write or 0)
  return cache.missed > prompt * SMALL
end

local function quoted(said)
  if not said then return "nothing" end
  return '"' .. text.cut_end(said:gsub("%s+", " "), QUOTE) .. '"'
end

--- Why a turn missed, in one line.
local function reason_of(turn)
  local cache, parts = turn.cache, {}
  local differs = cache.differs
  if turn.compacted then parts[1] = "the conversation was made shorter" end
  if differs then
    parts[#parts + 1] = ("the first byte that differs is %s, in the %s: %s, before %s"):format(
      columns.thousands(differs.byte), differs.part, quoted(differs.now), quoted(differs.before))
  elseif turn.after_ms and turn.after_ms > KEPT_MS then
    parts[#parts + 1] = ("the same bytes, but %d minutes after the turn before: the entry was gone")
      :format(turn.after_ms // 60000)
  else
    parts[#parts + 1] = "the same bytes: the server did not have them, or lost them"
  end
  if cache.server then
    parts[#parts + 1] = "the server says: " .. (REASONS[cache.server.why] or cache.server.why)
  end
  return table.concat(parts, "; ")
end

local function count(number) return number and columns.thousands(number) or "-" end

local function missed_words(turn)
  local cache = turn.cache
  if not cache or not cache.missed then return "-" end
  if not is_miss(turn) then return "0" end
  local usd = cache.missed_usd and (", $%.4f"):format(cache.missed_usd) or ""
  return ("%s%s"):format(columns.thousands(cache.missed), usd)
end

local function as_before(turn)
  local cache = turn.cache
  if not cache then return "-" end
  return ("%s B"):format(columns.thousands(cache.same))
end

local function cells(turn)
  local usage, cache = turn.usage or {}, turn.cache
  return { tostring(turn.turn), count(usage.input), count(usage.cache_read),
    count(usage.cache_write), cache and columns.thousands(cache.bytes) .. " B" or "-",
    as_before(turn), missed_words(turn) }
end

--- What all turns come to.
local function total_of(sum)
  local total = { turns = #sum.turns, misses = 0, input = 0, cache_read = 0, cache_write = 0,
    missed = 0, missed_usd = 0.0 }
  for _, turn in ipairs(sum.turns) do
    for _, kind in ipairs { "input", "cache_read", "cache_write" } do
      total[kind] = total[kind] + (turn.usage and turn.usage[kind] or 0)
    end
    if is_miss(turn) then
      total.misses, total.missed = total.misses + 1, total.missed + turn.cache.missed
      local usd = turn.cache.missed_usd
      total.missed_usd = usd and total.missed_usd and total.missed_usd + usd or nil
    end
  end
  return total
end

local function total_words(total)
  local prompt = total.input + total.cache_read + total.cache_write
  if prompt == 0 then
    return "no tokens were counted: it was a rehearsal, or the server does not tell\n"
  end
  local share = math.floor(total.cache_read * 100 / prompt + 0.5)
  local lost = ""
  if total.misses > 0 then
    local usd = total.missed_usd and (", which cost $%.4f more"):format(total.missed_usd) or ""
    lost = ("; %s missed %s tokens%s"):format(text.plural(total.misses, "turn"),
      columns.thousands(total.missed), usd)
  end
  return ("%d %% of %s tokens that went in were read from the cache%s\n"):format(share,
    columns.thousands(prompt), lost)
end

--- The tables for people: one for each conversation, with a line below for each miss.
---@param sum run_cache.Sum
---@return string
function run_cache.words(sum)
  local parts, rows, misses, name = {}, nil, nil, nil
  local function flush()
    if not rows then return end
    parts[#parts + 1] = name .. "\n" .. columns.lines(rows, 0) .. table.concat(misses) .. "\n"
  end
  for _, turn in ipairs(sum.turns) do
    local this = ("%s, run %s"):format(turn.agent, turn.run)
    if this ~= name or turn.turn == 1 then
      flush()
      rows, misses, name = { HEADS }, {}, this
    end
    rows[#rows + 1] = cells(turn)
    if is_miss(turn) then
      misses[#misses + 1] = ("turn %d: %s\n"):format(turn.turn, reason_of(turn))
    end
  end
  flush()
  return table.concat(parts) .. total_words(total_of(sum))
end

--- The same for programs.
---@param sum run_cache.Sum
---@param run string
---@return table
function run_cache.data(sum, run)
  local turns = json.array {}
  for i, turn in ipairs(sum.turns) do
    turns[i] = json.object { { "run", turn.run }, { "agent", turn.agent }, { "turn", turn.turn },
      { "usage", turn.usage }, { "cache", turn.cache }, { "missed", is_miss(turn) },
      { "why", is_miss(turn) and reason_of(turn) or nil } }
  end
  local total = total_of(sum)
  return json.object { { "run", run }, { "turns", turns }, { "total", json.object {
    { "turns", total.turns }, { "misses", total.misses }, { "input", total.input },
    { "cache_read", total.cache_read }, { "cache_write", total.cache_write },
    { "missed", total.missed }, { "missed_usd", total.missed_usd } } } }
end

return run_cache
