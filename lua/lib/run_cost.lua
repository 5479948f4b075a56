--- What a run with its children cost: tokens by kind and dollars, by agent and model. Pure.
local columns = require "lib.columns"
local json    = require "lib.json"

local run_cost = {}

local KINDS <const> = { "input", "cache_read", "cache_write", "output" }
local HEADS <const> = { "agent", "model", "turns", "input", "cache read", "cache write", "output",
  "dollars" }

--- The records that are looked at.
run_cost.KINDS = { prompt = true, decision = true, turn = true, partial = true, compaction = true }

---@class run_cost.Row
---@field agent  string
---@field model  string
---@field turns  integer
---@field input  integer tokens, like the three below
---@field cache_read  integer
---@field cache_write integer
---@field output integer
---@field usd?   number absent where a price or a count is not known

---@class run_cost.Sum what was added up so far
---@field rows  run_cost.Row[]
---@field total run_cost.Row
---@field named table<string, run_cost.Row>
---@field asked table<string, string> the model of an agent's conversation, by run and agent

local function new_row(agent, model)
  return { agent = agent, model = model, turns = 0, input = 0, cache_read = 0, cache_write = 0,
    output = 0, usd = 0.0 }
end

---@return run_cost.Sum
function run_cost.begin()
  return { rows = {}, total = new_row("all", ""), named = {}, asked = {} }
end

--- Which records cost something: the agent and the model that it goes to, and how many turns it is.
local COSTS <const> = {
  turn = function(body, asked) return body.agent, asked or body.model or "?", 1 end,
  partial = function(body, asked)
    if body.usage then return body.agent, asked or "?", 0 end
  end,
  compaction = function(body)
    if body.usage then return body.agent .. " (summed up)", body.model or "?", 0 end
  end,
}

local function add(row, body, turns)
  row.turns = row.turns + turns
  for _, kind in ipairs(KINDS) do
    row[kind] = row[kind] + (body.usage and body.usage[kind] or 0)
  end
  row.usd = row.usd and body.cost_usd and row.usd + body.cost_usd or nil
end

--- Takes one record.
---@param sum  run_cost.Sum
---@param run  string
---@param kind string
---@param body table
function run_cost.note(sum, run, kind, body)
  local place = run .. "/" .. tostring(body.agent)
  local chosen = kind == "decision" and (body.what == "model" or body.what == "fallback")
  if kind == "prompt" or chosen then
    sum.asked[place] = body.model
  end
  local find = COSTS[kind]
  if not find then return end
  local agent, model, turns = find(body, sum.asked[place])
  if not agent then return end
  local name = agent .. "\0" .. model
  local row = sum.named[name]
  if not row then
    row = new_row(agent, model)
    sum.named[name], sum.rows[#sum.rows + 1] = row, row
  end
  add(row, body, turns)
  add(sum.total, body, turns)
end

local function sorted(rows)
  local list = table.move(rows, 1, #rows, 1, {})
  table.sort(list, function(a, b)
    if a.agent ~= b.agent then return a.agent < b.agent end
    return a.model < b.model
  end)
  return list
end

local function cells(row)
  local list = { row.agent, row.model, columns.thousands(row.turns) }
  for _, kind in ipairs(KINDS) do list[#list + 1] = columns.thousands(row[kind]) end
  list[#list + 1] = row.usd and ("$%.4f"):format(row.usd) or "unknown"
  return list
end

--- The table for people.
---@param sum run_cost.Sum
---@return string
function run_cost.words(sum)
  local lines = { HEADS }
  for _, row in ipairs(sorted(sum.rows)) do lines[#lines + 1] = cells(row) end
  if #sum.rows ~= 1 then lines[#lines + 1] = cells(sum.total) end
  return columns.lines(lines, 2)
end

local function object(row, named)
  local fields = named and { { "agent", row.agent }, { "model", row.model } } or {}
  fields[#fields + 1] = { "turns", row.turns }
  for _, kind in ipairs(KINDS) do fields[#fields + 1] = { kind, row[kind] } end
  fields[#fields + 1] = { "usd", row.usd }
  return json.object(fields)
end

--- The same for programs.
---@param sum run_cost.Sum
---@param run string
---@return table
function run_cost.data(sum, run)
  local rows = json.array {}
  for i, row in ipairs(sorted(sum.rows)) do rows[i] = object(row, true) end
  return json.object { { "run", run }, { "rows", rows }, { "total", object(sum.total) } }
end

return run_cost
