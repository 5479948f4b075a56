#!/usr/bin/perl
# A tool's own Lua against the host: what it keeps, what it breaks out with, what it exhausts.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

my $home = Try::home();

# Writes a tool of the user's, with `before` at the top of its file and `body` in its run.
sub tool {
    my ($name, $before, $body, %more) = @_;
    my $needs = $more{needs} || '{ read = { "." } }';
    Try::write_file("$home->{config}/perigee/tools/$name.lua", <<"LUA");
local schema = require "lib.schema"
local json = require "lib.json"
$before
return {
  description = "An attempt.", effect = "read", needs = $needs, timeout = "20s",
  input = schema.object {},
  run = function(input, call)
    $body
  end,
}
LUA
}

sub call {
    my ($name) = @_;
    return Try::run(home => $home, args => ['tools', 'call', $name, '{}']);
}

# A chain that calls a tool twice, in one VM.
sub twice {
    my ($name) = @_;
    Try::write_file("$home->{dir}/twice.lua", <<"LUA");
local schema = require "lib.schema"
return { description = "Twice.", params = schema.object {}, run = function(run)
  local said = {}
  for i = 1, 2 do
    local text, err = run.tool("$name", {})
    said[i] = text or (type(err) == "table" and err.message) or tostring(err)
  end
  return table.concat(said, "|")
end }
LUA
    return Try::run(home => $home, args => ['run', "$home->{dir}/twice.lua"]);
}

tool('keeper', 'local kept', <<'LUA');
    if not kept then kept = call return "kept" end
    for _ = 1, 50 do collected = (collected or "") .. ("x"):rep(1000) end
    local ok, err = pcall(kept.info, ".")
    return tostring(ok) .. " " .. tostring(err):match("[^:]*$")
LUA
my $ran = twice('keeper');
like($ran->{out}, qr/^kept\|false .*this call has ended/, 'a call that was kept is of no use in the next one')
    or diag($ran->{err});

done_testing();
