local rehearse = require "lib.rehearse"

return {
  agents = { ["draft-agent"] = { {
    { expect = rehearse.tools("escalate"),
      calls = { { "escalate", { to = "User", question = "Which language?" } } } },
    { expect = rehearse.failure("escalate", "nobody is here"),
      text = "Whales, in English; you may want French." },
  } } },
}
