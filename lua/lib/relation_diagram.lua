--- Edges of one flowchart: from the agent itself, along the arrows, to whoever is named. Pure.
local item    = require "lib.relation_item"
local mermaid = require "lib.mermaid"

local POINTER = "\u{1F449}" -- the hand that this family draws before whoever comes next
local MOST_ROUTE = 1000 -- bytes of labels; further ones on the way are left out

local function node_target(label, known, strict)
  local names = item.names_in(label, known, strict)
  if names[1] then return names[1] end
  local _, stop = label:find(POINTER, 1, true)
  local group = stop and item.trim(label:sub(stop + 1))
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
---@param block table code
---@param name  string the agent's
---@param known table set of the catalog's names
---@param add   fun(kind: string, target: string, text: string, line: integer)
local function read_diagram(block, name, known, add)
  local chart = mermaid.flowchart(block.clean or block.text)
  if not chart then return end
  local target, leads, drawn = {}, {}, false
  for _, id in ipairs(chart.order) do
    local who = node_target(chart.nodes[id].label, known)
    target[id], drawn = who, drawn or who == name or (who and own_older_name(who, name))
  end
  for _, id in ipairs(drawn and {} or chart.order) do -- perhaps of something else than agents
    target[id] = node_target(chart.nodes[id].label, known, true)
  end
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
      if edge.label and edge.label ~= "" and #text < MOST_ROUTE then
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
return read_diagram
