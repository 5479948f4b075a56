local rehearse = require "lib.rehearse"

return {
  agents = {
    ["hooked-agent"] = { {
      { expect = rehearse.tools("handoff"), calls = { { "handoff", { to = "second-agent", reason = "r", result = "brief" } } } },
      { expect = rehearse.failure("handoff", "Too short."),
        calls = { { "handoff", { to = "second-agent", reason = "r", result = "long enough this time" } } } },
    } },
    ["second-agent"] = { { { expect = rehearse.first("long enough"), text = "Mine." } } },
  },
}
