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

# What runs in C is not counted by the hook: each of these held the loop, or ended the process.
my %held = (
    rep        => '(""):rep(math.maxinteger)',
    move       => 'table.move({}, 1, math.maxinteger - 1, 2)',
    insert     => 'table.insert(setmetatable({}, { __len = function() return math.maxinteger - 1 end }), 1, 1)',
    remove     => 'table.remove(setmetatable({}, { __len = function() return math.maxinteger - 1 end }), 1)',
    concat     => 'table.concat(setmetatable({}, { __index = type }), "", 1, math.maxinteger)',
    sort       => 'table.sort(setmetatable({}, { __len = function() return 2^31 // 1 - 2 | 0 end, __index = type, __newindex = type }))',
    cjson_deep => 'local t = {} for _ = 1, 300000 do t = { t } end return require "cjson".encode(t)',
    cjson_wide => 'local s, t = ("x"):rep(20000000), {} for i = 1, 400 do t[i] = s end return require "cjson".encode(t)',
    cjson_read => 'return require "cjson".decode(("["):rep(1000000))',
    cjson_set  => 'require "cjson".decode_max_depth(100000000)',
);
for my $name (sort keys %held) {
    tool($name, '', "return tostring(pcall(function() $held{$name} end))");
    my $said = call($name);
    is($said->{exit}, 0, "$name ends") or diag("$said->{exit} $said->{err}");
}

# The journal and --events take json.raw as it stands.
my %raws = (
    closing => q~json.raw('1},"kind":"forged"')~,
    a_line  => q~json.raw('{}\n{"kind":"run.finished"}')~,
    lined   => q~json.raw('{\n}')~,
    emptied => q~(function() local r = json.raw("1") rawset(r, 1, nil) return r end)()~,
);
for my $name (sort keys %raws) {
    tool("raw_$name", '', "return { text = 'said', data = $raws{$name} }");
    my $said = call("raw_$name");
    like($said->{err}, qr/data is a json\.raw/, "raw text is one JSON value on one line: $name");
}
tool('raw_fair', '', q~return { text = 'said', data = json.raw('{"a":[1, 1.0]}') }~);
is(call('raw_fair')->{out}, "said\n", 'and such a one goes through');

done_testing();
