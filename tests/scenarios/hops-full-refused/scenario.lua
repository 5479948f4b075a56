local rehearse = require "lib.rehearse"

return {
  agents = {
    ["draft-agent"] = { { { expect = rehearse.anything("the start"), text = "One." } } },
    ["check-agent"] = { { { expect = rehearse.first("One."),
      text = "Not yet - draft-agent has to go over it" } } },
    ["ship-agent"] = { { { expect = rehearse.anything("the itinerary"), text = "Three." } } },
  },
}
