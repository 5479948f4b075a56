local rehearse = require "lib.rehearse"

return { agents = { ["vague-agent"] = { {
  { expect = rehearse.no_tools("read", "write"), text = "I have no tools." } } } } }
