-- Which rows an erasure left because of a hold, as the look at its end found them: the run after the release is
-- about these and no others, whatever has become of them since. Keys may be personal data, so they are sealed, as
-- the scope of the step that looked is, and go with it.
CREATE TABLE retained_rows (
    job_id          uuid    NOT NULL,
    step_no         integer NOT NULL,
    hold_id         uuid    NOT NULL,
    collection      text    NOT NULL,
    organisation_id text    NOT NULL,
    sealed          bytea   NOT NULL,
    PRIMARY KEY (job_id, hold_id, collection),
    FOREIGN KEY (job_id, hold_id, collection) REFERENCES job_retained (job_id, hold_id, collection),
    FOREIGN KEY (job_id, step_no) REFERENCES step_scopes (job_id, step_no) ON DELETE CASCADE,
    FOREIGN KEY (organisation_id, job_id) REFERENCES privacy_jobs (organisation_id, id)
);
CREATE INDEX retained_rows_by_step ON retained_rows (job_id, step_no);

GRANT SELECT, INSERT ON retained_rows TO lethe_erasure;
ALTER TABLE retained_rows ENABLE ROW LEVEL SECURITY;
CREATE POLICY erasures ON retained_rows TO lethe_erasure
    USING (EXISTS (SELECT FROM privacy_jobs j WHERE j.id = job_id));
