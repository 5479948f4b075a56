#!/usr/bin/perl
# granted_paths.t -- a path outside the workspace, from config.yaml to the command of the one tool that
# was granted it, and to nobody else's.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use File::Path qw(make_path);
use Test::More;
use Try;

my $home = Try::home();
plan skip_all => 'no sandbox on this machine' if Try::run(home => $home, args => ['doctor'])->{exit} != 0;

my $data = "$home->{dir}/data";
make_path($data, "$home->{config}/perigee/tools");
Try::write_file("$data/table", "measured\n");

sub tool {
    my ($name, $needs, $command) = @_;
    Try::write_file("$home->{config}/perigee/tools/$name.lua", <<"LUA");
local schema = require "lib.schema"
return {
  description = "Runs a command.", input = schema.object {}, effect = "write",
  needs = { exec = { "sh" }, read = { "." }, write = { "." }$needs },
  run = function(_, call)
    local done, err = call.exec { "sh", "-c", [[$command]] }
    if not done then return nil, err end
    return done.stdout .. done.stderr
  end,
}
LUA
}
sub call {
    my ($name) = @_;
    my $ran = Try::run(home => $home, args => ['tools', 'call', '--store', $home->{store}, $name, '{}']);
    return $ran->{out} . $ran->{err};
}

tool('looks', ", read = { \".\", \"$data\" }", "cat $data/table; echo x > $data/made && echo wrote");
tool('fills', ", write = { \".\", \"$data\" }", "echo x > $data/made && echo wrote");
tool('pries', '', "cat $data/table; ls -A /.granted /.granted/0; echo ran");

like(call('looks'), qr/not granted/, 'a tool whose path nobody granted is refused');

Try::write_file("$home->{config}/perigee/config.yaml", "grants:\n  looks: { read: [$data] }\n  fills: { write: [$data] }\n");
my $said = call('looks');
like($said, qr/^measured$/m, 'its command sees what was granted');
unlike($said, qr/^wrote$/m, 'and cannot write what was granted to be read');
ok(!-e "$data/made", 'nothing was written');

$said = call('pries');
like($said, qr/^ran$/m, "another tool's command runs");
unlike($said, qr/measured/, 'and sees nothing of it, though the run was made with it');

like(call('fills'), qr/^wrote$/m, 'who was granted to write writes');
is(Try::read_file("$data/made"), "x\n", 'on the real folder');

Try::write_file("$home->{config}/perigee/config.yaml", "grants:\n  looks: { read: [$home->{work}] }\n");
tool('looks', ", read = { \".\", \"$home->{work}\" }", 'echo ran');
like(call('looks'), qr/granted path \Q$home->{work}\E: .*whose own rules count there/, 'a grant that holds the workspace is refused, with its path');

done_testing();
