---@meta
--- A tool's file, `tools/NAME.lua`, returns one of these. The file's name is the tool's name.

--- Effects. read: may be repeated and run side by side; write: changes the workspace; outside:
--- changes the world.
---@class tool.File
---@field description string   what a model is told; the first sentence counts most
---@field input       Schema   schema.object { ... }, or raw JSON Schema as a table
---@field effect      "read"|"write"|"outside"
---@field needs?      Needs    all that `call` will offer
---@field timeout?    string|integer "20s", "4m", or milliseconds; default two minutes
---@field repeatable? boolean  a call whose outcome is unknown may be made again
---@field run         async fun(input: table, call: Call): (string|ToolResult|nil), Error?

---@class Needs
---@field read?    string[] paths; "." is the workspace
---@field write?   string[]
---@field exec?    string[] programs, started in the sandbox
---@field net?     string[] hosts
---@field secrets? string[] names; a tool never sees a value

---@class ToolResult
---@field text    string what the model reads
---@field data?   any    what a chain reads; plain data
---@field images? { media_type: string, data: string }[] for models that see; data is base64
---@field state?  table  for this tool's next call in the run, there `call.state`; 64 KB of JSON
