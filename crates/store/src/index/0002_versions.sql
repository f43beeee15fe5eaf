-- The second layout: versions, tags, locks, and what a bucket is configured with.

-- `versioning` is NULL until it is switched on for the first time, and `Enabled` or `Suspended` from then on; `cors` and
-- `lifecycle` are lists of rules in JSON, and `object_lock` is there, in JSON, if versions can be locked.
ALTER TABLE bucket ADD COLUMN versioning TEXT;
ALTER TABLE bucket ADD COLUMN cors TEXT;
ALTER TABLE bucket ADD COLUMN lifecycle TEXT;
ALTER TABLE bucket ADD COLUMN object_lock TEXT;

-- `version` is what clients call it, `sequence` what it is ordered by: a later version of a key has a higher one.
ALTER TABLE object ADD COLUMN version TEXT NOT NULL DEFAULT 'null';
ALTER TABLE object ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0;
ALTER TABLE object ADD COLUMN tags TEXT NOT NULL DEFAULT '{}';
ALTER TABLE object ADD COLUMN lock TEXT NOT NULL DEFAULT '{}';

-- The versions of a key that are not its object: earlier contents, and delete markers, whose body is 0. `superseded` is
-- when a later version came. Only a delete marker that is the latest version of its key has none, and such a key has no
-- row in `object`.
CREATE TABLE past (
    bucket INTEGER NOT NULL REFERENCES bucket (id),
    key BLOB NOT NULL,
    body INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    etag TEXT NOT NULL,
    modified INTEGER NOT NULL,
    parts INTEGER,
    headers TEXT NOT NULL,
    checksums TEXT NOT NULL,
    version TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    tags TEXT NOT NULL,
    lock TEXT NOT NULL,
    superseded INTEGER,
    PRIMARY KEY (bucket, key, sequence DESC)
) STRICT, WITHOUT ROWID;
CREATE INDEX past_body ON past (body) WHERE body <> 0;
-- The version that was written while versioning was off is the only one whose name does not tell its sequence.
CREATE UNIQUE INDEX past_null ON past (bucket, key) WHERE version = 'null';

-- The tags and the lock that an upload's object will have.
ALTER TABLE upload ADD COLUMN tags TEXT NOT NULL DEFAULT '{}';
ALTER TABLE upload ADD COLUMN lock TEXT NOT NULL DEFAULT '{}';
-- The version a completion made, NULL where versioning was never switched on.
ALTER TABLE completion ADD COLUMN version TEXT;
