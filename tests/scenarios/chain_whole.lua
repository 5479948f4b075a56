--- Asks, uses a tool, works side by side, keeps a step, and answers with a value.
local schema = require "lib.schema"

return {
  description = "Everything a chain can do, once.",
  params = schema.object {
    { "task", schema.text(), "What to count." },
    { "times", schema.integer { min = 1, default = 2 }, "How many juniors." },
  },
  run = function(run, params)
    local said, err = run.ask("062", { task = params.task, notes = "one\ntwo" })
    if not said then return nil, err end
    local listed
    listed, err = run.tool("glob", { pattern = "*.txt" })
    if not listed then return nil, err end
    local branches = {}
    for i = 1, params.times do branches["junior" .. i] = function() return run.ask("063", "part " .. i) end end
    local all
    all, err = run.all(branches)
    if not all then return nil, err end
    local winner, key = run.race {
      asks = function() return run.ask("063", "race") end,
      sleeps = function() run.sleep(600000) return "never" end,
    }
    local length = run.step("measure", function(text) return #text end, said)
    return { said = said, files = listed, juniors = all, winner = winner, key = key, length = length }
  end,
}
