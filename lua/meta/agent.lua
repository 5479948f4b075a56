---@meta
--- `agents/NAME.lua` beside `agents/NAME.md`: what is insisted on. All hooks are optional; all but
--- `before` are pure.

--- `before` is called once, before the first turn, and may wait. False and the reason: from
--- `allow_tool` it narrows what policy allows, from `accept` it sends a final reply back to the
--- model. Where `next` answers nil, routing.lua chooses.
---@alias agent.Context { context: string? }
---@class agent.Hooks
---@field before?     async fun(run: Run, input: agent.Before): agent.Context?, Error?
---@field allow_tool? fun(call: agent.Call): boolean, string?
---@field accept?     fun(reply: agent.Reply): boolean, string?
---@field next?       fun(who: agent.Facts, ending: agent.Ending, facts: routing.Facts): agent.Next?

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
---@field description string
---@field model?      string
---@field complexity? string
---@field tools       string[]
---@field targets     string[] who it may hand over to

---@class agent.Ending
---@field reply    string
---@field handoff? { to: string, reason: string, result: string? }
---@field triggers agent.Trigger[] in the order of the reply
---@field hops     integer so far

--- A trigger phrase that the reply says; `to` is nil where it names nobody.
---@class agent.Trigger
---@field to?    string
---@field phrase string as the definition has it
---@field file   string of the definition
---@field line   integer of the definition
---@field at     { line: integer, column: integer, text: string } in the reply

---@class agent.Next
---@field to?   string one of the targets
---@field ends? boolean nobody goes on, not even an itinerary
---@field why?  string
---@field from? string where the rule stands; rules fill it in
---@field evidence? any what the journal keeps
