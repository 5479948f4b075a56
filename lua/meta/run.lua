---@meta
--- What chains, the hook `before` and authors' tests are handed. There is no other way from a script
--- to a model or a tool.

---@class Run
---@field id        string
---@field workspace string? absolute path
local run = {}

---@class AskOptions
---@field task?  string what the agent shall do
---@field model? string
---@field hops?  "off"|"auto"|"full" default off: the agent that is asked answers itself
---@field [string] any  other fields become titled sections of the task: { diff = ..., notes = ... }

--- Runs an agent as a child of this run, on its budget, and waits for its result.
---@async
---@param agent   string  its name, or any unique part
---@param options AskOptions|string
---@return any result
---@return Error? err
function run.ask(agent, options) end

--- Calls a tool through the one door: schema, policy, grant, budget, journal.
---@async
---@param name  string
---@param input table
---@return any result
---@return Error? err
function run.tool(name, input) end

--- Runs functions side by side. The first failure cancels the others; what had finished is kept in
--- err.details. Results stand under the keys of the functions.
---@async
---@generic K
---@param branches table<K, async fun(): any, Error?>
---@return table<K, any>? results, Error? err
function run.all(branches) end

--- Runs functions side by side; the first success wins and cancels the others.
---@async
---@param branches table<any, async fun(): any, Error?>
---@return any result
---@return Error? err
function run.race(branches) end

--- Runs a function once: its result is journaled, and a resumed run takes it from there.
---@async
---@param name string
---@param fn async fun(): any, Error?
---@return any result
---@return Error? err
function run.step(name, fn) end

--- A line for the person who watches.
---@param text string
function run.log(text) end
