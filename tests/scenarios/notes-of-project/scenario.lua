local rehearse = require "lib.rehearse"

return { agents = { ["plain-agent"] = { {
  { expect = rehearse.system("Use tabs.", "Agent: plain-agent"), text = "Gone." },
} } } }
