--- lua/policy.lua: a table of cases. Who changes the policy changes this table.
local policy = require "policy"
local t      = require "lib.test"

local READS  <const> = { read = { "." } }
local WRITES <const> = { read = { "." }, write = { "." } }
local RUNS   <const> = { exec = { "bash" }, read = { "." }, write = { "." } }

--- name | call: effect, needs, more | sandbox | verdict | part of the reason
local CASES <const> = {
  { "reading the workspace",                "read",    READS,                        "full",       "allow", "stays in" },
  { "reading works without a sandbox",      "read",    READS,                        "none",       "allow", "stays in" },
  { "writing the workspace",                "write",   WRITES,                       "full",       "allow", "stays in" },
  { "a command in the sandbox",             "write",   RUNS,                         "full",       "allow", "stays in" },
  { "no sandbox, no command",               "write",   RUNS,                         "none",       "deny",  "no sandbox" },
  { "a sandbox of unknown state is none",   "read",    { exec = { "rg" } },          nil,          "deny",  "no sandbox" },
  { "unconfined is the user's own word",    "write",   RUNS,                         "unconfined", "allow", "switched the sandbox off" },
  { "a tool that reaches nothing",          "read",    {},                           "none",       "allow", "stays in" },
  { "the network",                          "read",    { net = { "example.org" } },  "full",       "deny",  "example.org" },
  { "the network, unconfined",              "read",    { net = { "example.org" } },  "unconfined", "deny",  "network" },
  { "a secret",                             "read",    { secrets = { "KEY" } },      "full",       "deny",  "KEY" },
  { "a path from the root",                 "read",    { read = { "/etc" } },        "full",       "deny",  "/etc" },
  { "a path that climbs",                   "write",   { write = { "a/../../b" } },  "full",       "deny",  "a/../../b" },
  { "the home folder",                      "read",    { read = { "~/.ssh" } },      "full",       "deny",  "~/.ssh" },
  { "an effect outside",                    "outside", {},                           "full",       "deny",  "outside the workspace" },
  { "an effect nobody knows",               "peek",    {},                           "full",       "deny",  "outside the workspace" },
  { "needs that are not known",             "read",    nil,                          "full",       "deny",  "not known" },
}

for _, case in ipairs(CASES) do
  local name, effect, needs, sandbox, verdict, why = table.unpack(case, 1, 6)
  t.test(("%s: %s"):format(verdict, name), function()
    local answer = policy.decide({ tool = "x", input = {}, effect = effect, needs = needs, agent = "a" }, { sandbox = sandbox })
    t.equal(answer.verdict, verdict)
    t.contains(answer.why, why)
  end)
end

--- command line | fits "git:*" and "npm test"
local SCOPED <const> = {
  { "git status", true }, { "git", true }, { "  git log -3", true }, { "npm test", true },
  { "npm test --all", false }, { "gitk", false }, { "rm -rf .", false }, { "git status; rm x", false },
  { "git status && rm x", false }, { "git log | sh", false }, { "git log `rm x`", false }, { "git $(rm x)", false },
  { "git log > x", false }, { "git status\nrm x", false }, { "", false },
}

for _, case in ipairs(SCOPED) do
  t.test(("a definition's brackets %s %q"):format(case[2] and "allow" or "refuse", case[1]), function()
    local answer = policy.decide({ tool = "bash", input = { command = case[1] }, effect = "write", needs = RUNS,
      agent = "a", scopes = { "git:*", "npm test" } }, { sandbox = "full" })
    t.equal(answer.verdict, case[2] and "allow" or "deny")
  end)
end

t.test("decisions are pure: the call is as it was", function()
  local call = { tool = "bash", input = { command = "ls" }, effect = "write", needs = { exec = { "bash" } }, agent = "a" }
  local one = policy.decide(call, { sandbox = "full" })
  t.equal(policy.decide(call, { sandbox = "full" }), one)
  t.equal(call, { tool = "bash", input = { command = "ls" }, effect = "write", needs = { exec = { "bash" } }, agent = "a" })
end)

return t
