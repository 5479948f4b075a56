local policy_rules = require "lib.policy_rules"

return policy_rules.policy { rules = {}, defaults = { {
  verdict = "allow", when = function() return true end, why = "a test",
} }, limits = function(agent, facts)
  if agent.name ~= "lone-agent" then return nil end
  return { calls = 1, usd = "0.20", why = ("visit %d is short"):format(facts.visit) }
end }
