--- Decides which model answers, and who goes on when a part has ended. Edit it: nothing is
--- compiled. Pure functions of facts: they wait for nothing and remember nothing. The first rule
--- that holds wins; its `why` is journaled.
local route = require "lib.route"

local POOR <const> = 0.05 -- dollars left: too little for a large turn

return {
  --- The models to try, in order. `facts`: left_usd (dollars that the run may still spend), tokens
  --- (that it has used). nil leaves it to the definition (its `model`, else the tier of its
  --- `complexity`).
  model = route.first {
    {
      why = "the budget is nearly spent",
      when = function(_, facts) return facts.left_usd < POOR end,
      models = { "small" },
    },
    { why = "what the definition asks for" },
  },

  next = route.by_relations,
}
