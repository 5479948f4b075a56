--- Relations as authors write them, each peculiarity with the smallest definition that has it.
local t = require "lib.test"
local relations = require "lib.relations"
local mermaid = require "lib.mermaid"

-- == fixtures: an outline from a few lines of Markdown, enough of it for these tests ==============

local function plain(text) return (text:gsub("%*%*", ""):gsub("`", "")) end

local function outline(text)
  local blocks, number, fence = {}, 0, nil
  for line in (text .. "\n"):gmatch("(.-)\n") do
    number = number + 1
    local last = blocks[#blocks]
    local marks, heading = line:match("^(#+) (.*)$")
    local digits, numbered = line:match("^(%d+)%. (.*)$")
    local indent, bullet = line:match("^(%s*)[-*] (.*)$")
    if fence then
      if line == "```" then fence = nil else fence.text = fence.text .. line .. "\n" end
    elseif line:find("^```") then
      fence = { kind = "code", level = 0, number = 0, text = "", info = line:sub(4), line = number }
      blocks[#blocks + 1] = fence
    elseif line == "" then
      if last then last.closed = true end
    elseif heading then
      blocks[#blocks + 1] = {
        kind = "heading", level = #marks, text = plain(heading), line = number, closed = true,
      }
    elseif numbered or bullet then
      blocks[#blocks + 1] = {
        kind = "item", level = 1 + #(indent or "") // 2, number = tonumber(digits) or 0,
        text = plain(numbered or bullet), source = line, line = number,
      }
    elseif last and not last.closed and (last.kind == "item" or last.kind == "paragraph") then
      last.text = last.text .. "\n" .. plain(line:match("^%s*(.-)$"))
      last.source = last.source .. "\n" .. line
    else
      blocks[#blocks + 1] = {
        kind = "paragraph", level = 0, number = 0, text = plain(line), source = line, line = number,
      }
    end
  end
  return blocks
end

local function read(text, name)
  local blocks = outline(text)
  return relations.read { name = name or "010-maker-guardian", file = "a.md", blocks = blocks }
end

--- "kind target: text" of each edge.
local function listing(edges)
  local out = {}
  for i, edge in ipairs(edges) do out[i] = edge.kind .. " " .. edge.target .. ": " .. edge.text end
  return out
end

local function expect(text, want) t.equal(listing(read(text)), want) end

-- == lists ========================================================================================

t.test("next agents keep their reason, line and order", function()
  t.equal(read [[
## Agent Relationships
### Next Agents (Auto-chain to):
- 020-checker-guardian (for a look)
- 030-shipper-guardian (for the rest)
]], {
    { from = "010-maker-guardian", kind = "next", target = "020-checker-guardian",
      text = "for a look", file = "a.md", line = 3, order = 1 },
    { from = "010-maker-guardian", kind = "next", target = "030-shipper-guardian",
      text = "for the rest", file = "a.md", line = 4, order = 2 },
  })
end)

t.test("escalation names agents, the user, and the user without brackets", function()
  expect([[
## Agent Relationships
### Escalate To:
- 020-checker-guardian (for doubts (of any kind))
- User (for money)
- User for decisions about scope (e.g. dates)
]], {
    "escalate 020-checker-guardian: for doubts (of any kind)",
    "escalate User: for money",
    "escalate User: for decisions about scope (e.g. dates)",
  })
end)

t.test("a reason may lack brackets, close with a full stop, or be missing", function()
  expect([[
## Agent Relationships
### Next Agents:
- **020-checker-guardian** (for a look).
- **030-shipper-guardian**: To ship.
- 040-writer-guardian to write it down
- `050-reader-guardian`
- Development Teams (for repairs)
- 060-open-guardian (never closed
]], {
    "next 020-checker-guardian: for a look",
    "next 030-shipper-guardian: To ship.",
    "next 040-writer-guardian: to write it down",
    "next 050-reader-guardian: ",
    "next Development Teams: for repairs",
    "next 060-open-guardian: never closed",
  })
end)

t.test("prose in place of a target is no edge", function()
  expect([[
## Agent Relationships
### Next Agents (Auto-chain to):
- This agent hands over to nobody. It reports to whoever asked.
- None
- 020-checker-guardian (for a look)
]], { "next 020-checker-guardian: for a look" })
end)

t.test("a sentence that clings to the last item is not part of its reason", function()
  expect([[
## Agent Relationships
### Escalate To:
- User (for money)
You build things that last.
]], { "escalate User: for money" })
  expect([[
## Agent Relationships
### Escalate To:
- User (for money
  and time)
]], { "escalate User: for money and time" })
end)

t.test("a section ends at the next heading, pictures do not end it", function()
  expect([[
## Agent Relationships
![before](a.png)
### Next Agents:

![between](b.png)

- 020-checker-guardian (for a look)

![after](c.png)

- 030-shipper-guardian (for the rest)

## Success
- 040-writer-guardian (is no relation)
]], { "next 020-checker-guardian: for a look", "next 030-shipper-guardian: for the rest" })
end)

t.test("the same section twice, with an icon and without, gives each edge once", function()
  expect([[
## 🔗 Agent Relationships
### 🚀 Next Agents (Auto-chain to):
- 020-checker-guardian (for a look)
## Agent Relationships
### Next Agents:
- 020-checker-guardian (for a look)
- 020-checker-guardian (for another)
]], { "next 020-checker-guardian: for a look", "next 020-checker-guardian: for another" })
end)

t.test("nested items are details, not targets", function()
  expect([[
## Agent Relationships
### Next Agents:
- 020-checker-guardian (for a look)
  - 030-shipper-guardian (only mentioned)
]], { "next 020-checker-guardian: for a look" })
end)

-- == sources, chains, conditions ==================================================================

t.test("input, primary chain and conditions are told apart", function()
  expect([[
## 🔗 Agent Relationships
### Input Sources
- 👤 **User**: A wish
- 📊 **020-checker-guardian**: Findings
- 💻 **Development Agents**: Code
### Output Destinations
**Primary Chain (Sequential)**:
1. **030-shipper-guardian** - To ship
2. **Development Teams** - To repair

**Conditional Chains**:
- If **it is late** → **040-writer-guardian**
- If **tests pass** → **Direct completion**
- If **bugs & doubts** -> **050-a-guardian** and **060-b-guardian**
]], {
    "input User: A wish",
    "input 020-checker-guardian: Findings",
    "input Development Agents: Code",
    "primary 030-shipper-guardian: To ship",
    "primary Development Teams: To repair",
    "conditional 040-writer-guardian: it is late",
    "conditional Direct completion: tests pass",
    "conditional 050-a-guardian: bugs & doubts",
    "conditional 060-b-guardian: bugs & doubts",
  })
end)

t.test("signs from a wrong code page are read in their clean form", function()
  local blocks = outline [[
## Agent Relationships
### Output Destinations
- If **late** â†’ **040-writer-guardian**
]]
  blocks[3].clean = "If late → 040-writer-guardian"
  local edges = relations.read { name = "a", file = "a.md", blocks = blocks }
  t.equal(listing(edges), { "conditional 040-writer-guardian: late" })
end)

t.test("icons that lost a byte do not become part of a name", function()
  expect("## Agent Relationships\n### Input Sources\n- ğŸ·ï¸ **020-checker-guardian**: Findings",
    { "input 020-checker-guardian: Findings" })
end)

t.test("numbered bold lists and workflows elsewhere are no chain", function()
  expect([[
## Workflows
1. **Plan-first**: Make a plan
2. **020-checker-guardian** - mentioned in passing
## Next steps
- 030-shipper-guardian (mentioned)
]], {})
end)

t.test("without a section about agents only names and the user are targets", function()
  expect([[
### Escalate to
- Senior staff when in doubt
- User (for money)
- 020-checker-guardian (for doubts)
- well-known problems of all kinds
]], { "escalate User: for money", "escalate 020-checker-guardian: for doubts" })
end)

t.test("definitions of other families get no edges", function()
  expect([[
You are a code reviewer.
## Your process
1. **Read** - the whole change
2. **Check** - state-of-the-art rules
- If tests fail → stop
> ### Next Agents:
## Escalation
- "Something broke - ask for help"
```python
- 020-checker-guardian
```
]], {})
end)

t.test("a condition may have two targets, and they may be groups", function()
  expect([[
## Agent Relationships
### Conditional Chains:
- If **bugs** → **Development Teams** and **020-checker-guardian**
- If **late** → **030-shipper-guardian** or **User**
- If **both / neither?** → **040-writer-guardian**, **Direct completion**
- If **large** → 020-checker-guardian & 030-shipper-guardian (each a half)
- When it is small, 020-checker-guardian may do
- If nobody knows, ask around
]], {
    "conditional Development Teams: bugs", "conditional 020-checker-guardian: bugs",
    "conditional 030-shipper-guardian: late", "conditional User: late",
    "conditional 040-writer-guardian: both / neither?",
    "conditional Direct completion: both / neither?",
    "conditional 020-checker-guardian: large", "conditional 030-shipper-guardian: large",
    "conditional 020-checker-guardian: When it is small",
  })
end)

t.test("the same section twice in the other order, with more in one of them", function()
  local blocks = outline [[
## Agent Relationships
### Next Agents (Auto-chain to):
- 020-checker-guardian (for a look)
You build things that last.

```mermaid
flowchart TD
  A --> B{010-maker-guardian} --> C{Which?}
  C -->|Ship & tell?| D[👉 030-shipper-guardian]
```
## 🔗 Agent Relationships
### 🚀 Next Agents:
![a picture](x.svg)
- 020-checker-guardian (for a look)
- `040-writer-guardian`
### Trigger Phrases
- "Nobody is named"
]]
  local edges, sections = relations.read { name = "010-maker-guardian", file = "a.md", blocks = blocks }
  t.equal(listing(edges), {
    "next 020-checker-guardian: for a look", "diagram 030-shipper-guardian: Ship & tell?",
    "next 040-writer-guardian: ", "trigger : Nobody is named",
  })
  t.equal({ #sections, #sections[3].targets }, { 3, 0 })
  t.equal({ sections[2].kind, sections[2].title, sections[2].line }, { "next", "Next Agents", 12 })
  t.equal({ table.unpack(sections[2].targets) }, { "020-checker-guardian", "040-writer-guardian" })
end)

-- Families of other authors: their words for steps, inputs and teams are no relations.
local STRANGERS = {
  ["steps and phases"] = [[
You are a senior code reviewer with a focus on security.
When invoked:
1. Run git diff
2. **Focus** - on what changed
## Communication Protocol
### Review Context
```json
{ "requesting_agent": "code-reviewer", "to": "test-automator" }
```
## Integration with other agents:
- Support qa-expert with insights
- Work with security-auditor on findings
### Handoff
- Delegate to `debugger` when it fails
]],
  ["a diagram of a system"] = [[
## Architecture
```mermaid
flowchart LR
  Browser[user-agent] --> Gateway{api-gateway}
  Gateway -->|login?| Auth[auth-agent]
  Gateway --> Build[build-agent] & Relay[mail-transfer-agent]
```
]],
  ["pipelines and stores"] = [[
## Data Relationships
### Input Sources
- Kafka topics: raw events
- **Warehouse**: facts
- CSV-files (nightly)
### Output Destinations
1. **S3-bucket** - Parquet
2. Dashboards
- If late → dead-letter-queue
### Conditional Chains
- If empty → skip-stage
]],
  ["phrases and escalation"] = [[
### Trigger Phrases
- "review my code"
- "check the user-agent header"
## Escalation
### Escalate To:
- The on-call engineer, when production is down
- team-lead (for budget)
## Next Steps
- code-reviewer: look again
]],
  ["a prompt in tags"] = [[
<role>planner</role>
<example>
user: "next agents?"
assistant: uses the build-agent
</example>
# Relationships between tables
- orders-table (one to many)
]],
}

t.test("families of other authors get no invented edges", function()
  for style, text in pairs(STRANGERS) do
    t.equal({ style, listing(read(text, "code-reviewer")) }, { style, {} })
  end
end)

t.test("what stands in a quotation is somebody else's", function()
  local blocks = outline [[
## Agent Relationships
### Next Agents:
- 020-checker-guardian (for a look)
]]
  blocks[3].quoted = true
  t.equal(relations.read { name = "a", file = "a.md", blocks = blocks }, {})
end)

-- == phrases ======================================================================================

t.test("a phrase keeps its words and every agent that it names", function()
  expect([[
## Agent Relationships
### Trigger Phrases for Auto-Chaining
- "Built - 020-checker-guardian looks at it"
- “Both - 020-checker-guardian and 030-shipper-guardian”
- "Short - checker-guardian does"
- "Done - follow-up by somebody junior"
]], {
    "trigger 020-checker-guardian: Built - 020-checker-guardian looks at it",
    "trigger 020-checker-guardian: Both - 020-checker-guardian and 030-shipper-guardian",
    "trigger 030-shipper-guardian: Both - 020-checker-guardian and 030-shipper-guardian",
    "trigger checker-guardian: Short - checker-guardian does",
    "trigger : Done - follow-up by somebody junior",
  })
end)

t.test("names of other shapes count in phrases and diagrams when the catalog has them", function()
  local definition = { name = "a", file = "a.md", blocks = outline [[
## Agent Relationships
### Trigger Phrases
- "Please look, code-reviewer"
```mermaid
graph LR
  me --> code-reviewer
  me --> step-two
```
]] }
  t.equal(listing(relations.read(definition, { ["code-reviewer"] = true })),
    { "trigger code-reviewer: Please look, code-reviewer", "diagram code-reviewer: " })
end)

-- == diagrams =====================================================================================

t.test("a route runs through nodes that name nobody and keeps its labels", function()
  expect([[
```mermaid
flowchart TD
    A[📋 Task] --> B{010-maker-guardian}
    B --> C[Think (hard)]
    B --> D["Look"]
    C & D --> F{What now?}
    F -->|Needs a look & a test?| G[👉 020-checker-guardian]
    F -- in / out --> H{Ship?}
    H -->|Yes| I[👉 030-shipper-guardian]
    H -->|No| B
    F -->|Repair| J[👉 Development Teams]
    G --> K[👉 040-writer-guardian]
    style B fill:#fff
```
]], {
    "diagram 020-checker-guardian: Needs a look & a test?",
    "diagram Development Teams: Repair",
    "diagram 030-shipper-guardian: in / out / Yes",
  })
  local chart = "flowchart TD\nB{010-maker-guardian} --> C[020-checker-guardian]"
  t.equal(read("x\n\n```mermaid\n" .. chart .. "\n```")[1].line, 5)
end)

t.test("two labels to one target are two edges, a ring ends", function()
  expect([[
```mermaid
flowchart TD
  B{010-maker-guardian} --> C{Again?}
  C -->|Yes| B
  C -->|No| C
  C -->|Late| D[020-checker-guardian]
  C -->|Large| D
```
]], { "diagram 020-checker-guardian: Late", "diagram 020-checker-guardian: Large" })
end)

t.test("a diagram without the agent begins where nothing leads to", function()
  expect([[
```mermaid
flowchart LR
  A --> B[020-checker-guardian] --> C[030-shipper-guardian]
```
]], { "diagram 020-checker-guardian: " })
end)

t.test("a diagram may know the agent by an older name with the same number", function()
  expect([[
```mermaid
flowchart LR
  A --> B[010-old-maker-guardian] --> C[030-shipper-guardian]
```
]], { "diagram 030-shipper-guardian: " })
end)

t.test("flowcharts are read in all their spellings", function()
  local chart = mermaid.flowchart [=[
%% a comment
graph TD
  A(["one"]) -.-> B[[two]] ==> C((three))
  C -- why not --> D>four]
  D --- E[/five/]; E ~~~ F
  subgraph x
  G:::big <--> H[("seven")]
  end
  a-b --> A
  click A "http://x"
  ]=] -- the last line is blank
  t.equal(chart.nodes.A.label, "one")
  t.equal(chart.nodes.C.label, "three")
  t.equal(chart.nodes.D.label, "four")
  t.equal(chart.nodes.H.label, "seven")
  t.equal(chart.nodes["a-b"].id, "a-b")
  local edges = {}
  for i, edge in ipairs(chart.edges) do
    edges[i] = edge.from .. ">" .. edge.to .. (edge.label and ":" .. edge.label or "")
  end
  t.equal(edges, { "A>B", "B>C", "C>D:why not", "D>E", "G>H", "H>G", "a-b>A" })
  local coded = mermaid.flowchart('graph LR\nA["a#quot;b #35;1 #lt;c#gt; #amp; #99999999; #x;"]')
  t.equal(coded.nodes.A.label, 'a"b #1 <c> & #99999999; #x;')
  t.equal(mermaid.flowchart("sequenceDiagram\nA->>B: x"), nil)
  t.equal(mermaid.flowchart(""), nil)
end)

-- == who is meant =================================================================================

local NAMES = {
  "081-infrastructure-devops-director-guardian", "072-development-quality-senior-guardian",
  "073-development-quality-junior-guardian", "011-sales-office-senior-guardian",
  "012-support-office-senior-guardian", "reviewer",
}

local function resolved(target)
  local edge = { target = target }
  relations.resolve({ edge }, NAMES)
  return { edge.resolved, edge.to }
end

t.test("a name resolves exactly, without its last word, or by an ending of one agent", function()
  local senior, junior = NAMES[2], NAMES[3]
  t.equal(resolved(senior), { "exact", senior })
  t.equal(resolved "72-development-quality-senior-guardian", { "exact", senior })
  t.equal(resolved "072-development-quality-senior", { "cut", senior })
  t.equal(resolved "quality-junior-guardian", { "suffix", junior })
  t.equal(resolved "office-senior-guardian", { "none" })
  t.equal(resolved "reviewer", { "exact", "reviewer" })
end)

t.test("a number alone says nothing", function()
  t.equal(resolved "081-development-security-senior", { "none" })
  t.equal(resolved "081", { "group" })
end)

t.test("people, the user and the end are told apart", function()
  t.equal(resolved "Development Teams", { "group" })
  t.equal(resolved "User", { "user", "User" })
  t.equal(resolved "Direct completion", { "done" })
  t.equal(resolved "", { "none" })
end)

local TEAM = {
  { name = "010-maker-guardian", file = "maker.md", line = 2, fields = { description = "x" },
    blocks = outline [[
## Agent Relationships
### Trigger Phrases for Auto-Chaining
- "Built - 020-checker-guardian looks at it"
- "Ready - 030-shipper-guardian ships it, 020-checker-guardian watches"
- "Nobody is named here"
### Input Sources
- **050-source-guardian**: Wishes
### Escalate To:
- 040-boss-guardian (for doubts)
- User (for money)
### Next Agents:
- 030-shipper-guardian (to ship)
- 010-maker-guardian (itself)
- Development Teams (to repair)
- 099-lost-guardian (gone)
- 020-checker (to check)
]] },
  { name = "020-checker-guardian", file = "checker.md", fields = {}, blocks = {} },
}
for _, word in ipairs { "030-shipper", "040-boss", "050-source" } do
  TEAM[#TEAM + 1] = {
    name = word .. "-guardian", file = word .. ".md", fields = { description = "x" }, blocks = {},
  }
end

t.test("work goes to next, primary, conditional, trigger and diagram targets, each once", function()
  local edges = relations.graph(TEAM)
  t.equal(relations.targets(edges, "010-maker-guardian"),
    { "030-shipper-guardian", "020-checker-guardian" })
  t.equal(relations.targets(edges, "020-checker-guardian"), {})
end)

-- == what a reply says ============================================================================

local function said(reply)
  local out = {}
  for i, hit in ipairs(relations.match_trigger(relations.graph(TEAM), reply)) do
    out[i] = (hit.to or "nobody") .. "=" .. reply:sub(hit.from, hit.to_offset)
  end
  return out
end

local BUILT = { "020-checker-guardian=Built - 020-checker-guardian looks at it" }

t.test("a phrase counts as a whole line or a whole sentence", function()
  t.equal(said "Built - 020-checker-guardian looks at it", BUILT)
  t.equal(said "All good.\n\nBuilt - 020-checker-guardian looks at it.\nBye", BUILT)
  t.equal(said "It works. Built - 020-checker-guardian looks at it. More follows.", BUILT)
  t.equal(said "Not Built - 020-checker-guardian looks at it", {})
  t.equal(said "Built - 020-checker-guardian looks at it tomorrow", {})
  t.equal(said "I will say \u{201C}Built - 020-checker-guardian looks at it\u{201D} later.", {})
  t.equal(said "", {})
end)

t.test("case, blanks, dashes, emphasis and list marks do not matter", function()
  t.equal(said "- **BUILT** \u{2014}  020-checker-guardian looks\tat it!",
    { "020-checker-guardian=BUILT** \u{2014}  020-checker-guardian looks\tat it" })
  t.equal(#said "> no\n\n1. built\u{2013}020-checker-guardian looks at\n   it.", 1)
  t.equal(#said "Built -\n020-checker-guardian looks at it", 1)
  t.equal(#said "Built - 020-checker-guardian looks\r\nat it\r\n", 1)
end)

t.test("code and quotations say nothing", function()
  local phrase = "Built - 020-checker-guardian looks at it"
  t.equal(said("```\n" .. phrase .. "\n```"), {})
  t.equal(said("~~~text\n" .. phrase .. "\n\n" .. phrase .. "\n~~~\n"), {})
  t.equal(said("```\nnever closed\n" .. phrase), {})
  t.equal(said("`" .. phrase .. "`"), {})
  t.equal(said("``" .. phrase .. "``"), {})
  t.equal(said("> " .. phrase), {})
  t.equal(said('"' .. phrase .. '"'), {})
  t.equal(said("\u{AB}" .. phrase .. "\u{BB}"), {})
  t.equal(said("Text:\n\n    " .. phrase), {})
  t.equal(said("An odd \" sign.\n\n" .. phrase), BUILT)
  t.equal(said("A stray ` tick.\n\n" .. phrase), BUILT)
end)

t.test("each phrase is reported where it stands, in order, one that names nobody too", function()
  local ready = "Ready - 030-shipper-guardian ships it, 020-checker-guardian watches"
  t.equal(said(ready .. ".\nNobody is named here."), {
    "030-shipper-guardian=" .. ready, "020-checker-guardian=" .. ready,
    "nobody=Nobody is named here",
  })
  local built = "Built - 020-checker-guardian looks at it"
  local hit = relations.match_trigger(relations.graph(TEAM), "x\n" .. built)[1]
  t.equal({ hit.phrase, hit.line, hit.from, hit.to_offset }, { built, 3, 3, 42 })
end)

return t
