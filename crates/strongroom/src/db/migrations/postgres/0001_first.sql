-- The first schema: objects and their versions, uploads, usage, API keys, the audit log.
-- Ids are UUIDs of version 7, so that the order of ids is the order of creation. Times are milliseconds since 1970.
-- Texts are compared bytewise, as SQLite does, whatever language the database was made for.

CREATE TABLE objects (
    id          UUID PRIMARY KEY,
    space       TEXT COLLATE "C" NOT NULL,
    owner       TEXT COLLATE "C",
    creator     TEXT COLLATE "C",
    group_name  TEXT COLLATE "C",
    name        TEXT COLLATE "C" NOT NULL,
    tags        TEXT COLLATE "C" NOT NULL, -- JSON array of strings; object_tags holds the same for searching
    metadata    TEXT COLLATE "C" NOT NULL, -- JSON object
    shared_with TEXT COLLATE "C" NOT NULL, -- JSON array of subjects; object_readers holds the same for searching
    version     BIGINT NOT NULL, -- the number of the version that is served
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    deleted_at  BIGINT
);

CREATE INDEX objects_by_space ON objects (space, id);
CREATE INDEX objects_by_owner ON objects (space, owner, id);
CREATE INDEX objects_by_group ON objects (space, group_name, id);
CREATE INDEX objects_by_name ON objects (space, name, id);
CREATE INDEX objects_deleted ON objects (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE object_tags (
    tag       TEXT COLLATE "C" NOT NULL,
    object_id UUID NOT NULL REFERENCES objects ON DELETE CASCADE,
    PRIMARY KEY (tag, object_id)
);

CREATE INDEX object_tags_by_object ON object_tags (object_id);

CREATE TABLE object_readers (
    subject   TEXT COLLATE "C" NOT NULL,
    object_id UUID NOT NULL REFERENCES objects ON DELETE CASCADE,
    PRIMARY KEY (subject, object_id)
);

CREATE INDEX object_readers_by_object ON object_readers (object_id);

-- One immutable content each. The key is relative to the configured location.
CREATE TABLE versions (
    object_id    UUID NOT NULL REFERENCES objects ON DELETE CASCADE,
    number       BIGINT NOT NULL,
    key          TEXT COLLATE "C" NOT NULL UNIQUE,
    content_type TEXT COLLATE "C" NOT NULL,
    bytes        BIGINT NOT NULL,
    sha256       TEXT COLLATE "C" NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (object_id, number)
);

CREATE INDEX versions_by_digest ON versions (sha256, object_id);

-- Work on pictures: a row for what a space makes of each version when it arrives, with what was found in it, and one
-- for everything that somebody asked for afterwards.
CREATE TABLE pictures (
    object_id       UUID NOT NULL REFERENCES objects ON DELETE CASCADE,
    number          BIGINT NOT NULL,
    demand          TEXT COLLATE "C" NOT NULL,          -- what was asked for: a variant or options; '' for what is made on arrival
    space           TEXT COLLATE "C" NOT NULL,
    owner           TEXT COLLATE "C" NOT NULL,          -- '' for nobody: work is taken from the owners in turn
    state           TEXT COLLATE "C" NOT NULL,          -- waiting, made or refused
    recipes         TEXT COLLATE "C" NOT NULL,          -- digest of the declarations that were followed; '' while it waits
    due_at          BIGINT NOT NULL,       -- nobody takes it up before: it failed, or somebody is at work on it,
    holder          UUID,                   -- who has this id
    attempts        BIGINT NOT NULL,
    optimise        BIGINT NOT NULL,       -- 1 until what was handed in has been replaced by its optimised form
    reason_code     TEXT COLLATE "C",                   -- why it was refused
    reason_detail   TEXT COLLATE "C",
    width           BIGINT,                -- as it is shown
    height          BIGINT,
    frames          BIGINT,
    dominant        TEXT COLLATE "C",                   -- colour, six hexadecimal digits
    thumbhash       TEXT COLLATE "C",                   -- base64
    perceptual_hash BIGINT,
    features        TEXT COLLATE "C",                   -- 32 numbers of a byte, hex
    used_at         BIGINT,                -- when it was last asked for; nothing for what is made on arrival
    PRIMARY KEY (object_id, number, demand)
);

CREATE INDEX pictures_waiting ON pictures (owner, object_id) WHERE state = 'waiting' AND demand = '';
CREATE INDEX pictures_demanded ON pictures (owner, object_id) WHERE state = 'waiting' AND demand > '';
CREATE INDEX pictures_refused ON pictures (object_id) WHERE state = 'refused' AND demand = '';
CREATE INDEX pictures_by_use ON pictures (used_at, object_id, number, demand) WHERE used_at IS NOT NULL;
CREATE INDEX pictures_by_recipes ON pictures (space, recipes);

-- What was made of them. A row is there before its bytes are, so that they are found whatever happens.
CREATE TABLE variants (
    key          TEXT COLLATE "C" PRIMARY KEY,
    object_id    UUID NOT NULL REFERENCES objects ON DELETE CASCADE,
    number       BIGINT NOT NULL,
    demand       TEXT COLLATE "C" NOT NULL,             -- of which of these rows it is
    name         TEXT COLLATE "C" NOT NULL,
    recipe       TEXT COLLATE "C" NOT NULL,             -- digest of its declaration
    content_type TEXT COLLATE "C" NOT NULL,
    width        BIGINT NOT NULL,
    height       BIGINT NOT NULL,
    bytes        BIGINT NOT NULL,
    sha256       TEXT COLLATE "C" NOT NULL,
    made_at      BIGINT                    -- its bytes are there
);

CREATE INDEX variants_by_object ON variants (object_id, number, demand);
CREATE INDEX variants_on_demand ON variants (bytes) WHERE demand > '';

-- A permission to hand in one version, and the work that follows. It is written before any byte can arrive, so
-- that whatever a crash leaves in storage can be found from here.
CREATE TABLE uploads (
    id               UUID PRIMARY KEY,
    object_id        UUID NOT NULL,
    space            TEXT COLLATE "C" NOT NULL,
    method           TEXT COLLATE "C" NOT NULL, -- service, put, post or multipart
    instead_of       TEXT COLLATE "C",          -- the method that was asked for, where the storage cannot do it
    state            TEXT COLLATE "C" NOT NULL, -- open, verifying, ready, rejected, aborted or expired
    actor            TEXT COLLATE "C" NOT NULL,
    owner            TEXT COLLATE "C",
    creator          TEXT COLLATE "C",
    group_name       TEXT COLLATE "C",
    name             TEXT COLLATE "C" NOT NULL,
    tags             TEXT COLLATE "C" NOT NULL,
    metadata         TEXT COLLATE "C" NOT NULL,
    content_type     TEXT COLLATE "C" NOT NULL, -- as announced
    bytes            BIGINT NOT NULL, -- as announced; what the quota reserves
    sha256           TEXT COLLATE "C", -- as announced
    bucket           TEXT COLLATE "C" NOT NULL, -- of the keys below; empty for the installation's own
    staging_key      TEXT COLLATE "C" NOT NULL,
    final_key        TEXT COLLATE "C", -- set before the first byte may reach it
    multipart_id     TEXT COLLATE "C",
    idempotency_key  TEXT COLLATE "C",
    request_digest   TEXT COLLATE "C", -- of the request that came with the idempotency key
    lease_holder     UUID, -- while verifying: who does so,
    lease_until      BIGINT, -- and until when nobody else may
    reason_code      TEXT COLLATE "C",
    reason_detail    TEXT COLLATE "C",
    created_at       BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL, -- no URL of it works any longer
    swept_at         BIGINT -- its bytes were cleared away after that
);

CREATE INDEX uploads_overdue ON uploads (expires_at) WHERE state = 'open';
CREATE INDEX uploads_to_sweep ON uploads (expires_at) WHERE swept_at IS NULL;
CREATE INDEX uploads_swept ON uploads (swept_at) WHERE swept_at IS NOT NULL;
CREATE INDEX uploads_verifying ON uploads (lease_until) WHERE state = 'verifying';
CREATE INDEX uploads_by_final_key ON uploads (final_key) WHERE final_key IS NOT NULL;
CREATE UNIQUE INDEX uploads_by_idempotency_key ON uploads (actor, idempotency_key) WHERE idempotency_key IS NOT NULL;

-- Keys in storage whose bytes must go: written together with the change that makes them useless. An empty bucket is
-- the installation's own.
CREATE TABLE doomed (
    bucket TEXT COLLATE "C" NOT NULL,
    key    TEXT COLLATE "C" NOT NULL,
    at     BIGINT NOT NULL,
    PRIMARY KEY (bucket, key)
);

-- The mirror, if there is one: a second storage. At most one row.
CREATE TABLE mirrors (
    place       TEXT COLLATE "C" PRIMARY KEY, -- which storage it is
    since       BIGINT NOT NULL,
    asked_up_to TEXT COLLATE "C" NOT NULL, -- what was there before is asked for in the order of keys: up to this one,
    is_whole    BIGINT NOT NULL -- or, if this is 1, all of it
);

-- Keys whose content the mirror has to get, or to lose: written together with the change that asks for it.
CREATE TABLE copies (
    key      TEXT COLLATE "C" PRIMARY KEY,
    space    TEXT COLLATE "C" NOT NULL,
    asked_at BIGINT NOT NULL,
    due_at   BIGINT NOT NULL, -- nobody takes it up before: it failed, or somebody is at work on it,
    holder   UUID, -- who has this id
    round    BIGINT NOT NULL, -- how often it was asked for again meanwhile
    attempts BIGINT NOT NULL,
    reason   TEXT COLLATE "C" -- why it failed
);

CREATE INDEX copies_due ON copies (due_at, key);

-- One row an owner, and one with owner '' for the whole space.
CREATE TABLE usage (
    space            TEXT COLLATE "C" NOT NULL,
    owner            TEXT COLLATE "C" NOT NULL,
    bytes            BIGINT NOT NULL,
    objects          BIGINT NOT NULL,
    reserved_bytes   BIGINT NOT NULL,
    reserved_objects BIGINT NOT NULL,
    PRIMARY KEY (space, owner)
);

CREATE TABLE api_keys (
    id          TEXT COLLATE "C" PRIMARY KEY,
    name        TEXT COLLATE "C" NOT NULL,
    secret_hash TEXT COLLATE "C" NOT NULL, -- SHA-256, hex: the secret has 256 random bits, so no salt is needed
    subject     TEXT COLLATE "C",
    roles       TEXT COLLATE "C" NOT NULL,
    scopes      TEXT COLLATE "C" NOT NULL,
    created_at  BIGINT NOT NULL,
    revoked_at  BIGINT
);

CREATE TABLE audit (
    id         BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, -- counts up
    at         BIGINT NOT NULL,
    actor      TEXT COLLATE "C" NOT NULL,
    action     TEXT COLLATE "C" NOT NULL,
    space      TEXT COLLATE "C",
    object_id  UUID,
    request_id TEXT COLLATE "C",
    detail     TEXT COLLATE "C" NOT NULL
);

-- Which entries tell of an object. Entries are filed here a while after they were written, many at once: an index that
-- is kept with every entry writes a page of it for every link.
CREATE TABLE audit_by_object (
    object_id UUID NOT NULL,
    audit_id  BIGINT NOT NULL,
    PRIMARY KEY (object_id, audit_id)
);

-- Up to which entry that has been done: one row.
CREATE TABLE audit_filed (up_to BIGINT NOT NULL);

INSERT INTO audit_filed VALUES (0);

-- What happened once in the life of this installation, such as handing in the demonstration pictures.
CREATE TABLE milestones (
    name TEXT COLLATE "C" PRIMARY KEY,
    at   BIGINT NOT NULL
);
