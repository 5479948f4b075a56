--- What the user granted a tool beyond the sandbox and the workspace (`grants` of config.yaml),
--- held against what the tool's file says that it needs. Pure.
local address = require "lib.address"
local json    = require "lib.json"
local text    = require "lib.text"
local tool    = require "lib.tool"
local values  = require "lib.settings_values"

local grants = {}

---@class grants.Root
---@field path  string absolute
---@field write boolean

--- A path of `needs` that is not below the workspace, as granted ones are written.
local function outside(path, home)
  if tool.path_inside(path) then return nil end
  if home and (path == "~" or path:sub(1, 2) == "~/") then path = home .. path:sub(2) end
  return (path:gsub("(.)/+$", "%1"))
end

local function holds(list, path)
  for _, granted in ipairs(list or {}) do
    if path == granted or path:sub(1, #granted + 1) == granted .. "/" then return true end
  end
  return false
end

--- Whether a host, or an entry such as "*.example.org", lies within one of a list's.
---@param list string[]?
---@param host string
---@return boolean
function grants.within(list, host)
  for _, granted in ipairs(list or {}) do
    if granted == "*" or values.host_within(granted:lower(), host:lower()) then return true end
  end
  return false
end

--- A path that climbs is never granted: it does not say where it leads.
local function climbs(path) return ("/" .. path .. "/"):find("/../", 1, true) ~= nil end

local function add(lacks, kind, one)
  lacks[kind] = lacks[kind] or {}
  table.insert(lacks[kind], one)
end

--- Adds a root; one that is there already is written to where either says so.
local function add_root(roots, path, write)
  for _, root in ipairs(roots) do
    if root.path == path then
      root.write = root.write or write
      return
    end
  end
  roots[#roots + 1] = { path = path, write = write }
end

--- All paths outside the workspace that some tool was granted: a run's sandbox has to be made with
--- them, though each command is shown those of its own tool only.
---@param tools table<string, tool.Declaration>
---@return grants.Root[] roots in the order of the tools' names
function grants.of_run(tools)
  local roots, names = {}, {}
  for name in pairs(tools) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local granted = tools[name].granted
    for _, root in ipairs(granted and granted.roots or {}) do
      add_root(roots, root.path, root.write)
    end
  end
  return roots
end

--- What of `needs` is granted, and what is not.
---@param needs   Needs
---@param granted Needs?
---@param home?   string the user's home folder
---@return { net: string[], secrets: string[], roots: grants.Root[] } has
---@return Needs lacks empty when nothing is missing
function grants.compare(needs, granted, home)
  granted = granted or {}
  local lacks = {}
  local has = { net = json.array {}, secrets = json.array {}, roots = json.array {} }
  for _, host in ipairs(needs.net or {}) do
    if grants.within(granted.net, host) then
      table.insert(has.net, host)
    else
      add(lacks, "net", host)
    end
  end
  for _, host in ipairs(granted.net or {}) do -- the tool may need more than was granted
    if grants.within(needs.net, host) and not text.one_of(has.net, host) then
      table.insert(has.net, host)
    end
  end
  for _, name in ipairs(needs.secrets or {}) do
    if text.one_of(granted.secrets or {}, name) then
      table.insert(has.secrets, name)
    else
      add(lacks, "secrets", name)
    end
  end
  for _, kind in ipairs { "read", "write" } do
    for _, written in ipairs(needs[kind] or {}) do
      local path = outside(written, home)
      local given = path and not climbs(path)
        and (holds(granted.write, path) or kind == "read" and holds(granted.read, path))
      if given then
        add_root(has.roots, path, kind == "write")
      elseif path then
        add(lacks, kind, path)
      end
    end
  end
  return has, lacks
end

--- Why a call may not go where its arguments lead it: an address of this machine or of a network
--- behind it is opened by config.yaml alone, whatever a rule or a person says to a model's wish.
---@param declaration tool.Declaration
---@param hosts       string[] that the call names
---@return string? why
function grants.inside(declaration, hosts)
  for _, host in ipairs(hosts) do
    if address.inside(host) and not text.one_of(declaration.needs.net or {}, host)
      and not grants.within(declaration.granted.net, host) then
      return ("%s is no public address; only the user's config.yaml opens it: grants: "
        .. "{ %s: { net: [%q] } }"):format(host, declaration.name, host)
    end
  end
end

--- What of `lacks` no answer of a person can make good: it has to stand in config.yaml.
---@param lacks Needs?
---@return boolean
function grants.must_be_written(lacks)
  return lacks ~= nil and (lacks.secrets or lacks.read or lacks.write) ~= nil
end

local function yaml_list(list)
  local said = {}
  for i, one in ipairs(list) do
    said[i] = one:match("^[%w_/~][%w_./~-]*$") and one or ("%q"):format(one)
  end
  return "[" .. table.concat(said, ", ") .. "]"
end

--- The lines of config.yaml that grant a tool all that it needs. One that needs whatever host it is
--- asked for is granted those that somebody names.
---@param declaration tool.Declaration
---@param home?       string
---@return string lines
function grants.lines(declaration, home)
  local said, needs = {}, declaration.needs
  for _, kind in ipairs { "net", "secrets", "read", "write" } do
    local list = {}
    for _, one in ipairs(needs[kind] or {}) do
      local is_path = kind == "read" or kind == "write"
      if one == "*" then one = "*.example.org" end
      list[#list + 1] = not is_path and one or outside(one, home)
    end
    if #list > 0 then said[#said + 1] = ("%s: %s"):format(kind, yaml_list(list)) end
  end
  return ("grants:\n  %s: { %s }"):format(declaration.name, table.concat(said, ", "))
end

local KINDS <const> = { { "net", "hosts" }, { "secrets", "secrets" }, { "read", "reading" },
  { "write", "writing" } }

--- What is not granted, in words: "hosts api.example.org; secrets KEY".
---@param lacks Needs
---@return string words
function grants.words(lacks)
  local said = {}
  for _, kind in ipairs(KINDS) do
    local list = lacks[kind[1]]
    if list then said[#said + 1] = kind[2] .. " " .. table.concat(list, ", ") end
  end
  return table.concat(said, "; ")
end

--- Sets `lacks` and `granted` of each tool from the user's grants. A tool of a project that stands
--- in for one of the user's or the distribution's is another tool: it is granted nothing.
---@param tools    table<string, tool.Declaration>
---@param settings settings.Settings
---@param home?    string
function grants.apply(tools, settings, home)
  for name, declaration in pairs(tools) do
    local granted = not declaration.shadows and settings.grants[name] or nil
    local lacks
    declaration.granted, lacks = grants.compare(declaration.needs, granted, home)
    declaration.lacks = next(lacks) and lacks or nil
  end
end

return grants
