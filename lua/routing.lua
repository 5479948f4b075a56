--- Decides who gets a task, which model answers, and who goes on when a part has ended. Edit it:
--- nothing is compiled. Pure functions of facts: they wait for nothing and remember nothing. The
--- first rule that holds wins; its `why` is journaled, and `perigee route --explain` shows all.
local route = require "lib.route"

local POOR  <const> = 0.05   -- dollars left: too little for a large turn
local LARGE <const> = 100000 -- bytes of a task: more reading than thinking

return {
  --- Who gets a task that names nobody. `catalog.agents`: name, description, role, model,
  --- complexity, tools of each. Answers an agent ({ to = NAME }), or candidates that a model picks
  --- from ({ ask = { NAME, ... } }); nil where nobody fits.
  choose = route.first {
    { why = "who says that this is their work", by = route.by_rank },
  },

  --- The models to try, in order, and how much effort they should make (effort = "low", ...).
  --- `facts`: left_usd (dollars that the run may still spend), tokens (that it has used),
  --- task_bytes, attachments (files), visit (which conversation of this agent), hops (so far).
  --- Whatever a rule leaves out is the definition's: its `model`, else the tier of its
  --- `complexity`, and the effort of that.
  model = route.first {
    {
      why = "the budget is nearly spent",
      when = function(_, facts)
        return facts.left_usd < POOR, ("$%.2f are left"):format(facts.left_usd)
      end,
      models = { "small" },
    },
    {
      why = "a long task for a definition that asks for nothing",
      when = function(agent, facts)
        return facts.task_bytes > LARGE and not agent.model and not agent.complexity,
          ("the task has %d bytes"):format(facts.task_bytes)
      end,
      models = { "large" },
    },
    { why = "what the definition asks for" },
  },

  --- Who goes on when a part has ended: one of the agent's targets ({ to = NAME }), nobody
  --- ({ ends = true }), or nil: then --hops full goes on with its itinerary, and otherwise the run
  --- ends.
  next = route.by_relations,
}
