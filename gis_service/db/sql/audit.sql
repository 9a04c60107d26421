-- The audit log only grows. Entries older than half a year may be taken out by audit_purge, which
-- only the owner of the database may call, and only from the front.
CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF current_setting('gis_service.audit_purge', true) = 'on'
           AND OLD.at < now() - interval '184 days' THEN
            RETURN OLD;
        END IF;
    END IF;
    -- without a format: a per cent sign would be a parameter to the driver
    RAISE insufficient_privilege
        USING MESSAGE = 'the audit log is append-only: ' || TG_OP || ' refused';
END $$;
CREATE OR REPLACE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE OR REPLACE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();

CREATE OR REPLACE FUNCTION audit_purge(
    before timestamptz, OUT removed bigint, OUT last_id bigint, OUT last_chain bytea
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    -- one that is young ends it, whatever lies behind: the chain may lose its front only
    SELECT max(e.id) INTO last_id FROM audit_entry e
    WHERE e.id < (SELECT coalesce(min(y.id), 9223372036854775807) FROM audit_entry y
                  WHERE y.at >= before);
    SELECT e.chain INTO last_chain FROM audit_entry e WHERE e.id = last_id;
    PERFORM set_config('gis_service.audit_purge', 'on', true);
    DELETE FROM audit_entry e WHERE e.id <= last_id;
    GET DIAGNOSTICS removed = ROW_COUNT;
    PERFORM set_config('gis_service.audit_purge', 'off', true);
END $$;
REVOKE ALL ON FUNCTION audit_purge FROM PUBLIC;
