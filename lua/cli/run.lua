--- perigee run: an agent or a chain on a task.
local allowance = require "lib.allowance"
local args    = require "lib.args"
local cassette = require "lib.cassette"
local catalog = require "lib.catalog"
local chains  = require "lib.chains"
local chooser = require "lib.chooser"
local each    = require "lib.each"
local fresh   = require "lib.fresh"
local json    = require "lib.json"
local launch  = require "lib.launch"
local network = require "lib.network"
local reply   = require "lib.reply"
local resume  = require "lib.resume"
local show    = require "lib.show"
local start   = require "lib.start"
local text    = require "lib.text"
local written = require "lib.written"

local SPEC <const> = {
  usage = "perigee run [OPTIONS] [AGENT|FILE.md|CHAIN.lua] TASK | --each [WHO]",
  about = "Runs an agent on a task and follows its relations to the next agents. "
    .. "Without an agent lua/routing.lua chooses one. A task of - is read from stdin.",
  positionals = {
    { "WHO", "an agent (any unique part of its name), a definition's file, or a chain",
      optional = true },
    { "TASK", "what you want done", optional = true },
  },
  options = {
    { "--model", "text", "a model, a tier, or rehearsal:FILE, which needs no key" },
    { "--workspace", "text", "the folder to work in (default: the current one)", hint = "DIR" },
    { "--project", "text", "the folder whose agents count (default: found from the current one)",
      hint = "DIR" },
    { "--hops", "text",
      "off, auto (handoff calls and trigger phrases) or full (the primary chain too)",
      hint = "MODE" },
    { "--chooser", "text", "who chooses an agent: rank (default) or model (from the best ten)",
      hint = "HOW" },
    { "--limit", "key=value list",
      "turns=, calls=, hops=, children=, tokens=, usd=, written=, time=; none lifts one",
      keys = allowance.KEYS },
    { "--set", "list", "a parameter of a chain; perigee run CHAIN.lua --help lists them",
      hint = "KEY=VALUE" },
    { "--attach", "list", "a text file whose content is added to the task", hint = "FILE" },
    { "--resume", "text", "go on with a run that was stopped or waits, as perigee runs resume does",
      hint = "RUN" },
    { "--each", "flag", "tasks from stdin, one a line, until it ends: text, or "
      .. '{"agent":..., "task":..., "set":{...}}' },
    { "--store", "text", "the journal's file", hint = "FILE" },
    { "--record", "text", "keep what is asked of models and servers, and what they answer",
      hint = "FILE" },
    { "--replay", "text", "take the answers from a recording: no network, no key", hint = "FILE" },
    { "--json", "flag", "print one JSON object at the end" },
    { "--events", "flag", "print one JSON object a line while it runs" },
    { "--unconfined", "flag", "run commands WITHOUT a sandbox" },
    table.unpack(network.OPTIONS),
  },
}

local ATTACH_MOST <const> = 1024 * 1024

--- Says why no run began; with --json also as the one object that was promised. `line` is that of
--- stdin.
local function refuse(cli, words, err, code, line)
  for _, word in ipairs(words) do
    if word == "--" then break end
    if word == "--json" then
      local why = { code = err.code or "invalid", message = err.message }
      cli.out(json.encode(json.object { { "line", line }, { "status", why.code },
        { "error", why } }) .. "\n")
      break
    end
  end
  return show.failure(cli, err, code)
end

--- The task with what was attached, or what is wrong.
local function read_task(cli, given, task)
  local err
  if task == "-" and not given.values.each then
    task, err = cli.read_stdin()
    if not task then
      return nil, { code = err.code, message = "read the task from stdin: " .. err.message }
    end
  end
  if not utf8.len(task) then return nil, { code = "invalid", message = "the task is not UTF-8" } end
  for _, path in ipairs(given.values.attach or {}) do
    local content
    content, err = cli.read_file(path, ATTACH_MOST)
    if not content then return nil, err end
    if not utf8.len(content) then
      return nil, { code = "invalid", message = path .. " is no UTF-8 text" }
    end
    task = ("%s\n\n## %s\n```\n%s\n```"):format(task, path, content)
  end
  return task
end

--- A file that the command line names is taken at the user's word; whose it is should be seen.
local function note_named(loaded, path, real)
  local why = written.why(loaded.project.written, path, real)
  if why then
    loaded.project.lines[#loaded.project.lines + 1] =
      ("%s: %s; it is taken because you named it"):format(path, why)
  end
end

--- What the first word names: an agent, or a chain's file.
local function find_who(cli, loaded, word)
  local info = cli.stat(word)
  local path = info and info.kind == "file" and info.real
  if path and (word:match("%.md$") or word:match("%.lua$")) then
    note_named(loaded, word, path)
  end
  if word:sub(-3) == ".md" then return catalog.add_file(cli, loaded.catalog, word) end
  if not chains.is_file(word) then return loaded.catalog.find(word) end
  local found, err = chains.find(cli, word)
  if not found then return nil, err end
  return { chain = found, name = word:match("([^/]+)%.lua$") }
end

--- Who gets a task that names nobody. Where a model is to pick, that is done in the run.
local function choose_who(cli, loaded, task, values)
  if not task:find("%S") then
    return nil, { message = "the task is missing; usage: " .. SPEC.usage, exit = 2 }
  end
  local named = not task:find("%s") and loaded.catalog.find(task)
  if named then
    return nil, { exit = 2, message = ("the task is missing: %q names the agent %s; "
      .. "perigee run %s TASK"):format(task, named.name, task) }
  end
  local usable, err = start.settings(cli, loaded.gate)
  if not usable then return nil, err end
  local choice
  choice, err = chooser.choose(start.asker(cli), loaded.catalog, task)
  if not choice then return nil, start.located(cli, err) end
  local candidates
  if choice.ask or values.chooser == "model" then candidates = chooser.candidates(choice) end
  if candidates and #candidates == 1 then
    choice.to, candidates = candidates[1], nil
  end
  local first = loaded.catalog.by_name[choice.to]
  return { name = first and not candidates and first.name or chooser.NAME, choice = choice,
    candidates = candidates, file = first and first.file, blocked = first and not candidates
    and first.blocked, missing = first and not candidates and first.missing }
end

--- Prints the help of the verb, or of the chain that was named.
local function help(cli, given)
  local word = given.positionals[1] or ""
  if not chains.is_file(word) then
    cli.out(args.help(SPEC))
    return nil
  end
  local loaded, err = start.load(cli, given.values.project)
  if not loaded then return nil, err end
  launch.say_lines(cli, loaded)
  local path, chain
  path, err = chains.find(cli, word)
  if not path then return nil, err end
  chain, err = chains.declare(cli, path)
  if not chain then return nil, err end
  cli.out(show.clean(chains.help(chain)))
end

local function usage_error(message) return nil, { message = message }, 2 end

--- What --each does not go with.
local function check_each(values, positionals)
  for _, name in ipairs { "record", "replay" } do
    if values[name] then
      return usage_error(("--each and --%s do not go together"):format(name))
    end
  end
  if #positionals > 1 then
    return usage_error("--each takes its tasks from stdin; usage: perigee run --each [WHO]")
  end
  return true
end

--- A run that goes on is what it was; only these words are about how.
local OF_RESUME <const> = { "resume", "model", "limit", "json", "events", "unconfined", "store" }

local function check_resume(values, positionals)
  if #positionals > 0 then return usage_error("usage: perigee run --resume RUN") end
  for _, name in ipairs(text.sorted_keys(values)) do
    if values[name] and not text.one_of(OF_RESUME, name) then
      return usage_error(("--resume and --%s do not go together"):format((name:gsub("_", "-"))))
    end
  end
  return true
end

--- What the command line says, checked.
---@return table? given, Error? err, integer? code
local function read_words(words)
  local given, err = args.parse(SPEC, words)
  if not given then return nil, err, 2 end
  local values = given.values
  if values.help then return given end
  if values.chooser and not text.one_of({ "rank", "model" }, values.chooser) then
    return usage_error(("--chooser %s: rank or model"):format(values.chooser))
  end
  if values.hops and not text.one_of({ "off", "auto", "full" }, values.hops) then
    return usage_error(("--hops %s: off, auto or full"):format(values.hops))
  end
  if values.record and values.replay then
    return usage_error("--record and --replay do not go together")
  end
  if values.each then
    local ok, why, code = check_each(values, given.positionals)
    if not ok then return nil, why, code end
  elseif values.resume then
    local ok, why, code = check_resume(values, given.positionals)
    if not ok then return nil, why, code end
  elseif #given.positionals == 0 then
    return usage_error("WHO is missing; usage: " .. SPEC.usage)
  end
  given.limits, err = allowance.read(values.limit or {}, allowance.KEYS)
  if not given.limits then return nil, err, 2 end
  given.set, err = chains.pairs(values.set or {})
  if not given.set then return nil, err, 2 end
  given.said, err = network.given(values)
  if not given.said then return nil, err, 2 end
  return given
end

--- What is to be done, of the words of the command line.
---@return each.Item
local function item_of(cli, given)
  local word, task = given.positionals[1], given.positionals[2]
  local a_file = (word:match("%.md$") or word:match("%.lua$"))
    and (not word:find("%s") or cli.stat(word) ~= nil)
  if task or a_file then return { who = word, task = task or "", set = given.set } end
  return { task = word, set = given.set }
end

--- Everything that can be refused before a run of `item` exists.
---@return table? ready, Error? err, integer? code
local function prepare(cli, given, item, loaded)
  local values = given.values
  local task, err = read_task(cli, given, item.task)
  if not task then return nil, err end
  local who
  if item.who then who, err = find_who(cli, loaded, item.who)
  else who, err = choose_who(cli, loaded, task, values) end
  if not who then return nil, err, err.exit end
  start.equip(loaded.catalog, loaded.box.tools)
  launch.report(cli, loaded, who)
  if who.blocked then return nil, who.blocked end
  if task == "" and not who.chain then
    return usage_error("the task is missing; usage: " .. SPEC.usage)
  end
  local replay
  if values.replay then
    replay, err = cassette.play(cli, values.replay,
      launch.workspace_of(cli, values, loaded.project))
    if not replay then return nil, err end
  end
  return { given = given, values = values, loaded = loaded, who = who, task = task,
    set = item.set, replay = replay }
end

-- many runs ---------------------------------------------------------------------------------------

--- One line of stdin: a run, or why there is none.
---@return show.Total? total, Error? err, integer? code
local function run_line(cli, given, memory, line, number)
  local item, err = each.item(line, given.positionals[1], given.set)
  if not item then return nil, err, 2 end
  local quiet = memory.began
  local loaded
  loaded, err = fresh.load(cli, given.values.project,
    { ask = not (given.values.json or given.values.events) }, memory)
  if not loaded then return nil, err end
  local ready, code
  ready, err, code = prepare(cli, given, item, loaded)
  if not ready then return nil, err, code end
  ready.line = number
  local total
  total, err = launch.one(cli, ready, quiet)
  fresh.worked(loaded, memory)
  return total, err
end

--- Tasks from stdin, a run each, until it ends or somebody interrupts.
---@async
---@return integer code
local function run_each(cli, words, given)
  local memory, tally, number = fresh.memory(), each.tally(), 0
  while true do
    local line, err = cli.read_line()
    if err then return show.failure(cli, err) end
    if not line then break end
    number = number + 1
    if line:find("%S") then
      local total, code
      total, err, code = run_line(cli, given, memory, line, number)
      if total then
        code = total.status == "ok" and 0 or cli.exit_code(total.status)
      else
        err.message = ("line %d: %s"):format(number, err.message)
        code = refuse(cli, words, err, code or err.exit, number)
      end
      each.count(tally, total, code)
      if cli.interrupted() then break end
      local settled
      settled, err = cli.settle_written()
      if not settled then cli.err("perigee: " .. show.clean(err.message) .. "\n") end
    end
  end
  if not given.values.events then cli.err("perigee: " .. each.summary(tally) .. "\n") end
  return tally.code
end

--- A run that goes on.
---@async
local function run_again(cli, words, values)
  local ok, err = start.journal(cli, values.store)
  if not ok then return refuse(cli, words, err) end
  local id, top = reply.find(cli, values.resume)
  if not id then return refuse(cli, words, top) end
  return resume.carry_on(cli, top.run, values)
end

---@async
local function run_verb(cli, words)
  local given, err, code = read_words(words)
  if not given then return refuse(cli, words, err, code) end
  if given.values.help then
    code, err = help(cli, given)
    return err and refuse(cli, words, err) or code
  end
  if given.values.each then return run_each(cli, words, given) end
  if given.values.resume then return run_again(cli, words, given.values) end
  local loaded
  loaded, err = start.load(cli, given.values.project,
    { ask = not (given.values.json or given.values.events) })
  if not loaded then return refuse(cli, words, err) end
  launch.say_lines(cli, loaded)
  local ready
  ready, err, code = prepare(cli, given, item_of(cli, given), loaded)
  if not ready then return refuse(cli, words, err, code) end
  local total
  total, err = launch.one(cli, ready)
  if not total then return refuse(cli, words, err) end
  return launch.exit_code(cli, given.values, total.status)
end

return { usage = SPEC.usage, run = run_verb }
