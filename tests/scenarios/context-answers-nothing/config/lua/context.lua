return { prompt = function() return 7 end, handover = function() return "x" end }
