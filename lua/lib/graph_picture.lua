--- What a drawing of a catalog shows: nodes, and links between them, one for all edges of a sort
--- from one node to another. Pure.
---
--- node = { id, name, sort }         -- sort: agent user group done missing; id: "n1", "n2", ...
--- link = { from, to, sort, label }  -- ids; sort: hand escalate collaborate input
---
--- An input runs from its source to the agent, as the work does.
local show = require "lib.show"

local SORT_OF_KIND <const> = { escalate = "escalate", collaborate = "collaborate", input = "input" }
local SORT_OF_NODE <const> = { user = "user", group = "group", done = "done", none = "missing" }

local function node_of(picture, sort, name)
  local key = sort .. "\0" .. name
  local node = picture.by_key[key]
  if not node then
    node = { id = "n" .. #picture.nodes + 1, name = show.clean(name):gsub("%s+", " "), sort = sort }
    picture.nodes[#picture.nodes + 1], picture.by_key[key] = node, node
  end
  return node
end

local function add_edge(picture, edge)
  local agent = node_of(picture, "agent", edge.from)
  local sort = not (edge.to and edge.resolved ~= "user") and SORT_OF_NODE[edge.resolved] or "agent"
  local other = node_of(picture, sort, edge.to or edge.target)
  local from, to = agent, other
  if edge.kind == "input" then from, to = other, agent end
  local kind = SORT_OF_KIND[edge.kind] or "hand"
  local key = from.id .. " " .. to.id .. " " .. kind
  local link = picture.by_key[key]
  if not link then
    link = { from = from.id, to = to.id, sort = kind, labels = {}, said = {} }
    picture.links[#picture.links + 1], picture.by_key[key] = link, link
  end
  local label = edge.kind == "primary" and "primary " .. edge.order or edge.kind
  if not link.said[label] then
    link.said[label] = true
    link.labels[#link.labels + 1] = label
  end
end

---@param found catalog.Catalog
---@return { nodes: table[], links: table[] } picture
return function(found)
  local picture = { nodes = {}, links = {}, by_key = {} }
  for _, who in ipairs(found.agents) do node_of(picture, "agent", who.name) end
  for _, who in ipairs(found.agents) do
    for _, edge in ipairs(who.edges) do
      if edge.target ~= "" then add_edge(picture, edge) end
    end
  end
  for _, link in ipairs(picture.links) do link.label = table.concat(link.labels, ", ") end
  return picture
end
