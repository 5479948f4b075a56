--- The texts that a run was made of: which the journal names, and how a run that is carried on gets
--- them again. Host VM only.
---
--- What is always today's, whatever the record says: the program itself (lua/lib, lua/cli), what
--- says where keys go (models.lua), and what forbids (policy.lua); see script/source.h. A project's
--- recorded Lua is loaded where the project is trusted, though its files may have changed since: it
--- was trusted as it was, and only the user can write the journal. Who has taken their trust back
--- has taken it from what the project was, too.
local catalog = require "lib.catalog"
local json    = require "lib.json"
local records = require "lib.records"

local texts = {}

local SHOWN_MOST <const> = 6 -- files in one line

---@class texts.Texts
---@field files       table<string, string> path of a Lua file to the hash of its text
---@field definitions table<string, string> path of an agent's definition to the hash of its text

--- Whether a file is the program's own: the same in every run of a version, and never taken from a
--- record.
---@param path string as a record has it
---@return boolean
function texts.of_program(path)
  return path:find("^lua/lib/") ~= nil or path:find("^lua/cli/") ~= nil
end

local NAMES_FILES <const> = { ["run.started"] = true, files = true, ["run.resumed"] = true,
  ["run.parked"] = true, ["run.finished"] = true }

--- What a record names.
---@param record { kind: string, body: string }
---@return table<string, string> files, table<string, string> definitions path to hash
function texts.named(record)
  local files, definitions = {}, {}
  if not NAMES_FILES[record.kind] and record.kind ~= "prompt" then return files, definitions end
  local body = json.decode(record.body)
  if type(body) ~= "table" then return files, definitions end
  if record.kind == "prompt" then
    if type(body.file) == "string" and type(body.hash) == "string" then
      definitions[body.file] = body.hash
    end
  elseif type(body.files) == "table" then
    for path, hash in pairs(body.files) do
      if type(hash) == "string" then files[path] = hash end
    end
  end
  return files, definitions
end

local function note(into, times, named, time)
  for path, hash in pairs(named) do
    if time >= (times[path] or time) then into[path], times[path] = hash, time end
  end
end

--- The texts of a run and of what is below it; of two texts of one file the later. Raises what the
--- store says when a record cannot be read.
---@param cli table with an open journal
---@param run string the id of a top-level run
---@return texts.Texts? found, Error? err
function texts.of(cli, run)
  local rows, err = cli.list_runs { tree = run }
  if not rows then return nil, err end
  local found, times = { files = {}, definitions = {} }, { files = {}, definitions = {} }
  for _, row in ipairs(rows) do
    for record in records.of(cli, row.run) do
      local files, definitions = texts.named(record)
      note(found.files, times.files, files, record.time)
      note(found.definitions, times.definitions, definitions, record.time)
    end
  end
  return found
end

local ROOMS <const> = { "/agents/", "/.perigee/agents/", "/.claude/agents/" }

--- Whether a file is of a project's definitions, now or as it was laid out when the run had them.
local function is_hook(path, place)
  local agents = place.agents .. "/"
  if path:sub(1, #agents) == agents then return true end
  for _, room in ipairs(ROOMS) do
    local folder = place.root .. room
    if path:sub(1, #folder) == folder then return true end
  end
  return false
end

--- Lua of a project that a run was made of: files and hooks, as a record names them.
local function of_project(recorded, place)
  local found = {}
  for path in pairs(recorded.files) do
    if path:find("^project:") or is_hook(path, place) then found[#found + 1] = path end
  end
  table.sort(found)
  return found
end

--- Why a run must not go on with its texts: they are Lua of a project that is not trusted now.
---@param recorded texts.Texts
---@param place?   project.Place
---@param gate     trust.Gate
---@return Error? err nil: it may
function texts.untrusted(recorded, place, gate)
  local files = place and gate.level == "none" and of_project(recorded, place) or {}
  if #files == 0 then return nil end
  return { code = "denied", message = ("%s is not trusted any more, and the run was made with its "
    .. "Lua (%s), which runs neither as it was nor as it is; look at it, then perigee trust %s, "
    .. "and resume the run again; without it the run may go on with --with-current"):format(
    place.root, table.concat(files, ", ", 1, math.min(#files, SHOWN_MOST)), place.root) }
end

--- The gate as if the project's recorded files had been let through: they are what is loaded.
local function open_gate(gate, changed)
  for _, path in ipairs(changed) do
    local entry = path:match("^project:(.*)$") or path
    gate.loaded[entry], gate.blocked[entry], gate.refused[entry] = true, nil, nil
    if gate.stops and gate.stops[entry] then
      gate.stops[entry] = nil
      gate.stop = select(2, next(gate.stops))
    end
  end
end

--- Puts recorded texts into force for the rest of this process: Lua at once, definitions in the
--- catalog, whose agents are to be equipped afterwards. Needs an open journal.
---@param cli      table
---@param recorded texts.Texts
---@param gate     trust.Gate
---@param found    catalog.Catalog
---@return string[]? changed files that are not today's, sorted
---@return Error? err not_found where the journal has lost one
function texts.use(cli, recorded, gate, found)
  local changed, err = cli.use_texts(recorded.files)
  if not changed then return nil, err end
  open_gate(gate, changed)
  for path, hash in pairs(recorded.definitions) do
    local source
    source, err = cli.read_text(hash)
    if not source then
      return nil, { code = err.code, message = ("%s, as the run had it: %s; --with-current goes on "
        .. "with the file as it is now"):format(path, err.message) }
    end
    local hooks = path:gsub("%.md$", ".lua")
    local who, differs
    who, err, differs = catalog.use_text(cli, found, path, source, recorded.files[hooks] and hooks)
    if not who then return nil, err end
    if differs then changed[#changed + 1] = path end
  end
  catalog.finish(found)
  table.sort(changed)
  return changed
end

return texts
