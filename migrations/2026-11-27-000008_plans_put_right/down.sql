REVOKE UPDATE (rows_planned) ON job_progress FROM lethe_export;
