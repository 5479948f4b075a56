return { decide = function() return { verdict = "deny", why = "Not on a Sunday." } end }
