--- Runs a command line. Everything that it starts lives in the sandbox and is dead when the call
--- ends, or, as a background job, when the run does.
local denial = require "lib.denial"
local schema = require "lib.schema"
local shell  = require "lib.shell"
local text   = require "lib.text"
local words  = require "lib.command_words"

local SECONDS  <const> = 120  -- SANDBOX: "Limits"
local FIRST_MS <const> = 1000 -- how long the first output of a job is waited for
local QUIET_MS <const> = 150  -- and how long it is silent when that is all

--- Jobs that ended by themselves, each told once.
local function say_ended(call, lines)
  for _, job in ipairs(call.jobs.list()) do
    if job.news then
      local unread = job.unread > 0 and "; bash_output has the rest of what it printed" or ""
      lines[#lines + 1] = words.job(job) .. unread
    end
  end
end

--- What the folder of scratch files is like, and the jobs, after the run was interrupted.
local function say_interrupted(call, lines)
  if call.interrupted then
    lines[#lines + 1] = "the run was interrupted since the last command: files under /tmp are gone"
  end
end

--- The folder in which it should have begun is not there any more. A command that was meant for it
--- is not run elsewhere.
local function not_run(state, call)
  return {
    text = ("[not run: the folder %s is gone; the shell is in the workspace's root now]"):format(
      shell.folder(state, call.workspace)),
    data  = { exit_code = 126 },
    state = { variables = state.variables },
  }
end

local function is_gone(err, cwd)
  return cwd and (err.code == "not_found" or err.code == "denied")
end

---@async
local function in_background(input, call)
  local state = call.state or { variables = {} }
  local cwd, env = shell.begin(state, call.workspace)
  local id, err = call.jobs.start { "bash", "-c", shell.JOB, "bash", input.command, cwd = cwd,
    env = env, title = text.cut_end(text.first_line(input.command), 80) }
  if not id then return nil, err end
  local report
  report, err = call.jobs.read(id, { wait = FIRST_MS, quiet = QUIET_MS })
  if not report then
    if is_gone(err, cwd) then return not_run(state, call) end
    return nil, err
  end
  local result = words.report(report)
  local lines = {}
  say_interrupted(call, lines)
  if lines[1] then result.text = ("%s\n[%s]"):format(result.text, lines[1]) end
  if report.running then
    result.text = result.text .. "\n[bash_output tells what it prints, bash_kill ends it]"
  end
  return result
end

---@async
local function in_foreground(input, call)
  local state = call.state or { variables = {} }
  local cwd, env = shell.begin(state, call.workspace)
  local done, err = call.exec { "bash", "-c", shell.SCRIPT, "bash", input.command, cwd = cwd,
    env = env, timeout = input.timeout * 1000, aside = true, show = true }
  if not done then -- denied, or could not start
    if is_gone(err, cwd) then return not_run(state, call) end
    return nil, err
  end

  local after, notes = shell.after(done.aside, state, call.workspace)
  local lines = { words.ending(done, done.allowed_ms, input.timeout * 1000) }
  local denied = denial.lines(done, call.sandbox)
  table.move(denied, 1, #denied, #lines + 1, lines)
  table.move(notes, 1, #notes, #lines + 1, lines)
  if not done.limit and not shell.began(done.aside) then
    after = { variables = {} } -- whatever kept it from starting must not last
    lines[#lines + 1] = "the shell could not start with the variables that were exported; "
      .. "they are forgotten"
  end
  say_interrupted(call, lines)
  say_ended(call, lines)
  local folder = shell.folder(after or state, call.workspace)
  if folder then lines[#lines + 1] = "in " .. folder end
  return {
    text  = words.say(done, lines),
    data  = { exit_code = done.exit_code, signal = done.signal, limit = done.limit,
      folder = folder },
    state = after,
  }
end

---@async
---@param input { command: string, timeout: integer, background: boolean }
---@param call  Call
---@return ToolResult? result, Error? err
local function bash(input, call)
  if input.background then return in_background(input, call) end
  return in_foreground(input, call)
end

return {
  description = "Run a command line with bash in a sandbox. It begins in the workspace's root; the "
    .. "folder and exported variables last until the next call, and so do files under /tmp; "
    .. "nothing else of the shell does. Answers both outputs, and the exit code when it is not 0.",
  input       = schema.object {
    { "command", schema.text { min = 1, max = 100000 },
      "The command line; several lines are fine." },
    { "timeout", schema.integer { min = 1, max = 86400, default = SECONDS },
      "Seconds after which it is stopped; the user's settings bound it, to 600 as a rule." },
    { "background", schema.boolean { default = false },
      "Start it as a job that runs on after this call, such as a server, which the next commands "
        .. "reach on localhost. Answers the job's number and its first output." },
  },
  effect      = "write",
  needs       = { exec = { "bash" }, read = { "." }, write = { "." } },
  timeout     = "25h", -- the command's own limit comes first
  run         = bash,
}
