-- Which tokens a step has revoked by now, page by page: its next attempt asks for none of them again. They are digests,
-- sealed as the step's scope is; they go when the step has ended well, and with the scope at the latest.

-- Services may be running. They take the other two in either order, but the row of the job before them.
LOCK TABLE privacy_jobs, job_steps, step_scopes IN EXCLUSIVE MODE;

CREATE TABLE revoked_tokens (
    job_id  uuid    NOT NULL,
    step_no integer NOT NULL,
    -- Under which claim of the step.
    epoch   bigint  NOT NULL,
    page    integer NOT NULL,
    sealed  bytea   NOT NULL,
    PRIMARY KEY (job_id, step_no, epoch, page),
    FOREIGN KEY (job_id, step_no) REFERENCES step_scopes (job_id, step_no) ON DELETE CASCADE
);

GRANT SELECT, INSERT ON revoked_tokens TO lethe_erasure;
ALTER TABLE revoked_tokens ENABLE ROW LEVEL SECURITY;
CREATE POLICY erasures ON revoked_tokens TO lethe_erasure
    USING (EXISTS (SELECT FROM privacy_jobs j WHERE j.id = job_id));

CREATE FUNCTION forget_revoked_tokens() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM public.revoked_tokens t WHERE t.job_id = NEW.job_id AND t.step_no = NEW.step_no;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION forget_revoked_tokens() FROM PUBLIC;
CREATE TRIGGER forget_revoked_tokens AFTER UPDATE ON job_steps FOR EACH ROW
    WHEN (NEW.kind = 'revoke_tokens' AND NEW.state = 'completed' AND OLD.state <> 'completed')
    EXECUTE FUNCTION forget_revoked_tokens();
