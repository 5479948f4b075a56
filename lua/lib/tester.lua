--- Runs the tests that one file registers. In a run VM, so that each file has its own quota.
local test = require "lib.test"

local tester = {}

---@param run  Run what each test is handed
---@param path string
---@return { name: string, ok: boolean, message: string?, skipped: string? }[]
function tester.run(run, path)
  entry(path, true) -- with this file's instance of lib.test
  return test.run(run)
end

return tester
