--- A flowchart in Mermaid. Text of definitions stands in quoted labels only, with what Mermaid or
--- HTML would read as more than text written as its entity codes.
local picture_of = require "lib.graph_picture"

local SHAPES <const> = {
  agent = { '["', '"]' }, user = { '(("', '"))' }, group = { '(["', '"])' }, done = { '("', '")' },
  missing = { '["', '"]' },
}
local ARROWS <const> = { hand = "-->", escalate = "-.->", collaborate = "---", input = "==>" }

local ENTITIES <const> = {
  ['"'] = "#quot;", ["<"] = "#lt;", [">"] = "#gt;", ["&"] = "#amp;", ["#"] = "#35;", ["`"] = "#96;",
  ["|"] = "#124;", ["\\"] = "#92;",
}

local function quoted(text) return (text:gsub('["<>&#`|\\]', ENTITIES)) end

return function(found)
  local picture = picture_of(found)
  local lines = { "flowchart LR" }
  for _, node in ipairs(picture.nodes) do
    local open, close = table.unpack(SHAPES[node.sort])
    local class = node.sort ~= "agent" and ":::" .. node.sort or ""
    lines[#lines + 1] = "  " .. node.id .. open .. quoted(node.name) .. close .. class
  end
  for _, link in ipairs(picture.links) do
    lines[#lines + 1] = ('  %s %s|"%s"| %s')
      :format(link.from, ARROWS[link.sort], link.label, link.to)
  end
  lines[#lines + 1] = "  classDef user stroke-width:2px"
  lines[#lines + 1] = "  classDef group stroke-dasharray:2"
  lines[#lines + 1] = "  classDef done stroke-dasharray:2"
  lines[#lines + 1] = "  classDef missing stroke:#c22,stroke-dasharray:4"
  return table.concat(lines, "\n") .. "\n"
end
