--- Which folders count: the distribution, the user's, and a project's (DESIGN.md, section 3).
local written = require "lib.written"

local project = {}

---@class project.Layer
---@field name   "project"|"user"|"distribution"|"named"
---@field agents string folder of definitions

--- A project's folders. The distribution, developed in place, is none.
---@class project.Place
---@field root   string the project's folder
---@field agents string folder of definitions
---@field base   string folder of tools/ and lua/

---@class project.Project
---@field root    string?  the project's folder
---@field place   project.Place? of a project that is not the distribution
---@field layers  project.Layer[] nearest first
---@field pins    string[] folders that a run must not change: what later runs obey
---@field written written.Record what runs wrote
---@field lines   string[] what people should know

local function parent(path)
  return path ~= "/" and (path:match("^(.*)/[^/]+$"):gsub("^$", "/")) or nil
end

local function is_folder(cli, path)
  local info = cli.stat(path)
  return info and info.kind == "folder" and info or nil
end

--- Folders of definitions as they were read, by path, for whoever asks of one more than once: what
--- is judged is what is loaded.
---@alias project.Seen table<string, table[]>

--- What cli.catalog has of a folder; nothing where there is none.
---@param seen? project.Seen
---@return table[] files
function project.definitions(cli, folder, seen)
  local files = seen and seen[folder] or cli.catalog(folder) or {}
  if seen then seen[folder] = files end
  return files
end

--- Whether `folder` holds at least one definition, and whether all that it has are of runs.
local function has_definition(cli, folder, known, seen)
  if not is_folder(cli, folder) then return false end
  local why
  for _, file in ipairs(project.definitions(cli, folder, seen)) do
    if file.kind == "definition" then
      local path = folder .. "/" .. file.path
      why = known and written.why(known, path, file.real, file.hash)
      if not why then return true end
    end
  end
  return false, why
end

--- The folders of a project at `folder`, or nil. What a run made or wrote makes no project before
--- somebody has accepted it; then the reason comes second.
---@param cli    table
---@param folder string
---@param known? written.Record nil asks nothing
---@param seen?  project.Seen
---@return project.Place? place, string? why
function project.at(cli, folder, known, seen)
  local why
  for _, marker in ipairs { ".perigee", ".claude/agents" } do
    local path = folder .. "/" .. marker
    if is_folder(cli, path) then
      local doubt = known and written.why(known, path)
      if not doubt then
        return { root = folder, base = folder .. "/.perigee",
          agents = marker == ".perigee" and path .. "/agents" or path }
      end
      why = path .. ": " .. doubt
    end
  end
  local agents = folder .. "/agents"
  local has, doubt = has_definition(cli, agents, known, seen)
  if has then return { root = folder, base = folder, agents = agents } end
  return nil, why or doubt and ("the definitions in %s: %s"):format(agents, doubt)
end

--- Walks up from the current folder; stops below the home folder, at a file system's edge and at a
--- folder of somebody else's.
local function search(cli, folders, known, lines, seen)
  local at, home = folders.current, folders.home
  local first = cli.stat(at)
  while at and at ~= "/" and at ~= home do
    local info = is_folder(cli, at)
    if not info or not first then return nil end
    if info.device ~= first.device or info.owner == "other" then return nil end
    local place, why = project.at(cli, at, known, seen)
    if place then return place end
    if why then
      lines[#lines + 1] = ("%s is not taken for a project: %s; perigee trust %s accepts it")
        :format(at, why, at)
    end
    at = parent(at)
  end
end

--- What a run on a workspace must not change: the next run would obey it.
local function pins_of(folders, place)
  local pins = {}
  local nearest = place and place.base or folders.distribution
  for _, folder in ipairs { nearest, folders.distribution, folders.user } do
    for _, room in ipairs { "agents", "tools", "lua" } do
      pins[#pins + 1] = folder .. "/" .. room
    end
  end
  if place then pins[#pins + 1] = place.agents end
  if folders.user then -- its config.yaml by itself too: it may be a link into the workspace
    table.move({ folders.user, folders.user .. "/config.yaml" }, 1, 2, #pins + 1, pins)
  end
  return pins
end

--- The project that --project names, or why it is none.
local function named_place(cli, named, known, seen)
  local info = is_folder(cli, named)
  if not info then
    return nil, { code = "not_found", message = ("--project %s: no such folder"):format(named) }
  end
  local root = info.real
  local place, why = project.at(cli, root, known, seen)
  if not place and has_definition(cli, root, known, seen) then
    place = { root = root, agents = root, base = root }
  end
  if place then return place end
  if why then
    return nil, { code = "denied", message = ("--project %s: %s; look at it, then perigee trust %s")
      :format(named, why, root) }
  end
  return nil, { code = "not_found", message = ("--project %s: it holds no agents; "
    .. "definitions belong in %s/agents or %s/.perigee/agents"):format(named, named, named) }
end

--- Finds the folders in force.
---@async
---@param cli table
---@param named? string what --project said
---@param seen?  project.Seen filled
---@return project.Project? found, Error? err
function project.find(cli, named, seen)
  local folders = cli.folders()
  local layers, lines = {}, {}
  local known = written.load(cli)
  local place, err
  if named then
    place, err = named_place(cli, named, known, seen)
    if not place then return nil, err end
  else
    place = search(cli, folders, known, lines, seen)
  end
  local dist = folders.distribution
  local root = place and place.root
  local pins = pins_of(folders, place)
  if root == dist then place = nil end
  if place then layers[#layers + 1] = { name = "project", agents = place.agents } end
  if folders.user then
    layers[#layers + 1] = { name = "user", agents = folders.user .. "/agents" }
  end
  layers[#layers + 1] = { name = "distribution", agents = dist .. "/agents" }
  return { root = root, place = place, layers = layers, folders = folders, pins = pins,
    written = known, lines = lines }
end

return project
