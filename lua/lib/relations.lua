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
---
--- `read` looks at one definition and needs no other; `resolve` then finds out who is meant.
--- Nothing is ever resolved by a number alone: an author who renamed an agent and kept its number
--- meant another.
local mermaid = require "lib.mermaid"
local triggers = require "lib.triggers"

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
local DONE = {
  ["direct completion"] = true, ["completion"] = true, ["complete"] = true, ["done"] = true,
  ["task complete"] = true, ["end"] = true,
}
local USER = { ["user"] = true, ["users"] = true, ["the user"] = true }
local NOBODY = { ["none"] = true, ["n/a"] = true, ["nobody"] = true, ["no one"] = true }
local BEFORE_REASON = { ["for"] = true, to = true, when = true, ["if"] = true, on = true }
local ARROWS = { "\u{2192}", "\u{27A1}\u{FE0F}", "\u{27A1}", "\u{21D2}", "=>", "->" }
local DELIMITERS = { " (", ": ", " - ", " \u{2013} ", " \u{2014} ", " \u{2192} " }
local POINTER = "\u{1F449}" -- the hand that this family draws before whoever comes next
local MOST_HEADING = 200 -- bytes; a longer heading opens no section,
local MOST_ITEM = 4000 -- and a longer item is prose
local MOST_WORDS = 5 -- a group of people has a short name; what is longer is prose

-- == words ========================================================================================

local function trim(text) return text:match("^%s*(.*%S)") or "" end

--- Without the icons in front: words that hold no letter or digit, unless nothing else is there.
local function without_icons(text)
  local rest = trim(text)
  while true do
    local word, after = rest:match("^(%S+)%s+(.+)$")
    if not word or word:find("%w") or not after:find("%w") then return rest end
    rest = after
  end
end

--- True for a word that can only be an agent's name: "062-backend-senior", "audit-trail-agent".
local function certain_name(word)
  return word:find("^%d+%-%a[%w_]*%-") ~= nil or word:find("%-guardian$") ~= nil
    or word:find("%-agent$") ~= nil
end

--- True for one word with a hyphen inside; in a list of relations that is a name.
local function name_like(word) return word:find("^[%w_][%w_.]*%-[%w_.-]*[%w_]$") ~= nil end

--- All names in a text, in order; `known` makes names of words that do not look like one.
local function names_in(text, known)
  local found = {}
  for word in text:gmatch("[%w_][%w_-]*") do
    word = word:gsub("%-+$", "")
    if certain_name(word) or (known and known[word] and word:find("-", 1, true)) then
      found[#found + 1] = word
    end
  end
  return found
end

local function first_of(text, marks)
  local from, to
  for _, mark in ipairs(marks) do
    local a, b = text:find(mark, 1, true)
    if a and (not from or a < from) then from, to = a, b end
  end
  return from, to
end

--- What follows a target, without brackets, colon or dash: the author's reason.
local function reason(rest)
  rest = trim(rest)
  for _, mark in ipairs { ":", "-", ",", "\u{2013}", "\u{2014}", "\u{2192}" } do
    if rest:sub(1, #mark) == mark then rest = trim(rest:sub(#mark + 1)) end
  end
  local inner = rest:match("^(%b())[%s.]*$")
  if inner then return trim(inner:sub(2, -2)) end
  return (rest:gsub("^%(%s*", ""))
end

--- The text of a block. Lines that only cling to a list item, because the author left no blank line
--- before the next paragraph, are not the item's.
local function speech(block)
  local text = block.clean or block.text or ""
  if not text:find("\n", 1, true) then return trim(text) end
  local source, lines = {}, {}
  for line in ((block.source or "") .. "\n"):gmatch("(.-)\r?\n") do source[#source + 1] = line end
  for line in (text .. "\n"):gmatch("(.-)\n") do
    local own = #lines == 0 or (source[#lines + 1] or ""):find("^[ \t]")
    if not own then break end
    lines[#lines + 1] = trim(line)
  end
  return table.concat(lines, " ")
end

-- == one item of a list ===========================================================================

--- The first words in bold, when nothing but icons stands before them.
local function bold(block)
  local source = (block.source or ""):gsub("^%s*[-*+]%s+", ""):gsub("^%s*%d+[.)]%s+", "")
  local before, inner, after = source:match("^(.-)%*%*(.-)%*%*(.*)$")
  if inner and not before:find("%w") then return trim(inner:gsub("`", "")), after end
end

--- Target and reason of an item, nil when it is prose. Where the section does not say that it is
--- about agents (`strict`), only a name or the user is a target.
local function target_of(block, strict)
  local text = without_icons(speech(block))
  local target, rest = bold(block)
  if target then
    local code, after = rest:match("^%s*:?%s*`([^`]+)`(.*)$")
    if code and not name_like(target) then return code, trim(target .. " " .. reason(after)) end
    target = target:gsub(":$", "")
    local _, stop = text:find(target, 1, true)
    rest = stop and text:sub(stop + 1) or ""
  else
    local word = text:match("^[%w_][%w_.-]*") or ""
    word = word:gsub("[.-]+$", "")
    rest = text:sub(#word + 1)
    if name_like(word) and (not strict or rest == "" or rest:find("^%s*[%(:]")) then
      target = word
    elseif USER[word:lower()] and BEFORE_REASON[rest:match("^%s+(%a+)%s")] then
      target = word
    else
      local from = first_of(text, DELIMITERS)
      target = trim(from and text:sub(1, from - 1) or text):gsub(":$", "")
      rest = from and text:sub(from) or ""
      if not from and text:find("%.$") then return nil end
    end
  end
  local _, words = target:gsub("%S+", "")
  local low = target:lower()
  if words == 0 or words > MOST_WORDS or NOBODY[low] then return nil end
  if strict and not name_like(target) and not USER[low] then return nil end
  return target, reason(rest)
end

--- "If CONDITION -> TARGET [and TARGET]": the condition and the targets.
local function condition_of(text, known)
  text = without_icons(text)
  local from, to = first_of(text, ARROWS)
  local left, right = text:sub(1, (from or 1) - 1), to and text:sub(to + 1) or text
  local found = names_in(right, known)
  if not from then
    if #found == 0 or not text:find("^[IiWw][fh]") then return nil end
    left = text:sub(1, (text:find(found[1], 1, true)) - 1):gsub("[%s:,-]+$", "")
  end
  left = trim(left):gsub("^[Ii]f%s+", "")
  if #found == 0 then
    local whole = trim(right):gsub("%s*%b()[%s.]*$", ""):gsub("[.%s]+$", "")
    if whole ~= "" then found[1] = whole end
  end
  return left, found
end

local QUOTES = { ['"'] = '"', ["\u{201C}"] = "\u{201D}", ["\u{201E}"] = "\u{201C}", ["'"] = "'" }

local function phrase_of(text)
  text = without_icons(text)
  for open, close in pairs(QUOTES) do
    if text:sub(1, #open) == open then
      local from = text:find(close, #open + 1, true)
      local last = from
      while from do
        last, from = from, text:find(close, from + #close, true)
      end
      if last then return trim(text:sub(#open + 1, last - 1)) end
    end
  end
  return text
end

-- == one diagram ==================================================================================

--- Who a node names: an agent, or whoever the hand points to.
local function node_target(label, known)
  local names = names_in(label, known)
  if names[1] then return names[1] end
  local _, stop = label:find(POINTER, 1, true)
  local group = stop and trim(label:sub(stop + 1))
  return group ~= "" and group or nil
end

--- True when a name in an agent's own diagram is the agent under an older name: the same number,
--- and a word in common. (Elsewhere a number says nothing.)
local function own_older_name(word, name)
  local number = name:match("^%d+%-")
  if not number or word:sub(1, #number) ~= number then return false end
  for part in word:sub(#number + 1):gmatch("%w+") do
    local common = part == "guardian" or part == "agent"
    if not common and ("-" .. name .. "-"):find("-" .. part .. "-", 1, true) then return true end
  end
  return false
end

--- Where routes begin: at the agent itself, else at the nodes that nothing leads to.
local function diagram_starts(chart, name, target)
  local own, older, first, reached = {}, {}, {}, {}
  for _, edge in ipairs(chart.edges) do reached[edge.to] = true end
  for _, id in ipairs(chart.order) do
    if target[id] == name then own[#own + 1] = id
    elseif target[id] and own_older_name(target[id], name) then older[#older + 1] = id
    elseif not reached[id] then first[#first + 1] = id end
  end
  return own[1] and own or older[1] and older or first
end

--- Follows the arrows from the agent itself, through nodes that name nobody, to those that do. A
--- route keeps the labels that it passes.
local function read_diagram(block, name, known, add)
  local chart = mermaid.flowchart(block.clean or block.text)
  if not chart then return end
  local target, leads = {}, {}
  for _, id in ipairs(chart.order) do target[id] = node_target(chart.nodes[id].label, known) end
  for _, edge in ipairs(chart.edges) do
    leads[edge.from] = leads[edge.from] or {}
    table.insert(leads[edge.from], edge)
  end
  local queue, seen, own = {}, {}, { [name] = true }
  for _, id in ipairs(diagram_starts(chart, name, target)) do
    queue[#queue + 1], seen[id] = { id, "" }, true
    if target[id] then own[target[id]] = true end
  end
  for _, from in ipairs(queue) do -- grows while it is walked; each node is left once
    for _, edge in ipairs(leads[from[1]] or {}) do
      local text = from[2]
      if edge.label and edge.label ~= "" then
        text = text == "" and edge.label or text .. " / " .. edge.label
      end
      local who = target[edge.to]
      if not who and not seen[edge.to] then
        queue[#queue + 1], seen[edge.to] = { edge.to, text }, true
      elseif who and not own[who] then
        add("diagram", who, text, block.line + edge.line)
      end
    end
  end
end

-- == one definition ===============================================================================

--- "## <icon> Next Agents (Auto-chain to):" is "next agents".
local function heading_words(block)
  if #block.text > MOST_HEADING then return "" end
  local text = without_icons(block.clean or block.text or ""):lower()
  return trim(text:gsub("%s*%b()", ""):gsub("%s*:%s*$", ""):gsub("%s+", " "))
end

local function enter_heading(state, block)
  local words = heading_words(block)
  local stack = state.stack
  while #stack > 0 and stack[#stack].level >= block.level do table.remove(stack) end
  stack[#stack + 1] = { level = block.level, words = words }
  state.section, state.part, state.about_agents = SECTIONS[words], nil, false
  for _, heading in ipairs(stack) do
    local above = heading.words
    if above:find("relationship", 1, true) or above:find("agent collaboration", 1, true) then
      state.about_agents = true
    end
  end
end

local function read_item(state, block, add)
  local section = state.section
  if section == "output" then
    local text = speech(block)
    section = state.part or (block.number > 0 and "primary")
      or (text:find("^[Ii]f%s") and first_of(text, ARROWS) and "conditional") or "next"
  end
  if section == "trigger" then
    local phrase = phrase_of(speech(block))
    local names = names_in(phrase, state.known)
    if #names == 0 and state.about_agents and phrase ~= "" then names[1] = "" end
    for _, target in ipairs(names) do add("trigger", target, phrase, block.line) end
  elseif section == "conditional" then
    local condition, found = condition_of(speech(block), state.known)
    for _, target in ipairs(found or {}) do add("conditional", target, condition, block.line) end
  else
    local target, why = target_of(block, not state.about_agents)
    if target then add(section, target, why, block.line) end
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
function relations.read(definition, known)
  local edges, count, seen = {}, {}, {}
  local state = { stack = {}, known = known }
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
  return edges
end

-- == who is meant =================================================================================

--- An index over names: exact, without the last word, and by every suffix of two words or more;
--- false marks what several agents share. Leading zeros of a number do not count.
local function index(names)
  local by = { exact = {}, cut = {}, suffix = {} }
  local function put(into, key, name)
    if into[key] == nil then into[key] = name elseif into[key] ~= name then into[key] = false end
  end
  for _, name in ipairs(names) do
    local key = name:gsub("^0+(%d)", "%1")
    by.exact[name] = name
    put(by.exact, key, name)
    local cut = key:match("^(.+%-.+)%-[^-]+$")
    if cut then put(by.cut, cut, name) end
    local at = key:find("-", 1, true)
    while at do
      local suffix = key:sub(at + 1)
      if suffix:find("-", 1, true) then put(by.suffix, suffix, name) end
      at = key:find("-", at + 1, true)
    end
  end
  return by
end

local function resolve_target(target, by)
  local low = target:lower()
  if USER[low] then return "User", "user" end
  if DONE[low] then return nil, "done" end
  local key = target:gsub("^0+(%d)", "%1")
  local exact = by.exact[target] or by.exact[key]
  if exact then return exact, "exact" end
  if by.cut[key] then return by.cut[key], "cut" end
  if by.suffix[key] then return by.suffix[key], "suffix" end
  if target == "" or name_like(target) then return nil, "none" end
  return nil, "group"
end

--- Fills `to` and `resolved` of every edge.
---@param edges table[]
---@param names string[] all agents of the catalog
---@return table[] edges the same table
function relations.resolve(edges, names)
  local by = index(names)
  for _, edge in ipairs(edges) do
    edge.to, edge.resolved = resolve_target(edge.target, by)
  end
  return edges
end

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

--- Diagnostics over a catalog; see lib.relations_check.
function relations.check(catalog)
  return require("lib.relations_check").check(catalog, relations)
end

return relations
