local schema = require "lib.schema"

return {
  description = "Counts the words of a file.",
  input = schema.object { { "path", schema.path {}, "The file." } },
  effect = "read",
  needs = { read = { "workspace" } },
  run = function(input, call)
    local text, err = call.read(input.path)
    if not text then return nil, err end
    local words = select(2, text:gsub("%S+", ""))
    if words == 0 then return nil, { code = "invalid", message = "nothing to count" } end
    if words == 2 then error("boom") end
    return { text = tostring(words), data = { words = words } }
  end,
}
