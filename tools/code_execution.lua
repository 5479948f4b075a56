--- Runs code on a machine of the model's provider, within a reply. Nothing of it happens here: the
--- host offers it where a provider does it and the user lets it (lua/lib/serving.lua).
--- A call of it is refused before policy or a person is asked.
local schema  = require "lib.schema"
local serving = require "lib.serving"

local function refuse() return nil, { code = "unavailable", message = serving.NOT_CALLED } end

return {
  description = "Run code on a machine of the model's provider, without this workspace.",
  input       = schema.object { { "code", schema.text { min = 1 }, "What to run." } },
  effect      = "outside",
  run         = refuse,
}
