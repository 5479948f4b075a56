return { decide = function() return { verdict = "ask", why = "Sure?" } end }
