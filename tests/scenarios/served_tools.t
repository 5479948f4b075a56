#!/usr/bin/perl
# served_tools.t -- what a model's provider does itself within a reply: reading pages and running code.
# Asked for only where the settings and policy say so; what it did is shown, journaled and paid for.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Misbehave;
use Try;

my $home = Try::home();
my $CONFIG = "$home->{config}/perigee/config.yaml";
my @servers;
END { local $?; Misbehave::stop($_) for @servers }

sub agent { Try::write_file("$home->{work}/.perigee/agents/seeker.md", "---\nname: seeker\ndescription: Seeks.\ntools: $_[0]\n---\nSeek.\n") }
agent('WebFetch, code_execution, read');

# Runs the agent against a server that answers what `$answer` says; the requests' bodies are kept.
sub ask {
    my ($answer, %how) = @_;
    my $openai = $how{openai};
    my $server = Misbehave::serve(sub { my ($client, $number, $request) = @_; print $client $answer->($number, $request) });
    push @servers, $server;
    my $ran = Try::run(home => $home,
        env => { ($openai ? 'OPENAI' : 'ANTHROPIC') . '_BASE_URL' => $server->{url}, ($openai ? 'OPENAI' : 'ANTHROPIC') . '_API_KEY' => 'sk-0123456789' },
        args => ['run', 'seeker', 'x', '--project', $home->{work}, '--store', $home->{store}, @{ $how{args} || ['--json'] }]);
    $ran->{bodies} = [map { my ($body) = /\r\n\r\n(.*)/s; $Try::JSON->decode($body) } Misbehave::requests($server)];
    $ran->{result} = eval { $Try::JSON->decode($ran->{out}) };
    return $ran;
}
sub kinds { return join ' ', map { $_->{type} && $_->{type} ne 'function' ? $_->{type} : $_->{name} } @{ $_[0]{tools} } }
my $plain = sub { return Misbehave::reply('found it') };
my @both = ('--setting', 'provider.tools=[web_fetch, code_execution]');

# -- who asks for them -----------------------------------------------------------------------------

my $off = ask($plain, args => []);
is(kinds($off->{bodies}[0]), 'web_fetch read', 'nothing is done at the provider unless the user lets it');
like($off->{err}, qr/code_execution is not offered to seeker: .*provider: \{ tools: \[code_execution\] \}/, 'and what only it can do is not offered, with what to do') or diag($off->{out});
my $on = ask($plain, args => ['--json', @both]);
is(kinds($on->{bodies}[0]), 'web_fetch_20260318 code_execution_20260521 read', 'the settings let it');
is($on->{bodies}[0]{tools}[0]{allowed_callers}[0], 'direct', 'a page is read where the model asks for it, not by code');
Try::write_file($CONFIG, "provider: { tools: [web_fetch, code_execution] }\n");
is(kinds(ask($plain)->{bodies}[0]), 'web_fetch_20260318 code_execution_20260521 read', 'also those of config.yaml');

for my $case (
    ['{ deny: web_fetch }', 'web_fetch code_execution_20260521 read', 'a rule that denies the tool'],
    ['{ ask: web_fetch }', 'web_fetch code_execution_20260521 read', 'one that would ask'],
    ['{ deny: "*", host: evil.example }', 'web_fetch code_execution_20260521 read', 'one about a host: nobody here sees which it reads'],
    ['{ ask: "*", effect: outside }', 'web_fetch read', 'one about effects outside'],
) {
    my ($rule, $kinds, $what) = @$case;
    Try::write_file($CONFIG, "provider: { tools: [web_fetch, code_execution] }\npolicy: { rules: [ $rule ] }\n");
    my $ran = ask($plain, args => []);
    is(kinds($ran->{bodies}[0]), $kinds, "$what keeps it out");
    like($ran->{err}, qr/code_execution is not offered to seeker: a rule asks/, 'and says so') if $kinds !~ /code/;
}
Try::write_file($CONFIG, '');
agent('WebFetch(domain:docs.example), read');
is(kinds(ask($plain, args => ['--json', @both])->{bodies}[0]), 'web_fetch read', 'a definition that names hosts keeps it out too');
agent('WebFetch, code_execution, read');
Try::write_file("$home->{work}/.perigee/agents/seeker.lua", 'return { allow_tool = function(call) return call.effect ~= "outside", "stay" end }');
Try::run(home => $home, args => ['trust', $home->{work}]);
my $hooked = ask($plain, args => ['--json', @both]);
is(kinds($hooked->{bodies}[0]), 'web_fetch read', "the agent's own hook is asked");
unlink "$home->{work}/.perigee/agents/seeker.lua";
Try::write_file("$home->{work}/.perigee/config.yaml", "provider: { tools: [web_fetch] }\n");
my $narrow = ask($plain, args => []);
is(kinds($narrow->{bodies}[0]), 'web_fetch read', 'a project lets nothing');
like($narrow->{err}, qr/web_fetch is the user's to allow/, 'and that is said');
is(kinds(ask($plain, args => ['--json', @both])->{bodies}[0]), 'web_fetch_20260318 code_execution_20260521 read', 'where the command line does, it does');
unlink "$home->{work}/.perigee/config.yaml";
like(Try::run(home => $home, args => ['run', '062', 'x', '--setting', 'provider.tools=[bash]'])->{err}, qr/"bash" is not one of web_fetch, code_execution/, 'what no provider does is a mistake');
my $called = Try::run(home => $home, args => ['tools', 'call', 'code_execution', '{"code":"1"}', '--json', '--setting', 'policy.rules=[{ allow: code_execution }]']);
like($called->{out}, qr/runs at the model's provider/, 'a call of it says where it is done') or diag($called->{err});

my @explain = ('tools', 'explain', 'web_fetch', '{"url":"https://a.example/"}', '--agent', 'seeker', '--project', $home->{work});
like(Try::run(home => $home, args => [@explain, @both])->{out}, qr/^provider may do it itself, where it can: provider\.tools/m, 'tools explain says whether the provider may');
like(Try::run(home => $home, args => [@explain, @both, '--setting', 'policy.rules=[{ ask: web_fetch, why: "mine" }]'])->{out}, qr/^provider is not asked to do it: mine/m, 'and why not');
unlike(Try::run(home => $home, args => [@explain])->{out}, qr/^provider/m, 'where nobody lets it there is nothing to say');
like(Try::run(home => $home, args => ['tools', 'list', @both])->{out}, qr/^web_fetch .*the model's provider does it in its place/m, 'tools list has it');

# -- what it did -----------------------------------------------------------------------------------

sub block {
    my ($index, $block, @deltas) = @_;
    return Misbehave::event('content_block_start', qq("index":$index,"content_block":$block))
        . join('', map { Misbehave::event('content_block_delta', qq("index":$index,"delta":$_)) } @deltas)
        . Misbehave::event('content_block_stop', qq("index":$index));
}
sub begun { return Misbehave::stream_head() . Misbehave::event('message_start', '"message":{"id":"m1","type":"message","role":"assistant","model":"test-model",'
        . '"content":[],"stop_reason":null,"container":' . ($_[0] || 'null') . ',"usage":{"input_tokens":10,"output_tokens":1}}') }
sub ended { my ($stop, $more) = @_; return Misbehave::event('message_delta', qq("delta":{"stop_reason":"$stop"},"usage":{"input_tokens":900,"output_tokens":50) . ($more || '') . '}')
        . Misbehave::event('message_stop', '') }
my $FETCH = block(0, '{"type":"server_tool_use","id":"srvtoolu_1","name":"web_fetch","input":{}}', '{"type":"input_json_delta","partial_json":"{\"url\":\"https://docs.example/a\"}"}');
my $PAGE = block(1, '{"type":"web_fetch_tool_result","tool_use_id":"srvtoolu_1","caller":{"type":"direct"},"content":{"type":"web_fetch_result","url":"https://docs.example/a","retrieved_at":null,'
    . '"content":{"type":"document","title":"The docs","citations":{"enabled":true},"source":{"type":"text","media_type":"text/plain","data":"moon is far"}}}}');
my $CITED = block(2, '{"type":"text","text":"","citations":[]}', '{"type":"text_delta","text":"The moon is far."}',
    '{"type":"citations_delta","citation":{"type":"char_location","cited_text":"moon is far","document_index":0,"document_title":"The docs","start_char_index":0,"end_char_index":11,"file_id":null}}');

# The server pauses after the page; the conversation goes back whole, and it goes on.
my $paused = ask(sub {
    my ($number) = @_;
    return begun() . block(0, '{"type":"text","text":""}', '{"type":"text_delta","text":"I look. "}') . ($FETCH =~ s/"index":0/"index":1/gr) . ended('pause_turn') if $number == 1;
    return begun() . ($PAGE =~ s/"index":1/"index":0/gr) . ($CITED =~ s/"index":2/"index":1/gr) . ended('end_turn', ',"server_tool_use":{"web_search_requests":0,"web_fetch_requests":1}');
}, args => ['--json', @both]);
is($paused->{result}{text}, 'I look. The moon is far.', 'a reply that paused is one reply') or diag($paused->{out}, $paused->{err});
my $sent = $paused->{bodies}[1]{messages};
is(scalar(@$sent), 2, 'the second request ends in what the model said');
is($sent->[1]{role}, 'assistant', 'and nobody else spoke in between');
is_deeply($sent->[1]{content}[1], { type => 'server_tool_use', id => 'srvtoolu_1', name => 'web_fetch', input => { url => 'https://docs.example/a' } }, 'its call goes back as it came');
is_deeply($paused->{result}{sources}, [{ url => 'https://docs.example/a', title => 'The docs' }], 'what the reply cites is in the result');

my $seen = ask(sub { return begun() . $FETCH . $PAGE . $CITED . ended('end_turn', ',"server_tool_use":{"web_search_requests":0,"web_fetch_requests":1}') }, args => [@both]);
like($seen->{err}, qr{the provider's web_fetch https://docs\.example/a -> done}, 'a person sees what it did');
like($seen->{err}, qr{source 1: The docs, https://docs\.example/a}, 'and what the reply rests on');
my ($run) = $seen->{err} =~ /run (\S+)$/m;
my @records = map { $Try::JSON->decode($_) } split /\n/, Try::run(home => $home, args => ['runs', 'show', $run, '--json', '--store', $home->{store}])->{out};
my $journal = $Try::JSON->encode(\@records);
like($journal, qr/"served":\[\{[^}]*"tool":"web_fetch"[^}]*"what":"https:\/\/docs\.example\/a"|"served":\[\{[^}]*"what":"https:\/\/docs\.example\/a"[^}]*"tool":"web_fetch"/, 'the journal has each use');
like($journal, qr/served web_fetch/, 'and the decision that allowed it');

# Code: files that it made, exit codes, errors.
my $CODE = block(0, '{"type":"server_tool_use","id":"srvtoolu_2","name":"bash_code_execution","input":{}}', '{"type":"input_json_delta","partial_json":"{\"command\":\"python plot.py\"}"}')
    . block(1, '{"type":"bash_code_execution_tool_result","tool_use_id":"srvtoolu_2","content":{"type":"bash_code_execution_result","stdout":"","stderr":"","return_code":0,"content":[{"type":"bash_code_execution_output","file_id":"file_011"}]}}')
    . block(2, '{"type":"server_tool_use","id":"srvtoolu_3","name":"web_fetch","input":{"url":"https://x.example/\u001b[31m"}}')
    . block(3, '{"type":"web_fetch_tool_result","tool_use_id":"srvtoolu_3","content":{"type":"web_fetch_tool_result_error","error_code":"url_not_accessible"}}')
    . block(4, '{"type":"text","text":"Plotted."}');
my $coded = ask(sub { return begun('{"id":"container_1","expires_at":"2026-11-23T10:00:00Z"}') . $CODE . ended('end_turn') }, args => [@both]);
like($coded->{err}, qr/the provider's code_execution python plot\.py -> done; made file_011, which stays at the provider/, 'files that its code made are named');
like($coded->{err}, qr{the provider's web_fetch https://x\.example/ \[31m -> failed: url_not_accessible}, 'what failed there is said');
unlike($coded->{err}, qr/\e\[31m/, 'and nothing of it drives the terminal');
is($coded->{out}, "Plotted.\n", 'the reply is the reply');

# -- what is refused -------------------------------------------------------------------------------

my $refused = ask(sub {
    my ($number, $request) = @_;
    return Misbehave::error(400, 'invalid_request_error', 'tools.1: code_execution_20260521 is not enabled') if $request =~ /code_execution_2026/;
    return Misbehave::error(400, 'invalid_request_error', 'tools.0: web_fetch_20260318 is not enabled') if $request =~ /web_fetch_2026/;
    return Misbehave::reply('found it');
}, args => ['--json', @both]);
is(join(', ', map { kinds($_) } @{ $refused->{bodies} }), 'web_fetch_20260318 code_execution_20260521 read, web_fetch_20260318 read, web_fetch read',
    'a server that refuses one is asked without that one');
is($refused->{result}{text}, 'found it', 'and answers');
my $stubborn = ask(sub { return Misbehave::error(400, 'invalid_request_error', 'web_fetch is bad') }, args => ['--json', @both]);
is(scalar(@{ $stubborn->{bodies} }), 2, 'once for each');

# A container lasts for a while only.
my $expired = ask(sub {
    my ($number, $request) = @_;
    return begun('{"id":"container_1","expires_at":"2026-11-23T10:00:00Z"}') . block(0, '{"type":"text","text":"Wait. "}') . ended('pause_turn') if $number == 1;
    return Misbehave::error(400, 'invalid_request_error', 'container container_1 has expired') if $request =~ /container_1/;
    return Misbehave::reply('done');
}, args => ['--json', @both]);
is(join(' ', map { $_->{container} || '-' } @{ $expired->{bodies} }), '- container_1 -', 'a container that has expired is begun anew');
is($expired->{result}{text}, 'Wait. done', 'and the run goes on');

# -- the other dialects ----------------------------------------------------------------------------

my $chat = ask(sub { return Misbehave::whole(500, 'application/json', '{}') }, openai => 1, args => [@both, '--model', 'gpt-6-sol']);
is(join(' ', map { $_->{function}{name} } @{ $chat->{bodies}[0]{tools} }), 'web_fetch read', 'an API that knows none of them gets the tools that are here');
like($chat->{err}, qr/code_execution is not offered to seeker: no tool of the provider of gpt-6-sol does it/, 'and the rest is said');

{ # OpenAI's Responses: code runs there without a network, the files that it made are named
    my @items = ('{"id":"ci_1","type":"code_interpreter_call","status":"completed","code":"plot()","container_id":"c","outputs":[{"type":"logs","logs":"x"}]}',
        '{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"output_text","text":"Plotted.","annotations":[{"type":"container_file_citation","file_id":"cfile_1","filename":"plot.png","container_id":"c"}]}]}');
    my $event = sub { return qq(event: $_[0]\ndata: {"type":"$_[0]",$_[1]}\n\n) };
    my $stream = $event->('response.created', '"response":{"id":"r1","model":"m"}');
    for my $index (0, 1) {
        my ($type) = $items[$index] =~ /"type":"(\w+)"/;
        $stream .= $event->('response.output_item.added', qq("output_index":$index,"item":{"type":"$type","id":"x"})) . $event->('response.output_item.done', qq("output_index":$index,"item":$items[$index]));
    }
    $stream .= $event->('response.completed', '"response":{"status":"completed","usage":{"input_tokens":5,"output_tokens":1}}');
    my $server = Misbehave::serve(sub { my ($client) = @_; print $client Misbehave::stream_head() . $stream });
    push @servers, $server;
    Try::write_file("$home->{config}/perigee/lua/models.lua", <<"END");
return { add = { providers = { there = { dialect = "openai_responses", base_url = "$server->{url}", legacy = "never" } },
  models = { coder = { provider = "there" } } } }
END
    my $ran = Try::run(home => $home, args => ['run', 'seeker', 'x', '--project', $home->{work}, '--store', $home->{store}, '--model', 'coder', @both]);
    my ($body) = (Misbehave::requests($server))[0] =~ /\r\n\r\n(.*)/s;
    is_deeply($Try::JSON->decode($body)->{tools}[1], { type => 'code_interpreter', container => { type => 'auto', network_policy => { type => 'disabled' } } }, 'OpenAI: code is asked for, without a network') or diag($ran->{err});
    is($Try::JSON->decode($body)->{tools}[0]{name}, 'web_fetch', 'pages are read here');
    like($ran->{err}, qr/the provider's code_execution plot\(\) -> done\n.*made plot\.png \(cfile_1\), which stays at the provider/s, 'and the files that it made are named') or diag($ran->{err});
}

is_deeply([Try::until_quiet($home)], [], 'nothing is left running');
done_testing();
