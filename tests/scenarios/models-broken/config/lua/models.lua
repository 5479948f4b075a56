return { providers = {}, aliases = {} }
