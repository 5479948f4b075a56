return {
  model = function() return
  next = 3,
}
