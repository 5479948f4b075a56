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

---@class AskOptions
---@field hops?      "off"|"auto"|"full" default off: the agent asked answers itself
---@field output?    Schema|table what its final reply must be, in place of its definition's own
---@field workspace? "copy" it works in a copy of the workspace; the second result is its Patch

---@field limits?    AskLimits what it may use at most, of what this run has left

---@class AskLimits each as text ("0.20", "200M", "4m"), or a number
---@field turns?    string|integer
---@field calls?    string|integer
---@field hops?     string|integer
---@field children? string|integer
---@field tokens?   string|integer
---@field usd?      string|number dollars
---@field written?  string|integer bytes that its tools write: "200M"
---@field time?     string "4m"; what happens when it is over: stalls.child of config.yaml

---@class Patch what an agent changed in its copy; plain data
---@field text   string as `git diff` writes it; "" where nothing changed
---@field files  string[] every path that was changed, added or removed
---@field binary string[] those of them that are no text, and not in `text`

--- Runs an agent as a child of this run, on its budget, and waits for its final reply: text, or the
--- parsed value where an output is asked for.
---@async
---@param agent    string  its name, or any unique part
---@param input    string|AskInput
---@param options? AskOptions
---@return any reply
---@return Patch|Error? patch with a copy; the error where the reply is nil
function run.ask(agent, input, options) end

--- Applies what an agent changed in its copy to this run's workspace: all of it, or nothing and an
--- error that says which place does not fit.
---@async
---@param patch Patch
---@return boolean? applied, Error? err
function run.apply(patch) end

--- Calls a tool through the one door: schema, policy, grant, budget, journal.
---@async
---@param name   string
---@param input? table
---@return string? text
---@return any|Error data what the tool gave as data; the error where text is nil
function run.tool(name, input) end

--- Runs functions side by side, at most `most` at a time. Results stand under the keys of the
--- functions. The first failure (`nil, err`, or an error) cancels the others and is the answer; its
--- `details` are { failed = its key, finished = what had finished, under its keys }, which is the
--- third value too.
---@async
---@generic K
---@param branches table<K, async fun(): any, Error?>
---@param options? { most: integer? }
---@return table<K, any>? results
---@return Error? err
---@return table<K, any>? partial only with err
function run.all(branches, options) end

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

--- Asks the person, on the terminal or later: where nobody is at one, a default without a timeout
--- is the answer, else the run waits, without a process once nothing else in it goes on. Where
--- nobody answers in time the default is the answer; without one the error is `waiting` (stalls.ask
--- of config.yaml can say otherwise).
---@async
---@param question string
---@param options? { choices: string[]?, default: string?, timeout: string? } timeout: "10m"
---@return string? answer, Error? err
function run.question(question, options) end

---@async
---@param ms integer
function run.sleep(ms) end

---@class BudgetLine
---@field spent number
---@field left  number? nil: nothing bounds it

---@class Budget
---@field turns    BudgetLine
---@field calls    BudgetLine
---@field hops     BudgetLine
---@field children BudgetLine
---@field tokens   BudgetLine
---@field usd      BudgetLine dollars
---@field written  BudgetLine bytes
---@field time_ms  integer? until the run's deadline

--- What this run and its children have spent, and what is left.
---@async
---@return Budget budget
function run.budget() end

--- Says where the chain is, by name: a line for the person who watches, and an event.
---@async
---@param name string
function run.phase(name) end

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

--- In `perigee test` only: from here on this scenario plays the agents, and its files stand in the
--- workspace. The first visit of each agent is its first from here.
---@async
---@param scenario string a file beside the test, or a name as after --model rehearsal:
---@return string? task the scenario's own, Error? err
function run.rehearse(scenario) end

--- In `perigee test` only: runs a chain as a child, with its parameters checked.
---@async
---@param file    string beside the test, or a name as in perigee run CHAIN.lua
---@param params? table
---@return any value, Error? err
function run.chain(file, params) end

--- In `perigee test` only: what was recorded so far by this test and its children, in order.
---@async
---@param kind? string only these: "child", "call", "decision", ...
---@return { run: string, kind: string, body: table }[] records
function run.records(kind) end
