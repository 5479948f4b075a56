local rehearse = require "lib.rehearse"

local SERVER <const> = [[perl -MIO::Socket::INET -e '
  $| = 1;
  my $s = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1", LocalPort => 8123) or die;
  print "ready\n";
  while (my $c = $s->accept) { print "asked\n"; print $c "served\n"; close $c }']]
local ASK <const> = "exec 3<>/dev/tcp/127.0.0.1/8123 && head -1 <&3"

local function call(name, input) return { { name, input } } end

return {
  agents = { ["lone-agent"] = { {
    { expect = rehearse.tools("bash", "bash_output", "bash_kill"),
      calls = call("bash", { command = SERVER, background = true }) },
    { expect = rehearse.result("bash", "ready", "job 1", "is running"),
      calls = call("bash", { command = ASK }) },
    { expect = rehearse.result("bash", "served"), calls = call("bash_output", { job = 1 }) },
    { expect = rehearse.result("bash_output", "asked"), calls = call("bash_kill", { job = 1 }) },
    { expect = rehearse.result("bash_kill", "ended"),
      calls = call("bash", { command = "(" .. ASK .. ") 2>/dev/null || echo no answer" }) },
    { expect = rehearse.result("bash", "no answer"),
      calls = call("bash", { command = "tail -f /dev/null $PWD", background = true }) },
    { expect = rehearse.result("bash", "job 2"), text = "Served." },
  } } },
}
