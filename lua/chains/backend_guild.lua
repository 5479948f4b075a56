--- The backend guild at work: one builds, then side by side one reviews and one runs the tests;
--- what strangers can reach goes past security; what is wrong goes back to the builder, a bounded
--- number of times; what stands gets a plan for its deployment.
local json   = require "lib.json"
local schema = require "lib.schema"

local REVIEW <const> = schema.object {
  { "verdict", schema.enum { "accept", "reject" }, "Whether the work may go on." },
  { "defects", schema.list { of = schema.text() }, "Each with path, line and what happens." },
  { "security", schema.boolean(),
    "Strangers' input, secrets or permissions are touched, so that security has to look." },
}
local TESTS <const> = schema.object {
  { "passed", schema.boolean(), "All tests passed." },
  { "report", schema.text(), "What was run, and how it ended; failures whole." },
}
local SECURITY <const> = schema.object {
  { "verdict", schema.enum { "accept", "reject" }, "Whether it may be deployed." },
  { "findings", schema.list { of = schema.text() }, "Ways in, the worst first." },
}

local TEST_TASK <const> = "Run the tests that there are for this work, and write those that it "
  .. "lacks. Change nothing but tests."

--- Review and tests side by side; the first failure cancels the other.
local function look(run, params, built)
  local given = { task = params.task, report = built }
  return run.all {
    review = function() return run.ask(params.reviewer, given, { output = REVIEW }) end,
    tests = function()
      return run.ask(params.tester, { task = TEST_TASK, work = params.task, report = built },
        { output = TESTS })
    end,
  }
end

--- What has to be mended, in the builder's words; empty when nothing.
local function complaints(found)
  local list = {}
  if found.review.verdict == "reject" then
    table.move(found.review.defects, 1, #found.review.defects, 1, list)
    if #list == 0 then list[1] = "The review rejected it without naming a defect." end
  end
  if not found.tests.passed then list[#list + 1] = "Tests fail: " .. found.tests.report end
  if found.security and found.security.verdict == "reject" then
    table.move(found.security.findings, 1, #found.security.findings, #list + 1, list)
  end
  return list
end

--- One look at what was built; security only where the review says so and nothing else is wrong.
local function judge(run, params, built)
  run.phase "Review and tests"
  local found, err = look(run, params, built)
  if not found then return nil, err end
  if found.review.security and #complaints(found) == 0 then
    run.phase "Security"
    found.security, err = run.ask(params.security,
      { task = params.task, report = built, review = found.review }, { output = SECURITY })
    if not found.security then return nil, err end
  end
  return found
end

---@async
---@param run    Run
---@param params table
---@return table? result, Error? err
local function guild(run, params)
  run.phase "Build"
  local built, err = run.ask(params.builder, { task = params.task })
  if not built then return nil, err end
  for round = 1, params.rounds do
    local found
    found, err = judge(run, params, built)
    if not found then return nil, err end
    local wrong = complaints(found)
    if #wrong == 0 then
      run.phase "Deployment"
      local plan
      plan, err = run.ask(params.deployer, { task = "Plan the deployment of this work.",
        work = params.task, report = built, tests = found.tests.report })
      if not plan then return nil, err end
      return { built = built, review = found.review, tests = found.tests,
        security = found.security, deployment = plan, rounds = round }
    end
    if round == params.rounds then
      return nil, { code = "rejected", details = { defects = json.array(wrong), built = built },
        message = ("rejected after %d rounds: %s"):format(round, wrong[1]) }
    end
    run.phase(("Repair, round %d"):format(round + 1))
    built, err = run.ask(params.builder,
      { task = params.task, report = built, defects = json.array(wrong) })
    if not built then return nil, err end
  end
end

return {
  description = "Builds something, has it reviewed and tested, asks security where strangers' "
    .. "input is involved, and plans the deployment of what was accepted.",
  params = schema.object {
    { "task", schema.text { min = 1 }, "What to build, in your words." },
    { "rounds", schema.integer { min = 1, max = 9, default = 3 },
      "How often it is judged before the chain gives up." },
    { "builder", schema.text { default = "062-development-backend-senior-guardian" },
      "Who builds and repairs." },
    { "reviewer", schema.text { default = "072-development-quality-senior-guardian" },
      "Who reads it." },
    { "tester", schema.text { default = "063-development-backend-junior-guardian" },
      "Who runs and writes tests." },
    { "security", schema.text { default = "092-security-operations-director-guardian" },
      "Who judges what an attacker could do." },
    { "deployer", schema.text { default = "081-infrastructure-devops-director-guardian" },
      "Who plans how it reaches its users." },
  },
  run = guild,
}
