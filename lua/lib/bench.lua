--- What the tests of authors may do besides what a chain may: play a scenario, run a chain as its
--- user would, look at what was recorded. Host VM only; one for each test.
local chains  = require "lib.chains"
local children = require "lib.children"
local json    = require "lib.json"
local schema  = require "lib.schema"
local start   = require "lib.start"
local text    = require "lib.text"

local bench = {}

---@class bench.Bench
---@field shared     fun(path: string): string?, Error?
---@field definition fun(source: string): table?, Error?
---@field rehearse   async fun(run: HostRun, scenario: string): string?, Error?
---@field chain      async fun(run: HostRun, file: string, params: table): any, Error?
---@field records    fun(kind: string?): table[]
---@field watch      fun(event: table) gets every event of the test

--- A file that a test names: beside the test's own, or as a command line would.
local function beside(cli, file, named)
  if type(named) ~= "string" then return nil end
  local info = cli.stat(file:match("^(.*)/") .. "/" .. named)
  return info and info.kind == "file" and info.real or named
end

--- Puts the files of a scenario into the run's workspace, as its tools see it.
local function put_files(run, files)
  local make = 'mkdir -p -- "$(dirname -- "$1")" && cat >"$1"'
  for _, path in ipairs(text.sorted_keys(files)) do
    local done, err = run:exec { "sh", "-c", make, "sh", path, stdin = files[path] }
    if not done then return nil, err end
    if done.exit_code ~= 0 then
      return nil, { code = "io", message = ("write %s: %s"):format(path, done.stderr) }
    end
  end
  return true
end

local function rehearse(cli, opened, run, entry)
  local path = entry:match("^rehearsal:(.*)")
  local scenario, err = cli.decide("lua/lib/decisions.lua", "scenario", path)
  if not scenario then return nil, err end
  opened.options.model, opened.visits = entry, {}
  local ok
  ok, err = put_files(run, scenario.files or {})
  if not ok then return nil, err end
  return scenario.task or ""
end

local function run_chain(run, chain, params)
  local result, err = children.carry(run, { agent = chain.path, task = params.task or chain.path,
    record = {}, started = { chain = chain.path, params = params }, limits = chain.limits,
    work = function(child) return chains.work(child, chain.path, params) end })
  if not result then return nil, err end
  return result.value
end

---@param cli    table
---@param opened Session
---@param file   string the file of tests
---@return bench.Bench
function bench.new(cli, opened, file)
  local shared, records = cli.env("PERIGEE_SHARED"), {}
  local new = {}

  function new.definition(source)
    local read, err, fault = cli.definition(source, "whole")
    if read then read.body = source:sub(read.body_at) end
    return read, err, fault
  end

  function new.shared(path)
    if not shared or shared == "" then return nil end
    if path:find("..", 1, true) then error("shared: a path below the shared folder") end
    return cli.read_file(shared .. "/" .. path)
  end

  function new.rehearse(run, named)
    local entry, err = start.model(cli, "rehearsal:" .. tostring(beside(cli, file, named)))
    if not entry then return nil, err end
    return rehearse(cli, opened, run, entry)
  end

  function new.chain(run, named, params)
    local path, err = chains.find(cli, tostring(beside(cli, file, named)))
    if not path then return nil, err end
    local chain
    chain, err = chains.declare(cli, path)
    if not chain then return nil, err end
    local checked, problems = schema.check(chain.params, params, "params")
    if not checked then return nil, { code = "invalid", message = problems[1].message } end
    return run_chain(run, chain, checked)
  end

  function new.records(kind)
    local found = {}
    for _, record in ipairs(records) do
      if not kind or record.kind == kind then found[#found + 1] = record end
    end
    return json.array(found)
  end

  function new.watch(event)
    if event.seq then
      records[#records + 1] = { run = event.run, kind = event.kind, body = event.body }
    end
  end

  return new
end

return bench
