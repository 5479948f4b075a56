return { agents = {} } -- nobody is asked
