local rehearse = require "lib.rehearse"

return {
  agents = {
    ["draft-agent"] = { { { expect = rehearse.anything("the start"), text = "One." } } },
    ["check-agent"] = { { { expect = rehearse.first("One."), text = "Two." } } },
    ["ship-agent"] = { { { expect = rehearse.first("Two."), text = "Three." } } },
  },
}
