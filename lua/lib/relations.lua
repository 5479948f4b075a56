--- What agent authors write about who hands work to whom, read as edges.
---
--- edge = {
---   from, kind,      -- kind: next primary conditional trigger escalate input diagram collaborate
---   target,          -- as written; "" for a trigger phrase that names nobody
---   to, resolved,    -- an agent's name, "User" or nil; exact cut suffix group user done none
---   text,            -- the author's reason, condition, phrase, or labels along a diagram's route
---   file, line,      -- where it stands
---   order,           -- its place among the agent's edges of this kind, from 1
--- }
--- section = {
---   kind, title, line, -- of the heading; kind is "output" where several kinds stand below it
---   targets,           -- as written, each once, in order; and by name the line
--- }
---
--- `read` looks at one definition and needs no other; `resolve` then finds out who is meant.
local item         = require "lib.relation_item"
local read_diagram = require "lib.relation_diagram"
local resolver     = require "lib.relation_names"
local triggers     = require "lib.triggers"

local relations = {}

-- Headings that open a list of relations, without icons, brackets and colon.
local SECTIONS = {
  ["next agents"] = "next", ["next agent"] = "next", ["output to"] = "next",
  ["hands off to"] = "next", ["hand off to"] = "next",
  ["escalate to"] = "escalate", ["escalates to"] = "escalate",
  ["collaborate with"] = "collaborate", ["collaborates with"] = "collaborate",
  ["coordinate with"] = "collaborate", ["synthesis partners"] = "collaborate",
  ["input sources"] = "input", ["input from"] = "input",
  ["output destinations"] = "output", ["output destination"] = "output",
  ["primary chain"] = "primary", ["conditional chains"] = "conditional",
  ["conditional chain"] = "conditional",
  ["trigger phrases"] = "trigger", ["trigger phrases for auto-chaining"] = "trigger",
}
local MOST_HEADING = 200 -- bytes; a longer heading opens no section,
local MOST_ITEM = 4000 -- and a longer item is prose

--- "## <icon> Next Agents (Auto-chain to):" is "next agents".
local function heading_words(block)
  if #block.text > MOST_HEADING then return "" end
  local text = item.without_icons(block.clean or block.text or ""):lower()
  return item.trim(text:gsub("%s*%b()", ""):gsub("%s*:%s*$", ""):gsub("%s+", " "))
end

local function enter_heading(state, block)
  local words = heading_words(block)
  local stack = state.stack
  while #stack > 0 and stack[#stack].level >= block.level do table.remove(stack) end
  stack[#stack + 1] = { level = block.level, words = words }
  state.section, state.part, state.about_agents = SECTIONS[words], nil, false
  for _, heading in ipairs(stack) do
    local above = heading.words
    local between = above:find("relationship", 1, true) or above:find("collaboration", 1, true)
    if above == "relationships" or above == "next agents" or above == "next agent"
      or between and above:find("agent", 1, true) then
      state.about_agents = true
    end
  end
  if state.section then
    local title = item.trim(item.without_icons(block.clean or block.text):gsub("%s*:%s*$", ""))
    state.list = { kind = state.section, title = title, line = block.line, targets = {} }
    table.insert(state.sections, state.list)
  end
end

--- Adds an edge of the section that is open.
local function add_listed(state, add, kind, target, text, line)
  local targets = state.list.targets
  if target ~= "" and not targets[target] then
    targets[target], targets[#targets + 1] = line, target
  end
  add(kind, target, text, line)
end

local function read_item(state, block, add)
  local section, strict = state.section, not state.about_agents
  local function list(...) add_listed(state, add, ...) end
  if section == "output" then
    local text = item.speech(block)
    section = state.part or (block.number > 0 and "primary")
      or (text:find("^[Ii]f%s") and item.has_arrow(text) and "conditional") or "next"
  end
  if section == "trigger" then
    local phrase = item.phrase_of(item.speech(block))
    local names = item.names_in(phrase, state.known, strict)
    if #names == 0 and not strict and phrase ~= "" then names[1] = "" end
    for _, target in ipairs(names) do list("trigger", target, phrase, block.line) end
  elseif section == "conditional" then
    local condition, found = item.condition_of(block, state.known, strict)
    for _, target in ipairs(found or {}) do list("conditional", target, condition, block.line) end
  else
    local target, why = item.target_of(block, state.known, strict)
    if target then list(section, target, why, block.line) end
  end
end

local function read_block(state, block, name, add)
  local kind = block.kind
  if kind == "heading" then enter_heading(state, block)
  elseif kind == "paragraph" and state.section == "output" then
    state.part = SECTIONS[heading_words(block)] or state.part
  elseif kind == "item" and state.section and block.level == 1 and #block.source <= MOST_ITEM then
    read_item(state, block, add)
  elseif kind == "code" and (block.info or ""):find("^mermaid") then
    read_diagram(block, name, state.known, add)
  end
end

--- Reads the relations of one definition.
---@param definition table { name, file, blocks }; a block is { kind, level, number, text, clean,
---source, info, line, quoted }
---@param known table|nil set of the catalog's names: these words count in phrases and diagrams
---@return table[] edges in the order of the file, not resolved
---@return table[] sections
function relations.read(definition, known)
  local edges, count, seen = {}, {}, {}
  local state = { stack = {}, sections = {}, known = known or {} }
  local function add(kind, target, text, line)
    local key = table.concat({ kind, target, text }, "\0")
    if seen[key] then return end -- the same section twice, with an icon and without
    seen[key] = true
    count[kind] = (count[kind] or 0) + 1
    edges[#edges + 1] = {
      from = definition.name, kind = kind, target = target, text = text, file = definition.file,
      line = line, order = count[kind],
    }
  end
  for _, block in ipairs(definition.blocks) do
    if not block.quoted then read_block(state, block, definition.name, add) end
  end
  return edges, state.sections
end

-- == a catalog ====================================================================================

--- Fills `to` and `resolved` of every edge.
---@param edges table[]
---@param who   string[]|fun(target: string): string?, string names of all agents, or the resolver
---  made of them, which is worth keeping when many definitions are resolved
---@return table[] edges the same table
function relations.resolve(edges, who)
  local resolve = type(who) == "table" and resolver(who) or who
  for _, edge in ipairs(edges) do edge.to, edge.resolved = resolve(edge.target) end
  return edges
end

--- Makes what `resolve` takes.
relations.resolver = resolver

--- Reads and resolves a whole catalog.
---@param definitions table[] as `read` takes them
---@return table[] edges of all of them
function relations.graph(definitions)
  local names, known, edges = {}, {}, {}
  for _, definition in ipairs(definitions) do
    if definition.name and not known[definition.name] then
      names[#names + 1] = definition.name
      known[definition.name] = true
    end
  end
  for _, definition in ipairs(definitions) do
    if definition.name then
      for _, edge in ipairs(relations.read(definition, known)) do edges[#edges + 1] = edge end
    end
  end
  return relations.resolve(edges, names)
end

local HANDS_OVER = { "next", "primary", "conditional", "trigger", "diagram" }
local MOVES_WORK = {}
for _, kind in ipairs(HANDS_OVER) do MOVES_WORK[kind] = true end

--- True for an edge along which work may move to an agent, itself left out.
---@param edge table resolved
---@return boolean
function relations.moves_work(edge)
  return MOVES_WORK[edge.kind] == true and edge.to ~= nil and edge.to ~= "User"
    and edge.to ~= edge.from
end

--- Whom an agent may hand its work to, each name once: next agents first, then its primary chain,
--- conditions, phrases and diagram, each in the author's order.
---@param edges table[] resolved
---@param agent string
---@return string[]
function relations.targets(edges, agent)
  local out, seen = {}, { [agent] = true, User = true }
  for _, kind in ipairs(HANDS_OVER) do
    for _, edge in ipairs(edges) do
      if edge.from == agent and edge.kind == kind and edge.to and not seen[edge.to] then
        seen[edge.to] = true
        out[#out + 1] = edge.to
      end
    end
  end
  return out
end

--- Trigger phrases that a final reply says, in the order in which it says them.
---@param edges table[] resolved, of the agent that replied
---@param reply string
---@return table[] { to, target, phrase, line, from, to_offset }; both offsets are in the match
function relations.match_trigger(edges, reply) return triggers.match(edges, reply) end

return relations
