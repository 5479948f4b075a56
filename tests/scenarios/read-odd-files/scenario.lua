local rehearse = require "lib.rehearse"

return {
  agents = { ["lone-agent"] = { {
    {
      expect = rehearse.tools("read"),
      calls = {
        { "read", { path = "binary" } }, { "read", { path = "huge.txt" } }, { "read", { path = "pipe" } },
        { "read", { path = "link" } }, { "read", { path = "../state" } }, { "read", { path = "/etc/passwd" } },
        { "read", { path = "gone" } }, { "read", { path = "" } }, { "read", { path = "a\0b" } },
      },
    },
    {
      expect = rehearse.all {
        rehearse.results(9), rehearse.result("read", "binary"), rehearse.result("read", "0123456789abcde"),
        rehearse.failure("read", "pipe"), rehearse.failure("read", "link"), rehearse.failure("read", "gone"),
        function(given)
          for _, at in ipairs { 3, 4, 5, 6, 7, 8, 9 } do
            if not given.results[at].error then return false, ("an error at %d; %s"):format(at, rehearse.describe(given)) end
          end
          return #given.results[2].text < 110000, "a text that was cut"
        end,
      },
      text = "Read.",
    },
  } } },
}
