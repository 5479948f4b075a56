--- Building blocks for routing.lua. Pure.
---
---   choose = route.first {
---     { why = "migrations belong to the database people",
---       when = route.mentions { "migrate", "schema" }, to = "database-senior" },
---     { why = "who says that this is their work", by = route.by_rank },
---   }
local choice = require "lib.choice"
local text   = require "lib.text"

local route = {}

local KEYS <const> = { "why", "when", "models", "effort", "to", "ask", "ends", "evidence", "by" }
local NEAR <const> = 0.95    -- of the best score: told, but not asked about
local RUNNERS_UP <const> = 9 -- with the one that was chosen: the ten that a model may pick from

---@class route.Rule
---@field why   string
---@field when? fun(...): boolean?, string? whether it holds, and the reason; without it: always
---@field models? string|string[]  what a rule of `model` answers
---@field effort? string           the same: low, medium, high, xhigh, max
---@field to?     string           what a rule of `next` or `choose` answers
---@field ask?    string[]         what a rule of `choose` answers: a model picks one of these
---@field ends?   boolean          what a rule of `next` answers
---@field by?     fun(...): table? answers in the rule's place; nil: the next rule is looked at

---@class route.Look one rule, looked at
---@field why   string
---@field held  boolean
---@field said? string why it did or did not hold
---@field from  string "lua/routing.lua:12, rule 2"

local looked -- while `route.explain` asks: what was seen of each rule

--- Where the caller's caller stands: "lua/routing.lua:12".
local function place()
  local _, where = pcall(function() error("", 5) end)
  return (tostring(where):match("([%w_]*/?[^/]+:%d+):%s*$") or "a rule")
end

--- Whether a rule holds, and what it answers then.
local function look(rule, ...)
  local held, said = true, nil
  if rule.when then held, said = rule.when(...) end
  if not held then return nil, said end
  local answer = {}
  for key, value in pairs(rule) do
    if key ~= "when" and key ~= "by" then answer[key] = value end
  end
  if not rule.by then return answer, said end
  local found = rule.by(...)
  if found == nil then return nil, said or "it found nobody" end
  if type(found) ~= "table" then found = { to = found } end
  for key, value in pairs(answer) do
    if found[key] == nil then found[key] = value end
  end
  return found, said or found.why
end

--- The rules behind the one that decided: what they would have said. One that fails says so.
local function look_aside(rule, ...)
  local ok, answer, said = pcall(look, rule, ...)
  if not ok then return nil, "it raises: " .. tostring(answer) end
  return answer, said
end

--- The first rule that holds is the answer.
---@param rules route.Rule[]
---@return fun(...): table?
function route.first(rules)
  for i, rule in ipairs(rules) do
    if type(rule.why) ~= "string" then error(("rule %d has no why"):format(i), 2) end
    for _, key in ipairs(text.sorted_keys(rule)) do
      if not text.one_of(KEYS, key) then
        error(("rule %d: unknown key %q%s"):format(i, key, text.suggest(key, KEYS)), 2)
      end
    end
    for _, key in ipairs { "when", "by" } do
      if rule[key] ~= nil and type(rule[key]) ~= "function" then
        error(("rule %d: %s is a %s; it should be a function"):format(i, key, type(rule[key])), 2)
      end
    end
  end
  local where = place()
  return function(...)
    local decided
    for i, rule in ipairs(rules) do
      local from = ("%s, rule %d"):format(where, i)
      local seen = looked
      local at = seen and #seen + 1
      if seen then seen[at] = { why = rule.why, from = from } end
      local answer, said = (decided and look_aside or look)(rule, ...)
      if seen then
        seen[at].held = answer ~= nil
        seen[at].said = said or answer == nil and "its condition does not hold" or nil
      end
      if answer and not decided then
        answer.from = answer.from or from
        decided = answer
        if not seen then break end
      end
    end
    return decided
  end
end

--- Asks `decide` and tells of every rule on the way.
---@param decide fun(...): any
---@return any answer, route.Look[] looks empty where it is not made of rules
function route.explain(decide, ...)
  looked = {}
  local done = table.pack(pcall(decide, ...))
  local seen = looked
  looked = nil
  if not done[1] then error(done[2], 0) end
  return done[2], seen
end

-- choose ------------------------------------------------------------------------------------------

--- A condition: the task has one of these words, whatever their case.
---@param words string[]
---@return fun(task: string): boolean, string
function route.mentions(words)
  return function(task)
    local plain = " " .. task:lower():gsub("[^%w\x80-\xFF]+", " ") .. " "
    for _, word in ipairs(words) do
      if plain:find(" " .. word:lower() .. " ", 1, true) then
        return true, ("the task says %q"):format(word)
      end
    end
    return false, "the task says none of: " .. table.concat(words, ", ")
  end
end

--- The words of a task that an agent has, and what others of them mean.
local function evidence(one)
  local said = {}
  for i, word in ipairs(one.words) do said[i] = ("%q"):format(word) end
  local words, meant = table.concat(said, ", "), table.concat(one.meant, " ")
  if meant == "" then return words end
  if words == "" then return "the task means " .. meant end
  return ("%s; the task also means %s"):format(words, meant)
end

--- Who else fits nearly as well as the best: those that reach `share` of its score.
local function close_to(ranked, share)
  local names = {}
  for i = 2, math.min(#ranked, RUNNERS_UP + 1) do
    if ranked[i].score < share * ranked[1].score then break end
    names[#names + 1] = ranked[i].name
  end
  return names
end

--- Ranks by words. Where `how.ask` is a share (0.9), those whose score reaches it of the best one's
--- are candidates, from whom a model picks.
---@param how { ask: number? }
---@return fun(task: string, catalog: { agents: table[] }): table?
function route.ranked(how)
  for _, key in ipairs(text.sorted_keys(how)) do
    if key ~= "ask" then error(("route.ranked: unknown key %q; it takes ask"):format(key), 2) end
  end
  if how.ask ~= nil and not (type(how.ask) == "number" and how.ask > 0 and how.ask <= 1) then
    error("route.ranked: ask is a share of the best score, such as 0.9", 2)
  end
  return function(task, catalog)
    local ranked = choice.rank(task, catalog.agents)
    local best = ranked[1]
    if not best then return nil end
    local runners_up = {}
    for i = 2, math.min(#ranked, RUNNERS_UP + 1) do
      local one = ranked[i]
      runners_up[i - 1] = { to = one.name, score = one.score,
        why = (#one.words > 0 and "it says " or "") .. evidence(one) }
    end
    local near = close_to(ranked, how.ask or NEAR)
    local found = { to = best.name, score = best.score, runners_up = runners_up,
      why = "it fits the task's words best: " .. evidence(best) }
    if #near == 0 then return found end
    if how.ask then
      found.to, found.ask = nil, { best.name, table.unpack(near) }
      found.why = ("%d agents fit the task's words nearly alike"):format(#near + 1)
    else
      found.why = ("%s; nearly as well fits %s"):format(found.why, near[1])
    end
    return found
  end
end

--- The agent whose name, claims ("MUST BE USED for ..."), role, description and lists of work fit
--- the task's words best; nil where none has any of them.
---@param task    string
---@param catalog { agents: table[] }
---@return { to: string, why: string, score: number, runners_up: table[] }?
route.by_rank = route.ranked {}

-- next --------------------------------------------------------------------------------------------

--- The last trigger phrase of the final reply that names an agent.
local function by_phrase(_, ending)
  local last
  for _, trigger in ipairs(ending.triggers) do
    if trigger.to then last = trigger end
  end
  if not last then return nil end
  return { to = last.to, why = ("trigger phrase: %s"):format(last.phrase),
    evidence = { kind = "trigger", phrase = last.phrase, file = last.file, line = last.line,
      at = last.at } }
end

--- What the relations of a definition say when a part ends: a handoff, else the last trigger phrase
--- of the final reply that names an agent; nil where there is neither.
---@type fun(agent: agent.Facts, ending: agent.Ending, facts: routing.Facts): agent.Next?
route.by_relations = route.first {
  {
    why = "the agent called handoff",
    when = function(_, ending)
      return ending.handoff ~= nil, ending.handoff == nil and "it did not" or nil
    end,
    by = function(_, ending)
      return { to = ending.handoff.to, why = ending.handoff.reason,
        evidence = { kind = "handoff" } }
    end,
  },
  {
    why = "its final reply says a trigger phrase that names an agent",
    when = function(_, ending)
      local said, named = #ending.triggers, 0
      for _, trigger in ipairs(ending.triggers) do named = named + (trigger.to and 1 or 0) end
      if named > 0 then return true end
      return false, said > 0 and "it says a phrase that names nobody" or "it says none"
    end,
    by = by_phrase,
  },
}

return route
