DROP FUNCTION state_of_export_before(uuid);
