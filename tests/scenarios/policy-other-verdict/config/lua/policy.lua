return { decide = function() return { verdict = "allowed", why = "a slip" } end }
