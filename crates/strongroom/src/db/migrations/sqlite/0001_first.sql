-- The first schema: objects and their versions, uploads, usage, API keys, the audit log.
-- Ids are UUIDs of version 7, so that the order of ids is the order of creation. Times are milliseconds since 1970.

CREATE TABLE objects (
    id          BLOB PRIMARY KEY,
    space       TEXT NOT NULL,
    owner       TEXT,
    creator     TEXT,
    group_name  TEXT,
    name        TEXT NOT NULL,
    tags        TEXT NOT NULL,              -- JSON array of strings; object_tags holds the same for searching
    metadata    TEXT NOT NULL,              -- JSON object
    shared_with TEXT NOT NULL,              -- JSON array of subjects; object_readers holds the same for searching
    version     INTEGER NOT NULL,           -- the number of the version that is served
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    deleted_at  INTEGER
) STRICT;

CREATE INDEX objects_by_space ON objects (space, id);
CREATE INDEX objects_by_owner ON objects (space, owner, id);
CREATE INDEX objects_by_group ON objects (space, group_name, id);
CREATE INDEX objects_by_name ON objects (space, name, id);
CREATE INDEX objects_deleted ON objects (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE object_tags (
    tag       TEXT NOT NULL,
    object_id BLOB NOT NULL REFERENCES objects ON DELETE CASCADE,
    PRIMARY KEY (tag, object_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX object_tags_by_object ON object_tags (object_id);

CREATE TABLE object_readers (
    subject   TEXT NOT NULL,
    object_id BLOB NOT NULL REFERENCES objects ON DELETE CASCADE,
    PRIMARY KEY (subject, object_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX object_readers_by_object ON object_readers (object_id);

-- One immutable content each. The key is relative to the configured location.
CREATE TABLE versions (
    object_id    BLOB NOT NULL REFERENCES objects ON DELETE CASCADE,
    number       INTEGER NOT NULL,
    key          TEXT NOT NULL UNIQUE,
    content_type TEXT NOT NULL,
    bytes        INTEGER NOT NULL,
    sha256       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (object_id, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX versions_by_digest ON versions (sha256, object_id);

-- Work on pictures: a row for what a space makes of each version when it arrives, with what was found in it, and one
-- for everything that somebody asked for afterwards.
CREATE TABLE pictures (
    object_id       BLOB NOT NULL REFERENCES objects ON DELETE CASCADE,
    number          INTEGER NOT NULL,
    demand          TEXT NOT NULL,          -- what was asked for: a variant or options; '' for what is made on arrival
    space           TEXT NOT NULL,
    owner           TEXT NOT NULL,          -- '' for nobody: work is taken from the owners in turn
    state           TEXT NOT NULL,          -- waiting, made or refused
    recipes         TEXT NOT NULL,          -- digest of the declarations that were followed; '' while it waits
    due_at          INTEGER NOT NULL,       -- nobody takes it up before: it failed, or somebody is at work on it,
    holder          BLOB,                   -- who has this id
    attempts        INTEGER NOT NULL,
    optimise        INTEGER NOT NULL,       -- 1 until what was handed in has been replaced by its optimised form
    reason_code     TEXT,                   -- why it was refused
    reason_detail   TEXT,
    width           INTEGER,                -- as it is shown
    height          INTEGER,
    frames          INTEGER,
    dominant        TEXT,                   -- colour, six hexadecimal digits
    thumbhash       TEXT,                   -- base64
    perceptual_hash INTEGER,
    features        TEXT,                   -- 32 numbers of a byte, hex
    used_at         INTEGER,                -- when it was last asked for; nothing for what is made on arrival
    PRIMARY KEY (object_id, number, demand)
) STRICT, WITHOUT ROWID;

CREATE INDEX pictures_waiting ON pictures (owner, object_id) WHERE state = 'waiting' AND demand = '';
CREATE INDEX pictures_demanded ON pictures (owner, object_id) WHERE state = 'waiting' AND demand > '';
CREATE INDEX pictures_refused ON pictures (object_id) WHERE state = 'refused' AND demand = '';
CREATE INDEX pictures_by_use ON pictures (used_at, object_id, number, demand) WHERE used_at IS NOT NULL;
CREATE INDEX pictures_by_recipes ON pictures (space, recipes);

-- What was made of them. A row is there before its bytes are, so that they are found whatever happens.
CREATE TABLE variants (
    key          TEXT PRIMARY KEY,
    object_id    BLOB NOT NULL REFERENCES objects ON DELETE CASCADE,
    number       INTEGER NOT NULL,
    demand       TEXT NOT NULL,             -- of which of these rows it is
    name         TEXT NOT NULL,
    recipe       TEXT NOT NULL,             -- digest of its declaration
    content_type TEXT NOT NULL,
    width        INTEGER NOT NULL,
    height       INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,
    sha256       TEXT NOT NULL,
    made_at      INTEGER                    -- its bytes are there
) STRICT, WITHOUT ROWID;

CREATE INDEX variants_by_object ON variants (object_id, number, demand);
CREATE INDEX variants_on_demand ON variants (bytes) WHERE demand > '';

-- A permission to hand in one version, and the work that follows. It is written before any byte can arrive, so
-- that whatever a crash leaves in storage can be found from here.
CREATE TABLE uploads (
    id               BLOB PRIMARY KEY,
    object_id        BLOB NOT NULL,
    space            TEXT NOT NULL,
    method           TEXT NOT NULL,          -- service, put, post or multipart
    instead_of       TEXT,                   -- the method that was asked for, where the storage cannot do it
    state            TEXT NOT NULL,          -- open, verifying, ready, rejected, aborted or expired
    actor            TEXT NOT NULL,
    owner            TEXT,
    creator          TEXT,
    group_name       TEXT,
    name             TEXT NOT NULL,
    tags             TEXT NOT NULL,
    metadata         TEXT NOT NULL,
    content_type     TEXT NOT NULL,          -- as announced
    bytes            INTEGER NOT NULL,       -- as announced; what the quota reserves
    sha256           TEXT,                   -- as announced
    bucket           TEXT NOT NULL,          -- of the keys below; empty for the installation's own
    staging_key      TEXT NOT NULL,          -- where the bytes land, which may be the final key itself
    final_key        TEXT,                   -- set before the first byte may reach it
    multipart_id     TEXT,
    idempotency_key  TEXT,
    request_digest   TEXT,                   -- of the request that came with the idempotency key
    lease_holder     BLOB,                   -- while verifying: who does so,
    lease_until      INTEGER,                -- and until when nobody else may
    reason_code      TEXT,
    reason_detail    TEXT,
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,       -- no URL of it works any longer
    swept_at         INTEGER                 -- its bytes were cleared away after that
) STRICT;

CREATE INDEX uploads_overdue ON uploads (expires_at) WHERE state = 'open';
CREATE INDEX uploads_to_sweep ON uploads (expires_at) WHERE swept_at IS NULL;
CREATE INDEX uploads_swept ON uploads (swept_at) WHERE swept_at IS NOT NULL;
CREATE INDEX uploads_verifying ON uploads (lease_until) WHERE state = 'verifying';
CREATE INDEX uploads_by_final_key ON uploads (final_key) WHERE final_key IS NOT NULL;
CREATE UNIQUE INDEX uploads_by_idempotency_key ON uploads (actor, idempotency_key) WHERE idempotency_key IS NOT NULL;

-- Keys in storage whose bytes must go: written together with the change that makes them useless. An empty bucket is
-- the installation's own.
CREATE TABLE doomed (
    bucket TEXT NOT NULL,
    key    TEXT NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (bucket, key)
) STRICT, WITHOUT ROWID;

-- The mirror, if there is one: a second storage. At most one row.
CREATE TABLE mirrors (
    place       TEXT PRIMARY KEY, -- which storage it is
    since       INTEGER NOT NULL,
    asked_up_to TEXT NOT NULL, -- what was there before is asked for in the order of keys: up to this one,
    is_whole    INTEGER NOT NULL -- or, if this is 1, all of it
) STRICT, WITHOUT ROWID;

-- Keys whose content the mirror has to get, or to lose: written together with the change that asks for it.
CREATE TABLE copies (
    key      TEXT PRIMARY KEY,
    space    TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    due_at   INTEGER NOT NULL, -- nobody takes it up before: it failed, or somebody is at work on it,
    holder   BLOB, -- who has this id
    round    INTEGER NOT NULL, -- how often it was asked for again meanwhile
    attempts INTEGER NOT NULL,
    reason   TEXT -- why it failed
) STRICT, WITHOUT ROWID;

CREATE INDEX copies_due ON copies (due_at, key);

-- One row an owner, and one with owner '' for the whole space.
CREATE TABLE usage (
    space            TEXT NOT NULL,
    owner            TEXT NOT NULL,
    bytes            INTEGER NOT NULL,
    objects          INTEGER NOT NULL,
    reserved_bytes   INTEGER NOT NULL,
    reserved_objects INTEGER NOT NULL,
    PRIMARY KEY (space, owner)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    secret_hash TEXT NOT NULL,               -- SHA-256, hex: the secret has 256 random bits, so no salt is needed
    subject     TEXT,
    roles       TEXT NOT NULL,
    scopes      TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    revoked_at  INTEGER
) STRICT;

CREATE TABLE audit (
    id         INTEGER PRIMARY KEY,         -- counts up, because no row is ever removed
    at         INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    action     TEXT NOT NULL,
    space      TEXT,
    object_id  BLOB,
    request_id TEXT,
    detail     TEXT NOT NULL
) STRICT;

-- Which entries tell of an object. Entries are filed here a while after they were written, many at once: an index that
-- is kept with every entry writes a page of it for every link.
CREATE TABLE audit_by_object (
    object_id BLOB NOT NULL,
    audit_id  INTEGER NOT NULL,
    PRIMARY KEY (object_id, audit_id)
) STRICT, WITHOUT ROWID;

-- Up to which entry that has been done: one row.
CREATE TABLE audit_filed (up_to INTEGER NOT NULL) STRICT;

INSERT INTO audit_filed VALUES (0);

-- What happened once in the life of this installation, such as handing in the demonstration pictures.
CREATE TABLE milestones (
    name TEXT PRIMARY KEY,
    at   INTEGER NOT NULL
) STRICT;
