--- perigee test: the Lua tests of a project, as TAP.
local args    = require "lib.args"
local bench   = require "lib.bench"
local grants  = require "lib.grants"
local json    = require "lib.json"
local limits  = require "lib.limits"
local network = require "lib.network"
local session = require "lib.session"
local show    = require "lib.show"
local start   = require "lib.start"

local SPEC <const> = {
  usage = "perigee test [FILE...]",
  about = "Runs *_test.lua files (default: those below tests/lua) and prints TAP. "
    .. "Each test has a run and an empty workspace of its own.",
  positionals = {
    { "FILE", "a file of tests, or a folder of them", optional = true, many = true },
  },
  options = {
    { "--model", "text", "who answers run.ask; rehearsal:FILE needs no key" },
    { "--workspace", "text", "the folder that tools work in (default: an empty temporary one)",
      hint = "DIR" },
    { "--store", "text", "keep the runs of the tests in this journal", hint = "FILE" },
    { "--unconfined", "flag", "run commands WITHOUT a sandbox" },
  },
}

local function find(cli, path, into)
  local info = cli.stat(path)
  if not info then return nil, { code = "not_found", message = path .. ": no such file" } end
  if info.kind ~= "folder" then
    into[#into + 1] = info.real
    return true
  end
  for _, entry in ipairs(cli.list_folder(path)) do
    if entry.folder or entry.name:sub(-9) == "_test.lua" then
      find(cli, path .. "/" .. entry.name, into)
    end
  end
  return true
end

local function print_result(cli, number, result, file)
  local skip = result.skipped and " # SKIP " .. show.clean(result.skipped) or ""
  cli.out(("%s %d - %s%s\n"):format(result.ok and "ok" or "not ok", number,
    show.clean((result.name:gsub("%s+", " "):gsub("#", "\\#"))), skip))
  if not result.ok then
    cli.out(("# %s\n"):format(show.clean(file)))
    for line in ((result.message or "") .. "\n"):gmatch("([^\n]*)\n") do
      cli.out("# " .. show.clean(line) .. "\n")
    end
  end
end

--- Does `work` in a run of its own, in the workspace that was named or an empty one.
local function in_run(cli, how, file, task, work)
  local temp, err
  if not how.values.workspace then
    temp, err = cli.make_temp("perigee-test")
    if not temp then return nil, err end
  end
  local opened = how.opened
  local run
  run, err = cli.open_run {
    agent = "test", task = task, workspace = how.values.workspace or temp, pins = how.pins,
    roots = grants.of_run(opened.tools), unconfined = how.values.unconfined,
    sandbox = network.of_run(opened), limits = opened.settings.limits,
  }
  if not run then return nil, err end
  limits.set(run)
  opened.visits, opened.said, opened.options.model = {}, {}, how.model
  opened.bench = bench.new(cli, opened, file)
  local answer
  answer, err = run:scope(function()
    session.record(run, "run.started", { format = 2, agent = "test", task = task,
      workspace = run.workspace, sandbox = session.get().sandbox, files = run:sources() })
    return work(run)
  end)
  local status = err and err.code or "ok"
  run:finish(status, json.encode { status = status })
  run:close()
  if temp then cli.remove_temp(temp) end
  return answer, err
end

--- The tests of one file, each in a run and a workspace of its own: none depends on another.
---@param say fun(outcome: test.Outcome)
local function run_file(cli, file, how, say)
  local names, err = in_run(cli, how, file, file, function(run)
    return run:script("lua/lib/tester.lua", "names", file)
  end)
  if not names then return say { name = file, ok = false, message = err.message } end
  for number, name in ipairs(names) do
    local outcome
    outcome, err = in_run(cli, how, file, name, function(run)
      return run:script("lua/lib/tester.lua", "one", file, number)
    end)
    say(outcome or { name = name, ok = false, message = err.message })
  end
end

--- The tests below the current folder are Lua of its project. A folder that is named is taken at
--- the user's word.
local function may_look(loaded)
  local where = loaded.project
  if where.root == where.folders.distribution or loaded.gate.level ~= "none" then return true end
  return nil, { code = "denied", message = "tests/lua is Lua of a project that is not trusted: "
    .. "perigee test tests/lua runs it once, perigee trust DIR trusts the project" }
end

---@async
local function test(cli, words)
  local given, err = args.parse(SPEC, words)
  if not given then
    cli.err("perigee: " .. show.clean(err.message) .. "\n")
    return 2
  end
  local values = given.values
  if values.help then
    cli.out(args.help(SPEC))
    return 0
  end
  local loaded, ok
  loaded, err = start.load(cli)
  ok = loaded
  if loaded and #given.positionals == 0 then ok, err = may_look(loaded) end
  if not ok then return show.failure(cli, err) end
  local files = {}
  for _, path in ipairs(#given.positionals > 0 and given.positionals or { "tests/lua" }) do
    ok, err = find(cli, path, files)
    if not ok then
      cli.err("perigee: " .. show.clean(err.message) .. "\n")
      return cli.exit_code(err.code)
    end
  end
  local opened
  opened, err = start.session(cli, loaded, {
    model = values.model, unconfined = values.unconfined,
    sink = function(event) session.get().bench.watch(event) end,
  })
  if not opened then
    cli.err("perigee: " .. show.clean(err and err.message or "no session") .. "\n")
    return 1
  end
  if values.store then
    local kept
    kept, err = start.journal(cli, values.store)
    if not kept then return show.failure(cli, err) end
  end
  if not values.model or opened.options.model:sub(1, 10) == "rehearsal:" then cli.skip_waits() end
  local how = { values = values, pins = loaded.project.pins, opened = opened,
    model = opened.options.model }
  local number, bad = 0, 0
  for _, file in ipairs(files) do
    run_file(cli, file, how, function(outcome)
      number = number + 1
      if not outcome.ok then bad = bad + 1 end
      print_result(cli, number, outcome, file)
    end)
  end
  cli.out(("1..%d\n"):format(number))
  return bad > 0 and 1 or 0
end

return { usage = SPEC.usage, run = test }
