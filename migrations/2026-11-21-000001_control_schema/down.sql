DROP TABLE audit_head, audit_logs, idempotency_keys, outbox, packages, job_progress, job_steps, privacy_jobs;
