--- Which folders count: the distribution, the user's, and a project's (DESIGN.md, section 3).
local project = {}

---@class project.Layer
---@field name   "project"|"user"|"distribution"|"named"
---@field agents string folder of definitions
---@field lua    boolean whether Lua beside them may be loaded

---@class project.Project
---@field root    string?  the project's folder
---@field layers  project.Layer[] nearest first
---@field ignored string[] Lua of the project, which is not loaded
---@field pins    string[] folders that a run must not change: what later runs obey

local function parent(path)
  return path ~= "/" and (path:match("^(.*)/[^/]+$"):gsub("^$", "/")) or nil
end

local function is_folder(cli, path)
  local info = cli.stat(path)
  return info and info.kind == "folder" and info or nil
end

--- Whether `folder` holds at least one definition.
local function has_definition(cli, folder)
  if not is_folder(cli, folder) then return false end
  local files = cli.catalog(folder)
  for _, file in ipairs(files or {}) do
    if file.kind == "definition" then return true end
  end
  return false
end

--- The folder of agents that makes `folder` a project, or nil.
local function agents_of(cli, folder)
  if is_folder(cli, folder .. "/.perigee") then
    return folder .. "/.perigee/agents", folder .. "/.perigee"
  end
  if is_folder(cli, folder .. "/.claude/agents") then
    return folder .. "/.claude/agents", folder .. "/.perigee"
  end
  if has_definition(cli, folder .. "/agents") then return folder .. "/agents", folder end
end

--- Walks up from the current folder; stops below the home folder, at a file system's edge and at a
--- folder of somebody else's.
local function search(cli, folders)
  local at, home = folders.current, folders.home
  local first = cli.stat(at)
  while at and at ~= "/" and at ~= home do
    local info = is_folder(cli, at)
    if not info or not first then return nil end
    if info.device ~= first.device or info.owner == "other" then return nil end
    local agents, base = agents_of(cli, at)
    if agents then return at, agents, base end
    at = parent(at)
  end
end

--- Lua files that a project brings, by name; until a project can be trusted, none is loaded.
local function lua_of(cli, base, agents)
  local found = {}
  local function add(folder)
    for _, entry in ipairs(cli.list_folder(folder) or {}) do
      if not entry.folder and entry.name:sub(-4) == ".lua" then
        found[#found + 1] = folder .. "/" .. entry.name
      end
    end
  end
  for _, room in ipairs { "tools", "lua", "lua/chains", "lua/scenarios", "lua/dialects" } do
    add(base .. "/" .. room)
  end
  add(agents)
  return found
end

--- What a run on a workspace must not change: the next run would obey it.
local function pins_of(folders, root, agents, base)
  local pins = {}
  local nearest = root and base or folders.distribution
  for _, folder in ipairs { nearest, folders.distribution, folders.user } do
    for _, room in ipairs { "agents", "tools", "lua" } do
      pins[#pins + 1] = folder .. "/" .. room
    end
  end
  if agents then pins[#pins + 1] = agents end
  if folders.user then -- its config.yaml by itself too: it may be a link into the workspace
    table.move({ folders.user, folders.user .. "/config.yaml" }, 1, 2, #pins + 1, pins)
  end
  return pins
end

--- Finds the folders in force.
---@param cli table
---@param named? string what --project said
---@return project.Project? found, Error? err
function project.find(cli, named)
  local folders = cli.folders()
  local layers, ignored = {}, {}
  local root, agents, base
  if named then
    local info = is_folder(cli, named)
    if not info then
      return nil, { code = "not_found", message = ("--project %s: no such folder"):format(named) }
    end
    root = info.real
    agents, base = agents_of(cli, root)
    if not agents and has_definition(cli, root) then agents, base = root, root end
    if not agents then
      return nil, { code = "not_found", message = ("--project %s: it holds no agents; "
        .. "definitions belong in %s/agents or %s/.perigee/agents"):format(named, named, named) }
    end
  else
    root, agents, base = search(cli, folders)
  end
  local dist = folders.distribution
  if root and root ~= dist then
    layers[#layers + 1] = { name = "project", agents = agents, lua = false }
    ignored = lua_of(cli, base, agents)
  end
  if folders.user then
    layers[#layers + 1] = { name = "user", agents = folders.user .. "/agents", lua = true }
  end
  layers[#layers + 1] = { name = "distribution", agents = dist .. "/agents", lua = true }
  return { root = root, layers = layers, ignored = ignored, folders = folders,
    pins = pins_of(folders, root, agents, base) }
end

return project
