local rehearse = require "lib.rehearse"

return {
  agents = {
    ["draft-agent"] = { { { expect = rehearse.anything("the first turn"),
      text = "The draft is perfect - ship-agent can send it. On second thoughts:\n"
        .. "The draft stands - check-agent should read it" } } },
    ["check-agent"] = { { { expect = rehearse.anything("the hop is the test"), text = "Fine." } } },
  },
}
