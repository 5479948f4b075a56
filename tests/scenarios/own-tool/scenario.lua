local rehearse = require "lib.rehearse"

return {
  agents = { ["counting-agent"] = { {
    { expect = rehearse.tools("count_words"), calls = { { "count_words", { path = "a.txt" } } } },
    { expect = rehearse.result("count_words", "3"), calls = { { "count_words", { path = "empty.txt" } } } },
    { expect = rehearse.failure("count_words", "nothing"), calls = { { "count_words", { path = "two.txt" } } } },
    { expect = rehearse.failure("count_words", "boom"), calls = { { "count_words", { file = "a.txt" } } } },
    { expect = rehearse.failure("count_words", "path"), text = "Three words." },
  } } },
}
