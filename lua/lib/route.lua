--- Building blocks for routing.lua. Pure.
local text = require "lib.text"

local route = {}

local KEYS <const> = { "why", "when", "models", "to", "ends", "evidence" }

---@class route.Rule
---@field why   string
---@field when? fun(...): boolean? without it the rule always holds
---@field models? string|string[]  what a rule of `model` answers
---@field to?     string           what a rule of `next` answers
---@field ends?   boolean

--- The first rule whose `when` holds is the answer.
---@param rules route.Rule[]
---@return fun(...): table?
function route.first(rules)
  for i, rule in ipairs(rules) do
    if type(rule.why) ~= "string" then error(("rule %d has no why"):format(i), 2) end
    for _, key in ipairs(text.sorted_keys(rule)) do
      if not text.one_of(KEYS, key) then
        error(("rule %d: unknown key %q%s"):format(i, key, text.suggest(key, KEYS)), 2)
      end
    end
  end
  return function(...)
    for _, rule in ipairs(rules) do
      if not rule.when or rule.when(...) then
        local answer = {}
        for key, value in pairs(rule) do
          if key ~= "when" then answer[key] = value end
        end
        return answer
      end
    end
    return nil
  end
end

--- What the relations of a definition say when a part ends: a handoff, else the last trigger phrase
--- of the final reply that names an agent, else the end.
---@param _agent table
---@param ending { reply: string, handoff: table?, triggers: table[], hops: integer }
---@return { to: string?, ends: boolean?, why: string, evidence: table? }
function route.by_relations(_agent, ending)
  if ending.handoff then
    return { to = ending.handoff.to, why = ending.handoff.reason, evidence = { kind = "handoff" } }
  end
  local last
  for _, trigger in ipairs(ending.triggers) do
    if trigger.to then last = trigger end
  end
  if last then
    return { to = last.to, why = ("trigger phrase: %s"):format(last.phrase),
      evidence = { kind = "trigger", phrase = last.phrase, line = last.line } }
  end
  return { ends = true, why = "no handoff, and no trigger phrase that names an agent" }
end

return route
