-- What a sound or a video tells of itself: how long it takes, and how large it is shown.

ALTER TABLE versions ADD COLUMN duration_ms BIGINT;
ALTER TABLE versions ADD COLUMN width BIGINT;
ALTER TABLE versions ADD COLUMN height BIGINT;
