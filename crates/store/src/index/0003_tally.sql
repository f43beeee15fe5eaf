-- How much there is, for those who watch over the store. Kept by triggers, so that each change and its count are one
-- transaction and never drift.

CREATE TABLE tally (
    objects INTEGER NOT NULL,
    contents INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;
INSERT INTO tally
    SELECT (SELECT count(*) FROM object), count(*), coalesce(sum(bytes), 0) FROM content;

CREATE TRIGGER content_added AFTER INSERT ON content BEGIN
    UPDATE tally SET contents = contents + 1, bytes = bytes + new.bytes;
END;
CREATE TRIGGER content_removed AFTER DELETE ON content BEGIN
    UPDATE tally SET contents = contents - 1, bytes = bytes - old.bytes;
END;
CREATE TRIGGER object_added AFTER INSERT ON object BEGIN
    UPDATE tally SET objects = objects + 1;
END;
CREATE TRIGGER object_removed AFTER DELETE ON object BEGIN
    UPDATE tally SET objects = objects - 1;
END;
