return {
  model = function() end,
  next = function() return { to = "chief-agent" } end,
}
