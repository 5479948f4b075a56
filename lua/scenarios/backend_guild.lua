--- The chain backend_guild on a small service: rejected once, then accepted by review, tests and
--- security, and planned. Files and commands are real, the replies are written down.
local rehearse = require "lib.rehearse"

local BUILDER  <const> = "062-development-backend-senior-guardian"
local TESTER   <const> = "063-development-backend-junior-guardian"
local REVIEWER <const> = "072-development-quality-senior-guardian"
local DEPLOYER <const> = "081-infrastructure-devops-director-guardian"
local SECURITY <const> = "092-security-operations-director-guardian"

local FIRST <const> = [[
#!/bin/sh
# greet.sh NAME: greets whoever asked.
eval "echo Hello, $1"
]]
local SECOND <const> = [[
#!/bin/sh
# greet.sh NAME: greets whoever asked.
printf 'Hello, %s\n' "${1:?greet.sh needs a name}"
]]
local CHECK <const> = [[sh greet.sh 'a; echo broken' | tee seen.txt; grep -c broken seen.txt]]

local function builds(text, report, expect)
  return {
    { expect = expect, text = "I write it.",
      calls = { { "read", { path = "greet.sh" } },
        { "write", { path = "greet.sh", content = text } } } },
    { expect = rehearse.result("write", "greet.sh"), text = report },
  }
end

local function tests(expect, reply)
  return {
    { expect = expect, calls = { { "bash", { command = CHECK } } } },
    { expect = rehearse.shown("bash", "Hello, a"), text = reply },
  }
end

return {
  task = "Write greet.sh, which greets the name that a stranger gives it.",
  agents = {
    [BUILDER] = {
      builds(FIRST, "greet.sh greets its first argument.", rehearse.task("greet.sh")),
      builds(SECOND, "greet.sh prints the name as it is; a missing one is an error.",
        rehearse.first("## Defects", "eval runs what the stranger wrote")),
    },
    [REVIEWER] = {
      { { expect = rehearse.first("greets its first argument"), calls = {
          { "read", { path = "greet.sh" } } } },
        { expect = rehearse.result("read", "eval"),
          text = '{"verdict": "reject", "security": true, '
            .. '"defects": ["greet.sh:3: eval runs what the stranger wrote"]}' } },
      { { expect = rehearse.first("prints the name as it is"), calls = {
          { "read", { path = "greet.sh" } } } },
        { expect = rehearse.result("read", "printf"),
          text = '```json\n{"verdict": "accept", "security": true, "defects": []}\n```' } },
    },
    [TESTER] = {
      tests(rehearse.first("Run the tests", "greet.sh"),
        '{"passed": false, "report": "the name ran as a command"}'),
      tests(rehearse.first("Run the tests", "greet.sh"),
        '{"passed": true, "report": "an odd name is printed as it is"}'),
    },
    [SECURITY] = { {
      { expect = rehearse.first("## Review", "accept"),
        text = '{"verdict": "accept", "findings": []}' },
    } },
    [DEPLOYER] = { {
      { expect = rehearse.first("an odd name is printed as it is"),
        text = "Back first: keep the old script beside it. Then copy, greet once, watch the log." },
    } },
  },
}
