--- The rules of config.yaml as a policy of their own. Asked besides a policy.lua that the user
--- wrote or changed: whatever that file looks at, no rule of config.yaml is passed over. Pure.
local policy_rules = require "lib.policy_rules"

return policy_rules.policy { rules = {}, defaults = {
  { verdict = "allow", when = function() return true end,
    why = "no rule of config.yaml is against it" },
} }
