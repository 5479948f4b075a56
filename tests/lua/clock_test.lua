--- Time in tests: nothing waits that only a clock could end.
local t = require "lib.test"

t.test("an hour's sleep takes no time, and the run's clock has moved on by it", function(run)
  local before = run.budget().time_ms
  run.sleep(20 * 60000)
  t.truthy(before - run.budget().time_ms >= 20 * 60000)
end)

t.test("a sleep beside a command does not overtake it", function(run)
  local value, key = run.race {
    command = function() return run.tool("bash", { command = "sleep 0.05; echo done" }) end,
    hour = function() run.sleep(3600000) end,
  }
  if not value then t.skip("commands do not run here: " .. key.message) end
  t.equal({ value, key }, { "done", "command" })
end)

return t
