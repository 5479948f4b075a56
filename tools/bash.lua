--- Runs a command line. Everything it starts lives in the sandbox and is dead when the call ends.
local schema = require "lib.schema"
local text   = require "lib.text"

local BYTES_MOST <const> = 30000 -- of both outputs together
local LESS       <const> = 8000  -- of the smaller one, where both are long
local SECONDS    <const> = 120   -- SANDBOX: "Limits"; the tool's own timeout lies above the most

local ENDINGS <const> = { -- by the limit that ended the command
  wall   = "stopped: it ran longer than %d s; give a longer timeout, or do less at once",
  output = "stopped: it wrote more than is allowed; write to a file and look at parts of it",
  memory = "stopped: it used more memory than is allowed",
  cpu    = "stopped: it used more processor time than is allowed",
}

local SIGNALS <const> = {
  [4] = "SIGILL", [6] = "SIGABRT", [7] = "SIGBUS", [8] = "SIGFPE", [9] = "SIGKILL",
  [11] = "SIGSEGV", [13] = "SIGPIPE", [15] = "SIGTERM",
}

--- How the command ended, as lines in brackets; nothing where it ended well.
local function ending(done, seconds)
  if done.limit then
    local words = ENDINGS[done.limit] or "stopped by its " .. done.limit .. " limit"
    return ("[%s]"):format(words:format(seconds))
  end
  if done.signal then
    local name = SIGNALS[done.signal] and " " .. SIGNALS[done.signal] or ""
    return ("[killed by signal %d%s]"):format(done.signal, name)
  end
  if done.exit_code ~= 0 then return ("[exit code %s]"):format(tostring(done.exit_code)) end
  return nil
end

--- Both outputs, cut so that a long one leaves room for the other.
local function outputs(done)
  local out, err = (text.valid(done.stdout)), (text.valid(done.stderr))
  local most_out = math.max(BYTES_MOST - #err, BYTES_MOST - LESS)
  local most_err = math.max(BYTES_MOST - #out, LESS)
  return text.cut_middle(out, most_out, done.stdout_dropped),
    text.cut_middle(err, most_err, done.stderr_dropped)
end

local function say(done, seconds)
  local out, err = outputs(done)
  local parts = {}
  local function put(part)
    if part and part ~= "" then parts[#parts + 1] = part:gsub("\n$", "") end
  end
  put(out)
  if err ~= "" and out ~= "" then put("[stderr]") end
  put(err)
  put(ending(done, seconds))
  return #parts > 0 and table.concat(parts, "\n") or "(no output)"
end

---@async
---@param input { command: string, timeout: integer }
---@param call  Call
---@return ToolResult? result, Error? err
local function bash(input, call)
  local done, err = call.exec { "bash", "-c", input.command, timeout = input.timeout * 1000 }
  if not done then return nil, err end -- denied, or could not start
  return {
    text = say(done, input.timeout),
    data = { exit_code = done.exit_code, signal = done.signal, limit = done.limit },
  }
end

return {
  description = "Run a command line with bash in the workspace's root, in a sandbox without "
    .. "network. Answers both outputs, and the exit code when it is not 0. Each call is a new "
    .. "shell: folder and variables do not last. Files under /tmp do.",
  input       = schema.object {
    { "command", schema.text { min = 1, max = 100000 },
      "The command line; several lines are fine." },
    { "timeout", schema.integer { min = 1, max = 600, default = SECONDS },
      "Seconds after which it is stopped." },
  },
  effect      = "write",
  needs       = { exec = { "bash" }, read = { "." }, write = { "." } },
  timeout     = "11m",
  run         = bash,
}
