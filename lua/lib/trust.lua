--- Whose Lua may be loaded. A project is trusted as a folder, or by the exact hashes of its files
--- (`pin`); what the user said stands in the state folder, outside of every workspace.
---
--- The host has read each file before it is judged here, and loads what it has read: nothing that
--- changes meanwhile is loaded.
local state   = require "lib.state"
local text    = require "lib.text"
local written = require "lib.written"

local trust = {}

local FOLDERS_MOST <const> = 1000
local SHOWN_MOST   <const> = 6 -- names in one line
local ASK_MS       <const> = 5 * 60 * 1000

---@class trust.Folder
---@field mode  "folder"|"pin"
---@field files table<string, string> hash of each Lua file when it was last accepted or loaded

---@class trust.Gate
---@field level   "none"|"once"|"folder"|"pin"
---@field loaded  table<string, true> by entry ("lua/policy.lua") or, for hooks, by file
---@field refused table<string, string> by file: why a trusted project's file is not loaded
---@field blocked table<string, string> the same by entry: nothing else takes its place
---@field left    string[] files of a project that is not trusted
---@field lines   string[] what people should know
---@field stop?   Error why nothing may begin: what is not loaded would restrict
---@field stops?  table<string, Error> the same by entry, where it is for what a file says

-- the record --------------------------------------------------------------------------------------

local function check(value)
  if value.version ~= 1 then return "it is of another version" end
  if type(value.folders) ~= "table" then return "folders is no object" end
  for folder, record in pairs(value.folders) do
    if type(folder) ~= "string" or folder:sub(1, 1) ~= "/" or type(record) ~= "table"
      or (record.mode ~= "folder" and record.mode ~= "pin") or type(record.files) ~= "table" then
      return ("its line for %s is wrong"):format(tostring(folder))
    end
    for file, hash in pairs(record.files) do
      if type(file) ~= "string" or type(hash) ~= "string" or not hash:match("^%x+$") then
        return ("its line for %s is wrong"):format(folder)
      end
    end
  end
end

local FILE <const> = {
  name = "trust.json", check = check,
  empty = function() return { version = 1, folders = {} } end,
}

--- All folders that are trusted.
---@param cli table
---@return table<string, trust.Folder>? folders, Error? err
function trust.folders(cli)
  local value, err = state.read(cli, FILE)
  if not value then return nil, err --[[@as Error]] end
  return value.folders
end

---@async
---@param record? trust.Folder nil takes the folder out
---@return boolean? ok, Error? err
local function put(cli, root, record)
  local full = false
  local ok, err = state.update(cli, FILE, function(value)
    local known = #text.sorted_keys(value.folders)
    full = record ~= nil and value.folders[root] == nil and known >= FOLDERS_MOST
    if full then return nil end
    value.folders[root] = record
    return value
  end)
  if full then
    return nil, { code = "limit", message = ("%d folders are trusted already; "
      .. "perigee trust --revoke DIR takes one out"):format(FOLDERS_MOST) }
  end
  return ok, err
end

--- Takes a folder out; false when it was not there.
---@async
---@return boolean? was, Error? err
function trust.revoke(cli, root)
  local folders, err = trust.folders(cli)
  if not folders then return nil, err end
  if not folders[root] then return false end
  local ok
  ok, err = put(cli, root, nil)
  return ok and true or nil, err
end

-- what a project brings ---------------------------------------------------------------------------

local function relative(path, root)
  return path == root and "" or path:sub(#root + 2)
end

--- The folders that a project's Lua is taken from.
local function rooms_of(where)
  local base = relative(where.base, where.root)
  local function room(name) return base == "" and name or base .. "/" .. name end
  return {
    { folder = room("tools"), entry = "tools" },
    { folder = room("lua"), entry = "lua", deep = true },
    { folder = relative(where.agents, where.root), deep = true },
  }
end

--- Why a folder cannot be trusted: whoever else may write there would be trusted too.
local function owner_problem(cli, where)
  for _, folder in ipairs { where.root, where.base, where.agents } do
    local ok, err = cli.guard(folder)
    if not ok and err.code ~= "not_found" then return err.message end
  end
end

--- The Lua of a project, by file. What others may write to is nobody's word. Second: files of which
--- this process holds a version from before, that was judged then.
local function files_of(cli, where)
  local files, previous = cli.read_project(where.root, rooms_of(where))
  if not files then return nil, previous end
  for _, file in ipairs(files) do
    local ok, why = true, nil
    if not file.problem then ok, why = cli.guard(file.real) end
    if not ok then file.problem = why.message end
  end
  table.sort(files, function(a, b) return a.file < b.file end)
  return files, previous
end

local function hashes_of(files)
  local hashes = {}
  for _, file in ipairs(files) do
    if not file.problem then hashes[file.file] = file.hash end
  end
  return hashes
end

--- The user's word for what runs wrote in a folder, and for the definitions there that something
--- else speaks against.
---@async
---@param cli    table
---@param root   string
---@param agents string? its folder of definitions
---@param known  written.Record
---@return string[]? accepted paths, Error? err
function trust.accept(cli, root, agents, known)
  local accepted, err = written.accept(cli, known, root)
  if not accepted then return nil, err end
  local more = {}
  for _, file in ipairs(agents and cli.catalog(agents) or {}) do
    local path = agents .. "/" .. file.path
    if file.hash and written.why(known, path, file.real, file.hash) then
      more[#more + 1] = { path = path, hash = file.hash }
      accepted[#accepted + 1] = path
    end
  end
  local ok
  ok, err = written.take(cli, known, more)
  if not ok then return nil, err end
  return accepted
end

--- The user's word for a project as it is now.
---@async
---@param cli   table
---@param where project.Place
---@param known written.Record
---@param mode  "folder"|"pin"
---@return { files: table[], accepted: string[] }? done, Error? err
function trust.add(cli, where, known, mode)
  local problem = owner_problem(cli, where)
  if problem then
    return nil, { code = "denied", message = ("%s is not trusted: %s"):format(where.root, problem) }
  end
  local files, err = files_of(cli, where)
  if not files then return nil, err end
  local ok
  ok, err = put(cli, where.root, { mode = mode, files = hashes_of(files) })
  if not ok then return nil, err end
  local accepted
  accepted, err = trust.accept(cli, where.root, where.agents, known)
  if not accepted then return nil, err end
  return { files = files, accepted = accepted }
end

-- the gate ----------------------------------------------------------------------------------------

--- Files that say what may happen. Without them more would be allowed than the project wants, so
--- nothing begins; a hook stops its agent; anything else is only not there, and nothing else takes
--- its place.
local RESTRICTS <const> = {
  ["lua/policy.lua"] = true, ["lua/routing.lua"] = true, ["lua/context.lua"] = true,
  ["lua/models.lua"] = true,
}

local function say(gate, ...) gate.lines[#gate.lines + 1] = string.format(...) end

local function names(files, root)
  local list = {}
  for i = 1, math.min(#files, SHOWN_MOST) do list[i] = relative(files[i], root) end
  local more = #files > SHOWN_MOST and (" and %d more"):format(#files - SHOWN_MOST) or ""
  return table.concat(list, ", ") .. more
end

---@class trust.How
---@field ask?      boolean somebody may be asked
---@field answered? table<string, string> what was answered in this process and is kept nowhere
---  else, by the question: a process that stays asks once

--- Who can be asked now, or nil.
---@param cli table
---@param how trust.How?
---@return (fun(question: table): string?)? ask
function trust.asker(cli, how)
  if not (how and how.ask and cli.question and cli.error_terminal) then return nil end
  local answered = how.answered or {}
  return function(question)
    local key = table.concat({ question.title, table.unpack(question.lines) }, "\n")
      .. (question.version or "")
    if answered[key] then return answered[key] end
    local said = require "lib.ask".put(cli, question) or question.default
    if said ~= question.lasting then answered[key] = said end
    return said
  end
end

local function ask_for_folder(ask, where, files)
  local lines, hashes = {}, {}
  for i, file in ipairs(files) do
    lines[i], hashes[i] = relative(file.file, where.root), file.hash or "?"
  end
  lines[#lines + 1] = "perigee trust --revoke takes it back."
  return ask {
    version = table.concat(hashes, " "), lasting = "trust it always",
    title = where.root .. " brings Lua, which is code", lines = lines,
    choices = { { key = "a", word = "trust it always" }, { key = "o", word = "once" },
      { key = "n", word = "no: definitions only" } },
    default = "n", timeout_ms = ASK_MS,
  }
end

--- Asks for one file; true when the user takes it.
---@async
---@param ask  fun(question: table): string?
---@param file string
---@param why  string
---@param hash string? another text is another question
---@return boolean
function trust.ask_for_file(ask, file, why, hash)
  return ask {
    title = file, lines = { why }, version = hash, lasting = "take it",
    choices = { { key = "y", word = "take it" }, { key = "n", word = "leave it out" } },
    default = "n", timeout_ms = ASK_MS,
  } == "take it"
end

--- The record in force for this run, after asking where somebody can be asked.
---@async
local function record_of(cli, where, known, files, gate, ask)
  local folders, err = trust.folders(cli)
  if not folders then
    say(gate, "nothing is trusted: %s", err.message)
    return nil
  end
  local record = folders[where.root]
  if record or #files == 0 then return record, record and record.mode end
  local said = ask and ask_for_folder(ask, where, files)
  if said == "once" then
    return { mode = "folder", files = hashes_of(files), once = true }, "once"
  end
  if said == "trust it always" then
    local done
    done, err = trust.add(cli, where, known, "folder")
    if done then return { mode = "folder", files = hashes_of(done.files) }, "folder" end
    say(gate, "%s", err.message)
  end
end

--- Why a file of a trusted project is not loaded as it is; `asks` when the user may take it.
local function objection(record, known, file)
  if file.problem then return file.problem end
  local accepted = record.files[file.file]
  if accepted == file.hash then return nil end
  if record.once then return "it changed while you were asked" end
  if record.mode == "pin" then
    return accepted and "it changed since it was pinned" or "it is new since the folder was pinned",
      true
  end
  local why = written.why(known, file.file, file.real, file.hash)
  return why, why ~= nil
end

local function refuse(gate, where, entry, file, why)
  gate.refused[file], gate.blocked[entry] = why, why
  say(gate, "not loaded: %s: %s; perigee trust %s%s takes it as it is", file, why, where.root,
    gate.level == "pin" and " --pin" or "")
  if RESTRICTS[entry] then
    gate.stop = { code = "denied", message = ("%s is not loaded (%s), and without it more would be "
      .. "allowed; look at it, then perigee trust %s%s"):format(file, why, where.root,
        gate.level == "pin" and " --pin" or "") }
    gate.stops = gate.stops or {}
    gate.stops[entry] = gate.stop
  end
end

local function entry_of(where, file)
  local base = where.base .. "/"
  return file:sub(1, #base) == base and file:sub(#base + 1) or file
end

--- What this process loaded before stays in force in place of what it must not load: nothing less
--- is forbidden by that, and nothing more allowed.
local function keep(gate, where, entry, file, why)
  gate.loaded[entry] = true
  say(gate, "not loaded: %s: %s; the version from before stays in force; perigee trust %s%s takes "
    .. "it as it is", file, why, where.root, gate.level == "pin" and " --pin" or "")
  return false
end

--- What a file is loaded by: tools and lua by their entry, hooks by their path.
local function loaded_by(where, file)
  local entry = entry_of(where, file)
  return (entry:match("^tools/") or entry:match("^lua/")) and entry or file
end

--- Files that were accepted and are not there any more.
local function judge_missing(where, record, known, files, gate, found)
  local there = {}
  for _, file in ipairs(files) do there[file.file] = true end
  for _, file in ipairs(text.sorted_keys(record.files)) do
    local why = not there[file] and (record.mode == "pin" and "it was pinned, and is gone"
      or written.gone(known, file) and "a run removed it")
    if why and found.previous[file] then
      found.verdicts[file] = keep(gate, where, loaded_by(where, file), file, why)
    elseif why then
      refuse(gate, where, entry_of(where, file), file, why)
    elseif not there[file] then
      record.files[file] = nil
      found.changed = true
    end
  end
end

--- Judges each file of a trusted project. Answers verdicts for the host, and whether the record
--- changed.
---@async
local function judge(where, record, known, files, previous, gate, ask)
  local verdicts = {}
  local found = { verdicts = verdicts, changed = false, previous = previous }
  for _, file in ipairs(files) do
    local why, asks = objection(record, known, file)
    if asks and ask and trust.ask_for_file(ask, file.file, why, file.hash) then
      why = nil -- and the record has its hash from now on
    end
    if why and previous[file.file] then
      verdicts[file.file] = keep(gate, where, file.entry, file.file, why)
    elseif why then
      refuse(gate, where, file.entry, file.file, why)
      verdicts[file.file] = why
    else
      verdicts[file.file] = true
      gate.loaded[file.entry] = true
      local before = record.files[file.file]
      if before ~= file.hash then
        say(gate, "%s %s; it is loaded, since %s is trusted", file.file,
          before and "changed" or "is new", where.root)
        record.files[file.file] = file.hash
        found.changed = true
      end
    end
  end
  judge_missing(where, record, known, files, gate, found)
  return verdicts, found.changed
end

local function leave_out(gate, files)
  for _, file in ipairs(files) do gate.left[#gate.left + 1] = file.file end
  table.sort(gate.left)
end

--- What of a project's Lua is loaded in this process, and what is said about the rest.
---@async
---@param cli   table
---@param where project.Place
---@param known written.Record
---@param how   trust.How?
---@return trust.Gate
function trust.gate(cli, where, known, how)
  local gate = { level = "none", loaded = {}, refused = {}, blocked = {}, left = {}, lines = {} }
  local ask = trust.asker(cli, how)
  local files, previous = files_of(cli, where)
  if not files then
    local folders, err = trust.folders(cli), previous
    if folders and folders[where.root] then gate.stop = err end
    say(gate, "no Lua of %s is loaded: %s", where.root, err.message)
    return gate
  end
  leave_out(gate, files)
  local record, level = record_of(cli, where, known, files, gate, ask)
  if not record then
    cli.admit_project {}
    if #files > 0 then
      say(gate, "not loaded: %s of %s: Lua of a project that is not trusted; perigee trust %s",
        names(gate.left, where.root), where.root, where.root)
    end
    return gate
  end
  gate.level, gate.left = level, {}
  local problem = owner_problem(cli, where)
  if problem then
    cli.admit_project {}
    gate.stop = { code = "denied", message = ("%s is trusted, but %s; nothing begins before that "
      .. "is mended, or perigee trust --revoke %s"):format(where.root, problem, where.root) }
    return gate
  end
  local verdicts, changed = judge(where, record, known, files, previous, gate, ask)
  cli.admit_project(verdicts)
  if changed and not record.once then
    local ok, why = put(cli, where.root, record)
    if not ok then say(gate, "not remembered: %s", why.message) end
  end
  return gate
end

return trust
