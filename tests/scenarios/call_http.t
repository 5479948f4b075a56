#!/usr/bin/perl
# call_http.t -- a tool that asks a server on the network: to listed hosts only, with a secret that it
# names and never sees, and that stands nowhere afterwards.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Misbehave;
use Try;

my $KEY = 'brave-0123456789-never-to-be-seen';

# Answers by path; quotes what it was given, cut in two.
my $server = Misbehave::serve(sub {
    my ($client, undef, $request) = @_;
    my ($path) = $request =~ m{^\w+ (\S+)};
    my ($given) = $request =~ /^(?:authorization|x-subscription-token): (.*?)\r$/mi;
    if    ($path eq '/never') { Misbehave::stall($client) }
    elsif ($path =~ m{^/to/(.*)}) { print $client Misbehave::whole(302, 'text/plain', '', location => $1) }
    elsif ($path eq '/echo') {
        $given //= 'nothing';
        print $client Misbehave::head(403, 'x-echo' => $given, 'transfer-encoding' => 'chunked'),
            map { sprintf "%x\r\n%s\r\n", length, $_ } 'given: ' . substr($given, 0, 9), substr($given, 9) . '.', '';
    }
    else { print $client Misbehave::whole(200, 'application/json', '{"ok":true}', 'set-cookie' => 'a=1') }
});
my $other = Misbehave::serve(sub { my ($c) = @_; print $c Misbehave::whole(200, 'text/plain', 'other') });
END { local $?; Misbehave::stop($_) for grep { $_ } $server, $other }

my $home = Try::home();
my $FOLDER = "$home->{config}/perigee";
Try::write_file("$FOLDER/lua/policy.lua", 'return { decide = function() return { verdict = "allow", why = "a test" } end }');
Try::write_file("$FOLDER/config.yaml", <<"YAML");
grants:
  ask_web: { net: ["127.0.0.1:$server->{port}", "127.0.0.1:$other->{port}", "localhost:$server->{port}"], secrets: [BRAVE_API_KEY] }
YAML

# What the body of a tool answers as data, of a run whose every trace is kept in `said`.
my $said = '';
my ($PORTS, @KEPT) = (''); # further hosts of the tool; handles that stay open
sub tool {
    my ($body, %more) = @_;
    my $secrets = $more{no_secret} ? '' : ', secrets = { "BRAVE_API_KEY" }';
    my $timeout = $more{timeout} || '20s';
    Try::write_file("$FOLDER/tools/ask_web.lua", <<"LUA");
local schema = require "lib.schema"
local function keys(t) local list = {} for key in pairs(t) do list[#list + 1] = key end table.sort(list) return list end
return {
  description = "Asks.", input = schema.object {}, effect = "outside", timeout = "$timeout",
  needs = { net = { "127.0.0.1:$server->{port}", "127.0.0.1:$other->{port}", "localhost:$server->{port}"$PORTS }$secrets },
  run = function(_, call)
    local here, other = "$server->{url}", "$other->{url}"
    local data, err = (function() $body end)()
    if data == nil then return nil, err end
    call.log(require("lib.json").encode(data))
    return { text = "done", data = data }
  end,
}
LUA
    Try::write_file("$home->{dir}/probe.lua", <<'LUA');
return { run = function(run)
  local text, data = run.tool("ask_web")
  return text and { data = data } or { code = data.code, message = data.message }
end }
LUA
    my $ran = Try::run(home => $home, env => { BRAVE_API_KEY => $KEY, PERIGEE_LOG => 'debug', %{ $more{env} || {} } },
        args => ['run', "$home->{dir}/probe.lua", '', '--events', '--store', $home->{store}]);
    my ($last) = $ran->{out} =~ /^(.*"run\.finished".*)$/m;
    my $result = $last ? $Try::JSON->decode($last)->{body}{result} : undef;
    diag($ran->{out} . $ran->{err}) if !$result;
    $said .= $ran->{out} . $ran->{err};
    return ref $result eq 'HASH' && exists $result->{value} ? $result->{value} : $result;
}

sub asked { return join "\n", Misbehave::requests($_[0]) }

my $answer = tool('return call.http { url = here .. "/a?b=1", headers = { accept = "x/y" } }')->{data};
is(join(' ', sort keys %$answer), 'body headers status url', 'an answer has what HttpAnswer says');
is_deeply([@$answer{qw(status body url)}, @{ $answer->{headers} }{qw(content-type set-cookie)}],
    [200, '{"ok":true}', "$server->{url}/a?b=1", 'application/json', 'a=1'], 'and it is what the server said');
like(asked($server), qr{^GET /a\?b=1 HTTP/1.1\r\n.*^accept: x/y\r$}ims, 'the request is what the tool said');

$answer = tool('return call.http { url = here .. "/echo", secret = "BRAVE_API_KEY", secret_header = "X-Subscription-Token" }')->{data};
like(asked($server), qr{^X-Subscription-Token: \Q$KEY\E\r$}im, 'a secret that is named reaches the server in its header');
is($answer->{body}, 'given: ' . '*' x length($KEY) . '.', 'a body that quotes it, in two pieces, comes without it');
is($answer->{headers}{'x-echo'}, '*' x length($KEY), 'so does a header');

$answer = tool('return call.http { url = here .. "/echo", method = "POST", body = "x", secret = "BRAVE_API_KEY" }')->{data};
like(asked($server), qr{^POST /echo .*^Authorization: Bearer \Q$KEY\E\r$}ims, 'by default it is a bearer token');

$answer = tool('return call.http { url = here .. "/to/" .. other .. "/x", secret = "BRAVE_API_KEY" }')->{data};
is($answer->{body}, 'other', 'a redirect to another listed host is followed');
like(asked($other), qr{^GET /x }, 'and asked for');
unlike(asked($other), qr{\Q$KEY\E|^authorization}im, 'without the secret');

is(tool('return call.http { url = here .. "/to/http://169.254.169.254/latest" }')->{code}, 'denied',
    'a redirect to what is not listed is refused');
like(tool('return call.http { url = "http://example.com/" }')->{message}, qr/example\.com port 80 is not among the hosts/,
    'a host that is not listed is not asked');
like(tool('return call.http { url = here:gsub("127.0.0.1", "localhost"), redirects = 0 }')->{data}{status} // 'nothing', qr/^200$/,
    'a listed name may lead to an address that is listed itself');
like(tool('return call.http { url = here, secret = "OTHER_API_KEY" }', env => { OTHER_API_KEY => $KEY })->{message},
    qr/needs = \{ secrets = \{ "OTHER_API_KEY" \} \}/, 'a secret that the file does not name is not sent');
like(tool('return call.http { url = here, secret = "BRAVE_API_KEY" }', no_secret => 1)->{message}, qr/needs = \{ secrets/,
    'nor one of a tool that names none');
is(tool('return call.http { url = here, secret = "BRAVE_API_KEY" }', env => { BRAVE_API_KEY => undef })->{code}, 'not_found',
    'a secret that is not there is an error that says so');
is(tool('return call.http { url = here .. "/a", most = 3 }')->{code}, 'limit', 'an answer has a largest size');
is(tool('return call.http { url = here .. "/never", timeout = "300ms" }')->{code}, 'timeout', 'a request has a time of its own');
is(tool('return call.http { url = here .. "/never" }', timeout => '300ms')->{code}, 'timeout', 'and ends with its tool');
is(tool('return call.http { url = here .. "/a", headers = { ["x-a"] = "b\\r\\nx-c: d" } }')->{code}, 'invalid',
    'a header cannot smuggle another one');
like(tool('return select(2, pcall(call.http, { url = here, secret_header = "x" }))')->{data}, qr/belong to a secret/,
    'options of a secret without one are a mistake');

SKIP: {
    my $tls = tls_server() or skip 'no openssl to play a server with TLS', 4;
    my $trusts = { env => { CURL_CA_BUNDLE => $tls->{cert}, SSL_CERT_DIR => undef } };
    my $body = qq(return call.http { url = "https://127.0.0.1:$tls->{port}/%s", secret = "BRAVE_API_KEY" });
    is(tool(sprintf $body, 'fine')->{code}, 'protocol', 'a certificate that nobody vouches for is not trusted');
    is(tool(sprintf($body, 'fine'), %$trusts)->{data}{body}, 'fine', 'one that the user trusts is');
    my $refused = tool(sprintf($body, 'down'), %$trusts);
    is($refused->{code}, 'denied', 'a redirect from https to http is refused');
    like($refused->{message}, qr/from https to http/, 'and said to be one');
    kill 'KILL', $tls->{pid};
    waitpid $tls->{pid}, 0;
}

my @store = map { Try::read_file($_) } glob "$home->{state}/*";
unlike($said, qr/\Q$KEY\E/, 'the secret stands in no event, result, log or error');
ok(!(grep { index($_, $KEY) >= 0 } @store), 'and not in the journal');
ok((grep { index($_, 'run.finished') >= 0 } @store), '(which was looked at)');
is_deeply([Try::until_quiet($home)], [], 'nothing is left running');

done_testing();

# openssl's own test server: it answers with what stands in a file, head included.
sub tls_server {
    my $dir = "$home->{dir}/tls";
    my %answers = (fine => "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine",
        down => "HTTP/1.1 302 Found\r\nLocation: $server->{url}/echo\r\nContent-Length: 0\r\n\r\n");
    Try::write_file("$dir/$_", $answers{$_}) for keys %answers;
    system("cd $dir && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=test "
        . "-addext subjectAltName=IP:127.0.0.1 >made 2>&1") == 0 or return;
    my $pid = open(my $out, '-|', "cd $dir && exec openssl s_server -accept 127.0.0.1:0 -HTTP -cert cert.pem -key key.pem 2>&1")
        or return;
    while (my $line = <$out>) {
        next if $line !~ /^ACCEPT .*:(\d+)$/;
        push @KEPT, $out; # closing it would wait for the server
        $PORTS .= qq(, "127.0.0.1:$1");
        return { pid => $pid, port => $1, cert => "$dir/cert.pem" };
    }
    return;
}
