return { accept = function() return false, "Once more." end }
