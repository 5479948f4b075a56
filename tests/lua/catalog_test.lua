--- lib.catalog: what is read when.
local catalog = require "lib.catalog"
local t       = require "lib.test"

local LAYERS <const> = { { name = "distribution", agents = "/agents" } }

local function definition(name, body)
  return ("---\nname: %s\ndescription: d\ntools: []\n---\n%s"):format(name, body)
end

--- A command line over these definitions that counts what is read of which.
local function over(run, texts)
  local cli, read = {}, {}
  function cli.catalog()
    local files = {}
    for i, text in ipairs(texts) do
      files[i] = { kind = "definition", path = i .. ".md", text = text, hash = tostring(i) }
    end
    return files
  end
  function cli.definition(source, part)
    read[#read + 1] = part .. " " .. source:match("name: (%S+)")
    local whole = run.definition(source)
    if part == "front" then whole.notes = {} end -- those here are of outlines
    return whole
  end
  function cli.stat() end
  return cli, read
end

local TEAM <const> = {
  definition("a-agent", "Do a.\n\n## Next Agents\n- b-agent (why)\n- late-agent (why)\n"),
  definition("b-agent", "Do b.\n"),
}

t.test("of a definition the outline is read when it is asked for, once", function(run)
  local cli, read = over(run, TEAM)
  local found = catalog.load(cli, LAYERS)
  t.equal(read, { "front a-agent", "front b-agent" })
  local who = found.find("a-agent")
  t.equal(who.description, "d")
  t.equal(#read, 2)
  t.equal(who.targets, { "b-agent" })
  t.equal(#who.edges, 2)
  t.equal(read, { "front a-agent", "front b-agent", "outline a-agent" })
  t.equal(found.by_name["b-agent"].body, "Do b.\n")
  t.equal(#read, 3)
end)

t.test("edges go to the names that there are when they are asked for", function(run)
  local cli = over(run, TEAM)
  local found = catalog.load(cli, LAYERS)
  t.equal(found.by_name["a-agent"].targets, { "b-agent" })
  function cli.read_file() return definition("late-agent", "Late.\n") end
  t.truthy(catalog.add_file(cli, found, "late.md"))
  t.equal(found.by_name["a-agent"].targets, { "b-agent", "late-agent" })
  t.equal(found.by_name["late-agent"].targets, {})
end)

t.test("what an outline says against itself is told by whoever asks for all of it", function(run)
  local cli = over(run, { definition("odd", "A \xc3\xa2\xe2\x80\xa0\xe2\x80\x99 B.\n") })
  local found = catalog.load(cli, LAYERS)
  t.equal(#found.diagnostics, 0)
  catalog.outline(found.agents)
  catalog.outline(found.agents)
  t.equal({ #found.diagnostics, found.diagnostics[1].rule, found.diagnostics[1].line },
    { 1, "encoding", 6 })
end)

return t
