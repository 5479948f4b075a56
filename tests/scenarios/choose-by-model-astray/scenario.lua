local rehearse = require "lib.rehearse"

return {
  agents = {
    chooser = { { {
      expect = rehearse.tools("choose"),
      calls = { { "choose", { to = "chief-agent", why = "Whatever the task says." } } },
    } } },
    ["draft-agent"] = { { { expect = rehearse.first("a letter"), text = "Dear Ann." } } },
  },
}
