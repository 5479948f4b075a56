--- lib.args: command lines of verbs.
local args = require "lib.args"
local t    = require "lib.test"

local SPEC <const> = {
  usage   = "perigee run [AGENT] TASK",
  about   = "Runs an agent.",
  options = {
    { "--json",     "flag",           "print one JSON object" },
    { "--model",    "text",           "which model answers", short = "-m" },
    { "--hops-most", "integer",       "most hops" },
    { "--time",     "duration",       "how long" },
    { "--attach",   "list",           "add a file", hint = "FILE" },
    { "--limit",    "key=value list", "what it may spend", keys = { "turns", "calls" } },
  },
  positionals = { { "AGENT", "who", optional = true }, { "TASK", "what" } },
}

local function refused(...)
  local given, err = args.parse(SPEC, { ... })
  t.equal(given, nil)
  t.equal(err.code, "invalid")
  return err.message
end

t.test("options stand before, between and after the words", function()
  t.equal(args.parse(SPEC, { "--json", "dev", "--model", "m1", "fix it", "--time=4m" }),
    { values = { json = true, model = "m1", time = 240000 }, positionals = { "dev", "fix it" } })
end)

t.test("a value is attached or follows, and may look like anything", function()
  t.equal(args.parse(SPEC, { "--model=a=b", "t" }).values.model, "a=b")
  t.equal(args.parse(SPEC, { "--model", "--json", "t" }).values, { model = "--json" })
  t.equal(args.parse(SPEC, { "--model=", "t" }).values.model, "")
  t.equal(args.parse(SPEC, { "-m", "x", "t" }).values.model, "x")
  t.equal(args.parse(SPEC, { "--hops-most", "-3", "t" }).values.hops_most, -3)
end)

t.test("two dashes end the options and one dash is a word", function()
  t.equal(args.parse(SPEC, { "--", "--json", "--" }).positionals, { "--json", "--" })
  t.equal(args.parse(SPEC, { "-" }).positionals, { "-" })
end)

t.test("lists collect and key=value lists merge", function()
  local values = args.parse(SPEC, { "--attach", "a", "--attach=b", "--limit", "turns=3, calls=5", "--limit=turns=4", "t" }).values
  t.equal(values, { attach = { "a", "b" }, limit = { turns = "4", calls = "5" } })
end)

t.test("what is wrong is named, with the nearest that is known", function()
  t.equal(refused("--jsno", "t"), 'unknown option --jsno; did you mean "--json"?')
  t.equal(refused("--mdel=x", "t"), 'unknown option --mdel; did you mean "--model"?')
  t.equal(refused("--json=1", "t"), "--json takes no value")
  t.equal(refused("t", "--model"), "--model needs a value")
  t.equal(refused("--hops-most", "3.5", "t"), '--hops-most: "3.5" is no whole number')
  t.contains(refused("--time", "4", "t"), '--time: "4" has no unit')
  t.contains(refused("--limit", "turn=3", "t"), 'did you mean "turns"?')
  t.equal(refused("--limit", "turns", "t"), '--limit: "turns" is not key=value')
  t.equal(refused("--limit=", "t"), '--limit: "" is not key=value')
end)

t.test("words are counted", function()
  t.equal(refused(), "TASK is missing; usage: perigee run [AGENT] TASK")
  t.equal(refused("a", "b", "c"), 'too many words, from "c" on; usage: perigee run [AGENT] TASK')
  t.truthy(args.parse({ usage = "x", positionals = { { "CMD", many = true } } }, { "a", "b", "c" }))
  t.truthy(args.parse({ usage = "x" }, {}))
end)

t.test("help wins over what is missing, and lists all", function()
  t.equal(args.parse(SPEC, { "-h" }).values.help, true)
  local help = args.help(SPEC)
  t.equal(help:sub(1, 32), "Usage: perigee run [AGENT] TASK\n")
  for _, part in ipairs { "Runs an agent.", "AGENT", "-m, --model TEXT", "--attach FILE", "-h, --help", "print one JSON object" } do
    t.contains(help, part)
  end
end)

return t
