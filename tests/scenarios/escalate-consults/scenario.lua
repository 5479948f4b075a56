local rehearse = require "lib.rehearse"

return {
  agents = {
    ["draft-agent"] = { {
      { expect = rehearse.tools("escalate"),
        calls = { { "escalate", { to = "chief-agent", question = "How long?" } } } },
      { expect = rehearse.result("escalate", "One line."), text = "Whales, briefly." },
    } },
    ["chief-agent"] = { { { expect = rehearse.first("draft-agent works on", "How long?", "whales"),
      text = "One line." } } },
  },
}
