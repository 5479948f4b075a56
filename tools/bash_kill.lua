--- Ends a background job.
local schema = require "lib.schema"
local words  = require "lib.command_words"

---@async
---@param input { job: integer }
---@param call  Call
---@return ToolResult? result, Error? err
local function bash_kill(input, call)
  local report, err = call.jobs.stop(input.job)
  if not report then return words.no_job(err, call.jobs.list()) end
  return words.report(report)
end

return {
  description = "End a job that bash started in the background, with all its processes. Answers "
    .. "what it printed since the last time.",
  input       = schema.object {
    { "job", schema.integer { min = 1 }, "The number that bash answered." },
  },
  effect      = "write",
  needs       = { exec = { "bash" } }, -- whose jobs it sees; it starts nothing
  timeout     = "1m",
  run         = bash_kill,
}
