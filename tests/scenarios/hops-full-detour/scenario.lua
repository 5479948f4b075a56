local rehearse = require "lib.rehearse"

return {
  agents = {
    ["draft-agent"] = { { { expect = rehearse.anything("the start"),
      text = "The draft is perfect - ship-agent can send it" } } },
    ["ship-agent"] = { { { expect = rehearse.anything("the detour"), text = "Sent." } } },
    ["check-agent"] = { { { expect = rehearse.first("Sent."), text = "Read." } } },
  },
}
