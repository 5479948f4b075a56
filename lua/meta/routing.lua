---@meta
--- `routing.lua` returns one of these; lib.route makes its functions of rules. `choose` may be
--- missing: then a task has to name its agent.

---@class routing.File
---@field choose? fun(task: string, catalog: routing.Catalog): string|routing.Choice?
---@field model   fun(agent: agent.Facts, facts: routing.Facts): routing.Models?
---@field next    fun(agent: agent.Facts, ending: agent.Ending, facts: routing.Facts): agent.Next?

---@class routing.Catalog
---@field agents routing.Candidate[] by name

---@class routing.Candidate : agent.Facts
---@field role string what its prompt says of who it is
---@field work string the lists of its prompt that say what it does

--- Either `to` or `ask`. Agents are named by any unique part.
---@class routing.Choice
---@field to?    string
---@field ask?   string[] a model picks one of these
---@field why?   string
---@field score? number
---@field runners_up? { to: string, score: number?, why: string? }[] who else fits, the best first
---@field from?  string where the rule stands; rules fill it in
---@field evidence? any what the journal keeps

---@class routing.Models
---@field models? string|string[] to try in order: names, tiers, ids
---@field effort? "low"|"medium"|"high"|"xhigh"|"max"
---@field why?    string
---@field from?   string
---@field evidence? any

---@class routing.Facts
---@field left_usd    number  dollars that the run may still spend
---@field tokens      integer that it has used
---@field task_bytes  integer
---@field attachments integer files that came with the task
---@field visit       integer which conversation of this agent, from 1
---@field hops        integer so far
---@field mode?       "off"|"auto"|"full" --hops; not where a model is chosen for the chooser
