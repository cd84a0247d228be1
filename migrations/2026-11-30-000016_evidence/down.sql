REVOKE UPDATE (published_again) ON outbox FROM lethe_scheduler;
ALTER TABLE outbox DROP COLUMN published_again;
DROP TRIGGER kept_until_logged ON outbox;
DROP FUNCTION keep_until_logged();
DROP TRIGGER only_from_the_outbox ON audit_logs;
DROP FUNCTION require_outbox_event();
DROP FUNCTION audit_events(uuid[]);
