return { decide = function() return { verdict = "allow", reason = "misspelt" } end }
