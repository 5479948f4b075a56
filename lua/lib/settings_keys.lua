--- Every key of config.yaml: where its value stands in Settings, how it is read, what it is by
--- default, and what a project may do with it. Pure.
local allowance = require "lib.allowance"
local duration = require "lib.duration"
local json     = require "lib.json"
local size     = require "lib.size"
local text     = require "lib.text"
local values   = require "lib.settings_values"

local keys = {}

local SECOND    <const>, MINUTE <const>, DAY <const> = 1000, 60000, 86400000
local MB        <const>, TB <const> = 1 << 20, 1 << 40

--- `narrower(theirs, ours)` answers what holds when a project says `theirs`, and why not all of it
--- was followed; false: a project has no say.
---@class settings.Key
---@field [1]      string "section.key" as in the file
---@field [2]      string the field of its section in Settings
---@field read     fun(read: settings.Read, node: settings.Node): any
---@field default  any
---@field narrower false|fun(theirs: any, ours: any): any, string?
---@field words?   fun(value: any): string for people

local function smaller(words)
  return function(theirs, ours)
    if theirs <= ours then return theirs end
    return ours, ("%s is more than the %s in force"):format(words(theirs), words(ours))
  end
end

local function narrower_mode(theirs, ours)
  for _, mode in ipairs(values.MODES) do
    if mode == theirs then return theirs end
    if mode == ours then break end
  end
  return ours, ("%s is wider than the %s in force"):format(theirs, ours)
end

local function fewer_hosts(theirs, ours)
  local kept, dropped = json.array {}, {}
  for _, host in ipairs(theirs) do
    local within = false
    for _, known in ipairs(ours) do within = within or values.host_within(known, host) end
    local list = within and kept or dropped
    list[#list + 1] = host
  end
  return kept, dropped[1] and table.concat(dropped, ", ") .. " is not among the user's hosts"
end

---@param first  any[]
---@param second any[]
---@return any[] all what the first has comes first; each value once
function keys.joined(first, second)
  local all = json.array {}
  for _, list in ipairs { first, second } do
    for _, value in ipairs(list) do
      if not text.one_of(all, value) then all[#all + 1] = value end
    end
  end
  return all
end

--- A project's rules stand beside ours: denials and questions only narrow.
local function stricter_rules(theirs, ours)
  local kept, allowed = keys.joined(ours, {}), {}
  for _, rule in ipairs(theirs) do
    if rule.verdict ~= "allow" then
      kept[#kept + 1] = rule
    else
      allowed[#allowed + 1] = "line " .. rule.line
    end
  end
  return kept, allowed[1] and ("an allow rule is the user's to write (%s)")
    :format(table.concat(allowed, ", "))
end

local function duration_key(name, field, default, least, most)
  return { name, field, read = values.duration(least, most), default = default,
    narrower = smaller(duration.words), words = duration.words }
end

local function size_key(name, default, least, most)
  return { name, name:match("%.(.*)"), read = values.size(least, most), default = default,
    narrower = smaller(size.words), words = size.words }
end

--- A share of a model's window.
local function share_key(name, default, least, most)
  return { name, name:match("%.(.*)"), read = values.share(least, most), default = default,
    narrower = false, words = values.share_words }
end

local function list_key(name, reader, example, narrower)
  return { name, name:match("%.(.*)"), read = values.list(reader, example), default = {},
    narrower = narrower }
end

local function limit_words(key)
  return function(value) return value and allowance.amount(key, value) or "none" end
end

--- A project's list of words: those of ours that it keeps.
local function fewer(theirs, ours)
  local kept, dropped = json.array {}, {}
  for _, word in ipairs(theirs) do
    local list = text.one_of(ours, word) and kept or dropped
    list[#list + 1] = word
  end
  return kept, dropped[1] and table.concat(dropped, ", ") .. " is the user's to allow"
end

--- `budget.KEY`: what a run may use. A project's is the smaller one, or the only one.
local function budget_key(key)
  local words = limit_words(key)
  return { "budget." .. key, key, read = values.limit(key), default = allowance.DEFAULTS[key],
    words = words, narrower = function(theirs, ours)
      if theirs and (not ours or theirs <= ours) then return theirs end
      if theirs == ours then return ours end
      return ours, ("%s is more than the %s in force"):format(words(theirs), words(ours))
    end }
end

--- `stalls.NAME`: what is done when nothing happens for too long.
local function stall_key(name, default, words)
  return { "stalls." .. name, name, read = values.word(words or { "retry", "fail", "ask" }),
    default = default, narrower = false }
end

local function wait_words(ms) return ms and duration.words(ms) or "none" end

--- How long what is asked may wait for a person who is not here. A project's is the shorter one, or
--- the only one.
local function shorter_wait(theirs, ours)
  if theirs and (not ours or theirs <= ours) then return theirs end
  if theirs == ours then return ours end
  return ours, ("%s is more than the %s in force"):format(wait_words(theirs), wait_words(ours))
end

--- The first word of each key but `grants`.
keys.SECTIONS = { "sandbox", "limits", "budget", "stalls", "context", "policy",
  "search", "provider" }

--- In the order of the file.
---@type settings.Key[]
keys.ALL = {
  { "sandbox.network", "network", read = values.mode, default = "none", narrower = narrower_mode },
  list_key("sandbox.hosts", values.host, "[pypi.org]", fewer_hosts),
  list_key("sandbox.show", values.path, "[/opt/toolchain]", false),
  list_key("sandbox.pass", values.name, "[LANG]", false),
  duration_key("limits.time", "time_ms", 120 * SECOND, 1, 7 * DAY),
  duration_key("limits.time_most", "time_most_ms", 10 * MINUTE, 1, 7 * DAY),
  duration_key("limits.cpu", "cpu_ms", 120 * SECOND, SECOND, 7 * DAY),
  size_key("limits.memory", 4096 * MB, MB, 64 * TB),
  { "limits.processes", "processes", read = values.count(1, 100000), default = 512,
    narrower = smaller(tostring) },
  size_key("limits.file_size", 1024 * MB, 1024, 64 * TB),
  size_key("limits.output", MB, 1, 4 * MB),
  budget_key "turns", budget_key "calls", budget_key "hops", budget_key "children",
  budget_key "tokens", budget_key "usd", budget_key "written", budget_key "time",
  { "budget.on_reached", "on_reached", read = values.word { "ask", "park", "end" },
    default = "ask", narrower = false },
  stall_key("connect", "retry"), stall_key("first_byte", "retry"),
  stall_key("idle_stream", "retry"), stall_key("tool", "fail"), stall_key("child", "fail"),
  stall_key("ask", "default", { "default", "fail", "wait" }),
  stall_key("run", "fail", { "fail", "ask" }),
  share_key("context.full", 80, 20, 95), share_key("context.left", 50, 5, 90),
  duration_key("policy.ask_deadline", "ask_ms", 5 * MINUTE, SECOND, 7 * DAY),
  { "policy.wait_deadline", "wait_ms", read = values.duration_or_none(1, 366 * DAY),
    default = false, narrower = shorter_wait, words = wait_words },
  { "policy.unanswered", "unanswered", read = values.word { "wait", "refuse" }, default = "wait",
    narrower = function(theirs, ours)
      if theirs == "refuse" or theirs == ours then return theirs end
      return ours, "wait is wider than the refuse in force"
    end },
  list_key("policy.rules", values.rule, '[{ deny: bash, command: "git push*" }]', stricter_rules),
  { "search.engine", "engine", read = values.engine, default = "auto", narrower = false },
  list_key("provider.tools", values.word { "web_fetch", "code_execution" }, "[web_fetch]", fewer),
  { "grants", "grants", read = values.grants, default = {}, narrower = false },
}

---@param name string "limits.time"
---@return settings.Key? key
function keys.find(name)
  for _, key in ipairs(keys.ALL) do
    if key[1] == name then return key end
  end
end

---@return string[] names of all keys
function keys.names()
  local names = {}
  for i, key in ipairs(keys.ALL) do names[i] = key[1] end
  return names
end

return keys
