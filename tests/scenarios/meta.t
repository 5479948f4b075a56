#!/usr/bin/perl
# meta.t -- lua/meta is the reference of what scripts are given: here it is compared with what the host
# really offers and really accepts, so that neither can change alone.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

my $ROOT = $Try::ROOT;

# -- what the stubs say ------------------------------------------------------------------------------

sub stub { return Try::read_file("$ROOT/lua/meta/$_[0].lua") }

# Fields of a class: name to whether it may be missing.
sub fields_of {
    my ($file, $class) = @_;
    my ($block) = stub($file) =~ /^---\@class \Q$class\E\b[^\n]*\n((?:---\@field[^\n]*\n)*)/m;
    die "lua/meta/$file.lua has no class $class\n" if !defined $block;
    return { $block =~ /^---\@field (\w+)(\??)/mg };
}

sub functions_of {
    my ($file, $table) = @_;
    return map { $_ => 1 } stub($file) =~ /^function \Q$table\E\.(\w+)\(/mg;
}

sub names { return join ' ', sort @_ }

# -- what the host offers ----------------------------------------------------------------------------

my $home = Try::home();
my $FOLDER = "$home->{config}/perigee";
Try::write_file("$home->{work}/a.txt", "a\n");

# Runs a chain's text; what it answers, decoded.
sub chain {
    my ($text) = @_;
    Try::write_file("$home->{dir}/probe.lua", $text);
    my $ran = Try::run(home => $home, args => ['run', "$home->{dir}/probe.lua", '', '--json', '--store', $home->{store}]);
    my $result = eval { $Try::JSON->decode($ran->{out}) };
    diag($ran->{out} . $ran->{err}) if !$result || $result->{status} ne 'ok';
    return $result->{value};
}

# Runs the body of a tool that may do everything.
sub tool {
    my ($body) = @_;
    Try::write_file("$FOLDER/tools/probe.lua", <<"LUA");
local schema = require "lib.schema"
local function keys(t) local list = {} for key in pairs(t) do list[#list + 1] = key end return list end
return {
  description = "Probes.", input = schema.object {}, effect = "write",
  needs = { exec = { "true" }, read = { "." }, write = { "." } },
  run = function(_, call) return { text = "done", data = (function() $body end)() } end,
}
LUA
    return chain('return { run = function(run) local _, data = run.tool("probe") return { data = data } end }')->{data};
}

my $keys = 'local function keys(t) local list = {} for key in pairs(t) do list[#list + 1] = key end return list end ';

is(names(@{ chain("$keys return { run = function(run) return keys(run) end }") }),
    names(keys %{ { functions_of('run', 'run'), map { $_ => 1 } keys %{ fields_of('run', 'Run') } } }),
    'run has what lua/meta/run.lua says, and nothing else');

my $call = fields_of('call', 'Call');
is(names(@{ tool('return keys(call)') }),
    names(keys %{ { functions_of('call', 'call'), map { $_ => 1 } grep { !/^(?:state|settings)$/ } keys %$call } }),
    'call has what lua/meta/call.lua says, and nothing else');
is_deeply(tool('return { call.state == nil, #keys(call.jobs.list()) }'), [JSON::PP::true, 0], 'a first call has no state and no jobs');
is(names(@{ tool('return keys(call.jobs)') }), names(keys %{ { functions_of('call', 'jobs') } }), 'call.jobs has these functions');

is(names(@{ chain("$keys local json = require 'lib.json' return { run = function() return keys(json) end }") }),
    names(keys %{ { functions_of('json', 'json'), null => 1 } }), 'lib.json has what lua/meta/json.lua says');

SKIP: {
    skip 'no sandbox on this machine', 4 if Try::run(home => $home, args => ['doctor'])->{exit} != 0;
    my $done = fields_of('call', 'ExecDone');
    is(names(@{ tool('return keys(call.exec { "true" })') }), names(grep { $done->{$_} eq '' } keys %$done),
        'a command answers what ExecDone says');
    my %value = (cwd => '"."', stdin => '"x"', env => '{ A = "b" }', timeout => '"5s"', memory => '"1G"',
        processes => '20', output => '1000', aside => 'true', show => 'true', cpu => '"1m30s"', file_size => '"10M"');
    my @spec = grep { $_ ne 'integer' } keys %{ fields_of('call', 'ExecSpec') };
    my $all = join ', ', map { "$_ = " . ($value{$_} // die "no value for ExecSpec.$_\n") } @spec;
    is_deeply(tool("return { call.exec { 'true', $all }.exit_code, (select(2, pcall(call.exec, { 'true', tiemout = 1 }))) }"),
        [0, 'exec: unknown key \'tiemout\'; known are cwd, stdin, env, timeout, memory, processes, file_size, cpu, output, aside, show'],
        'a command takes what ExecSpec says, and refuses other keys');
    my $report = { %{ fields_of('call', 'Job') }, %{ fields_of('call', 'JobReport') } };
    is(names(@{ tool('local id = call.jobs.start { "true" } return keys(call.jobs.read(id, { wait = 60000 }))') }),
        names('exit_code', grep { $report->{$_} eq '' } keys %$report), 'a report has the fields of JobReport');
    my @job = grep { $_ ne 'integer' } keys %{ fields_of('call', 'JobSpec') };
    my $job = join ', ', map { "$_ = " . ($value{$_} // '"x"') } @job;
    is_deeply(tool("return { call.jobs.start { 'true', $job }, (select(2, pcall(call.jobs.start, { 'true', timeout = 1 }))) }"),
        [1, 'exec: unknown key \'timeout\'; known are cwd, stdin, env, memory, processes, file_size, cpu, output, title'],
        'a job takes what JobSpec says, and no time limit');
}

{
    my ($known) = tool('return (select(2, pcall(call.http, { url = "http://a.example/", methud = "GET" })))')
        =~ /^http: unknown key 'methud'; known are (.*)/;
    is(names(split /, /, $known // ''), names(keys %{ fields_of('call', 'HttpSpec') }), 'a request takes what HttpSpec says');
    like(tool('return (select(2, pcall(call.http, { url = "http://a.example/" })))'), qr/needs = \{ net = /,
        'a tool without needs.net is told which line is missing');
}

my $info = fields_of('call', 'FileInfo');
Try::write_file("$home->{work}/.env", "KEY=1\n");
# `before` needs somebody else who changes the file: tests/lua/tools/edit_test.lua.
is(names(@{ tool('call.read("a.txt") local _, info = call.read("a.txt") info.masked = call.info(".env").masked return keys(info)') }),
    names(grep { $_ ne 'before' } keys %$info), 'a file that was read again has every field of FileInfo');
is(tool('return call.hold("a.txt")'), JSON::PP::true, 'a file is held');
like(tool('call.hold("a.txt") return (select(2, pcall(call.hold, "b.txt")))'), qr/holds a\.txt already; one file a call/,
    'a call holds one file');
is(names(@{ tool('return keys(call.info("a.txt"))') }), names(grep { $info->{$_} eq '' } keys %$info),
    'a file that was looked at has those that are always there');
like(tool('return (select(2, pcall(call.read, "a.txt", { mots = 1 })))'), qr/unknown key 'mots'; known are most, peek/,
    'read refuses an unknown option');
like(tool('return (select(2, pcall(call.write, "a.txt", "x", { expected = "new" })))'), qr/unknown key 'expected'/,
    'write refuses an unknown option');

# -- how the groups answer ----------------------------------------------------------------------------

is_deeply(chain(<<'LUA'), { ok => { a => 1, b => 2 }, failed => JSON::PP::true, code => 'invalid', partial => { a => 1 } },
return { run = function(run)
  local function fail() run.sleep(0) return nil, { code = "invalid", message = "no" } end
  local ok = run.all { a = function() return 1 end, b = function() return 2 end }
  local none, err, partial = run.all { a = function() return 1 end, b = fail }
  return { ok = ok, failed = none == nil, code = err.code, partial = partial }
end }
LUA
    'run.all answers results, or nil, the error and what had finished');
is_deeply(chain(<<'LUA'), { value => 7, key => 'fast', code => 'invalid' },
return { run = function(run)
  local function fail() return nil, { code = "invalid", message = "no" } end
  local value, key = run.race { fast = function() return 7 end, slow = function() run.sleep(60000) end }
  local _, err = run.race { fail, fail }
  return { value = value, key = key, code = err.code }
end }
LUA
    'run.race answers the result and its key, or nil and the last error');

# -- codes, and the forms of files ---------------------------------------------------------------------

my %codes = map { $_ => 1 } Try::read_file("$ROOT/host/base/status.h") =~ /^\s*X\(\w+,\s*"(\w+)"/mg;
delete $codes{ok};
is(names(stub('error') =~ /^---\| "(\w+)"/mg), names(keys %codes), 'the codes of errors are those of status.h');

# A list that a library file keeps: local NAME <const> = { "a", "b" }
sub list_in {
    my ($file, $name) = @_;
    my ($list) = Try::read_file("$ROOT/lua/lib/$file.lua") =~ /^local $name\s*<const> = \{([^}]*)\}/m;
    return $list =~ /"(\w+)"/g;
}

is(names(keys %{ fields_of('tool', 'tool.File') }), names(list_in('tool', 'KEYS')), 'a tool\'s file has these keys');
is(names(keys %{ fields_of('tool', 'Needs') }), names(list_in('tool', 'NEEDS')), 'needs has these keys');
is(names(keys %{ fields_of('tool', 'ToolResult') }), names(list_in('door', 'ANSWER')), 'a tool answers these keys');
is(names(keys %{ fields_of('chain', 'chain.File') }), names(list_in('decisions', 'CHAIN')), 'a chain\'s file has these keys');
is(names(keys %{ fields_of('agent', 'agent.Hooks') }), names(list_in('decisions', 'HOOKS')), 'an agent has these hooks');

# -- what routing is told ------------------------------------------------------------------------------

{
    my $own = Try::home();
    my ($functions) = Try::read_file("$ROOT/lua/lib/decisions.lua") =~ /"lua\/routing\.lua", \{([^}]*)\}/;
    is(names(keys %{ fields_of('routing', 'routing.File') }), names($functions =~ /"(\w+)"/g), 'routing.lua has these functions');
    Try::write_file("$own->{config}/perigee/lua/routing.lua", <<'LUA');
local function keys(t) local list = {} for key in pairs(t) do list[#list + 1] = key end return table.concat(list, " ") end
return {
  choose = function(_, catalog) return { to = "lone-agent", why = keys(catalog.agents[1]) } end,
  model = function() end,
  next = function(agent, ending, facts) return { ends = true, why = keys(agent) .. "; " .. keys(ending) .. "; " .. keys(facts) } end,
}
LUA
    Try::write_file("$own->{dir}/says.lua", 'return { agents = { ["lone-agent"] = { { { expect = function() return true end, text = "x" } } } } }');
    Try::run(home => $own, args => ['run', '--project', "$FindBin::Bin/team", '--store', $own->{store}, '--workspace', $own->{work},
        '--model', "rehearsal:$own->{dir}/says.lua", 'Say x.']);
    my %why = map { $_->{body}{what} => $_->{body}{why} } grep { $_->{kind} eq 'decision' } Try::journal($own);
    my ($agent, $ending, $facts) = split /; /, $why{next} // '';
    my $known = fields_of('agent', 'agent.Facts');
    for my $case (['an agent', $agent, $known], ['an ending', $ending, fields_of('agent', 'agent.Ending')],
        ['the facts', $facts, fields_of('routing', 'routing.Facts')],
        ['a candidate', $why{choose}, { %$known, %{ fields_of('routing', 'routing.Candidate') } }]) {
        my ($what, $said, $stub) = @$case;
        my %given = map { $_ => 1 } split / /, $said // '';
        is(names(grep { !exists $stub->{$_} } keys %given), '', "$what has no field that lua/meta does not know");
        is(names(grep { $stub->{$_} eq '' && !$given{$_} } keys %$stub), '', "$what has those that are always there");
    }
}

# -- what a dialect is asked ---------------------------------------------------------------------------

{
    my $own = Try::home();
    my %dialect = %{ fields_of('dialect', 'Dialect') };
    my %form = (name => '"probe"', habits => '{ length = { "long" } }', stream => '{ types = { "a/b" }, frames = "lines" }', form => '{}',
        serves => q({ web_search = '{"type":"x"}' }));
    Try::write_file("$own->{config}/perigee/lua/models.lua",
        'return { add = { providers = { p = { dialect = "probe", base_url = "http://127.0.0.1:1" } }, models = { m = { provider = "p" } } } }');
    my $dialect = sub {
        my ($without, %of) = @_;
        Try::write_file("$own->{config}/perigee/lua/dialects/probe.lua", "return {\n"
            . join('', map { "  $_ = " . ($of{$_} // $form{$_} // 'function() return "{}" end') . ",\n" } grep { $_ ne $without } sort keys %dialect) . "}\n");
        return Try::run(home => $own, args => ['models', 'which', 'm']);
    };
    is($dialect->('')->{exit}, 0, 'a dialect may have all fields that lua/meta knows') or diag($dialect->('')->{err});
    for my $field (sort keys %dialect) {
        my $ran = $dialect->($field);
        my $may = $dialect{$field} eq '?' && $field ne 'counted'; # which count asks for
        is($ran->{exit} == 0 ? 1 : 0, $may ? 1 : 0, "$field of a dialect " . ($may ? 'may' : 'must not') . ' be missing') or diag($ran->{err});
    }
    my $request = 'function(req) local list = {} for key in pairs(req) do list[#list + 1] = key end error("given: " .. table.concat(list, " "), 0) end';
    $dialect->('', request => $request);
    my $ran = Try::run(home => $own, args => ['run', '--project', "$FindBin::Bin/team", '--store', $own->{store}, '--workspace', $own->{work},
        '--model', 'm', 'Say x.']);
    my %given = map { $_ => 1 } split / /, $ran->{err} =~ /given: ([\w ]+)/ ? $1 : '';
    my $stub = fields_of('dialect', 'DialectRequest');
    is(names(grep { !exists $stub->{$_} } keys %given), '', 'a request has no field that lua/meta does not know');
    is(names(grep { $stub->{$_} eq '' && !$given{$_} } keys %$stub), '', 'and those that are always there');
}

done_testing();
