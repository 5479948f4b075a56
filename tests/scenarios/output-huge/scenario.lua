local rehearse = require "lib.rehearse"

return {
  agents = { ["lone-agent"] = { {
    { expect = rehearse.tools("bash"), calls = { { "bash", { command = "seq 1 200000" } } } },
    {
      expect = rehearse.all {
        rehearse.result("bash", "1\n2\n3\n", "left out", "\n200000"),
        function(given) return #given.results[1].text < 100000, "less than 100000 bytes" end,
      },
      calls = { { "bash", { command = "head -c 3000000 /dev/zero | tr '\\0' x" } } },
    },
    { expect = rehearse.result("bash", "xxxx", "left out"), calls = { { "bash", { command = "head -c 20000 /dev/urandom >r; printf 'a\\377\\000\\033[31mb'" } } } },
    { expect = rehearse.result("bash", "a\u{FFFD}"), text = "Much." },
  } } },
}
