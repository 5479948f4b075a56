--- A child that works in its own copy of the workspace, and what it changed there. Host VM only.
---
--- The copy stands in the cache folder (host/files/copy.h); what differs between its two trees is
--- read with git in a sandbox of its own, since both hold what models wrote.
local json    = require "lib.json"
local session = require "lib.session"
local text    = require "lib.text"

local copies = {}

local PATCH_MOST <const> = 4 * 1024 * 1024 -- bytes of a patch
local GIT <const> = { "git", "diff", "--no-index", "--no-renames", "--no-ext-diff",
  "--no-textconv", "--no-color" }
--- The same with some files as git writes binary ones: in ASCII, whatever bytes are in them.
local WITH_BINARY <const> = 'cat >/tmp/attributes && shift && '
  .. 'exec git -c core.attributesFile=/tmp/attributes "$@"'

local function failed(what, why)
  return nil, { code = "unavailable", message = ("%s: %s"):format(what, why) }
end

--- One command that compares; 1 says that there are differences.
local function compare(side, command)
  command.output, command.timeout = PATCH_MOST, "2m"
  local done, err = side:exec(command)
  if not done then return nil, err end
  if done.stdout_dropped and done.stdout_dropped > 0 or done.limit == "output" then
    return nil, { code = "limit", message = ("the changes in the copy are larger than %d MB")
      :format(PATCH_MOST // 1024 // 1024) }
  end
  if done.exit_code == 0 or done.exit_code == 1 then return done.stdout end
  return failed("git diff", text.first_line(done.stderr))
end

local function git(side, ...)
  local command = table.move(GIT, 1, #GIT, 1, {})
  for _, word in ipairs { ... } do command[#command + 1] = word end
  return compare(side, command)
end

--- What `git diff --raw -z` names, in its order: "a/gone.txt".
local function names_in(raw)
  local names = {}
  for name in raw:gmatch(":[^%z]*%z([^%z]*)%z") do names[#names + 1] = name end
  return names
end

--- A path as a pattern of gitattributes that fits it alone, in both trees.
local function pattern_of(name)
  local path = name:sub(3):gsub("[%*%?%[\\]", "\\%0")
  return '"[ab]/' .. path:gsub('["\\]', "\\%0"):gsub("\n", "\\n") .. '" -diff'
end

--- The same patch, with the files in it that are no UTF-8 as binary ones. Its parts stand in the
--- order of the names.
local function as_ascii(side, said, names)
  local lines, at = {}, 0
  for part in (said .. "\ndiff --git "):gmatch("(.-)\ndiff %-%-git ") do
    at = at + 1
    if not utf8.len(part) and names[at] then lines[#lines + 1] = pattern_of(names[at]) end
  end
  local command = { "sh", "-c", WITH_BINARY, "sh", table.unpack(GIT) }
  table.move({ "--no-prefix", "--binary", "a", "b" }, 1, 4, #command + 1, command)
  command.stdin = table.concat(lines, "\n") .. "\n"
  return compare(side, command)
end

--- "a/x" and "b/x" are x.
local function below(path) return (path:gsub("^[ab]/", "")) end

local function sorted(names)
  local paths = json.array {}
  for i, name in ipairs(names) do paths[i] = text.valid(below(name)) end
  table.sort(paths)
  return paths
end

--- Those that `git diff --numstat -z` counts no lines of.
local function binary_in(counts)
  local paths = json.array {}
  for old, new in counts:gmatch("%-\t%-\t%z([^%z]*)%z([^%z]*)%z") do
    paths[#paths + 1] = text.valid(below(new == "/dev/null" and old or new))
  end
  table.sort(paths)
  return paths
end

--- What stands in b and not in a, as a patch.
---@return Patch? patch, Error? err
local function read_patch(side)
  local raw, counts, said, err
  raw, err = git(side, "--raw", "-z", "a", "b")
  if not raw then return nil, err end
  counts, err = git(side, "--numstat", "-z", "a", "b")
  if not counts then return nil, err end
  said, err = git(side, "--no-prefix", "--binary", "a", "b")
  local names = names_in(raw)
  if said and not utf8.len(said) then said, err = as_ascii(side, said, names) end
  if not said then return nil, err end
  return { text = said, files = sorted(names), binary = binary_in(counts) }
end

local function closing(what) return setmetatable({}, { __close = function() what:close() end }) end

local function place_of(path)
  local place = { workspace = path }
  for key, value in pairs(session.get().place) do place[key] = value end
  return place
end

--- What was changed in a copy.
---@async
---@return Patch? patch, Error? err
local function patch_of(run, copy)
  local sealed, err = copy:seal()
  if not sealed then return nil, err end
  local side
  side, err = run:child { task = "what changed in a copy", place = place_of(copy:folder()),
    aside = true }
  if not side then return nil, err end
  local _ <close> = closing(side)
  return read_patch(side)
end

--- Does `work` with a place to give to run:child, a copy of the run's workspace, then `keep` with
--- what came of it and what was changed there. Only then is the copy removed: who is stopped before
--- takes it up again, whole. It stays where the run parks, is cancelled or cannot be recorded.
---@async
---@param run    HostRun
---@param before? string name of the copy in which this work was under way
---@param work   async fun(place: table, name: string, again: boolean): agent.Result?, Error?,
---  string?
---@param keep   async fun(result: agent.Result?, err: Error?, id: string?, patch: Patch?): any, any
---@return any reply, Patch|Error|nil patch_or_err what `keep` answers
function copies.within(run, before, work, keep)
  local copy, err
  if before then copy, err = run:copy(before) end
  local again = copy ~= nil
  if not copy and (not before or err.code == "not_found") then copy, err = run:copy() end
  if not copy then return keep(nil, err) end
  local _ <close> = setmetatable({}, { __close = function()
    local stays = run.parked or run.cancelled or session.get().unrecorded
    if stays then copy:leave() else copy:close() end
  end })
  local result, id
  result, err, id = work(place_of(copy:work()), copy:name(), again)
  local patch
  if result and result.status == "ok" then
    patch, err = patch_of(run, copy)
    if not patch then result = nil end
  end
  local reply, more = keep(result, err, id, patch)
  return reply, more
end

return copies
