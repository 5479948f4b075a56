--- Why a call would be allowed, asked or denied: everything that the door looks at, without making
--- the call. Host VM only.
local door    = require "lib.door"
local grants  = require "lib.grants"
local json    = require "lib.json"
local network = require "lib.network"
local ruling  = require "lib.ruling"
local schema  = require "lib.schema"
local session = require "lib.session"
local show    = require "lib.show"
local text    = require "lib.text"

local explain = {}

---@class explain.Answer
---@field tool      string
---@field agent     string
---@field file      string where the tool stands, and `origin`, its layer
---@field origin    string
---@field effect    string
---@field reach     string
---@field names     { command: string?, paths: string[], hosts: string[] } what the arguments name
---@field rules?    policy.Look[] in the order in which they are looked at; nil: no policy tells
---@field policy    policy.Verdict
---@field answer?   "allow"|"deny" what the person answered before
---@field hook?     { verdict: string, why: string? } the agent's allow_tool
---@field grant     { net: string[], secrets: string[], roots: grants.Root[] }
---@field lacks?    Needs
---@field inside? string why an address that it names is closed
---@field lines?    string what would have to stand in config.yaml
---@field served?  { verdict: string, why: string? } whether the model's provider may do it
---@field sandbox   string in words
---@field verdict   "allow"|"ask"|"deny" of all together
---@field why       string

--- Asks the decision VM as a run does.
local function decider(cli) return { decide = function(_, ...) return cli.decide(...) end } end

--- "policy.lua" by the real path of `file`, since it may be the user's own or the project's.
local function place(from, file)
  return from and (from:gsub("^policy%.lua", (session.where(file):gsub("%%", "%%%%")))) or from
end

--- What all policies in force say: the strictest verdict, and every rule that they name.
local function look(cli, asked, facts)
  local held, rules
  for _, file in ipairs(session.get().policies) do
    local verdict = door.verdict(decider(cli), file, asked, facts)
    verdict.from = place(verdict.from or "policy.lua", file)
    held = door.stricter(held, verdict)
    local seen, err = cli.decide("lua/lib/decisions.lua", "explain", file, asked, facts)
    if err then return nil, err end
    for _, rule in ipairs(seen or {}) do
      rules = rules or json.array {}
      rule.from = place(rule.from, file)
      rules[#rules + 1] = rule
    end
  end
  return held, rules
end

local function sandbox_words(declaration, s)
  if not declaration.needs.exec then return "starts no commands" end
  if s.sandbox == "none" then return "there is none on this machine" end
  if s.sandbox == "unconfined" then return "switched off by --unconfined" end
  local own = network.of_tool(declaration.needs, declaration.granted.net)
  local sandbox = network.of_run(s)
  local hosts = own or sandbox.hosts
  local reach = sandbox.network == "host" and "of the host"
    or sandbox.network == "proxy" and #hosts > 0 and "to " .. table.concat(hosts, ", ") or "none"
  local limits = s.settings.limits
  return ("full; network %s; %s, %d MB of memory, %d processes"):format(reach,
    show.time(limits.time_ms), limits.memory >> 20, limits.processes)
end

--- The verdict of all together: the first refusal counts.
local function sum_up(found)
  local policy = found.policy
  if policy.verdict == "deny" then return "deny", policy.why end
  if found.inside then return "deny", found.inside end
  if grants.must_be_written(found.lacks) then
    return "deny", "it was not granted " .. grants.words(found.lacks)
  end
  local verdict, why = policy.verdict, policy.why
  if verdict == "ask" and found.answer then
    verdict, why = found.answer, "the person answered before"
  end
  if verdict ~= "deny" and found.hook and found.hook.verdict == "deny" then
    return "deny", found.hook.why or "the agent's allow_tool hook refuses it"
  end
  return verdict, why
end

--- Whether the model's provider may do it, where the settings let it and whatever the model.
local function look_served(cli, who, declaration, workspace)
  if not declaration.server then return nil end
  local asked, facts = door.asked_served(who, declaration, workspace)
  local said, err = look(cli, asked, facts)
  if not said then return nil, err end
  if said.verdict == "allow" and who.hooks and who.hooks.allow_tool then
    local allowed, why = ruling.consents(decider(cli), who.hooks_file, "allow_tool", asked)
    if not allowed then said = { verdict = "deny", why = why } end
  end
  return { verdict = said.verdict == "allow" and "allow" or "deny", why = said.why }
end

--- Looks at a call as the door would.
---@async
---@param cli         table
---@param who         agent.Agent
---@param declaration tool.Declaration
---@param input       table
---@param workspace   string
---@return explain.Answer? answer, Error? err
function explain.call(cli, who, declaration, input, workspace)
  local s = session.get()
  local checked, problems = schema.check(declaration.input, input)
  if not checked then return nil, { code = "invalid", message = schema.report(problems) } end
  local asked, facts = door.asked(who, declaration, checked, workspace)
  local policy, rules = look(cli, asked, facts)
  if not policy then return nil, rules end
  local answer
  local err
  if s.answers then answer, err = s.answers.find(door.key(asked, workspace)) end
  if err then return nil, err end
  local hook
  if who.hooks and who.hooks.allow_tool then
    local allowed, why = ruling.consents(decider(cli), who.hooks_file, "allow_tool", asked)
    hook = { verdict = allowed and "allow" or "deny", why = why }
  end
  local served
  served, err = look_served(cli, who, declaration, workspace)
  if err then return nil, err end
  local found = { tool = declaration.name, agent = who.name, file = declaration.file,
    origin = declaration.origin, effect = declaration.effect, reach = declaration.reach,
    names = { command = asked.command, paths = json.array(asked.paths),
      hosts = json.array(asked.hosts) },
    rules = rules, policy = policy, answer = answer, hook = hook,
    grant = declaration.granted, lacks = declaration.lacks,
    inside = grants.inside(declaration, asked.hosts),
    lines = declaration.lacks and grants.lines(declaration, s.home),
    served = served, sandbox = sandbox_words(declaration, s) }
  if not text.one_of(who.tools, declaration.name) then
    found.verdict, found.why = "deny", ("%s has no tool called %s"):format(who.name, found.tool)
  else
    found.verdict, found.why = sum_up(found)
  end
  return found
end

local function rule_line(rule, decides)
  local mark = decides and "->" or rule.held and " +" or " -"
  return ("  %s %-5s %s  (%s)"):format(mark, rule.verdict, rule.why, rule.from)
end

local function grant_words(found)
  local said = {}
  if #found.grant.net > 0 then said[1] = "hosts " .. table.concat(found.grant.net, ", ") end
  if #found.grant.secrets > 0 then
    said[#said + 1] = "secrets " .. table.concat(found.grant.secrets, ", ")
  end
  for _, root in ipairs(found.grant.roots) do
    said[#said + 1] = (root.write and "writing " or "reading ") .. root.path
  end
  return #said > 0 and table.concat(said, "; ") or "nothing beyond the sandbox and the workspace"
end

--- The answer for people.
---@param found explain.Answer
---@return string said
function explain.words(found)
  local lines = { ("%s: %s"):format(found.verdict, found.why), "",
    ("tool     %s, %s (%s, %s)"):format(found.tool, found.reach, found.origin, found.file) }
  local function add(...) lines[#lines + 1] = string.format(...) end
  add("agent    %s", found.agent)
  for _, path in ipairs(found.names.paths) do add("path     %s", path) end
  for _, host in ipairs(found.names.hosts) do add("host     %s", host) end
  add("granted  %s", grant_words(found))
  if found.lacks then add("lacks    %s", grants.words(found.lacks)) end
  add("sandbox  %s", found.sandbox)
  if found.served then
    add("provider %s: %s", found.served.verdict == "allow" and "may do it itself, where it can"
      or "is not asked to do it", found.served.why or "")
  end
  if found.answer then add("answer   %s, given before", found.answer) end
  if found.hook then add("hook     %s %s", found.hook.verdict, found.hook.why or "") end
  add("")
  if found.rules then
    add("rules, as they are looked at (+ holds, -> decides):")
    local decided = false
    for _, rule in ipairs(found.rules) do
      local decides = not decided and rule.held and rule.verdict == found.policy.verdict
        and rule.from == found.policy.from
      lines[#lines + 1] = rule_line(rule, decides)
      decided = decided or decides
    end
  else
    add("policy.lua does not say which of its rules held")
  end
  if found.lines then add("\nto grant what it lacks, in config.yaml:\n%s", found.lines) end
  return show.clean(table.concat(lines, "\n")) .. "\n"
end

return explain
