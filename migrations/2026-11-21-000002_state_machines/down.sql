DROP TRIGGER append_only ON audit_logs;
DROP TRIGGER every_new_version_is_audited ON privacy_jobs;
DROP TRIGGER every_version_is_audited ON privacy_jobs;
DROP TRIGGER guard_step ON job_steps;
DROP TRIGGER guard_job ON privacy_jobs;
DROP FUNCTION refuse_change, require_audit_event, guard_step, guard_job;
DROP TABLE step_transitions, job_transitions;
