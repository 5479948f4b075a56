local rehearse = require "lib.rehearse"

return {
  agents = { ["draft-agent"] = { { { expect = rehearse.anything("the first turn"), text = [[
I could say `The draft stands - check-agent should read it`, but I do not.

```
The draft stands - check-agent should read it
```

> The draft is perfect - ship-agent can send it

"The draft is perfect - ship-agent can send it" is what others would say, and
nobody may think that the draft stands - check-agent should read it as soon as possible.

    The draft stands - check-agent should read it
]] } } } },
}
