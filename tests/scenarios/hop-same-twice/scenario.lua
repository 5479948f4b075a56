local rehearse = require "lib.rehearse"

return {
  agents = {
    ["draft-agent"] = { {
      {
        expect = rehearse.tools("handoff"),
        calls = {
          { "handoff", { to = "ship-agent", reason = "legs", result = "one" } },
          { "handoff", { to = "ship-agent", reason = "legs", result = "one" } },
        },
      },
    } },
    ["ship-agent"] = { { { expect = rehearse.first("one"), text = "Sent." } } },
  },
}
