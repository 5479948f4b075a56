--- Where a run works, and whether that is still where it worked before. A folder is known by when
--- it was made and by its inode: another one that stands at the same path has not what the run read
--- and wrote, and may be somebody else's. Host VM only.
local start = require "lib.start"

local grounds = {}

---@class grounds.Identity
---@field inode integer
---@field born? integer when it was made, in ns of Unix time; nil: its file system does not say

---@param cli   table
---@param path? string
---@return grounds.Identity? identity nil where it is gone
function grounds.identity(cli, path)
  local info = path and cli.stat(path)
  return info and { inode = info.inode, born = info.born } or nil
end

--- Inodes are given again soon, and some file systems number anew at each mount: where both times
--- are known, they decide.
local function is_same(one, other)
  if one.born and other.born then return one.born == other.born end
  return one.inode == other.inode
end

local function denied(...)
  return nil, { code = "denied", message = string.format(...) }
end

--- Where the run worked last, as its records say.
local function last_of(mine)
  local path, identity
  for _, record in ipairs(mine.records) do
    if record.kind == "run.started" or record.kind == "run.resumed" then
      local body = record.body
      path, identity = body.workspace or path, body.workspace_id or identity
    end
  end
  return path, identity
end

local function date_of(identity) return start.date_of(identity.born // 1000000) end

--- What tells two folders apart for a person, where dates do.
local function difference(known, now)
  if not known.born or not now.born then return "" end
  local was, is = date_of(known), date_of(now)
  return was ~= is and (" (made on %s, not on %s)"):format(is, was) or ""
end

--- The folder in which a run goes on: the one that was named, else its own if that is still there.
---@param cli    table
---@param id     string of the run
---@param mine   past.Past of it
---@param named? string --workspace: the user's word for another one
---@return string? path, Error? err nil, nil: it had none
---@return { device: integer, inode: integer }? folder which one stands at the path
function grounds.of(cli, id, mine, named)
  local path, known = last_of(mine)
  local info = cli.stat(named or path or "")
  if named and (not info or info.kind ~= "folder") then
    return nil, { code = "not_found", message = ("--workspace %s: no such folder"):format(named) }
  end
  local folder = info and { device = info.device, inode = info.inode }
  if named or not path then return named and info.real, nil, named and folder end
  local hint = ("perigee runs resume %s --workspace DIR goes on in the folder that you name")
    :format(id)
  if not info or info.kind ~= "folder" then
    return nil, { code = "not_found", message = ("the run's workspace %s is gone; put it back, or: "
      .. "%s"):format(path, hint) }
  end
  if info.real ~= path then -- one that leads elsewhere would give the run what nobody gave it
    return denied("the run's workspace %s leads to %s now; the run goes on only where it began, or "
      .. "where you say so: %s", path, info.real, hint)
  end
  local now = { inode = info.inode, born = info.born }
  if known and not is_same(known, now) then
    return denied("the run's workspace %s is another folder than the one it worked in%s; if that "
      .. "is meant (a backup, a new checkout): %s", path, difference(known, now), hint)
  end
  return path, nil, folder
end

local function moved(path, from, now)
  if path == from then return now end
  return path:sub(1, #from + 1) == from .. "/" and now .. path:sub(#from + 1) or path
end

--- Where what lay in a workspace of the run lies now.
---@param mine past.Past of the top-level run
---@param now? string the workspace in which it goes on
---@return fun(path: string): string
function grounds.mover(mine, now)
  local homes = {}
  for _, record in ipairs(mine.records) do
    local begins = record.kind == "run.started" or record.kind == "run.resumed"
    local home = begins and record.body.workspace
    if home and now and home ~= now then homes[#homes + 1] = home end
  end
  return function(path)
    for _, home in ipairs(homes) do
      local there = moved(path, home, now)
      if there ~= path then return there end
    end
    return path
  end
end

--- Paths of texts where they lie now; what was loaded there already is the later text.
local function moved_texts(paths, where)
  local found = {}
  for path, hash in pairs(paths) do
    local there = where(path)
    if there == path or not paths[there] then found[there] = hash end
  end
  return found
end

--- A run that goes on elsewhere, as if it had begun there: its first record, and the texts that it
--- was made of by where their files would lie.
---@param mine      past.Past of the top-level run
---@param recorded? texts.Texts
---@param now?      string the workspace in which it goes on
---@return table first, texts.Texts? recorded
function grounds.move(mine, recorded, now)
  local where, first = grounds.mover(mine, now), {}
  for key, value in pairs(mine.records[1].body) do first[key] = value end
  for _, key in ipairs { "project", "chain", "definition" } do
    first[key] = first[key] and where(first[key])
  end
  local scenario = first.model and first.model:match("^rehearsal:(.*)$")
  if scenario then first.model = "rehearsal:" .. where(scenario) end
  if not recorded then return first end
  return first, { files = moved_texts(recorded.files, where),
    definitions = moved_texts(recorded.definitions, where) }
end

return grounds
