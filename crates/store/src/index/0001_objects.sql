-- The first layout of the index. Moments are milliseconds since 1970, UTC; sizes are bytes; keys are UTF-8 bytes, so
-- that they sort as S3 sorts them.

CREATE TABLE bucket (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL
) STRICT;

-- A file under content/. The CRC-64/NVME is there to find out whether the disk still holds what was written.
CREATE TABLE content (
    number INTEGER PRIMARY KEY,
    bytes INTEGER NOT NULL,
    crc64nvme INTEGER NOT NULL
) STRICT;

-- A body is an ordered list of stretches of contents, and has no row of its own: an empty body has no segments.
-- Objects and parts share bodies, and bodies share contents, so copies and compositions move no byte. Whether something
-- is still needed is looked up and never counted: a count can drift.
CREATE TABLE segment (
    body INTEGER NOT NULL,
    position INTEGER NOT NULL,
    part INTEGER NOT NULL,
    content INTEGER NOT NULL REFERENCES content (number),
    start INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (body, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX segment_content ON segment (content);

-- The current object of each key. `headers` and `checksums` are JSON.
CREATE TABLE object (
    bucket INTEGER NOT NULL REFERENCES bucket (id),
    key BLOB NOT NULL,
    body INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    etag TEXT NOT NULL,
    modified INTEGER NOT NULL,
    parts INTEGER,
    headers TEXT NOT NULL,
    checksums TEXT NOT NULL,
    PRIMARY KEY (bucket, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX object_body ON object (body);

-- A multipart upload under way. Ids begin with the time, so they sort by when they began.
CREATE TABLE upload (
    bucket INTEGER NOT NULL REFERENCES bucket (id),
    key BLOB NOT NULL,
    id TEXT NOT NULL,
    initiator TEXT NOT NULL,
    initiated INTEGER NOT NULL,
    headers TEXT NOT NULL,
    algorithm TEXT,
    composite INTEGER NOT NULL,
    PRIMARY KEY (bucket, key, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX upload_initiated ON upload (initiated);

CREATE TABLE part (
    upload TEXT NOT NULL,
    number INTEGER NOT NULL,
    body INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    md5 BLOB NOT NULL,
    modified INTEGER NOT NULL,
    checksums TEXT NOT NULL,
    PRIMARY KEY (upload, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX part_body ON part (body);

-- What a completed upload was answered, so that a repeated completion gets the same answer.
CREATE TABLE completion (
    upload TEXT PRIMARY KEY,
    bucket INTEGER NOT NULL,
    key BLOB NOT NULL,
    etag TEXT NOT NULL,
    checksums TEXT NOT NULL,
    completed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX completion_completed ON completion (completed);
