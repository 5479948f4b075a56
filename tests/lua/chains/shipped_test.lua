--- The chains that ship, played as they stand with the scenarios that ship, and what they do when a
--- child fails or nothing is ever accepted.
local t = require "lib.test"

local function begin(run, scenario)
  local said, err = run.tool("bash", { command = "git --version" })
  if not said then t.skip("commands do not run here: " .. err.message) end
  return assert(run.rehearse(scenario))
end

local function phases(run)
  local names = {}
  for i, record in ipairs(run.records("phase")) do names[i] = record.body.name end
  return names
end

local function agents(run)
  local names = {}
  for _, record in ipairs(run.records("child")) do
    local number = record.body.agent:match("^%d+")
    if number then names[#names + 1] = number end
  end
  return table.concat(names, " ")
end

t.test("the guild builds, rejects once, repairs, asks security and plans", function(run)
  local task = begin(run, "backend_guild")
  local value, err = run.chain("backend_guild.lua", { task = task })
  t.equal(err, nil)
  t.equal({ value.rounds, value.review.verdict, value.tests.passed, value.security.verdict }, { 2, "accept", true, "accept" })
  t.contains(value.deployment, "Back first")
  t.equal(phases(run), { "Build", "Review and tests", "Repair, round 2", "Review and tests", "Security", "Deployment" })
  t.equal(agents(run), "062 072 063 062 072 063 092 081")
end)

t.test("the guild gives up after its rounds, and says what was wrong", function(run)
  local task = begin(run, "backend_guild")
  local value, err = run.chain("backend_guild.lua", { task = task, rounds = 1 })
  t.equal({ value, err.code }, { nil, "rejected" })
  t.contains(err.message, "eval runs what the stranger wrote")
  t.equal(#err.details.defects, 2)
end)

t.test("where the tester fails the review is cancelled, and the error says who failed", function(run)
  local task = begin(run, "guild_fails_scenario.lua")
  local value, err = run.chain("backend_guild.lua", { task = task })
  t.equal({ value, err.code, err.details.failed }, { nil, "invalid", "tests" })
  t.contains(err.message, "a tester who knows what to do")
  for _, record in ipairs(run.records("run.finished")) do t.truthy(record.body.status ~= "running") end
  t.equal(#run.records("run.finished"), 4)
end)

t.test("a fix that is rejected never reaches the workspace, the one that is accepted does", function(run)
  local task = begin(run, "fix_and_review")
  local value, err = run.chain("fix_and_review.lua", { task = task })
  t.equal(err, nil)
  t.equal(value, { files = { "sum.sh" }, report = "It reads the whole file.", rounds = 2 })
  t.contains(run.tool("read", { path = "sum.sh" }), 'cat "$1" | awk')
end)

t.test("what is not accepted in its rounds leaves the workspace as it was", function(run)
  local task = begin(run, "fix_and_review")
  local value, err = run.chain("fix_and_review.lua", { task = task, rounds = 1 })
  t.equal({ value, err.code }, { nil, "rejected" })
  t.contains(err.details.patch, "+head -n 100")
  t.contains(run.tool("read", { path = "sum.sh" }), "head -n 2")
end)

t.test("where the reviewer fails nothing is applied", function(run)
  local task = begin(run, "fix_fails_scenario.lua")
  local value, err = run.chain("fix_and_review.lua", { task = task })
  t.equal({ value, err.code }, { nil, "invalid" })
  t.contains(run.tool("read", { path = "sum.sh" }), "old")
end)

t.test("many files are looked at a few at a time, and one that fails costs only itself", function(run)
  local task = begin(run, "map_reduce")
  local value, err = run.chain("map_reduce.lua", { task = task, files = "notes/*.txt", at_once = 2 })
  t.equal(err, nil)
  t.equal(value.summary, "17 in all, without note 4.")
  t.equal({ value.files, #value.failed, value.failed[1].file }, { 6, 1, "notes/4.txt" })
  local going, widest = {}, 0
  for _, record in ipairs(run.records()) do
    if record.kind == "child" and record.body.agent:find("^063") then going[record.body.run] = true end
    if record.kind == "run.finished" then going[record.run] = nil end
    local count = 0
    for _ in pairs(going) do count = count + 1 end
    widest = math.max(widest, count)
  end
  t.equal(widest, 2)
end)

t.test("more files than were allowed for, or none, are an error before anyone is asked", function(run)
  local task = begin(run, "map_reduce")
  local _, many = run.chain("map_reduce.lua", { task = task, files = "notes/*.txt", most = 5 })
  t.contains(many.message, "fits 6 files, more than 5")
  local _, none = run.chain("map_reduce.lua", { task = task, files = "*.zip" })
  t.equal(none.code, "not_found")
  t.equal(agents(run), "")
end)

return t
