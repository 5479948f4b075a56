local policy_rules = require "lib.policy_rules"

return policy_rules.policy { rules = {}, defaults = {}, limits = function()
  return { turns = "many" }
end }
