local rehearse = require "lib.rehearse"

return {
  agents = {
    chooser = { { {
      expect = rehearse.all { rehearse.tools("choose"), rehearse.first("a letter", "ship-agent") },
      calls = { { "choose", { to = "ship-agent", why = "It only has to be sent." } } },
    } } },
    ["ship-agent"] = { { { expect = rehearse.first("a letter"), text = "Sent." } } },
  },
}
