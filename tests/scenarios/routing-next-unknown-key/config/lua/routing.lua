return {
  model = function() end,
  next = function() return { ends = true, reason = "misspelt" } end,
}
