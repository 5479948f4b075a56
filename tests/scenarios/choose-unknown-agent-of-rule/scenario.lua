local rehearse = require "lib.rehearse"

return { agents = {} }
