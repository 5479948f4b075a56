return { before = function() return nil, { code = "unavailable", message = "the archive is shut" } end }
