---@meta
--- `policy.lua` returns one of these; lib.policy_rules makes it of rules. The classes of a call and
--- of the facts stand in policy.lua itself.

---@class policy.File
---@field decide   fun(call: policy.Call, facts: policy.Facts): policy.Verdict
---@field limits?  fun(agent: agent.Facts, facts: routing.Facts): policy.Limits? what the agent's
---  part may use; narrows what its definition says
---@field explain? fun(call: policy.Call, facts: policy.Facts): policy.Look[] for `tools explain`

--- Amounts as people write them: 12, "0.50" (usd), "4m" (time), "200M" (written).
---@class policy.Limits
---@field turns?    integer|string
---@field calls?    integer|string
---@field children? integer|string
---@field tokens?   integer|string
---@field usd?      number|string
---@field written?  string
---@field time?     string
---@field why?      string the reason, for the journal
