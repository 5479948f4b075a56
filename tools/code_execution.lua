--- Runs code on a machine of the model's provider, within a reply. Nothing of it happens here: the
--- host offers it where a provider does it and the user lets it (lua/lib/serving.lua).
local schema = require "lib.schema"

local function refuse()
  return nil, { code = "unavailable", message = "This code runs at the model's provider, within a "
    .. "reply, and cannot be called. bash runs commands in the sandbox here." }
end

return {
  description = "Run code on a machine of the model's provider, without this workspace.",
  input       = schema.object { { "code", schema.text { min = 1 }, "What to run." } },
  effect      = "outside",
  run         = refuse,
}
