local rehearse = require "lib.rehearse"

return {
  agents = { ["lone-agent"] = { {
    { expect = rehearse.tools("bash"), calls = { { "bash",
      { command = "echo first; echo second >&2; sleep 0.3; printf '\\342'; sleep 0.3; printf '\\202\\254\\n'" } } } },
    { expect = rehearse.result("bash", "first\n\u{20AC}", "second"), text = "Printed." },
  } } },
}
