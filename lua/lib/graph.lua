--- The graph of a catalog as text: for programs (json), for documents (mermaid), for Graphviz
--- (dot), and as one page to look at (html).
local graph = {}

local DRAW <const> = {
  json = "lib.graph_json", mermaid = "lib.graph_mermaid", dot = "lib.graph_dot",
  html = "lib.graph_html",
}
graph.FORMATS = { "json", "mermaid", "dot", "html" }

--- Draws the agents of a catalog and all edges that their definitions name.
---@param found  catalog.Catalog
---@param format string one of FORMATS
---@return string text ends in a line end
function graph.draw(found, format) return require(DRAW[format])(found) end

return graph
