local rehearse = require "lib.rehearse"

return {
  agents = { ["lone-agent"] = { {
    { expect = rehearse.tools("bash", "bash_output", "bash_kill"), calls = { { "bash",
      { command = "mkdir -p deep/er && cd deep/er && export WORD='two  words' HOME=/x" } } } },
    { expect = rehearse.result("bash", "[in deep/er]"), calls = { { "bash",
      { command = "echo x >here; echo \"$WORD ${PWD##*/}\"" } } } },
    { expect = rehearse.result("bash", "two  words er"), calls = { { "bash",
      { command = "cd ..; exit 3" } } } },
    { expect = rehearse.result("bash", "[exit code 3]", "[in deep]"), text = "Lasted." },
  } } },
}
