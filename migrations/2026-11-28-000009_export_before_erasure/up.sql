-- The erasure-worker sees no exports. Of the one that has to be complete before an erasure, and of no other, it
-- learns the state, and nothing more. The request of a job is never rewritten, so it cannot point elsewhere.
CREATE FUNCTION state_of_export_before(erasure uuid) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
    SELECT x.state
    FROM public.privacy_jobs e
    JOIN public.privacy_jobs x ON x.id = (e.request ->> 'after_export')::uuid AND x.organisation_id = e.organisation_id
    WHERE e.id = erasure AND e.kind = 'erasure' AND x.kind = 'export'
$$;
REVOKE EXECUTE ON FUNCTION state_of_export_before(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION state_of_export_before(uuid) TO lethe_erasure;
