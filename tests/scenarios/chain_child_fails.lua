--- One child fails: its siblings are cancelled, what had finished is kept.
return {
  run = function(run)
    local finished = false
    local all, err, kept = run.all {
      early = function()
        local said = run.ask("063", "first")
        finished = true
        return said
      end,
      fails = function()
        while not finished do run.sleep(1) end
        return run.ask("072", "check")
      end,
      late = function()
        run.sleep(600000)
        return "never"
      end,
    }
    return { all = all == nil and "none" or all, code = err.code, early = kept.early, late = kept.late }
  end,
}
