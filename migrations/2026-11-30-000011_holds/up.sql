-- A key against repetition names what the request made: a job, or a hold. Programs from before look keys up
-- by their own routes only, under which all keys name jobs.
ALTER TABLE idempotency_keys
    ALTER COLUMN job_id DROP NOT NULL,
    ADD COLUMN hold_id uuid,
    ADD CONSTRAINT idempotency_keys_hold_fkey
        FOREIGN KEY (organisation_id, hold_id) REFERENCES legal_holds (organisation_id, id),
    ADD CONSTRAINT idempotency_keys_name_one CHECK (num_nonnulls(job_id, hold_id) = 1);

-- Asked for before each batch of an erasure: the holds of its organisation that are in effect.
CREATE INDEX legal_holds_in_effect ON legal_holds (organisation_id) WHERE released_at IS NULL;
