--- What runs wrote that later runs would obey: definitions and Lua below the workspaces they had.
--- None of it is taken before somebody has accepted it. The host notes each workspace before its
--- run and compares afterwards, at the latest when the next command starts; here it is kept.
local state = require "lib.state"
local text  = require "lib.text"

local written = {}

local MOST <const> = 5000 -- paths; a run that writes more stands as its whole workspace

local KINDS <const> = { "file", "link", "folder", "unreadable", "gone", "tree" }

---@class written.Entry
---@field kind  "file"|"link"|"folder"|"unreadable"|"gone"|"tree"
---@field hash? string of a file as the run left it

---@class written.Record
---@field files     table<string, written.Entry> by absolute path
---@field hashes    table<string, string> of files, to their path: a copy is the same text
---@field accepted  table<string, string> by path: the text that the user took although
---@field unsettled { folder: string?, why: string }[] what could not be found out
---@field broken?   string why nothing is known
---@field denied?   Error others could have written what is known: nothing may begin

local function check(value)
  if value.version ~= 1 then return "it is of another version" end
  if type(value.files) ~= "table" or type(value.accepted) ~= "table" then
    return "files or accepted is no object"
  end
  for path, entry in pairs(value.files) do
    if type(path) ~= "string" or path:sub(1, 1) ~= "/" or type(entry) ~= "table"
      or not text.one_of(KINDS, entry.kind)
      or entry.hash ~= nil and type(entry.hash) ~= "string" then
      return ("its line for %s is wrong"):format(tostring(path))
    end
  end
end

local FILE <const> = {
  name = "written.json", check = check,
  empty = function() return { version = 1, files = {}, accepted = {} } end,
}

local function count(map)
  local n = 0
  for _ in pairs(map) do n = n + 1 end
  return n
end

--- Adds what one run changed. What is gone and comes back is no longer gone.
local function merge(value, one)
  if count(value.files) + #one.changes > MOST then
    value.files[one.workspace] = { kind = "tree" }
    return
  end
  for _, change in ipairs(one.changes) do
    local path, hash = change.path, change.hash
    local taken = hash ~= nil and value.accepted[path] == hash
    if not taken then value.files[path] = { kind = change.kind, hash = hash } end
  end
end

--- Keeps what was found; whose run has ended is then forgotten by the host.
local function keep(cli, found)
  local any = false
  for _, one in ipairs(found) do any = any or #one.changes > 0 end
  if any then
    local ok, err = state.update(cli, FILE, function(value)
      for _, one in ipairs(found) do merge(value, one) end
      return value
    end)
    if not ok then return nil, err end
  end
  for _, one in ipairs(found) do
    if not one.live and not one.problem then
      local ok, err = cli.forget_written(one.name)
      if not ok then return nil, err end
    end
  end
  return true
end

--- What is known now. Never fails: what could not be found out stands in the record, and `why`
--- refuses by it.
---@async
---@param cli table
---@return written.Record
function written.load(cli)
  local record = { files = {}, hashes = {}, accepted = {}, unsettled = {} }
  local found, err = cli.written()
  local kept = found
  if found then kept, err = keep(cli, found) end
  local value
  if kept then
    value, kept = state.read(cli, FILE)
    err = not value and kept or nil
  end
  if not value then
    record.broken = "what runs wrote is not known: " .. err.message
    record.denied = err.code == "denied" and err or nil
    return record
  end
  record.files, record.accepted = value.files, value.accepted
  for path, entry in pairs(value.files) do
    if entry.hash then record.hashes[entry.hash] = path end
  end
  for _, one in ipairs(found) do
    if one.problem then
      record.unsettled[#record.unsettled + 1] = { folder = one.workspace,
        why = ("what a run wrote in %s is not known: %s")
          :format(one.workspace or "its workspace", one.problem) }
    end
  end
  return record
end

local function below(path, folder)
  return path == folder or path:sub(1, #folder + 1) == folder .. "/"
end

local WORDS <const> = {
  file = "a run wrote it", link = "it is a link that a run made", folder = "a run made it",
  unreadable = "it lies in a folder that a run closed", tree = "a run wrote very much around it",
}

--- By its own line, or by that of a folder above it.
local function by_path(record, path)
  local entry = record.files[path]
  if entry and entry.kind ~= "gone" then return WORDS[entry.kind] end
  local at = path:match("^(.+)/[^/]*$")
  while at do
    entry = record.files[at]
    if entry and (entry.kind == "link" or entry.kind == "unreadable" or entry.kind == "tree") then
      return entry.kind == "link" and "it lies behind a link that a run made" or WORDS[entry.kind]
    end
    at = at:match("^(.+)/[^/]*$")
  end
end

--- Why a file must not be taken without asking; nil when nothing is known against it.
---@param record written.Record
---@param path   string  as it is named
---@param real?  string  without links
---@param hash?  string
---@return string? why
function written.why(record, path, real, hash)
  if record.broken then return record.broken end
  if hash and record.accepted[path] == hash then return nil end
  for _, one in ipairs(record.unsettled) do
    if not one.folder or below(path, one.folder) or real and below(real, one.folder) then
      return one.why
    end
  end
  local why = by_path(record, path) or real and real ~= path and by_path(record, real)
  if why then return why end
  local source = hash and record.hashes[hash]
  if source then return ("a run wrote the same text to %s"):format(source) end
end

--- Whether a run removed what was there.
---@param record written.Record
---@param path   string
---@return boolean
function written.gone(record, path)
  local entry = record.files[path]
  return entry ~= nil and entry.kind == "gone"
end

--- Definitions that a run removed and that did not come back, sorted.
---@param record written.Record
---@param folder string of definitions
---@return string[] paths
function written.removed(record, folder)
  local paths = {}
  for path, entry in pairs(record.files) do
    if entry.kind == "gone" and below(path, folder) and path:lower():find("%.md$") then
      paths[#paths + 1] = path
    end
  end
  table.sort(paths)
  return paths
end

--- The user's word for everything at or below `folder`, as it is now.
---@async
---@param cli    table
---@param record written.Record changed too
---@param folder string a folder, or one file
---@return string[]? paths what was accepted, sorted
---@return Error? err
function written.accept(cli, record, folder)
  local accepted = {}
  for path in pairs(record.files) do
    if below(path, folder) then accepted[#accepted + 1] = path end
  end
  if #accepted == 0 then return accepted end
  local ok, err = state.update(cli, FILE, function(value)
    for path in pairs(value.files) do
      if below(path, folder) then value.files[path] = nil end
    end
    return value
  end)
  if not ok then return nil, err end
  for _, path in ipairs(accepted) do
    local hash = record.files[path].hash
    record.files[path] = nil
    if hash then record.hashes[hash] = nil end
  end
  table.sort(accepted)
  return accepted
end

--- The user's word for single files with the text that they have now.
---@async
---@param cli    table
---@param record written.Record changed too
---@param files  { path: string, hash: string }[]
---@return boolean? ok, Error? err
function written.take(cli, record, files)
  if #files == 0 then return true end
  local function note(value)
    for _, file in ipairs(files) do
      value.accepted[file.path] = file.hash
      value.files[file.path] = nil
    end
    return count(value.accepted) <= MOST and value or nil
  end
  local ok, err = state.update(cli, FILE, note)
  if not ok then return nil, err end
  note(record)
  return true
end

--- All that waits for somebody's word, sorted by path.
---@param record written.Record
---@return { path: string, kind: string, hash: string? }[]
function written.list(record)
  local list = {}
  for _, path in ipairs(text.sorted_keys(record.files)) do
    local entry = record.files[path]
    list[#list + 1] = { path = path, kind = entry.kind, hash = entry.hash }
  end
  return list
end

return written
