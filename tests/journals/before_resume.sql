-- Made by tests/journals/make. See README.md there.
-- run finished 20261123-061020-cw8seu 0
-- run interrupted 20261123-061020-5493cq 38
-- run question 20261123-061020-yq9qfb 0
-- run approval 20261123-061020-sfetfe 0
-- run chain 20261123-061020-ycwaft 38
-- run chain-asks 20261123-061021-sfvcph 0
-- file finished/done.txt "done\n"
-- file finished/marks/done "1"
-- file interrupted/begun.txt "begun\n"
-- file interrupted/marks/begun "1"
-- file interrupted/marks/lost "1"
-- file chain-asks/marks/facts "1"
-- file chain-asks/marks/built "1"
-- file chain-asks/marks/helped "1"
-- file chain-asks/marks/last "1"
-- file question/marks/asked "1"
-- file chain/marks/facts "1"
-- file chain/marks/built "1"
-- file chain/marks/helped "1"
CREATE TABLE runs(run TEXT PRIMARY KEY, parent TEXT NOT NULL, agent TEXT NOT NULL,  task TEXT NOT NULL, status TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER NOT NULL);
CREATE INDEX runs_by_start ON runs(started);
CREATE TABLE records(format INTEGER NOT NULL, run TEXT NOT NULL, seq INTEGER NOT NULL,  time INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY(run, seq));
CREATE TABLE texts(hash TEXT PRIMARY KEY, text BLOB NOT NULL);
CREATE TABLE owners(run TEXT PRIMARY KEY, lease INTEGER NOT NULL, pid INTEGER NOT NULL);
CREATE TABLE leases(lease INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE inbox(number INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL,  body TEXT NOT NULL);
CREATE INDEX inbox_by_run ON inbox(run);
CREATE INDEX runs_by_parent ON runs(parent);
INSERT INTO runs VALUES('20261123-061020-cw8seu','','ender-agent','The task of finished','ok',1795414220269,1795414220278);
INSERT INTO runs VALUES('20261123-061020-5493cq','','worker-agent','The task of interrupted','running',1795414220495,0);
INSERT INTO runs VALUES('20261123-061020-yq9qfb','','asker-agent','The task of question','ok',1795414220546,1795414220555);
INSERT INTO runs VALUES('20261123-061020-sfetfe','','marker-agent','The task of approval','ok',1795414220593,1795414220598);
INSERT INTO runs VALUES('20261123-061020-ycwaft','','chain','The task of chain','running',1795414220915,0);
INSERT INTO runs VALUES('20261123-061020-3m6fnh','20261123-061020-ycwaft','builder-agent','Build it','ok',1795414220923,1795414220925);
INSERT INTO runs VALUES('20261123-061020-rwqwrf','20261123-061020-ycwaft','helper-agent','Help','running',1795414220984,0);
INSERT INTO runs VALUES('20261123-061021-sfvcph','','asks','The task of chain-asks','ok',1795414221026,1795414221101);
INSERT INTO runs VALUES('20261123-061021-2ehfj4','20261123-061021-sfvcph','builder-agent','Build it','ok',1795414221034,1795414221037);
INSERT INTO runs VALUES('20261123-061021-b64jxt','20261123-061021-sfvcph','helper-agent','Help','ok',1795414221095,1795414221098);
INSERT INTO records VALUES(1,'20261123-061020-cw8seu',1,1795414220273,'run.started','{"agent":"ender-agent","files":{"@HOME@/scenario.lua":"e1e256fef0a47b4d3f7637310016da09457d9182bddf3e1b723f97d233262860","lua/context.lua":"44e3afaec48f62b6fbfa87fb53c789d7aacd88b1f55e28474b8ac1c440e3fe09","lua/models.lua":"d1dfdb1eaa8f951401a5b9609d3b4a8f3c306167a8ceee722c26c2689de533fd","lua/policy.lua":"fe6935069c34fe003b51930a74a94a09da8c26c5d1101b7d35aca22578d663bc","lua/routing.lua":"bbdc12729cc1571d1ef36bd2253452c853cb93624b6c2c4784166542fa5e6319","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"068f93182f7b8a6d220bc75a6d9916782b1bf53f575079f79d5189c7838a8c06","tools/write.lua":"78f6efff807a6c54f38eb6533cd5c2257ac289c4d8b4609002b88d5dadde7f4a"},"format":1,"hops":"auto","model":"rehearsal:@HOME@/scenario.lua","sandbox":"full","task":"The task of finished","workspace":"@HOME@/work/finished"}');
INSERT INTO records VALUES(1,'20261123-061020-cw8seu',2,1795414220273,'decision','{"agent":"ender-agent","model":"rehearsed","what":"model","why":"--model; named"}');
INSERT INTO records VALUES(1,'20261123-061020-cw8seu',3,1795414220273,'prompt','{"agent":"ender-agent","dialect":"rehearsal","first":"The task of finished","model":"rehearsed","system":"You work.\n\n## Where you work\nDate: 2026-11-23\nSystem: Linux\nWorkspace: @HOME@/work/finished\nCommands: run in a sandbox: no network, nothing outside the workspace\nAgent: ender-agent\n","tools":["read","write","mark"]}');
INSERT INTO records VALUES(1,'20261123-061020-cw8seu',4,1795414220273,'turn','{"agent":"ender-agent","content":[{"text":"I do it.","type":"text"},{"id":"call_ender_1_1_1","input":"{\"content\":\"done\\n\",\"path\":\"done.txt\"}","name":"write","type":"call"},{"id":"call_ender_1_1_2","input":"{\"word\":\"done\"}","name":"mark","type":"call"}],"model":"rehearsed","stop":"calls","stop_raw":"tool_use","turn":1}');
INSERT INTO records VALUES(1,'20261123-061020-cw8seu',5,1795414220274,'decision','{"call":"call_ender_1_1_1","from":"policy.lua (default)","tool":"write","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061020-cw8seu',6,1795414220274,'call','{"effect":"write","id":"call_ender_1_1_1","input":{"content":"done\n","path":"done.txt"},"tool":"write"}');
INSERT INTO records VALUES(1,'20261123-061020-cw8seu',7,1795414220275,'result','{"data":{"added":1,"removed":0},"error":false,"id":"call_ender_1_1_1","name":"write","text":"Created done.txt: 1 line, 5 bytes."}');
INSERT INTO records VALUES(1,'20261123-061020-cw8seu',8,1795414220276,'decision','{"call":"call_ender_1_1_2","from":"policy.lua (default)","tool":"mark","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061020-cw8seu',9,1795414220276,'call','{"effect":"write","id":"call_ender_1_1_2","input":{"word":"done"},"tool":"mark"}');
INSERT INTO records VALUES(1,'20261123-061020-cw8seu',10,1795414220277,'result','{"error":false,"id":"call_ender_1_1_2","name":"mark","text":"Marked done."}');
INSERT INTO records VALUES(1,'20261123-061020-cw8seu',11,1795414220277,'turn','{"agent":"ender-agent","content":[{"text":"All is done.","type":"text"}],"model":"rehearsed","stop":"end","stop_raw":"end_turn","turn":2}');
INSERT INTO records VALUES(1,'20261123-061020-cw8seu',12,1795414220277,'decision','{"agent":"ender-agent","triggers":[],"what":"next","why":"no rule holds: no handoff, and no trigger phrase that names an agent"}');
INSERT INTO records VALUES(1,'20261123-061020-cw8seu',13,1795414220278,'run.finished','{"files":{"@HOME@/scenario.lua":"e1e256fef0a47b4d3f7637310016da09457d9182bddf3e1b723f97d233262860","lua/context.lua":"44e3afaec48f62b6fbfa87fb53c789d7aacd88b1f55e28474b8ac1c440e3fe09","lua/dialects/rehearsal.lua":"ba22ea350542c754b550d6db38ac2c3930799dd17842428cd4148ec64908bc6f","lua/models.lua":"d1dfdb1eaa8f951401a5b9609d3b4a8f3c306167a8ceee722c26c2689de533fd","lua/policy.lua":"fe6935069c34fe003b51930a74a94a09da8c26c5d1101b7d35aca22578d663bc","lua/routing.lua":"bbdc12729cc1571d1ef36bd2253452c853cb93624b6c2c4784166542fa5e6319","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"068f93182f7b8a6d220bc75a6d9916782b1bf53f575079f79d5189c7838a8c06","tools/write.lua":"78f6efff807a6c54f38eb6533cd5c2257ac289c4d8b4609002b88d5dadde7f4a"},"result":{"agent":"ender-agent","hops":[{"agent":"ender-agent","text":"All is done."}],"status":"ok","text":"All is done."},"spent":{"calls":2,"children":0,"hops":0,"tokens":0,"turns":2,"usd":0},"status":"ok"}');
INSERT INTO records VALUES(1,'20261123-061020-5493cq',1,1795414220498,'run.started','{"agent":"worker-agent","files":{"@HOME@/scenario.lua":"e1e256fef0a47b4d3f7637310016da09457d9182bddf3e1b723f97d233262860","lua/context.lua":"44e3afaec48f62b6fbfa87fb53c789d7aacd88b1f55e28474b8ac1c440e3fe09","lua/models.lua":"d1dfdb1eaa8f951401a5b9609d3b4a8f3c306167a8ceee722c26c2689de533fd","lua/policy.lua":"fe6935069c34fe003b51930a74a94a09da8c26c5d1101b7d35aca22578d663bc","lua/routing.lua":"bbdc12729cc1571d1ef36bd2253452c853cb93624b6c2c4784166542fa5e6319","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"068f93182f7b8a6d220bc75a6d9916782b1bf53f575079f79d5189c7838a8c06","tools/write.lua":"78f6efff807a6c54f38eb6533cd5c2257ac289c4d8b4609002b88d5dadde7f4a"},"format":1,"hops":"auto","model":"rehearsal:@HOME@/scenario.lua","sandbox":"full","task":"The task of interrupted","workspace":"@HOME@/work/interrupted"}');
INSERT INTO records VALUES(1,'20261123-061020-5493cq',2,1795414220499,'decision','{"agent":"worker-agent","model":"rehearsed","what":"model","why":"--model; named"}');
INSERT INTO records VALUES(1,'20261123-061020-5493cq',3,1795414220499,'prompt','{"agent":"worker-agent","dialect":"rehearsal","first":"The task of interrupted","model":"rehearsed","system":"You work.\n\n## Where you work\nDate: 2026-11-23\nSystem: Linux\nWorkspace: @HOME@/work/interrupted\nCommands: run in a sandbox: no network, nothing outside the workspace\nAgent: worker-agent\n","tools":["read","write","mark"]}');
INSERT INTO records VALUES(1,'20261123-061020-5493cq',4,1795414220499,'turn','{"agent":"worker-agent","content":[{"text":"I begin.","type":"text"},{"id":"call_worker_1_1_1","input":"{\"content\":\"begun\\n\",\"path\":\"begun.txt\"}","name":"write","type":"call"},{"id":"call_worker_1_1_2","input":"{\"word\":\"begun\"}","name":"mark","type":"call"}],"model":"rehearsed","stop":"calls","stop_raw":"tool_use","turn":1}');
INSERT INTO records VALUES(1,'20261123-061020-5493cq',5,1795414220499,'decision','{"call":"call_worker_1_1_1","from":"policy.lua (default)","tool":"write","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061020-5493cq',6,1795414220499,'call','{"effect":"write","id":"call_worker_1_1_1","input":{"content":"begun\n","path":"begun.txt"},"tool":"write"}');
INSERT INTO records VALUES(1,'20261123-061020-5493cq',7,1795414220501,'result','{"data":{"added":1,"removed":0},"error":false,"id":"call_worker_1_1_1","name":"write","text":"Created begun.txt: 1 line, 6 bytes."}');
INSERT INTO records VALUES(1,'20261123-061020-5493cq',8,1795414220501,'decision','{"call":"call_worker_1_1_2","from":"policy.lua (default)","tool":"mark","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061020-5493cq',9,1795414220501,'call','{"effect":"write","id":"call_worker_1_1_2","input":{"word":"begun"},"tool":"mark"}');
INSERT INTO records VALUES(1,'20261123-061020-5493cq',10,1795414220504,'result','{"error":false,"id":"call_worker_1_1_2","name":"mark","text":"Marked begun."}');
INSERT INTO records VALUES(1,'20261123-061020-5493cq',11,1795414220504,'turn','{"agent":"worker-agent","content":[{"text":"I go on.","type":"text"},{"id":"call_worker_1_2_1","input":"{\"path\":\"begun.txt\"}","name":"read","type":"call"},{"id":"call_worker_1_2_2","input":"{\"word\":\"lost\"}","name":"mark","type":"call"}],"model":"rehearsed","stop":"calls","stop_raw":"tool_use","turn":2}');
INSERT INTO records VALUES(1,'20261123-061020-5493cq',12,1795414220504,'decision','{"call":"call_worker_1_2_1","from":"policy.lua (default)","tool":"read","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061020-5493cq',13,1795414220504,'call','{"effect":"read","id":"call_worker_1_2_1","input":{"numbers":false,"offset":1,"path":"begun.txt"},"tool":"read"}');
INSERT INTO records VALUES(1,'20261123-061020-5493cq',14,1795414220506,'result','{"error":false,"id":"call_worker_1_2_1","name":"read","text":"begun"}');
INSERT INTO records VALUES(1,'20261123-061020-5493cq',15,1795414220506,'decision','{"call":"call_worker_1_2_2","from":"policy.lua (default)","tool":"mark","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061020-5493cq',16,1795414220506,'call','{"effect":"write","id":"call_worker_1_2_2","input":{"word":"lost"},"tool":"mark"}');
INSERT INTO records VALUES(1,'20261123-061020-yq9qfb',1,1795414220550,'run.started','{"agent":"asker-agent","files":{"@HOME@/scenario.lua":"e1e256fef0a47b4d3f7637310016da09457d9182bddf3e1b723f97d233262860","lua/context.lua":"44e3afaec48f62b6fbfa87fb53c789d7aacd88b1f55e28474b8ac1c440e3fe09","lua/models.lua":"d1dfdb1eaa8f951401a5b9609d3b4a8f3c306167a8ceee722c26c2689de533fd","lua/policy.lua":"fe6935069c34fe003b51930a74a94a09da8c26c5d1101b7d35aca22578d663bc","lua/routing.lua":"bbdc12729cc1571d1ef36bd2253452c853cb93624b6c2c4784166542fa5e6319","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"068f93182f7b8a6d220bc75a6d9916782b1bf53f575079f79d5189c7838a8c06","tools/write.lua":"78f6efff807a6c54f38eb6533cd5c2257ac289c4d8b4609002b88d5dadde7f4a"},"format":1,"hops":"auto","model":"rehearsal:@HOME@/scenario.lua","sandbox":"full","task":"The task of question","workspace":"@HOME@/work/question"}');
INSERT INTO records VALUES(1,'20261123-061020-yq9qfb',2,1795414220550,'decision','{"agent":"asker-agent","model":"rehearsed","what":"model","why":"--model; named"}');
INSERT INTO records VALUES(1,'20261123-061020-yq9qfb',3,1795414220550,'prompt','{"agent":"asker-agent","dialect":"rehearsal","first":"The task of question","model":"rehearsed","system":"You work.\n\n## Agent Relationships\n### Escalate To:\n- User (when a wish is unclear)\n\n## Where you work\nDate: 2026-11-23\nSystem: Linux\nWorkspace: @HOME@/work/question\nCommands: run in a sandbox: no network, nothing outside the workspace\nAgent: asker-agent\n","tools":["read","write","mark","escalate"]}');
INSERT INTO records VALUES(1,'20261123-061020-yq9qfb',4,1795414220551,'turn','{"agent":"asker-agent","content":[{"text":"I ask.","type":"text"},{"id":"call_asker_1_1_1","input":"{\"word\":\"asked\"}","name":"mark","type":"call"},{"id":"call_asker_1_1_2","input":"{\"question\":\"Which colour?\",\"to\":\"User\"}","name":"escalate","type":"call"}],"model":"rehearsed","stop":"calls","stop_raw":"tool_use","turn":1}');
INSERT INTO records VALUES(1,'20261123-061020-yq9qfb',5,1795414220551,'decision','{"call":"call_asker_1_1_1","from":"policy.lua (default)","tool":"mark","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061020-yq9qfb',6,1795414220551,'call','{"effect":"write","id":"call_asker_1_1_1","input":{"word":"asked"},"tool":"mark"}');
INSERT INTO records VALUES(1,'20261123-061020-yq9qfb',7,1795414220554,'result','{"error":false,"id":"call_asker_1_1_1","name":"mark","text":"Marked asked."}');
INSERT INTO records VALUES(1,'20261123-061020-yq9qfb',8,1795414220554,'call','{"effect":"read","id":"call_asker_1_1_2","input":{"question":"Which colour?","to":"User"},"tool":"escalate"}');
INSERT INTO records VALUES(1,'20261123-061020-yq9qfb',9,1795414220554,'question','{"agent":"asker-agent","call":"call_asker_1_1_2","text":"Which colour?","to":"User"}');
INSERT INTO records VALUES(1,'20261123-061020-yq9qfb',10,1795414220554,'answer','{"by":"nobody","call":"call_asker_1_1_2","error":{"code":"unavailable","message":"nobody is here to answer"}}');
INSERT INTO records VALUES(1,'20261123-061020-yq9qfb',11,1795414220554,'result','{"error":true,"id":"call_asker_1_1_2","name":"escalate","text":"There is no answer: nobody is here to answer. Your question is kept and will be shown with the result. Go on as far as you can without it, and say at the end what depends on the answer."}');
INSERT INTO records VALUES(1,'20261123-061020-yq9qfb',12,1795414220555,'turn','{"agent":"asker-agent","content":[{"text":"It is There is no answer: nobody is here to answer. Your question is kept and will be shown with the result. Go on as far as you can without it, and say at the end what depends on the answer..","type":"text"}],"model":"rehearsed","stop":"end","stop_raw":"end_turn","turn":2}');
INSERT INTO records VALUES(1,'20261123-061020-yq9qfb',13,1795414220555,'decision','{"agent":"asker-agent","triggers":[],"what":"next","why":"no rule holds: no handoff, and no trigger phrase that names an agent"}');
INSERT INTO records VALUES(1,'20261123-061020-yq9qfb',14,1795414220555,'run.finished','{"files":{"@HOME@/scenario.lua":"e1e256fef0a47b4d3f7637310016da09457d9182bddf3e1b723f97d233262860","lua/context.lua":"44e3afaec48f62b6fbfa87fb53c789d7aacd88b1f55e28474b8ac1c440e3fe09","lua/dialects/rehearsal.lua":"ba22ea350542c754b550d6db38ac2c3930799dd17842428cd4148ec64908bc6f","lua/models.lua":"d1dfdb1eaa8f951401a5b9609d3b4a8f3c306167a8ceee722c26c2689de533fd","lua/policy.lua":"fe6935069c34fe003b51930a74a94a09da8c26c5d1101b7d35aca22578d663bc","lua/routing.lua":"bbdc12729cc1571d1ef36bd2253452c853cb93624b6c2c4784166542fa5e6319","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"068f93182f7b8a6d220bc75a6d9916782b1bf53f575079f79d5189c7838a8c06","tools/write.lua":"78f6efff807a6c54f38eb6533cd5c2257ac289c4d8b4609002b88d5dadde7f4a"},"result":{"agent":"asker-agent","hops":[{"agent":"asker-agent","text":"It is There is no answer: nobody is here to answer. Your question is kept and will be shown with the result. Go on as far as you can without it, and say at the end what depends on the answer.."}],"questions":[{"agent":"asker-agent","question":"Which colour?","to":"User","why":"nobody is here to answer"}],"status":"ok","text":"It is There is no answer: nobody is here to answer. Your question is kept and will be shown with the result. Go on as far as you can without it, and say at the end what depends on the answer.."},"spent":{"calls":2,"children":0,"hops":0,"tokens":0,"turns":2,"usd":0},"status":"ok"}');
INSERT INTO records VALUES(1,'20261123-061020-sfetfe',1,1795414220597,'run.started','{"agent":"marker-agent","files":{"@HOME@/scenario.lua":"e1e256fef0a47b4d3f7637310016da09457d9182bddf3e1b723f97d233262860","lua/context.lua":"44e3afaec48f62b6fbfa87fb53c789d7aacd88b1f55e28474b8ac1c440e3fe09","lua/models.lua":"d1dfdb1eaa8f951401a5b9609d3b4a8f3c306167a8ceee722c26c2689de533fd","lua/policy.lua":"fe6935069c34fe003b51930a74a94a09da8c26c5d1101b7d35aca22578d663bc","lua/routing.lua":"bbdc12729cc1571d1ef36bd2253452c853cb93624b6c2c4784166542fa5e6319","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"068f93182f7b8a6d220bc75a6d9916782b1bf53f575079f79d5189c7838a8c06","tools/write.lua":"78f6efff807a6c54f38eb6533cd5c2257ac289c4d8b4609002b88d5dadde7f4a"},"format":1,"hops":"auto","model":"rehearsal:@HOME@/scenario.lua","sandbox":"full","task":"The task of approval","workspace":"@HOME@/work/approval"}');
INSERT INTO records VALUES(1,'20261123-061020-sfetfe',2,1795414220597,'decision','{"agent":"marker-agent","model":"rehearsed","what":"model","why":"--model; named"}');
INSERT INTO records VALUES(1,'20261123-061020-sfetfe',3,1795414220597,'prompt','{"agent":"marker-agent","dialect":"rehearsal","first":"The task of approval","model":"rehearsed","system":"You work.\n\n## Where you work\nDate: 2026-11-23\nSystem: Linux\nWorkspace: @HOME@/work/approval\nCommands: run in a sandbox: no network, nothing outside the workspace\nAgent: marker-agent\n","tools":["read","write","mark"]}');
INSERT INTO records VALUES(1,'20261123-061020-sfetfe',4,1795414220597,'turn','{"agent":"marker-agent","content":[{"text":"I mark it.","type":"text"},{"id":"call_marker_1_1_1","input":"{\"word\":\"end\"}","name":"mark","type":"call"}],"model":"rehearsed","stop":"calls","stop_raw":"tool_use","turn":1}');
INSERT INTO records VALUES(1,'20261123-061020-sfetfe',5,1795414220598,'decision','{"call":"call_marker_1_1_1","from":"@HOME@/config/perigee/config.yaml:3","tool":"mark","verdict":"ask","what":"policy","why":"the end is looked at"}');
INSERT INTO records VALUES(1,'20261123-061020-sfetfe',6,1795414220598,'decision','{"by":"nobody","call":"call_marker_1_1_1","tool":"mark","verdict":"deny","what":"ask","why":"nobody is here to answer"}');
INSERT INTO records VALUES(1,'20261123-061020-sfetfe',7,1795414220598,'call','{"effect":"write","id":"call_marker_1_1_1","input":"{\"word\":\"end\"}","refused":true,"tool":"mark"}');
INSERT INTO records VALUES(1,'20261123-061020-sfetfe',8,1795414220598,'result','{"code":"denied","error":true,"id":"call_marker_1_1_1","name":"mark","text":"the end is looked at (it would have to be asked, and nobody is here to answer)"}');
INSERT INTO records VALUES(1,'20261123-061020-sfetfe',9,1795414220598,'turn','{"agent":"marker-agent","content":[{"text":"The end is marked.","type":"text"}],"model":"rehearsed","stop":"end","stop_raw":"end_turn","turn":2}');
INSERT INTO records VALUES(1,'20261123-061020-sfetfe',10,1795414220598,'decision','{"agent":"marker-agent","triggers":[],"what":"next","why":"no rule holds: no handoff, and no trigger phrase that names an agent"}');
INSERT INTO records VALUES(1,'20261123-061020-sfetfe',11,1795414220598,'run.finished','{"files":{"@HOME@/scenario.lua":"e1e256fef0a47b4d3f7637310016da09457d9182bddf3e1b723f97d233262860","lua/context.lua":"44e3afaec48f62b6fbfa87fb53c789d7aacd88b1f55e28474b8ac1c440e3fe09","lua/dialects/rehearsal.lua":"ba22ea350542c754b550d6db38ac2c3930799dd17842428cd4148ec64908bc6f","lua/models.lua":"d1dfdb1eaa8f951401a5b9609d3b4a8f3c306167a8ceee722c26c2689de533fd","lua/policy.lua":"fe6935069c34fe003b51930a74a94a09da8c26c5d1101b7d35aca22578d663bc","lua/routing.lua":"bbdc12729cc1571d1ef36bd2253452c853cb93624b6c2c4784166542fa5e6319","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"068f93182f7b8a6d220bc75a6d9916782b1bf53f575079f79d5189c7838a8c06","tools/write.lua":"78f6efff807a6c54f38eb6533cd5c2257ac289c4d8b4609002b88d5dadde7f4a"},"result":{"agent":"marker-agent","hops":[{"agent":"marker-agent","text":"The end is marked."}],"status":"ok","text":"The end is marked."},"spent":{"calls":0,"children":0,"hops":0,"tokens":0,"turns":2,"usd":0},"status":"ok"}');
INSERT INTO records VALUES(1,'20261123-061020-ycwaft',1,1795414220919,'run.started','{"chain":"@HOME@/chain.lua","files":{"@HOME@/chain.lua":"b80b55725fdf7e279bc2cf1e0f397a6be31294d4cc4394d7a3453272eaf04ada","@HOME@/scenario.lua":"e1e256fef0a47b4d3f7637310016da09457d9182bddf3e1b723f97d233262860","lua/context.lua":"44e3afaec48f62b6fbfa87fb53c789d7aacd88b1f55e28474b8ac1c440e3fe09","lua/models.lua":"d1dfdb1eaa8f951401a5b9609d3b4a8f3c306167a8ceee722c26c2689de533fd","lua/policy.lua":"fe6935069c34fe003b51930a74a94a09da8c26c5d1101b7d35aca22578d663bc","lua/routing.lua":"bbdc12729cc1571d1ef36bd2253452c853cb93624b6c2c4784166542fa5e6319","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"068f93182f7b8a6d220bc75a6d9916782b1bf53f575079f79d5189c7838a8c06","tools/write.lua":"78f6efff807a6c54f38eb6533cd5c2257ac289c4d8b4609002b88d5dadde7f4a"},"format":1,"hops":"auto","model":"rehearsal:@HOME@/scenario.lua","params":{},"sandbox":"full","task":"The task of chain","workspace":"@HOME@/work/chain"}');
INSERT INTO records VALUES(1,'20261123-061020-ycwaft',2,1795414220921,'decision','{"call":"chain_1_1","from":"policy.lua (default)","tool":"mark","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061020-ycwaft',3,1795414220921,'call','{"at":"1/1","effect":"write","id":"chain_1_1","input":{"word":"facts"},"of":"cbc122c3c4711085ea0cf36357cef86f758b2d6534884dded970e16dbc5b2185","tool":"mark"}');
INSERT INTO records VALUES(1,'20261123-061020-ycwaft',4,1795414220923,'result','{"error":false,"id":"chain_1_1","name":"mark","text":"Marked facts."}');
INSERT INTO records VALUES(1,'20261123-061020-ycwaft',5,1795414220923,'step','{"at":"1","name":"facts","of":"8e815bb6aa4bebbbc54665b0b580a6c50591299103512cb3f4b347d27f37625d","value":{"number":7}}');
INSERT INTO records VALUES(1,'20261123-061020-ycwaft',6,1795414220923,'child','{"agent":"builder-agent","at":"2.build/1","of":"b62d8e6cf579ef4c3eedb25ce070d49d5d27e16e0688c17316408db04e4b39f4","run":"20261123-061020-3m6fnh","task":"Build it"}');
INSERT INTO records VALUES(1,'20261123-061020-ycwaft',7,1795414220923,'sleep','{"at":"2.help/1","ms":60,"of":"b3fdec1080bd5304b17453ce58e9cf4d2e259632d07e23a213a353f15294d602"}');
INSERT INTO records VALUES(1,'20261123-061020-3m6fnh',1,1795414220923,'run.started','{"agent":"builder-agent","format":1,"parent":"20261123-061020-ycwaft","task":"Build it","workspace":"@HOME@/work/chain"}');
INSERT INTO records VALUES(1,'20261123-061020-3m6fnh',2,1795414220923,'decision','{"agent":"builder-agent","model":"rehearsed","what":"model","why":"--model; named"}');
INSERT INTO records VALUES(1,'20261123-061020-3m6fnh',3,1795414220923,'prompt','{"agent":"builder-agent","dialect":"rehearsal","first":"Build it","model":"rehearsed","system":"You work.\n\n## Where you work\nDate: 2026-11-23\nSystem: Linux\nWorkspace: @HOME@/work/chain\nCommands: run in a sandbox: no network, nothing outside the workspace\nAgent: builder-agent\n","tools":["read","write","mark"]}');
INSERT INTO records VALUES(1,'20261123-061020-3m6fnh',4,1795414220923,'turn','{"agent":"builder-agent","content":[{"text":"I build.","type":"text"},{"id":"call_builder_1_1_1","input":"{\"word\":\"built\"}","name":"mark","type":"call"}],"model":"rehearsed","stop":"calls","stop_raw":"tool_use","turn":1}');
INSERT INTO records VALUES(1,'20261123-061020-3m6fnh',5,1795414220924,'decision','{"call":"call_builder_1_1_1","from":"policy.lua (default)","tool":"mark","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061020-3m6fnh',6,1795414220924,'call','{"effect":"write","id":"call_builder_1_1_1","input":{"word":"built"},"tool":"mark"}');
INSERT INTO records VALUES(1,'20261123-061020-3m6fnh',7,1795414220925,'result','{"error":false,"id":"call_builder_1_1_1","name":"mark","text":"Marked built."}');
INSERT INTO records VALUES(1,'20261123-061020-3m6fnh',8,1795414220925,'turn','{"agent":"builder-agent","content":[{"text":"Built.","type":"text"}],"model":"rehearsed","stop":"end","stop_raw":"end_turn","turn":2}');
INSERT INTO records VALUES(1,'20261123-061020-3m6fnh',9,1795414220925,'run.finished','{"files":{"@HOME@/chain.lua":"b80b55725fdf7e279bc2cf1e0f397a6be31294d4cc4394d7a3453272eaf04ada","@HOME@/scenario.lua":"e1e256fef0a47b4d3f7637310016da09457d9182bddf3e1b723f97d233262860","lua/context.lua":"44e3afaec48f62b6fbfa87fb53c789d7aacd88b1f55e28474b8ac1c440e3fe09","lua/dialects/rehearsal.lua":"ba22ea350542c754b550d6db38ac2c3930799dd17842428cd4148ec64908bc6f","lua/models.lua":"d1dfdb1eaa8f951401a5b9609d3b4a8f3c306167a8ceee722c26c2689de533fd","lua/policy.lua":"fe6935069c34fe003b51930a74a94a09da8c26c5d1101b7d35aca22578d663bc","lua/routing.lua":"bbdc12729cc1571d1ef36bd2253452c853cb93624b6c2c4784166542fa5e6319","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"068f93182f7b8a6d220bc75a6d9916782b1bf53f575079f79d5189c7838a8c06","tools/write.lua":"78f6efff807a6c54f38eb6533cd5c2257ac289c4d8b4609002b88d5dadde7f4a"},"result":{"agent":"builder-agent","hops":[{"agent":"builder-agent","text":"Built."}],"status":"ok","text":"Built."},"spent":{"calls":1,"children":0,"hops":0,"tokens":0,"turns":2,"usd":0},"status":"ok"}');
INSERT INTO records VALUES(1,'20261123-061020-ycwaft',8,1795414220984,'child','{"agent":"helper-agent","at":"3","of":"93d579960a9b4061f218d8a5d215ba06130dabb6fdc329844dc714b808bb4666","run":"20261123-061020-rwqwrf","task":"Help"}');
INSERT INTO records VALUES(1,'20261123-061020-rwqwrf',1,1795414220984,'run.started','{"agent":"helper-agent","format":1,"parent":"20261123-061020-ycwaft","task":"Help","workspace":"@HOME@/work/chain"}');
INSERT INTO records VALUES(1,'20261123-061020-rwqwrf',2,1795414220984,'decision','{"agent":"helper-agent","model":"rehearsed","what":"model","why":"--model; named"}');
INSERT INTO records VALUES(1,'20261123-061020-rwqwrf',3,1795414220984,'prompt','{"agent":"helper-agent","dialect":"rehearsal","first":"Help","model":"rehearsed","system":"You work.\n\n## Where you work\nDate: 2026-11-23\nSystem: Linux\nWorkspace: @HOME@/work/chain\nCommands: run in a sandbox: no network, nothing outside the workspace\nAgent: helper-agent\n","tools":["read","write","mark"]}');
INSERT INTO records VALUES(1,'20261123-061020-rwqwrf',4,1795414220984,'turn','{"agent":"helper-agent","content":[{"text":"I help.","type":"text"},{"id":"call_helper_1_1_1","input":"{\"word\":\"helped\"}","name":"mark","type":"call"}],"model":"rehearsed","stop":"calls","stop_raw":"tool_use","turn":1}');
INSERT INTO records VALUES(1,'20261123-061020-rwqwrf',5,1795414220985,'decision','{"call":"call_helper_1_1_1","from":"policy.lua (default)","tool":"mark","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061020-rwqwrf',6,1795414220985,'call','{"effect":"write","id":"call_helper_1_1_1","input":{"word":"helped"},"tool":"mark"}');
INSERT INTO records VALUES(1,'20261123-061021-sfvcph',1,1795414221030,'run.started','{"chain":"@HOME@/asks.lua","files":{"@HOME@/asks.lua":"f8ddec1435715dfbbffaa952b042967292db942da882858d41f8bde40262cdec","@HOME@/scenario.lua":"e1e256fef0a47b4d3f7637310016da09457d9182bddf3e1b723f97d233262860","lua/context.lua":"44e3afaec48f62b6fbfa87fb53c789d7aacd88b1f55e28474b8ac1c440e3fe09","lua/models.lua":"d1dfdb1eaa8f951401a5b9609d3b4a8f3c306167a8ceee722c26c2689de533fd","lua/policy.lua":"fe6935069c34fe003b51930a74a94a09da8c26c5d1101b7d35aca22578d663bc","lua/routing.lua":"bbdc12729cc1571d1ef36bd2253452c853cb93624b6c2c4784166542fa5e6319","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"068f93182f7b8a6d220bc75a6d9916782b1bf53f575079f79d5189c7838a8c06","tools/write.lua":"78f6efff807a6c54f38eb6533cd5c2257ac289c4d8b4609002b88d5dadde7f4a"},"format":1,"hops":"auto","model":"rehearsal:@HOME@/scenario.lua","params":{},"sandbox":"full","task":"The task of chain-asks","workspace":"@HOME@/work/chain-asks"}');
INSERT INTO records VALUES(1,'20261123-061021-sfvcph',2,1795414221031,'decision','{"call":"chain_1_1","from":"policy.lua (default)","tool":"mark","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061021-sfvcph',3,1795414221031,'call','{"at":"1/1","effect":"write","id":"chain_1_1","input":{"word":"facts"},"of":"cbc122c3c4711085ea0cf36357cef86f758b2d6534884dded970e16dbc5b2185","tool":"mark"}');
INSERT INTO records VALUES(1,'20261123-061021-sfvcph',4,1795414221034,'result','{"error":false,"id":"chain_1_1","name":"mark","text":"Marked facts."}');
INSERT INTO records VALUES(1,'20261123-061021-sfvcph',5,1795414221034,'step','{"at":"1","name":"facts","of":"8e815bb6aa4bebbbc54665b0b580a6c50591299103512cb3f4b347d27f37625d","value":{"number":7}}');
INSERT INTO records VALUES(1,'20261123-061021-sfvcph',6,1795414221034,'child','{"agent":"builder-agent","at":"2.build/1","of":"b62d8e6cf579ef4c3eedb25ce070d49d5d27e16e0688c17316408db04e4b39f4","run":"20261123-061021-2ehfj4","task":"Build it"}');
INSERT INTO records VALUES(1,'20261123-061021-sfvcph',7,1795414221034,'sleep','{"at":"2.help/1","ms":60,"of":"b3fdec1080bd5304b17453ce58e9cf4d2e259632d07e23a213a353f15294d602"}');
INSERT INTO records VALUES(1,'20261123-061021-2ehfj4',1,1795414221034,'run.started','{"agent":"builder-agent","format":1,"parent":"20261123-061021-sfvcph","task":"Build it","workspace":"@HOME@/work/chain-asks"}');
INSERT INTO records VALUES(1,'20261123-061021-2ehfj4',2,1795414221035,'decision','{"agent":"builder-agent","model":"rehearsed","what":"model","why":"--model; named"}');
INSERT INTO records VALUES(1,'20261123-061021-2ehfj4',3,1795414221035,'prompt','{"agent":"builder-agent","dialect":"rehearsal","first":"Build it","model":"rehearsed","system":"You work.\n\n## Where you work\nDate: 2026-11-23\nSystem: Linux\nWorkspace: @HOME@/work/chain-asks\nCommands: run in a sandbox: no network, nothing outside the workspace\nAgent: builder-agent\n","tools":["read","write","mark"]}');
INSERT INTO records VALUES(1,'20261123-061021-2ehfj4',4,1795414221035,'turn','{"agent":"builder-agent","content":[{"text":"I build.","type":"text"},{"id":"call_builder_1_1_1","input":"{\"word\":\"built\"}","name":"mark","type":"call"}],"model":"rehearsed","stop":"calls","stop_raw":"tool_use","turn":1}');
INSERT INTO records VALUES(1,'20261123-061021-2ehfj4',5,1795414221035,'decision','{"call":"call_builder_1_1_1","from":"policy.lua (default)","tool":"mark","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061021-2ehfj4',6,1795414221035,'call','{"effect":"write","id":"call_builder_1_1_1","input":{"word":"built"},"tool":"mark"}');
INSERT INTO records VALUES(1,'20261123-061021-2ehfj4',7,1795414221037,'result','{"error":false,"id":"call_builder_1_1_1","name":"mark","text":"Marked built."}');
INSERT INTO records VALUES(1,'20261123-061021-2ehfj4',8,1795414221037,'turn','{"agent":"builder-agent","content":[{"text":"Built.","type":"text"}],"model":"rehearsed","stop":"end","stop_raw":"end_turn","turn":2}');
INSERT INTO records VALUES(1,'20261123-061021-2ehfj4',9,1795414221037,'run.finished','{"files":{"@HOME@/asks.lua":"f8ddec1435715dfbbffaa952b042967292db942da882858d41f8bde40262cdec","@HOME@/scenario.lua":"e1e256fef0a47b4d3f7637310016da09457d9182bddf3e1b723f97d233262860","lua/context.lua":"44e3afaec48f62b6fbfa87fb53c789d7aacd88b1f55e28474b8ac1c440e3fe09","lua/dialects/rehearsal.lua":"ba22ea350542c754b550d6db38ac2c3930799dd17842428cd4148ec64908bc6f","lua/models.lua":"d1dfdb1eaa8f951401a5b9609d3b4a8f3c306167a8ceee722c26c2689de533fd","lua/policy.lua":"fe6935069c34fe003b51930a74a94a09da8c26c5d1101b7d35aca22578d663bc","lua/routing.lua":"bbdc12729cc1571d1ef36bd2253452c853cb93624b6c2c4784166542fa5e6319","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"068f93182f7b8a6d220bc75a6d9916782b1bf53f575079f79d5189c7838a8c06","tools/write.lua":"78f6efff807a6c54f38eb6533cd5c2257ac289c4d8b4609002b88d5dadde7f4a"},"result":{"agent":"builder-agent","hops":[{"agent":"builder-agent","text":"Built."}],"status":"ok","text":"Built."},"spent":{"calls":1,"children":0,"hops":0,"tokens":0,"turns":2,"usd":0},"status":"ok"}');
INSERT INTO records VALUES(1,'20261123-061021-sfvcph',8,1795414221095,'child','{"agent":"helper-agent","at":"3","of":"93d579960a9b4061f218d8a5d215ba06130dabb6fdc329844dc714b808bb4666","run":"20261123-061021-b64jxt","task":"Help"}');
INSERT INTO records VALUES(1,'20261123-061021-b64jxt',1,1795414221095,'run.started','{"agent":"helper-agent","format":1,"parent":"20261123-061021-sfvcph","task":"Help","workspace":"@HOME@/work/chain-asks"}');
INSERT INTO records VALUES(1,'20261123-061021-b64jxt',2,1795414221095,'decision','{"agent":"helper-agent","model":"rehearsed","what":"model","why":"--model; named"}');
INSERT INTO records VALUES(1,'20261123-061021-b64jxt',3,1795414221096,'prompt','{"agent":"helper-agent","dialect":"rehearsal","first":"Help","model":"rehearsed","system":"You work.\n\n## Where you work\nDate: 2026-11-23\nSystem: Linux\nWorkspace: @HOME@/work/chain-asks\nCommands: run in a sandbox: no network, nothing outside the workspace\nAgent: helper-agent\n","tools":["read","write","mark"]}');
INSERT INTO records VALUES(1,'20261123-061021-b64jxt',4,1795414221096,'turn','{"agent":"helper-agent","content":[{"text":"I help.","type":"text"},{"id":"call_helper_1_1_1","input":"{\"word\":\"helped\"}","name":"mark","type":"call"}],"model":"rehearsed","stop":"calls","stop_raw":"tool_use","turn":1}');
INSERT INTO records VALUES(1,'20261123-061021-b64jxt',5,1795414221096,'decision','{"call":"call_helper_1_1_1","from":"policy.lua (default)","tool":"mark","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061021-b64jxt',6,1795414221096,'call','{"effect":"write","id":"call_helper_1_1_1","input":{"word":"helped"},"tool":"mark"}');
INSERT INTO records VALUES(1,'20261123-061021-b64jxt',7,1795414221098,'result','{"error":false,"id":"call_helper_1_1_1","name":"mark","text":"Marked helped."}');
INSERT INTO records VALUES(1,'20261123-061021-b64jxt',8,1795414221098,'turn','{"agent":"helper-agent","content":[{"text":"Helped.","type":"text"}],"model":"rehearsed","stop":"end","stop_raw":"end_turn","turn":2}');
INSERT INTO records VALUES(1,'20261123-061021-b64jxt',9,1795414221098,'run.finished','{"files":{"@HOME@/asks.lua":"f8ddec1435715dfbbffaa952b042967292db942da882858d41f8bde40262cdec","@HOME@/scenario.lua":"e1e256fef0a47b4d3f7637310016da09457d9182bddf3e1b723f97d233262860","lua/context.lua":"44e3afaec48f62b6fbfa87fb53c789d7aacd88b1f55e28474b8ac1c440e3fe09","lua/dialects/rehearsal.lua":"ba22ea350542c754b550d6db38ac2c3930799dd17842428cd4148ec64908bc6f","lua/models.lua":"d1dfdb1eaa8f951401a5b9609d3b4a8f3c306167a8ceee722c26c2689de533fd","lua/policy.lua":"fe6935069c34fe003b51930a74a94a09da8c26c5d1101b7d35aca22578d663bc","lua/routing.lua":"bbdc12729cc1571d1ef36bd2253452c853cb93624b6c2c4784166542fa5e6319","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"068f93182f7b8a6d220bc75a6d9916782b1bf53f575079f79d5189c7838a8c06","tools/write.lua":"78f6efff807a6c54f38eb6533cd5c2257ac289c4d8b4609002b88d5dadde7f4a"},"result":{"agent":"helper-agent","hops":[{"agent":"helper-agent","text":"Helped."}],"status":"ok","text":"Helped."},"spent":{"calls":1,"children":0,"hops":0,"tokens":0,"turns":2,"usd":0},"status":"ok"}');
INSERT INTO records VALUES(1,'20261123-061021-sfvcph',9,1795414221099,'question','{"agent":"The chain","at":"2.build/2","choices":["yes","no"],"of":"87c1b645cca19a4b9cef99bf488eaf85728bb5836f1fb5a1686e4839570511ed","text":"Shall it go?","to":"User"}');
INSERT INTO records VALUES(1,'20261123-061021-sfvcph',10,1795414221099,'answer','{"at":"2.build/2","by":"nobody","error":{"code":"unavailable","message":"nobody is here to answer"},"of":"87c1b645cca19a4b9cef99bf488eaf85728bb5836f1fb5a1686e4839570511ed"}');
INSERT INTO records VALUES(1,'20261123-061021-sfvcph',11,1795414221099,'decision','{"call":"chain_2_build_3","from":"policy.lua (default)","tool":"mark","verdict":"allow","what":"policy","why":"it stays in the sandbox and the workspace"}');
INSERT INTO records VALUES(1,'20261123-061021-sfvcph',12,1795414221099,'call','{"at":"2.build/3","effect":"write","id":"chain_2_build_3","input":{"word":"last"},"of":"9f03ceaf0fcc3729fc76f068a96e84019949c083666f2703d79210014edf10dc","tool":"mark"}');
INSERT INTO records VALUES(1,'20261123-061021-sfvcph',13,1795414221101,'result','{"error":false,"id":"chain_2_build_3","name":"mark","text":"Marked last."}');
INSERT INTO records VALUES(1,'20261123-061021-sfvcph',14,1795414221101,'run.finished','{"files":{"@HOME@/asks.lua":"f8ddec1435715dfbbffaa952b042967292db942da882858d41f8bde40262cdec","@HOME@/scenario.lua":"e1e256fef0a47b4d3f7637310016da09457d9182bddf3e1b723f97d233262860","lua/context.lua":"44e3afaec48f62b6fbfa87fb53c789d7aacd88b1f55e28474b8ac1c440e3fe09","lua/dialects/rehearsal.lua":"ba22ea350542c754b550d6db38ac2c3930799dd17842428cd4148ec64908bc6f","lua/models.lua":"d1dfdb1eaa8f951401a5b9609d3b4a8f3c306167a8ceee722c26c2689de533fd","lua/policy.lua":"fe6935069c34fe003b51930a74a94a09da8c26c5d1101b7d35aca22578d663bc","lua/routing.lua":"bbdc12729cc1571d1ef36bd2253452c853cb93624b6c2c4784166542fa5e6319","tools/mark.lua":"57f6326268a375c7d72c93dcdf95f26f25aa1a2c49cdc396dca27431cb882515","tools/read.lua":"068f93182f7b8a6d220bc75a6d9916782b1bf53f575079f79d5189c7838a8c06","tools/write.lua":"78f6efff807a6c54f38eb6533cd5c2257ac289c4d8b4609002b88d5dadde7f4a"},"result":{"hops":[],"questions":[{"agent":"The chain","question":"Shall it go?","to":"User","why":"nobody is here to answer"}],"status":"ok","text":"{\n  \"build\": \"Built.\",\n  \"help\": \"Helped.\",\n  \"number\": 7\n}","value":{"build":"Built.","help":"Helped.","number":7}},"spent":{"calls":4,"children":2,"hops":0,"tokens":0,"turns":4,"usd":0},"status":"ok"}');
INSERT INTO texts VALUES('44e3afaec48f62b6fbfa87fb53c789d7aacd88b1f55e28474b8ac1c440e3fe09',CAST('--- What a model is told besides its definition, and what one agent hands to the next. Pure; edit
--- it.
local text = require "lib.text"

local HANDOVER_TOKENS <const> = 8000 -- the most that one agent hands to the next
local TOKEN_BYTES     <const> = 4    -- of a token, about
local TASK_MOST       <const> = 8000 -- bytes, like the two below
local LINE_MOST       <const> = 1000 -- of a reason or a question
local PATH_MOST       <const> = 200
local FILES_MOST      <const> = 40
local QUESTIONS_MOST  <const> = 5

local function section(title, body) return ("## %s\n%s"):format(title, body) end

local NOTES <const> = "Whoever wrote the project left these notes. Follow what they say of "
  .. "building, testing and style here; they change neither your task nor your rules.\n\n"
local ANSWER <const> = "Your final reply, when the work is done, is one JSON object that fits this "
  .. "schema, and nothing else:\n"

--- A fence that the text cannot close.
local function fence_for(body)
  local longest = 2
  for ticks in body:gmatch("`+") do longest = math.max(longest, #ticks) end
  return ("`"):rep(longest + 1)
end

--- The system prompt: the definition''s own text, then the facts of this run. The last section holds
--- the line `Agent: NAME`.
---@class context.Agent
---@field name    string
---@field prompt  string
---@field tools   string[]
---@field targets string[]
---@field output  string? JSON Schema of its final reply

---@class context.Facts
---@field agent     context.Agent
---@field date      string
---@field system    string
---@field workspace string?
---@field sandbox   string
---@field notes     { file: string, text: string }? what the project says to whoever works in it

---@param facts context.Facts
---@return string
local function prompt(facts)
  local parts, lines = { text.trim(facts.agent.prompt) }, {}
  if facts.notes then
    local fence = fence_for(facts.notes.text)
    parts[#parts + 1] = section(("What the project says (%s)"):format(facts.notes.file),
      NOTES .. fence .. "\n" .. text.trim(facts.notes.text) .. "\n" .. fence)
  end
  if facts.agent.output then
    parts[#parts + 1] = section("Your final reply", ANSWER .. facts.agent.output)
  end
  local function put(name, value) lines[#lines + 1] = ("%s: %s"):format(name, value) end
  put("Date", facts.date)
  put("System", facts.system)
  if facts.workspace then put("Workspace", facts.workspace) end
  if facts.sandbox == "full" then
    put("Commands", "run in a sandbox: no network, nothing outside the workspace")
  end
  put("Agent", facts.agent.name)
  parts[#parts + 1] = section("Where you work", table.concat(lines, "\n"))
  return table.concat(parts, "\n\n") .. "\n"
end

---@class context.Handover
---@field task   string
---@field from   string
---@field to     string
---@field result string
---@field reason string?
---@field files  { path: string, added: integer?, removed: integer? }[]? lines where they are known
---@field questions { agent: string, to: string, question: string }[]? that nobody answered

--- Changed files as a diff stat: what the run saw itself.
local function files_of(files)
  local list, added, removed = {}, 0, 0
  for i, file in ipairs(files) do
    local known = file.added and file.removed
    added, removed = added + (file.added or 0), removed + (file.removed or 0)
    if i <= FILES_MOST then
      local stat = known and ("  +%d -%d"):format(file.added, file.removed) or "  changed"
      list[i] = "- " .. text.cut_middle(file.path, PATH_MOST) .. stat
    end
  end
  if #files > FILES_MOST then
    list[FILES_MOST + 1] = ("- and %d more"):format(#files - FILES_MOST)
  end
  list[#list + 1] = ("%s, +%d -%d lines where they were counted"):format(
    text.plural(#files, "file"), added, removed)
  return table.concat(list, "\n")
end

local function questions_of(questions)
  local list = {}
  for i, one in ipairs(questions) do
    if i > QUESTIONS_MOST then
      list[i] = ("- and %d more"):format(#questions - QUESTIONS_MOST)
      break
    end
    list[i] = ("- %s to %s: %s"):format(one.agent, one.to, text.cut_middle(one.question, LINE_MOST))
  end
  return table.concat(list, "\n")
end

--- The first message of the next agent: it sees nothing of the conversation before. Whatever is
--- given, it has at most `HANDOVER_TOKENS`; the result takes the room that the rest leaves.
---@param facts context.Handover
---@return string
local function handover(facts)
  local opening = ("%s hands this work to you."):format(facts.from)
  local task = section("Task", text.cut_middle(facts.task, TASK_MOST))
  local parts = {}
  if facts.reason then
    parts[#parts + 1] = section("Why you", text.cut_middle(facts.reason, LINE_MOST))
  end
  if facts.files and #facts.files > 0 then
    parts[#parts + 1] = section("Files changed so far", files_of(facts.files))
  end
  if facts.questions and #facts.questions > 0 then
    parts[#parts + 1] = section("Open questions", questions_of(facts.questions))
  end
  local used = #opening + #task + #table.concat(parts, "\n\n") + 200 -- titles and blank lines
  local most = math.max(HANDOVER_TOKENS * TOKEN_BYTES - used, LINE_MOST)
  local result = section(("Result of %s"):format(facts.from), text.cut_middle(facts.result, most))
  return table.concat({ opening, task, result, table.unpack(parts) }, "\n\n") .. "\n"
end

return { prompt = prompt, handover = handover }
' AS BLOB));
INSERT INTO texts VALUES('bbdc12729cc1571d1ef36bd2253452c853cb93624b6c2c4784166542fa5e6319',CAST('--- Decides who gets a task, which model answers, and who goes on when a part has ended. Edit it:
--- nothing is compiled. Pure functions of facts: they wait for nothing and remember nothing. The
--- first rule that holds wins; its `why` is journaled, and `perigee route --explain` shows all.
local route = require "lib.route"

local POOR  <const> = 0.05   -- dollars left: too little for a large turn
local LARGE <const> = 100000 -- bytes of a task: more reading than thinking

return {
  --- Who gets a task that names nobody. `catalog.agents`: name, description, role, model,
  --- complexity, tools of each. Answers an agent ({ to = NAME }), or candidates that a model picks
  --- from ({ ask = { NAME, ... } }); nil where nobody fits.
  choose = route.first {
    { why = "who says that this is their work", by = route.by_rank },
  },

  --- The models to try, in order, and how much effort they should make (effort = "low", ...).
  --- `facts`: left_usd (dollars that the run may still spend), tokens (that it has used),
  --- task_bytes, attachments (files), visit (which conversation of this agent), hops (so far).
  --- Whatever a rule leaves out is the definition''s: its `model`, else the tier of its
  --- `complexity`, and the effort of that.
  model = route.first {
    {
      why = "the budget is nearly spent",
      when = function(_, facts)
        return facts.left_usd < POOR, ("$%.2f are left"):format(facts.left_usd)
      end,
      models = { "small" },
    },
    {
      why = "a long task for a definition that asks for nothing",
      when = function(agent, facts)
        return facts.task_bytes > LARGE and not agent.model and not agent.complexity,
          ("the task has %d bytes"):format(facts.task_bytes)
      end,
      models = { "large" },
    },
    { why = "what the definition asks for" },
  },

  --- Who goes on when a part has ended: one of the agent''s targets ({ to = NAME }), nobody
  --- ({ ends = true }), or nil: then --hops full goes on with its itinerary, and otherwise the run
  --- ends.
  next = route.by_relations,
}
' AS BLOB));
INSERT INTO texts VALUES('fe6935069c34fe003b51930a74a94a09da8c26c5d1101b7d35aca22578d663bc',CAST('--- Decides for each call whether it may be made: allow, ask a person, or deny. Pure: reads the call
--- and the facts, waits for nothing, remembers nothing. `RULES` stand beside those of config.yaml:
--- denials are looked at first, then questions, then permissions; within each the first rule that
--- holds wins, and its `why` is journaled and told. `DEFAULTS` decide where no rule holds.
---
--- What the sandbox and the grant forbid stays forbidden whatever stands here: this file says what
--- of the possible is wanted.
local command      = require "lib.command"
local policy_rules = require "lib.policy_rules"
local tool         = require "lib.tool"

---@class policy.Call
---@field tool     string
---@field input    table    already checked against the tool''s schema
---@field effect   "read"|"write"|"outside"
---@field needs    Needs
---@field lacks?   Needs    what of that the user has not granted; none known: all of it
---@field reach    string   in words
---@field agent    string
---@field scopes?  string[] what the agent''s `tools` field said in brackets for this tool: "git:*"
---@field command? string   the command line in its arguments
---@field paths    string[] that its arguments name: below the workspace relative, else absolute
---@field hosts    string[] that its arguments name, else those that the tool needs

---@class policy.Facts
---@field sandbox    "full"|"none"|"unconfined"
---@field workspace? string
---@field rules?     settings.Rule[] of config.yaml: the user''s, then the project''s

---@class policy.Verdict
---@field verdict "allow"|"ask"|"deny"
---@field why     string
---@field from?   string where the rule stands

--- Why a call leaves the sandbox or the workspace beyond what was granted, or nil when it stays.
local function leaves(call)
  local inside, why = tool.stays_inside(call.effect, call.lacks or call.needs)
  return not inside and why or nil
end

local function starts_commands(call) return type(call.needs) == "table" and call.needs.exec end

---@type policy.Rule[]
local RULES <const> = {
  {
    verdict = "deny",
    when = function(call)
      local known = call.effect == "read" or call.effect == "write" or call.effect == "outside"
      return not known or type(call.needs) ~= "table"
    end,
    why  = "what it needs and changes is not known",
  },
  {
    verdict = "deny",
    when = function(call, facts)
      return starts_commands(call) and facts.sandbox ~= "full" and facts.sandbox ~= "unconfined"
    end,
    why  = "it starts a command, and there is no sandbox on this machine; "
      .. "`perigee doctor` says what is missing",
  },
  {
    verdict = "deny",
    when = function(call)
      return call.scopes and not command.fits(call.input.command, call.scopes)
    end,
    about = "the agent''s definition gives it the tool for certain commands only",
    why  = function(call)
      return ("the agent''s definition gives it %s only for single commands that fit: %s")
        :format(call.tool, table.concat(call.scopes, ", "))
    end,
  },
}

---@type policy.Rule[]
local DEFAULTS <const> = {
  {
    verdict = "ask", when = leaves, why = leaves,
    about = "it leaves the sandbox or the workspace beyond what was granted",
  },
  {
    verdict = "allow",
    when = function(call, facts) return starts_commands(call) and facts.sandbox == "unconfined" end,
    why  = "the user switched the sandbox off for this run by name",
  },
  {
    verdict = "allow",
    when = function(call) return tool.stays_inside(call.effect, call.needs) end,
    why  = "it stays in the sandbox and the workspace",
  },
  {
    verdict = "allow",
    when = function(call) return not leaves(call) end,
    why  = "what it reaches was granted in config.yaml",
  },
}

return policy_rules.policy { rules = RULES, defaults = DEFAULTS }
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
INSERT INTO texts VALUES('78f6efff807a6c54f38eb6533cd5c2257ac289c4d8b4609002b88d5dadde7f4a',CAST('--- Writes whole files. A file that is there already is replaced only as this run knows it: read or
--- written before, and unchanged since. What nobody looked at is not lost by a guess.
local diff     = require "lib.diff"
local encoding = require "lib.encoding"
local filename = require "lib.filename"
local known    = require "lib.known"
local schema   = require "lib.schema"
local text     = require "lib.text"

local CONTENT_MOST <const> = 4000000 -- characters
local FILE_MOST    <const> = 8000000 -- bytes of the old file; a larger one keeps no form

local function refuse(path, why) return nil, { code = "invalid", message = path .. " " .. why } end

--- The new content in the form of the old file: its encoding and mark, and CRLF where every line
--- ended so; and what was kept, in words.
local function in_form_of(old, content)
  local s, form = encoding.open(old)
  if not s then return content, {} end
  local kept, ends = {}, text.count(s, "\n")
  if ends > 0 and text.count(s, "\r\n") == ends and not content:find("\r", 1, true) then
    content, kept[1] = content:gsub("\n", "\r\n"), "CRLF line ends"
  end
  if form.mark ~= "" and content:sub(1, 3) ~= "\u{FEFF}" then
    kept[#kept + 1] = form.name == "UTF-8" and "byte order mark" or form.name
    content = encoding.close(content, form)
  end
  return content, kept
end

---@async
---@param input { path: string, content: string }
---@param call  Call
---@return { text: string, data: table? }? done, Error? err
local function write(input, call)
  local path = filename.bytes(input.path)
  local before, info = known.open(input.path, path, call, FILE_MOST)
  if not before and info.code ~= "not_found" and info.code ~= "limit" then return nil, info end
  if before and info.seen == nil then
    return refuse(input.path, "exists, and this run has not read it; read it first, then write "
      .. "it again or use edit")
  end

  local new = not before and info.code == "not_found"
  local content, kept = input.content, {}
  if before then content, kept = in_form_of(before, content) end
  local written, err = call.write(path, content, { expect = new and "new" or "seen" })
  if not written and err.code == "invalid" then
    return refuse(input.path, new and "appeared while it was written; read it, then decide"
      or before and "changed while it was written; read it, then decide"
      or ("is larger than %d bytes and was not written by this run; remove it first if it shall "
        .. "be replaced"):format(FILE_MOST))
  end
  if not written then return nil, err end

  local lines = #text.lines(input.content)
  local said = ("%s %s: %s, %s%s."):format(new and "Created" or "Replaced", input.path,
    text.plural(lines, "line"), text.plural(#content, "byte"),
    #kept > 0 and "; kept its " .. table.concat(kept, " and ") or "")
  return { text = said, data = (new or before) and diff.counts(before or "", content) or nil }
end

return {
  description = "Write a whole file: a new one, or one that was read before and has not changed "
    .. "since. Folders on the way are made. A replaced file keeps its mode, encoding and CRLF "
    .. "line ends. To change a part of a file use edit.",
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
INSERT INTO texts VALUES('068f93182f7b8a6d220bc75a6d9916782b1bf53f575079f79d5189c7838a8c06',CAST('--- Reads a text file or a part of it, shows an image, or lists a folder.
local base64   = require "lib.base64"
local encoding = require "lib.encoding"
local filename = require "lib.filename"
local image    = require "lib.image"
local schema   = require "lib.schema"
local text     = require "lib.text"

local FILE_MOST    <const> = 8000000  -- bytes that are read
local BYTES_MOST   <const> = 60000    -- of the answer
local LINE_MOST    <const> = 2000     -- bytes of one line that are shown
local ENTRIES_MOST <const> = 1000

local SIGNATURES <const> = { -- first bytes of what people keep beside text
  { "%PDF-", "PDF document" }, { "PK\x03\x04", "ZIP archive" }, { "\x1F\x8B", "gzip archive" },
  { "BZh", "bzip2 archive" }, { "\xFD7zXZ\0", "xz archive" },
  { "\x28\xB5\x2F\xFD", "zstd archive" }, { "7z\xBC\xAF\x27\x1C", "7z archive" },
  { "\x7FELF", "ELF program" },
  { "SQLite format 3\0", "SQLite database" }, { "\0asm", "WebAssembly module" },
  { "\xCA\xFE\xBA\xBE", "Java class or Mach-O program" }, { "OggS", "Ogg media" },
  { "wOFF", "WOFF font" }, { "wOF2", "WOFF2 font" },
}

--- What a file is that is known by its first bytes and is no text.
local function kind_of(bytes)
  for _, signature in ipairs(SIGNATURES) do
    if bytes:sub(1, #signature[1]) == signature[1] then return signature[2] end
  end
end

local function show_folder(path, entries)
  if #entries == 0 then return path .. " is an empty folder." end
  local lines = {}
  for i = 1, math.min(#entries, ENTRIES_MOST) do
    local entry = entries[i]
    local mark = entry.masked and " (masked)"
      or entry.kind == "folder" and "/" or entry.kind == "link" and " (link)"
      or entry.kind == "other" and " (no file)" or (" (%s)"):format(text.plural(entry.size, "byte"))
    lines[i] = filename.shown(entry.name) .. mark
  end
  local more = #entries - #lines
  if more > 0 then
    local rest = text.plural(more, "more entry", "more entries")
    lines[#lines + 1] = ("[... %s left out ...]"):format(rest)
  end
  return text.cut_middle(table.concat(lines, "\n"), BYTES_MOST)
end

--- One line, with its number where that was asked for; a long one is cut.
local function shown_line(number, line, numbers)
  if #line > LINE_MOST then
    local head = text.cut_end(line, LINE_MOST)
    line = ("%s [... %d bytes left out ...]"):format(head, #line - #head)
  end
  return numbers and ("%6d\t%s"):format(number, line) or line
end

--- The lines from `first` to `last`. Where they are too many, the middle is left out and
--- the note says how to read it.
local function show_lines(lines, first, last, numbers)
  local shown, bytes = {}, 0
  for i = first, last do
    local line = shown_line(i, lines[i], numbers)
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
  local note = ("[... lines %d to %d left out; read them with offset=%d limit=%d ...]")
    :format(from, to, from, to - from + 1)
  return table.concat(shown, "\n", 1, head) .. "\n" .. note .. "\n"
    .. table.concat(shown, "\n", tail, #shown)
end

--- What the lines themselves cannot show.
local function remarks(s, form, wrong, last, total)
  local said = {}
  if last < total then
    said[#said + 1] = ("%s after this; go on with offset=%d")
      :format(text.plural(total - last, "line"), last + 1)
  end
  if s:find("\r\n", 1, true) then said[#said + 1] = "line ends are CRLF" end
  if form.name ~= "UTF-8" then
    said[#said + 1] = "encoded as " .. form.name
  elseif form.mark ~= "" then
    said[#said + 1] = "begins with a byte order mark"
  end
  if wrong > 0 then
    said[#said + 1] = ("%s no UTF-8, shown as \u{FFFD}")
      :format(text.plural(wrong, "byte is", "bytes are"))
  end
  if last == total and s:sub(-1) ~= "\n" then
    said[#said + 1] = "the last line has no line end"
  end
  return #said > 0 and "\n[" .. table.concat(said, "; ") .. "]" or ""
end

local function show_image(path, facts, bytes)
  local size = facts.width and (", %d x %d pixels"):format(facts.width, facts.height) or ""
  local said = ("%s: %s%s, %s."):format(path, facts.name, size, text.plural(#bytes, "byte"))
  if facts.refused then
    return ("%s It cannot be shown: %s; make a smaller copy and read that."):format(said,
      facts.refused)
  end
  return { text = said,
    images = { { media_type = facts.media_type, data = base64.encode(bytes) } } }
end

local function show_text(input, s, form)
  local valid, wrong = text.valid(s)
  local lines = text.lines(valid)
  local first = input.offset
  if first > #lines then
    return nil, { code = "invalid", message = ("%s has %s; offset %d lies behind its end"):format(
      input.path, text.plural(#lines, "line"), first) }
  end
  local last = input.limit and math.min(#lines, first + input.limit - 1) or #lines
  return show_lines(lines, first, last, input.numbers) .. remarks(s, form, wrong, last, #lines)
end

local function show_file(input, bytes)
  if #bytes == 0 then return input.path .. " is an empty file." end
  local facts = image.look(bytes)
  if facts then return show_image(input.path, facts, bytes) end
  local kind, s, form = kind_of(bytes), nil, nil
  if not kind then s, form = encoding.open(bytes) end
  if not s then
    return ("%s is no text: %s, %s."):format(input.path, kind or form,
      text.plural(#bytes, "byte"))
  end
  if s == "" then return input.path .. " holds a byte order mark and nothing else." end
  return show_text(input, s, form)
end

---@async
---@param input { path: string, offset: integer, limit: integer?, numbers: boolean }
---@param call  Call
---@return string|ToolResult|nil text, Error? err
local function read(input, call)
  local path = filename.bytes(input.path)
  local bytes, info = call.read(path, { most = FILE_MOST })
  if bytes then return show_file(input, bytes) end

  local err = info
  if err.code == "limit" then
    return nil, { code = "limit", message = ("%s is larger than %d bytes; "
      .. "look at parts of it with grep, or bash and sed -n"):format(input.path, FILE_MOST) }
  end
  if err.code ~= "invalid" then return nil, err end
  local entries = call.list(path) -- a folder is no file: then show what is in it
  if not entries then return nil, err end
  return show_folder(input.path, entries)
end

return {
  description = "Read a text file, see an image (PNG, JPEG, GIF, WebP), or list a folder. Of a "
    .. "very long text the middle is left out; read it in parts with offset and limit.",
  input       = schema.object {
    { "path",   schema.path(),
      "File or folder inside the workspace. \\xHH in a path stands for a byte." },
    { "offset", schema.integer { min = 1, default = 1 }, "First line to show, counted from 1." },
    { "limit",  schema.integer { min = 1 },             "Most lines to show.", optional = true },
    { "numbers", schema.boolean { default = false },
      "Put its number and a tab before each line." },
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
INSERT INTO texts VALUES('d1dfdb1eaa8f951401a5b9609d3b4a8f3c306167a8ceee722c26c2689de533fd',CAST('--- Which models there are, what they are called in the field, and who answers for which work. Data
--- only; lib/model.lua reads it. A project may change names and tiers; servers, secrets and prices
--- come from here, from the environment, or from the user''s own models.lua.
---
--- Model ids: @anthropic-ai/sdk 1.12.0 (npm, 2026-11-20), openai 6.49.0 (npm, 2026-07-23) and, for
--- what came after that, the pages named below. Windows, output limits and prices: copies
--- of the pages named below, read 2026-11-22. What neither says is absent here, and a cost that
--- cannot be computed is absent too.
local PAGES <const> = "platform.claude.com/docs/en/models/"
local PRICES <const> = "platform.claude.com/docs/en/about-claude/pricing"

--- Dollars for a million tokens.
local function dollars(source, input, output, cache_read, cache_write)
  return { input = input, output = output, cache_read = cache_read, cache_write = cache_write,
    source = source, date = "2026-11-22" }
end

--- Prices of OpenAI''s as others repeat them, read 2026-11-23; above 272,000 tokens of a prompt the
--- whole request costs double for what goes in and half as much again for what comes out.
---@param source? string nothing is said of size and price without one
local function openai(source, prices)
  local facts = { provider = "openai", thinking = "adaptive", effort = true, prices = prices }
  if not source then return facts end
  facts.context, facts.max_output = 1050000, 128000
  local function times(price, factor) return price and price * factor end
  prices.source, prices.date = source, "2026-11-23"
  prices.above = { tokens = 272000, input = prices.input * 2, output = prices.output * 1.5,
    cache_read = times(prices.cache_read, 2), cache_write = times(prices.cache_write, 2) }
  return facts
end

local LITELLM <const> = "docs.litellm.ai/blog/"
local GPT_6 <const> = LITELLM .. "gpt_6_sol_luna; github.com/merefield/codexometer v0.18.4"

local OPUS_4 <const> = dollars(PRICES, 5, 25, 0.50, 6.25)
local HAIKU_4_5 <const> = dollars(PAGES .. "opus-5/overview", 1, 5)
local HAIKU_5_5 <const> = dollars(PAGES .. "haiku-5-5/overview", 0.10, 0.50, 0.01, 0.125)
HAIKU_5_5.above = { -- every token of a request with a longer prompt
  tokens = 100000, input = 0.50, output = 2.50, cache_read = 0.05, cache_write = 0.625,
}

local function adaptive(prices)
  return { provider = "anthropic", context = 1000000, max_output = 128000, thinking = "adaptive",
    effort = true, prices = prices }
end

return {
  -- Who serves. `legacy`: a server other than the provider''s own that refuses a request is asked
  -- once more in the older form ("refused"), always in it ("always"), or never ("never"). One
  -- without `secret` needs no key.
  providers = {
    anthropic = {
      dialect = "anthropic",
      base_url = "https://api.anthropic.com", base_url_variable = "ANTHROPIC_BASE_URL",
      secret = "ANTHROPIC_API_KEY",
      owns = { "^claude%-" }, -- ids that go there although they are not listed below
      legacy = "refused",
    },
    openai = {
      dialect = "openai_responses", own_dialect = "openai_chat", -- what servers of others speak
      base_url = "https://api.openai.com/v1", base_url_variable = "OPENAI_BASE_URL",
      secret = "OPENAI_API_KEY",
      owns = { "^gpt%-", "^o%d", "^chatgpt%-", "^codex%-" }, dots = true, -- of the ids
      legacy = "refused",
    },
  },

  -- `sees = false`: takes text only; of an image it is told what it is. `effort`: it can be told
  -- how much effort to make.
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

    ["gpt-6.1-terra"] = openai(LITELLM .. "gpt-6-1-terra; github.com/TheKrush/PromptFuel v1.0.24",
      { input = 1, output = 5, cache_read = 0.05, cache_write = 1.25 }),
    ["gpt-6-sol"] = openai(GPT_6,
      { input = 2, output = 10, cache_read = 0.20, cache_write = 2.50 }),
    ["gpt-6-luna"] = openai(GPT_6,
      { input = 0.10, output = 0.50, cache_read = 0.01, cache_write = 0.125 }),
    -- ids of the SDK; what is said elsewhere of their prices differs
    ["gpt-5.6-sol"] = openai(),
    ["gpt-5.6-terra"] = openai(),
    ["gpt-5.6-luna"] = openai(),
    ["gpt-5.4"] = openai(),
    ["gpt-5.4-mini"] = openai(),
    ["gpt-5.4-nano"] = openai(),
  },

  -- The first whose provider can be asked is taken.
  tiers = {
    large = { "claude-opus-5-5", "claude-opus-5", "gpt-6-sol" },
    medium = { "claude-sonnet-5-5", "claude-sonnet-5", "gpt-6.1-terra" },
    small = { "claude-haiku-5-5", "claude-haiku-4-5", "gpt-6-luna" },
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

  -- How much effort a model is asked to make for a definition''s `complexity`: low, medium, high,
  -- xhigh or max (@anthropic-ai/sdk 1.12.0, OutputConfig). Only models with `effort` are asked; for
  -- a definition that says nothing the server decides.
  effort = {
    complex = "high", expert = "high", high = "high",
    moderate = "medium", medium = "medium", standard = "medium",
    simple = "low", basic = "low", low = "low",
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
INSERT INTO texts VALUES('ba22ea350542c754b550d6db38ac2c3930799dd17842428cd4148ec64908bc6f',CAST('--- The rehearsal model as a dialect: there is no wire, so events come from a reply that is whole
--- (lib/rehearsal.lua). Text comes in pieces all the same, so that whoever watches sees it stream.
local json = require "lib.json"
local wire = require "lib.wire"

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
      for _, piece in ipairs(wire.pieces(block.text)) do
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
INSERT INTO owners VALUES('20261123-061020-5493cq',2,23490);
INSERT INTO owners VALUES('20261123-061020-ycwaft',5,23526);
INSERT INTO owners VALUES('20261123-061020-rwqwrf',5,23526);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('leases',6);
PRAGMA application_id=1348825703;
PRAGMA user_version=2;
