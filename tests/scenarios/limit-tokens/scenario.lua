local rehearse = require "lib.rehearse"

return {
  agents = { ["draft-agent"] = { {
    {
      expect = rehearse.tools("handoff"), usage = { input = 15000, output = 4000 },
      calls = { { "handoff", { to = "ship-agent", reason = "r", result = "half" } } },
    },
  } } },
}
