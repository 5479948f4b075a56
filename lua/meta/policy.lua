---@meta
--- `policy.lua` returns one of these. Its classes stand in the file itself.

---@class policy.File
---@field decide fun(call: policy.Call, facts: policy.Facts): policy.Verdict
