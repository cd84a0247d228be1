DROP INDEX legal_holds_in_effect;
DELETE FROM idempotency_keys WHERE job_id IS NULL;
ALTER TABLE idempotency_keys
    DROP CONSTRAINT idempotency_keys_name_one,
    DROP CONSTRAINT idempotency_keys_hold_fkey,
    DROP COLUMN hold_id,
    ALTER COLUMN job_id SET NOT NULL;
