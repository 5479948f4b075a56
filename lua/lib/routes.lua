--- What routing would do, and why, without a model and without a run: for `perigee route`. Host VM
--- only.
local asking  = require "lib.asking"
local chooser = require "lib.chooser"
local hop     = require "lib.hop"
local json    = require "lib.json"
local allowance = require "lib.allowance"
local model   = require "lib.model"
local part_limits = require "lib.part_limits"
local ruling  = require "lib.ruling"
local show    = require "lib.show"
local start   = require "lib.start"
local text    = require "lib.text"
local way     = require "lib.way"

local routes = {}

local DECISIONS <const> = "lua/lib/decisions.lua"
local EXPLAINED <const> = { choose = true, model = true, next = true }

---@class routes.Rules what one function looked at
---@field what  string "choose", "model", "next"
---@field file  string where it stands
---@field rules route.Look[] empty where it is not made of rules
---@field answered boolean

--- Asks the decision VM and keeps what each function of routing looked at.
---@param cli table
---@return { decide: function } asker, routes.Rules[] seen
local function explaining(cli)
  local seen = json.array {}
  return { decide = function(_, file, field, ...)
    if file == DECISIONS or not EXPLAINED[field] then return cli.decide(file, field, ...) end
    local done, err = cli.decide(DECISIONS, "explained", file, field, ...)
    if not done then return nil, err end
    seen[#seen + 1] = { what = field, file = cli.locate(file) or file,
      rules = json.array(done.looks), answered = done.answer ~= nil }
    return done.answer
  end }, seen
end

-- who gets a task ---------------------------------------------------------------------------------

---@class routes.Model
---@field wanted?  string|string[] what routing or the definition names
---@field models?  { model: string, provider: string, own: boolean }[] to be tried, in order; own:
---  at an address that the user gave
---@field problem? string why none can be asked
---@field effort?  string
---@field why      string
---@field from?    string

---@class routes.Task
---@field task   string
---@field to?    string
---@field ask?   string[] a model would be asked to pick one of these
---@field why    string
---@field from?  string
---@field score? number
---@field runners_up table[]
---@field model? routes.Model
---@field limits? part_limits.Said of that agent's part
---@field looked routes.Rules[]

--- Which model the agent would be asked with, and at which server; nothing is sent.
local function model_of(cli, asker, loaded, who, facts)
  local env, err = start.outside(cli, loaded.gate)
  if not env then return nil, err end
  local said
  said, err = ruling.ask(asker, "lua/routing.lua", "model", hop.facts(who), facts)
  if err then return nil, err end
  said = said or {}
  local found = { wanted = said.models or who.model, from = said.from,
    effort = said.effort or asking.effort(env.models, who),
    why = said.why or "the definition's own" }
  if type(found.wanted) == "table" then found.wanted = json.array(found.wanted) end
  local targets
  targets, err = model.resolve(said.models,
    { model = who.model, complexity = who.complexity }, env)
  if not targets then
    found.problem = err.message
    return found
  end
  found.models = json.array {}
  for i, target in ipairs(targets) do
    found.models[i] = { model = target.model, provider = target.provider, own = target.own }
  end
  found.why = ("%s; %s"):format(found.why, targets[1].why)
  return found
end

--- What the agent's part may use, by its definition and by policy.
---@return part_limits.Said? said, Error? err
local function limits_of(asker, limiting, who, facts)
  local said, err = part_limits.ask(asker, limiting, who, facts)
  if err then return nil, err end
  said = said or { limits = {}, why = who.limits and "its definition" or nil }
  said.limits = allowance.narrower(who.limits or {}, said.limits)
  return said
end

--- Facts of a run that has not begun, with the dollars that it has where nobody says otherwise.
local function fresh(task, mode)
  return { task_bytes = #task, attachments = 0, visit = 1, hops = 0, mode = mode or "auto",
    left_usd = allowance.DEFAULTS.usd / 1e6, tokens = 0 }
end

--- Who would get a task.
---@async
---@param cli    table
---@param loaded start.Loaded
---@param task   string
---@param limiting? string[] policies that limit agents' parts; nil: they are not asked
---@return routes.Task? found, Error? err
function routes.task(cli, loaded, task, limiting)
  local asker, seen = explaining(cli)
  local found, err = chooser.choose(asker, loaded.catalog, task)
  if not found then return nil, start.located(cli, err) end
  found.task, found.looked = task, seen
  local who = found.to and loaded.catalog.by_name[found.to]
  if who then
    found.model, err = model_of(cli, asker, loaded, who, fresh(task))
    if not found.model then return nil, start.located(cli, err) end
  end
  if who and limiting then
    found.limits, err = limits_of(asker, limiting, who, fresh(task))
    if not found.limits then return nil, start.located(cli, err) end
  end
  return found
end

-- who goes on -------------------------------------------------------------------------------------

---@class routes.Hop : way.Judgement
---@field agent     string
---@field hops      string the mode
---@field itinerary string[]
---@field missing   string[] what of the primary chain is passed over
---@field looked    routes.Rules[]

---@class routes.Ending
---@field reply    string
---@field handoff? string to whom the agent calls handoff
---@field hops?    "off"|"auto"|"full"
---@field task?    string

--- Where a run would go after a reply of `who`.
---@async
---@param cli    table
---@param loaded start.Loaded
---@param who    agent.Agent
---@param ending routes.Ending
---@return routes.Hop? found, Error? err
function routes.hop(cli, loaded, who, ending)
  local usable, err = start.hooks(cli, who)
  if not usable then return nil, err end
  local asker, seen = explaining(cli)
  local handoff
  if ending.handoff then
    local to
    to, err = loaded.catalog.find(ending.handoff)
    if not to then return nil, err end
    if not hop.is_target(who, to.name) then
      return nil, { code = "invalid", message = ("%s cannot hand over to %s: its targets are %s")
        :format(who.name, to.name, #who.targets > 0 and table.concat(who.targets, ", ") or "none") }
    end
    handoff = { to = to.name, reason = "it called handoff", result = ending.reply }
  end
  local at, missing = way.new(who, ending.hops)
  local found
  found, err = way.judge(asker, loaded.catalog, at, who,
    { agent = who.name, reply = ending.reply, handoff = handoff },
    fresh(ending.task or "", ending.hops))
  if not found then return nil, start.located(cli, err) end
  found.agent, found.hops, found.looked = who.name, at.mode, seen
  found.itinerary, found.missing = json.array(at.itinerary), json.array(missing)
  found.triggers, found.echoes = json.array(found.triggers), json.array(found.echoes)
  found.at = nil
  return found
end

-- in words ----------------------------------------------------------------------------------------

local function rule_lines(lines, looked)
  for _, one in ipairs(looked) do
    lines[#lines + 1] = ""
    lines[#lines + 1] = ("%s, %s (+ holds, -> decides):"):format(one.what, one.file)
    if #one.rules == 0 then
      lines[#lines + 1] = one.answered and "  -> a function of its own, not made of rules"
        or "   - a function of its own: it answered nothing"
    end
    local decided = false
    for _, rule in ipairs(one.rules) do
      local decides = rule.held and not decided
      decided = decided or decides
      local mark = decides and "->" or rule.held and " +" or " -"
      local said = rule.said and rule.said ~= rule.why and ": " .. rule.said or ""
      lines[#lines + 1] = ("  %s %s%s  (%s)"):format(mark, rule.why, said, rule.from)
    end
  end
end

local function scored(score) return score and ("%.2f"):format(score) or "-" end

--- "claude-x (anthropic), then claude-y, effort high: what the definition asks for".
local function model_words(found)
  local effort = found.effort and ", effort " .. found.effort or ""
  if found.problem then return ("none%s: %s; %s"):format(effort, found.why, found.problem) end
  local first, names = found.models[1], {}
  for i = 2, #found.models do names[i - 1] = found.models[i].model end
  return ("%s (%s%s)%s%s: %s"):format(first.model, first.provider,
    first.own and ", at your own address" or "",
    #names > 0 and ", then " .. table.concat(names, ", ") or "", effort, found.why)
end

--- The choice for people.
---@param found    routes.Task
---@param explain? boolean every rule too
---@return string
function routes.task_words(found, explain)
  local lines = {}
  local function add(...) lines[#lines + 1] = string.format(...) end
  if found.to then
    add("%s", found.to)
    add("  why      %s%s", found.why, found.score and (" (%s)"):format(scored(found.score)) or "")
  else
    add("a model would be asked to pick one of: %s", table.concat(found.ask, ", "))
    add("  why      %s", found.why)
  end
  if found.from then add("  rule     %s", found.from) end
  if found.model then add("  model    %s", model_words(found.model)) end
  local most = found.limits and allowance.words(found.limits.limits) or ""
  if most ~= "" then
    add("  limits   %s%s", most, found.limits.why and ": " .. found.limits.why or "")
  end
  if #found.runners_up > 0 then add("runners-up") end
  for i, one in ipairs(found.runners_up) do
    if i > 5 and not explain then
      add("  and %d more; --explain shows them", #found.runners_up - 5)
      break
    end
    add("  %-5s %s%s", scored(one.score), one.to, one.why and ": " .. one.why or "")
  end
  if explain then rule_lines(lines, found.looked) end
  return show.clean(table.concat(lines, "\n")) .. "\n"
end

local function trigger_line(one, file)
  return ("  %s:%d:%d  %q names %s (%s:%d)"):format(file, one.at.line, one.at.column, one.phrase,
    one.to or "nobody", one.file, one.line)
end

--- The hop for people.
---@param found    routes.Hop
---@param file     string the reply's
---@param explain? boolean
---@return string
function routes.hop_words(found, file, explain)
  local lines = {}
  local function add(...) lines[#lines + 1] = string.format(...) end
  if found.limit then
    add("limit: %s", found.why)
  elseif found.to then
    add("%s -> %s", found.agent, found.to)
    add("  why      %s", found.why)
  else
    add("%s: the end", found.agent)
    add("  why      %s", found.why)
  end
  if found.skipped then add("  refused  %s", found.skipped) end
  if found.from then add("  rule     %s", found.from) end
  local at = type(found.evidence) == "table" and found.evidence.at
  if at then add("  evidence %s:%d:%d %q", file, at.line, at.column, at.text) end
  if #found.triggers > 0 then add("phrases, the last that names an agent counts") end
  for _, one in ipairs(found.triggers) do lines[#lines + 1] = trigger_line(one, file) end
  if #found.echoes > 0 then add("only repeated from its instructions") end
  for _, one in ipairs(found.echoes) do lines[#lines + 1] = trigger_line(one, file) end
  if found.hops == "full" then
    add("itinerary  %s", #found.itinerary > 0 and table.concat(found.itinerary, ", ") or "empty")
    for _, said in ipairs(found.missing) do add("  %s", said) end
  end
  if explain then rule_lines(lines, found.looked) end
  return show.clean(table.concat(lines, "\n")) .. "\n"
end

-- a table of cases --------------------------------------------------------------------------------

---@class routes.Case
---@field name?    string
---@field task?    string who gets it?
---@field from?    string, `reply`, `handoff`, `hops`: who goes on after this reply of that agent?
---@field to       string|string[]|false one of these; false: nobody

--- One case: what routing answers and whether that is wanted.
local function try(cli, loaded, case)
  local found, err
  if case.task and not case.from then
    found, err = routes.task(cli, loaded, case.task)
    if err and err.code == "not_found" then found, err = { why = err.message }, nil end
  else
    local who
    who, err = loaded.catalog.find(case.from)
    if who then found, err = routes.hop(cli, loaded, who, case) end
  end
  if not found then return { why = err.message, failed = true } end
  return { to = not found.limit and found.to or nil, why = found.why, from = found.from }
end

--- The names that a case wants, whole; nil and why where one is nobody's.
local function wanted_of(loaded, case)
  if case.to == false then return {} end
  local names = {}
  for i, part in ipairs(type(case.to) == "table" and case.to or { case.to }) do
    local who, err = loaded.catalog.find(part)
    if not who then return nil, err.message end
    names[i] = who.name
  end
  return names
end

local function rate(part, of) return of > 0 and part / of or nil end

--- Precision: how many of the agents that were named are the right ones. Recall: how many of those
--- wanted were named.
local function sum_up(done, kind)
  local sum = { cases = 0, right = 0, named = 0, wanted = 0 }
  for _, one in ipairs(done) do
    if one.kind == kind then
      sum.cases = sum.cases + 1
      sum.named = sum.named + (one.got and 1 or 0)
      sum.wanted = sum.wanted + (#one.wanted > 0 and 1 or 0)
      sum.right = sum.right + (one.got and one.ok and 1 or 0)
    end
  end
  sum.precision, sum.recall = rate(sum.right, sum.named), rate(sum.right, sum.wanted)
  return sum
end

--- Tries all cases.
---@async
---@return { cases: table[], choose: table, hop: table, failed: integer } report
function routes.try_all(cli, loaded, cases)
  local done, failed = json.array {}, 0
  for i, case in ipairs(cases) do
    local one = { number = i, kind = case.from and "hop" or "choose", wanted = json.array {},
      name = case.name or text.first_line(case.from and case.from .. ": " .. (case.reply or "")
        or case.task) }
    local wanted, why = wanted_of(loaded, case)
    if not wanted then
      one.ok, one.why = false, "what is wanted: " .. why
    else
      local found = try(cli, loaded, case)
      one.wanted, one.got, one.why, one.from = json.array(wanted), found.to, found.why, found.from
      one.ok = not found.failed and (found.to == nil and #wanted == 0
        or found.to ~= nil and text.one_of(wanted, found.to))
    end
    if not one.ok then failed = failed + 1 end
    done[i] = one
  end
  return { cases = done, choose = sum_up(done, "choose"), hop = sum_up(done, "hop"),
    failed = failed }
end

local function sum_line(what, sum)
  local function share(part, of)
    return of > 0 and ("%.2f (%d of %d)"):format(part / of, part, of) or "-"
  end
  return ("%-6s %s, precision %s, recall %s"):format(what, text.plural(sum.cases, "case"),
    share(sum.right, sum.named), share(sum.right, sum.wanted))
end

--- The report for people.
---@return string
function routes.report_words(report)
  local lines = {}
  for _, one in ipairs(report.cases) do
    lines[#lines + 1] = ("%s %d - %s -> %s"):format(one.ok and "ok" or "not ok", one.number,
      show.brief(one.name, 70), one.got or "nobody")
    if not one.ok then
      lines[#lines + 1] = ("   wanted %s"):format(
        #one.wanted > 0 and table.concat(one.wanted, " or ") or "nobody")
      lines[#lines + 1] = ("   %s%s"):format(one.why, one.from and " (" .. one.from .. ")" or "")
    end
  end
  for _, what in ipairs { "choose", "hop" } do
    if report[what].cases > 0 then lines[#lines + 1] = sum_line(what, report[what]) end
  end
  lines[#lines + 1] = ("%s failed"):format(text.plural(report.failed, "case"))
  return show.clean(table.concat(lines, "\n")) .. "\n"
end

return routes
