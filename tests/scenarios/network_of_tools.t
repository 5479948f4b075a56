#!/usr/bin/perl
# network_of_tools.t -- a tool's commands reach the hosts that it needs and was granted, and no
# others; those of bash what the sandbox's own list says, which is nothing here.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Misbehave;
use Try;

my $home = Try::home();
plan skip_all => 'no sandbox on this machine' if Try::run(home => $home, args => ['doctor'])->{exit} != 0;
plan skip_all => 'curl is missing' if !-x '/usr/bin/curl';

my $server = Misbehave::serve(sub { my ($c) = @_; print $c "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhere\n" });
my ($host) = $server->{url} =~ m{^http://([^/]+)};
my $CONFIG = "$home->{config}/perigee/config.yaml";

Try::write_file("$home->{config}/perigee/tools/fetch.lua", <<"LUA");
local schema = require "lib.schema"
local denial = require "lib.denial"
local json   = require "lib.json"
return {
  description = "Fetches a page.", input = schema.object { { "at", schema.text {}, "Where." } },
  effect = "read", needs = { exec = { "curl" }, net = { "$host" } },
  run = function(input, call)
    local done, err = call.exec { "curl", "-sS", "-f", "--noproxy", "", "http://" .. input.at .. "/", timeout = "1m" }
    if not done then return nil, err end
    return { text = done.stdout, data = { code = done.exit_code, network = call.sandbox.network,
      hosts = call.sandbox.hosts, lines = json.array(denial.lines(done, call.sandbox)) } }
  end,
}
LUA

sub call {
    my ($tool, $input) = @_;
    my $ran = Try::run(home => $home, args => ['tools', 'call', $tool, $Try::JSON->encode($input), '--json', '--store', $home->{store}]);
    my $said = eval { $Try::JSON->decode($ran->{out}) } or diag($ran->{out}, $ran->{err});
    return $said;
}

Try::write_file($CONFIG, "grants: { fetch: { net: [\"$host\"] } }\n");
my $said = call('fetch', { at => $host });
is(Try::differs({ text => "here\n", data => { code => 0, network => 'proxy', hosts => [$host], lines => [] } }, $said), '',
    'a granted host answers a tool\'s command');
$said = call('fetch', { at => '127.0.0.1:9' });
like($said->{data}{lines}[0], qr/^refused by the network rules: 127\.0\.0\.1:9 /, 'a host that it never asked for does not');
$said = call('bash', { command => "env | grep -ci proxy; curl -sS --noproxy '' http://$host/" });
like($said->{text}, qr/^0\n/, 'bash has no way to the proxy');
unlike($said->{text}, qr/here/, 'and none to the host');

Try::write_file($CONFIG, "sandbox: { network: proxy, hosts: [\"$host\"] }\n");
$said = call('bash', { command => "curl -sS --noproxy '' http://$host/" });
like($said->{text}, qr/here/, 'what the sandbox\'s own list names, bash reaches');

Misbehave::stop($server);
done_testing();
