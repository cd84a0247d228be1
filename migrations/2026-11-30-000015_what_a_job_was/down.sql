ALTER TABLE audit_logs DROP COLUMN about;
ALTER TABLE privacy_jobs DROP COLUMN outcome, DROP COLUMN label, DROP COLUMN external_reference;
