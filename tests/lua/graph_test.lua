--- The graph of a catalog as text: each format is read back.
local graph     = require "lib.graph"
local json      = require "lib.json"
local mermaid   = require "lib.mermaid"
local relations = require "lib.relations"
local t         = require "lib.test"

local HOSTILE <const> = '</script><b onload="x">&#|`\\"--'

local function edge(from, kind, target, text, line, order)
  return { from = from, kind = kind, target = target, text = text, file = from .. ".md", line = line,
    order = order }
end

local FOUND = { agents = {
  { name = "a-agent", file = "a-agent.md", description = "First.", edges = {
    edge("a-agent", "next", "b-agent", "for a look", 3, 1),
    edge("a-agent", "primary", "b-agent", "to begin", 5, 1),
    edge("a-agent", "primary", "Development Teams", "to repair", 6, 2),
    edge("a-agent", "escalate", "User", "for money", 8, 1),
    edge("a-agent", "trigger", "", "Nobody is named", 9, 1),
    edge("a-agent", "conditional", "gone-agent", HOSTILE, 10, 1),
  } },
  { name = "b-agent", file = "b-agent.md", description = HOSTILE, edges = {
    edge("b-agent", "input", "a-agent", "work", 3, 1),
    edge("b-agent", "collaborate", HOSTILE, "", 4, 1),
  } },
} }
for _, who in ipairs(FOUND.agents) do relations.resolve(who.edges, { "a-agent", "b-agent" }) end

t.test("json has agents, and edges with every key, null where nobody is meant", function()
  local read = json.decode(graph.draw(FOUND, "json"))
  t.equal(read.agents[1], { name = "a-agent", file = "a-agent.md", description = "First." })
  t.equal(#read.edges, 8)
  t.equal(read.edges[1], { from = "a-agent", kind = "next", target = "b-agent", to = "b-agent",
    resolved = "exact", text = "for a look", file = "a-agent.md", line = 3, order = 1 })
  t.equal({ read.edges[4].to, read.edges[4].resolved }, { "User", "user" })
  t.equal(read.edges[5].to == json.null, true)
  t.equal(read.edges[6].resolved, "none")
end)

t.test("a catalog without relations has agents and no edges", function()
  local read = json.decode(graph.draw({ agents = { { name = "x", file = "x.md", description = "",
    edges = {} } } }, "json"))
  t.equal(#read.agents, 1)
  t.equal(json.encode(read.edges), "[]")
  for _, format in ipairs(graph.FORMATS) do
    t.contains(graph.draw({ agents = {} }, format), "\n")
  end
end)

t.test("mermaid is read back: one link for all edges of a sort between two", function()
  local chart = mermaid.flowchart(graph.draw(FOUND, "mermaid"))
  local out = {}
  for i, one in ipairs(chart.edges) do
    out[i] = chart.nodes[one.from].label .. " > " .. chart.nodes[one.to].label .. ": " .. one.label
  end
  t.equal(out, {
    "a-agent > b-agent: next, primary 1", "a-agent > Development Teams: primary 2",
    "a-agent > User: escalate", "a-agent > gone-agent: conditional", "a-agent > b-agent: input",
    "b-agent > " .. HOSTILE .. ": collaborate",
  })
end)

t.test("dot keeps every quote and backslash of a name inside its label", function()
  local text = graph.draw(FOUND, "dot")
  t.contains(text, 'label="</script><b onload=\\"x\\">&#|`\\\\\\"--"')
  for line in text:gmatch("[^\n]+") do
    local outside = line:gsub("\\.", ""):gsub('"[^"]*"', "")
    t.falsy(outside:find("script", 1, true))
    t.falsy(outside:find('"', 1, true))
  end
end)

t.test("what drives a terminal is not in a picture's names", function()
  local found = { agents = { { name = "x\27[31m\u{202E}y", file = "x.md", description = "\u{202E}",
    edges = {} } } }
  for _, format in ipairs { "mermaid", "dot", "html" } do
    local text = graph.draw(found, format)
    t.falsy(text:find("\27", 1, true))
    t.falsy(text:find("\u{202E}", 1, true))
  end
end)

t.test("the page holds the graph as data in which nothing is markup", function()
  local page = graph.draw(FOUND, "html")
  local data = page:match('<script type="application/json" id="data">(.-)</script>')
  t.falsy(data:find("[<>&]"))
  t.equal(#json.decode(data).edges, 8)
  t.equal(json.decode(data).edges[6].text, HOSTILE)
  local _, scripts = page:gsub("<script", "")
  t.equal(scripts, 2)
  t.contains(page, "default-src 'none'")
  for _, far in ipairs { "http:", "https:", " src=", "@import", "innerHTML", "eval(" } do
    local inside = page:gsub("http://www%.w3%.org/2000/svg", "")
    t.falsy(inside:find(far, 1, true))
  end
end)

return t
