--- lib.tool: declarations of tools, and the `tools` field of definitions.
local schema = require "lib.schema"
local t      = require "lib.test"
local tool   = require "lib.tool"

local function file(changes)
  local made = {
    description = "Counts words.",
    input       = schema.object { { "path", schema.path(), "File." } },
    effect      = "read",
    needs       = { read = { "." }, exec = { "wc" } },
    timeout     = "20s",
    run         = function() end,
  }
  for key, value in pairs(changes or {}) do made[key] = value end
  return made
end

local function refused(changes, name)
  local declaration, err = tool.declare(name or "count", file(changes))
  t.equal(declaration, nil)
  t.equal(err.code, "invalid")
  return err.message
end

t.test("a declaration is data: what the host keeps of a file", function()
  local declaration = assert(tool.declare("count", file()))
  t.equal(declaration, {
    name = "count", description = "Counts words.", effect = "read", timeout_ms = 20000, repeatable = true, inside = true,
    schema = '{"type":"object","properties":{"path":{"type":"string","description":"File.","minLength":1}},'
      .. '"required":["path"],"additionalProperties":false}',
    input = file().input,
    needs = { read = { "." }, exec = { "wc" } },
    reach = "reads the workspace; runs wc in the sandbox",
  })
end)

t.test("a tool without needs and timeout reaches nothing and has two minutes", function()
  local declaration = assert(tool.declare("count", { description = "x", input = schema.object {}, effect = "write", run = print or function() end }))
  t.equal({ declaration.reach, declaration.timeout_ms, declaration.repeatable, declaration.needs }, { "reaches nothing", 120000, false, {} })
end)

t.test("raw JSON Schema will do as input", function()
  local declaration = assert(tool.declare("count", file { input = { type = "object", properties = { n = { type = "integer" } } } }))
  t.contains(declaration.schema, '"n":{"type":"integer"}')
  t.contains(refused { input = { type = "object", properties = { n = { type = "string", pattern = "x" } } } }, '"pattern" cannot be checked')
end)

t.test("what is wrong in a file is named", function()
  t.contains(refused { efect = "read" }, 'unknown key "efect"; did you mean "effect"?')
  t.contains(refused { effect = "reads" }, "effect is reads")
  t.contains(refused { description = " " }, "description is missing")
  t.contains(refused { description = "\xff" }, "description is not UTF-8")
  t.contains(refused { run = "x" }, "run is missing")
  t.contains(refused { timeout = "20" }, "timeout: ")
  t.contains(refused { repeatable = "yes" }, "repeatable")
  t.contains(refused { needs = { reads = { "." } } }, 'did you mean "read"?')
  t.contains(refused { needs = { exec = "wc" } }, "needs.exec must be a list")
  t.contains(refused { needs = { net = { 1 } } }, "needs.net")
  t.contains(refused { needs = { write = { "." } } }, 'effect cannot be "read"')
  t.contains(refused { input = schema.text() }, "models send an object")
  t.contains(refused { input = false }, "input: a boolean is no schema")
  local _, err = tool.declare("count", nil)
  t.contains(err.message, "returns a nil, not a table")
end)

t.test("names of the turn loop and names that are none are refused", function()
  t.contains(refused(nil, "handoff"), "belongs to the turn loop")
  t.contains(refused(nil, "escalate"), "belongs to the turn loop")
  for _, name in ipairs { "Count", "2x", "a-b", "", ("x"):rep(65) } do t.contains(refused(nil, name), "a tool's name is") end
end)

t.test("reach says all that a tool may touch", function()
  t.equal(tool.reach("outside", { read = { ".", "/opt" }, net = { "*.example.org" }, secrets = { "KEY" } }),
    "reads the workspace, /opt; talks to *.example.org; uses the secrets KEY; changes the world outside the workspace")
end)

local AVAILABLE <const> = {
  { name = "read", inside = true }, { name = "write", inside = true }, { name = "edit", inside = true },
  { name = "bash", inside = true }, { name = "glob", inside = true }, { name = "grep", inside = true },
  { name = "post", inside = false }, { name = "mine", inside = true, origin = "project" },
}
local ALL <const> = { "bash", "edit", "glob", "grep", "read", "write" }

--- written | tools | missing
local FIELDS <const> = {
  { "no field: all of the distribution that stays inside", nil, ALL },
  { "a star is the same", "*", ALL },
  { "an empty list is none", {}, {} },
  { "an empty flow list as text is none", "[]", {} },
  { "a list", { "read", "write" }, { "read", "write" } },
  { "the order of the field", { "write", "read", "write" }, { "write", "read" } },
  { "a comma string", "Read, Grep,Glob", { "read", "grep", "glob" } },
  { "a comma string with brackets", "Bash(git add:*, git commit:*), Read", { "bash", "read" } },
  { "a blank string", "Read Grep", { "read", "grep" } },
  { "a flow list as text", "[Read, 'Write', \"Edit\"]", { "read", "write", "edit" } },
  { "names of other hosts", { "read_file", "run_shell_command", "search_file_content", "str_replace" }, { "read", "bash", "grep", "edit" } },
  { "one tool there, several here", { "str_replace_editor" }, { "read", "write", "edit" } },
  { "case and signs do not count", { "READ-FILE", "MultiEdit", "LS" }, { "read", "edit" } },
  { "what does not exist is missing, as written", { "read", "WebFetch", "mcp__ide__run" }, { "read" }, { "WebFetch", "mcp__ide__run" } },
  { "a tool outside may be named", { "post" }, { "post" } },
  { "a project's tool may be named", "mine", { "mine" } },
  { "the loop's own are neither given nor missing", { "handoff", "read", "escalate" }, { "read" } },
  { "a map of booleans: what is true", { read = "true", bash = "false", WebFetch = "yes" }, { "read" }, { "WebFetch" } },
  { "a map with nothing true: all but these", { bash = false, Write = "no" }, { "edit", "glob", "grep", "read" } },
}

for _, case in ipairs(FIELDS) do
  t.test("tools: " .. case[1], function()
    local resolved = tool.resolve(case[2], AVAILABLE)
    t.equal({ resolved.tools, resolved.missing, resolved.note }, { case[3], case[4] or {} })
  end)
end

t.test("what cannot be read gives no tool and says why", function()
  for _, written in ipairs { "", "Bash(git", "Bash)(", { "read", { "write" } }, { read = "perhaps" }, { 1 }, true, 7 } do
    local resolved = tool.resolve(written, AVAILABLE)
    t.equal(resolved.tools, {})
    t.contains(resolved.note, "tools: ")
  end
end)

t.test("brackets are kept for the policy, unless the tool is given without them too", function()
  t.equal(tool.resolve("Bash(git:*), Bash(npm test), Read(*)", AVAILABLE).scopes, { bash = { "git:*", "npm test" } })
  t.equal(tool.resolve("Bash(git:*), Bash", AVAILABLE).scopes, {})
end)

t.test("who is given bash can ask for its jobs and end them, unless it is said otherwise", function()
  local known = { bash = { inside = true }, bash_kill = { inside = true }, bash_output = { inside = true } }
  for _, written in ipairs { "Bash", "bash", "Bash(git:*)", "bash, KillShell" } do
    local resolved = tool.resolve(written, known)
    t.equal(#resolved.tools, 3)
    t.equal(resolved.scopes.bash_output, nil)
  end
  t.equal(tool.resolve({ bash = true, Shell = false, bash_kill = true }, known).tools, { "bash_kill" })
  t.equal(tool.resolve({ bash = true, bash_output = false }, known).tools, { "bash", "bash_kill" })
  t.equal(tool.resolve("BashOutput", known).tools, { "bash_output" })
  t.equal(tool.resolve("bash", { bash = { inside = true } }).tools, { "bash" })
end)

t.test("available may be a map by name", function()
  t.equal(tool.resolve("Read", { read = { inside = true } }).tools, { "read" })
end)

return t
