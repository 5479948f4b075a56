local rehearse = require "lib.rehearse"

return { agents = { ["draft-agent"] = { { { expect = rehearse.first("a letter"), text = "Dear Ann." } } } } }
