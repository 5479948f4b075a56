---@meta
--- A scenario, `scenarios/NAME.lua`: what a rehearsed model says. scenarios/README.md tells how.

---@class scenario.File
---@field task?   string
---@field files?  table<string, string> written into an empty workspace first
---@field agents  table<string, scenario.Turn[][]> by agent, then visit, then turn

--- `expect` says what must have been given; lib.rehearse has the usual ones.
---@class scenario.Turn
---@field expect    fun(given: rehearsal.Given): boolean, string?
---@field text?     string|fun(given: rehearsal.Given): string
---@field thinking? string|fun(given: rehearsal.Given): string
---@field calls?    table[]|fun(given: rehearsal.Given): table[] { name, arguments } each
---@field usage?    { input: integer, output: integer }
