#!/usr/bin/perl
# definitions.t -- definitions as they come from the field: each is an agent with no more rights than
# were written, or has a diagnosis with file and line.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

# file | its bytes | name (undef: no agent) | tools, sorted | model | diagnosis "LINE: pattern", or none
my @FILES = (
    ['tabs-in-a-list', "---\nname: t1\ndescription: d\ntools:\n\t- Read\n\t- Grep\n---\nB.\n", 't1', 'grep read', undef, '5: read as a list'],
    ['tabs-behind-colons', "---\nname:\tt2\ndescription:\td\ntools:\tRead, Grep\n---\nB.\n", 't2', 'grep read', undef, undef],
    ['windows', "\xEF\xBB\xBF---\r\nname: t3\r\ndescription: d\r\ntools: Read\r\n---\r\nB.\r\n", 't3', 'read', undef, undef],
    ['joined', "---name: t4\ndescription: d\ntools: Read\n---\nB.\n", 't4', 'read', undef, '1: line of its own'],
    ['long-close', "---\nname: t5\ndescription: d\ntools: Read\n-----\nB.\n", 't5', 'read', undef, '5: three dashes'],
    ['svg-first', "<svg>\n<path d=\"M0\"/>\n</svg>\n\n---\nname: t6\ndescription: d\ntools: []\n---\nB.\n", 't6', '', undef, '5: stands before'],
    ['image-first', "![a](b.png)\n---\nname: t7\ndescription: d\ntools: []\n---\nB.\n", 't7', '', undef, '2: stands before'],
    ['models', "---\nname: t8\ndescription: d\nmodel: [opus, sonnet]\ntools: []\n---\nB.\n", 't8', '', 'opus', undef],
    ['models-below', "---\nname: t9\ndescription: d\nmodel:\n  - opus\n  - sonnet\ntools: []\n---\nB.\n", 't9', '', 'opus', undef],
    ['aliases', "---\nname: u1\ndescription: d\ntools: read_file, search_file_content, Task\n---\nB.\n", 'u1', 'grep read', undef, '4: "Task"'],
    ['booleans', "---\nname: u2\ndescription: d\ntools: { Read: true, Write: false }\n---\nB.\n", 'u2', 'read', undef, undef],
    ['empty', "---\nname: u3\ndescription: d\ntools:\n---\nB.\n", 'u3', '', undef, undef],
    ['none', "---\nname: u4\ndescription: d\ntools: None\n---\nB.\n", 'u4', '', undef, '4: "None"'],
    ['denied', "---\nname: u5\ndescription: d\ntools: Read, Bash\ndisallowedTools: Bash\n---\nB.\n", 'u5', 'read', undef, undef],
    ['allowed', "---\nname: u6\ndescription: d\nallowed-tools: Read\n---\nB.\n", 'u6', 'read', undef, '4: is read as'],
    ['plan', "---\nname: u7\ndescription: d\ntools: Read, Write\npermissionMode: plan\n---\nB.\n", 'u7', 'read', undef, undef],
    ['odd-rights', "---\nname: u8\ndescription: d\ntools: Read\npermission: never\n---\nB.\n", 'u8', '', undef, '5: no tools'],
    ['colon', "---\nname: u9\ndescription: d: e: f\ntools: Read\n---\nB.\n", 'u9', 'read', undef, '3: plain text'],
    ['unclosed', "---\nname: v1\ndescription: d\n", 'v1', '', undef, '4: no closing'],
    ['latin', "---\nname: v2\ndescription: caf\xE9\ntools: Read\n---\nB.\n", undef, '', undef, '3: UTF-8'],
    ['no-entries', "---\nonly prose\n---\nB.\n", undef, '', undef, '2: key: value'],
    ['output', "---\nname: v3\ndescription: d\ntools: Read\noutput: { a: txet }\n---\nB.\n", 'v3', 'read', undef, '5: no type'],
    ['prose-output', "---\nname: v4\ndescription: d\ntools: Read\noutput: a page\n---\nB.\n", 'v4', 'read', undef, '5: prose'],
);

my $home = Try::home();
Try::write_file("$home->{work}/agents/$_->[0].md", $_->[1]) for @FILES;
my @given = (home => $home, cwd => $home->{work});
my $list = $Try::JSON->decode(Try::run(@given, args => [qw(agents list --json)])->{out});
my %agent = map { $_->{name} => $_ } @{ $list->{agents} };
my @said = split /\n/, Try::run(@given, args => ['agents', 'check', "$home->{work}/agents"])->{out};

for my $row (@FILES) {
    my ($file, undef, $name, $tools, $model, $diagnosis) = @$row;
    my @wrong;
    my $who = defined $name ? $agent{$name} : undef;
    push @wrong, 'it is no agent' if defined $name && !$who;
    my $has = $who ? join ' ', sort @{ $who->{tools} } : '';
    push @wrong, "its tools are '$has', not '$tools'" if $has ne $tools;
    push @wrong, 'its model is ' . ($who->{model} // 'none') if $who && ($who->{model} // '') ne ($model // '');
    my @mine = grep { m{/\Q$file\E\.md:} } @said;
    if ($diagnosis) {
        my ($line, $pattern) = $diagnosis =~ /^(\d+): (.*)$/;
        push @wrong, "nobody says $diagnosis" if !grep { /\.md:$line:\d+: .*\Q$pattern\E/ } @mine;
    } elsif (@mine) {
        push @wrong, "it is complained of: @mine";
    }
    ok(!@wrong, $file) or diag(map { "  $_\n" } @wrong, @mine);
}

my $ran = Try::run(@given, args => ['run', '--store', $home->{store}, '--model', 'rehearsal:demo', 'v3', 'x']);
is($ran->{exit}, 35, 'an agent whose output cannot be read does not run');
like($ran->{err}, qr/output\.md:5:\d+: output of v3: .*"txet" is no type; did you mean "text"/, 'and says why, with its line');

# A file that bears the name by a link is not read.
Try::write_file("$home->{dir}/secret", "SECRET TEXT\n");
symlink "$home->{dir}/secret", "$home->{work}/AGENTS.md";
Try::write_file("$home->{dir}/s.lua", 'local r = require "lib.rehearse" return { agents = { t3 = { { { expect = r.system("Agent: t3"), text = "Done." } } } } }');
$ran = Try::run(@given, args => ['run', '--store', $home->{store}, '--model', "rehearsal:$home->{dir}/s.lua", 't3', 'x']);
is($ran->{exit}, 0, 'notes that a link leads elsewhere stop nothing');
like($ran->{err}, qr/AGENTS\.md: it is no file of the project by that name, and is not read/, 'but are told');
ok(!(grep { $Try::JSON->encode($_) =~ /SECRET TEXT/ } Try::journal($home)), 'and not read');

done_testing();
