local rehearse = require "lib.rehearse"

return { agents = { ["lone-agent"] = { { { expect = rehearse.anything("any"), text = "Done." } } } } }
