-- Large collections are planned by an estimate; once one has been read, what was read is the plan.
GRANT UPDATE (rows_planned) ON job_progress TO lethe_export;
