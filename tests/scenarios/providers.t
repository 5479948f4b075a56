#!/usr/bin/perl
# providers.t -- the providers that are rows of models.lua: a key (or, of a server of this machine, its variable) is
# all that a user sets. Each is asked at a server that differs from OpenAI's as the real one does (Chat.pm).
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Chat;
use Misbehave;
use Try;

my $KEY = 'sk-provider-0123456789';

# name, what the user sets, the model that a tier or name leads to, what the check answers with `no`. A price is not
# known of a server that a variable names, unless it says itself what a request cost.
provider('deepseek', { key => 'DEEPSEEK_API_KEY', address => 'DEEPSEEK_BASE_URL', model => 'deepseek-flash', no => ['structured output'] });
provider('groq', { key => 'GROQ_API_KEY', address => 'GROQ_BASE_URL', model => 'openai/gpt-oss-120b', no => ['structured output'] });
provider('openrouter', { key => 'OPENROUTER_API_KEY', address => 'OPENROUTER_BASE_URL', path => '/api/v1', model => '~anthropic/claude-sonnet-latest', usd => qr/1(?:\.0)?\b/, no => [] });
provider('ollama', { address => 'OLLAMA_HOST', model => 'qwen3:8b', named => 'qwen3:8b', no => [] });
provider('llamacpp', { address => 'LLAMA_BASE_URL', model => 'any', named => 'llamacpp/any', no => [] });
provider('vllm', { address => 'VLLM_BASE_URL', model => 'org/model', named => 'vllm/org/model', no => [] });
told_cost();
optional_key();
habits();
done_testing();

sub provider {
    my ($name, $is) = @_;
    my $server = Misbehave::serve(Chat::server($name));
    my $home = Try::home();
    my $host = $server->{url} =~ s{^http://}{}r;
    my $address = $name eq 'ollama' ? $host : $server->{url} . ($is->{path} // '');
    my %env = ($is->{address} => $address, $is->{key} ? ($is->{key} => $KEY) : ());
    my $base = $server->{url} . (Chat::path($name) =~ s{/chat/completions$}{}r);

    my $listed = Try::run(home => $home, args => ['models', 'list'], env => \%env)->{out};
    my $said = $is->{key} ? "$is->{key} is set" : qr/\w+_API_KEY is not set; it may need none/;
    like($listed, qr{^$name +\Q$base\E +openai_chat +$said$}m, "$name: models list shows it, and its key") or diag($listed);
    my $named = $is->{named} // 'sonnet';
    my $which = Try::run(home => $home, args => ['models', 'which', $named], env => \%env)->{out};
    like($which, qr{^\Q$is->{model}\E at \Q$base\E \(}, "$name: models which leads there");

    my $ran = Try::run(home => $home, args => ['models', 'check', $named], env => \%env);
    is($ran->{exit}, 0, "$name: the check ends well") or diag($ran->{out}, $ran->{err});
    like($ran->{out}, qr/^\Q$_\E +works/m, "$name: $_ works") for 'text', 'tool call', 'parallel calls', 'long stream', 'cancel';
    my %lacks = map { $_ => 1 } @{ $is->{no} };
    my $state = $lacks{'structured output'} ? 'no' : 'works';
    like($ran->{out}, qr/^structured output +$state/m, "$name: structured output: $state");

    Try::write_file("$home->{work}/note.txt", "reeds\n");
    my @model = $is->{named} ? ('--model', $is->{named}) : ();
    $ran = asked($home, \%env, 'Please read note.txt', @model);
    is($ran->{exit}, 0, "$name: a run ends well") or diag($ran->{err}, $ran->{out});
    my $result = $ran->{exit} == 0 ? $Try::JSON->decode($ran->{out}) : {};
    like($result->{text} // '', qr/^Heard: .*reeds/s, "$name: with a call and its result");
    is($result->{tokens}, 50, "$name: and all tokens are counted");
    $is->{usd} ? like($result->{cost_usd} // '', $is->{usd}, "$name: and what it cost") : is($result->{cost_usd}, undef, "$name: its price is not known");
    my ($thought) = grep { $_->{type} eq 'thinking' } map { @{ $_->{body}{content} } } grep { $_->{kind} eq 'turn' } Try::journal($home);
    is($thought && $thought->{text}, 'Hm. ', "$name: what it thought is apart");

    Try::write_file("$home->{config}/perigee/lua/models.lua", 'return { add = { limits = { attempts = 1 } } }');
    $ran = asked($home, \%env, 'Please break off', @model);
    isnt($ran->{exit}, 0, "$name: an error in a stream is one");
    like($ran->{out}, $name eq 'deepseek' ? qr/insufficient_system_resource/ : qr/no room just now/, "$name: and is told");
    my @requests = Misbehave::requests($server);
    Misbehave::stop($server);
    is(scalar(grep { /^authorization: Bearer \Q$KEY\E\r$/im } @requests), $is->{key} ? scalar @requests : 0, "$name: the key goes there, if there is one");
}

# What a server says that a request cost counts against the limit, though no price is known before.
sub told_cost {
    my $server = Misbehave::serve(Chat::server('openrouter'));
    my $home = Try::home();
    Try::write_file("$home->{work}/note.txt", "reeds\n");
    my $ran = asked($home, { OPENROUTER_BASE_URL => "$server->{url}/api/v1", OPENROUTER_API_KEY => $KEY }, 'Please read note.txt', '--limit', 'usd=0.4');
    my @requests = Misbehave::requests($server);
    Misbehave::stop($server);
    is($ran->{exit}, 32, 'what a server says that it cost counts') or diag($ran->{err});
    is(scalar @requests, 1, 'and beyond the limit nothing is sent');
    unlike($ran->{err}, qr/no price is known/, 'nor is it said that the limit does not bind');
}

# A server of this machine that was started with a key gets it; it goes nowhere else.
sub optional_key {
    my $server = Misbehave::serve(Chat::server('vllm'));
    my $ran = asked(Try::home(), { VLLM_BASE_URL => $server->{url}, VLLM_API_KEY => $KEY }, 'Go.', '--model', 'vllm/m');
    my ($request) = Misbehave::requests($server);
    Misbehave::stop($server);
    is($ran->{exit}, 0, 'a key that may be missing may be there') or diag($ran->{err});
    like($request, qr/^authorization: Bearer \Q$KEY\E\r$/im, 'and is sent');
}

# What a row says of a server has to be known to its dialect.
sub habits {
    my $home = Try::home();
    for my $case (['lenght = "max_tokens"', qr/providers\.here\.habits\.lenght: the dialect openai_chat knows nothing of it; did you mean "length"\?/],
        ['length = "max"', qr/providers\.here\.habits\.length is "max"; it may be max_completion_tokens, max_tokens/]) {
        my ($habit, $pattern) = @$case;
        Try::write_file("$home->{config}/perigee/lua/models.lua",
            "return { add = { providers = { here = { dialect = \"openai_chat\", base_url = \"http://127.0.0.1:1/v1\", habits = { $habit } } } } }");
        my $ran = Try::run(home => $home, args => ['models', 'list']);
        isnt($ran->{exit}, 0, "$habit is refused");
        like($ran->{err}, qr{\Q$home->{config}\E/perigee/lua/models\.lua: $pattern}, 'with the file, and what there is');
    }
}

sub asked {
    my ($home, $env, $task, @more) = @_;
    return Try::run(home => $home, env => $env, args => ['run', '--workspace', $home->{work}, '--store', $home->{store},
        '--project', "$FindBin::Bin/team", @more, '--json', 'lone-agent', $task]);
}
