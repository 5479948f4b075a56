local rehearse = require "lib.rehearse"

return {
  agents = { ["lone-agent"] = { {
    { expect = rehearse.first('"quoted" \\ back\\slash', "\u{2028}"), thinking = "Hm.\n\"Well\" \u{1F680}", text = "Now \u{0} then",
      calls = { { "read", { path = "." } } } },
    { expect = rehearse.result("read"), text = '"\\\u{2028}\u{1F680}' .. ("\u{fc}\r\n"):rep(3000) .. "end" },
  } } },
}
