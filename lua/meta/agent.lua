---@meta
--- `agents/NAME.lua` beside `agents/NAME.md`: what is insisted on. All hooks are optional; all but
--- `before` are pure.

---@class agent.Hooks
---@field before?     async fun(run: Run, input: agent.Before): { context: string? }?, Error? once, before the first turn; may wait
---@field allow_tool? fun(call: agent.Call): boolean, string? false and the reason narrows what policy allows
---@field accept?     fun(reply: agent.Reply): boolean, string? false and the reason sends a final reply back to the model
---@field next?       fun(agent: agent.Facts, ending: agent.Ending, facts: table): agent.Next? nil leaves it to routing.lua

---@class agent.Before
---@field task  string what the run was asked
---@field first string the first message as it stands

---@class agent.Call
---@field tool   string
---@field input  table
---@field effect "read"|"write"|"outside"
---@field needs  Needs
---@field reach  string in words
---@field agent  string
---@field scopes? string[] what the definition said in brackets for this tool: "git:*"

---@class agent.Reply
---@field text  string
---@field agent string

---@class agent.Facts
---@field name        string
---@field description string?
---@field model       string?
---@field complexity  string?
---@field tools       string[]
---@field targets     string[] who it may hand over to

---@class agent.Ending
---@field reply    string
---@field handoff? { to: string, reason: string, result: string? }
---@field triggers { to: string?, phrase: string, line: integer }[] in the order of the reply
---@field hops     integer so far

---@class agent.Next
---@field to?   string one of the targets
---@field ends? boolean
---@field why   string
