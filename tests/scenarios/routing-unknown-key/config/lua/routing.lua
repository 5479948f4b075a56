return { model = function() end, nxt = function() end, next = function() end }
