---@meta
--- What chains, the hook `before` and authors' tests are handed. There is no other way from a
--- script to a model or a tool.

---@class Run
---@field id        string
---@field workspace string|false absolute path; false in a run without one
local run = {}

---@class AskInput
---@field task?  string what the agent shall do
---@field [string] any  other fields become titled sections after it: { diff = ..., notes = ... }

--- Runs an agent as a child of this run, on its budget, and waits for its final text.
---@async
---@param agent    string  its name, or any unique part
---@param input    string|AskInput
---@param options? { hops?: "off"|"auto"|"full" } default off: the agent asked answers itself
---@return string? text, Error? err
function run.ask(agent, input, options) end

--- Calls a tool through the one door: schema, policy, grant, budget, journal.
---@async
---@param name   string
---@param input? table
---@return string? text
---@return any|Error data what the tool gave as data; the error where text is nil
function run.tool(name, input) end

--- Runs functions side by side. Results stand under the keys of the functions. The first failure
--- (`nil, err`, or an error) cancels the others and is the answer; what had finished stands in the
--- third value, under its keys.
---@async
---@generic K
---@param branches table<K, async fun(): any, Error?>
---@return table<K, any>? results
---@return Error? err
---@return table<K, any>? partial only with err
function run.all(branches) end

--- Runs functions side by side; the first success wins and cancels the others. When none succeeds
--- the last failure is the answer.
---@async
---@generic K
---@param branches table<K, async fun(): any, Error?>
---@return any result
---@return K|Error key of the winner, or the error where the result is nil
function run.race(branches) end

--- Runs a function once: its result is journaled, and a resumed run takes it from there.
---@async
---@param name string
---@param fn   async fun(...): any, Error?
---@param ...  any what `fn` is given
---@return any result
---@return Error? err
function run.step(name, fn, ...) end

---@async
---@param ms integer
function run.sleep(ms) end

--- A line for the person who watches; it stands in the journal too.
---@async
---@param text string
function run.log(text) end

--- In `perigee test` only: a file of the folder that the variable PERIGEE_SHARED names; nil without
--- the variable, so that a test can skip and say why.
---@async
---@param path string below that folder
---@return string? text, Error? err
function run.shared(path) end

--- In `perigee test` only: what the host reads in the text of a definition.
---@async
---@param source string
---@return table? definition { front, keys, body, blocks, notes, narrowed }, Error? err
function run.definition(source) end
