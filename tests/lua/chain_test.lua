--- The `run` of a chain, as far as it needs no agent; the rest is tests/scenarios/chain_verbs.t.
local t = require "lib.test"

t.test("run.all gives each result by its key, and run.race the first", function(run)
  t.equal(run.all { a = function() run.sleep(1) return 1 end, b = function() return 2 end }, { a = 1, b = 2 })
  local value, key = run.race { slow = function() run.sleep(600000) end, quick = function() return "q" end }
  t.equal({ value, key }, { "q", "quick" })
end)

t.test("a branch that answers nil and an error fails the whole, with that error", function(run)
  local all, err, kept = run.all {
    done = function() return "kept" end,
    fails = function() run.sleep(1) return nil, { code = "mine", message = "as it was", details = { 1 } } end,
  }
  t.equal(all, nil)
  t.equal(err, { code = "mine", message = "as it was",
    details = { failed = "fails", finished = { done = "kept" }, cause = { 1 } } })
  t.equal(kept, { done = "kept" })
end)

t.test("run.all does at most so many at a time, in the order of their keys", function(run)
  local going, widest, order, branches = 0, 0, {}, {}
  for i = 1, 9 do
    branches[i] = function()
      going = going + 1
      widest = math.max(widest, going)
      order[#order + 1] = i
      run.sleep(10 - i)
      going = going - 1
      if i == 7 then return nil, { code = "mine", message = "seven" } end
      return i * i
    end
  end
  local all, err, kept = run.all(branches, { most = 3 })
  t.equal(all, nil)
  t.equal({ err.code, err.details.failed }, { "mine", 7 })
  t.equal(widest, 3)
  t.equal(table.move(order, 1, 3, 1, {}), { 1, 2, 3 })
  t.equal({ kept[1], kept[7] }, { 1, nil })
  branches[7] = function() return 49 end
  t.equal(#run.all(branches, { most = 3 }), 9)
  t.error(function() run.all(branches, { mots = 1 }) end, "unknown option")
  t.error(function() run.all(branches, { most = 0 }) end, "from 1 on")
end)

t.test("run.budget says what is spent and what is left", function(run)
  local before = run.budget()
  run.tool("glob", { pattern = "*" })
  local after = run.budget()
  t.equal(after.calls.spent - before.calls.spent, 1)
  t.equal(before.calls.left - after.calls.left, 1)
  t.equal(after.usd.left, 5.0)
  t.truthy(after.time_ms <= 30 * 60000)
end)

t.test("a question that nobody can answer is an error, or its default", function(run)
  local said, err = run.question("Ship it?", { choices = { "yes", "no" } })
  t.equal({ said, err.code }, { nil, "waiting" })
  t.contains(err.message, "Ship it?")
  t.equal((run.question("Ship it?", { choices = { "yes", "no" }, default = "no" })), "no")
  t.contains(select(2, run.question("?", { choices = { "a", "b" }, default = "c" })).message, "none of the choices")
  t.contains(select(2, run.question("?", { choises = { "a" } })).message, "choises")
end)

t.test("run.step answers what its function did, and raises what it raised", function(run)
  t.equal(run.step("sum", function(a, b) return a + b end, 2, 3), 5)
  t.equal({ run.step("none", function() return nil, { code = "x", message = "y" } end) }, { nil, { code = "x", message = "y" } })
  t.error(function() run.step("bad", function() error("inside the step") end) end, "inside the step")
  t.error(function() run.step("bad", function() return function() end end) end, "argument.value is a function")
  t.error(function() run.step("mixed", function() return { 1, n = 1 } end) end, 'run.step "mixed" cannot be kept')
  t.equal(run.step("last", function(_, _, last) return last end, nil, print, 3), 3)
end)

t.test("a step may wait, and steps may lie within steps", function(run)
  t.equal(run.step("outer", function() return run.step("inner", function() run.sleep(1) return "deep" end) end), "deep")
end)

t.test("what is called wrongly is an error that says what is expected", function(run)
  t.error(function() run.ask() end, "run.ask: the agent's name: expected text")
  t.error(function() run.ask("062", 5) end, "run.ask: expected a task")
  t.error(function() run.tool({}) end, "run.tool: the tool's name")
  t.error(function() run.step("x") end, "expected a name and a function")
  t.error(function() run.all { 1 } end, "each entry is a function")
  t.error(function() run.race { [true] = function() end } end, "a key is a string or an integer")
  t.error(function() run.sleep(-1) end, "not below 0")
  t.error(function() run.x = 1 end, "read-only")
end)

t.test("waiting works inside pcall, an iterator and a metamethod", function(run)
  t.equal({ pcall(function() run.sleep(1) return "in pcall" end) }, { true, "in pcall" })
  local waits = setmetatable({}, { __index = function(_, key) run.sleep(1) return key .. "!" end })
  t.equal(waits.now, "now!")
  local seen = {}
  for i in function(_, last) run.sleep(1) return last < 3 and last + 1 or nil end, nil, 0 do seen[#seen + 1] = i end
  t.equal(seen, { 1, 2, 3 })
end)
