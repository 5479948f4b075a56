--- What agents check says of small catalogs, rule by rule.
local check         = require "lib.check"
local check_graph   = require "lib.check_graph"
local check_nearest = require "lib.check_nearest"
local check_rules   = require "lib.check_rules"
local relations     = require "lib.relations"
local t             = require "lib.test"

-- == fixtures: agents from lines such as "next b (why)" ============================================

local function agent(name, lines, more)
  local who = {
    name = name, file = name .. ".md", description = "x", missing = {}, edges = {}, sections = {},
    tools_line = { 3, 8 }, check_line = { 4, 1 }, name_line = { 2, 1 }, body_line = 1,
    body = table.concat(lines, "\n"),
  }
  for i, line in ipairs(lines) do
    local kind, target = line:match("^(%l+) (.-)$")
    who.edges[i] = {
      from = name, kind = kind, target = target, text = "", file = who.file, line = i, order = i,
    }
  end
  for key, value in pairs(more or {}) do who[key] = value end
  return who
end

local function catalog(agents)
  local found, names = { agents = agents, by_name = {}, diagnostics = {} }, {}
  for i, who in ipairs(agents) do names[i], found.by_name[who.name] = who.name, who end
  for _, who in ipairs(agents) do relations.resolve(who.edges, names) end
  return found
end

--- "file:line:column rule" of each diagnostic whose rule is not left out.
local function said(agents, ours)
  local out = {}
  for i, one in ipairs(check.catalog(catalog(agents), ours)) do
    out[i] = ("%s:%d:%d %s %s"):format(one.file, one.line, one.column, one.level, one.rule)
  end
  return out
end

local function message(agents, rule)
  for _, one in ipairs(check.catalog(catalog(agents))) do
    if one.rule == rule then return one.message end
  end
end

-- == names ========================================================================================

t.test("a name that nobody has is dangling, each once in a file, with line and column", function()
  t.equal(said { agent("a-agent", { "next b-agent", "next c-agent", "primary c-agent" }),
    agent("b-agent", {}) }, { "a-agent.md:2:6 warning dangling" })
end)

t.test("a column counts characters", function()
  t.equal(said { agent("a-agent", { "next c-agent" }, { body = "\u{1F449} \u{E4} **c-agent**" }) },
    { "a-agent.md:1:7 warning dangling" })
end)

t.test("a dangling name proposes the one that shares its words, and says what to do", function()
  t.equal(message({ agent("064-screen-office-guardian", { "next 061-screen-office-guardian" }) },
    "dangling"), "next names `061-screen-office-guardian`, and no agent has that name; the nearest is "
    .. "`064-screen-office-guardian`: write that if it is meant, else take the name out")
end)

t.test("a name cut short, and an ending, are told with the name that is meant", function()
  local agents = {
    agent("a-agent", { "next 020-good-checker", "next good-checker-guardian" }),
    agent("020-good-checker-guardian", {}),
  }
  t.equal(said(agents), { "a-agent.md:1:6 warning cut-short", "a-agent.md:2:6 warning cut-short" })
  t.contains(message(agents, "cut-short"), "`020-good-checker-guardian`; write the whole name")
end)

t.test("people, the user, the end and phrases that name nobody are not dangling", function()
  t.equal(said { agent("a-agent", { "next Development Teams", "escalate User", "trigger ",
    "conditional Direct completion" }) }, {})
end)

t.test("the nearest name is found by words, by number, by letters, or not at all", function()
  local nearest = check_nearest { "062-development-backend-senior-guardian", "reviewer", "tester",
    "063-development-backend-junior-guardian", "070-sales-office-guardian" }
  t.equal(nearest "061-development-backend-senior", "062-development-backend-senior-guardian")
  t.equal(nearest "reviewr", "reviewer")
  t.equal(nearest "070-sale-ofice-guardian", "070-sales-office-guardian")
  t.equal(nearest "development-backend", nil) -- two are as near
  t.equal(nearest "completely-else", nil)
  t.equal(nearest "", nil)
end)

-- == sides ========================================================================================

t.test("a hand-over that the receiver's inputs do not name is one-sided", function()
  local agents = {
    agent("a-agent", { "next b-agent", "next c-agent", "next d-agent" }),
    agent("b-agent", { "input User", "input z-agent" }), agent("c-agent", { "input a-agent" }),
    agent("d-agent", {}), agent("z-agent", { "next b-agent" }),
  }
  t.equal(said(agents), { "a-agent.md:1:6 warning one-sided" })
  t.contains(message(agents, "one-sided"), "(b-agent.md:1) does not name `a-agent`")
end)

t.test("a group among the inputs stands for the agents that bear its word", function()
  t.equal(said { agent("062-development-backend", { "next b-agent" }),
    agent("b-agent", { "input Development Agents" }) }, {})
end)

-- == contradictions ===============================================================================

local function list(title, line, targets)
  local section = { kind = "next", title = title, line = line, targets = {} }
  for i, target in ipairs(targets) do section.targets[i], section.targets[target] = target, i end
  return section
end

t.test("one list twice with other agents is a contradiction, with the same ones it is none", function()
  local function twice(second)
    return { agent("a-agent", {}, { sections = { list("Next", 3, { "b", "c" }),
      list("Next Agents", 9, second) } }) }
  end
  t.equal(said(twice { "c", "b" }), {})
  t.equal(said(twice {}), {})
  local late = twice { "b" }
  table.insert(late[1].sections, 1, list("Next", 1, {})) -- an empty list is no first one
  t.equal(said(late), { "a-agent.md:9:1 warning contradiction" })
  t.equal(said(twice { "b", "d" }), { "a-agent.md:9:1 warning contradiction" })
  t.contains(message(twice { "b", "d" }, "contradiction"), "only here: `d`; only there: `c`")
end)

t.test("whom one escalates to is not also handed work", function()
  t.equal(said { agent("a-agent", { "next b-agent", "primary c-agent", "escalate b-agent",
    "escalate c-agent", "escalate User" }), agent("b-agent", {}), agent("c-agent", {}) },
    { "a-agent.md:1:6 warning contradiction", "a-agent.md:2:9 warning contradiction" })
  t.equal(said { agent("a-agent", { "primary c-agent", "escalate c-agent" }), agent("c-agent", {}) },
    {}) -- without next agents the chain is the only list there is
end)

-- == the graph ====================================================================================

t.test("agents that hand work around in a circle are one group with an example", function()
  local agents = {
    agent("a", { "next b-x" }), agent("b-x", { "next c-x" }), agent("c-x", { "next d-x", "next b-x" }),
    agent("d-x", { "next b-x", "escalate a" }), agent("e", {}),
  }
  t.equal(said(agents), { "b-x.md:1:6 warning circle" })
  t.contains(message(agents, "circle"), "3 agents can hand work to one another in circles, such as "
    .. "b-x -> c-x -> b-x (b-x, c-x, d-x)")
end)

--- Groups by asking of each two whether they reach each other.
local function plain_groups(order, leads)
  local reaches = {}
  for _, start in ipairs(order) do
    local seen, queue = {}, { start }
    for _, name in ipairs(queue) do
      for _, lead in ipairs(leads[name]) do
        if not seen[lead[1]] then
          seen[lead[1]] = true
          queue[#queue + 1] = lead[1]
        end
      end
    end
    reaches[start] = seen
  end
  local groups, taken = {}, {}
  for _, a in ipairs(order) do
    local group = {}
    for _, b in ipairs(order) do
      if not taken[b] and reaches[a][b] and reaches[b][a] then group[#group + 1] = b end
    end
    for _, b in ipairs(group) do taken[b] = true end
    if #group > 1 then groups[#groups + 1] = table.concat(group, " ") end
  end
  table.sort(groups)
  return groups
end

t.test("groups are those that reach each other, in many small graphs", function()
  local seed = 1
  local function random(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed // 65536 % n + 1
  end
  for _ = 1, 300 do
    local order, leads, count = {}, {}, random(9)
    for i = 1, count do order[i], leads["n" .. i] = "n" .. i, {} end
    for _ = 1, random(2 * count) do
      table.insert(leads["n" .. random(count)], { "n" .. random(count) })
    end
    local groups = {}
    for i, group in ipairs(check_graph.groups(order, leads)) do
      groups[i] = table.concat(group, " ")
    end
    table.sort(groups)
    t.equal(groups, plain_groups(order, leads))
  end
end)

t.test("a circle of thousands, and as many circles, are walked without recursion", function()
  local order, leads = {}, {}
  for i = 1, 20000 do order[i] = "n" .. i end
  for i = 1, 20000 do leads[order[i]] = { { order[i % 20000 + 1] } } end
  t.equal(#check_graph.groups(order, leads), 1)
  for i = 1, 20000, 2 do leads[order[i + 1]] = { { order[i] } } end
  t.equal(#check_graph.groups(order, leads), 10000)
end)

t.test("nobody begins with an agent that waits for work which does not come", function()
  local agents = {
    agent("lone", {}), agent("fed-x", { "input gone-x" }), agent("user-x", { "input User", "next b-x" }),
    agent("b-x", { "input user-x", "escalate boss-x" }), agent("boss-x", { "input b-x" }),
    agent("ring-x", { "next ring-y" }), agent("ring-y", { "next ring-x" }),
  }
  t.equal(said(agents, { dangling = "allow", circle = "allow" }), {
    "fed-x.md:2:1 warning unreachable", "ring-x.md:2:1 warning unreachable",
    "ring-y.md:2:1 warning unreachable",
  })
end)

-- == levels =======================================================================================

t.test("a definition sets levels for its own file, the command line for all", function()
  local function agents(of_a)
    return { agent("a-agent", { "next x-agent" }, { check = of_a }),
      agent("b-agent", { "next y-agent" }) }
  end
  t.equal(said(agents { dangling = "allow" }), { "b-agent.md:1:6 warning dangling" })
  t.equal(said(agents { dangling = "deny" }),
    { "a-agent.md:1:6 error dangling", "b-agent.md:1:6 warning dangling" })
  t.equal(said(agents { dangling = "deny" }, { dangling = "allow" }), {})
  t.equal(said(agents { dangling = "allow" }, { dangling = "deny" }),
    { "a-agent.md:1:6 error dangling", "b-agent.md:1:6 error dangling" })
end)

t.test("levels that cannot be read are told, with the nearest rule", function()
  t.equal(said { agent("a-agent", {}, { check = { danglin = "allow" } }) },
    { "a-agent.md:4:1 warning check" })
  local _, mistakes = check_rules.read { danglin = "allow" }
  t.contains(mistakes[1], 'did you mean "dangling"')
  _, mistakes = check_rules.read { dangling = "never" }
  t.contains(mistakes[1], "dangling is allow, warn or deny")
  _, mistakes = check_rules.read "off"
  t.contains(mistakes[1], "is a map")
end)

t.test("what could not be read fully is told whatever a definition says", function()
  local found = catalog { agent("a-agent", {}, { check = { tools = "allow", ["duplicate-name"] = "allow" } }) }
  found.diagnostics[1] = { rule = "tools", level = "error", file = "a-agent.md", line = 3, column = 1,
    message = "m" }
  local rules = {}
  for i, one in ipairs(check.catalog(found)) do rules[i] = one.level .. " " .. one.rule end
  t.equal(rules, { "error tools", "warning check" })
end)

t.test("tools that are not here are told where the definition names them", function()
  t.equal(said { agent("a-agent", {}, { missing = { "web_search" } }) },
    { "a-agent.md:3:8 warning missing-tool" })
end)

return t
