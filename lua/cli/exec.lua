--- perigee exec: one command in the sandbox, with its own exit code.
local args     = require "lib.args"
local base64   = require "lib.base64"
local denial   = require "lib.denial"
local duration = require "lib.duration"
local json     = require "lib.json"
local network  = require "lib.network"
local project  = require "lib.project"
local settings = require "lib.settings"
local show     = require "lib.show"

local function joined(...)
  local all = {}
  for _, list in ipairs { ... } do table.move(list, 1, #list, #all + 1, all) end
  return all
end

local SPEC <const> = {
  usage = "perigee exec [OPTIONS] -- COMMAND [ARGUMENT...]",
  about = "Runs a command as a tool would: in the sandbox, on the workspace. "
    .. "Its output comes as it is written; "
    .. "a terminal is spared what could drive it, a pipe gets every byte (| cat). "
    .. "Ends with the command's "
    .. "own code, 128 and its signal; 125 when the sandbox failed, 126 when the command cannot be "
    .. "started, 127 when there is none.",
  positionals = { { "COMMAND", "the program and its arguments", many = true } },
  options = joined({
    { "--workspace", "text", "the folder to work in (default: the current one)", hint = "DIR" },
    { "--timeout", "text", "stop it after this long: 20 (seconds), 4m, 1h30m (default 120s)",
      hint = "TIME" },
    { "--cpu", "text", "processor time of each of its processes (default 120s)", hint = "TIME" },
    { "--memory", "text", "memory of it and its children (default 4096M)", hint = "SIZE" },
    { "--procs", "text", "most processes at a time (default 512)", hint = "N" },
    { "--file-size", "text", "largest file that it may write (default 1024M)", hint = "SIZE" },
    { "--output", "text", "bytes of each output that --json has, head and tail; at 16 times as "
      .. "much it is stopped (default 1M)", hint = "SIZE" },
    { "--show", "list", "a further path that it sees, read-only, instead of those of the settings",
      hint = "DIR" },
    { "--stdin", "flag", "read stdin to its end first, at most 16 MB, and pass it on" },
    { "--json", "flag", "print what happened as one JSON object at the end" },
    { "--explain", "flag", "print every step that would lead to the command, and start nothing" },
    { "--unconfined", "flag", "WITHOUT a sandbox" },
  }, network.OPTIONS),
}

--- The keys of config.yaml that options stand for.
local KEYS <const> = {
  ["--timeout"] = "limits.time", ["--cpu"] = "limits.cpu", ["--memory"] = "limits.memory",
  ["--procs"] = "limits.processes", ["--file-size"] = "limits.file_size",
  ["--output"] = "limits.output", ["--show"] = "sandbox.show",
}

--- How a limit is named to whoever can raise it.
local LIMITS <const> = {
  wall = "time (--timeout)", cpu = "processor time (--cpu)", memory = "memory (--memory)",
  processes = "processes (--procs)", file = "file size (--file-size)", output = "output (--output)",
}

local USAGE <const> = 2
local SANDBOX_FAILED <const>, CANNOT_START <const>, NO_COMMAND <const> = 125, 126, 127

--- Our own failures, told apart from the command's.
local function code_of(err)
  if err.code == "not_found" then return NO_COMMAND end
  if err.code == "denied" or err.code == "invalid" then return CANNOT_START end
  return SANDBOX_FAILED
end

--- Says why nothing ran; with --json also as the one object that was promised.
local function refuse(cli, values, err, code)
  if values.json then
    cli.out(json.encode(json.object {
      { "exit_code", code }, { "error", { code = err.code, message = err.message } },
    }) .. "\n")
  end
  return show.failure(cli, err, code)
end

--- The settings in force for this command.
---@return settings.Settings? found, Error? err, integer? code
local function read_settings(cli, values, where)
  for _, key in ipairs { "timeout", "cpu" } do -- a bare number is of seconds, as timeout(1) has it
    if values[key] and values[key]:find("^%d+%.?%d*$") then values[key] = values[key] .. "s" end
  end
  local given, err = network.given(values, KEYS)
  if not given then return nil, err, USAGE end
  local found
  found, err = settings.load(cli, where, given)
  if not found then return nil, err, err.message:sub(1, 2) == "--" and USAGE or SANDBOX_FAILED end
  for _, warning in ipairs(found.warnings) do
    cli.err("perigee: " .. show.clean(warning) .. "\n")
  end
  return found
end

-- what came of it ---------------------------------------------------------------------------------

local function notes(done, facts)
  local lines = {}
  if done.limit then
    local tail = done.limit == "wall" and ", " .. duration.words(done.allowed_ms) or ""
    lines[1] = ("the command was stopped at its limit of %s%s")
      :format(LIMITS[done.limit] or done.limit, tail)
  end
  return joined(lines, denial.lines(done, facts))
end

--- One output: as text where it is UTF-8, else as base64, told by the key.
local function output_field(name, bytes)
  if utf8.len(bytes) then return { name, bytes } end
  return { name .. "_base64", base64.encode(bytes) }
end

local function print_object(cli, done, facts)
  cli.out(json.encode(json.object {
    { "exit_code", done.exit_code }, { "signal", done.signal }, { "limit", done.limit },
    { "denied", json.array(done.denied) }, { "denied_more", done.denied_more },
    { "notes", json.array(notes(done, facts)) },
    { "usage", done.usage }, { "allowed_ms", done.allowed_ms },
    output_field("stdout", done.stdout), { "stdout_dropped", done.stdout_dropped },
    output_field("stderr", done.stderr), { "stderr_dropped", done.stderr_dropped },
  }) .. "\n")
end

--- Passes output on as it comes, until the end.
---@async
---@return ExecDone? done, Error? err
local function stream(cli, command)
  local out  = cli.terminal and show.cleaner() or function(bytes) return bytes end
  local said = cli.error_terminal and show.cleaner() or function(bytes) return bytes end
  while true do
    local part, err = command:next()
    if not part then return nil, err end
    if part.done then
      cli.pass(out("", true))
      cli.pass(said("", true), true)
      return part.done
    end
    local passed
    if part.stdout then
      passed, err = cli.pass(out(part.stdout))
    else
      passed, err = cli.pass(said(part.stderr), true)
    end
    if not passed then return nil, err end
  end
end

---@async
---@return integer? code, Error? err
local function finish(cli, run, values, command, facts)
  local done, err
  if values.json then
    done, err = run:exec(command)
  else
    done, err = stream(cli, run:command(command))
  end
  if not done then return nil, err end
  if values.json then
    print_object(cli, done, facts)
  else
    for _, note in ipairs(notes(done, facts)) do
      cli.err("perigee: " .. show.clean(note) .. "\n")
    end
  end
  return done.exit_code
end

---@async
---@return integer? code, Error? err
local function explain(cli, run, command)
  local words, err = run:explain(command)
  if not words then return nil, err end
  cli.out(show.clean(words))
  return 0
end

---@async
local function exec(cli, words)
  local given, err = args.parse(SPEC, words)
  if not given then return show.failure(cli, err, USAGE) end
  local values = given.values
  if values.help then
    cli.out(args.help(SPEC))
    return 0
  end
  local where = project.find(cli) -- a project that cannot be read is no reason to refuse a command
  local found, code
  found, err, code = read_settings(cli, values, where)
  if not found then return refuse(cli, values, err, code) end
  local sandbox = found.sandbox
  local run
  run, err = cli.open_run {
    agent = "exec", task = table.concat(given.positionals, " "),
    workspace = values.workspace or cli.folders().current, pins = where and where.pins,
    unconfined = values.unconfined, sandbox = sandbox, limits = found.limits,
  }
  if not run then return refuse(cli, values, err, SANDBOX_FAILED) end
  if values.unconfined then cli.err("perigee: WITHOUT a sandbox\n") end

  local command = given.positionals
  code, err = run:scope(function()
    if values.explain then return explain(cli, run, command) end
    local why
    if values.stdin then
      command.stdin, why = cli.read_stdin()
      if not command.stdin then return nil, why end
    end
    return finish(cli, run, values, command,
      { network = values.unconfined and "host" or sandbox.network, hosts = sandbox.hosts })
  end)
  run:finish(err and err.code or "ok", "{}")
  run:close()
  if not code then return refuse(cli, values, err, code_of(err)) end
  return code
end

return { usage = SPEC.usage, run = exec }
