--- lib.actions: verbs of several actions.
local actions = require "lib.actions"
local t       = require "lib.test"

local seen
local verb = actions.verb("pots", "Pots of all kinds.", {
  { "list", "all of them", {
    usage = "perigee pots list", options = { { "--most", "integer", "how many" } },
  }, function(_, values) seen = { "list", values.most } return 0 end },
  { "fill", "fills one", {
    usage = "perigee pots fill POT", positionals = { { "POT", "which" } },
  }, function(_, _, pot) seen = { "fill", pot } return 7 end },
})

--- Runs the verb. Answers its code and what it printed.
local function run(...)
  local out, err = {}, {}
  seen = nil
  local code = verb.run({ out = function(said) out[#out + 1] = said end,
    err = function(said) err[#err + 1] = said end }, { ... })
  return code, table.concat(out), table.concat(err)
end

t.test("an action gets its options and its words, and its code is the verb's", function()
  t.equal(run("list", "--most", "3"), 0)
  t.equal(seen, { "list", 3 })
  t.equal(run("fill", "blue"), 7)
  t.equal(seen, { "fill", "blue" })
end)

t.test("an option of another action is refused", function()
  local code, _, err = run("fill", "blue", "--most", "3")
  t.equal(code, 2)
  t.equal(seen, nil)
  t.equal(err, "perigee pots fill: unknown option --most\n")
end)

t.test("an action that does not exist is named with what there is", function()
  local code, out, err = run("lst")
  t.equal(code, 2)
  t.equal(out, "")
  t.equal(err, 'perigee pots: no action is called "lst"; did you mean "list"? (there are list, fill)\n')
end)

t.test("an option before the action is told where it belongs", function()
  local code, _, err = run("--most", "3", "list")
  t.equal(code, 2)
  t.equal(err, "perigee pots: the action stands before --most; perigee pots --help lists them\n")
end)

t.test("help of the verb lists its actions, help of an action its options", function()
  local code, out = run("--help")
  t.equal(code, 0)
  t.equal(out, [[
Usage: perigee pots ACTION [...]
Pots of all kinds.

  list  all of them
  fill  fills one

perigee pots ACTION --help says more.
]])
  code, out = run("list", "--help")
  t.equal(code, 0)
  t.equal(seen, nil)
  t.equal(out:match("^[^\n]+"), "Usage: perigee pots list")
  t.equal(out:find("--most N", 1, true) ~= nil, true)
end)

t.test("without an action the help goes to stderr and it is a mistake of usage", function()
  local code, out, err = run()
  t.equal(code, 2)
  t.equal(out, "")
  t.equal(err:match("^[^\n]+"), "Usage: perigee pots ACTION [...]")
end)
