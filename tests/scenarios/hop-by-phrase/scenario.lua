local rehearse = require "lib.rehearse"

return {
  agents = {
    ["draft-agent"] = { { { expect = rehearse.anything("the first turn"),
      text = "Done as asked.\n\n- **the draft stands \u{2014} check-agent should read it**.\n" } } },
    ["check-agent"] = { { { expect = rehearse.first("Done as asked."), text = "Fine." } } },
  },
}
