--- Has something fixed and reviewed until the reviewer accepts. The fixer works in a copy; the
--- reviewer sees the patch; only what was accepted reaches the workspace.
local json   = require "lib.json"
local schema = require "lib.schema"

local VERDICT <const> = schema.object {
  { "verdict", schema.enum { "accept", "reject" }, "Whether the patch does what was asked." },
  { "defects", schema.list { of = schema.text() }, "What is wrong with it; empty when accepted." },
}

--- One attempt: the patch, and what the reviewer says of it.
local function attempt(run, params, before)
  local report, patch = run.ask(params.fixer, { task = params.task,
    rejected_patch = before and before.patch.text, defects = before and before.defects },
    { workspace = "copy" })
  if not report then return nil, patch end
  if patch.text == "" then
    return { report = report, patch = patch, verdict = "reject",
      defects = json.array { "Nothing was changed." } }
  end
  local said, err = run.ask(params.reviewer,
    { task = params.task, report = report, patch = patch.text }, { output = VERDICT })
  if not said then return nil, err end
  return { report = report, patch = patch, verdict = said.verdict, defects = said.defects }
end

---@async
---@param run    Run
---@param params table
---@return table? result, Error? err
local function fix(run, params)
  local tried, err
  for round = 1, params.rounds do
    run.phase(("Round %d of at most %d"):format(round, params.rounds))
    tried, err = attempt(run, params, tried)
    if not tried then return nil, err end
    if tried.verdict == "accept" then
      local applied
      applied, err = run.apply(tried.patch)
      if not applied then return nil, err end
      return { report = tried.report, files = tried.patch.files, rounds = round }
    end
    for _, defect in ipairs(tried.defects) do run.log("rejected: " .. defect) end
  end
  return nil, { code = "rejected", message = ("not accepted in %d rounds; the workspace is as it "
    .. "was: %s"):format(params.rounds, tried.defects[1] or "the reviewer named no defect"),
    details = { patch = tried.patch.text, defects = tried.defects } }
end

return {
  description = "Fixes something in a copy of the workspace and has it reviewed, until it is "
    .. "accepted; then the change is applied.",
  params = schema.object {
    { "task", schema.text { min = 1 }, "What is wrong, and what it should be." },
    { "rounds", schema.integer { min = 1, max = 9, default = 3 }, "How many attempts." },
    { "fixer", schema.text { default = "062-development-backend-senior-guardian" }, "Who fixes." },
    { "reviewer", schema.text { default = "072-development-quality-senior-guardian" },
      "Who accepts." },
  },
  run = fix,
}
