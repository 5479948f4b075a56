#!/usr/bin/perl
# One rule set: what the file tools may read and write is what a command in the sandbox may.
#
# Symptom: the shell is jailed and `write` is the escape, or the other way round. Cause: the rules
# stand in two places (names in host/files, mounts in host/sandbox). So one tree is walked, and both
# are asked about every path; each verdict is compared, and known as well.
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Path qw(make_path);
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

# path, in it; reading and writing: + may, - may not. A path of "a -> b" is a link.
my @TREE = (
    ['plain.txt',                     '++'],
    ['sub/plain.txt',                 '++'],
    ['.env',                          '--'],
    ['.env.example',                  '++'],
    ['sub/.env.local',                '--'],
    ['.envs/production',              '--'],
    ['.env.d/deep/key',               '--'],
    ['server.pem',                    '--'],
    ['keys/id_rsa',                   '--'],
    ['keys/id_rsa.pub',               '++'],
    ['keys/id_ed25519_sk',            '--'],
    ['alias -> .env',                 '--'],
    ['alias2 -> alias',               '--'],
    ['.env.linked -> settings/real',  '--'],
    ['settings/real',                 '--'],
    ['settings/other',                '++'],
    ['sub/.env.folder -> ../secrets', undef],
    ['secrets/one',                   '--'],
    ['x.pem -> plain.txt.orig',       '--'],
    ['plain.txt.orig',                '--'],
    ['.perigee/notes.md',             '+-'],
    ['.perigee/lua/x.lua',            '+-'],
    ['.claude/settings.json',         '+-'],
    ['sub/.claude -> ../shared',      undef],
    ['sub/.claude/agent.md',          '+-'],
    ['shared/agent.md',               '+-'],
    ['.git/HEAD',                     '++'],
    ['.git/index',                    '++'],
    ['.git/config',                   '+-'],
    ['.git/hooks/pre-commit',         '+-'],
    ['.git/info/attributes',          '++'],
    ['.git/refs/heads/config',        '++'],
    ['.git/refs/heads/hooks',         '++'],
    ['.git/modules/m/HEAD',           '++'],
    ['.git/modules/m/config',         '+-'],
    ['.git/modules/m/hooks/x',        '+-'],
    ['.git/modules/deep/er/HEAD',     '++'],
    ['.git/modules/deep/er/config',   '+-'],
    ['.git/worktrees/w/gitdir',       '+-'],
    ['.git/worktrees/w/commondir',    '+-'],
    ['.git/worktrees/w/HEAD',         '++'],
    ['nested/.git/config',            '+-'],
    ['nested/.git/objects/x',         '++'],
    ['nested/src.c',                  '++'],
    ['linked/.git -> ../gitdata',     undef],
    ['gitdata/HEAD',                  '++'],
    ['gitdata/config',                '+-'],
    ['gitdata/hooks/x',               '+-'],
    ['linked/.git/config',            '+-'],
    ['alias.git -> .git',             undef],
    ['alias.git/config',              '+-'],
    ['tree/.git',                     '+-'],
    ['elsewhere/agents/a.md',         '++'],
    ["name \xff\n",                   '++'],
);
# Other ways to say the same, and what is not there yet.
my @ALSO = (
    ['sub/../.env',             '--'], ['.//.env',               '--'],
    ['sub/../.git/config',      '+-'], ["WORKSPACE/.env",        '--'],
    ["WORKSPACE/plain.txt",     '++'], ['/etc/passwd',           undef],
    ['new/.env',                ' +'], ['sub/new.pem',           ' +'],
    ['.git/hooks/new',          ' -'], ['.perigee/new',          ' -'],
    ['gitdata/hooks/new',       ' -'], ['gitdata/commondir',     ' -'],
    ['.git/commondir',          ' -'], ['nested/.git/hooks/new', ' -'],
    ['.envs/new',               ' -'], ['settings/new',          ' +'],
);

# A tool that asks its own `call` and a shell about the same paths.
my $BOTH = <<'LUA';
local schema = require "lib.schema"
local filename = require "lib.filename"

local TRY <const> = [[
for path; do
  cat -- "$path" >/dev/null 2>&1 && printf + || printf -
  (mkdir -p -- "$(dirname -- "$path")" && printf shell >>"$path") 2>/dev/null && printf + || printf -
done]]
local THERE <const> = [[for path; do test -e "$path" && printf + || printf -; done]]

local function command(script, paths, call)
  local argv = { "sh", "-c", script, "sh" }
  for _, path in ipairs(paths) do argv[#argv + 1] = path end
  local done = assert(call.exec(argv))
  return done.stdout
end

--- Files first: they are asked about the tree as it is.
local function both(input, call)
  local paths, rows = {}, {}
  for i, path in ipairs(input.paths) do paths[i] = filename.bytes(path) end
  for i, path in ipairs(paths) do
    local bytes, info = call.read(path)
    local seen = call.info(path)
    local wrote = input.write and call.write(path, (bytes or "") .. "file")
    rows[i] = { path = input.paths[i], read = bytes ~= nil, write = wrote ~= nil and wrote ~= false,
      code = bytes == nil and info.code or nil, masked = seen and seen.masked or false }
  end
  local said = input.shell and command(TRY, paths, call) or ""
  local there = input.shell and command(THERE, paths, call) or "" -- set aside is not written
  for i, row in ipairs(rows) do
    row.shell_read = said:sub(2 * i - 1, 2 * i - 1) == "+"
    row.shell_write = said:sub(2 * i, 2 * i) == "+" and there:sub(i, i) == "+"
  end
  return { text = "asked", data = rows }
end

return {
  description = "Asks the files and the shell.",
  input = schema.object {
    { "paths", schema.list { of = schema.text {} }, "" },
    { "shell", schema.boolean {}, "" }, { "write", schema.boolean {}, "" },
  },
  effect = "write", needs = { read = { "." }, write = { "." }, exec = { "sh" } }, run = both,
}
LUA

# A project by its agents/: what the next run obeys stays as it is, also behind a link.
my @PROJECT = (
    ['agents/worker.md', '+-'],  ['tools/own.lua',        '+-'],
    ['lua -> real_lua',  undef], ['real_lua/routing.lua', '+-'],
    ['lua/routing.lua',  '+-'],  ['src/main.c',           '++'],
    ['toolsx/own.lua',   '++'],
);
my @PROJECT_ALSO = (['agents/new.md', ' -'], ['agents/deep/new.md', ' -'], ['src/new.c', ' +']);

my ($home, $work);

# A home whose workspace holds the tree: files first, then links; what is seen through one is there.
sub plant {
    my (@tree) = @_;
    $home = Try::home();
    $work = $home->{work};
    for my $case (@tree) {
        my ($path, $verdict) = @$case;
        next if $path =~ m{ -> |^(?:sub/\.claude|linked/\.git|alias\.git|lua)/}s;
        my $text = $path eq 'agents/worker.md' ? "---\nname: worker\n---\nWork.\n" : "content\n";
        Try::write_file("$work/$path", $text);
    }
    for my $case (@tree) {
        next if $case->[0] !~ /^(.*) -> (.*)$/;
        my ($name, $target) = ("$work/$1", $2);
        make_path(dirname($name));
        symlink $target, $name or die "$name: $!";
    }
    Try::write_file("$home->{config}/perigee/tools/both.lua", $BOTH);
}

# Bytes of a name as the tools have them escaped.
sub shown { my ($name) = @_; $name =~ s/([\x00-\x1f\x7f-\xff])/sprintf '\\x%02X', ord $1/ge; return $name }

sub ask {
    my ($paths, %what) = @_;
    my $input = $Try::JSON->encode({ paths => [map { shown($_) } @$paths],
        shell => $what{shell} ? JSON::PP::true : JSON::PP::false, write => $what{write} ? JSON::PP::true : JSON::PP::false });
    my $ran = Try::run(home => $home, args => ['tools', 'call', 'both', $input, '--json']);
    my $result = eval { $Try::JSON->decode($ran->{out}) };
    return $result && $result->{data} ? $result->{data} : { failed => "$ran->{out}$ran->{err}" };
}

sub sign { return $_[0] ? '+' : '-' }

my $probe_home = Try::home();
my $probe = Try::run(home => $probe_home, args => ['exec', '--workspace', $probe_home->{work}, '--', 'true']);

sub compare {
    my ($tree, $also) = @_;
    plant(@$tree);
    my @asked = grep { defined $_->[1] } @$tree, map { [$_->[0] =~ s/^WORKSPACE/$work/r, $_->[1]] } @$also;
    my @paths = map { my $path = $_->[0]; $path =~ s/ -> .*//s; $path } @asked;

    # Files alone, and then the shell on a tree that nobody wrote to: each call is a run of its own.
    my $files = ask(\@paths);
    my $shell = ask(\@paths, shell => 1);
    for my $answer ($files, $shell) {
        is(ref($answer), 'ARRAY', 'all paths could be asked about') or diag($answer->{failed}), return;
    }
    for my $i (0 .. $#asked) { # what the shell has made is taken away, so that both find the same
        unlink "$work/$paths[$i]" if $asked[$i][1] =~ /^ /;
    }
    my $writes = ask(\@paths, write => 1);
    for my $i (0 .. $#asked) {
        my ($path, $verdict) = ($paths[$i], $asked[$i][1]);
        my ($read, $write) = split //, $verdict;
        my $name = shown($path);
        $name =~ s/\Q$work\E/WORKSPACE/;
        my $by_file  = ($read eq ' ' ? ' ' : sign($files->[$i]{read})) . sign($writes->[$i]{write});
        my $by_shell = ($read eq ' ' ? ' ' : sign($shell->[$i]{shell_read})) . sign($shell->[$i]{shell_write});
        if ($verdict eq ' +' && $path =~ /\.env$|\.pem$/) {
            # The one difference: a command may make such a file, which nobody can read afterwards.
            is($by_file . $by_shell, ' - +', "$name: made by a command, never by a file tool");
            next;
        }
        is("files $by_file, shell $by_shell", "files $verdict, shell $verdict", "$name: both say the same")
            or diag('  read: ', $files->[$i]{code} // 'ok');
        is(!!$files->[$i]{masked}, $read eq '-' && $asked[$i][0] !~ / -> /, "$name: info says whether it is masked")
            if $read ne ' ' && $name !~ m{^(?:\.envs|\.env\.d|secrets)/};
    }
}

SKIP: {
    if ($probe->{exit} != 0) {
        my ($why) = $probe->{err} =~ /^(.*)$/m;
        skip "no sandbox here: $why", 1;
    }
    compare(\@TREE, \@ALSO);
    compare(\@PROJECT, \@PROJECT_ALSO);
}

done_testing();
