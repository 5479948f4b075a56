--- What the relations of single definitions leave open: names that lead nowhere, lists that
--- contradict each other, hand-overs that the receiver does not know of.
local relations    = require "lib.relations"
local make_nearest = require "lib.check_nearest"

local check_relations = {}

local MOST_LISTED <const> = 4 -- names in one message
local MOST_TOLD <const> = 20 -- lists of one file that differ from the first of their kind

-- Words of a group ("Development Teams") that do not say which.
local ANY_GROUP <const> = {
  agent = true, agents = true, team = true, teams = true, guardian = true, guardians = true,
  ["and"] = true, ["or"] = true, the = true, of = true,
}

local function base_name(path) return path:match("[^/]*$") end

local function listed(names)
  local few = {}
  for i = 1, math.min(#names, MOST_LISTED) do few[i] = "`" .. names[i] .. "`" end
  if #names > MOST_LISTED then few[#few + 1] = ("%d more"):format(#names - MOST_LISTED) end
  return table.concat(few, ", ")
end

-- == names ========================================================================================

local DANGLING <const> = "%s names `%s`, and no agent has that name; %s"
local NEAREST <const> = "the nearest is `%s`: write that if it is meant, else take the name out"
local NOBODY <const> = "add that agent, or take the name out"

local function check_name(who, edge, nearest, add)
  if edge.resolved == "none" then
    local guess = nearest(edge.target)
    add("dangling", who, edge.line, edge.target,
      DANGLING:format(edge.kind, edge.target, guess and NEAREST:format(guess) or NOBODY))
  else
    add("cut-short", who, edge.line, edge.target,
      ("%s names `%s`, which is read as `%s`; write the whole name"):format(edge.kind, edge.target,
        edge.to))
  end
end

local function check_names(who, nearest, add)
  local said = {}
  for _, edge in ipairs(who.edges) do
    local odd = edge.resolved == "none" or edge.resolved == "cut" or edge.resolved == "suffix"
    if odd and edge.target ~= "" and not said[edge.target] then
      said[edge.target] = true
      check_name(who, edge, nearest, add)
    end
  end
end

-- == one side only ================================================================================

--- Whom an agent says that it gets work from: names, words of groups, the line of the section. Nil
--- when it says nothing.
local function inputs_of(who)
  local found
  for _, edge in ipairs(who.edges) do
    if edge.kind == "input" then
      found = found or { from = {}, words = {}, line = edge.line }
      if edge.to then found.from[edge.to] = true end
      for word in (edge.resolved == "group" and edge.target:lower() or ""):gmatch("%w+") do
        if #word > 2 and not ANY_GROUP[word] then found.words[word] = true end
      end
    end
  end
  return found
end

local function knows(inputs, name)
  if inputs.from[name] then return true end
  for word in name:lower():gmatch("%w+") do
    if inputs.words[word] then return true end
  end
  return false
end

local function check_sides(who, by_name, inputs, add)
  local said = {}
  for _, edge in ipairs(who.edges) do
    local theirs = relations.moves_work(edge) and not said[edge.to] and inputs[edge.to]
    if theirs and not knows(theirs, who.name) then
      said[edge.to] = true
      add("one-sided", who, edge.line, edge.target,
        ("%s hands work to `%s`, whose input section (%s:%d) does not name `%s`; add it there, "
          .. "or take this out"):format(edge.kind, edge.to, base_name(by_name[edge.to].file),
          theirs.line, who.name))
    end
  end
end

-- == contradictions ===============================================================================

--- Two lists of one length are walked whole, others only when they are told.
local function alike(one, other)
  if #one.targets ~= #other.targets then return false end
  for _, target in ipairs(one.targets) do
    if not other.targets[target] then return false end
  end
  return true
end

local function only_in(one, other)
  local out = {}
  for _, target in ipairs(one.targets) do
    if not other.targets[target] then out[#out + 1] = target end
  end
  return out
end

local function check_twice(who, add)
  local first, told = {}, 0
  for _, section in ipairs(who.sections) do
    local before = first[section.kind]
    if not before then
      first[section.kind] = #section.targets > 0 and section or nil
    elseif #section.targets > 0 and told < MOST_TOLD and not alike(section, before) then
      local here, there, parts = only_in(section, before), only_in(before, section), {}
      if #here > 0 then parts[#parts + 1] = "only here: " .. listed(here) end
      if #there > 0 then parts[#parts + 1] = "only there: " .. listed(there) end
      add("contradiction", who, section.line, section.title,
        ("`%s` stands on line %d too, with other agents (%s); all of them count: keep one list")
          :format(section.title, before.line, table.concat(parts, "; ")))
      told = told + 1
    end
  end
end

local function check_escalation(who, add)
  local asked, handed, has_next, said = {}, {}, false, {}
  for _, edge in ipairs(who.edges) do
    if edge.kind == "next" then
      has_next = true
      if edge.to then handed[edge.to] = edge end
    elseif edge.kind == "escalate" and edge.to and edge.to ~= "User" and not asked[edge.to] then
      asked[edge.to] = edge
    end
  end
  for _, edge in ipairs(has_next and who.edges or {}) do
    local other = relations.moves_work(edge) and not said[edge.to] and asked[edge.to]
    if other then
      said[edge.to] = true
      local also = handed[edge.to] and "is both a next agent and one to escalate to (line %d)"
        or "is no next agent, only one to escalate to (line %d)"
      add("contradiction", who, edge.line, edge.target,
        ("%s hands work to `%s`, which " .. also .. "; work may move there: name it once")
          :format(edge.kind, edge.to, other.line))
    end
  end
end

--- Checks each definition beside the others.
---@param found catalog.Catalog
---@param add   fun(rule: string, who: agent.Agent, line: integer, at: string, message: string)
---  `at` is the text on that line that it is about
function check_relations.check(found, add)
  local names, inputs = {}, {}
  for i, who in ipairs(found.agents) do names[i], inputs[who.name] = who.name, inputs_of(who) end
  local nearest = make_nearest(names)
  for _, who in ipairs(found.agents) do
    check_names(who, nearest, add)
    check_sides(who, found.by_name, inputs, add)
    check_twice(who, add)
    check_escalation(who, add)
  end
end

return check_relations
