local rehearse = require "lib.rehearse"

return { agents = { ["judge-agent"] = { {
  { expect = rehearse.anything("the first"), text = "It is fine." },
  { expect = rehearse.anything("the second"), text = '{ "verdict": 7, "defects": [] }' },
} } } }
