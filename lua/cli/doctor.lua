--- perigee doctor: whether commands can be jailed here, found by doing it.
local args = require "lib.args"

local SPEC <const> = {
  usage = "perigee doctor",
  about = "Says whether the sandbox works on this machine, and if not, which step fails "
    .. "and what helps.",
}

---@async
local function doctor(cli, words)
  local given, err = args.parse(SPEC, words)
  if not given then
    cli.err("perigee: " .. err.message .. "\n")
    return 2
  end
  if given.values.help then
    cli.out(args.help(SPEC))
    return 0
  end
  local ok
  ok, err = cli.probe_sandbox(true)
  if ok then
    cli.out("sandbox: full\n" .. assert(cli.sandbox_layers()))
    return 0
  end
  cli.out("sandbox: none: " .. err.message .. "\n")
  return cli.exit_code(err.code)
end

return { usage = SPEC.usage, run = doctor }
