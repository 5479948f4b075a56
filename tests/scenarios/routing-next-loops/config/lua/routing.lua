return {
  model = function() end,
  next = function() while true do end end,
}
