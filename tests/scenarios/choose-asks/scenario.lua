local rehearse = require "lib.rehearse"

return {
  agents = {
    chooser = { { {
      expect = rehearse.first("- lone-agent: Works alone.", "- chief-agent: "),
      calls = { { "choose", { to = "chief-agent", why = "It decides." } } },
    } } },
    ["chief-agent"] = { { { expect = rehearse.first("Anything."), text = "Decided." } } },
  },
}
