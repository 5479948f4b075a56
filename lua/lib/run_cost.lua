--- What a run with its children cost: tokens by kind and dollars, by agent and model. What replies
--- came to that broke off or were cancelled stands apart, as the estimate that it is. Pure.
local columns = require "lib.columns"
local json    = require "lib.json"
local show    = require "lib.show"
local text    = require "lib.text"

local run_cost = {}

local KINDS <const> = { "input", "cache_read", "cache_write", "output" }
--- What a provider did with tools of its own.
local DONE  <const> = { { "searches", "search", "searches" }, { "fetches", "page read" },
  { "code_runs", "run of code" } }
local HEADS <const> = { "agent", "model", "turns", "input", "cache read", "cache write", "output",
  "dollars" }

--- The records that are looked at.
run_cost.KINDS = { prompt = true, decision = true, turn = true, partial = true, compaction = true,
  ["run.finished"] = true, ["run.parked"] = true }

---@class run_cost.Row
---@field agent  string
---@field model  string
---@field turns  integer
---@field input  integer tokens, like the three below
---@field cache_read  integer
---@field cache_write integer
---@field output integer
---@field searches integer of the provider's, like the two below
---@field fetches   integer
---@field code_runs integer
---@field usd?   number absent where a price or a count is not known
---@field estimated? boolean
---@field least?     boolean the provider took more, and does not say how much

---@class run_cost.Sum what was added up so far
---@field rows  run_cost.Row[]
---@field total run_cost.Row
---@field named table<string, run_cost.Row>
---@field asked table<string, string> the model of an agent's conversation, by run and agent

local function new_row(agent, model)
  return { agent = agent, model = model, turns = 0, input = 0, cache_read = 0, cache_write = 0,
    output = 0, searches = 0, fetches = 0, code_runs = 0, usd = 0.0 }
end

---@return run_cost.Sum
function run_cost.begin()
  return { rows = {}, total = new_row("all", ""), named = {}, asked = {} }
end

local function broken(agent) return agent .. " (broke off)" end

--- Which records cost something: the agent and the model that it goes to, and how many turns it is.
local COSTS <const> = {
  turn = function(body, asked) return body.agent, asked or body.model or "?", 1 end,
  partial = function(body, asked)
    if body.usage then return broken(body.agent), asked or "?", 0 end
  end,
  compaction = function(body)
    if body.usage then return body.agent .. " (summed up)", body.model or "?", 0 end
  end,
}

local function add(row, body, turns, estimated)
  row.turns = row.turns + turns
  for _, kind in ipairs(KINDS) do
    row[kind] = row[kind] + (body.usage and body.usage[kind] or 0)
  end
  for _, done in ipairs(DONE) do
    row[done[1]] = row[done[1]] + (body.usage and body.usage[done[1]] or 0)
  end
  row.usd = row.usd and body.cost_usd and row.usd + body.cost_usd or nil
  row.estimated = row.estimated or estimated
  row.least = row.least or body.cost_least
end

local function put(sum, agent, model, body, turns, estimated)
  local name = agent .. "\0" .. model
  local row = sum.named[name]
  if not row then
    row = new_row(agent, model)
    sum.named[name], sum.rows[#sum.rows + 1] = row, row
  end
  add(row, body, turns, estimated)
  add(sum.total, body, turns, estimated)
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
  for _, cut in ipairs(body.cut or {}) do
    put(sum, broken(cut.agent), cut.model, cut, 0, true)
  end
  local find = COSTS[kind]
  if not find then return end
  local agent, model, turns = find(body, sum.asked[place])
  if agent then put(sum, agent, model, body, turns, kind == "partial" or nil) end
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
  list[#list + 1] = row.usd and show.dollars(row.usd, row) or "unknown"
  return list
end

--- What has to be known beside the table.
local function notes(total)
  local lines, done = {}, {}
  for _, kind in ipairs(DONE) do
    local count = total[kind[1]]
    if count > 0 then done[#done + 1] = text.plural(count, kind[2], kind[3]) end
  end
  if #done > 0 then
    lines[1] = ("Done by providers with tools of their own: %s.\n"):format(
      table.concat(done, ", "))
  end
  if total.estimated then
    lines[#lines + 1] = "~ Replies that broke off or were cancelled count with what their server "
      .. "said until then, else with what went in and came.\n"
  end
  if total.least then
    lines[#lines + 1] = "+ Providers take more for machines that run code; no reply says how "
      .. "much.\n"
  end
  return table.concat(lines)
end

--- The table for people.
---@param sum run_cost.Sum
---@return string
function run_cost.words(sum)
  local lines = { HEADS }
  for _, row in ipairs(sorted(sum.rows)) do lines[#lines + 1] = cells(row) end
  if #sum.rows ~= 1 then lines[#lines + 1] = cells(sum.total) end
  return columns.lines(lines, 2) .. notes(sum.total)
end

local function object(row, named)
  local fields = named and { { "agent", row.agent }, { "model", row.model } } or {}
  fields[#fields + 1] = { "turns", row.turns }
  for _, kind in ipairs(KINDS) do fields[#fields + 1] = { kind, row[kind] } end
  for _, done in ipairs(DONE) do
    if row[done[1]] > 0 then fields[#fields + 1] = { done[1], row[done[1]] } end
  end
  fields[#fields + 1] = { "usd", row.usd }
  fields[#fields + 1] = { "estimated", row.estimated }
  fields[#fields + 1] = { "least", row.least }
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
