#!/usr/bin/perl
# stalls.t -- every wait that was too long has a name and an event, and config.yaml says what then happens.
use strict;
use warnings;
use FindBin;
use IO::Socket::INET;
use lib "$FindBin::Bin/../support";
use Test::More;
use Misbehave;
use Try;

my $sandboxed = Try::run(home => Try::home(), args => ['doctor'])->{exit} == 0;

sub home {
    my ($url, $config) = @_;
    my $home = Try::home();
    Try::write_file("$home->{config}/perigee/lua/models.lua", <<"END");
return { add = {
  providers = { here = { dialect = "anthropic", base_url = "$url" } },
  models = { ["here-model"] = { provider = "here" } },
  limits = { first_byte_ms = 150, idle_ms = 150, connect_ms = 150, attempts = 2, first_wait_ms = 1 },
} }
END
    Try::write_file("$home->{config}/perigee/config.yaml", $config) if $config;
    chmod 0700, $home->{config}, "$home->{config}/perigee";
    Try::write_file("$home->{work}/agents/one-agent.md", "---\nname: one-agent\ndescription: Works.\ntools: []\n---\nYou work.\n");
    return $home;
}

sub run {
    my ($home, @more) = @_;
    my $ran = Try::run(home => $home, args => ['run', '--project', $home->{work}, '--store', $home->{store},
        '--model', 'here-model', '--events', @more]);
    $ran->{events} = [map { $Try::JSON->decode($_) } split /\n/, $ran->{out}];
    $ran->{stalls} = [map { [@{ $_->{body} }{qw(what action)}] } grep { $_->{kind} eq 'stall' } @{ $ran->{events} }];
    return $ran;
}

sub against {
    my ($answer, $config, @more) = @_;
    my $server = Misbehave::serve($answer);
    my $ran = run(home($server->{url}, $config), @more ? @more : ('one-agent', 'Go.'));
    $ran->{requests} = scalar Misbehave::requests($server);
    Misbehave::stop($server);
    return $ran;
}

my $SILENT = sub { Misbehave::stall($_[0]) };
my $HALF   = sub { my ($client) = @_; print $client Misbehave::stream_head(), Misbehave::opening('Half a'); Misbehave::stall($client) };

my $ran = against($SILENT, undef);
is_deeply($ran->{stalls}, [[qw(first_byte retry)], [qw(first_byte fail)]], 'a server that says nothing is asked again, and each stall is told');
is($ran->{requests}, 2, 'as often as models.lua says');
my ($told) = grep { $_->{kind} eq 'stall' } @{ $ran->{events} };
is($told->{body}{after_ms}, 150, 'with how long was waited');

$ran = against($SILENT, "stalls: { first_byte: fail }\n");
is_deeply($ran->{stalls}, [[qw(first_byte fail)]], 'config.yaml says that it is not asked again');
is($ran->{requests}, 1, 'and it is not');
is($ran->{exit}, 31, 'the run ends as timeout');

$ran = against($SILENT, "stalls: { first_byte: ask }\n");
is_deeply($ran->{stalls}, [[qw(first_byte fail)]], 'where a person is to be asked and nobody is there it fails');

$ran = against($HALF, undef);
is_deeply($ran->{stalls}, [[qw(idle_stream retry)], [qw(idle_stream fail)]], 'a reply that breaks off is asked for anew');

$ran = against($HALF, "stalls: { idle_stream: fail }\n");
is_deeply($ran->{stalls}, [[qw(idle_stream fail)]], 'unless config.yaml says that it is not');

# At a terminal, where a person says what is done. What they were asked stands in the journal.
sub asked {
    my ($home, $answers, @what) = @_;
    my @pairs = map { ('(default): ', "$_\n") } @$answers;
    my $told = Try::run(home => $home, program => $Try::TERMINAL, args => [@pairs, '--', $Try::PROGRAM, 'run', '--project', $home->{work},
        '--store', $home->{store}, '--model', 'here-model', @what]);
    my @records = Try::journal($home);
    return ($told, [map { $_->{body}{at} } grep { $_->{kind} eq 'question' } @records], [map { $_->{body}{text} } grep { $_->{kind} eq 'answer' } @records]);
}

my $WHOLE = Misbehave::stream_head() . Misbehave::opening('Done.') . Misbehave::event('content_block_stop', '"index":0')
    . Misbehave::event('message_delta', '"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":2}') . Misbehave::event('message_stop', '');
for my $case ([first_byte => $SILENT], [idle_stream => $HALF]) {
    my ($name, $stalls) = @$case;
    my $server = Misbehave::serve(sub { my ($client, $number) = @_; $number == 1 ? $stalls->($client) : print $client $WHOLE });
    my ($told, $places, $said) = asked(home($server->{url}, "stalls: { $name: ask }\n"), [1], 'one-agent', 'Go.');
    is($told->{exit}, 0, "$name: a person who says so has it tried again") or diag($told->{out}, $told->{err});
    is_deeply([$places, $said], [["stall.$name/1.1"], ['try again']], 'who is asked once, about this turn');
    Misbehave::stop($server);
    $server = Misbehave::serve($stalls);
    ($told, $places, $said) = asked(home($server->{url}, "stalls: { $name: ask }\n"), [2], 'one-agent', 'Go.');
    is_deeply([$told->{exit}, $said], [31, ['give up']], 'or gives up') or diag($told->{out}, $told->{err});
    is(scalar Misbehave::requests($server), 1, 'and nothing is sent any more');
    Misbehave::stop($server);
}

# Nobody takes the connection that the kernel made, so that no hand is ever shaken.
{
    my $mute = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 16) or die "listen: $!";
    for my $case ([undef, [qw(connect retry)], [qw(connect fail)]], ["stalls: { connect: fail }\n", [qw(connect fail)]], ["stalls: { connect: ask }\n", [qw(connect fail)]]) {
        my ($config, @want) = @$case;
        my $told = run(home('https://127.0.0.1:' . $mute->sockport, $config), 'one-agent', 'Go.');
        is_deeply($told->{stalls}, \@want, 'a server that is not reached in time: ' . ($config // 'the default')) or diag($told->{err});
        is($told->{exit}, 31, 'and the run ends as timeout');
    }
    my ($told, undef, $said) = asked(home('https://127.0.0.1:' . $mute->sockport, "stalls: { connect: ask }\n"), [1], 'one-agent', 'Go.');
    is_deeply([$told->{exit}, $said], [31, ['try again']], 'connect: a person has it tried again, as often as models.lua says') or diag($told->{out}, $told->{err});
}

$ran = against($SILENT, "stalls: { first_byte: maybe }\n");
like($ran->{err}, qr/config\.yaml:1:\d+: "maybe" is not one of retry, fail, ask/, 'what cannot be read is refused by line and column');
for my $case (['run', 'retry', 'fail, ask'], ['ask', 'retry', 'default, fail, wait'], ['child', 'wait', 'retry, fail, ask']) {
    my ($name, $policy, $known) = @$case;
    $ran = run(home('http://127.0.0.1:1', "stalls: { $name: $policy }\n"), 'one-agent', 'Go.');
    like($ran->{err}, qr/config\.yaml:1:\d+: "$policy" is not one of $known/, "stalls.$name has no $policy, and what it has is said");
    is($ran->{exit}, 35, 'nothing is run');
}

# -- runs and children ------------------------------------------------------------------------------

{
    my $home = home('http://127.0.0.1:1');
    Try::write_file("$home->{dir}/sleeps.lua", 'return { run = function(run) run.sleep(60000) return "slept" end }');
    $ran = run($home, '--limit', 'time=100ms', "$home->{dir}/sleeps.lua", '');
    is_deeply($ran->{stalls}, [[qw(run fail)]], 'a run whose time is over is told');
    is($ran->{exit}, 32, 'and ends as limit');
    ok((grep { $_->{kind} eq 'stall' } @{ $ran->{events} })[0]{body}{after_ms} >= 100, 'with the time that it had');

    my $server = Misbehave::serve($SILENT);
    $home = home($server->{url});
    Try::write_file("$home->{dir}/asks.lua", <<'LUA');
return { run = function(run)
  local said, err = run.ask("one-agent", "Go.", { limits = { time = "50ms" } })
  return { said = said or err.code }
end }
LUA
    $ran = run($home, "$home->{dir}/asks.lua", '');
    Misbehave::stop($server);
    is_deeply($ran->{stalls}, [[qw(child fail)]], 'so is a child whose slice of time is over');
    is($ran->{events}[-1]{body}{result}{value}{said}, 'limit', 'and its parent goes on');
}

# -- tools ------------------------------------------------------------------------------------------

SKIP: {
    skip 'no sandbox on this machine', 5 if !$sandboxed;
    for my $case (['fail', 'read', 1], ['retry', 'read', 3], ['retry', 'write', 1]) {
        my ($policy, $effect, $times) = @$case;
        my $more = $effect eq 'write' ? ', write = { "." }' : '';
        my $home = home('http://127.0.0.1:1', "stalls: { tool: $policy }\n");
        Try::write_file("$home->{config}/perigee/tools/waits.lua", <<"LUA");
local schema = require "lib.schema"
return { description = "Waits.", input = schema.object {}, effect = "$effect", needs = { exec = { "sleep" }$more },
  timeout = "100ms", run = function(_, call) call.exec { "sleep", "100" } return "waited" end }
LUA
        Try::write_file("$home->{dir}/waits.lua", 'return { run = function(run) local _, err = run.tool("waits") return { code = err.code } end }');
        $ran = run($home, "$home->{dir}/waits.lua", '');
        my @want = map { [tool => $_ < $times ? 'retry' : 'fail'] } 1 .. $times;
        is_deeply($ran->{stalls}, \@want, "with $policy a tool whose effect is $effect is tried as often as it may be: $times")
            or diag($ran->{err}, $ran->{out});
        next if $policy ne 'retry' || $effect ne 'read';
        Try::write_file("$home->{config}/perigee/config.yaml", "stalls: { tool: ask }\n");
        my (undef, $places, $said) = asked($home, [1, 2], "$home->{dir}/waits.lua", '');
        is_deeply($said, ['try again', 'give up'], 'with ask a person says each time what is done');
        is_deeply($places, ['stall.tool/chain_1.1', 'stall.tool/chain_1.2'], 'about this call');
    }
}
done_testing();
