-- The log says what became of the objects that a step deleted: how many are gone, and how many stay and why.
ALTER TABLE audit_logs ADD COLUMN media jsonb CHECK (jsonb_typeof(media) = 'object');
