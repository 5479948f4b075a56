--- What people say of software work, and by which words definitions say whose work that is. A task
--- speaks of an iPhone, a definition of mobile development: without this no word of the task would
--- stand in it. General words of the trade; what holds in one project only belongs into a rule of
--- routing.lua (`route.mentions`).
local concepts = {}

--- What is meant, then the words that mean it.
local MEANT <const> = {
  { "frontend ui web", [[
    angular browser browsers button buttons checkbox chrome css dom dropdown firefox form forms
    html javascript jsx layout menu modal nav navbar navigation nextjs page pages paint react
    responsive safari scroll stylesheet svelte tailwind tooltip typescript vue webpage website]] },
  { "ui design visual", [[
    branding color colors colour colours dark figma font fonts icon icons illustration logo
    mockup mockups palette spacing theme themes typography wireframe wireframes sketch screens]] },
  { "ux research user", [[
    interview interviews participants persona personas questionnaire survey surveys usability]] },
  { "mobile", [[android flutter ios ipad iphone kotlin phone phones swift swiftui tablet xcode]] },
  { "backend api server", [[
    backend endpoint endpoints graphql grpc handler http json middleware oauth rest route server
    servers webhook webhooks]] },
  { "backend database", [[
    migration migrations mongodb mysql orm postgres postgresql query queries redis schema
    schemas sql sqlite table tables transaction]] },
  { "devops infrastructure deployment", [[
    ansible aws azure bill ci cloud cluster container containers deploy deployed deploying
    docker gcp github gitlab helm hosting jenkins k8s kubernetes nginx provisioning rollback
    rollout runner runners staging terraform vm]] },
  { "quality test", [[
    bug bugs coverage cypress e2e flaky junit playwright pytest qa regression regressions
    selenium verify]] },
  { "data pipeline", [[
    airflow analytics bigquery csv dbt elt etl ingest ingestion job jobs kafka parquet rows
    snowflake spark warehouse]] },
  { "security", [[
    attack attacker attackers breach csrf encryption exploit exploits hacked hacker hackers
    injection intruder malware pentest phishing ransomware secrets tls xss]] },
  { "incident response", [[attack breach compromised hacked intruder outage]] },
  { "vulnerability", [[
    cve cves dependencies dependency exploit exploits outdated patch patches scanner]] },
  { "threat intelligence", [[apt attackers campaign campaigns hacker hackers ioc iocs]] },
  { "access identity permission", [[
    admin admins iam login logins password privilege privileges rights role roles sso]] },
  { "it technical support", [[
    desktop email headset helpdesk keyboard laptop laptops monitor monitors password printer vpn
    wifi workstation]] },
  { "compliance policy", [[
    baseline cis enforce enforced gdpr hipaa iso pci regulation regulations soc2]] },
  { "audit evidence log", [[auditor auditors forensic forensics logs trail]] },
  { "architecture system", [[
    adr component diagram diagrams microservice microservices modular module monolith
    scalability services]] },
  { "market strategy competitive", [[competitor competitors customers market pricing segment]] },
  { "backlog prioritization story", [[
    prioritise prioritize priority sprint stories story ticket tickets]] },
  { "roadmap product", [[feature features launch milestone milestones quarter]] },
  { "operations process", [[
    bottleneck efficiency efficient efficiently process processes workflow]] },
  { "data governance", [[classification owner ownership owns personal privacy retention]] },
  { "innovation research technical", [[
    ai experiment experiments feasibility llm ml novel prototype prototypes]] },
}

local by_word
--- Built at the first question: most processes never ask.
local function index()
  local found = {}
  for _, one in ipairs(MEANT) do
    local meant = {}
    for word in one[1]:gmatch("%S+") do meant[#meant + 1] = word end
    for word in one[2]:gmatch("%S+") do
      found[word] = found[word] or {}
      table.move(meant, 1, #meant, #found[word] + 1, found[word])
    end
  end
  return found
end

--- What the words of a task mean beyond themselves, each once, with how many of them mean it.
---@param words string[]
---@return string[] meant, table<string, integer> counts
function concepts.of(words)
  by_word = by_word or index()
  local meant, counts, said = {}, {}, {}
  for _, word in ipairs(words) do said[word] = true end
  for _, word in ipairs(words) do
    for _, one in ipairs(by_word[word] or {}) do
      if not said[one] then
        if not counts[one] then meant[#meant + 1] = one end
        counts[one] = (counts[one] or 0) + 1
      end
    end
  end
  return meant, counts
end

return concepts
