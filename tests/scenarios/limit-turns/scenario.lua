local rehearse = require "lib.rehearse"

local turns = {}
for i = 1, 5 do turns[i] = { expect = rehearse.anything("a limit is the test"), text = "And on.", calls = { { "read", { path = "." } } } } end
return { agents = { ["lone-agent"] = { turns } } }
