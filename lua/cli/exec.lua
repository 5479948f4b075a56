--- perigee exec: one command in the sandbox, with its own exit code.
local args  = require "lib.args"
local json  = require "lib.json"
local project = require "lib.project"
local show  = require "lib.show"

local SPEC <const> = {
  usage = "perigee exec [OPTIONS] -- COMMAND [ARGUMENT...]",
  about = "Runs a command as a tool would: in the sandbox, on the workspace. "
    .. "Ends with the command's own code;\n"
    .. "125 when the sandbox failed, 126 when the command cannot be started, "
    .. "127 when there is none.",
  positionals = { { "COMMAND", "the program and its arguments", many = true } },
  options = {
    { "--workspace", "text", "the folder to work in (default: the current one)", hint = "DIR" },
    { "--timeout", "duration", "stop it after this long: 20s, 4m (default 120s)" },
    { "--memory", "integer", "megabytes that it and its children may use (default 4096)",
      hint = "MB" },
    { "--processes", "integer", "most processes at a time (default 512)" },
    { "--output", "integer", "bytes kept of each output (default 1048576)" },
    { "--stdin", "flag", "pass stdin on" },
    { "--json", "flag", "print what happened as one JSON object" },
    { "--unconfined", "flag", "WITHOUT a sandbox" },
  },
}

local LIMITS <const> = { wall = "time (--timeout)", memory = "memory (--memory)" }

local SANDBOX_FAILED <const>, CANNOT_START <const>, NO_COMMAND <const> = 125, 126, 127

local failed = show.failure

--- Our own failures, told apart from the command's.
local function code_of(err)
  if err.code == "not_found" then return NO_COMMAND end
  if err.code == "denied" or err.code == "invalid" then return CANNOT_START end
  return SANDBOX_FAILED
end

---@async
local function exec(cli, words)
  local given, err = args.parse(SPEC, words)
  if not given then return failed(cli, err, 2) end
  local values = given.values
  if values.help then
    cli.out(args.help(SPEC))
    return 0
  end
  for _, key in ipairs { "timeout", "memory", "processes", "output" } do
    if values[key] and values[key] < 1 then
      return failed(cli, { message = ("--%s: at least 1"):format(key) }, 2)
    end
  end
  local input
  if values.stdin then
    input, err = cli.read_stdin()
    if not input then return failed(cli, err, SANDBOX_FAILED) end
  end
  local where = project.find(cli) -- a project that cannot be read is no reason to refuse a command
  local run
  run, err = cli.open_run {
    agent = "exec", task = table.concat(given.positionals, " "),
    workspace = values.workspace or cli.folders().current, pins = where and where.pins,
    unconfined = values.unconfined,
  }
  if not run then return failed(cli, err, SANDBOX_FAILED) end
  if values.unconfined then cli.err("perigee: WITHOUT a sandbox\n") end

  local command = given.positionals
  command.timeout, command.stdin = values.timeout, input
  command.processes, command.output = values.processes, values.output
  command.memory = values.memory and values.memory * 1024 * 1024
  local done
  done, err = run:scope(function() return run:exec(command) end)
  run:finish(err and err.code or "ok", "{}")
  run:close()
  if not done then return failed(cli, err, code_of(err)) end
  if values.json then
    cli.out(json.encode(done) .. "\n")
  else
    cli.out(done.stdout)
    cli.err(done.stderr)
    if done.limit then
      cli.err(("perigee: the command was stopped at its limit of %s\n")
        :format(LIMITS[done.limit] or done.limit))
    end
  end
  return done.exit_code
end

return { usage = SPEC.usage, run = exec }
