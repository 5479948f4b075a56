local rehearse = require "lib.rehearse"

return { agents = { ["draft-agent"] = { { { expect = rehearse.anything("the start"), text = "One." } } } } }
