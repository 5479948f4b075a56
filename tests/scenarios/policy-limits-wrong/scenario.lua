local rehearse = require "lib.rehearse"

return { agents = { ["lone-agent"] = { {
  { expect = rehearse.anything("it is not asked"), text = "Done." },
} } } }
