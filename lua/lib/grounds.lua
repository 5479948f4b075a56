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
function grounds.of(cli, id, mine, named)
  local path, known = last_of(mine)
  local info = cli.stat(named or path or "")
  if named and (not info or info.kind ~= "folder") then
    return nil, { code = "not_found", message = ("--workspace %s: no such folder"):format(named) }
  end
  if named or not path then return named and info.real end
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
  return path
end

local function moved(path, from, now)
  if path == from then return now end
  return path:sub(1, #from + 1) == from .. "/" and now .. path:sub(#from + 1) or path
end

--- Where what lay in the run's first workspace lies now.
---@param first table body of its first record
---@param now?  string the workspace in which it goes on
---@return fun(path: string): string
function grounds.mover(first, now)
  local from = first.workspace
  return function(path) return from and now and moved(path, from, now) or path end
end

--- A run that goes on elsewhere, as if it had begun there: its first record, and the texts that it
--- was made of by where their files would lie.
---@param first     table body of its first record
---@param recorded? texts.Texts
---@param now?      string the workspace in which it goes on
---@return table first, texts.Texts? recorded
function grounds.move(first, recorded, now)
  local from = first.workspace
  if not from or not now or from == now then return first, recorded end
  local new, found = {}, recorded and { files = {}, definitions = {} }
  for key, value in pairs(first) do new[key] = value end
  for _, key in ipairs { "project", "chain", "definition" } do
    new[key] = new[key] and moved(new[key], from, now)
  end
  local scenario = new.model and new.model:match("^rehearsal:(.*)$")
  if scenario then new.model = "rehearsal:" .. moved(scenario, from, now) end
  for kind, paths in pairs(recorded or {}) do
    for path, hash in pairs(paths) do found[kind][moved(path, from, now)] = hash end
  end
  return new, found
end

return grounds
