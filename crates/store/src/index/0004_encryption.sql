-- The fourth layout: encrypted contents, and what is known of the parts that an object was composed of.

-- The wrapped key of a content whose file is sealed; NULL where the file holds what was sent. `bytes` is always the
-- length of what was sent, and the CRC-64/NVME that of what lies in the file, so that verifying needs no key.
ALTER TABLE content ADD COLUMN sealed BLOB;

-- What an object is encrypted with, in JSON; NULL where it is not. All contents of its body are sealed that way.
ALTER TABLE object ADD COLUMN encryption TEXT;
ALTER TABLE past ADD COLUMN encryption TEXT;
ALTER TABLE upload ADD COLUMN encryption TEXT;
ALTER TABLE completion ADD COLUMN encryption TEXT;

-- What tells the master key from any other, once one was made. The key itself is not in the index.
CREATE TABLE master_key (proof BLOB NOT NULL) STRICT;

-- The parts of a body that was composed of some, each with its checksums in JSON. They go with the body's segments.
CREATE TABLE composed (
    body INTEGER NOT NULL,
    number INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    checksums TEXT NOT NULL,
    PRIMARY KEY (body, number)
) STRICT, WITHOUT ROWID;
