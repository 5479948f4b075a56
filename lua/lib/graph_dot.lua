--- A graph for Graphviz: `perigee agents graph --format dot | dot -Tsvg`. Text of definitions
--- stands in quoted labels only.
local picture_of = require "lib.graph_picture"

local NODES <const> = {
  agent = "", user = ", shape=ellipse, penwidth=2", group = ', style="rounded,dashed"',
  done = ', style="rounded,dashed"', missing = ', style=dashed, color="#cc2222"',
}
local LINKS <const> = {
  hand = "", escalate = ', style=dashed, color="#b36b00"',
  input = ', style=dotted, color="#3a7d44"',
  collaborate = ', dir=none, color="#666666"',
}

local function quoted(text) return '"' .. text:gsub('[\\"]', "\\%0") .. '"' end

return function(found)
  local picture = picture_of(found)
  local lines = {
    "digraph agents {", "  rankdir=LR;", '  node [shape=box, fontname="sans-serif"];',
    '  edge [fontname="sans-serif", fontsize=10];',
  }
  for _, node in ipairs(picture.nodes) do
    lines[#lines + 1] = ("  %s [label=%s%s];"):format(node.id, quoted(node.name), NODES[node.sort])
  end
  for _, link in ipairs(picture.links) do
    lines[#lines + 1] = ("  %s -> %s [label=%s%s];"):format(link.from, link.to, quoted(link.label),
      LINKS[link.sort])
  end
  lines[#lines + 1] = "}"
  return table.concat(lines, "\n") .. "\n"
end
