DO $$
DECLARE
    policy record;
BEGIN
    FOR policy IN SELECT policyname, tablename FROM pg_policies WHERE schemaname = 'public' LOOP
        EXECUTE format('DROP POLICY %I ON %I', policy.policyname, policy.tablename);
        EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', policy.tablename);
    END LOOP;
END $$;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM lethe_api, lethe_export, lethe_erasure, lethe_scheduler, lethe_audit;
REVOKE USAGE ON SCHEMA public FROM lethe_api, lethe_export, lethe_erasure, lethe_scheduler, lethe_audit;
