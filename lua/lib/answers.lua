--- What a person answered with "always" or "never", kept in the user's own folder as answers.json.
--- An answer is for one project and for exactly what was asked about. Host VM only.
---
---   { "format": 1, "answers": [ { "project": "/home/me/p", "tool": "bash", "effect": "write",
---     "command": "git push", "paths": [], "hosts": [], "verdict": "allow",
---     "time": 1700000000000 } ] }
local json   = require "lib.json"
local schema = require "lib.schema"
local show   = require "lib.show"
local text   = require "lib.text"

local answers = {}

local FILE_MOST <const> = 4 * 1024 * 1024
local TRIES     <const> = 20 -- when other processes change the file at the same time

---@class answers.Key what an answer is about; all of it must be the same
---@field project  string
---@field tool     string
---@field effect   "read"|"write"|"outside"
---@field command? string
---@field paths    string[] sorted
---@field hosts    string[] sorted
---@field unconfined? boolean a command that runs without the sandbox

local LIST <const> = schema.list { of = schema.text {} }
local FORM <const> = schema.object {
  { "format", schema.enum { 1 }, "Of this file." },
  { "answers", schema.list { of = schema.object {
    { "project", schema.text { min = 1 }, "Its folder." },
    { "tool", schema.text { min = 1 }, "Its name." },
    { "effect", schema.enum { "read", "write", "outside" }, "Of the tool." },
    { "command", schema.text {}, "The command line.", optional = true },
    { "paths", LIST, "In its arguments." },
    { "hosts", LIST, "That it talks to." },
    { "unconfined", schema.boolean {}, "Without the sandbox.", optional = true },
    { "verdict", schema.enum { "allow", "deny" }, "What was answered." },
    { "time", schema.integer {}, "Unix milliseconds." },
  } }, "The oldest first." },
}

local function file_of(cli)
  local folder = cli.folders().user
  if folder then return folder .. "/answers.json" end
  return nil, { code = "not_found", message = "neither HOME nor XDG_CONFIG_HOME is set" }
end

--- The list of answers and the text that it was read from (nil: there is no file).
local function read(cli)
  local file, err = file_of(cli)
  if not file then return nil, err end
  local source
  source, err = cli.read_file(file, FILE_MOST)
  if not source and err.code == "not_found" then return {}, nil, file end
  local value, problems
  if source then
    value, err = json.decode(source)
    if value ~= nil then value, problems = schema.check(FORM, value, "it") end
    if value then return value.answers, source, file end
  end
  return nil, { code = "invalid", message = ("%s cannot be used: %s; mend it or remove it")
    :format(file, problems and problems[1].message or err.message) }
end

local function same_list(a, b)
  for i = 1, math.max(#a, #b) do
    if a[i] ~= b[i] then return false end
  end
  return true
end

local function same(a, b)
  return a.project == b.project and a.tool == b.tool and a.effect == b.effect
    and a.command == b.command and a.unconfined == b.unconfined
    and same_list(a.paths, b.paths) and same_list(a.hosts, b.hosts)
end

--- Changes the list under what other processes do to it: `change(list)` answers the new list.
---@async
local function update(cli, change)
  for _ = 1, TRIES do
    local list, was, file = read(cli)
    if not list then return nil, was end
    local rows = json.array {}
    for i, one in ipairs(change(list)) do
      rows[i] = json.object { { "project", one.project }, { "tool", one.tool },
        { "effect", one.effect }, { "command", one.command }, { "paths", json.array(one.paths) },
        { "hosts", json.array(one.hosts) }, { "unconfined", one.unconfined },
        { "verdict", one.verdict }, { "time", one.time } }
    end
    local now = json.encode(json.object { { "format", 1 }, { "answers", rows } }, { indent = 2 })
    local done, err = cli.keep(file, was, now .. "\n")
    if done then return true end
    if err.code ~= "invalid" then return nil, err end
  end
  return nil, { code = "timeout", message = "answers.json is changed by others all the time" }
end

--- What was answered before; nil without an error: nothing.
---@param cli table
---@param key answers.Key
---@return "allow"|"deny"|nil verdict, Error? err
function answers.find(cli, key)
  local list, err = read(cli)
  if not list then return nil, err end
  for _, one in ipairs(list) do
    if same(one, key) then return one.verdict end
  end
end

--- Keeps an answer, in the place of an older one to the same.
---@async
---@param cli     table
---@param key     answers.Key
---@param verdict "allow"|"deny"
---@return boolean? ok, Error? err
function answers.keep(cli, key, verdict)
  return update(cli, function(list)
    local kept = {}
    for _, one in ipairs(list) do
      if not same(one, key) then kept[#kept + 1] = one end
    end
    kept[#kept + 1] = { project = key.project, tool = key.tool, effect = key.effect,
      command = key.command, paths = key.paths, hosts = key.hosts,
      unconfined = key.unconfined, verdict = verdict, time = cli.now() }
    return kept
  end)
end

--- All answers, in the order of the file.
---@param cli table
---@return table[]? list, Error? err
function answers.list(cli)
  local list, err = read(cli)
  if list then return list end
  return nil, err
end

--- Takes an answer back.
---@async
---@param cli table
---@param one table of `answers.list`
---@return boolean? ok, Error? err
function answers.revoke(cli, one)
  return update(cli, function(list)
    local kept = {}
    for _, other in ipairs(list) do
      if not same(one, other) then kept[#kept + 1] = other end
    end
    return kept
  end)
end

--- What an answer covers, in words: "bash with exactly this command".
---@param key answers.Key
---@return string words
function answers.scope(key)
  local said = {}
  if key.command then said[#said + 1] = "with exactly this command" end
  if #key.paths > 0 then said[#said + 1] = "on exactly " .. table.concat(key.paths, ", ") end
  if #key.hosts > 0 then said[#said + 1] = "to exactly " .. table.concat(key.hosts, ", ") end
  local rest = not key.command and "whatever its other arguments are"
    or key.unconfined and "without a sandbox"
  if #said == 0 then return ("any call of %s in %s"):format(key.tool, key.project) end
  return ("%s %s%s, in %s"):format(key.tool, table.concat(said, ", "),
    rest and " (" .. rest .. ")" or "", key.project)
end

--- One answer in a line, for `tools answers`.
---@param one table of `answers.list`
---@return string line
function answers.line(one)
  local about = one.command and ("%q"):format(text.first_line(one.command)) or ""
  for _, list in ipairs { one.paths, one.hosts } do
    if #list > 0 then about = about .. " " .. table.concat(list, ", ") end
  end
  return show.clean(("%-6s %-10s %s  in %s"):format(one.verdict, one.tool,
    about ~= "" and text.trim(about) or "any call", one.project))
end

return answers
