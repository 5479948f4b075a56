--- What routing.lua is made of: ranking by words, rules that tell why, phrases and their echoes.
local choice   = require "lib.choice"
local context  = require "context"
local evidence = require "lib.evidence"
local model    = require "lib.model"
local models   = require "models"
local rank     = require "lib.rank"
local route    = require "lib.route"
local routing  = require "routing"
local t        = require "lib.test"

local AGENTS <const> = {
  { name = "062-development-backend-senior", role = "Senior Backend Engineer",
    description = "Builds services. MUST BE USED for senior backend work." },
  { name = "024-design-ui", role = "Draws screens", description = "Serves the backend people too." },
  { name = "notes-writer", role = "", description = "Writes release notes." },
}

local function names(ranked)
  local list = {}
  for i, one in ipairs(ranked) do list[i] = one.name end
  return table.concat(list, " ")
end

-- choosing by words -------------------------------------------------------------------------------

t.test("what a description claims for itself counts more than what it mentions", function()
  local ranked = choice.rank("Repair the backend, please", AGENTS)
  t.equal(names(ranked), "062-development-backend-senior 024-design-ui")
  t.equal(ranked[1].words, { "backend" })
  t.truthy(ranked[1].score > ranked[2].score)
end)

t.test("words that say nothing choose nobody", function()
  for _, task in ipairs { "Please do it for me with the", "", "!?", "a b c", ("x"):rep(200) } do
    t.equal(choice.rank(task, AGENTS), {}, task)
  end
  t.equal(choice.rank("backend", {}), {})
end)

t.test("no task is read as a query", function()
  for _, task in ipairs { '" OR "', "name:062*", "NOT backends^", "notes NEAR(writer", "' ; drop table texts" } do
    choice.rank(task, AGENTS)
  end
  t.equal(names(choice.rank('"notes"* OR', AGENTS)), "notes-writer")
end)

t.test("a task of any length costs what its beginning costs", function()
  local words = {}
  for i = 1, 5000 do words[i] = "word" .. i end
  t.equal(#choice.words(table.concat(words, " ")), 40)
  t.equal(choice.words("Größe, GRÖSSE größe")[1], "größe")
end)

t.test("a task finds whose work it is although no word of it stands there", function()
  local ranked = choice.rank("Fix the iPhone crash", {
    { name = "mobile-senior", description = "Mobile development." },
    { name = "writer", description = "Writes." },
  })
  t.equal(names(ranked), "mobile-senior")
  t.equal(ranked[1].words, {})
  t.equal(ranked[1].meant, { "mobile" })
end)

t.test("work is for those who do it, unless a task asks for those who lead or learn", function()
  local levels = {
    { name = "backend-director", description = "Backend team." },
    { name = "backend-senior", description = "Backend team." },
    { name = "backend-junior", description = "Backend team." },
  }
  t.equal(choice.rank("Repair the backend", levels)[1].name, "backend-senior")
  t.equal(choice.rank("Set the strategy of the backend", levels)[1].name, "backend-director")
  t.equal(choice.rank("A simple backend change", levels)[1].name, "backend-junior")
end)

t.test("what an agent does stands in its lists, and whom it works with in others", function()
  local blocks = {
    { kind = "item", clean = "before any heading" },
    { kind = "heading", clean = "Core Responsibilities" },
    { kind = "item", clean = "tunes queries" }, { kind = "paragraph", clean = "prose" },
    { kind = "item", clean = "draws schemas" },
    { kind = "heading", clean = "Next Agents" }, { kind = "item", clean = "security-senior" },
  }
  t.equal(choice.work(blocks), "tunes queries\ndraws schemas")
  t.equal(choice.work(blocks, 10), "tunes quer")
  local ranked = choice.rank("Tune it", { { name = "a" }, { name = "b", work = choice.work(blocks) } })
  t.equal(names(ranked), "b")
end)

t.test("agents that fit alike are told, and asked about where routing.lua wants so", function()
  local alike = { agents = {
    { name = "a-backend", description = "Backend." }, { name = "b-backend", description = "Backend." },
    { name = "c-other", description = "Once spoke of a backend, long ago, and of many other things." },
  } }
  local found = route.by_rank("backend", alike)
  t.equal(found.to, "a-backend")
  t.contains(found.why, "nearly as well fits b-backend")
  found = route.ranked { ask = 0.9 }("backend", alike)
  t.equal(found.ask, { "a-backend", "b-backend" })
  t.equal(found.to, nil)
  t.equal(#found.runners_up, 2)
  t.equal(route.ranked { ask = 0.9 }("nothing", alike), nil)
  t.error(function() route.ranked { asks = 1 } end, 'unknown key "asks"')
  t.error(function() route.ranked { ask = 2 } end, "a share of the best score")
end)

t.test("who an agent is stands in its first sentence and its lines of role", function()
  t.equal(choice.role("\n# Head\nYou build. And more.\n- Role: Senior\n- **Specialization**: Servers\n"),
    "You build.\nSenior\nServers")
  t.equal(choice.role(""), "")
end)

t.test("the ranking refuses what is no text, and too much of it", function()
  t.error(function() rank.scores({ 1 }, {}, { 1 }) end, "words[1] is number")
  t.error(function() rank.scores({ "a" }, { { "x", 2 } }, { 1, 1 }) end, "a text[2] is number")
  t.error(function() rank.scores({ "a" }, { { "x" } }, { 1, 1 }) end, "other fields than the weights")
  t.error(function() rank.scores({ "a" }, {}, { 0 }) end, "weight 1 is not above 0")
  t.error(function() rank.scores({ "a" }, {}, {}) end, "from 1 to 8 weights")
  t.error(function() rank.scores({ "a" }, {}, { 1 }, { 1, 1 }) end, "other weights than that")
  local many = {}
  for i = 1, 65 do many[i] = "w" end
  t.error(function() rank.scores(many, {}, { 1 }) end, "words: more than 64")
  t.error(function() rank.scores({ "a" }, { { ("x"):rep(17000000) } }, { 1 }) end, "longer than")
  t.error(function() rank.scores({ "a" }, { { ("x "):rep(4500000) }, { ("y "):rep(4500000) } }, { 1 }) end,
    "more than 16 MB")
end)

t.test("the shipped choice answers the best with its runners-up, and nobody where nobody fits", function()
  local said = routing.choose("senior backend services, with notes", { agents = AGENTS })
  t.equal(said.to, "062-development-backend-senior")
  t.contains(said.why, '"backend"')
  t.contains(said.from, "lua/routing.lua:")
  t.equal(said.runners_up[1].to, "notes-writer")
  t.equal(routing.choose("xyzzy", { agents = AGENTS }), nil)
end)

-- rules -------------------------------------------------------------------------------------------

local RULES <const> = route.first {
  { why = "migrations", when = route.mentions { "migrate", "schema" }, to = "dba" },
  { why = "nobody here", by = function() return nil end },
  { why = "by words", by = function() return "writer" end },
  { why = "broken", when = function() error("boom") end, to = "x" },
}

t.test("the first rule that holds answers, and those behind it are not asked", function()
  t.equal(RULES("Migrate it").to, "dba")
  local said = RULES("Write it")
  t.equal({ said.to, said.why }, { "writer", "by words" })
  t.contains(said.from, ", rule 3")
end)

t.test("every rule can be asked why it did or did not hold, also one that would raise", function()
  local said, looks = route.explain(RULES, "Write it")
  t.equal(said.to, "writer")
  t.equal({ looks[1].held, looks[1].said }, { false, "the task says none of: migrate, schema" })
  t.equal({ looks[2].held, looks[2].said }, { false, "it found nobody" })
  t.equal(looks[3].held, true)
  t.equal(looks[4].held, false)
  t.contains(looks[4].said, "it raises: ")
  local _, none = route.explain(function() return { to = "x" } end)
  t.equal(none, {})
  t.error(function() route.explain(function() error("boom") end) end, "boom")
  t.equal(RULES("Migrate it").to, "dba", "nothing of it lasts")
end)

t.test("a rule with a mistake is refused where the list is made", function()
  t.error(function() route.first { { when = print } } end, "rule 1 has no why")
  t.error(function() route.first { { why = "x", modles = {} } } end, 'rule 1: unknown key "modles"')
  t.error(function() route.first { { why = "x", by = "y" } } end, "rule 1: by is a string")
end)

t.test("of two phrases the last that names an agent counts, and a handoff before any phrase", function()
  local triggers = { { to = "a", phrase = "A." }, { to = "b", phrase = "B." }, { phrase = "C." } }
  t.equal(route.by_relations({}, { triggers = triggers }, {}).to, "b")
  t.equal(route.by_relations({}, { triggers = { triggers[3] } }, {}), nil)
  local said = route.by_relations({}, { triggers = triggers,
    handoff = { to = "c", reason = "so" } }, {})
  t.equal({ said.to, said.why, said.evidence.kind }, { "c", "so", "handoff" })
end)

-- models and effort -------------------------------------------------------------------------------

local function facts(changes)
  local all = { left_usd = 5.0, tokens = 0, task_bytes = 100, attachments = 0, visit = 1, hops = 0 }
  for key, value in pairs(changes or {}) do all[key] = value end
  return all
end

t.test("facts of task and run choose the model", function()
  t.equal(routing.model({ name = "x" }, facts()).models, nil)
  t.equal(routing.model({ name = "x" }, facts { left_usd = 0.01 }).models, { "small" })
  t.equal(routing.model({ name = "x" }, facts { task_bytes = 200000 }).models, { "large" })
  t.equal(routing.model({ name = "x", model = "haiku" }, facts { task_bytes = 200000 }).models, nil)
end)

t.test("effort goes out to models that can be told, and to no other", function()
  local env = { variables = {}, secrets = { ANTHROPIC_API_KEY = true } }
  t.equal(model.resolve("claude-opus-5-5", nil, env)[1].effort, true)
  t.equal(model.resolve("claude-haiku-4-5", nil, env)[1].effort, nil)
  t.equal({ models.effort.complex, models.effort.moderate, models.effort.simple },
    { "high", "medium", "low" })
end)

-- phrases and their echoes ------------------------------------------------------------------------

local BODY <const> = [[
You write.

### Trigger Phrases for Auto-Chaining
- "The draft stands - reader should read it"
- "The draft is perfect - sender can send it"
- "The draft is hopeless - start again"
]]

local function edge(to, text, line) return { kind = "trigger", to = to, text = text, line = line } end

local WRITER <const> = { file = "writer.md", body = BODY, edges = {
  edge("reader", "The draft stands - reader should read it", 4),
  edge("sender", "The draft is perfect - sender can send it", 5),
  edge(nil, "The draft is hopeless - start again", 6),
} }

local function said(reply)
  local list = {}
  for i, one in ipairs((evidence.of(WRITER, reply))) do list[i] = one.to or "nobody" end
  return table.concat(list, " ")
end

t.test("a phrase has its place in the reply, counted in letters, and in the definition", function()
  local found = evidence.of(WRITER, "Größer.\n\n  Gut: é. The draft stands – reader should read it.")
  t.equal(found, { { to = "reader", phrase = "The draft stands - reader should read it", line = 4,
    file = "writer.md",
    at = { line = 3, column = 11, text = "The draft stands – reader should read it" } } })
end)

--- what is replied | who is named
local REPLIES <const> = {
  { "- The draft stands - reader should read it", "reader" },
  { "Two:\nThe draft is perfect - sender can send it\nThe draft stands - reader should read it",
    "sender reader" },
  { "- The draft stands - reader should read it\n- The draft is perfect - sender can send it", "" },
  { "1. The draft is hopeless - start again\n2. *The draft stands - reader should read it*", "" },
  { "### Trigger Phrases for Auto-Chaining\n- The draft stands - reader should read it", "" },
  { "The draft stands - reader should read it\nThe draft is perfect - sender can send it\n"
    .. "The draft is hopeless - start again", "" },
  { "- The draft stands - reader should read it\n- The draft is perfect - sender can send it\n\n"
    .. "Now: The draft stands - reader should read it", "reader" },
  { "Nothing.", "" },
}

for i, case in ipairs(REPLIES) do
  t.test(("reply %d names %s"):format(i, case[2] == "" and "nobody" or case[2]), function()
    t.equal(said(case[1]), case[2])
  end)
end

t.test("what is only repeated is told apart", function()
  local spoken, echoes = evidence.of(WRITER, REPLIES[7][1])
  t.equal({ #spoken, #echoes, spoken[1].at.line, echoes[2].to }, { 1, 2, 4, "sender" })
end)

-- the handover ------------------------------------------------------------------------------------

t.test("a handover is bounded whatever it is made of, and keeps all of its parts", function()
  local files, questions = {}, {}
  for i = 1, 1000 do
    files[i] = { path = ("folder/%d/"):format(i) .. ("x"):rep(500), added = i, removed = 1 }
    questions[i] = { agent = "a", to = "User", question = ("why? "):rep(1000) }
  end
  local told = context.handover { task = ("task "):rep(9000), from = "a", to = "b",
    result = ("result "):rep(90000), reason = ("because "):rep(9000), files = files,
    questions = questions }
  t.truthy(#told <= 4 * 8000, ("%d bytes"):format(#told))
  for _, title in ipairs { "Task", "Result of a", "Why you", "Files changed so far",
    "Open questions" } do
    t.contains(told, "## " .. title .. "\n")
  end
  t.contains(told, "1000 files, +500500 -1000 lines")
end)

t.test("a short handover is whole, and a file whose lines nobody counted says so", function()
  t.equal(context.handover { task = "T", from = "a", to = "b", result = "R", reason = "W",
    files = { { path = "x.c", added = 2, removed = 0 }, { path = "y.bin" } } },
    "a hands this work to you.\n\n## Task\nT\n\n## Result of a\nR\n\n## Why you\nW\n\n"
      .. "## Files changed so far\n- x.c  +2 -0\n- y.bin  changed\n"
      .. "2 files, +2 -0 lines where they were counted\n")
end)
