--- lib/rights.lua: fields of other hosts that take tools away, and never give any.
local json   = require "lib.json"
local rights = require "lib.rights"
local t      = require "lib.test"
local tool   = require "lib.tool"

local KNOWN <const> = {
  bash = { name = "bash", inside = true, effect = "write" }, read = { name = "read", inside = true, effect = "read" },
  grep = { name = "grep", inside = true, effect = "read" }, edit = { name = "edit", inside = true, effect = "write" },
}
local function list(...) return json.array { ... } end

--- front matter | tools that are left
local CASES <const> = {
  { "nothing else is said", {}, "bash edit grep read" },
  { "an allowed list", { ["allowed-tools"] = "Read, Grep" }, "grep read" },
  { "the same in other spellings", { allowedTools = list("Read"), allowed_tools = nil }, "read" },
  { "allowed and tools: both hold", { tools = "Read, Bash", allowed_tools = "Bash, Grep" }, "bash" },
  { "an empty allowed list", { ["allowed-tools"] = list() }, "" },
  { "denied tools", { disallowedTools = "Bash" }, "edit grep read" },
  { "a denied tool with brackets is denied whole", { ["disallowed-tools"] = list("Bash(rm:*)", "Edit") }, "grep read" },
  { "denied and named", { tools = "Read, Bash", disallowedTools = "Bash" }, "read" },
  { "a plan only reads", { permissionMode = "plan" }, "grep read" },
  { "other modes widen nothing", { tools = "Read", permissionMode = "bypassPermissions" }, "read" },
  { "a map of permissions", { permission = { edit = "deny", bash = { ["git push"] = "deny", ["*"] = "allow" }, read = "allow" } }, "grep read" },
  { "lists of permissions", { permissions = { deny = list("Bash(rm:*)"), allow = list("Edit") } }, "edit grep read" },
}

for _, case in ipairs(CASES) do
  t.test("rights: " .. case[1], function()
    local narrow, odd = rights.read(case[2])
    t.equal(odd, nil)
    local given = rights.narrow(tool.resolve(case[2].tools, KNOWN), narrow, KNOWN)
    table.sort(given.tools)
    t.equal(table.concat(given.tools, " "), case[3])
  end)
end

t.test("what cannot be read is named, so that nothing is given", function()
  t.equal({ rights.read { permissionMode = "sudo" } }, { nil, "permissionMode" })
  t.equal({ rights.read { permission = "deny everything" } }, { nil, "permission" })
  t.equal({ rights.read { permissions = list("a") } }, { nil, "permissions" })
end)

t.test("a list that is no list denies everything", function()
  local narrow = rights.read { disallowedTools = "Bash(" }
  t.equal(rights.narrow(tool.resolve(nil, KNOWN), narrow, KNOWN).tools, {})
end)

t.test("brackets of an allowed list are kept for the policy", function()
  local narrow = rights.read { ["allowed-tools"] = "Bash(git:*)" }
  t.equal(rights.narrow(tool.resolve(nil, KNOWN), narrow, KNOWN).scopes, { bash = { "git:*" } })
end)

return t
