-- Database roles through which privacy work reaches the data of Vantage. Safe to run again, also at the same time.
-- Passwords are not set here: give one with ALTER ROLE … PASSWORD, or let pg_hba.conf decide.

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['vantage_reader', 'vantage_eraser'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE', wanted);
                IF wanted = 'vantage_reader' THEN
                    ALTER ROLE vantage_reader SET default_transaction_read_only = on;
                END IF;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- another session was faster; roles belong to the whole server
            END;
        END IF;
    END LOOP;
END
$$;

GRANT USAGE ON SCHEMA public TO vantage_reader, vantage_eraser;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO vantage_reader;
GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO vantage_eraser;
