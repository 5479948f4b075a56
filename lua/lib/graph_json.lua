--- { agents = { { name, file, description } }, edges = { { from, kind, target, to, resolved, text,
--- file, line, order } } }, as lib.relations has them; `to` is null where nobody is meant.
local json = require "lib.json"

return function(found)
  local agents, edges = json.array {}, json.array {}
  for i, who in ipairs(found.agents) do
    agents[i] = json.object {
      { "name", who.name }, { "file", who.file }, { "description", who.description },
    }
    for _, edge in ipairs(who.edges) do
      edges[#edges + 1] = json.object {
        { "from", edge.from }, { "kind", edge.kind }, { "target", edge.target },
        { "to", edge.to or json.null }, { "resolved", edge.resolved }, { "text", edge.text },
        { "file", edge.file }, { "line", edge.line }, { "order", edge.order },
      }
    end
  end
  return json.encode(json.object { { "agents", agents }, { "edges", edges } }) .. "\n"
end
