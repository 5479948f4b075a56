--- What is in force in a process that stays. Between two runs every file is looked at again; what
--- changed is tried, and what turns out to be of no use leaves the version from before in force.
local show    = require "lib.show"
local start   = require "lib.start"
local toolbox = require "lib.toolbox"

local fresh = {}

local STAYS <const> = "; the version from before stays in force"

---@class fresh.Memory
---@field began boolean?
---@field kept  table of catalog.load
---@field answered table<string, string> of trust.How
---@field good  table<string, boolean> what could be used at the last load, by what is tried
---@field lines table<string, boolean> what was said of the last load

---@return fresh.Memory
function fresh.memory()
  return { kept = { files = {} }, good = {}, lines = {}, answered = {} }
end

--- Says a line on stderr, unless it was said of the load before too.
local function sayer(cli, memory)
  local before = memory.lines
  memory.lines = {}
  return function(line, key)
    key = key or line
    if not before[key] and not memory.lines[key] then
      cli.err("perigee: " .. show.clean(line) .. "\n")
    end
    memory.lines[key] = true
  end
end

-- what is tried -----------------------------------------------------------------------------------

--- Everything that can be broken, by a name, with what tries it: nil, or an error.
local function trials(cli, loaded)
  local list = {}
  local function add(name, try) list[#list + 1] = { name = name, try = try } end
  for _, one in ipairs(loaded.box.diagnostics) do
    add("tool " .. one.name, function()
      return one.err or { code = "invalid", message = one.message }, one.file
    end)
  end
  add("settings", function() return select(2, start.settings(cli, loaded.gate)) end)
  add("models", function() return select(2, start.models(cli, loaded.gate)) end)
  for _, guest in pairs(start.guests(cli, loaded.gate)) do
    add("dialect " .. guest.name, function()
      local now = start.guests(cli, loaded.gate)[guest.name]
      return now and now.err, guest.file
    end)
  end
  for _, who in ipairs(loaded.catalog.agents) do
    if who.hooks_file and not who.blocked then
      add("hooks " .. who.hooks_file, function() return select(2, start.hooks(cli, who)) end)
    end
  end
  return list
end

--- Whose fault an error is: the file on trial at which its message begins (Lua shortens long names
--- from the left), else the one that was tried.
local function culprit(cli, err, tried)
  local named = err.message:match("^(.-%.lua):") or ""
  named = named:gsub("^project:", "")
  local tail = named:match("^%.%.%.(.+)$")
  for _, one in ipairs(cli.on_trial()) do
    if one.path == named or one.file == named or tail and one.file:sub(-#tail) == tail then
      return one.file, err.message
    end
  end
  for _, one in ipairs(cli.on_trial()) do
    if one.file == tried then return tried, tried .. ": " .. err.message end
  end
end

--- Takes back what made `err`: the file that it names, or that was `tried`; else, where `any`,
--- everything that changed. False when there is no such file.
local function take_back(cli, err, say, any, tried)
  local guilty, message = culprit(cli, err, tried)
  local files = (guilty or any) and cli.revert(guilty) or {}
  if #files == 0 then return false end
  say(start.located(cli, { code = err.code, message = message or err.message }).message .. STAYS)
  if not guilty then
    say(("which change did that is not known, so none of them is taken: %s")
      :format(table.concat(files, ", ")))
  end
  return true
end

local function try_all(cli, loaded, memory, say)
  local again = true
  while again do -- each time one file less is on trial
    again = false
    for _, one in ipairs(trials(cli, loaded)) do
      local err, tried
      if memory.good[one.name] then err, tried = one.try() end
      if err and take_back(cli, err, say, true, tried) then
        again = true
        loaded.box = toolbox.load(cli, loaded.project.folders, loaded.gate)
        break
      end
    end
  end
  start.equip(loaded.catalog, loaded.box.tools)
end

--- Remembers what can be used now. Hooks are only known when an agent has worked.
local function remember(cli, loaded, memory)
  local good = {}
  for name in pairs(loaded.box.tools) do good["tool " .. name] = true end
  good.settings = start.settings(cli, loaded.gate) ~= nil
  good.models = start.models(cli, loaded.gate) ~= nil
  for name, guest in pairs(start.guests(cli, loaded.gate)) do
    good["dialect " .. name] = not guest.err
  end
  for _, who in ipairs(loaded.catalog.agents) do
    local name = who.hooks_file and "hooks " .. who.hooks_file
    if name then good[name] = memory.good[name] or who.hooks ~= nil end
  end
  memory.good = good
end

-- loading -----------------------------------------------------------------------------------------

local function report(loaded, say)
  for _, line in ipairs(loaded.project.lines) do say(line) end
  loaded.project.lines = {}
  for _, one in ipairs(loaded.box.diagnostics) do say(toolbox.say(one)) end
  loaded.box.diagnostics = {}
  for _, one in ipairs(loaded.catalog.diagnostics) do
    if one.stays then
      say(("%s:%d:%d: %s"):format(one.file, one.line, one.column, one.message),
        one.file .. one.stays)
    end
  end
end

--- What the next run is to be made of. What is wrong is said once for each version of a file.
---@async
---@param cli    table
---@param named? string --project
---@param how    { ask: boolean? }
---@param memory fresh.Memory changed
---@return start.Loaded? loaded, Error? err
function fresh.load(cli, named, how, memory)
  local say = sayer(cli, memory)
  if memory.began then cli.refresh() end
  local changed = memory.began and cli.on_trial() or {}
  local loaded, err = start.load(cli, named,
    { ask = how.ask, answered = memory.answered, kept = memory.kept })
  if not loaded then return nil, err end
  if memory.began then try_all(cli, loaded, memory, say) end
  report(loaded, say)
  local left = {}
  for _, one in ipairs(cli.on_trial()) do left[one.file] = true end
  for _, one in ipairs(changed) do
    if left[one.file] then
      say(("%s %s; that counts from here on"):format(one.file, one.gone and "is gone" or "changed"),
        {})
    end
  end
  remember(cli, loaded, memory)
  memory.began, loaded.say = true, say
  return loaded
end

--- Does what may show that a file which changed is of no use; then again, with the version before.
---@async
---@param cli    table
---@param work   fun(): any, Error?
---@return any done, Error? err
function fresh.attempt(cli, work)
  local function say(line) cli.err("perigee: " .. show.clean(line) .. "\n") end
  local done, err = work()
  while done == nil and err and take_back(cli, err, say) do done, err = work() end
  return done, err
end

--- After a run: which hooks could be used.
---@param loaded start.Loaded
---@param memory fresh.Memory
function fresh.worked(loaded, memory)
  for _, who in ipairs(loaded.catalog.agents) do
    if who.hooks then memory.good["hooks " .. who.hooks_file] = true end
  end
end

return fresh
