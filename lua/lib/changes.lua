--- What changed in a workspace since before its first command, for the handover: what `edit` and
--- `write` tell of themselves is known anyway, what a command does is found out here. Host VM only.
---
--- In a git workspace git is asked, so that what it ignores stays out and lines can be counted;
--- elsewhere all files are listed. Both run in the sandbox, with a deadline, and what cannot be
--- found out is said. How it was before is recorded: a run that goes on tells the same.
local filename = require "lib.filename"
local json    = require "lib.json"
local session = require "lib.session"
local text    = require "lib.text"

local changes = {}

local TIME   <const> = "5s"
local OUTPUT <const> = 4 * 1024 * 1024 -- bytes of what a look answers
local PATHS_MOST   <const> = 2000      -- that are told
local COUNTED_MOST <const> = 200       -- new files whose lines are counted
local KEPT_MOST    <const> = 20000     -- paths of a record

--- A list of paths, or of what is said of them, each ended by a NUL; a part is ended by one more.
local HEAD <const> = [[
export GIT_OPTIONAL_LOCKS=0 LC_ALL=C
hashes() { xargs -0 -r sha256sum -z -- 2>/dev/null; printf '\0'; }
tracked() { git diff "$@" -z --no-renames --no-ext-diff --no-textconv --relative "$base"; }
others() { git ls-files -o --exclude-standard -z; }
]]

local BEFORE <const> = HEAD .. [[
if git rev-parse --git-dir >/dev/null 2>&1; then
  base=$(git rev-parse -q --verify 'HEAD^{commit}' || git hash-object -t tree /dev/null) || exit 1
  printf 'git\0%s\0\0' "$base"
  { tracked --name-only && others; } || exit 1
  printf '\0'
  { tracked --name-only && others; } | hashes
else
  printf 'find\0\0'
  find . -xdev -type f -printf '%P\0%C@ %s\0' 2>/dev/null
  true
fi
]]

local AFTER_GIT <const> = HEAD .. [[
base=$1
tracked --numstat && printf '\0' || exit 1
others && printf '\0' || exit 1
{ tracked --name-only && others; } | hashes
]]

--- What it cannot read is told by one more part.
local FIND  <const> = "find . -xdev -type f -printf '%P\\0%C@ %s\\0' 2>/dev/null "
  .. "|| printf '\\0cut\\0'"
local COUNT <const> = "LC_ALL=C xargs -0 -r grep -cIHZ '' --" -- PATH NUL COUNT LF

--- One look into the workspace.
---@return string? stdout, string? why
local function look(run, script, stdin, ...)
  local done, err = run:exec { "sh", "-c", script, "sh", ..., stdin = stdin, timeout = TIME,
    output = OUTPUT }
  if not done then return nil, err.message end
  if done.stdout_dropped and done.stdout_dropped > 0 or done.limit == "output" then
    return nil, "it has too many files"
  end
  if done.limit then return nil, ("looking through it took longer than %s"):format(TIME) end
  if done.exit_code ~= 0 then
    local said = text.first_line(done.stderr)
    return nil, said ~= "" and said or ("looking through it failed (%d)"):format(done.exit_code)
  end
  return done.stdout
end

--- The next part of an answer: its entries, and where the one behind it begins.
local function part(said, at)
  local entries = {}
  while at <= #said do
    local stop = said:find("\0", at, true) or #said + 1
    if stop == at then return entries, at + 1 end
    entries[#entries + 1] = said:sub(at, stop - 1)
    at = stop + 1
  end
  return entries, at
end

--- "HASH  PATH" of each.
local function hashes_of(entries)
  local hashes = {}
  for _, entry in ipairs(entries) do
    local hash, path = entry:match("^(%x+) [ *](.*)$")
    if hash then hashes[path] = hash end
  end
  return hashes
end

--- What differed already, by path: its hash, or false where it could not be read.
local function known_of(paths, hashes)
  local known = {}
  for _, path in ipairs(paths) do known[path] = hashes[path] or false end
  return known
end

local function files_of(entries)
  local files = {}
  for i = 1, #entries - 1, 2 do
    if not (entries[i]:find("^%.git/") or entries[i]:find("/.git/", 1, true)) then
      files[entries[i]] = entries[i + 1]
    end
  end
  return files
end

---@class changes.Before
---@field kind    "git"|"find"
---@field base?   string what git compares with
---@field known?  table<string, string|false> what differed already, by hash
---@field files?  table<string, string> time of change and size of each

---@return changes.Before? before, string? why
local function read_before(said)
  local head, at = part(said, 1)
  local entries, behind = part(said, at)
  if head[1] == "git" then
    return { kind = "git", base = head[2],
      known = known_of(entries, hashes_of((part(said, behind)))) }
  end
  if head[1] == "find" then return { kind = "find", files = files_of(entries) } end
  return nil, "looking through it answered nothing that can be read"
end

-- what is kept of it ------------------------------------------------------------------------------

--- The same table with its paths as text, or back; and how many there are.
local function renamed(paths, name)
  local new, count = {}, 0
  for path, value in pairs(paths) do
    new[name(path)], count = value, count + 1
  end
  return new, count
end

--- The record of a look. One that is too large for a record is not kept.
---@param one { before: changes.Before?, why: string? }
local function record(run, one)
  local body, before, count = { workspace = run.workspace, why = one.why }, one.before, 0
  if before then
    body.kind, body.base = before.kind, before.base
    body.paths, count = renamed(before.known or before.files, filename.shown)
  end
  if count > KEPT_MOST then
    body.kind, body.base, body.paths = nil, nil, nil
    body.why = "the run was interrupted since, and the workspace has too many files to be noted"
  end
  session.record(run, "changes", body)
end

--- What an earlier process noted before its first command.
---@param pasts table<string, past.Past>
---@param where fun(path: string): string where that workspace lies now
function changes.restore(pasts, where)
  local watched = session.get().watched
  for _, mine in pairs(pasts) do
    for _, one in ipairs(mine.records) do
      local body = one.kind == "changes" and one.body
      if body then
        local paths = body.kind and renamed(body.paths, filename.bytes)
        watched[where(body.workspace)] = { begun = true, why = body.why, before = body.kind and {
          kind = body.kind, base = body.base, known = body.kind == "git" and paths or nil,
          files = body.kind == "find" and paths or nil } or nil }
      end
    end
  end
end

-- what is new -------------------------------------------------------------------------------------

--- Lines of new files, by path. What cannot be counted is not in it.
local function count_lines(run, paths)
  local first = table.move(paths, 1, math.min(#paths, COUNTED_MOST), 1, {})
  local counts = {}
  if #first == 0 then return counts end
  local said = look(run, COUNT .. " || true", table.concat(first, "\0") .. "\0")
  for path, count in (said or ""):gmatch("([^%z]+)%z(%d+)\n") do
    counts[path] = math.tointeger(tonumber(count))
  end
  return counts
end

local function add_new(run, list, paths)
  local counts = count_lines(run, paths)
  for _, path in ipairs(paths) do
    local count = counts[path]
    list[#list + 1] = { path = path, added = count, removed = count and 0, how = "new" }
  end
end

--- A tracked file that differs from the base, unless it did so before and is the same.
local function differing(before, entry, hashed)
  local added, removed, path = entry:match("^(%S+)\t(%S+)\t(.*)$")
  if not path then return nil end
  local was, is = before.known[path], hashed[path] or false
  if was == is then return path end
  added, removed = math.tointeger(tonumber(added)), math.tointeger(tonumber(removed))
  local gone = not is and added == 0 and removed ~= 0
  if was ~= nil then added, removed = nil, nil end -- that is counted from further back
  return path, { path = path, added = added, removed = removed, how = gone and "removed" or nil }
end

--- What differs by git from what it was.
local function since_git(run, before)
  local said, why = look(run, AFTER_GIT, nil, before.base)
  if not said then return nil, why end
  local counted, others, hashed, at
  counted, at = part(said, 1)
  others, at = part(said, at)
  hashed = hashes_of((part(said, at)))
  local list, seen, fresh = {}, {}, {}
  for _, entry in ipairs(counted) do
    local path, file = differing(before, entry, hashed)
    if path then seen[path] = true end
    list[#list + 1] = file
  end
  for _, path in ipairs(others) do
    seen[path] = true
    local was = before.known[path]
    if was == nil then fresh[#fresh + 1] = path
    elseif was ~= (hashed[path] or false) then list[#list + 1] = { path = path } end
  end
  for path in pairs(before.known) do -- it is as git has it again, or was never git's and is gone
    if not seen[path] then list[#list + 1] = { path = path } end
  end
  add_new(run, list, fresh)
  return list
end

local function since_find(run, before)
  local said, why = look(run, FIND)
  if not said then return nil, why end
  local entries, behind = part(said, 1)
  local now, list, fresh = files_of(entries), {}, {}
  for path, state in pairs(now) do
    if not before.files[path] then fresh[#fresh + 1] = path
    elseif before.files[path] ~= state then list[#list + 1] = { path = path } end
  end
  for path in pairs(before.files) do
    if not now[path] then list[#list + 1] = { path = path, how = "removed" } end
  end
  table.sort(fresh)
  add_new(run, list, fresh)
  return list, part(said, behind)[1] and "a folder cannot be read" or nil
end

-- for the turn loop -------------------------------------------------------------------------------

--- From here on it matters what commands change in the run's workspace: the run may go on with
--- another agent.
---@param run HostRun
function changes.watch(run)
  local watched = session.get().watched
  if run.workspace and not watched[run.workspace] then watched[run.workspace] = {} end
end

--- Before a command: how the workspace is, the first time.
---@async
---@param run HostRun
function changes.before(run)
  local one = session.get().watched[run.workspace or ""]
  if not one or one.begun then return end
  one.begun = true
  if session.get().sandbox ~= "full" then
    one.why = "it is looked through in a sandbox only"
    return
  end
  local said
  said, one.why = look(run, BEFORE)
  if said then one.before, one.why = read_before(said) end
  record(run, one)
end

local function by_path(a, b) return a.path < b.path end

--- What the run knows of its own edits, with what commands changed. Names are whatever somebody
--- gave them: those that are no UTF-8 are made so.
---@async
---@param run HostRun
---@return session.Touched[]? files, string? unseen why what commands changed is not among them
function changes.since(run)
  local s = session.get()
  local told = s.touched[run.id]
  local one = s.watched[run.workspace or ""]
  if not one or not one.begun then return told end
  local found, why
  if one.before then
    found, why = (one.before.kind == "git" and since_git or since_find)(run, one.before)
  end
  if not found then return told, why or one.why end
  local list, seen = json.array {}, {}
  table.sort(found, by_path)
  for i, file in ipairs(found) do
    if i > PATHS_MOST then break end
    seen[file.path] = true
    list[i] = file
  end
  for _, file in ipairs(told or {}) do
    if not seen[file.path] then list[#list + 1] = file end
  end
  for _, file in ipairs(list) do file.path = text.valid(file.path) end
  if #found > PATHS_MOST then
    why = ("only the first %d of %d are told"):format(PATHS_MOST, #found)
  end
  return list, why
end

return changes
