local rehearse = require "lib.rehearse"

return {
  agents = { ["draft-agent"] = { {
    {
      expect = rehearse.tools("handoff"),
      calls = {
        { "handoff", { to = "check-agent", reason = "eyes", result = "one" } },
        { "handoff", { to = "ship-agent", reason = "legs", result = "two" } },
      },
    },
    {
      expect = rehearse.all { rehearse.results(2), rehearse.failure("handoff", "Two different agents") },
      text = "Then I keep it.",
    },
  } } },
}
