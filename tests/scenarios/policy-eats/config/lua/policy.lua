return {
  decide = function()
    local all, much = {}, ("x"):rep(1 << 20)
    for i = 1, math.huge do all[i] = much .. i end
    return { verdict = "allow", why = all[1] }
  end,
}
