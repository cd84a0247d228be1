DROP TRIGGER forget_job_secret ON privacy_jobs;
DROP FUNCTION forget_job_secret;
DROP TABLE job_secrets;
