BEGIN;
CREATE TABLE project (root TEXT PRIMARY KEY, surroundings BLOB NOT NULL, withheld BLOB NOT NULL) WITHOUT ROWID;
INSERT INTO project VALUES('/flows','{"cwd":"/flows","interpreter":"/usr/bin/python3","python":"3.11.2","environ":{"METAFLOW_USER":"ann"}}','["PIP_PASSWORD"]');
CREATE TABLE trust (root TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO trust VALUES('/flows');
CREATE TABLE outcome (
    key TEXT PRIMARY KEY, outcome BLOB NOT NULL, settled REAL NOT NULL, basis TEXT NOT NULL, used REAL NOT NULL
) WITHOUT ROWID;
INSERT INTO outcome VALUES('one','{"resolution":{"request":"r","target":{"arch":"linux-64","python":"3.11","glibc":"2.26","macos":null,"cuda":null},"packages":[{"name":"requests","version":"2.32.3","filename":"requests-2.32.3-py3-none-any.whl","url":"https://example.com/requests-2.32.3-py3-none-any.whl","sha256":null,"size":null,"requires":[],"requested":true,"built":false}]},"findings":[{"code":"MFE313","severity":"warning","message":"withdrawn","package":"requests","path":null,"line":null,"column":null,"fix":null,"chain":["requests"],"detail":[],"data":{}}],"failed":false}',1700000000.5,'basis',1700000000.5);
CREATE TABLE work (
    key TEXT PRIMARY KEY, root TEXT NOT NULL, refresh INTEGER NOT NULL, running INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
INSERT INTO work VALUES('two','/flows',1,1);
CREATE INDEX outcome_used ON outcome (used);
CREATE INDEX work_root ON work (root);
PRAGMA user_version = 1;
COMMIT;
