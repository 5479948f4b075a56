---@meta
--- `policy.lua` returns one of these; lib.policy_rules makes it of rules. The classes of a call and
--- of the facts stand in policy.lua itself.

---@class policy.File
---@field decide   fun(call: policy.Call, facts: policy.Facts): policy.Verdict
---@field explain? fun(call: policy.Call, facts: policy.Facts): policy.Look[] for `tools explain`
