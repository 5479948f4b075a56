--- A run that goes on: what its journal says becomes what a command line would have said, and the
--- records of its tree answer for what was done (DESIGN.md, section 11). Host VM only.
local allowance = require "lib.allowance"
local catalog = require "lib.catalog"
local chains  = require "lib.chains"
local drift   = require "lib.drift"
local forget  = require "lib.forget"
local grounds = require "lib.grounds"
local launch  = require "lib.launch"
local past    = require "lib.past"
local show    = require "lib.show"
local start   = require "lib.start"
local text    = require "lib.text"
local texts   = require "lib.texts"

local resume = {}

local FORMAT <const> = 2 -- of records: the newest that is known, and the first that has all places

---@class resume.Again what is known of the run
---@field id       string
---@field seq      integer of its last record
---@field started  integer Unix milliseconds
---@field pasts    table<string, past.Past> of its tree, by id
---@field visits   table<string, integer> conversations begun, by agent
---@field messages table[] that wait in its inbox
---@field from?    string what --from said
---@field forget?  integer[] records of the run itself that it takes back
---@field below?   { run: string, forget: integer[] }[] those of runs below it
---@field with_current? boolean

---@class resume.Options of `runs resume`, and of the verbs that go on after they left a message
---@field json? boolean
---@field events? boolean
---@field unconfined? boolean
---@field with_current? boolean
---@field from? string
---@field of? string the run of the tree that `from` is a step of, where it names none itself
---@field model? string
---@field workspace? string where the run goes on, in place of its own
---@field limit? table<string, string>

local function invalid(message) return nil, { code = "invalid", message = message } end

--- The records of a run and of all that is below it.
---@return table<string, past.Past>? pasts, Error? err
local function read_tree(cli, id)
  local rows, err = cli.list_runs { tree = id }
  if not rows then return nil, err end
  local pasts, below = {}, {}
  for _, row in ipairs(rows) do -- parents first
    local raw, one
    raw, err = cli.read_run(row.run)
    if not raw then return nil, err end
    one, err = past.read(raw, below[row.run])
    if not one then return nil, { code = err.code, message = row.run .. ": " .. err.message } end
    pasts[row.run] = one
    if row.run == id then below = past.below(one) end
  end
  return pasts
end

--- How often each agent began a conversation, in a run and those below it; scenarios count these.
--- What `--from` took back does not count: it is done again as if for the first time.
local function count_visits(pasts, id, visits)
  for _, record in ipairs(pasts[id] and pasts[id].records or {}) do
    local body = record.body
    if record.kind == "prompt" then
      visits[body.agent] = math.max(visits[body.agent] or 0, body.visit or 0)
    elseif record.kind == "child" then
      count_visits(pasts, body.run, visits)
    end
  end
  return visits
end

--- Why a run that ended does not go on; nil where it does.
local function ended_well(id, mine)
  local last = mine.ended and mine.ended.body
  if last and last.status == "ok" then
    return ("%s has ended well; perigee runs resume %s --from STEP does a part of it again, "
      .. "perigee runs fork %s --at SEQ makes another run of it"):format(id, id, id)
  end
end

--- Whether the journal says where each step of the chain stood. Of the versions that wrote format 1
--- the last ones did: those that kept the run's options, and knew the script's line of each child.
local function has_places(first, mine)
  if (first.format or 1) >= FORMAT then return true end
  for _, record in ipairs(mine.records) do
    local line = record.kind == "child" and (record.body.line or "lua/lib/")
    if line and line:find("^lua/lib/") then return false end
  end
  return first.options ~= nil
end

--- Does what --from says.
---@return boolean? ok, Error? err
local function take_back(again, options)
  local id, pasts = again.id, again.pasts
  local lists, err = forget.from(pasts, id, options.of or id, options.from)
  if not lists then return nil, err end
  local runs = text.sorted_keys(lists)
  for _, run in ipairs(runs) do
    pasts[run] = past.without(pasts[run], lists[run])
    if run ~= id then
      again.below = again.below or {}
      table.insert(again.below, { run = run, forget = lists[run] })
    end
  end
  again.forget = lists[id]
  local elsewhere = options.of and options.of ~= id and not options.from:find(":", 1, true)
  again.from = elsewhere and ("%s:%s"):format(options.of, options.from) or options.from
  return true
end

--- Reads what is known of a run that is ours.
---@return resume.Again? again, Error|table first_or_err the body of its first record
local function take_up(cli, id, options)
  local pasts, err = read_tree(cli, id)
  if not pasts then return nil, err end
  local mine = pasts[id]
  local first = mine and mine.records[1]
  if not first or first.kind ~= "run.started" then
    return invalid(("%s: nothing was done yet, so there is nothing to go on with"):format(id))
  end
  if (first.body.format or 1) > FORMAT then
    return invalid(("%s: a newer perigee carried this run (format %d, this one knows up to %d); "
      .. "go on with that one"):format(id, first.body.format, FORMAT))
  end
  local why = not options.from and ended_well(id, mine)
  if why then return invalid(why) end
  if first.body.chain and not has_places(first.body, mine) then
    return invalid(("%s: an earlier version of perigee ran this chain, and did not keep where each "
      .. "of its steps stood, so it cannot go on; perigee run %s, with the same task, begins it "
      .. "again; perigee runs show %s has what it came to"):format(id, first.body.chain, id))
  end
  local messages
  messages, err = cli.read_inbox(id)
  if not messages then return nil, err end
  local again = { id = id, seq = mine.seq, started = first.time, pasts = pasts,
    messages = messages, with_current = options.with_current }
  if options.from then
    local ok
    ok, err = take_back(again, options)
    if not ok then return nil, { code = err.code, message = id .. ": " .. err.message } end
  end
  again.visits = count_visits(pasts, id, {})
  return again, first.body
end

--- The options that the run had, and those of today over them.
local function values_of(first, workspace, options)
  local had = first.options or {}
  if had.unconfined and not options.unconfined then
    return nil, { code = "denied", message = "the run had no sandbox, and goes on without one only "
      .. "where you say so: --unconfined" }
  end
  return { json = options.json, events = options.events, unconfined = options.unconfined,
    model = options.model or first.model, hops = first.hops, workspace = workspace,
    store = options.store }
end

--- Whose run it is.
local function who_of(cli, loaded, first, mine, with_current)
  if first.chain then
    return { chain = first.chain, name = first.chain:match("([^/]+)%.lua$") or first.chain }
  end
  if first.choice then
    local chosen = loaded.catalog.by_name[first.choice.to]
    return { name = first.agent, choice = first.choice, candidates = first.candidates,
      blocked = not first.candidates and chosen and chosen.blocked or nil }
  end
  local begun = false -- then its definition is in the catalog as it was recorded
  for _, record in ipairs(mine.records) do begun = begun or record.kind == "prompt" end
  if first.definition and (with_current or not begun) then
    return catalog.add_file(cli, loaded.catalog, first.definition)
  end
  return loaded.catalog.find(first.agent)
end

--- The limits that the run had last, and what is said now over them.
local function bounds_of(mine, options)
  local bounds = {}
  for _, record in ipairs(mine.records) do
    local begins = record.kind == "run.started" or record.kind == "run.resumed"
    for key, value in pairs(begins and record.body.limits or {}) do bounds[key] = value end
  end
  local said, err = allowance.read(options.limit or {}, allowance.KEYS)
  if not said then return nil, err end
  for key, value in pairs(said) do bounds[key] = value end
  return bounds
end

--- What a chain is given: as it began, and what forks of it set since.
---@return table? params of a chain; empty for an agent
---@return Error? err
local function params_of(cli, first, mine)
  local set = {}
  for _, record in ipairs(mine.records) do
    local said = record.kind == "run.resumed" and record.body.set
    for key, value in pairs(type(said) == "table" and said or {}) do set[key] = value end
  end
  if not first.chain or next(set) == nil then return first.params or {} end
  local chain, err = chains.declare(cli, first.chain)
  if not chain then return nil, err end
  return chains.amend(chain, first.params or {}, set)
end

local function say_changed(cli, loaded)
  if not loaded.changed or #loaded.changed == 0 then return end
  cli.err(("perigee: as the run had them, not as they are now: %s (--with-current takes today's)\n")
    :format(show.clean(table.concat(loaded.changed, ", "))))
end

--- The texts that the run had; nil where today's are wanted.
local function texts_of(cli, id, options)
  if options.with_current then return nil end
  return texts.of(cli, id)
end

--- Why a project is not there that lay in the workspace, where the run goes on in another.
local function not_moved(err, was, root)
  if not root or was == root then return err end
  return { code = err.code, message = ("the run's project was %s, and is looked for in %s, where "
    .. "the run is to go on: %s"):format(was, root, err.message) }
end

--- What `launch.one` needs to go on.
---@return launch.Ready? ready, Error? err
local function prepare(cli, id, options)
  local again, first = take_up(cli, id, options)
  if not again then return nil, first end
  local values, bounds, loaded, who, err
  bounds, err = bounds_of(again.pasts[id], options)
  if not bounds then return nil, err end
  local workspace, folder, recorded
  workspace, err, folder = grounds.of(cli, id, again.pasts[id], options.workspace)
  if err then return nil, err end
  recorded, err = texts_of(cli, id, options)
  if err then return nil, err end
  local was = first.project
  first, recorded = grounds.move(again.pasts[id], recorded, workspace)
  values, err = values_of(first, workspace, options)
  if not values then return nil, err end
  local root = first.project ~= cli.folders().distribution and first.project or nil
  loaded, err = start.load(cli, root,
    { recorded = recorded, ask = not (options.json or options.events) })
  if not loaded then return nil, not_moved(err, was, root) end
  who, err = who_of(cli, loaded, first, again.pasts[id], options.with_current)
  if not who then return nil, err end
  start.equip(loaded.catalog, loaded.box.tools)
  launch.report(cli, loaded, who)
  if options.with_current then
    local fits
    fits, err = drift.check(cli, loaded, again.pasts, id)
    if not fits then return nil, err end
  end
  say_changed(cli, loaded)
  if who.blocked then return nil, who.blocked end
  local params
  params, err = params_of(cli, first, again.pasts[id])
  if not params then return nil, err end
  return { given = { values = values, limits = bounds, journal = true,
    said = first.options and first.options.settings or {} }, values = values, loaded = loaded,
    who = who, task = first.task, params = params, again = again, folder = folder,
    attachments = first.options and first.options.attachments }
end

--- Carries a run on in the foreground, from where its journal ends. The journal is open.
---@async
---@param cli     table
---@param id      string of a top-level run
---@param options resume.Options
---@param taken?  async fun(err: Error): integer what is done where another process carries it
---@return integer exit code
function resume.carry_on(cli, id, options, taken)
  local ok, err = cli.claim_run(id)
  if not ok and taken then return taken(err) end
  if not ok then return show.failure(cli, err) end
  local ready
  ready, err = prepare(cli, id, options)
  if not ready then return show.failure(cli, err) end
  local total
  total, err = launch.one(cli, ready)
  if not total then return show.failure(cli, err) end
  return launch.exit_code(cli, ready.values, total.status)
end

return resume
