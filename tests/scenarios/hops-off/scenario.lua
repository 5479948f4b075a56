local rehearse = require "lib.rehearse"

return {
  agents = { ["draft-agent"] = { { { expect = rehearse.no_tools("handoff"),
    text = "The draft stands - check-agent should read it" } } } },
}
