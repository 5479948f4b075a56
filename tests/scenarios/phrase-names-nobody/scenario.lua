local rehearse = require "lib.rehearse"

return { agents = { ["writer-agent"] = { { { expect = rehearse.anything("the first turn"),
  text = "I tried.\nThe draft is hopeless - start again" } } } } }
