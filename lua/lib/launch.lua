--- From what a command line, or a journal, says of a run to its last line. Host VM only.
local agent   = require "lib.agent"
local cassette = require "lib.cassette"
local catalog = require "lib.catalog"
local changes = require "lib.changes"
local chains  = require "lib.chains"
local chooser = require "lib.chooser"
local filename = require "lib.filename"
local fresh   = require "lib.fresh"
local grants  = require "lib.grants"
local grounds = require "lib.grounds"
local inbox   = require "lib.inbox"
local json    = require "lib.json"
local limits  = require "lib.limits"
local network = require "lib.network"
local opening = require "lib.opening"
local past    = require "lib.past"
local session = require "lib.session"
local show    = require "lib.show"
local start   = require "lib.start"
local toolbox = require "lib.toolbox"

local launch = {}

---@class launch.Ready
---@field given   { values: table, limits: Limits, said: settings.Given[], journal: boolean? }
---@field values  table    options of the verb
---@field loaded  start.Loaded
---@field who     table    an agent, { chain =, name = }, or { choice =, candidates = }
---@field task    string
---@field set?    table<string, string> of --set
---@field params? table    of a chain, checked
---@field replay? cassette.About
---@field narrowed? Limits a chain's own
---@field most?   Limits   as they hold for the run
---@field line?   integer  of --each
---@field again?  resume.Again of a run that goes on
---@field folder?  { device: integer, inode: integer } its workspace, as it was judged
---@field attachments? integer

--- What people should know of the project, each line once.
function launch.say_lines(cli, loaded)
  for _, line in ipairs(loaded.project.lines) do
    cli.err("perigee: " .. show.clean(line) .. "\n")
  end
  loaded.project.lines = {}
end

--- Says before anything happens what could not be used.
function launch.report(cli, loaded, who)
  local function say(...)
    if loaded.say then return loaded.say(string.format(...)) end
    cli.err("perigee: " .. show.clean(string.format(...)) .. "\n")
  end
  for _, one in ipairs(loaded.box.diagnostics) do say("%s", toolbox.say(one)) end
  launch.say_lines(cli, loaded)
  if who.source then catalog.outline { who } end
  for _, one in ipairs(loaded.catalog.diagnostics) do
    if not one.stays and (one.file == who.file or one.taken == who.file) then
      say("%s:%d:%d: %s", one.file, one.line, one.column, one.message)
    end
  end
  if who.missing and #who.missing > 0 then
    say("%s has no tool here called %s; it runs without", who.name, table.concat(who.missing, ", "))
  end
end

--- The agent for a task that names nobody: what routing chose, or what a model picks of it now. The
--- decision is recorded with those who came after.
local function settle(run, who, task)
  local found, name, why = who.choice, who.choice.to, who.choice.why
  if who.candidates then -- in a run that goes on its records answer, which nobody else may take
    name, why = chooser.pick(run, task, who.candidates)
    if not name then return nil, why end
  end
  local known = past.take(run, "decision", "choose")
  if known then return session.get().catalog.by_name[known.to] end
  session.record(run, "decision", { what = "choose", to = name, why = why, from = found.from,
    by = who.candidates and "model" or "routing", candidates = who.candidates,
    runners_up = found.runners_up })
  session.emit(run, "notice", { text = ("%s gets the task: %s"):format(name, why) })
  return session.get().catalog.by_name[name]
end

local function gone()
  return { code = "not_found", message = "the agent that was chosen is gone" }
end

local function agent_work(run, who, task, options)
  return function()
    if who.choice then
      local err
      who, err = settle(run, who, task)
      if not who then return nil, err or gone() end
      if who.blocked then return nil, who.blocked end
    end
    local bare, first = opening.of(task)
    return agent.run(run, { agent = who, task = bare, opening = first, hops = options.hops,
      attachments = options.attachments })
  end
end

--- Who watches, by the options; and how text is spoken.
local function watchers(cli, values)
  local count, total = show.counter()
  local watch
  if values.events then
    watch = show.events(cli)
  elseif values.json then
    watch = function() end
  else
    watch = show.people(cli, cli.terminal and cli.out or cli.err)
  end
  return function(event)
    count(event)
    if not event.known then watch(event) end
  end, total
end

--- How a person answers what a parked run waits for.
local function how_to_answer(one)
  local name = ("%s:%d"):format(one.run, one.seq)
  if one.kind == "question" then return ("  perigee runs answer %s TEXT\n"):format(name) end
  return ("  perigee runs approve %s, or: perigee runs deny %s\n"):format(name, name)
end

--- A run that ended before its work was done goes on where somebody wants it to.
local GOES_ON <const> = { cancelled = "", timeout = "", unavailable = "", io = "",
  limit = " --limit KEY=MORE" }

local function print_result(cli, values, total, result, err)
  if values.events then return end
  if values.json then
    cli.out(json.encode(json.object {
      { "line", total.line }, { "run", total.run }, { "status", total.status },
      { "agent", result and result.agent }, { "text", result and result.text },
      { "value", result and result.value }, { "sources", result and result.sources },
      { "hops", result and result.hops },
      { "questions", result and result.questions },
      { "waiting", total.waiting },
      { "turns", total.turns }, { "calls", total.calls },
      { "tokens", not total.rehearsed and total.tokens or nil },
      { "usage", not total.rehearsed and total.usage or nil },
      { "cost_usd", not total.rehearsed and total.usd or nil },
      { "cost_estimated", total.estimated }, { "cost_least", total.least },
      { "rehearsed", total.rehearsed }, { "time_ms", total.ms },
      { "error", err and { code = err.code, message = err.message } or result and result.error },
    }) .. "\n")
    return
  end
  if err then show.failure(cli, err, 0) end
  for _, one in ipairs(total.waiting or {}) do cli.err(how_to_answer(one)) end
  if result and result.error then
    cli.err("perigee: ended early: " .. show.clean(result.error) .. "\n")
  end
  for _, one in ipairs(result and result.questions or {}) do
    cli.err(show.clean(("perigee: %s asked you, and nobody answered: %s\n"):format(one.agent,
      one.question)))
  end
  if result and (not cli.terminal or not result.agent) then
    cli.out(show.clean((result.text:gsub("\n*$", "\n"))))
  end
  cli.err(show.total(total) .. "\n")
  local how = GOES_ON[total.status]
  if how then cli.err(("perigee runs resume %s%s goes on from here\n"):format(total.run, how)) end
end

--- The workspace's real path, as far as it can be told before it is opened.
function launch.workspace_of(cli, values, project)
  local path = values.workspace or project.folders.current
  local info = cli.stat(path)
  return info and info.real or path
end

--- Opens journal (once a process), recording, workspace and run.
local function open_run(cli, ready, opened)
  local given, project, again = ready.given, ready.loaded.project, ready.again
  local values, ok, err = given.values, given.journal, nil
  if not ok then ok, err = start.journal(cli, values.store) end
  if not ok then return nil, err end
  given.journal = ok
  if values.record then
    ok, err = cli.record(values.record,
      cassette.about(opened, ready.task, launch.workspace_of(cli, values, project)))
    if not ok then return nil, err end
  end
  return cli.open_run {
    agent = ready.who.name, task = ready.task,
    workspace = values.workspace or project.folders.current, folder = ready.folder,
    pins = project.pins, unconfined = values.unconfined,
    roots = grants.of_run(opened.tools),
    sandbox = network.of_run(opened), limits = opened.settings.limits,
    past = again and { id = again.id, seq = again.seq, started = again.started },
  }
end

--- Opens what a run needs, but not the run.
---@return table? params of a chain, Error? err
local function params_of(cli, ready)
  if not ready.who.chain then return {} end
  if ready.params then return ready.params end
  local chain, err = fresh.attempt(cli, function() return chains.declare(cli, ready.who.chain) end)
  if not chain then return nil, err end
  ready.narrowed = chain.limits
  return chains.params(chain, ready.task, ready.set)
end

--- Says once a process what everything that follows goes without.
local function say_sandbox(cli, values, opened)
  if values.unconfined then
    cli.err("perigee: WITHOUT a sandbox: commands of this run may do all that you may\n")
  end
  if opened.no_sandbox then
    cli.err("perigee: no sandbox, so nothing that starts commands is offered: "
      .. show.clean(opened.no_sandbox.message) .. "\n")
  end
end

--- The first record of a run, or of its going on. What it says is what a later process needs to go
--- on as this one would have.
local function record_start(cli, run, ready, opened, params)
  local again, who, given = ready.again, ready.who, ready.given
  local identity = grounds.identity(cli, run.workspace)
  if again then
    session.record(run, "run.resumed", { by = "resume", after = again.seq,
      forget = again.forget, below = again.below, from = again.from,
      with_current = again.with_current, model = given.values.model, limits = ready.most,
      files = run:sources(), workspace = run.workspace, workspace_id = identity })
    return
  end
  session.record(run, "run.started", {
    format = 2, agent = not who.chain and who.name or nil, chain = who.chain, task = ready.task,
    params = who.chain and params or nil, workspace = run.workspace, workspace_id = identity,
    model = opened.options.model, hops = opened.options.hops, sandbox = opened.sandbox,
    files = run:sources(), definition = who.layer == "named" and who.file or nil,
    choice = who.choice, candidates = who.candidates, project = ready.loaded.project.root,
    limits = ready.most, options = { settings = given.said,
      unconfined = given.values.unconfined, attachments = #(given.values.attach or {}) },
  })
end

--- The work of a run, which listens meanwhile for what people say to it from elsewhere.
---@return agent.Result? result, Error? err
local function listening(run, work)
  local done, err = run:race {
    work = function() -- a failure must settle the race as well as a success
      local ok, result, why = pcall(work)
      return { ok = ok, result = result, err = why }
    end,
    inbox = function() inbox.listen(run) end,
  }
  if not done then return nil, err end
  if not done.ok then error(done.result, 0) end
  return done.result, done.err
end

local function begin_total(run, ready, total)
  local again = ready.again
  session.get().top = run
  total.run, total.line = run.id, ready.line
  ready.most = limits.set(run, ready.given.limits, ready.narrowed)
  if again then
    local mine = again.pasts[again.id]
    local stops = limits.stops(mine.records)
    limits.restore(run, mine.records, stops, mine.gone)
    limits.charge_gone(run, mine.gone, again.pasts, stops)
    changes.restore(again.pasts, grounds.mover(again.pasts[again.id], run.workspace))
    inbox.receive(run, again.messages)
  end
end

--- Takes away the halves of files that a killed process was writing.
local function sweep(run, again)
  if not again or not past.wrote_last(again.pasts) then return end
  for _, path in ipairs(run:sweep_drafts()) do
    session.emit(run, "notice", { text = ("%s is removed: the interrupted process was writing it")
      :format(filename.shown(path)) })
  end
end

--- One run from its opening to its last line.
---@async
---@param cli   table
---@param ready launch.Ready
---@param quiet boolean? what was said of the sandbox is not said again
---@return show.Total? total, Error? err the run never began
function launch.one(cli, ready, quiet)
  local began = cli.now()
  local values, loaded, who, again = ready.values, ready.loaded, ready.who, ready.again
  local sink, total = watchers(cli, values)
  local opened, err = fresh.attempt(cli, function()
    return start.session(cli, loaded, {
      replay = ready.replay,
      model = values.model, hops = values.hops, unconfined = values.unconfined, sink = sink,
      asks = not values.json and not values.events, parks = true,
      pasts = again and again.pasts, visits = again and again.visits,
      given = ready.given.said, workspace = values.workspace or loaded.project.folders.current,
    })
  end)
  if not opened then return nil, err end
  opened.options.exact_order = (values.record or values.replay) ~= nil
  if not quiet then say_sandbox(cli, values, opened) end
  local params
  params, err = params_of(cli, ready)
  if not params then return nil, err end

  local run
  run, err = open_run(cli, ready, opened)
  if not run then return nil, err end
  begin_total(run, ready, total)

  local work = who.chain and function() return chains.work(run, who.chain, params) end
    or agent_work(run, who, ready.task,
      { hops = opened.options.hops, attachments = ready.attachments or #(values.attach or {}) })
  local result
  result, err = agent.whole(run, function()
    record_start(cli, run, ready, opened, params)
    if again then inbox.drop_gone(run, again.pasts) end
    sweep(run, again)
    if ready.replay then return work() end -- what people said is no part of a recording
    return listening(run, work)
  end)
  total.status = err and err.code or result.status
  total.waiting = run.parked and opened.parked or nil
  total.ms = cli.now() - began
  print_result(cli, values, total, result, err)
  run:close()
  return total
end

--- The exit code. A recording that is not whole, or was not played whole, is no success.
function launch.exit_code(cli, values, status)
  local whole, err = cli.end_traffic()
  local code = status == "ok" and 0 or cli.exit_code(status)
  if whole or values.replay and code ~= 0 then return code end -- the run ended with it
  return show.failure(cli, err, code ~= 0 and code or nil)
end

return launch
