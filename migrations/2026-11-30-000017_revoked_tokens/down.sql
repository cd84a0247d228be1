DROP TRIGGER forget_revoked_tokens ON job_steps;
DROP FUNCTION forget_revoked_tokens();
DROP TABLE revoked_tokens;
