-- The audit log takes what it says from the outbox, where it was written in the transaction of the change that it
-- tells of. A message only says which event is due, so that whoever can publish on the broker can write nothing.

-- Services may be running. They take these in this order, and who takes them in another waits for ever.
LOCK TABLE privacy_jobs, outbox, audit_logs IN ACCESS EXCLUSIVE MODE;

-- The bodies of audit events, by their ids. Of the outbox the sink sees nothing else.
CREATE FUNCTION audit_events(ids uuid[]) RETURNS TABLE (event_id uuid, body bytea)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.event_id, o.body FROM public.outbox o WHERE o.kind = 'audit.event' AND o.event_id = ANY (ids)
$$;
REVOKE EXECUTE ON FUNCTION audit_events(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_events(uuid[]) TO lethe_audit;

-- The same a second time, where no program can walk around it.
CREATE FUNCTION require_outbox_event() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM public.outbox o
        WHERE o.event_id = NEW.event_id AND o.kind = 'audit.event' AND o.body = NEW.body
    ) THEN
        RAISE EXCEPTION 'audit event %: the outbox holds no such event with this body', NEW.event_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
REVOKE EXECUTE ON FUNCTION require_outbox_event() FROM PUBLIC;
CREATE TRIGGER only_from_the_outbox BEFORE INSERT ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION require_outbox_event();

-- And an event stays in the outbox until it is in the log: nothing else could tell it.
CREATE FUNCTION keep_until_logged() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.audit_logs a WHERE a.event_id = OLD.event_id) THEN
        RAISE EXCEPTION 'audit event %: it stays in the outbox until it is in the audit log', OLD.event_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN OLD;
END $$;
REVOKE EXECUTE ON FUNCTION keep_until_logged() FROM PUBLIC;
CREATE TRIGGER kept_until_logged BEFORE DELETE ON outbox
    FOR EACH ROW WHEN (OLD.kind = 'audit.event') EXECUTE FUNCTION keep_until_logged();

-- How often a lost event was published again: one that cannot be stored comes back ever more seldom.
ALTER TABLE outbox ADD COLUMN published_again integer NOT NULL DEFAULT 0;
GRANT UPDATE (published_again) ON outbox TO lethe_scheduler;

-- What callers put into `tracestate` is theirs, and may be anything. Clearing it away is no change of a job.
ALTER TABLE privacy_jobs DISABLE TRIGGER guard_job;
UPDATE privacy_jobs SET trace_headers = trace_headers - 'tracestate' WHERE trace_headers ? 'tracestate';
ALTER TABLE privacy_jobs ENABLE TRIGGER guard_job;
UPDATE outbox SET headers = headers - 'tracestate' WHERE headers ? 'tracestate';
