#!/usr/bin/perl
# web_search.t -- one tool, several engines: which one is asked and how, what it may send back, and the
# search that a model's own provider makes.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Misbehave;
use Try;

my $KEY = 'search-0123456789-never-to-be-seen';
my %SAYS = (
    brave => '{"web":{"results":[{"title":"A <strong>hit</strong> &amp; more","url":"https://a.example/x","description":"What\u0027s &quot;it&quot;\nabout","age":"2 days ago"}]}}',
    searxng => '{"query":"q","results":[{"title":"S","url":"https://s.example/","content":"c","publishedDate":null},{"title":"no address"}]}',
    tavily => '{"results":[{"title":"T","url":"https://t.example/","content":"long","score":0.9}]}',
    odd => '{"results":[1,{"url":"javascript:alert(1)","title":"x"},{"url":["a"]},{"url":"https://fine.example/","title":{"a":1},"content":"\u001b[31m"}]}',
    html => '<html>', nothing => '{"results":[]}',
);
my $server = Misbehave::serve(sub {
    my ($client, undef, $request) = @_;
    my ($path) = $request =~ m{^\w+ (\S+)};
    my ($name) = $path =~ m{^/(\w+)/};
    if ($name =~ /^status(\d+)$/) { print $client Misbehave::whole($1, 'application/json', '{}') }
    else                          { print $client Misbehave::whole(200, 'application/json', $SAYS{$name}) }
});
my @served = ($server);
END { local $?; Misbehave::stop($_) for @served }

my $home = Try::home();
my $CONFIG = "$home->{config}/perigee/config.yaml";
sub granted { Try::write_file($CONFIG, join "\n", qq(grants: { web_search: { net: ["127.0.0.1:$server->{port}"] } }), @_, '') }
granted();

sub search {
    my (%how) = @_;
    my $ran = Try::run(home => $home, env => $how{env} || {},
        args => ['tools', 'call', 'web_search', $Try::JSON->encode($how{input} || { query => 'what is it?' }), '--json',
            '--store', $home->{store}, @{ $how{args} || [] }]);
    my $result = eval { $Try::JSON->decode($ran->{out}) };
    diag($ran->{out} . $ran->{err}) if !$result;
    utf8::encode($result->{text}) if $result;
    return $result;
}
sub at { return "$server->{url}/$_[0]" }
sub last_request { my ($last) = reverse Misbehave::requests($server); return $last }

# -- none ------------------------------------------------------------------------------------------

my $none = search();
is($none->{code}, 'unavailable', 'without an engine the web cannot be searched');
like($none->{text}, qr/BRAVE_API_KEY \(brave\), SEARXNG_URL \(searxng\), TAVILY_API_KEY \(tavily\), or search\.engine/, 'and what to set is told');
like(search(args => ['--setting', 'search.engine=brave'])->{text}, qr/says brave, and BRAVE_API_KEY is not set/, 'an engine that is named needs its key');
like(search(args => ['--setting', 'search.engine=none'], env => { BRAVE_API_KEY => $KEY })->{text}, qr/switches it off/, 'it can be switched off');
like(search(args => ['--setting', 'search.engine=bing'])->{text}, qr/says bing, and there is no such engine/, 'an engine is a file');

# -- each ------------------------------------------------------------------------------------------

my $found = search(env => { BRAVE_API_KEY => $KEY, BRAVE_BASE_URL => at('brave') });
like($found->{text}, qr{words of others.*\n\n1\. A hit & more \(2 days ago\)\n   https://a\.example/x\n   What's "it" about\z}s, 'brave: results are told in plain words');
is_deeply($found->{data}{results}[0], { title => 'A hit & more', url => 'https://a.example/x', text => 'What\'s "it" about', date => '2 days ago' },
    'and chains get them as data');
like(last_request(), qr{^GET /brave/res/v1/web/search\?q=what%20is%20it%3F&count=8&text_decorations=false&result_filter=web HTTP}, 'brave: the request');
like(last_request(), qr{^X-Subscription-Token: \Q$KEY\E\r$}mi, 'with its key');

$found = search(env => { SEARXNG_URL => at('searxng') . '/' });
like($found->{text}, qr{1\. S\n   https://s\.example/\n   c\z}, 'searxng: results');
unlike($found->{text}, qr/no address/, 'without those that lead nowhere');
like(last_request(), qr{^GET /searxng/search\?q=what%20is%20it%3F&format=json HTTP}, 'searxng: the request');

$found = search(env => { TAVILY_API_KEY => $KEY, TAVILY_BASE_URL => at('tavily') }, input => { query => 'a"b', count => 3 });
like($found->{text}, qr{1\. T\n   https://t\.example/\n   long\z}, 'tavily: results');
like(last_request(), qr{^POST /tavily/search HTTP.*\r\n\r\n\{"query":"a\\"b","max_results":3,"search_depth":"basic"\}\z}s, 'tavily: the request');
like(last_request(), qr{^Authorization: Bearer \Q$KEY\E\r$}mi, 'with its key');
like(search(env => { TAVILY_API_KEY => $KEY, TAVILY_BASE_URL => at('tavily'), BRAVE_API_KEY => $KEY, BRAVE_BASE_URL => at('brave') },
    args => ['--setting', 'search.engine=tavily'])->{text}, qr/t\.example/, 'of several the one that is named is asked');

granted('search: { engine: tavily }');
like(search(env => { TAVILY_API_KEY => $KEY, TAVILY_BASE_URL => at('tavily'), BRAVE_API_KEY => $KEY, BRAVE_BASE_URL => at('brave') })->{text},
    qr/t\.example/, 'also where config.yaml names it');
granted();

# -- what comes back -------------------------------------------------------------------------------

my $odd = search(env => { SEARXNG_URL => at('odd') });
like($odd->{text}, qr{1\. https://fine\.example/\n   https://fine\.example/\n   \[31m\z}, 'whatever is sent, what is shown are lines of text');
like(search(env => { SEARXNG_URL => at('nothing') })->{text}, qr/Nothing was found for "what is it\?"/, 'nothing found is said');
is(search(env => { TAVILY_API_KEY => $KEY, TAVILY_BASE_URL => at('html') })->{code}, 'protocol', 'a page is no list of results');
like(search(env => { SEARXNG_URL => at('html') })->{text}, qr/formats: \[html, json\]/, 'searxng: what may help is told');
for ([401, 'denied', qr/key is refused/], [429, 'unavailable', qr/too often/], [500, 'unavailable', qr/cannot answer now/]) {
    my ($status, $code, $says) = @$_;
    my $refused = search(env => { TAVILY_API_KEY => $KEY, TAVILY_BASE_URL => at("status$status") });
    is($refused->{code}, $code, "HTTP $status is $code");
    like($refused->{text}, $says, 'and says why');
}

# -- what it may reach -----------------------------------------------------------------------------

Try::write_file($CONFIG, '');
like(search(env => { TAVILY_API_KEY => $KEY })->{text}, qr/uses the network \(api\.tavily\.com\).*nobody is here/, 'an engine that was not granted asks');
granted();
is(search(env => { TAVILY_API_KEY => $KEY, TAVILY_BASE_URL => 'http://tavily.example' })->{error}, JSON::PP::true, 'a key does not go to a host that was not granted');

# An engine of the user's own is a file; a project's is nobody's.
my $ENGINE = <<'LUA';
local json = require "lib.json"
return { base_url_variable = "MINE_BASE_URL", secret = "MINE_API_KEY",
  request = function(query) return { path = "/s?" .. #query } end, results = function(body) return json.decode(body).results end }
LUA
Try::write_file("$home->{config}/perigee/lua/search/mine.lua", $ENGINE);
my %mine = (env => { MINE_API_KEY => $KEY, MINE_BASE_URL => at('tavily') });
like(search(%mine)->{text}, qr/t\.example/, 'an engine of the user is asked');
like(last_request(), qr{^GET /tavily/s\?11 HTTP}, 'as its file says');
Try::write_file("$home->{config}/perigee/lua/search/mine.lua", 'return { base_url = "https://x.example" }');
my $broken = Try::run(home => $home, args => ['tools', 'call', 'web_search', '{"query":"x"}']);
like($broken->{err}, qr{lua/search/mine\.lua: request is missing}, 'one that is broken is refused with its file');
unlink "$home->{config}/perigee/lua/search/mine.lua";
my $project = "$home->{dir}/project";
Try::write_file("$project/.perigee/lua/search/brave.lua", $ENGINE =~ s/MINE_BASE_URL/BRAVE_BASE_URL/r =~ s/MINE_API_KEY/BRAVE_API_KEY/r);
Try::run(home => $home, args => ['trust', $project]);
search(env => { BRAVE_API_KEY => $KEY, BRAVE_BASE_URL => at('brave') }, args => ['--project', $project]);
like(last_request(), qr{^GET /brave/res/v1/web/search}, "a project's engine, trusted or not, never speaks for a key");

# -- recorded --------------------------------------------------------------------------------------

Try::write_file("$home->{dir}/seek.lua", <<'LUA');
return { run = function(run) local _, data = run.tool("web_search", { query = "q" }) return { data = data } end }
LUA
my %chain = (home => $home, args => ['run', "$home->{dir}/seek.lua", '', '--json', '--store', $home->{store}]);
my $recorded = Try::run(%chain, args => [@{ $chain{args} }, '--record', "$home->{dir}/a.rec"],
    env => { TAVILY_API_KEY => $KEY, TAVILY_BASE_URL => at('tavily') });
like($recorded->{out}, qr/t\.example/, 'a search can be recorded') or diag($recorded->{err});
unlike(Try::read_file("$home->{dir}/a.rec"), qr/\Q$KEY\E/, 'without its key');
my $before = Misbehave::requests($server);
my $replayed = Try::run(%chain, args => [@{ $chain{args} }, '--replay', "$home->{dir}/a.rec"]);
like($replayed->{out}, qr/t\.example/, 'and be played where there is neither key nor network') or diag($replayed->{out}, $replayed->{err});
is(scalar(Misbehave::requests($server)), $before, 'nobody is asked');

# -- the provider's own ----------------------------------------------------------------------------

my @asked;
sub ask_model {
    my ($refuses, %how) = @_;
    my $model = Misbehave::serve(sub {
        my ($client, undef, $request) = @_;
        if ($refuses && $request =~ /web_search_2025/) { print $client Misbehave::error(400, 'invalid_request_error', 'tools.0: web_search is not enabled') }
        else                                           { print $client Misbehave::reply('found it') }
    });
    push @served, $model;
    Try::write_file("$home->{work}/agents/seeker.md", "---\nname: seeker\ndescription: Seeks.\ntools: WebSearch, read\n---\nSeek.\n");
    my $ran = Try::run(home => $home, env => { ANTHROPIC_BASE_URL => $model->{url}, ANTHROPIC_API_KEY => 'sk-0123456789', %{ $how{env} || {} } },
        args => ['run', 'seeker', 'x', '--project', $home->{work}, '--store', $home->{store}, '--json', @{ $how{args} || [] }]);
    like($ran->{out}, qr/found it/, 'the model answers') or diag($ran->{out}, $ran->{err});
    return map { my ($body) = /\r\n\r\n(.*)/s; $Try::JSON->decode($body)->{tools} } Misbehave::requests($model);
}
sub kinds { return join ' ', map { $_->{type} || $_->{name} } @{ $_[0] } }

my @provider = (args => ['--setting', 'search.engine=provider']);
is(kinds((ask_model(0, @provider))[0]), 'web_search_20250305 read', "the provider's own search stands in the place of the tool");
is(kinds((ask_model(0))[0]), 'web_search read', 'a server of the user gets it only where the settings say so');
is(kinds((ask_model(0, env => { BRAVE_API_KEY => $KEY }))[0]), 'web_search read', 'an engine that is configured comes first');
is(join(', ', map { kinds($_) } ask_model(1, @provider)), 'web_search_20250305 read, web_search read', 'a server that refuses is asked again without');
granted('policy: { rules: [ { deny: web_search } ] }');
is(kinds((ask_model(0, @provider))[0]), 'web_search read', 'what policy denies is not done at the provider either');
granted('policy: { rules: [ { deny: "*", host: evil.example } ] }');
is(kinds((ask_model(0, @provider))[0]), 'web_search read', 'nor where policy forbids a host: nobody here sees which it reaches');
granted('policy: { rules: [ { ask: web_search } ] }');
is(kinds((ask_model(0, @provider))[0]), 'web_search read', 'nor what it would ask about');

my @store = map { Try::read_file($_) } glob "$home->{state}/*";
ok(!(grep { index($_, $KEY) >= 0 } @store), 'no key stands in the journal');
is_deeply([Try::until_quiet($home)], [], 'nothing is left running');
done_testing();
