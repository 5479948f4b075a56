--- `perigee runs cost` and `runs cache`: goes through the records of a run and its children and
--- lets one of the two add them up.
local json    = require "lib.json"
local records = require "lib.records"
local show    = require "lib.show"

local run_sums = {}

--- Prints what `kind` (lib.run_cost or lib.run_cache) makes of a run.
---@async
---@param cli    table
---@param values table of the command line
---@param part   string that names the run
---@param kind   table
---@return integer code
function run_sums.print(cli, values, part, kind)
  local id, err = cli.find_run(part)
  if not id then return show.failure(cli, err) end
  local rows
  rows, err = cli.list_runs { tree = id }
  if not rows then return show.failure(cli, err) end
  local sum = kind.begin()
  for _, row in ipairs(rows) do
    for record in records.of(cli, row.run) do
      local body = kind.KINDS[record.kind] and json.decode(record.body)
      if type(body) == "table" then kind.note(sum, row.run, record.kind, body, record.time) end
    end
  end
  if values.json then
    cli.out(json.encode(kind.data(sum, id)) .. "\n")
  else
    cli.out(show.clean(kind.words(sum)))
  end
  return 0
end

return run_sums
