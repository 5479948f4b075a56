local rehearse = require "lib.rehearse"

return {
  agents = { ["draft-agent"] = { {
    { expect = rehearse.tools("escalate"), calls = {
      { "escalate", { to = "lone-agent", question = "Well?" } },
      { "escalate", { to = "User", question = " " } },
      { "escalate", "to: User" },
    } },
    { expect = rehearse.results(3), text = "Never mind." },
  } } },
}
