local rehearse = require "lib.rehearse"

return {
  agents = { ["draft-agent"] = { {
    {
      expect = rehearse.tools("handoff"), usage = { input = 80, output = 40 },
      calls = { { "handoff", { to = "ship-agent", reason = "r", result = "half" } } },
    },
  } } },
}
