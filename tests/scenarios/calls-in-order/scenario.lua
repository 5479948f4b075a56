local rehearse = require "lib.rehearse"

return {
  agents = { ["lone-agent"] = { {
    {
      expect = rehearse.tools("read", "write"),
      calls = {
        { "read", { path = "b.txt" } }, { "read", { path = "c.txt" } }, { "write", { path = "c.txt", content = "third\n" } },
        { "read", { path = "c.txt" } }, { "read", { path = "a.txt" } },
      },
    },
    {
      expect = function(given)
        local r = given.results
        local fine = #r == 5 and r[1].text:find("second", 1, true) and r[2].error and r[3].name == "write"
          and r[4].text:find("third", 1, true) and r[5].text:find("first", 1, true)
        return fine and true or false, "b, an error, the write, c, a; " .. rehearse.describe(given)
      end,
      text = "Seen.",
    },
  } } },
}
