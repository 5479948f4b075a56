local rehearse = require "lib.rehearse"

local function asks(to, wanted, says)
  return { {
    { expect = rehearse.tools("escalate"),
      calls = { { "escalate", { to = to .. "-agent", question = "And you?" } } } },
    { expect = wanted, text = says },
  } }
end

return {
  agents = {
    ["a-agent"] = asks("b", rehearse.result("escalate", "b: c: d alone"), "a: b: c: d alone"),
    ["b-agent"] = { {
      { expect = rehearse.tools("escalate"), calls = {
        { "escalate", { to = "a-agent", question = "You yourself?" } },
        { "escalate", { to = "c-agent", question = "And you?" } },
      } },
      { expect = rehearse.all { rehearse.failure("escalate", "a-agent waits for this very answer"),
        rehearse.result("escalate", "c: d alone") }, text = "b: c: d alone" },
    } },
    ["c-agent"] = asks("d", rehearse.result("escalate", "d alone"), "c: d alone"),
    ["d-agent"] = { {
      { expect = function(given)
          return #given.tools == 0, "no tool: nobody is left to ask"
        end,
        calls = { { "escalate", { to = "e-agent", question = "And you?" } } } },
      { expect = rehearse.failure("escalate", "3 agents wait already"), text = "d alone" },
    } },
  },
}
