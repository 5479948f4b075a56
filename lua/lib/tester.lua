--- Runs the tests that one file registers, one at a time: each has a run of its own, and with it a
--- VM, a workspace and tools that know nothing of the test before.
local test = require "lib.test"

local tester = {}

local function load(path) entry(path, true) end -- with this VM's instance of lib.test

--- What a file registers, by name and in order.
---@param path string
---@return string[] names
function tester.names(_, path)
  load(path)
  return test.names()
end

--- Runs the test with this number.
---@param run    Run what the test is handed
---@param path   string
---@param number integer
---@return test.Outcome
function tester.one(run, path, number)
  load(path)
  return test.run(number, run)
end

return tester
