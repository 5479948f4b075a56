local rehearse = require "lib.rehearse"

return {
  agents = { ["lone-agent"] = { {
    { expect = rehearse.tools("write"), calls = { { "write", '{"path":"x.txt","content":"ha' } } },
    { expect = rehearse.failure("write", "cannot be used", '{"path":"x.txt"'), calls = { { "write", "[1,2]" } } },
    { expect = rehearse.failure("write", "no JSON object"), calls = { { "write", "null" } } },
    { expect = rehearse.failure("write", "no JSON object"), calls = { { "write", '{"path":"x.txt"}' } } },
    { expect = rehearse.failure("write", "content"), calls = { { "write", '{"path":{"of":"x"},"content":"ha"}' } } },
    { expect = rehearse.failure("write", "path"), calls = { { "write", '{"pathh":"x.txt","path":"x.txt","content":"ha"}' } } },
    { expect = rehearse.failure("write", "pathh"), calls = { { "write", ("[") :rep(5000) } } },
    { expect = rehearse.failure("write", "cannot be used"), calls = { { "write", { path = "x.txt", content = "fine" } } } },
    { expect = rehearse.result("write", "x.txt"), text = "At last." },
  } } },
}
