--- perigee route: who would get a task, who would go on after a reply, and why; no model is asked.
local args    = require "lib.args"
local json    = require "lib.json"
local routes  = require "lib.routes"
local show    = require "lib.show"
local start   = require "lib.start"
local text    = require "lib.text"
local written = require "lib.written"

local SPEC <const> = {
  usage = "perigee route [--explain] TASK | --from AGENT --reply FILE | test CASES.lua",
  about = "Says which agent would get a task, or who would go on after a reply, and why. "
    .. "Asks no model and begins no run; test exits with 1 when a case fails.",
  positionals = {
    { "TASK", "what you want done; - is stdin", optional = true },
    { "CASES.lua", "after test: a list of cases, { task = TEXT, to = AGENT } or "
      .. "{ from = AGENT, reply = TEXT, to = AGENT }; to = false wants nobody", optional = true },
  },
  options = {
    { "--explain", "flag", "every rule, with why it did or did not hold" },
    { "--from", "text", "the agent whose part has ended", hint = "AGENT" },
    { "--reply", "text", "its final reply; - is stdin", hint = "FILE" },
    { "--handoff", "text", "as if it had called handoff, to this agent", hint = "AGENT" },
    { "--hops", "text", "off, auto (default) or full", hint = "MODE" },
    { "--project", "text", "the folder whose agents count (default: found from the current one)",
      hint = "DIR" },
    { "--json", "flag", "print one JSON object" },
  },
}

local REPLY_MOST <const> = 1024 * 1024

--- Says why there is no answer; with --json also as the one object that was promised.
local function failed(cli, values, err, code)
  if values and values.json then
    cli.out(json.encode { error = { code = err.code or "invalid", message = err.message } } .. "\n")
  end
  return show.failure(cli, err, code)
end

local function read(cli, path)
  local content, err
  if path == "-" then content, err = cli.read_stdin() else
    content, err = cli.read_file(path, REPLY_MOST)
  end
  if not content then return nil, err end
  if not utf8.len(content) then
    return nil, { code = "invalid", message = path .. " is no UTF-8 text" }
  end
  return content
end

--- Who gets a task.
local function of_task(cli, loaded, task, values, limiting)
  local err
  if task == "-" then
    task, err = read(cli, "-")
    if not task then return failed(cli, values, err) end
  end
  local found
  found, err = routes.task(cli, loaded, task, limiting)
  if not found then return failed(cli, values, err) end
  cli.out(values.json and json.encode(found) .. "\n" or routes.task_words(found, values.explain))
  return 0
end

--- Who goes on after a reply.
local function of_reply(cli, loaded, values)
  local who, err = loaded.catalog.find(values.from)
  if not who then return failed(cli, values, err) end
  local reply = ""
  if values.reply then
    reply, err = read(cli, values.reply)
    if not reply then return failed(cli, values, err) end
  end
  local found
  found, err = routes.hop(cli, loaded, who,
    { reply = reply, handoff = values.handoff, hops = values.hops })
  if not found then return failed(cli, values, err) end
  cli.out(values.json and json.encode(found) .. "\n"
    or routes.hop_words(found, values.reply or "reply", values.explain))
  return 0
end

local function of_cases(cli, loaded, path, values)
  local info = cli.stat(path)
  if not info or info.kind ~= "file" then
    return failed(cli, values, { code = "not_found", message = path .. ": no such file" })
  end
  local by_run = written.why(loaded.project.written, path, info.real)
  if by_run then
    cli.err(show.clean(("perigee: %s: %s; it is taken because you named it\n")
      :format(path, by_run)))
  end
  local cases, err = cli.decide("lua/lib/decisions.lua", "cases", info.real)
  if not cases then return failed(cli, values, err) end
  local report = routes.try_all(cli, loaded, cases)
  cli.out(values.json and json.encode(report) .. "\n" or routes.report_words(report))
  return report.failed > 0 and 1 or 0
end

--- What is wrong with the words of a command line; nil when nothing is.
local function misuse(given)
  local values, words = given.values, given.positionals
  if values.hops and not text.one_of({ "off", "auto", "full" }, values.hops) then
    return ("--hops %s: off, auto or full"):format(values.hops)
  end
  if values.from then
    if #words > 0 then return "--from and a task are two questions; ask them one by one" end
    if not values.reply and not values.handoff then
      return "--from needs --reply FILE or --handoff AGENT"
    end
    return nil
  end
  if values.reply or values.handoff then return "--reply and --handoff need --from AGENT" end
  if #words == 2 and words[1] ~= "test" then
    return "one argument is the task; usage: " .. SPEC.usage
  elseif #words == 0 or not words[1]:find("%S") then
    return "the task is missing; usage: " .. SPEC.usage
  end
end

---@async
local function route(cli, words)
  local given, err = args.parse(SPEC, words)
  if not given then return failed(cli, nil, err, 2) end
  local values = given.values
  if values.help then
    cli.out(args.help(SPEC))
    return 0
  end
  local wrong = misuse(given)
  if wrong then return failed(cli, values, { message = wrong }, 2) end
  local loaded
  loaded, err = start.load(cli, values.project)
  if not loaded then return failed(cli, values, err) end
  for _, line in ipairs(loaded.project.lines) do
    cli.err(show.clean(("perigee: %s\n"):format(line)))
  end
  if loaded.gate.stop then return failed(cli, values, loaded.gate.stop) end
  local usable
  usable, err = start.settings(cli, loaded.gate)
  if not usable then return failed(cli, values, err) end
  if values.from then return of_reply(cli, loaded, values) end
  if #given.positionals == 2 then return of_cases(cli, loaded, given.positionals[2], values) end
  return of_task(cli, loaded, given.positionals[1], values, usable.limiting)
end

return { usage = SPEC.usage, run = route }
