--- lib/rights.lua: permissions of other hosts, which take tools away, and never give any.
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
  local narrow = rights.read { permissions = { deny = "Bash(" } }
  t.equal(rights.narrow(tool.resolve(nil, KNOWN), narrow, KNOWN).tools, {})
end)

return t
