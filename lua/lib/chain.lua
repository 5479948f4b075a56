--- The `run` that chains, `before` hooks and authors' tests are handed. Made in the run's own VM;
--- what matters happens behind `prim.host`, in lib/services.lua.
local text = require "lib.text"

local chain = {}

local function check_text(value, what, level)
  if type(value) ~= "string" or value == "" then
    error(("%s: expected text, got %s"):format(what, type(value)), level + 1)
  end
end

local function no_such_field(run, key)
  local known = {}
  for name in pairs(run) do known[#known + 1] = name end
  error(("run has no %q%s"):format(tostring(key), text.suggest(tostring(key), known)), 2)
end

--- The function's results as plain data, or its failure.
local function keep(prim, name, ...)
  local ok, first, err = ...
  if not ok then error(first, 0) end
  prim.host("step", name, { value = first, error = err })
  return first, err
end

---@param prim table host, all, race, sleep, id, workspace
---@return Run
function chain.object(prim)
  local run = { id = prim.id, workspace = prim.workspace or false, all = prim.all,
    race = prim.race }

  function run.ask(agent, input, options)
    check_text(agent, "run.ask: the agent's name", 2)
    if type(input) ~= "string" and type(input) ~= "table" then
      error("run.ask: expected a task (text) or { task = ..., more = ... }", 2)
    end
    return prim.host("ask", agent, input, options or {})
  end

  function run.tool(name, input)
    check_text(name, "run.tool: the tool's name", 2)
    return prim.host("tool", name, input or {})
  end

  function run.step(name, fn, ...)
    check_text(name, "run.step: the step's name", 2)
    if type(fn) ~= "function" then error("run.step: expected a name and a function", 2) end
    return keep(prim, name, pcall(fn, ...))
  end

  function run.sleep(ms) return prim.sleep(ms) end

  -- for authors' tests; anywhere else they are errors
  function run.shared(name) return prim.host("shared", name) end
  function run.definition(source) return prim.host("definition", source) end

  function run.log(said) return prim.host("log", tostring(said)) end

  return setmetatable(run, { __index = no_such_field })
end

return chain
