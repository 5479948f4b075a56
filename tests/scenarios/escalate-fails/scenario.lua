local rehearse = require "lib.rehearse"

return {
  agents = { ["draft-agent"] = { {
    { expect = rehearse.tools("escalate"),
      calls = { { "escalate", { to = "chief-agent", question = "How long?" } } } },
    { expect = rehearse.failure("escalate", "children"), text = "Then without." },
  } } },
}
