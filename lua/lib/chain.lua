--- The `run` that chains, `before` hooks and authors' tests are handed. Made in the run's own VM;
--- what matters happens behind `prim.host`, in lib/services.lua.
---
--- Each step tells the host where it stands, so that a later resume finds its record again: the
--- path of its coroutine and its ordinal there. `2` is the second step of the chain itself,
--- `3.facts/1` the first in the branch `facts` of the run.all that was the third, `4/1` the first
--- inside the function of a run.step. What is only told (run.log, run.phase) is no step: `3#1` is
--- told after the third, so that another line of a log moves nothing.
local json = require "lib.json"
local text = require "lib.text"

local chain = {}

local function check_text(value, what, level)
  if type(value) ~= "string" or value == "" then
    error(("%s: expected text, got %s"):format(what, type(value)), level + 1)
  end
end

local function check_table(value, what, level)
  if value ~= nil and type(value) ~= "table" then
    error(("%s: expected a table, got %s"):format(what, type(value)), level + 1)
  end
end

local function no_such_field(run, key)
  local known = {}
  for name in pairs(run) do known[#known + 1] = name end
  error(("run has no %q%s"):format(tostring(key), text.suggest(tostring(key), known)), 2)
end

-- where a step stands -----------------------------------------------------------------------------

---@class chain.Place
---@field path string of the coroutine: "", or "3.facts/"
---@field last integer ordinal of its last step
---@field aside? integer of what was told since
---@field from? string the line where its function begins

---@class chain.Way
---@field of    table<userdata, chain.Place> by coroutine
---@field main  chain.Place
---@field over  string[] branches that were cancelled since the last step
---@field where fun(): string the script's line
---@field task  fun(): userdata the coroutine that runs now

local function line_of(way, place)
  local line = way.where()
  return line ~= "" and line or place.from
end

local function here(way) return way.of[way.task()] or way.main end

--- Where something stands that is no step: "3#1" is the first such thing after step 3.
local function aside_place(way)
  local place = here(way)
  place.aside = (place.aside or 0) + 1
  return { at = ("%s%d#%d"):format(place.path, place.last, place.aside) }
end

--- Where the next step of this coroutine stands.
local function next_place(way)
  local place, over = here(way), way.over
  place.last, place.aside = place.last + 1, 0
  way.over = {}
  return { at = place.path .. place.last, line = line_of(way, place),
    over = over[1] and over or nil }
end

--- Calls `fn` with its steps counted below `path`.
local function within(way, path, fn, ...)
  local task = way.task()
  local before = way.of[task]
  way.of[task] = { path = path .. "/", last = 0, from = way.where(fn) }
  local _ <close> = setmetatable({}, { __close = function() way.of[task] = before end })
  return fn(...)
end

--- A key as part of a path: what separates there is written as %2F.
local function in_path(key)
  return (tostring(key):gsub("[^%w_-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

-- side by side ------------------------------------------------------------------------------------

--- One branch, which notes in `failed` that it was the first to fail.
local function branch(way, place, key, fn, failed)
  return function()
    local settled = false
    local path = ("%s.%s"):format(place, in_path(key))
    local _ <close> = setmetatable({}, { __close = function()
      if not settled then way.over[#way.over + 1] = path .. "/" end
      if not settled and failed.key == nil then failed.key = key end
    end })
    local result, err = within(way, path, fn)
    settled = not (result == nil and err ~= nil)
    if not settled and failed.key == nil then failed.key = key end
    settled = true
    return result, err
  end
end

--- The functions in the order of their keys, checked: the mistake is the author's, at their line.
local function keys_of(what, branches)
  if type(branches) ~= "table" then error(what .. ": a table of functions is expected", 4) end
  local keys = {}
  local ordered = pcall(function()
    for key in pairs(branches) do keys[#keys + 1] = key end
  end)
  if not ordered then error(what .. ": a key is a string or an integer", 4) end
  for _, key in ipairs(keys) do
    if type(branches[key]) ~= "function" then
      error(("%s: '%s' is a %s; each entry is a function"):format(what, tostring(key),
        type(branches[key])), 4)
    end
  end
  return keys
end

--- The branches, each with its steps counted for itself.
local function counted(way, keys, branches, failed)
  local place, all = next_place(way), {}
  table.move(place.over or {}, 1, #(place.over or {}), 1, way.over) -- this step tells nobody
  for _, key in ipairs(keys) do all[key] = branch(way, place.at, key, branches[key], failed) end
  return all
end

--- At most `most` of them at a time, in the order of their keys.
local function in_turns(prim, keys, branches, most)
  local results, at = {}, 0
  local function work()
    while at < #keys do
      at = at + 1
      local key = keys[at]
      local result, err = branches[key]()
      if result == nil and err ~= nil then return nil, err end
      results[key] = result
    end
    return true
  end
  local workers = {}
  for i = 1, math.min(most, #keys) do workers[i] = work end
  local done, err = prim.all(workers)
  if not done then return nil, err, results end
  return results
end

--- The error of a group: which branch failed, what had finished, and the details of the failure.
local function group_error(err, failed, finished)
  local whole = type(err) == "table" and err or { code = "script", message = tostring(err) }
  local copy = {}
  for key, value in pairs(whole) do copy[key] = value end
  copy.details = { failed = failed.key, finished = finished, cause = whole.details }
  return copy
end

local function most_of(options)
  check_table(options, "run.all: options", 4)
  for key in pairs(options or {}) do
    if key ~= "most" then error(("run.all: unknown option %q; known is most"):format(key), 4) end
  end
  local most = options and options.most
  if most ~= nil and (math.type(most) ~= "integer" or most < 1) then
    error("run.all: most is a whole number from 1 on", 4)
  end
  return most
end

local function all(prim, way, branches, options)
  local most, keys, failed = most_of(options), keys_of("run.all", branches), {}
  local mine = counted(way, keys, branches, failed)
  local results, err, finished
  if most and most < #keys then
    results, err, finished = in_turns(prim, keys, mine, most)
  else
    results, err, finished = prim.all(mine)
  end
  if results then return results end
  return nil, group_error(err, failed, finished), finished
end

local function race(prim, way, branches)
  local keys = keys_of("run.race", branches)
  return prim.race(counted(way, keys, branches, {}))
end

local OPAQUE <const> = { ["function"] = true, thread = true, userdata = true }

--- What a function was given, as far as it can stand in a record.
local function plain(...)
  local given = {}
  for i = 1, select("#", ...) do
    local one = select(i, ...)
    if one == nil then one = json.null end
    given[i] = one ~= json.null and OPAQUE[type(one)] and type(one) or one
  end
  return given
end

--- What the record of a step has. A step that cannot be kept is the end of its script.
local function kept(answer, err)
  if not answer then error(err, 0) end
  return answer.value, answer.error
end

--- The function's results as plain data, or its failure.
local function keep(prim, place, name, arguments, ...)
  local ok, first, err = ...
  if not ok then error(first, 0) end
  kept(prim.host("step", place, name, arguments, { value = first, error = err }))
  return first, err
end

-- the object --------------------------------------------------------------------------------------

---@param prim table host, all, race, id, workspace
---@return Run
function chain.object(prim)
  local way = { of = {}, main = { path = prim.steps, last = 0 }, over = {},
    where = prim.where, task = prim.task }
  local function host(service, ...) return prim.host(service, next_place(way), ...) end

  local run = { id = prim.id, workspace = prim.workspace or false }

  function run.all(branches, options)
    local results, err, finished = all(prim, way, branches, options)
    return results, err, finished
  end

  function run.race(branches)
    local result, key_or_err = race(prim, way, branches)
    return result, key_or_err
  end

  function run.ask(agent, input, options)
    check_text(agent, "run.ask: the agent's name", 2)
    if type(input) ~= "string" and type(input) ~= "table" then
      error("run.ask: expected a task (text) or { task = ..., more = ... }", 2)
    end
    check_table(options, "run.ask: options", 2)
    return host("ask", agent, input, options or {})
  end

  function run.apply(patch)
    if type(patch) ~= "table" then error("run.apply: expected the patch of a run.ask", 2) end
    return host("apply", patch)
  end

  function run.tool(name, input)
    check_text(name, "run.tool: the tool's name", 2)
    return host("tool", name, input or {})
  end

  function run.step(name, fn, ...)
    check_text(name, "run.step: the step's name", 2)
    if type(fn) ~= "function" then error("run.step: expected a name and a function", 2) end
    local place, given = next_place(way), plain(...)
    if prim.goes_on and prim.host("is_done", place.at) then
      return kept(prim.host("step", place, name, given, {}))
    end
    return keep(prim, place, name, given, pcall(within, way, place.at, fn, ...))
  end

  function run.question(question, options)
    check_text(question, "run.question: the question", 2)
    check_table(options, "run.question: options", 2)
    return host("question", question, options or {})
  end

  function run.sleep(ms)
    if math.type(ms) ~= "integer" or ms < 0 then
      error("run.sleep: milliseconds, a whole number, not below 0", 2)
    end
    return host("sleep", ms)
  end

  function run.budget() return host("budget") end

  function run.phase(name)
    check_text(name, "run.phase: the phase's name", 2)
    return prim.host("phase", aside_place(way), name)
  end

  function run.log(said) return prim.host("tell", aside_place(way), tostring(said)) end

  -- for authors' tests; anywhere else they are errors
  function run.shared(name) return prim.host("shared", name) end
  function run.definition(source) return prim.host("definition", source) end
  function run.rehearse(scenario) return prim.host("rehearse", scenario) end
  function run.chain(file, params) return prim.host("chain", file, params or {}) end
  function run.records(kind) return prim.host("records", kind) end

  return setmetatable(run, { __index = no_such_field })
end

return chain
