---@meta
--- A chain's file, `chains/NAME.lua`: a program over runs.

---@class chain.File
---@field description? string
---@field limits?      AskLimits what it and its children may use at most; only narrows
---@field params?      Schema schema.object { ... }; the command line's task is the field `task`
---@field run          async fun(run: Run, params: table): any, Error?
