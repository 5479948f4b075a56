return { decide = function() return true end }
