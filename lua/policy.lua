--- Decides for each call whether it may be made: allow, ask a person, or deny. Pure: reads the call
--- and the facts, waits for nothing, remembers nothing. `RULES` stand beside those of config.yaml:
--- denials are looked at first, then questions, then permissions; within each the first rule that
--- holds wins, and its `why` is journaled and told. `DEFAULTS` decide where no rule holds.
---
--- What the sandbox and the grant forbid stays forbidden whatever stands here: this file says what
--- of the possible is wanted.
local command      = require "lib.command"
local policy_rules = require "lib.policy_rules"
local tool         = require "lib.tool"
local values       = require "lib.settings_values"

---@class policy.Call
---@field tool     string
---@field input    table    already checked against the tool's schema
---@field effect   "read"|"write"|"outside"
---@field needs    Needs
---@field lacks?   Needs    what of that the user has not granted; none known: all of it
---@field reach    string   in words
---@field agent    string
---@field scopes?  string[] what the agent's `tools` field said in brackets for this tool: "git:*"
---@field command? string   the command line in its arguments
---@field paths    string[] that its arguments name: below the workspace relative, else absolute
---@field hosts    string[] that its arguments name, else those that the tool needs
---@field served?  boolean  not one call: whether the model's provider may do what the tool does, as
---  often as it likes, where nobody here sees it before

---@class policy.Facts
---@field sandbox    "full"|"none"|"unconfined"
---@field workspace? string
---@field rules?     settings.Rule[] of config.yaml: the user's, then the project's

---@class policy.Verdict
---@field verdict "allow"|"ask"|"deny"
---@field why     string
---@field from?   string where the rule stands

--- Why a call leaves the sandbox or the workspace beyond what was granted, or nil when it stays.
local function leaves(call)
  if call.served then return nil end -- nobody could be asked about a use; the settings were
  local inside, why = tool.stays_inside(call.effect, call.lacks or call.needs)
  return not inside and why or nil
end

local function domains_in(scopes)
  local domains = {}
  for _, scope in ipairs(scopes) do domains[#domains + 1] = scope:match("^domain:%s*(%S+)$") end
  return domains
end

--- Whether a call keeps to what the definition says in brackets: "git:*" is about a command line,
--- "domain:example.org" or "domain:*.example.org" about each of its hosts.
local function keeps_to(call, scopes)
  local domains, hosts = domains_in(scopes), call.hosts or {}
  if #domains == 0 or #hosts == 0 then return command.fits(call.input.command, scopes) end
  for _, host in ipairs(hosts) do
    local fits = false
    for _, domain in ipairs(domains) do
      fits = fits or values.host_within(domain:lower(), host)
    end
    if not fits then return false end
  end
  return true
end

local function starts_commands(call) return type(call.needs) == "table" and call.needs.exec end

---@type policy.Rule[]
local RULES <const> = {
  {
    verdict = "deny",
    when = function(call)
      local known = call.effect == "read" or call.effect == "write" or call.effect == "outside"
      return not known or type(call.needs) ~= "table"
    end,
    why  = "what it needs and changes is not known",
  },
  {
    verdict = "deny",
    when = function(call, facts)
      return starts_commands(call) and facts.sandbox ~= "full" and facts.sandbox ~= "unconfined"
    end,
    why  = "it starts a command, and there is no sandbox on this machine; "
      .. "`perigee doctor` says what is missing",
  },
  {
    verdict = "deny",
    when = function(call)
      return call.scopes and not keeps_to(call, call.scopes)
    end,
    about = "the agent's definition gives it the tool for certain commands or hosts only",
    why  = function(call)
      return ("the agent's definition gives it %s only for %s that fit: %s"):format(call.tool,
        #domains_in(call.scopes) > 0 and "hosts" or "single commands",
        table.concat(call.scopes, ", "))
    end,
  },
}

---@type policy.Rule[]
local DEFAULTS <const> = {
  {
    verdict = "allow", when = function(call) return call.served end,
    why  = "provider.tools or search.engine lets the model's provider do it",
  },
  {
    verdict = "ask", when = leaves, why = leaves,
    about = "it leaves the sandbox or the workspace beyond what was granted",
  },
  {
    verdict = "allow",
    when = function(call, facts) return starts_commands(call) and facts.sandbox == "unconfined" end,
    why  = "the user switched the sandbox off for this run by name",
  },
  {
    verdict = "allow",
    when = function(call) return tool.stays_inside(call.effect, call.needs) end,
    why  = "it stays in the sandbox and the workspace",
  },
  {
    verdict = "allow",
    when = function(call) return not leaves(call) end,
    why  = "what it reaches was granted in config.yaml",
  },
}

return policy_rules.policy { rules = RULES, defaults = DEFAULTS }
