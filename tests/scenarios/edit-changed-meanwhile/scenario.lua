local rehearse = require "lib.rehearse"

return {
  agents = { ["lone-agent"] = { {
    { expect = rehearse.tools("edit"), calls = { { "read", { path = "a.txt" } } } },
    { expect = rehearse.result("read", "two"), calls = { { "bash", { command = "echo three >>a.txt" } } } },
    { expect = rehearse.result("bash"), calls = { { "edit", { path = "a.txt", old = "two", new = "TWO" } } } },
    { expect = rehearse.failure("edit", "changed since this run read it", "+three"),
      calls = { { "edit", { path = "a.txt", old = "two", new = "TWO" } } } },
    { expect = rehearse.result("edit", "a.txt"), text = "Edited." },
  } } },
}
