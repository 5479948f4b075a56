#!/usr/bin/perl
# run.t -- plays the specimens: each folder here with an expect.json is one, its form stands in
# README.md. Where the model is a scenario it is played twice, in the process and on loopback in the
# wire format cut at random bytes, and both ways must leave the same journal.
#
#   PERIGEE=./perigee tests/scenarios/run.t [NAME...]      only these
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

my $HERE = $FindBin::Bin;
my @SEEDS = (11, 4242, 90001);

my $sandboxed = Try::run(home => Try::home(), args => ['doctor'])->{exit} == 0;

my $count = 0;
for my $folder (sort glob "$HERE/*/expect.json") {
    $folder =~ s{/expect\.json$}{};
    my ($name) = $folder =~ m{([^/]+)$};
    next if @ARGV && !grep { $_ eq $name } @ARGV;
    play($name, $folder, $SEEDS[$count++ % @SEEDS]);
}
done_testing();

# One specimen, in both ways.
sub play {
    my ($name, $folder, $seed) = @_;
    my $expect = eval { $Try::JSON->decode(Try::read_file("$folder/expect.json")) };
    return fail("$name: expect.json can be read") if !$expect;
    my $about = "$name: $expect->{about}";
    my $why_not = $expect->{needs} && $expect->{needs} eq 'sandbox' && !$sandboxed ? 'no sandbox on this machine' : '';
    SKIP: {
        skip "$about: $why_not", 1 if $why_not;
        my $scenario = scenario_of($folder, $expect);
        my $here = once($folder, $expect, ['--model', "rehearsal:$scenario"], {});
        judge("$about", $expect, $here);
        return if defined $expect->{wire} && !$expect->{wire};

        for my $dialect ('anthropic', @{ $expect->{dialects} || [] }) {
            my $home = Try::home();
            my $served = Try::serve($home, $scenario, $seed, $dialect);
            return fail("$name: the scenario can be served as $dialect") if !$served;
            my $there = once($folder, $expect, [], @{ speaks($dialect, $served->{url}) });
            Try::stop_serving($served);
            my $why = judge("$name, served on loopback as $dialect (cut $seed)", $expect, $there);
            diag(map { "  $_\n" } split /\n/, Try::read_file($served->{live}{err})) if $why;
            same_journals("$name: both ways leave the same journal ($dialect)", $here, $there);
        }
    }
}

# The environment that leads to a served scenario, and the user's models.lua where one is needed.
sub speaks {
    my ($dialect, $url) = @_;
    return [{ ANTHROPIC_BASE_URL => $url }] if $dialect eq 'anthropic';
    return [{ OPENAI_BASE_URL => $url }, Try::speaking($dialect)];
}

sub scenario_of {
    my ($folder, $expect) = @_;
    return $expect->{scenario} if $expect->{scenario}; # of the distribution
    return "$folder/scenario.lua";
}

# Runs the specimen once, in a workspace and with a configuration of its own.
sub once {
    my ($folder, $expect, $model, $env, $models) = @_;
    my $home = Try::home();
    Try::write_file("$home->{config}/perigee/lua/models.lua", $models) if $models;
    system 'cp', '-R', "$folder/workspace/.", $home->{work} if -d "$folder/workspace";
    if (-d "$folder/config") {
        mkdir "$home->{config}/perigee";
        system 'cp', '-R', "$folder/config/.", "$home->{config}/perigee";
    }
    if (-f "$folder/setup") {
        local $ENV{CONFIG} = "$home->{config}/perigee";
        system('sh', '-c', "cd '$home->{work}' && . '$folder/setup'") == 0 or diag("setup failed");
    }
    my @words = (grep({ defined } $expect->{agent}), task_of($folder, $expect));
    my $project = $expect->{project} ? "$HERE/$expect->{project}" : -d "$folder/agents" ? $folder : "$HERE/team";
    my @args = ('run', '--workspace', $home->{work}, '--store', $home->{store}, @$model,
        ($expect->{distribution} ? () : ('--project', $project)),
        ($expect->{mode} || 'json') eq 'text' ? () : '--' . ($expect->{mode} || 'json'),
        @{ $expect->{args} || [] }, @words);
    my $ran = Try::run(home => $home, args => \@args, env => $env);
    $ran->{home}    = $home;
    $ran->{journal} = [Try::journal($home)];
    $ran->{left}    = [Try::until_quiet($home)];
    return $ran;
}

sub task_of {
    my ($folder, $expect) = @_;
    return $expect->{task} if defined $expect->{task};
    my $task = Try::read_file("$folder/task");
    $task =~ s/\n+\z//;
    return $task;
}

# One line of TAP for a run: everything that the specimen expects, or what differs.
sub judge {
    my ($name, $expect, $ran) = @_;
    my @wrong;
    push @wrong, 'it hung'                                      if $ran->{hung};
    push @wrong, "exit code $ran->{exit}, not " . ($expect->{exit} || 0)  if $ran->{exit} != ($expect->{exit} || 0);
    push @wrong, "still running: $_" for @{ $ran->{left} };
    push @wrong, outputs_differ($expect, $ran), result_differs($expect, $ran), records_differ($expect, $ran->{journal});
    for my $path (sort keys %{ $expect->{files} || {} }) {
        my $why = Try::differs($expect->{files}{$path}, -e "$ran->{home}{work}/$path"
            ? Try::read_file("$ran->{home}{work}/$path") : undef, $path);
        push @wrong, $why if $why;
    }
    ok(!@wrong, $name) and return 0;
    diag("  $_") for @wrong;
    diag("  stderr: $_") for split /\n/, $ran->{err};
    return 1;
}

sub outputs_differ {
    my ($expect, $ran) = @_;
    my @wrong;
    my %text = (stdout => $ran->{out}, stderr => $ran->{err},
        journal => join "\n", map { $Try::JSON->encode($_) } @{ $ran->{journal} });
    for my $where (sort keys %text) {
        for my $part (@{ $expect->{"${where}_has"} || [] }) {
            push @wrong, "$where lacks: $part" if Try::differs("~$part", $text{$where});
        }
        for my $part (@{ $expect->{"${where}_lacks"} || [] }) {
            push @wrong, "$where has: $part" if !Try::differs("~$part", $text{$where});
        }
    }
    return @wrong;
}

sub result_differs {
    my ($expect, $ran) = @_;
    my $mode = $expect->{mode} || 'json';
    return if $mode eq 'text';
    my @lines = split /\n/, $ran->{out};
    my @objects = map { eval { $Try::JSON->decode($_) } } @lines;
    return "stdout is not all JSON: " . $ran->{out} if @objects != @lines;
    if ($mode eq 'json') {
        return if !$expect->{result};
        return 'stdout holds ' . @objects . ' objects, not one' if @objects != 1;
        return grep { $_ } Try::differs($expect->{result}, $objects[0], 'result');
    }
    my @ends = grep { $objects[$_]{kind} eq 'run.finished' && !defined $objects[$_]{parent} } 0 .. $#objects;
    return 'run.finished stands at ' . join(', ', @ends) . ' of ' . @objects if @ends != 1 || $ends[0] != $#objects;
    return grep { $_ } Try::differs($expect->{result}, $objects[-1]{body}, 'result') if $expect->{result};
    return;
}

# The journal: it can be read, its numbers have no gap, and the expected records stand in this order.
sub records_differ {
    my ($expect, $journal) = @_;
    my (@wrong, %count);
    for my $i (0 .. $#$journal) {
        my $seq = $journal->[$i]{seq} // 0;
        push @wrong, "record " . ($i + 1) . " has seq $seq" if $seq != $i + 1;
        $count{ $journal->[$i]{kind} }++;
    }
    push @wrong, 'the journal does not end in run.finished'
        if @$journal && $journal->[-1]{kind} ne 'run.finished';
    my $at = 0;
    for my $want (@{ $expect->{records} || [] }) {
        my ($kind, $body) = ref $want ? @$want : ($want, {});
        $at++ while $at < @$journal
            && ($journal->[$at]{kind} ne $kind || Try::differs($body, $journal->[$at]{body}));
        if ($at == @$journal) {
            push @wrong, "no $kind like " . $Try::JSON->encode($body) . ' (in this order)';
            push @wrong, map { '  has ' . substr $Try::JSON->encode($_->{body}), 0, 300 }
                grep { $_->{kind} eq $kind } @$journal;
            last;
        }
        $at++;
    }
    for my $kind (sort keys %{ $expect->{counts} || {} }) {
        my $got = $count{$kind} || 0;
        push @wrong, "$got records of kind $kind, not $expect->{counts}{$kind}" if $got != $expect->{counts}{$kind};
    }
    push @wrong, "$count{turn} turns, more than $expect->{most_turns}"
        if $expect->{most_turns} && ($count{turn} || 0) > $expect->{most_turns};
    return @wrong;
}

# -- both ways ------------------------------------------------------------------------------------

sub same_journals {
    my ($name, $here, $there) = @_;
    my ($a, $b) = map { [normal($_)] } $here, $there;
    my $most = @$a > @$b ? @$a : @$b;
    for my $i (0 .. $most - 1) {
        my ($one, $other) = ($a->[$i] // 'nothing', $b->[$i] // 'nothing');
        next if $one eq $other;
        fail($name);
        my $from = 0;
        $from++ while substr($one, $from, 1) eq substr($other, $from, 1);
        $from = $from > 60 ? $from - 60 : 0;
        diag("  record " . ($i + 1) . " in process: ..." . substr $one, $from, 300);
        diag("  record " . ($i + 1) . " served:     ..." . substr $other, $from, 300);
        return;
    }
    pass($name);
}

# The records of a run without what may differ: ids, times, model and dialect names, what a dialect keeps as it came, usage, cost,
# which files only one of the two ways needs. What calls of one reply, and children, did side by side is put in one order.
sub normal {
    my ($ran) = @_;
    my @list;
    for my $record (@{ $ran->{journal} }) {
        my ($kind, $body) = ($record->{kind}, $record->{body});
        next if $kind eq 'files'; # a way needs others of them, and later
        if (ref $body eq 'HASH') {
            delete @$body{qw(model dialect wanted stop_raw usage cost_usd cache form rehearsed spent run workspace workspace_id wrote reply_id)};
            for my $block (ref $body->{content} eq 'ARRAY' ? @{ $body->{content} } : ()) {
                delete @$block{qw(dialect opaque)} if ref $block eq 'HASH';
            }
            delete @{ $body->{files} }{ grep { m{/dialects/|rehears|/scenarios/|/failure|/reading|/openai|/wire|/models\.lua|/model_data} } keys %{ $body->{files} } } if ref $body->{files};
            delete $body->{files} if $kind eq 'run.finished'; # --model leaves routing.lua unread
            delete @$body{qw(tokens usd max_tokens)} if $kind eq 'reserved';
            delete $body->{paths} if $kind eq 'changes'; # when files were changed
            delete @$body{qw(why from effort)} if ($body->{what} // '') eq 'model';
        }
        my $text = $kind . ' ' . $Try::JSON->encode($body);
        $text =~ s/\Q$ran->{home}{dir}\E/HOME/g;
        $text =~ s/"dialect":"\w+"/"dialect":"ANY"/g;
        $text =~ s{\.\.\.[^" ]*/config/}{HOME/config/}g; # Lua keeps the end of a long file name
        $text =~ s/the next request to .*? are left/the next request does not fit/;
        $text =~ s/Date: \d{4}-\d\d-\d\d/Date: TODAY/g;
        push @list, { text => $text, call => ref $body eq 'HASH' ? ($kind eq 'child.finished' ? $body->{at} : undef) // $body->{call} // ($kind =~ /^(call|result)$/ ? $body->{id} : undef) : undef };
    }
    my (@out, @block);
    for my $one (@list, { text => undef }) {
        if (defined $one->{call}) { push @block, $one; next }
        push @out, map { $_->{text} } sort { $a->{call} cmp $b->{call} } @block; # stable
        @block = ();
        push @out, $one->{text} if defined $one->{text};
    }
    return @out;
}
