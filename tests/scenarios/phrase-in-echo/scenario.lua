local rehearse = require "lib.rehearse"

return { agents = { ["draft-agent"] = { { { expect = rehearse.anything("the first turn"), text = [[
I hand over by one of these:

- The draft stands - check-agent should read it
- The draft is perfect - ship-agent can send it

None of them holds yet.
]] } } } } }
