#!/usr/bin/perl
# What later runs obey stays as it is, for the shell and for the file tools alike.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

my $home = Try::home();
my $work = $home->{work};
Try::write_file("$work/agents/kept-agent.md", "---\nname: kept-agent\ndescription: kept\n---\nBe kept.\n");
Try::write_file("$work/tools/mine.lua", "return {}\n");
Try::write_file("$work/lua/policy.lua", "return {}\n");

sub call {
    my ($tool, $input, @more) = @_;
    return Try::run(home => $home, args => ['tools', 'call', @more, $tool, $Try::JSON->encode($input)]);
}

for my $path ('agents/new-agent.md', 'tools/new.lua', 'lua/lib/new.lua') {
    my $ran = call('write', { path => $path, content => "evil\n" });
    like($ran->{err}, qr/read-only here/, "write does not reach $path");
}
isnt(call('write', { path => 'tools/../agents/x.md', content => 'evil' })->{exit}, 0, 'nor by a way round');

SKIP: {
    my $probe = Try::run(home => $home, args => ['exec', '--', 'true']);
    skip('no sandbox here', 2) if $probe->{exit} == 125;
    Try::run(home => $home, args => ['exec', '--', 'sh', '-c',
        'echo evil > agents/new-agent.md; echo evil > tools/mine.lua; mv lua old; rm -rf agents; echo ran > fine']);
    is(join(',', map { s{.*/}{}r } sort glob("$work/{agents,tools,lua}/*"), "$work/fine"),
        'kept-agent.md,fine,policy.lua,mine.lua', 'a command does not reach them, and works beside them');
    Try::run(home => $home, args => ['exec', '--workspace', "$work/agents", '--', 'sh', '-c', 'echo evil > new-agent.md']);
    ok(!-e "$work/agents/new-agent.md", 'a workspace inside them is read-only');
}
is(Try::read_file("$work/tools/mine.lua"), "return {}\n", 'what was there is as it was');

# A journal that a run could write would be believed on resume.
symlink("$work/real.db", "$home->{dir}/linked.db") or die;
Try::write_file("$work/real.db", '');
my $linked = Try::run(home => $home,
    args => ['run', '--store', "$home->{dir}/linked.db", '--model', 'rehearsal:demo', 'kept-agent', 'task']);
symlink("$home->{dir}/real.db", "$work/link.db") or die;
Try::write_file("$home->{dir}/real.db", '');
my $link = Try::run(home => $home, args => ['run', '--store', "$work/link.db", '--model', 'rehearsal:demo', 'kept-agent', 'task']);
like($link->{err}, qr/it holds the journal/, 'so is a link that a run could turn');
like($linked->{err}, qr/it holds the journal/, 'the journal lies in the workspace by way of a link: refused');
done_testing();
