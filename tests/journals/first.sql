-- Made by tests/journals/make. See README.md there.
-- run finished 20261123-061019-azbkzw 0
-- run interrupted 20261123-061019-c6fduy 38
-- run question 20261123-061019-2gh8zz 0
-- run approval 20261123-061019-ybpyed 0
-- run chain 20261123-061019-8amt5z 38
-- run chain-asks 20261123-061020-hvufac 39
-- file finished/done.txt "done\n"
-- file finished/marks/done "1"
-- file interrupted/begun.txt "begun\n"
-- file interrupted/marks/begun "1"
-- file interrupted/marks/lost "1"
-- file chain-asks/marks/facts "1"
-- file chain-asks/marks/built "1"
-- file chain-asks/marks/helped "1"
-- file question/marks/asked "1"
-- file chain/marks/facts "1"
-- file chain/marks/built "1"
-- file chain/marks/helped "1"
-- file approval/marks/end "1"
CREATE TABLE runs(run TEXT PRIMARY KEY, parent TEXT NOT NULL, agent TEXT NOT NULL,  task TEXT NOT NULL, status TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER NOT NULL);
CREATE INDEX runs_by_start ON runs(started);
CREATE TABLE records(format INTEGER NOT NULL, run TEXT NOT NULL, seq INTEGER NOT NULL,  time INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY(run, seq));
CREATE TABLE texts(hash TEXT PRIMARY KEY, text BLOB NOT NULL);
INSERT INTO runs VALUES('20261123-061019-azbkzw','','ender-agent','The task of finished','ok',1795414219294,1795414219303);
INSERT INTO runs VALUES('20261123-061019-c6fduy','','worker-agent','The task of interrupted','running',1795414219494,0);
INSERT INTO runs VALUES('20261123-061019-2gh8zz','','asker-agent','The task of question','ok',1795414219557,1795414219567);
INSERT INTO runs VALUES('20261123-061019-ybpyed','','marker-agent','The task of approval','ok',1795414219610,1795414219619);
INSERT INTO runs VALUES('20261123-061019-8amt5z','','chain','The task of chain','running',1795414219882,0);
INSERT INTO runs VALUES('20261123-061019-3jrdxc','20261123-061019-8amt5z','builder-agent','Build it','ok',1795414219892,1795414219899);
INSERT INTO runs VALUES('20261123-061019-uveus5','20261123-061019-8amt5z','helper-agent','Help','running',1795414219953,0);
INSERT INTO runs VALUES('20261123-061020-hvufac','','asks','The task of chain-asks','script',1795414220013,1795414220085);
INSERT INTO runs VALUES('20261123-061020-bn835a','20261123-061020-hvufac','builder-agent','Build it','ok',1795414220021,1795414220031);
INSERT INTO runs VALUES('20261123-061020-ezx7y3','20261123-061020-hvufac','helper-agent','Help','ok',1795414220081,1795414220085);
INSERT INTO records VALUES(1,'20261123-061019-azbkzw',1,1795414219296,'run.started','{"agent":"ender-agent","files":{"lua/context.lua":"3838697dfcbf9f5d533bd754060eb6a84386565af280de766da02d41370dbc83","lua/models.lua":"87e76b3b2ffc6ff0580669ffd292e90e0a6ea89910032530c548bef69c165845","lua/policy.lua":"37c01a2ce985fdca4ba0f91d44a579e17868d59dbe636455318b34b5f7075943","lua/routing.lua":"f2d30245cda56f63e7b090a37af8285af079bb320237429db32ffbe74055b514","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"0b2fc398748c1ed12f3035305d12d69b5683d41ad7151a55f8210dc071807342","tools/write.lua":"3bc31e36c12a868f2f978223e466dfb9e5fd0976e533e79ae1f61302caa50bae"},"format":1,"hops":"auto","model":"rehearsal:@HOME@/scenario.lua","sandbox":"full","task":"The task of finished","workspace":"@HOME@/work/finished"}');
INSERT INTO records VALUES(1,'20261123-061019-azbkzw',2,1795414219298,'decision','{"agent":"ender-agent","model":"rehearsed","what":"model","why":"--model; named"}');
INSERT INTO records VALUES(1,'20261123-061019-azbkzw',3,1795414219298,'prompt','{"agent":"ender-agent","dialect":"rehearsal","first":"The task of finished","model":"rehearsed","system":"You work.\n\n## Where you work\nDate: 2026-11-23\nSystem: Linux\nWorkspace: @HOME@/work/finished\nCommands: run in a sandbox: no network, nothing outside the workspace\nAgent: ender-agent\n","tools":["read","write","mark"]}');
INSERT INTO records VALUES(1,'20261123-061019-azbkzw',4,1795414219299,'turn','{"agent":"ender-agent","content":[{"text":"I do it.","type":"text"},{"id":"call_ender_1_1_1","input":"{\"content\":\"done\\n\",\"path\":\"done.txt\"}","name":"write","type":"call"},{"id":"call_ender_1_1_2","input":"{\"word\":\"done\"}","name":"mark","type":"call"}],"model":"rehearsed","stop":"calls","stop_raw":"tool_use","turn":1}');
INSERT INTO records VALUES(1,'20261123-061019-azbkzw',5,1795414219299,'decision','{"call":"call_ender_1_1_1","tool":"write","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061019-azbkzw',6,1795414219299,'call','{"effect":"write","id":"call_ender_1_1_1","input":{"content":"done\n","path":"done.txt"},"tool":"write"}');
INSERT INTO records VALUES(1,'20261123-061019-azbkzw',7,1795414219301,'result','{"error":false,"id":"call_ender_1_1_1","name":"write","text":"Created done.txt: 1 line, 5 bytes."}');
INSERT INTO records VALUES(1,'20261123-061019-azbkzw',8,1795414219301,'decision','{"call":"call_ender_1_1_2","tool":"mark","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061019-azbkzw',9,1795414219301,'call','{"effect":"write","id":"call_ender_1_1_2","input":{"word":"done"},"tool":"mark"}');
INSERT INTO records VALUES(1,'20261123-061019-azbkzw',10,1795414219302,'result','{"error":false,"id":"call_ender_1_1_2","name":"mark","text":"Marked done."}');
INSERT INTO records VALUES(1,'20261123-061019-azbkzw',11,1795414219302,'turn','{"agent":"ender-agent","content":[{"text":"All is done.","type":"text"}],"model":"rehearsed","stop":"end","stop_raw":"end_turn","turn":2}');
INSERT INTO records VALUES(1,'20261123-061019-azbkzw',12,1795414219302,'decision','{"agent":"ender-agent","triggers":[],"what":"next","why":"no handoff, and no trigger phrase that names an agent"}');
INSERT INTO records VALUES(1,'20261123-061019-azbkzw',13,1795414219303,'run.finished','{"files":{"@HOME@/scenario.lua":"e1e256fef0a47b4d3f7637310016da09457d9182bddf3e1b723f97d233262860","lua/context.lua":"3838697dfcbf9f5d533bd754060eb6a84386565af280de766da02d41370dbc83","lua/dialects/rehearsal.lua":"b02274ebb9216e6b0e6952269101d5c7b5b205d63f9275740e81ec0155713d95","lua/models.lua":"87e76b3b2ffc6ff0580669ffd292e90e0a6ea89910032530c548bef69c165845","lua/policy.lua":"37c01a2ce985fdca4ba0f91d44a579e17868d59dbe636455318b34b5f7075943","lua/routing.lua":"f2d30245cda56f63e7b090a37af8285af079bb320237429db32ffbe74055b514","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"0b2fc398748c1ed12f3035305d12d69b5683d41ad7151a55f8210dc071807342","tools/write.lua":"3bc31e36c12a868f2f978223e466dfb9e5fd0976e533e79ae1f61302caa50bae"},"result":{"agent":"ender-agent","hops":[{"agent":"ender-agent","text":"All is done."}],"status":"ok","text":"All is done."},"spent":{"calls":2,"children":0,"hops":0,"tokens":0,"turns":2,"usd":0},"status":"ok"}');
INSERT INTO records VALUES(1,'20261123-061019-c6fduy',1,1795414219496,'run.started','{"agent":"worker-agent","files":{"lua/context.lua":"3838697dfcbf9f5d533bd754060eb6a84386565af280de766da02d41370dbc83","lua/models.lua":"87e76b3b2ffc6ff0580669ffd292e90e0a6ea89910032530c548bef69c165845","lua/policy.lua":"37c01a2ce985fdca4ba0f91d44a579e17868d59dbe636455318b34b5f7075943","lua/routing.lua":"f2d30245cda56f63e7b090a37af8285af079bb320237429db32ffbe74055b514","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"0b2fc398748c1ed12f3035305d12d69b5683d41ad7151a55f8210dc071807342","tools/write.lua":"3bc31e36c12a868f2f978223e466dfb9e5fd0976e533e79ae1f61302caa50bae"},"format":1,"hops":"auto","model":"rehearsal:@HOME@/scenario.lua","sandbox":"full","task":"The task of interrupted","workspace":"@HOME@/work/interrupted"}');
INSERT INTO records VALUES(1,'20261123-061019-c6fduy',2,1795414219499,'decision','{"agent":"worker-agent","model":"rehearsed","what":"model","why":"--model; named"}');
INSERT INTO records VALUES(1,'20261123-061019-c6fduy',3,1795414219501,'prompt','{"agent":"worker-agent","dialect":"rehearsal","first":"The task of interrupted","model":"rehearsed","system":"You work.\n\n## Where you work\nDate: 2026-11-23\nSystem: Linux\nWorkspace: @HOME@/work/interrupted\nCommands: run in a sandbox: no network, nothing outside the workspace\nAgent: worker-agent\n","tools":["read","write","mark"]}');
INSERT INTO records VALUES(1,'20261123-061019-c6fduy',4,1795414219502,'turn','{"agent":"worker-agent","content":[{"text":"I begin.","type":"text"},{"id":"call_worker_1_1_1","input":"{\"content\":\"begun\\n\",\"path\":\"begun.txt\"}","name":"write","type":"call"},{"id":"call_worker_1_1_2","input":"{\"word\":\"begun\"}","name":"mark","type":"call"}],"model":"rehearsed","stop":"calls","stop_raw":"tool_use","turn":1}');
INSERT INTO records VALUES(1,'20261123-061019-c6fduy',5,1795414219503,'decision','{"call":"call_worker_1_1_1","tool":"write","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061019-c6fduy',6,1795414219503,'call','{"effect":"write","id":"call_worker_1_1_1","input":{"content":"begun\n","path":"begun.txt"},"tool":"write"}');
INSERT INTO records VALUES(1,'20261123-061019-c6fduy',7,1795414219506,'result','{"error":false,"id":"call_worker_1_1_1","name":"write","text":"Created begun.txt: 1 line, 6 bytes."}');
INSERT INTO records VALUES(1,'20261123-061019-c6fduy',8,1795414219507,'decision','{"call":"call_worker_1_1_2","tool":"mark","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061019-c6fduy',9,1795414219508,'call','{"effect":"write","id":"call_worker_1_1_2","input":{"word":"begun"},"tool":"mark"}');
INSERT INTO records VALUES(1,'20261123-061019-c6fduy',10,1795414219513,'result','{"error":false,"id":"call_worker_1_1_2","name":"mark","text":"Marked begun."}');
INSERT INTO records VALUES(1,'20261123-061019-c6fduy',11,1795414219513,'turn','{"agent":"worker-agent","content":[{"text":"I go on.","type":"text"},{"id":"call_worker_1_2_1","input":"{\"path\":\"begun.txt\"}","name":"read","type":"call"},{"id":"call_worker_1_2_2","input":"{\"word\":\"lost\"}","name":"mark","type":"call"}],"model":"rehearsed","stop":"calls","stop_raw":"tool_use","turn":2}');
INSERT INTO records VALUES(1,'20261123-061019-c6fduy',12,1795414219513,'decision','{"call":"call_worker_1_2_1","tool":"read","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061019-c6fduy',13,1795414219516,'call','{"effect":"read","id":"call_worker_1_2_1","input":{"offset":1,"path":"begun.txt"},"tool":"read"}');
INSERT INTO records VALUES(1,'20261123-061019-c6fduy',14,1795414219516,'result','{"error":false,"id":"call_worker_1_2_1","name":"read","text":"     1\tbegun"}');
INSERT INTO records VALUES(1,'20261123-061019-c6fduy',15,1795414219516,'decision','{"call":"call_worker_1_2_2","tool":"mark","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061019-c6fduy',16,1795414219516,'call','{"effect":"write","id":"call_worker_1_2_2","input":{"word":"lost"},"tool":"mark"}');
INSERT INTO records VALUES(1,'20261123-061019-2gh8zz',1,1795414219558,'run.started','{"agent":"asker-agent","files":{"lua/context.lua":"3838697dfcbf9f5d533bd754060eb6a84386565af280de766da02d41370dbc83","lua/models.lua":"87e76b3b2ffc6ff0580669ffd292e90e0a6ea89910032530c548bef69c165845","lua/policy.lua":"37c01a2ce985fdca4ba0f91d44a579e17868d59dbe636455318b34b5f7075943","lua/routing.lua":"f2d30245cda56f63e7b090a37af8285af079bb320237429db32ffbe74055b514","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"0b2fc398748c1ed12f3035305d12d69b5683d41ad7151a55f8210dc071807342","tools/write.lua":"3bc31e36c12a868f2f978223e466dfb9e5fd0976e533e79ae1f61302caa50bae"},"format":1,"hops":"auto","model":"rehearsal:@HOME@/scenario.lua","sandbox":"full","task":"The task of question","workspace":"@HOME@/work/question"}');
INSERT INTO records VALUES(1,'20261123-061019-2gh8zz',2,1795414219559,'decision','{"agent":"asker-agent","model":"rehearsed","what":"model","why":"--model; named"}');
INSERT INTO records VALUES(1,'20261123-061019-2gh8zz',3,1795414219559,'prompt','{"agent":"asker-agent","dialect":"rehearsal","first":"The task of question","model":"rehearsed","system":"You work.\n\n## Agent Relationships\n### Escalate To:\n- User (when a wish is unclear)\n\n## Where you work\nDate: 2026-11-23\nSystem: Linux\nWorkspace: @HOME@/work/question\nCommands: run in a sandbox: no network, nothing outside the workspace\nAgent: asker-agent\n","tools":["read","write","mark"]}');
INSERT INTO records VALUES(1,'20261123-061019-2gh8zz',4,1795414219560,'turn','{"agent":"asker-agent","content":[{"text":"I ask.","type":"text"},{"id":"call_asker_1_1_1","input":"{\"word\":\"asked\"}","name":"mark","type":"call"},{"id":"call_asker_1_1_2","input":"{\"question\":\"Which colour?\",\"to\":\"User\"}","name":"escalate","type":"call"}],"model":"rehearsed","stop":"calls","stop_raw":"tool_use","turn":1}');
INSERT INTO records VALUES(1,'20261123-061019-2gh8zz',5,1795414219562,'decision','{"call":"call_asker_1_1_1","tool":"mark","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061019-2gh8zz',6,1795414219562,'call','{"effect":"write","id":"call_asker_1_1_1","input":{"word":"asked"},"tool":"mark"}');
INSERT INTO records VALUES(1,'20261123-061019-2gh8zz',7,1795414219566,'result','{"error":false,"id":"call_asker_1_1_1","name":"mark","text":"Marked asked."}');
INSERT INTO records VALUES(1,'20261123-061019-2gh8zz',8,1795414219566,'call','{"id":"call_asker_1_1_2","input":"{\"question\":\"Which colour?\",\"to\":\"User\"}","refused":true,"tool":"escalate"}');
INSERT INTO records VALUES(1,'20261123-061019-2gh8zz',9,1795414219566,'result','{"code":"not_found","error":true,"id":"call_asker_1_1_2","name":"escalate","text":"There is no tool \"escalate\" here. The tools are: read, write, mark."}');
INSERT INTO records VALUES(1,'20261123-061019-2gh8zz',10,1795414219566,'turn','{"agent":"asker-agent","content":[{"text":"It is There is no tool \"escalate\" here. The tools are: read, write, mark..","type":"text"}],"model":"rehearsed","stop":"end","stop_raw":"end_turn","turn":2}');
INSERT INTO records VALUES(1,'20261123-061019-2gh8zz',11,1795414219567,'decision','{"agent":"asker-agent","triggers":[],"what":"next","why":"no handoff, and no trigger phrase that names an agent"}');
INSERT INTO records VALUES(1,'20261123-061019-2gh8zz',12,1795414219567,'run.finished','{"files":{"@HOME@/scenario.lua":"e1e256fef0a47b4d3f7637310016da09457d9182bddf3e1b723f97d233262860","lua/context.lua":"3838697dfcbf9f5d533bd754060eb6a84386565af280de766da02d41370dbc83","lua/dialects/rehearsal.lua":"b02274ebb9216e6b0e6952269101d5c7b5b205d63f9275740e81ec0155713d95","lua/models.lua":"87e76b3b2ffc6ff0580669ffd292e90e0a6ea89910032530c548bef69c165845","lua/policy.lua":"37c01a2ce985fdca4ba0f91d44a579e17868d59dbe636455318b34b5f7075943","lua/routing.lua":"f2d30245cda56f63e7b090a37af8285af079bb320237429db32ffbe74055b514","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"0b2fc398748c1ed12f3035305d12d69b5683d41ad7151a55f8210dc071807342","tools/write.lua":"3bc31e36c12a868f2f978223e466dfb9e5fd0976e533e79ae1f61302caa50bae"},"result":{"agent":"asker-agent","hops":[{"agent":"asker-agent","text":"It is There is no tool \"escalate\" here. The tools are: read, write, mark.."}],"status":"ok","text":"It is There is no tool \"escalate\" here. The tools are: read, write, mark.."},"spent":{"calls":1,"children":0,"hops":0,"tokens":0,"turns":2,"usd":0},"status":"ok"}');
INSERT INTO records VALUES(1,'20261123-061019-ybpyed',1,1795414219612,'run.started','{"agent":"marker-agent","files":{"lua/context.lua":"3838697dfcbf9f5d533bd754060eb6a84386565af280de766da02d41370dbc83","lua/models.lua":"87e76b3b2ffc6ff0580669ffd292e90e0a6ea89910032530c548bef69c165845","lua/policy.lua":"37c01a2ce985fdca4ba0f91d44a579e17868d59dbe636455318b34b5f7075943","lua/routing.lua":"f2d30245cda56f63e7b090a37af8285af079bb320237429db32ffbe74055b514","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"0b2fc398748c1ed12f3035305d12d69b5683d41ad7151a55f8210dc071807342","tools/write.lua":"3bc31e36c12a868f2f978223e466dfb9e5fd0976e533e79ae1f61302caa50bae"},"format":1,"hops":"auto","model":"rehearsal:@HOME@/scenario.lua","sandbox":"full","task":"The task of approval","workspace":"@HOME@/work/approval"}');
INSERT INTO records VALUES(1,'20261123-061019-ybpyed',2,1795414219612,'decision','{"agent":"marker-agent","model":"rehearsed","what":"model","why":"--model; named"}');
INSERT INTO records VALUES(1,'20261123-061019-ybpyed',3,1795414219613,'prompt','{"agent":"marker-agent","dialect":"rehearsal","first":"The task of approval","model":"rehearsed","system":"You work.\n\n## Where you work\nDate: 2026-11-23\nSystem: Linux\nWorkspace: @HOME@/work/approval\nCommands: run in a sandbox: no network, nothing outside the workspace\nAgent: marker-agent\n","tools":["read","write","mark"]}');
INSERT INTO records VALUES(1,'20261123-061019-ybpyed',4,1795414219614,'turn','{"agent":"marker-agent","content":[{"text":"I mark it.","type":"text"},{"id":"call_marker_1_1_1","input":"{\"word\":\"end\"}","name":"mark","type":"call"}],"model":"rehearsed","stop":"calls","stop_raw":"tool_use","turn":1}');
INSERT INTO records VALUES(1,'20261123-061019-ybpyed',5,1795414219614,'decision','{"call":"call_marker_1_1_1","tool":"mark","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061019-ybpyed',6,1795414219615,'call','{"effect":"write","id":"call_marker_1_1_1","input":{"word":"end"},"tool":"mark"}');
INSERT INTO records VALUES(1,'20261123-061019-ybpyed',7,1795414219619,'result','{"error":false,"id":"call_marker_1_1_1","name":"mark","text":"Marked end."}');
INSERT INTO records VALUES(1,'20261123-061019-ybpyed',8,1795414219619,'turn','{"agent":"marker-agent","content":[{"text":"The end is marked.","type":"text"}],"model":"rehearsed","stop":"end","stop_raw":"end_turn","turn":2}');
INSERT INTO records VALUES(1,'20261123-061019-ybpyed',9,1795414219619,'decision','{"agent":"marker-agent","triggers":[],"what":"next","why":"no handoff, and no trigger phrase that names an agent"}');
INSERT INTO records VALUES(1,'20261123-061019-ybpyed',10,1795414219619,'run.finished','{"files":{"@HOME@/scenario.lua":"e1e256fef0a47b4d3f7637310016da09457d9182bddf3e1b723f97d233262860","lua/context.lua":"3838697dfcbf9f5d533bd754060eb6a84386565af280de766da02d41370dbc83","lua/dialects/rehearsal.lua":"b02274ebb9216e6b0e6952269101d5c7b5b205d63f9275740e81ec0155713d95","lua/models.lua":"87e76b3b2ffc6ff0580669ffd292e90e0a6ea89910032530c548bef69c165845","lua/policy.lua":"37c01a2ce985fdca4ba0f91d44a579e17868d59dbe636455318b34b5f7075943","lua/routing.lua":"f2d30245cda56f63e7b090a37af8285af079bb320237429db32ffbe74055b514","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"0b2fc398748c1ed12f3035305d12d69b5683d41ad7151a55f8210dc071807342","tools/write.lua":"3bc31e36c12a868f2f978223e466dfb9e5fd0976e533e79ae1f61302caa50bae"},"result":{"agent":"marker-agent","hops":[{"agent":"marker-agent","text":"The end is marked."}],"status":"ok","text":"The end is marked."},"spent":{"calls":1,"children":0,"hops":0,"tokens":0,"turns":2,"usd":0},"status":"ok"}');
INSERT INTO records VALUES(1,'20261123-061019-8amt5z',1,1795414219885,'run.started','{"chain":"@HOME@/chain.lua","files":{"@HOME@/chain.lua":"b80b55725fdf7e279bc2cf1e0f397a6be31294d4cc4394d7a3453272eaf04ada","lua/context.lua":"3838697dfcbf9f5d533bd754060eb6a84386565af280de766da02d41370dbc83","lua/models.lua":"87e76b3b2ffc6ff0580669ffd292e90e0a6ea89910032530c548bef69c165845","lua/policy.lua":"37c01a2ce985fdca4ba0f91d44a579e17868d59dbe636455318b34b5f7075943","lua/routing.lua":"f2d30245cda56f63e7b090a37af8285af079bb320237429db32ffbe74055b514","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"0b2fc398748c1ed12f3035305d12d69b5683d41ad7151a55f8210dc071807342","tools/write.lua":"3bc31e36c12a868f2f978223e466dfb9e5fd0976e533e79ae1f61302caa50bae"},"format":1,"hops":"auto","model":"rehearsal:@HOME@/scenario.lua","params":{},"sandbox":"full","task":"The task of chain","workspace":"@HOME@/work/chain"}');
INSERT INTO records VALUES(1,'20261123-061019-8amt5z',2,1795414219887,'decision','{"call":"chain_1","tool":"mark","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061019-8amt5z',3,1795414219890,'call','{"effect":"write","id":"chain_1","input":{"word":"facts"},"tool":"mark"}');
INSERT INTO records VALUES(1,'20261123-061019-8amt5z',4,1795414219892,'result','{"error":false,"id":"chain_1","name":"mark","text":"Marked facts."}');
INSERT INTO records VALUES(1,'20261123-061019-8amt5z',5,1795414219892,'step','{"name":"facts","value":{"number":7}}');
INSERT INTO records VALUES(1,'20261123-061019-8amt5z',6,1795414219892,'child','{"agent":"builder-agent","run":"20261123-061019-3jrdxc","task":"Build it"}');
INSERT INTO records VALUES(1,'20261123-061019-3jrdxc',1,1795414219892,'run.started','{"agent":"builder-agent","format":1,"parent":"20261123-061019-8amt5z","task":"Build it"}');
INSERT INTO records VALUES(1,'20261123-061019-3jrdxc',2,1795414219892,'decision','{"agent":"builder-agent","model":"rehearsed","what":"model","why":"--model; named"}');
INSERT INTO records VALUES(1,'20261123-061019-3jrdxc',3,1795414219893,'prompt','{"agent":"builder-agent","dialect":"rehearsal","first":"Build it","model":"rehearsed","system":"You work.\n\n## Where you work\nDate: 2026-11-23\nSystem: Linux\nWorkspace: @HOME@/work/chain\nCommands: run in a sandbox: no network, nothing outside the workspace\nAgent: builder-agent\n","tools":["read","write","mark"]}');
INSERT INTO records VALUES(1,'20261123-061019-3jrdxc',4,1795414219894,'turn','{"agent":"builder-agent","content":[{"text":"I build.","type":"text"},{"id":"call_builder_1_1_1","input":"{\"word\":\"built\"}","name":"mark","type":"call"}],"model":"rehearsed","stop":"calls","stop_raw":"tool_use","turn":1}');
INSERT INTO records VALUES(1,'20261123-061019-3jrdxc',5,1795414219894,'decision','{"call":"call_builder_1_1_1","tool":"mark","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061019-3jrdxc',6,1795414219894,'call','{"effect":"write","id":"call_builder_1_1_1","input":{"word":"built"},"tool":"mark"}');
INSERT INTO records VALUES(1,'20261123-061019-3jrdxc',7,1795414219897,'result','{"error":false,"id":"call_builder_1_1_1","name":"mark","text":"Marked built."}');
INSERT INTO records VALUES(1,'20261123-061019-3jrdxc',8,1795414219898,'turn','{"agent":"builder-agent","content":[{"text":"Built.","type":"text"}],"model":"rehearsed","stop":"end","stop_raw":"end_turn","turn":2}');
INSERT INTO records VALUES(1,'20261123-061019-3jrdxc',9,1795414219899,'run.finished','{"files":{"@HOME@/chain.lua":"b80b55725fdf7e279bc2cf1e0f397a6be31294d4cc4394d7a3453272eaf04ada","@HOME@/scenario.lua":"e1e256fef0a47b4d3f7637310016da09457d9182bddf3e1b723f97d233262860","lua/context.lua":"3838697dfcbf9f5d533bd754060eb6a84386565af280de766da02d41370dbc83","lua/dialects/rehearsal.lua":"b02274ebb9216e6b0e6952269101d5c7b5b205d63f9275740e81ec0155713d95","lua/models.lua":"87e76b3b2ffc6ff0580669ffd292e90e0a6ea89910032530c548bef69c165845","lua/policy.lua":"37c01a2ce985fdca4ba0f91d44a579e17868d59dbe636455318b34b5f7075943","lua/routing.lua":"f2d30245cda56f63e7b090a37af8285af079bb320237429db32ffbe74055b514","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"0b2fc398748c1ed12f3035305d12d69b5683d41ad7151a55f8210dc071807342","tools/write.lua":"3bc31e36c12a868f2f978223e466dfb9e5fd0976e533e79ae1f61302caa50bae"},"result":{"agent":"builder-agent","hops":[{"agent":"builder-agent","text":"Built."}],"status":"ok","text":"Built."},"spent":{"calls":1,"children":0,"hops":0,"tokens":0,"turns":2,"usd":0},"status":"ok"}');
INSERT INTO records VALUES(1,'20261123-061019-8amt5z',7,1795414219953,'child','{"agent":"helper-agent","run":"20261123-061019-uveus5","task":"Help"}');
INSERT INTO records VALUES(1,'20261123-061019-uveus5',1,1795414219953,'run.started','{"agent":"helper-agent","format":1,"parent":"20261123-061019-8amt5z","task":"Help"}');
INSERT INTO records VALUES(1,'20261123-061019-uveus5',2,1795414219953,'decision','{"agent":"helper-agent","model":"rehearsed","what":"model","why":"--model; named"}');
INSERT INTO records VALUES(1,'20261123-061019-uveus5',3,1795414219953,'prompt','{"agent":"helper-agent","dialect":"rehearsal","first":"Help","model":"rehearsed","system":"You work.\n\n## Where you work\nDate: 2026-11-23\nSystem: Linux\nWorkspace: @HOME@/work/chain\nCommands: run in a sandbox: no network, nothing outside the workspace\nAgent: helper-agent\n","tools":["read","write","mark"]}');
INSERT INTO records VALUES(1,'20261123-061019-uveus5',4,1795414219953,'turn','{"agent":"helper-agent","content":[{"text":"I help.","type":"text"},{"id":"call_helper_1_1_1","input":"{\"word\":\"helped\"}","name":"mark","type":"call"}],"model":"rehearsed","stop":"calls","stop_raw":"tool_use","turn":1}');
INSERT INTO records VALUES(1,'20261123-061019-uveus5',5,1795414219953,'decision','{"call":"call_helper_1_1_1","tool":"mark","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061019-uveus5',6,1795414219953,'call','{"effect":"write","id":"call_helper_1_1_1","input":{"word":"helped"},"tool":"mark"}');
INSERT INTO records VALUES(1,'20261123-061020-hvufac',1,1795414220017,'run.started','{"chain":"@HOME@/asks.lua","files":{"@HOME@/asks.lua":"f8ddec1435715dfbbffaa952b042967292db942da882858d41f8bde40262cdec","lua/context.lua":"3838697dfcbf9f5d533bd754060eb6a84386565af280de766da02d41370dbc83","lua/models.lua":"87e76b3b2ffc6ff0580669ffd292e90e0a6ea89910032530c548bef69c165845","lua/policy.lua":"37c01a2ce985fdca4ba0f91d44a579e17868d59dbe636455318b34b5f7075943","lua/routing.lua":"f2d30245cda56f63e7b090a37af8285af079bb320237429db32ffbe74055b514","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"0b2fc398748c1ed12f3035305d12d69b5683d41ad7151a55f8210dc071807342","tools/write.lua":"3bc31e36c12a868f2f978223e466dfb9e5fd0976e533e79ae1f61302caa50bae"},"format":1,"hops":"auto","model":"rehearsal:@HOME@/scenario.lua","params":{},"sandbox":"full","task":"The task of chain-asks","workspace":"@HOME@/work/chain-asks"}');
INSERT INTO records VALUES(1,'20261123-061020-hvufac',2,1795414220019,'decision','{"call":"chain_1","tool":"mark","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061020-hvufac',3,1795414220019,'call','{"effect":"write","id":"chain_1","input":{"word":"facts"},"tool":"mark"}');
INSERT INTO records VALUES(1,'20261123-061020-hvufac',4,1795414220021,'result','{"error":false,"id":"chain_1","name":"mark","text":"Marked facts."}');
INSERT INTO records VALUES(1,'20261123-061020-hvufac',5,1795414220021,'step','{"name":"facts","value":{"number":7}}');
INSERT INTO records VALUES(1,'20261123-061020-hvufac',6,1795414220021,'child','{"agent":"builder-agent","run":"20261123-061020-bn835a","task":"Build it"}');
INSERT INTO records VALUES(1,'20261123-061020-bn835a',1,1795414220021,'run.started','{"agent":"builder-agent","format":1,"parent":"20261123-061020-hvufac","task":"Build it"}');
INSERT INTO records VALUES(1,'20261123-061020-bn835a',2,1795414220021,'decision','{"agent":"builder-agent","model":"rehearsed","what":"model","why":"--model; named"}');
INSERT INTO records VALUES(1,'20261123-061020-bn835a',3,1795414220021,'prompt','{"agent":"builder-agent","dialect":"rehearsal","first":"Build it","model":"rehearsed","system":"You work.\n\n## Where you work\nDate: 2026-11-23\nSystem: Linux\nWorkspace: @HOME@/work/chain-asks\nCommands: run in a sandbox: no network, nothing outside the workspace\nAgent: builder-agent\n","tools":["read","write","mark"]}');
INSERT INTO records VALUES(1,'20261123-061020-bn835a',4,1795414220022,'turn','{"agent":"builder-agent","content":[{"text":"I build.","type":"text"},{"id":"call_builder_1_1_1","input":"{\"word\":\"built\"}","name":"mark","type":"call"}],"model":"rehearsed","stop":"calls","stop_raw":"tool_use","turn":1}');
INSERT INTO records VALUES(1,'20261123-061020-bn835a',5,1795414220022,'decision','{"call":"call_builder_1_1_1","tool":"mark","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061020-bn835a',6,1795414220022,'call','{"effect":"write","id":"call_builder_1_1_1","input":{"word":"built"},"tool":"mark"}');
INSERT INTO records VALUES(1,'20261123-061020-bn835a',7,1795414220030,'result','{"error":false,"id":"call_builder_1_1_1","name":"mark","text":"Marked built."}');
INSERT INTO records VALUES(1,'20261123-061020-bn835a',8,1795414220030,'turn','{"agent":"builder-agent","content":[{"text":"Built.","type":"text"}],"model":"rehearsed","stop":"end","stop_raw":"end_turn","turn":2}');
INSERT INTO records VALUES(1,'20261123-061020-bn835a',9,1795414220031,'run.finished','{"files":{"@HOME@/asks.lua":"f8ddec1435715dfbbffaa952b042967292db942da882858d41f8bde40262cdec","@HOME@/scenario.lua":"e1e256fef0a47b4d3f7637310016da09457d9182bddf3e1b723f97d233262860","lua/context.lua":"3838697dfcbf9f5d533bd754060eb6a84386565af280de766da02d41370dbc83","lua/dialects/rehearsal.lua":"b02274ebb9216e6b0e6952269101d5c7b5b205d63f9275740e81ec0155713d95","lua/models.lua":"87e76b3b2ffc6ff0580669ffd292e90e0a6ea89910032530c548bef69c165845","lua/policy.lua":"37c01a2ce985fdca4ba0f91d44a579e17868d59dbe636455318b34b5f7075943","lua/routing.lua":"f2d30245cda56f63e7b090a37af8285af079bb320237429db32ffbe74055b514","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"0b2fc398748c1ed12f3035305d12d69b5683d41ad7151a55f8210dc071807342","tools/write.lua":"3bc31e36c12a868f2f978223e466dfb9e5fd0976e533e79ae1f61302caa50bae"},"result":{"agent":"builder-agent","hops":[{"agent":"builder-agent","text":"Built."}],"status":"ok","text":"Built."},"spent":{"calls":1,"children":0,"hops":0,"tokens":0,"turns":2,"usd":0},"status":"ok"}');
INSERT INTO records VALUES(1,'20261123-061020-hvufac',7,1795414220081,'child','{"agent":"helper-agent","run":"20261123-061020-ezx7y3","task":"Help"}');
INSERT INTO records VALUES(1,'20261123-061020-ezx7y3',1,1795414220081,'run.started','{"agent":"helper-agent","format":1,"parent":"20261123-061020-hvufac","task":"Help"}');
INSERT INTO records VALUES(1,'20261123-061020-ezx7y3',2,1795414220081,'decision','{"agent":"helper-agent","model":"rehearsed","what":"model","why":"--model; named"}');
INSERT INTO records VALUES(1,'20261123-061020-ezx7y3',3,1795414220081,'prompt','{"agent":"helper-agent","dialect":"rehearsal","first":"Help","model":"rehearsed","system":"You work.\n\n## Where you work\nDate: 2026-11-23\nSystem: Linux\nWorkspace: @HOME@/work/chain-asks\nCommands: run in a sandbox: no network, nothing outside the workspace\nAgent: helper-agent\n","tools":["read","write","mark"]}');
INSERT INTO records VALUES(1,'20261123-061020-ezx7y3',4,1795414220081,'turn','{"agent":"helper-agent","content":[{"text":"I help.","type":"text"},{"id":"call_helper_1_1_1","input":"{\"word\":\"helped\"}","name":"mark","type":"call"}],"model":"rehearsed","stop":"calls","stop_raw":"tool_use","turn":1}');
INSERT INTO records VALUES(1,'20261123-061020-ezx7y3',5,1795414220081,'decision','{"call":"call_helper_1_1_1","tool":"mark","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061020-ezx7y3',6,1795414220081,'call','{"effect":"write","id":"call_helper_1_1_1","input":{"word":"helped"},"tool":"mark"}');
INSERT INTO records VALUES(1,'20261123-061020-ezx7y3',7,1795414220083,'result','{"error":false,"id":"call_helper_1_1_1","name":"mark","text":"Marked helped."}');
INSERT INTO records VALUES(1,'20261123-061020-ezx7y3',8,1795414220083,'turn','{"agent":"helper-agent","content":[{"text":"Helped.","type":"text"}],"model":"rehearsed","stop":"end","stop_raw":"end_turn","turn":2}');
INSERT INTO records VALUES(1,'20261123-061020-ezx7y3',9,1795414220085,'run.finished','{"files":{"@HOME@/asks.lua":"f8ddec1435715dfbbffaa952b042967292db942da882858d41f8bde40262cdec","@HOME@/scenario.lua":"e1e256fef0a47b4d3f7637310016da09457d9182bddf3e1b723f97d233262860","lua/context.lua":"3838697dfcbf9f5d533bd754060eb6a84386565af280de766da02d41370dbc83","lua/dialects/rehearsal.lua":"b02274ebb9216e6b0e6952269101d5c7b5b205d63f9275740e81ec0155713d95","lua/models.lua":"87e76b3b2ffc6ff0580669ffd292e90e0a6ea89910032530c548bef69c165845","lua/policy.lua":"37c01a2ce985fdca4ba0f91d44a579e17868d59dbe636455318b34b5f7075943","lua/routing.lua":"f2d30245cda56f63e7b090a37af8285af079bb320237429db32ffbe74055b514","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"0b2fc398748c1ed12f3035305d12d69b5683d41ad7151a55f8210dc071807342","tools/write.lua":"3bc31e36c12a868f2f978223e466dfb9e5fd0976e533e79ae1f61302caa50bae"},"result":{"agent":"helper-agent","hops":[{"agent":"helper-agent","text":"Helped."}],"status":"ok","text":"Helped."},"spent":{"calls":1,"children":0,"hops":0,"tokens":0,"turns":2,"usd":0},"status":"ok"}');
INSERT INTO records VALUES(1,'20261123-061020-hvufac',8,1795414220085,'run.finished','{"error":{"code":"script","message":"@HOME@/asks.lua:15: run has no \"question\""},"files":{"@HOME@/asks.lua":"f8ddec1435715dfbbffaa952b042967292db942da882858d41f8bde40262cdec","@HOME@/scenario.lua":"e1e256fef0a47b4d3f7637310016da09457d9182bddf3e1b723f97d233262860","lua/context.lua":"3838697dfcbf9f5d533bd754060eb6a84386565af280de766da02d41370dbc83","lua/dialects/rehearsal.lua":"b02274ebb9216e6b0e6952269101d5c7b5b205d63f9275740e81ec0155713d95","lua/models.lua":"87e76b3b2ffc6ff0580669ffd292e90e0a6ea89910032530c548bef69c165845","lua/policy.lua":"37c01a2ce985fdca4ba0f91d44a579e17868d59dbe636455318b34b5f7075943","lua/routing.lua":"f2d30245cda56f63e7b090a37af8285af079bb320237429db32ffbe74055b514","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"0b2fc398748c1ed12f3035305d12d69b5683d41ad7151a55f8210dc071807342","tools/write.lua":"3bc31e36c12a868f2f978223e466dfb9e5fd0976e533e79ae1f61302caa50bae"},"spent":{"calls":3,"children":2,"hops":0,"tokens":0,"turns":4,"usd":0},"status":"script"}');
INSERT INTO texts VALUES('87e76b3b2ffc6ff0580669ffd292e90e0a6ea89910032530c548bef69c165845',CAST('--- Which models there are, what they are called in the field, and who answers for which work. Data
--- only; lib/model.lua reads it. A project may change names and tiers; servers, secrets and prices
--- come from here, from the environment, or from the user''s own models.lua.
---
--- Model ids: @anthropic-ai/sdk 1.12.0 (npm, 2026-11-20). Windows, output limits and prices: copies
--- of the pages named below, read 2026-11-22. What neither says is absent here, and a cost that
--- cannot be computed is absent too.
local PAGES <const> = "platform.claude.com/docs/en/models/"
local PRICES <const> = "platform.claude.com/docs/en/about-claude/pricing"

--- Dollars for a million tokens.
local function dollars(source, input, output, cache_read, cache_write)
  return { input = input, output = output, cache_read = cache_read, cache_write = cache_write,
    source = source, date = "2026-11-22" }
end

local OPUS_4 <const> = dollars(PRICES, 5, 25, 0.50, 6.25)
local HAIKU_4_5 <const> = dollars(PAGES .. "opus-5/overview", 1, 5)
local HAIKU_5_5 <const> = dollars(PAGES .. "haiku-5-5/overview", 0.10, 0.50, 0.01, 0.125)
HAIKU_5_5.above = { -- every token of a request with a longer prompt
  tokens = 100000, input = 0.50, output = 2.50, cache_read = 0.05, cache_write = 0.625,
}

local function adaptive(prices)
  return { provider = "anthropic", context = 1000000, max_output = 128000, thinking = "adaptive",
    prices = prices }
end

return {
  -- Who serves. `legacy`: a server other than the provider''s own that refuses a request is asked
  -- once more in the older form ("refused"), always in it ("always"), or never ("never").
  providers = {
    anthropic = {
      dialect = "anthropic",
      base_url = "https://api.anthropic.com", base_url_variable = "ANTHROPIC_BASE_URL",
      secret = "ANTHROPIC_API_KEY",
      owns = { "^claude%-" }, -- ids that go there although they are not listed below
      legacy = "refused",
    },
  },

  models = {
    ["claude-fable-5-2"] = { provider = "anthropic", thinking = "adaptive" },
    ["claude-fable-5-1"] = adaptive(dollars(PRICES, 10, 50, 0.25, 12.50)),
    ["claude-fable-5"] = adaptive(dollars(PRICES, 10, 50, 1, 12.50)),
    ["claude-opus-5-5"] = adaptive(dollars(PAGES .. "opus-5-5/overview", 4, 20, 0.20, 5)),
    ["claude-opus-5"] = adaptive(dollars(PAGES .. "opus-5/overview", 5, 25, 0.50, 6.25)),
    -- A cut of the cache read to half is reported elsewhere. The dearer one stands until the page
    -- itself says so: a budget must not be overrun by a rumour.
    ["claude-sonnet-5-5"] = adaptive(dollars(PAGES .. "sonnet-5-5/overview", 2, 10, 0.20, 2.50)),
    ["claude-sonnet-5"] = adaptive(dollars(PAGES .. "sonnet-5/overview", 2, 10, 0.20, 2.50)),
    ["claude-haiku-5-5"] = adaptive(HAIKU_5_5),
    ["claude-haiku-4-5"] = { provider = "anthropic", context = 200000, max_output = 64000,
      prices = HAIKU_4_5 },
    ["claude-haiku-4-5-20251001"] = { provider = "anthropic", context = 200000, max_output = 64000,
      prices = HAIKU_4_5 },
    ["claude-opus-4-8"] = { provider = "anthropic", prices = OPUS_4 },
    ["claude-opus-4-7"] = { provider = "anthropic", prices = OPUS_4 },
    ["claude-opus-4-6"] = { provider = "anthropic", prices = OPUS_4 },
    ["claude-opus-4-5"] = { provider = "anthropic", prices = OPUS_4 },
    ["claude-opus-4-5-20251101"] = { provider = "anthropic", prices = OPUS_4 },
    ["claude-sonnet-4-6"] = { provider = "anthropic" },
    ["claude-sonnet-4-5"] = { provider = "anthropic", retires = "2026-11-30" },
    ["claude-sonnet-4-5-20250929"] = { provider = "anthropic", retires = "2026-11-30" },
    -- by invitation
    ["claude-mythos-5-2"] = { provider = "anthropic", thinking = "adaptive" },
    ["claude-mythos-5-1"] = { provider = "anthropic", thinking = "adaptive" },
    ["claude-mythos-5"] = { provider = "anthropic", thinking = "adaptive" },
    ["claude-mythos-preview"] = { provider = "anthropic" },
  },

  -- The first whose provider can be asked is taken.
  tiers = {
    large = { "claude-opus-5-5", "claude-opus-5" },
    medium = { "claude-sonnet-5-5", "claude-sonnet-5" },
    small = { "claude-haiku-5-5", "claude-haiku-4-5" },
  },

  -- What answers instead when nobody in a tier does. Never dearer than what was asked for.
  fallbacks = { large = { "medium" }, medium = { "small" }, small = {} },

  -- A definition''s `complexity`.
  complexity = {
    complex = "large", expert = "large", high = "large",
    moderate = "medium", medium = "medium", standard = "medium",
    simple = "small", basic = "small", low = "small",
    default = "medium", -- for a definition that says nothing
  },

  -- Names from the field, in lower case, with "-" for blanks, dots and underscores. `inherit` is
  -- not among them: it stands for what the asking agent uses.
  aliases = {
    opus = "large", sonnet = "medium", haiku = "small", fable = "claude-fable-5-2",
    opusplan = "large", best = "large", default = "medium", fast = "small",
  },

  -- For names that are neither listed nor an alias: Lua patterns, the first that fits wins. Retired
  -- models come first, then `owns` of the providers, then the names of other makers.
  retired = {
    { "^claude%-3.*haiku", "small" }, { "^claude%-3.*opus", "large" }, { "^claude%-3", "medium" },
    { "^claude%-haiku%-3", "small" }, { "^claude%-opus%-3", "large" },
    { "^claude%-sonnet%-3", "medium" }, { "^claude%-4%-1?%-?opus", "large" },
    { "^claude%-4%-sonnet", "medium" },
    { "^claude%-opus%-4$", "large" }, { "^claude%-sonnet%-4$", "medium" },
    { "^claude%-opus%-4%-[01]", "large" }, { "^claude%-sonnet%-4%-0", "medium" },
    { "^claude%-opus%-4%-2025", "large" }, { "^claude%-sonnet%-4%-2025", "medium" },
    { "^claude%-instant", "small" }, { "^claude%-[12]", "medium" }, { "^claude$", "medium" },
  },
  others = {
    { "%-mini", "small" }, { "%-nano", "small" }, { "%-flash", "small" }, { "%-lite", "small" },
    { "^gpt%-3", "small" }, { "^gpt%-4", "medium" }, { "^gpt%-", "large" },
    { "^chatgpt", "medium" },
    { "^o%d", "large" }, { "^gemini.*pro", "large" }, { "^gemini", "medium" },
    { "haiku", "small" }, { "sonnet", "medium" }, { "opus", "large" },
  },

  -- Bounds of one request. Milliseconds; bytes.
  limits = {
    max_tokens = 32000, -- of a reply, where the model allows it and nobody says otherwise
    connect_ms = 20000, first_byte_ms = 120000, idle_ms = 60000,
    body_limit = 32 * 1024 * 1024,
    attempts = 3,
    first_wait_ms = 1000, most_wait_ms = 20000, -- between attempts; doubled each time, full jitter
    most_asked_ms = 60000, -- a server that asks for longer is not waited for
  },
}
' AS BLOB));
INSERT INTO texts VALUES('3838697dfcbf9f5d533bd754060eb6a84386565af280de766da02d41370dbc83',CAST('--- What a model is told besides its definition, and what one agent hands to the next. Pure; edit it.
local text = require "lib.text"

local RESULT_MOST <const> = 16000 -- bytes of a result that the next agent is given
local TASK_MOST   <const> = 8000
local FILES_MOST  <const> = 50

local function section(title, body) return ("## %s\n%s"):format(title, body) end

--- The system prompt: the definition''s own text, then the facts of this run. The last section holds
--- the line `Agent: NAME`.
---@param facts { agent: table, date: string, system: string, workspace: string?, sandbox: string }
---@return string
local function prompt(facts)
  local lines = {}
  local function put(name, value) lines[#lines + 1] = ("%s: %s"):format(name, value) end
  put("Date", facts.date)
  put("System", facts.system)
  if facts.workspace then put("Workspace", facts.workspace) end
  if facts.sandbox == "full" then put("Commands", "run in a sandbox: no network, nothing outside the workspace") end
  put("Agent", facts.agent.name)
  return text.trim(facts.agent.prompt) .. "\n\n" .. section("Where you work", table.concat(lines, "\n")) .. "\n"
end

--- The first message of the next agent: it sees nothing of the conversation before.
---@param facts { task: string, from: string, to: string, result: string, reason: string?, files: string[]? }
---@return string
local function handover(facts)
  local parts = {
    ("%s hands this work to you."):format(facts.from),
    section("Task", text.cut_middle(facts.task, TASK_MOST)),
    section(("Result of %s"):format(facts.from), text.cut_middle(facts.result, RESULT_MOST)),
  }
  if facts.reason then parts[#parts + 1] = section("Why you", facts.reason) end
  if facts.files and #facts.files > 0 then
    local list = {}
    for i, path in ipairs(facts.files) do
      if i > FILES_MOST then
        list[i] = ("- and %d more"):format(#facts.files - FILES_MOST)
        break
      end
      list[i] = "- " .. path
    end
    parts[#parts + 1] = section("Files changed so far", table.concat(list, "\n"))
  end
  return table.concat(parts, "\n\n") .. "\n"
end

return { prompt = prompt, handover = handover }
' AS BLOB));
INSERT INTO texts VALUES('f2d30245cda56f63e7b090a37af8285af079bb320237429db32ffbe74055b514',CAST('--- Decides which model answers, and who goes on when a part has ended. Edit it: nothing is compiled.
--- Pure functions of facts: they wait for nothing and remember nothing. The first rule that holds
--- wins; its `why` is journaled.
local route = require "lib.route"

local POOR <const> = 0.05 -- dollars left: too little for a large turn

return {
  --- The models to try, in order. `facts`: left_usd (dollars that the run may still spend), tokens
  --- (that it has used). nil leaves it to the definition (its `model`, else the tier of its
  --- `complexity`).
  model = route.first {
    { why = "the budget is nearly spent", when = function(_, facts) return facts.left_usd < POOR end, models = { "small" } },
    { why = "what the definition asks for" },
  },

  next = route.by_relations,
}
' AS BLOB));
INSERT INTO texts VALUES('37c01a2ce985fdca4ba0f91d44a579e17868d59dbe636455318b34b5f7075943',CAST('--- Decides for each call whether it may be made: allow, ask a person, or deny. Pure: reads the call and
--- the facts, waits for nothing, remembers nothing. Denials are looked at first, then questions, then
--- permissions; within each the first rule that holds wins, and its `why` is journaled and told.
---
--- What the sandbox and the grant forbid stays forbidden whatever stands here: this file says what of
--- the possible is wanted.
local command = require "lib.command"
local tool    = require "lib.tool"

---@class policy.Call
---@field tool   string
---@field input  table    already checked against the tool''s schema
---@field effect "read"|"write"|"outside"
---@field needs  Needs
---@field reach  string   in words
---@field agent  string
---@field scopes? string[] what the agent''s `tools` field said in brackets for this tool: "git:*"

---@class policy.Facts
---@field sandbox "full"|"none"|"unconfined"

---@class policy.Verdict
---@field verdict "allow"|"ask"|"deny"
---@field why     string

---@class policy.Rule
---@field when    fun(call: policy.Call, facts: policy.Facts): any
---@field verdict "allow"|"ask"|"deny"
---@field why     string|fun(call: policy.Call, facts: policy.Facts): string

--- Why a call leaves the sandbox or the workspace, or nil when it stays.
local function leaves(call)
  local inside, why = tool.stays_inside(call.effect, call.needs)
  return not inside and why or nil
end

local function starts_commands(call) return call.needs and call.needs.exec ~= nil end

---@type policy.Rule[]
local RULES <const> = {
  {
    verdict = "deny",
    when = leaves,
    why  = function(call) return leaves(call) .. "; so far only what stays in the sandbox and the workspace is allowed" end,
  },
  {
    verdict = "deny",
    when = function(call, facts)
      return starts_commands(call) and facts.sandbox ~= "full" and facts.sandbox ~= "unconfined"
    end,
    why  = "it starts a command, and there is no sandbox on this machine; `perigee doctor` says what is missing",
  },
  {
    verdict = "deny",
    when = function(call) return call.scopes and not command.fits(call.input.command, call.scopes) end,
    why  = function(call)
      return ("the agent''s definition gives it %s only for single commands that fit: %s")
        :format(call.tool, table.concat(call.scopes, ", "))
    end,
  },
  {
    verdict = "allow",
    when = function(call, facts) return starts_commands(call) and facts.sandbox == "unconfined" end,
    why  = "the user switched the sandbox off for this run by name",
  },
  {
    verdict = "allow",
    when = function(call) return not leaves(call) end,
    why  = "it stays in the sandbox and the workspace",
  },
}

---@param call  policy.Call
---@param facts policy.Facts
---@return policy.Verdict
local function decide(call, facts)
  for _, verdict in ipairs { "deny", "ask", "allow" } do
    for _, rule in ipairs(RULES) do
      if rule.verdict == verdict and rule.when(call, facts) then
        local why = type(rule.why) == "function" and rule.why(call, facts) or rule.why
        return { verdict = verdict, why = why }
      end
    end
  end
  return { verdict = "deny", why = "no rule allows it" }
end

return { decide = decide }
' AS BLOB));
INSERT INTO texts VALUES('3bc31e36c12a868f2f978223e466dfb9e5fd0976e533e79ae1f61302caa50bae',CAST('--- Writes whole files. A file that is there already is replaced only as this run knows it: read or
--- written before, and unchanged since. What nobody looked at is not lost by a guess.
local schema = require "lib.schema"
local text   = require "lib.text"

local CONTENT_MOST <const> = 4000000 -- characters

local function refuse(path, why) return nil, { code = "invalid", message = path .. " " .. why } end

---@async
---@param input { path: string, content: string }
---@param call  Call
---@return string? words, Error? err
local function write(input, call)
  local before, err = call.info(input.path)
  if not before and err.code ~= "not_found" then return nil, err end
  if before and before.kind == "folder" then return refuse(input.path, "is a folder; name a file in it") end

  local info
  info, err = call.write(input.path, input.content, { expect = before and "seen" or "new" })
  if not info and err.code == "invalid" then
    if not before then return refuse(input.path, "appeared while it was written; read it, then decide") end
    return refuse(input.path, "exists, and this run has not read it as it is now; read it first, "
      .. "then write it again or use edit")
  end
  if not info then return nil, err end

  local lines = #text.lines(input.content)
  return ("%s %s: %s, %s."):format(before and "Replaced" or "Created", input.path,
    text.plural(lines, "line"), text.plural(#input.content, "byte"))
end

return {
  description = "Write a whole file: a new one, or one that was read before and has not changed since. Folders on "
    .. "the way are made. To change a part of a file use edit.",
  input       = schema.object {
    { "path",    schema.path(),                         "File inside the workspace." },
    { "content", schema.text { max = CONTENT_MOST },    "All that the file shall hold." },
  },
  effect      = "write",
  needs       = { read = { "." }, write = { "." } },
  timeout     = "30s",
  run         = write,
}
' AS BLOB));
INSERT INTO texts VALUES('0b2fc398748c1ed12f3035305d12d69b5683d41ad7151a55f8210dc071807342',CAST('--- Reads a file with line numbers, or lists a folder.
local schema = require "lib.schema"
local text   = require "lib.text"

local FILE_MOST    <const> = 8000000  -- bytes that are read
local BYTES_MOST   <const> = 60000    -- of the answer
local LINE_MOST    <const> = 2000     -- bytes of one line that are shown
local ENTRIES_MOST <const> = 1000
local SNIFF        <const> = 8192     -- bytes that decide whether a file is text, as git does
local BOM          <const> = "\xEF\xBB\xBF"

local SIGNATURES <const> = { -- first bytes of what people keep beside text
  { "\x89PNG\r\n\x1a\n", "PNG image" }, { "\xFF\xD8\xFF", "JPEG image" }, { "GIF87a", "GIF image" },
  { "GIF89a", "GIF image" }, { "\xFF\xFE", "UTF-16 text" }, { "\xFE\xFF", "UTF-16 text" },
  { "%PDF-", "PDF document" }, { "PK\x03\x04", "ZIP archive" }, { "\x1F\x8B", "gzip archive" },
  { "\x7FELF", "ELF program" }, { "SQLite format 3\0", "SQLite database" }, { "\0asm", "WebAssembly module" },
}

--- What a binary file is, or nil for text.
local function binary_kind(bytes)
  for _, signature in ipairs(SIGNATURES) do
    if bytes:sub(1, #signature[1]) == signature[1] then return signature[2] end
  end
  return bytes:sub(1, SNIFF):find("\0", 1, true) and "binary file" or nil
end

local function show_folder(path, entries)
  if #entries == 0 then return path .. " is an empty folder." end
  local lines = {}
  for i = 1, math.min(#entries, ENTRIES_MOST) do
    local entry = entries[i]
    local mark = entry.kind == "folder" and "/" or entry.kind == "link" and " (link)"
      or entry.kind == "other" and " (no file)" or (" (%s)"):format(text.plural(entry.size, "byte"))
    lines[i] = text.valid(entry.name) .. mark
  end
  local more = #entries - #lines
  if more > 0 then lines[#lines + 1] = ("[... %s left out ...]"):format(text.plural(more, "more entry", "more entries")) end
  return text.cut_middle(table.concat(lines, "\n"), BYTES_MOST)
end

--- One line with its number; a long one is cut.
local function numbered(number, line)
  if #line > LINE_MOST then
    local head = text.cut_end(line, LINE_MOST)
    line = ("%s [... %d bytes left out ...]"):format(head, #line - #head)
  end
  return ("%6d\t%s"):format(number, line)
end

--- The numbered lines from `first` to `last`. Where they are too many, the middle is left out and the
--- note says how to read it.
local function show_lines(lines, first, last)
  local shown, bytes = {}, 0
  for i = first, last do
    local line = numbered(i, lines[i])
    shown[#shown + 1], bytes = line, bytes + #line + 1
  end
  if bytes <= BYTES_MOST then return table.concat(shown, "\n") end

  local head, tail, used = 0, #shown + 1, 0
  while head + 1 < tail do -- from both ends by turns, until the room is used
    local at = head <= #shown - tail and head + 1 or tail - 1
    if used + #shown[at] + 1 > BYTES_MOST then break end
    used = used + #shown[at] + 1
    if at == head + 1 then head = at else tail = at end
  end
  local from, to = first + head, first + tail - 2
  local note = ("[... lines %d to %d left out; read them with offset=%d limit=%d ...]"):format(from, to, from, to - from + 1)
  return table.concat(shown, "\n", 1, head) .. "\n" .. note .. "\n" .. table.concat(shown, "\n", tail, #shown)
end

--- What the numbered lines cannot show.
local function remarks(bytes, wrong, last, total)
  local said = {}
  if last < total then said[#said + 1] = ("%s after this; go on with offset=%d"):format(text.plural(total - last, "line"), last + 1) end
  if bytes:find("\r\n", 1, true) then said[#said + 1] = "line ends are CRLF" end
  if bytes:sub(1, 3) == BOM then said[#said + 1] = "begins with a byte order mark" end
  if wrong > 0 then said[#said + 1] = ("%s no UTF-8, shown as \u{FFFD}"):format(text.plural(wrong, "byte is", "bytes are")) end
  return #said > 0 and "\n[" .. table.concat(said, "; ") .. "]" or ""
end

local function show_file(input, bytes)
  local kind = binary_kind(bytes)
  if kind then return ("%s is no text: %s, %s."):format(input.path, kind, text.plural(#bytes, "byte")) end
  if #bytes == 0 then return input.path .. " is an empty file." end

  local valid, wrong = text.valid(bytes:sub(1, 3) == BOM and bytes:sub(4) or bytes)
  local lines = text.lines(valid)
  local first = input.offset
  if first > #lines then
    return nil, { code = "invalid", message = ("%s has %s; offset %d lies behind its end"):format(
      input.path, text.plural(#lines, "line"), first) }
  end
  local last = input.limit and math.min(#lines, first + input.limit - 1) or #lines
  return show_lines(lines, first, last) .. remarks(bytes, wrong, last, #lines)
end

---@async
---@param input { path: string, offset: integer, limit: integer? }
---@param call  Call
---@return string? text, Error? err
local function read(input, call)
  local bytes, info = call.read(input.path, { most = FILE_MOST })
  if bytes then return show_file(input, bytes) end

  local err = info
  if err.code == "limit" then
    return nil, { code = "limit", message = ("%s is larger than %d bytes; look at parts of it with grep, or bash and sed -n"):format(
      input.path, FILE_MOST) }
  end
  if err.code ~= "invalid" then return nil, err end
  local entries = call.list(input.path) -- a folder is no file: then show what is in it
  if not entries then return nil, err end
  return show_folder(input.path, entries)
end

return {
  description = "Read a text file with line numbers, or list a folder. Of a very long text the middle is left out; "
    .. "read it in parts with offset and limit.",
  input       = schema.object {
    { "path",   schema.path(),                          "File or folder inside the workspace." },
    { "offset", schema.integer { min = 1, default = 1 }, "First line to show, counted from 1." },
    { "limit",  schema.integer { min = 1 },             "Most lines to show.", optional = true },
  },
  effect      = "read",
  needs       = { read = { "." } },
  timeout     = "30s",
  run         = read,
}
' AS BLOB));
INSERT INTO texts VALUES('57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515',CAST('local schema = require "lib.schema"
return {
  description = "Counts.",
  input = schema.object { { "word", schema.text(), "What is counted." } },
  effect = "write", needs = { read = { "." }, write = { "." } },
  run = function(input, call)
    local path = "marks/" .. input.word
    local count = tonumber(call.read(path) or "0") + 1
    local ok, err = call.write(path, tostring(count))
    if not ok then return nil, err end
    return "Marked " .. input.word .. "."
  end,
}
' AS BLOB));
INSERT INTO texts VALUES('e1e256fef0a47b4d3f7637310016da09457d9182bddf3e1b723f97d233262860',CAST('local rehearse = require "lib.rehearse"
local whatever = rehearse.anything("a call may have an unknown outcome")
local function turn(said, ...) return { expect = whatever, text = said, calls = { ... } } end
local function mark(word) return { "mark", { word = word } } end
return { agents = {
  ["ender-agent"] = { { turn("I do it.", { "write", { path = "done.txt", content = "done\n" } },
    mark("done")), turn("All is done.") } },
  ["worker-agent"] = { { turn("I begin.", { "write", { path = "begun.txt", content = "begun\n" } },
    mark("begun")), turn("I go on.", { "read", { path = "begun.txt" } }, mark("lost")),
    turn("I ended.") } },
  ["asker-agent"] = { { turn("I ask.", mark("asked"),
    { "escalate", { to = "User", question = "Which colour?" } }),
    turn(function(given) return "It is " .. given.results[2].text .. "." end) } },
  ["marker-agent"] = { { turn("I mark it.", mark("end")), turn("The end is marked.") } },
  ["builder-agent"] = { { turn("I build.", mark("built")), turn("Built.") } },
  ["helper-agent"] = { { turn("I help.", mark("helped")), turn("Helped.") } },
} }
' AS BLOB));
INSERT INTO texts VALUES('b02274ebb9216e6b0e6952269101d5c7b5b205d63f9275740e81ec0155713d95',CAST('--- The rehearsal model as a dialect: there is no wire, so events come from a reply that is whole
--- (lib/rehearsal.lua). Text comes in pieces all the same, so that whoever watches sees it stream.
local json = require "lib.json"
local rehearsal = require "lib.rehearsal"

local dialect = { name = "rehearsal" }

--- One message as JSON, in our own form.
---@param message Message
---@return string
function dialect.encode(message) return json.encode(message) end

--- The events that a stream of `reply` would have made.
---@param reply Reply
---@return DialectEvent[]
function dialect.events(reply)
  local events = {}
  for _, block in ipairs(reply.content) do
    if block.type == "call" then
      events[#events + 1] = { kind = "call", id = block.id, name = block.name, input = block.input }
    else
      for _, piece in ipairs(rehearsal.pieces(block.text)) do
        events[#events + 1] = { kind = block.type, text = piece }
      end
    end
  end
  if reply.usage then events[#events + 1] = { kind = "usage", usage = reply.usage } end
  events[#events + 1] = { kind = "stop", stop = reply.stop, stop_raw = reply.stop_raw }
  return events
end

return dialect
' AS BLOB));
INSERT INTO texts VALUES('b80b55725fdf7e279bc2cf1e0f397a6be31294d4cc4394d7a3453272eaf04ada',CAST('local schema = require "lib.schema"
return { params = schema.object {}, run = function(run)
  local facts = run.step("facts", function()
    run.tool("mark", { word = "facts" })
    return { number = 7 }
  end)
  local both, err = run.all {
    build = function() return run.ask("builder-agent", "Build it") end,
    help = function()
      run.sleep(60)
      return run.ask("helper-agent", "Help")
    end,
  }
  if not both then return nil, err end
  local word
  run.tool("mark", { word = "last" })
  return { number = facts.number, build = both.build, help = both.help, word = word }
end }
' AS BLOB));
INSERT INTO texts VALUES('f8ddec1435715dfbbffaa952b042967292db942da882858d41f8bde40262cdec',CAST('local schema = require "lib.schema"
return { params = schema.object {}, run = function(run)
  local facts = run.step("facts", function()
    run.tool("mark", { word = "facts" })
    return { number = 7 }
  end)
  local both, err = run.all {
    build = function() return run.ask("builder-agent", "Build it") end,
    help = function()
      run.sleep(60)
      return run.ask("helper-agent", "Help")
    end,
  }
  if not both then return nil, err end
  local word = run.question("Shall it go?", { choices = { "yes", "no" } })
  run.tool("mark", { word = "last" })
  return { number = facts.number, build = both.build, help = both.help, word = word }
end }
' AS BLOB));
PRAGMA application_id=1348825703;
PRAGMA user_version=1;
