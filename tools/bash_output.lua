--- What a background job has printed since this was last asked, and whether it still runs.
local schema = require "lib.schema"
local words  = require "lib.command_words"

---@async
---@param input { job: integer, wait: integer }
---@param call  Call
---@return ToolResult? result, Error? err
local function bash_output(input, call)
  local report, err = call.jobs.read(input.job, { wait = input.wait * 1000 })
  if not report then return words.no_job(err, call.jobs.list()) end
  return words.report(report)
end

return {
  description = "What a job that bash started in the background has printed since the last time, "
    .. "whether it still runs, and its exit code when it has ended.",
  input       = schema.object {
    { "job", schema.integer { min = 1 }, "The number that bash answered." },
    { "wait", schema.integer { min = 0, max = 600, default = 0 },
      "Seconds to wait for its end; what it has printed by then is answered." },
  },
  effect      = "read",
  needs       = { exec = { "bash" } }, -- whose jobs it sees; it starts nothing
  timeout     = "11m",
  run         = bash_output,
}
