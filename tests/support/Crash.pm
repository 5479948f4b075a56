# Crash.pm -- one run that is disturbed in every way and goes on, beside the same run undisturbed.
#
# Use    my $plain = Crash::undisturbed();
#        my $ran = Crash::disturbed(faults => ['store.committed:7!']);    one a process; none: undisturbed
#        my $ran = Crash::disturbed(strikes => [{ after => 7, wait => 0.001, signal => 'KILL' }]);
#        is(Crash::differs($plain, $ran), '', 'nothing was done twice');
# Run    A chain: a step with a call in it, two branches side by side (an agent that writes, asks a
#        person and another agent, and hands its work over; a sleep, a call, and an agent in a copy
#        of the workspace), a race, the copy's patch, a question, a budget.
# Mark   The tool `mark` counts in the file marks/WORD how often it was called with WORD, and cannot
#        be repeated.
package Crash;
use strict;
use warnings;
use File::Find;
use Try;

our $MOST = 120; # processes until a run has to be at its end

my %AGENTS = (
    'builder-agent' => ['[read, write, mark]', <<'MD'],
## Agent Relationships
### Next Agents (Auto-chain to):
- checker-agent (when it is built)

### Escalate To:
- chief-agent (when it makes no sense)
- User (when a wish is unclear)
MD
    'checker-agent' => ['[read, mark]', ''], # its first reply is refused by its hook
    'chief-agent'   => ['[mark]', ''],
    'helper-agent'  => ['[read, write, mark]', ''],
);

my $MARK = <<'LUA';
local schema = require "lib.schema"
return {
  description = "Counts.",
  input = schema.object { { "word", schema.text(), "What is counted." } },
  effect = "outside", needs = { read = { "." }, write = { "." } },
  run = function(input, call)
    local path = "marks/" .. input.word
    local count = tonumber(call.read(path) or "0") + 1
    local ok, err = call.write(path, tostring(count))
    if not ok then return nil, err end
    return "Counted."
  end,
}
LUA

# The words of `end` are asked about.
my $RULES = <<'YAML';
policy:
  rules:
    - ask: mark
      argument: { name: word, glob: end }
      why: the end is looked at
    - allow: mark
YAML

my %HOOKS = (
    'builder-agent' => <<'LUA',
return { before = function(run, input)
  run.tool("mark", { word = "before" })
  local number = run.step("count", function() return 3 end)
  return { context = "Count to " .. number .. "." }
end }
LUA
    'checker-agent' => <<'LUA',
return { accept = function(reply)
  if reply.text:find("surely") then return true end
  return false, "Say how sure you are."
end }
LUA
);

my $SCENARIO = <<'LUA';
local rehearse = require "lib.rehearse"
local whatever = rehearse.anything("a call may have an unknown outcome")
local function turn(said, ...)
  return { expect = whatever, text = said, calls = { ... }, usage = { input = 100, output = 10 } }
end
return { agents = {
  ["builder-agent"] = { {
    turn("I build.", { "write", { path = "built.txt", content = "built\n" } },
      { "mark", { word = "built" } }, { "read", { path = "given.txt" } }),
    turn("I ask.", { "escalate", { to = "chief-agent", question = "Is it wanted?" } },
      { "escalate", { to = "User", question = "Which colour?" } }),
    turn("I hand it on.", { "handoff", { to = "checker-agent", reason = "it is built",
      result = "It is built." } }),
  } },
  ["checker-agent"] = { {
    turn("I check.", { "read", { path = "given.txt" } }, { "read", { path = "given.txt" } }),
    turn("I note it.", { "mark", { word = "checked" } }),
    turn("It is right."), turn("It is surely right."),
  } },
  ["chief-agent"] = { { turn("I think.", { "mark", { word = "chief" } }), turn("Yes, it is.") } },
  ["helper-agent"] = {
    { turn("I help.", { "write", { path = "help.txt", content = "help\n" } }), turn("Helped.") },
    { turn("I hurry.", { "mark", { word = "quick" } }), turn("Quick."),
      turn('{"word":"quick"}') },
  },
} }
LUA

my $CHAIN = <<'LUA';
local schema = require "lib.schema"
local HURRIED = schema.object { { "word", schema.text(), "How." } }
local function all_of_it(run)
  run.phase "Begin"
  local facts = run.step("facts", function()
    run.tool("mark", { word = "facts" })
    return { number = 7 }
  end)
  local both, err = run.all {
    build = function() return run.ask("builder-agent", "Build it", { hops = "auto" }) end,
    help = function()
      run.sleep(20)
      run.tool("mark", { word = "help" })
      local said, patch = run.ask("helper-agent", "Help", { workspace = "copy" })
      if not said then return nil, patch end
      return { said = said, patch = patch }
    end,
  }
  if not both then return nil, err end
  run.log "both are there"
  if both.help.patch then run.apply(both.help.patch) end
  local first, who = run.race {
    quick = function() return run.ask("helper-agent", "Hurry", { output = HURRIED }) end,
    slow = function()
      run.sleep(600000)
      return "slow"
    end,
  }
  local word = run.question("Shall it go?", { choices = { "yes", "no" } })
  run.tool("mark", { word = "end" })
  local budget = run.budget()
  return { number = facts.number, build = both.build, help = both.help.said, first = first,
    who = who, word = word, turns = budget.turns.spent, tokens = budget.tokens.spent }
end
return { params = schema.object {}, run = all_of_it }
LUA

# A place with all that the run needs.
sub place {
    my $home = Try::home();
    for my $name (keys %AGENTS) {
        my ($tools, $edges) = @{ $AGENTS{$name} };
        Try::write_file("$home->{config}/perigee/agents/$name.md",
            "---\nname: $name\ndescription: One of them.\ntools: $tools\n---\n\nYou work.\n\n$edges");
        Try::write_file("$home->{config}/perigee/agents/$name.lua", $HOOKS{$name}) if $HOOKS{$name};
    }
    Try::write_file("$home->{config}/perigee/config.yaml", $RULES);
    Try::write_file("$home->{config}/perigee/tools/mark.lua", $MARK);
    Try::write_file("$home->{dir}/scenario.lua", $SCENARIO);
    Try::write_file("$home->{dir}/chain.lua", $CHAIN);
    Try::write_file("$home->{work}/given.txt", "given\n");
    return $home;
}

sub begin_args {
    my ($home) = @_;
    return ('run', '--json', '--store', $home->{store},
        '--model', "rehearsal:$home->{dir}/scenario.lua", '--workspace', $home->{work}, "$home->{dir}/chain.lua");
}

# What carries the run on: an answer where it waits for one, else a resume.
sub next_args {
    my ($home, $last) = @_;
    my ($open) = $last->{exit} == 40 ? @{ $last->{said}{waiting} || waiting($home) } : (); # else what it said may be lost
    return ('runs', 'resume', 'last', '--json', '--store', $home->{store}) if !$open;
    return ('runs', 'approve', "$open->{run}:$open->{seq}", '--json', '--store', $home->{store}) if $open->{kind} eq 'approval';
    my $word = $open->{text} =~ /colour/ ? 'blue' : 'yes';
    return ('runs', 'answer', "$open->{run}:$open->{seq}", $word, '--json', '--store', $home->{store});
}

# What the newest run waits for.
sub waiting {
    my ($home) = @_;
    my $list = Try::run(home => $home, args => ['runs', 'list', '--waiting', '--json', '--store', $home->{store}]);
    my ($row) = @{ (eval { $Try::JSON->decode($list->{out}) } || {})->{runs} || [] };
    return $row ? $row->{waiting} : [];
}

# One process. Its end is that of its one JSON line, unless it is struck.
sub process {
    my ($home, $args, $fault, $strike) = @_;
    my %how = (home => $home, args => $args, env => { PERIGEE_FAULT => $fault, PERIGEE_LOG => 'info', TMPDIR => "$home->{dir}/tmp" });
    return struck($strike, %how) if $strike;
    my $ran = Try::run(%how);
    my ($line) = $ran->{out} =~ /^(\{.*\})$/m;
    $ran->{said} = $line && eval { $Try::JSON->decode($line) } || {};
    return $ran;
}

# A process that prints its events, and gets a signal some time after so many of them; `told` is how many
# came, and it is `hit` where the signal met it at work: no end was told, or it ended by the signal.
sub struck {
    my ($strike, %how) = @_;
    $how{args} = [map { $_ eq '--json' ? '--events' : $_ } @{ $how{args} }];
    pipe my $reads, my $writes or die "pipe: $!";
    my $live = Try::start(%how, stdout => $writes);
    close $writes;
    my ($out, $told, $hung) = ('', 0, 0);
    local $SIG{ALRM} = sub { $hung = 1; kill 'KILL', $live->{pid} };
    alarm $Try::BOUND;
    while (defined(my $line = <$reads>)) {
        $out .= $line;
        next if ++$told != $strike->{after};
        select undef, undef, undef, $strike->{wait};
        kill $strike->{signal}, $live->{pid};
    }
    alarm 0;
    my $ran = Try::finish($live);
    my $over = grep { /"kind":"run\.(?:finished|parked)"/ && !/"parent":"/ } split /\n/, $out;
    my $met = $told >= $strike->{after} && (!$over || $ran->{exit} == 130);
    return { %$ran, hung => $hung || $ran->{hung}, out => $out, said => {}, told => $told, hit => $met };
}

# The run, process after process, until it is at its end. `faults`: one for each process, in order
# (undef: none; what is missing at the end: none), `always`: one for all of them, or `strikes`: likewise,
# for `struck`, each of them or a sub that answers it, given the processes before. `before` is called before each process with the place and its number, from 0.
sub disturbed {
    my (%how) = @_;
    my $home = place();
    mkdir "$home->{dir}/tmp";
    my @args = begin_args($home);
    my ($count, $begun, $last, $first, @ends, @ran) = (0);
    while ($count++ < $MOST) {
        $how{before}->($home, $count - 1) if $how{before};
        my $fault = $how{always} // ($how{faults} || [])->[$count - 1];
        my $strike = ($how{strikes} || [])->[$count - 1];
        $strike = $strike->(@ran) if ref $strike eq 'CODE';
        $last = process($home, \@args, $fault, $strike);
        $first //= $last->{out} . $last->{err};
        push @ends, $last->{exit};
        push @ran,  $last;
        last if $last->{err} =~ /has ended well/ && pop @ends; # killed behind its last record
        last if $last->{hung} || $last->{exit} != 137 && $last->{exit} != 130 && $last->{exit} != 38 && $last->{exit} != 40;
        $begun ||= $last->{exit} == 40 || $last->{told} || grep { $_->{kind} eq 'run.started' } records($home);
        @args = $begun ? next_args($home, $last) : begin_args($home);
    }
    my %ran = (home => $home, ends => \@ends, first => $first, last => $last, count => $count, processes => \@ran,
        records => [records($home)]);
    $ran{files} = files($home->{work});
    $ran{left}  = [Try::until_quiet($home), glob("$home->{dir}/tmp/*")];
    return \%ran;
}

sub undisturbed { return disturbed() }

# All records of the newest run and those below it, parents first; none when there is no run yet.
sub records {
    my ($home) = @_;
    my $ran = Try::run(home => $home, args => ['runs', 'export', 'last', '--format', 'jsonl', '--store', $home->{store}]);
    return if $ran->{exit} != 0;
    return map { $Try::JSON->decode($_) } grep { /^\{"run":[^{]*"seq":\d/ } split /\n/, $ran->{out}; # not the texts
}

sub files {
    my ($dir) = @_;
    my %files;
    find({ no_chdir => 1, wanted => sub { -f && ($files{ substr $_, length($dir) + 1 } = Try::read_file($_)) } }, $dir);
    return \%files;
}

# -- what must hold of any run that ended ----------------------------------------------------------

my %DONE = map { $_ => 1 } qw(result step child.finished woke answer budget);

# What of its records is there twice, or not in order; empty when all is well.
sub doubled {
    my ($records) = @_;
    my (%next, %seen, @wrong);
    for my $one (@$records) {
        my ($run, $kind, $body) = ($one->{run}, $one->{kind}, $one->{body});
        push @wrong, "$run:$one->{seq} should be " . ($next{$run} + 1) if $one->{seq} != ++$next{$run};
        my $of = $DONE{$kind} && defined $body->{at} ? "at $body->{at}"
            : $kind eq 'result' ? "result $body->{id}"
            : $kind eq 'call'   ? "call $body->{id}"
            : $kind eq 'turn'   ? "turn $body->{agent} $body->{turn}"
            : $kind eq 'prompt' ? "prompt $body->{agent} " . ($body->{visit} // 1)
            : $kind eq 'hop'    ? "hop $body->{from}"
            : $kind eq 'answer' ? "answer $body->{call}" : next;
        push @wrong, "$run: $of stands twice" if $seen{"$run $of"}++;
    }
    return join '; ', @wrong;
}

# Words of `mark` of whose call the result says that its outcome is unknown.
sub unknown {
    my ($records) = @_;
    my (%call, %unknown);
    for my $one (@$records) {
        $call{"$one->{run} $one->{body}{id}"} = $one->{body}{input} if $one->{kind} eq 'call';
        next if $one->{kind} ne 'result' || ($one->{body}{code} // '') ne 'unknown';
        my $input = $call{"$one->{run} $one->{body}{id}"};
        $unknown{ $input->{word} ? "marks/$input->{word}" : $input->{path} // join ' ', @{ $input->{files} || [] } } = 1;
    }
    return \%unknown;
}

sub total { my ($ran) = @_; my ($end) = grep { $_->{kind} eq 'run.finished' } reverse_first($ran->{records}); return $end->{body} }

# The records of the top-level run, the last one first.
sub reverse_first {
    my ($records) = @_;
    return reverse grep { $_->{run} eq $records->[0]{run} } @$records;
}

# How a disturbed run differs from the undisturbed one; empty when it does not.
sub differs {
    my ($plain, $ran) = @_;
    return 'it hung' if $ran->{last}{hung};
    my $ended = $ran->{last}{exit} == 0 || $ran->{last}{err} =~ /has ended well/;
    return "it ended with $ran->{last}{exit} after @{ $ran->{ends} }: $ran->{last}{out} $ran->{last}{err}" if !$ended;
    my @wrong = grep { $_ } doubled($ran->{records});
    my $unknown = unknown($ran->{records});
    for my $path (sort keys %{ { %{ $plain->{files} }, %{ $ran->{files} } } }) {
        next if $path =~ /\.new-[0-9a-f]{16}$/; # the draft of a file that a kill leaves (host/files/README.md)
        my ($want, $got) = ($plain->{files}{$path}, $ran->{files}{$path});
        next if ($want // '') eq ($got // '') || !defined $got && $unknown->{$path};
        push @wrong, "$path is " . ($got // 'not there');
    }
    my ($mine, $theirs) = (total($ran), total($plain));
    push @wrong, 'it has no end' if !$mine;
    # Bytes that a command was writing when it was killed are nobody's to count, and are written again.
    delete $_->{spent}{written} for grep { ref $_->{spent} eq 'HASH' } $mine, $theirs;
    for my $what (qw(status spent)) {
        my ($got, $want) = map { $Try::JSON->encode($_->{$what} // '') } $mine, $theirs;
        push @wrong, "$what: $got, not $want" if $got ne $want;
    }
    my ($said, $wanted) = ($ran->{last}{said}, $plain->{last}{said});
    ($said, $wanted) = ($mine->{result}, $theirs->{result}) if !%$said || !%$wanted; # it told events
    for my $what (qw(turns calls tokens text value)) {
        my ($got, $want) = map { $Try::JSON->encode($_->{$what}) } $said, $wanted;
        push @wrong, "$what: $got, not $want" if $got ne $want && !($what =~ /text|value/ && %$unknown);
    }
    push @wrong, "left: @{ $ran->{left} }" if @{ $ran->{left} };
    return join '; ', @wrong;
}

1;
