--- Asks the files that people edit (policy, routing, context, an agent's hooks) and holds what they
--- answer to its form: an unknown key or a wrong type is an error that names the file, never a
--- guess.
local allowance = require "lib.allowance"
local errors  = require "lib.errors"
local schema  = require "lib.schema"
local session = require "lib.session"

local ruling = {}

local NAME <const> = schema.text { min = 1 }

local WHY  <const> = { "why", schema.text {}, "The reason.", optional = true }
local FROM <const> = { "from", schema.text {}, "Where the rule stands.", optional = true }
local EVIDENCE <const> =
  { "evidence", schema.any {}, "What the journal keeps.", optional = true }
local EFFORTS <const> = { "low", "medium", "high", "xhigh", "max" }

local MODEL <const> = schema.object {
  { "models", schema.any_of { NAME, schema.list { of = NAME } }, "To try.", optional = true },
  { "effort", schema.enum(EFFORTS), "How much the model should put into it.", optional = true },
  WHY, FROM, EVIDENCE,
}
local NEXT <const> = schema.object {
  { "to", schema.text { min = 1 }, "One of the targets.", optional = true },
  { "ends", schema.boolean {}, "The run is done.", optional = true },
  WHY, FROM, EVIDENCE,
}
local RUNNER_UP <const> = schema.object {
  { "to", NAME, "An agent." }, { "score", schema.number {}, "More is better.", optional = true },
  WHY,
}
local CHOOSE <const> = schema.any_of { NAME, schema.object {
  { "to", NAME, "An agent.", optional = true },
  { "ask", schema.list { of = NAME, min = 1 }, "Agents that a model picks from.", optional = true },
  { "score", schema.number {}, "More is better.", optional = true },
  { "runners_up", schema.list { of = RUNNER_UP }, "Who else fits.", optional = true },
  WHY, FROM, EVIDENCE,
} }

local LIMITS <const> = { WHY } -- as people write them: "0.50", 12, "4m"
for i, key in ipairs(allowance.OF_AGENT) do
  LIMITS[i + 1] = { key, schema.any_of { schema.text {}, schema.number {} }, "At most.",
    optional = true }
end
local POLICY <const> = { decide = schema.object {
  { "verdict", schema.enum { "allow", "ask", "deny" }, "Whether the call may be made." },
  { "why", schema.text {}, "The reason.", optional = true },
  { "from", schema.text {}, "Where the rule stands.", optional = true },
}, limits = schema.object(LIMITS) }

local COMPACT <const> = schema.object {
  { "results", schema.list { of = NAME, max = 10000 }, "Ids of calls.", optional = true },
  { "summary", schema.object {
    { "upto", schema.integer { min = 2 }, "The last message that is summed up." },
    { "prompt", schema.text { min = 1, max = 20000 }, "What the model is told.", optional = true },
  }, "What becomes a summary.", optional = true },
  WHY,
}

--- What each function answers, by its file and name; hooks stand under "hooks".
local FORMS <const> = {
  ["lua/policy.lua"] = POLICY, ["project:lua/policy.lua"] = POLICY,
  ["lua/lib/settings_policy.lua"] = POLICY,
  ["lua/routing.lua"] = { choose = CHOOSE, model = MODEL, next = NEXT },
  ["lua/context.lua"] = { prompt = schema.text { min = 1 }, handover = schema.text { min = 1 },
    compact = COMPACT },
  hooks = { next = NEXT, before = schema.object {
    { "context", schema.text {}, "Added to the first message.", optional = true },
  } },
}

local function invalid(file, field, why)
  return nil, { code = "invalid", message = ("%s: %s: %s"):format(session.where(file), field, why) }
end

--- What is wrong with an answer, with the line of the function or of its rules.
---@async
---@param run   HostRun|{ decide: function } who asks the decision VM
---@param file  string
---@param field string
---@param why   string
---@param from? string the answer's own: "lua/routing.lua:12, rule 2"
---@return nil, Error err
function ruling.wrong(run, file, field, why, from)
  local of, line, rule = (from or ""):match("([^/:]+)(:%d+)(.*)$")
  if of ~= file:match("[^/]+$") then -- a rule that the library made
    rule = nil
    local begins = run:decide("lua/lib/decisions.lua", "line", file, field)
    line = math.type(begins) == "integer" and (":%d"):format(begins) or ""
  end
  return nil, { code = "invalid",
    message = ("%s%s: %s%s: %s"):format(session.where(file), line, field, rule or "", why) }
end

--- The failure of a script, with its file's real path in place of "lua/policy.lua".
local function located(file, err)
  if err.message:sub(1, #file) ~= file then return err end
  return { code = err.code, retryable = err.retryable, details = err.details,
    message = session.where(file) .. err.message:sub(#file + 1) }
end

--- Holds an answer to its form.
---@param file   string
---@param field  string
---@param answer any
---@param err?   Error
---@return any answer, Error? err, string? problem of its form
function ruling.checked(file, field, answer, err)
  if answer == nil then return nil, err ~= nil and located(file, errors.of(err)) or nil end
  local checked, problems = schema.check((FORMS[file] or FORMS.hooks)[field], answer, "the answer")
  if checked == nil then
    local _, why = invalid(file, field, problems[1].message)
    return nil, why, problems[1].message
  end
  return checked
end

--- Asks a pure function. nil without an error: it has nothing to say.
---@async
---@param run   HostRun
---@param file  string
---@param field string
---@return any answer, Error? err
function ruling.ask(run, file, field, ...)
  local answer, err = run:decide(file, field, ...)
  local checked, why, formed = ruling.checked(file, field, answer, err)
  if not formed then return checked, why end
  return ruling.wrong(run, file, field, formed, type(answer) == "table" and answer.from or nil)
end

--- Asks a hook for yes or no. Whatever is not true refuses; the reason says why.
---@async
---@param run   HostRun
---@param file  string
---@param field string
---@return boolean yes, string? why
function ruling.consents(run, file, field, ...)
  local yes, why = run:decide(file, field, ...)
  if type(why) == "table" then return false, tostring(why.message) end -- the hook itself failed
  if type(yes) == "boolean" then return yes, why ~= nil and tostring(why) or nil end
  local said = yes == nil and "nothing" or "a " .. type(yes)
  local _, err = invalid(file, field,
    ("it answered %s; it should answer true, or false and the reason"):format(said))
  return false, err.message
end

return ruling
