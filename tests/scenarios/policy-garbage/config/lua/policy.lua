return { decide = function() return "yes, please" end }
