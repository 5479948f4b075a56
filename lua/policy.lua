--- Decides for each call whether it may be made: allow, ask a person, or deny. Pure: reads the call
--- and the facts, waits for nothing, remembers nothing. Denials are looked at first, then
--- questions, then permissions; within each the first rule that holds wins, and its `why` is
--- journaled and told.
---
--- What the sandbox and the grant forbid stays forbidden whatever stands here: this file says what
--- of the possible is wanted.
local command = require "lib.command"
local tool    = require "lib.tool"

---@class policy.Call
---@field tool   string
---@field input  table    already checked against the tool's schema
---@field effect "read"|"write"|"outside"
---@field needs  Needs
---@field reach  string   in words
---@field agent  string
---@field scopes? string[] what the agent's `tools` field said in brackets for this tool: "git:*"

---@class policy.Facts
---@field sandbox "full"|"none"|"unconfined"

---@class policy.Verdict
---@field verdict "allow"|"ask"|"deny"
---@field why     string

---@class policy.Rule
---@field when    fun(call: policy.Call, facts: policy.Facts): any
---@field verdict "allow"|"ask"|"deny"
---@field why     string|fun(call: policy.Call, facts: policy.Facts): string

--- Why a call leaves the sandbox or the workspace, or nil when it stays.
local function leaves(call)
  local inside, why = tool.stays_inside(call.effect, call.needs)
  return not inside and why or nil
end

local function starts_commands(call) return call.needs and call.needs.exec ~= nil end

---@type policy.Rule[]
local RULES <const> = {
  {
    verdict = "deny",
    when = leaves,
    why  = function(call)
      return leaves(call) .. "; so far only what stays in the sandbox and the workspace is allowed"
    end,
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
      return call.scopes and not command.fits(call.input.command, call.scopes)
    end,
    why  = function(call)
      return ("the agent's definition gives it %s only for single commands that fit: %s")
        :format(call.tool, table.concat(call.scopes, ", "))
    end,
  },
  {
    verdict = "allow",
    when = function(call, facts) return starts_commands(call) and facts.sandbox == "unconfined" end,
    why  = "the user switched the sandbox off for this run by name",
  },
  {
    verdict = "allow",
    when = function(call) return not leaves(call) end,
    why  = "it stays in the sandbox and the workspace",
  },
}

---@param call  policy.Call
---@param facts policy.Facts
---@return policy.Verdict
local function decide(call, facts)
  for _, verdict in ipairs { "deny", "ask", "allow" } do
    for _, rule in ipairs(RULES) do
      if rule.verdict == verdict and rule.when(call, facts) then
        local why = type(rule.why) == "function" and rule.why(call, facts) or rule.why
        return { verdict = verdict, why = why }
      end
    end
  end
  return { verdict = "deny", why = "no rule allows it" }
end

return { decide = decide }
