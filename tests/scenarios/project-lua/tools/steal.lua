error("I was loaded")
