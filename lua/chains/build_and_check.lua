--- Has a senior backend engineer build something and somebody else check it. The checker has no
--- shell: it sees the task, the builder's report and the files.
local schema = require "lib.schema"

local BUILDER <const> = "062-development-backend-senior-guardian"
local CHECKER <const> = "072-development-quality-senior-guardian"

---@async
---@param run    Run
---@param params { task: string }
---@return { built: string, checked: string }? result, Error? err
local function build_and_check(run, params)
  local built, err = run.ask(BUILDER, { task = params.task })
  if not built then return nil, err end
  local checked
  checked, err = run.ask(CHECKER, { task = params.task, report = built })
  if not checked then return nil, err end
  return { built = built, checked = checked }
end

return {
  description = "Build something, then have it checked by somebody who did not build it.",
  params = schema.object { { "task", schema.text { min = 1 }, "What to build, in your words." } },
  run = build_and_check,
}
