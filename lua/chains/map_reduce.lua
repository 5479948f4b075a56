--- Asks one agent the same about each of many files, a few at a time, and another one what all of
--- it comes to. A file whose agent fails is named in the end and costs nothing but itself.
local json   = require "lib.json"
local schema = require "lib.schema"

--- Who looks at one file; a failure becomes part of the answer.
local function look(run, params, path)
  local said, err = run.ask(params.mapper, { task = params.task, file = path })
  if said then return { file = path, said = said } end
  if err.code == "cancelled" or err.code == "limit" then return nil, err end
  run.log(("%s: %s"):format(path, err.message))
  return { file = path, failed = err.message }
end

local function files_of(run, params)
  local said, data = run.tool("glob", { pattern = params.files })
  if not said then return nil, data end
  local count = #data.paths + data.left_out
  if count == 0 then
    return nil, { code = "not_found", message = "no file fits " .. params.files }
  elseif count > params.most then
    return nil, { code = "limit", message = ("%s fits %d files, more than %d; narrow it, or "
      .. "--set most=%d"):format(params.files, count, params.most, count) }
  end
  return data.paths
end

---@async
---@param run    Run
---@param params table
---@return table? result, Error? err
local function map_reduce(run, params)
  local paths, err = files_of(run, params)
  if not paths then return nil, err end
  run.phase(("Looking at %d files"):format(#paths))
  local branches = {}
  for i, path in ipairs(paths) do branches[i] = function() return look(run, params, path) end end
  local found
  found, err = run.all(branches, { most = params.at_once })
  if not found then return nil, err end
  local notes, failed = json.array {}, json.array {}
  for _, one in ipairs(found) do
    local list = one.said ~= nil and notes or failed
    list[#list + 1] = one
  end
  if #notes == 0 then
    return nil, { code = "unavailable", details = { failed = failed },
      message = ("no file could be looked at; the first: %s"):format(failed[1].failed) }
  end
  run.phase "Putting it together"
  local summary
  summary, err = run.ask(params.reducer,
    { task = params.question, notes = notes, not_looked_at = #failed > 0 and failed or nil })
  if not summary then return nil, err end
  return { summary = summary, files = #paths, failed = failed }
end

return {
  description = "Asks the same about each of many files, some at a time, and puts the answers "
    .. "together.",
  params = schema.object {
    { "task", schema.text { min = 1 }, "What to find out about each file." },
    { "files", schema.text { min = 1 }, "Which files: a glob such as src/**/*.c." },
    { "question", schema.text {
      default = "Put these notes together: what do they come to? Name the files." },
      "What to make of all answers." },
    { "at_once", schema.integer { min = 1, max = 16, default = 4 }, "How many side by side." },
    { "most", schema.integer { min = 1, max = 500, default = 50 }, "How many files at most." },
    { "mapper", schema.text { default = "063-development-backend-junior-guardian" },
      "Who looks at one file." },
    { "reducer", schema.text { default = "072-development-quality-senior-guardian" },
      "Who puts it together." },
  },
  run = map_reduce,
}
