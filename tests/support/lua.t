#!/bin/sh
# The project's own Lua tests, run by the host itself.
exec "$PERIGEE" test tests/lua
