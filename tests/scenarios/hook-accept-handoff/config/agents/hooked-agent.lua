return {
  accept = function(reply)
    if #reply.text < 10 then return false, "Too short." end
    return true
  end,
}
