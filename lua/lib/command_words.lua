--- What a command printed and how it ended, as a model reads it. Pure.
local duration = require "lib.duration"
local text     = require "lib.text"

local words = {}

local BYTES_MOST <const> = 30000 -- of both outputs together
local LESS       <const> = 8000  -- of the smaller one, where both are long

local ENDINGS <const> = { -- by the limit that ended the command
  output    = "stopped: it wrote more than is allowed; write to a file and look at parts of it",
  memory    = "stopped: it used more memory than is allowed",
  cpu       = "stopped: it used more processor time than is allowed",
  processes = "stopped: it had more processes than are allowed",
  file      = "stopped: it wrote a file larger than is allowed",
}

local SIGNALS <const> = {
  [4] = "SIGILL", [6] = "SIGABRT", [7] = "SIGBUS", [8] = "SIGFPE", [9] = "SIGKILL",
  [11] = "SIGSEGV", [13] = "SIGPIPE", [15] = "SIGTERM",
}

--- How a command ended, without brackets; nothing where it ended well.
---@param done    { exit_code: integer, signal: integer?, limit: string? }
---@param allowed_ms integer? the time that it was given
---@param asked_ms   integer? the time that was asked for
---@return string? said
function words.ending(done, allowed_ms, asked_ms)
  if done.limit == "wall" then
    local longer = asked_ms and allowed_ms and asked_ms > allowed_ms
      and "which is the most that the user's settings allow" or "give a longer timeout"
    return ("stopped: it ran longer than %s; %s, do less at once, or run it with background = true")
      :format(duration.words(allowed_ms or 0), longer)
  end
  if done.limit then return ENDINGS[done.limit] or "stopped by its " .. done.limit .. " limit" end
  if done.signal then
    local name = SIGNALS[done.signal] and " " .. SIGNALS[done.signal] or ""
    return ("killed by signal %d%s"):format(done.signal, name)
  end
  if done.exit_code ~= 0 then return ("exit code %d"):format(done.exit_code) end
  return nil
end

--- Both outputs, cut so that a long one leaves room for the other, and lines in brackets.
---@param done  { stdout: string, stderr: string, stdout_dropped: integer, stderr_dropped: integer }
---@param lines string[]
---@return string said
function words.say(done, lines)
  local out, err = (text.valid(done.stdout)), (text.valid(done.stderr))
  local most_out = math.max(BYTES_MOST - #err, BYTES_MOST - LESS)
  local most_err = math.max(BYTES_MOST - #out, LESS)
  out = text.cut_middle(out, most_out, done.stdout_dropped)
  err = text.cut_middle(err, most_err, done.stderr_dropped)
  local parts = {}
  local function put(part)
    if part ~= "" then parts[#parts + 1] = part:gsub("\n$", "") end
  end
  put(out)
  if err ~= "" and out ~= "" then put("[stderr]") end
  put(err)
  for _, line in ipairs(lines) do put("[" .. line .. "]") end
  return #parts > 0 and table.concat(parts, "\n") or "(no output)"
end

--- "job 2 (make watch)".
local function job_name(job) return ("job %d (%s)"):format(job.id, (text.valid(job.title))) end

--- A job in one line: "job 2 (make watch) is running".
---@param job Job
---@return string said
function words.job(job)
  if job.running then return job_name(job) .. " is running" end
  if job.lost then
    return job_name(job) .. " is dead: the run was interrupted, and its jobs with it; start it "
      .. "again if it is needed"
  end
  return ("%s ended: %s"):format(job_name(job), words.ending(job) or "exit code 0")
end

--- The jobs that there are, in one line.
---@param jobs Job[]
---@return string said
function words.jobs(jobs)
  local said = {}
  for i, job in ipairs(jobs) do said[i] = words.job(job) end
  return #said > 0 and table.concat(said, "; ") or "there are no jobs in this run"
end

--- A report as a tool answers it.
---@param report JobReport
---@return ToolResult
function words.report(report)
  return {
    text = words.say(report, { words.job(report) }),
    data = { job = report.id, running = report.running, exit_code = report.exit_code,
      signal = report.signal, limit = report.limit },
  }
end

--- The same error, with the jobs that could have been meant.
---@param err  Error
---@param jobs Job[]
---@return nil, Error
function words.no_job(err, jobs)
  if err.code ~= "not_found" then return nil, err end
  return nil, { code = err.code, message = err.message .. "; " .. words.jobs(jobs) }
end

return words
