-- Chains of many devices, appended through functions only. Runs in one transaction as the role that owns the database.
--
-- Roles have no login; people's and devices' own login roles are granted them (leash.enrol). leash_owner owns
-- everything, so the functions below, which run as it, are the only way in. Who calls is session_user: SET ROLE cannot
-- change that.

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['leash_owner', 'leash_writer', 'leash_reader'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', name);
        EXCEPTION WHEN duplicate_object THEN NULL;
        END;
    END LOOP;
END $$;

ALTER SCHEMA leash OWNER TO leash_owner;
ALTER TABLE leash.migration OWNER TO leash_owner;
GRANT leash_owner TO CURRENT_USER;
GRANT CREATE ON SCHEMA leash TO leash_owner;
GRANT USAGE ON SCHEMA leash TO leash_writer, leash_reader;
REVOKE ALL ON SCHEMA leash FROM PUBLIC;
SET LOCAL ROLE leash_owner;

CREATE TABLE leash.team (
    id   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$')
);

-- Which login belongs to which team, and what for. device: of a writer, the id of its key once it has spoken.
CREATE TABLE leash.member (
    login  text PRIMARY KEY,
    team   integer NOT NULL REFERENCES leash.team,
    joined timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE leash.chain (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    team    integer NOT NULL REFERENCES leash.team,
    login   text NOT NULL,
    device  text NOT NULL CHECK (device ~ '^[0-9a-f]{16}$'),
    session text NOT NULL CHECK (length(session) BETWEEN 1 AND 200),
    count   bigint NOT NULL DEFAULT 0,
    head    bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    opened  timestamptz NOT NULL DEFAULT now(),
    changed timestamptz NOT NULL DEFAULT now(),
    UNIQUE (team, device, session)
);

-- received is the store's own clock; a record's own time is inside its body.
CREATE TABLE leash.event (
    chain    bigint NOT NULL,
    seq      bigint NOT NULL,
    received timestamptz NOT NULL,
    team     integer NOT NULL,
    body     bytea NOT NULL,
    hash     bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (chain, seq, received)
) PARTITION BY RANGE (received);
CREATE INDEX event_received ON leash.event USING brin (received);
CREATE TABLE leash.event_default PARTITION OF leash.event DEFAULT;

-- Signed notes about a chain's first `count` records. The store keeps them; who reads them checks the signatures.
CREATE TABLE leash.checkpoint (
    chain    bigint NOT NULL REFERENCES leash.chain,
    count    bigint NOT NULL,
    note     bytea NOT NULL,
    received timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (chain, count)
);

-- Nobody changes what is there, not even through a hole in a function.
CREATE FUNCTION leash.refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'the team store only grows: % on % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'LS001';
END $$;
CREATE TRIGGER event_grows BEFORE UPDATE OR DELETE ON leash.event
    FOR EACH ROW EXECUTE FUNCTION leash.refuse();
CREATE TRIGGER event_stays BEFORE TRUNCATE ON leash.event FOR EACH STATEMENT EXECUTE FUNCTION leash.refuse();
CREATE TRIGGER checkpoint_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON leash.checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION leash.refuse();
CREATE TRIGGER event_default_stays BEFORE TRUNCATE ON leash.event_default
    FOR EACH STATEMENT EXECUTE FUNCTION leash.refuse();

-- A partition for each of the coming months; what falls outside them lands in the default one.
CREATE FUNCTION leash.make_partitions(months integer) RETURNS integer LANGUAGE plpgsql
    SET search_path = pg_catalog AS $$
DECLARE
    begins timestamptz := date_trunc('month', now(), 'UTC');
    made integer := 0;
    name text;
BEGIN
    FOR step IN 0 .. months - 1 LOOP
        name := 'event_' || to_char((begins + make_interval(months => step)) AT TIME ZONE 'UTC', 'YYYY_MM');
        IF to_regclass('leash.' || name) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE TABLE leash.%I PARTITION OF leash.event FOR VALUES FROM (%L) TO (%L)', name,
                    begins + make_interval(months => step), begins + make_interval(months => step + 1));
                EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON leash.%I FOR EACH STATEMENT
                    EXECUTE FUNCTION leash.refuse()', name || '_stays', name);
                made := made + 1;
            EXCEPTION WHEN check_violation THEN NULL;  -- rows of that month already lie in the default partition
            END;
        END IF;
    END LOOP;
    RETURN made;
END $$;

CREATE FUNCTION leash.my_team() RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS
    $$ SELECT team FROM leash.member WHERE login = session_user $$;

-- Where a chain stands here; begins it when it is new. The cursor of every upload is what this answers.
CREATE FUNCTION leash.open_chain(p_device text, p_session text, OUT chain bigint, OUT count bigint, OUT head bytea,
                                 OUT notes bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    mine integer := leash.my_team();
    owner text;
BEGIN
    IF mine IS NULL THEN
        RAISE EXCEPTION 'login % belongs to no team', session_user USING ERRCODE = 'LS002';
    END IF;
    INSERT INTO leash.chain AS c (team, login, device, session) VALUES (mine, session_user, p_device, p_session)
        ON CONFLICT (team, device, session) DO NOTHING;
    SELECT c.id, c.count, c.head, c.login INTO chain, count, head, owner FROM leash.chain c
        WHERE c.team = mine AND c.device = p_device AND c.session = p_session;
    IF owner <> session_user THEN
        RAISE EXCEPTION 'chain % of device % belongs to another login', p_session, p_device USING ERRCODE = 'LS002';
    END IF;
    SELECT coalesce(max(k.count), 0) INTO notes FROM leash.checkpoint k WHERE k.chain = open_chain.chain;
END $$;

-- Where every chain of a device stands here, for its owner alone: a device need not read to write.
CREATE FUNCTION leash.my_chains(p_device text) RETURNS TABLE (session text, count bigint, head bytea)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT c.session, c.count, c.head FROM leash.chain c
        WHERE c.team = leash.my_team() AND c.login = session_user AND c.device = p_device
$$;

-- Append records p_first, p_first + 1, ...; those that are there already are compared and skipped.
CREATE FUNCTION leash.ingest(p_chain bigint, p_first bigint, p_bodies bytea[], p_hashes bytea[],
                             OUT count bigint, OUT head bytea)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    given integer := coalesce(array_length(p_bodies, 1), 0);
    known integer;
    bad bigint;
    owner text;
    of_team integer;
BEGIN
    SELECT c.count, c.head, c.login, c.team INTO count, head, owner, of_team FROM leash.chain c
        WHERE c.id = p_chain FOR UPDATE;
    IF owner IS DISTINCT FROM session_user THEN
        RAISE EXCEPTION 'chain % is not yours', p_chain USING ERRCODE = 'LS002';
    END IF;
    IF given = 0 OR given > 10000 OR given <> coalesce(array_length(p_hashes, 1), 0)
       OR array_lower(p_bodies, 1) <> 1 OR array_lower(p_hashes, 1) <> 1 THEN
        RAISE EXCEPTION 'a batch has 1 to 10000 bodies and as many hashes' USING ERRCODE = 'LS003';
    END IF;
    IF p_first < 1 OR p_first > count + 1 THEN
        RAISE EXCEPTION 'records % to % are missing before record %', count + 1, p_first - 1, p_first
            USING ERRCODE = 'LS004';
    END IF;
    known := least(count - p_first + 1, given);
    IF known > 0 THEN
        SELECT min(e.seq) INTO bad FROM leash.event e
            WHERE e.chain = p_chain AND e.seq BETWEEN p_first AND p_first + known - 1
              AND (e.hash <> p_hashes[e.seq - p_first + 1] OR e.body <> p_bodies[e.seq - p_first + 1]);
        IF bad IS NOT NULL THEN
            RAISE EXCEPTION 'record % is another one here: the chain was forked', bad USING ERRCODE = 'LS005';
        END IF;
    END IF;
    FOR i IN known + 1 .. given LOOP
        head := sha256(head || sha256(p_bodies[i]));
        IF head IS DISTINCT FROM p_hashes[i] THEN
            RAISE EXCEPTION 'record % does not follow from record %', p_first + i - 1, p_first + i - 2
                USING ERRCODE = 'LS006';
        END IF;
    END LOOP;
    IF given > known THEN
        INSERT INTO leash.event (chain, seq, received, team, body, hash)
            SELECT p_chain, p_first + known + u.n - 1, now(), of_team, u.body, u.hash
            FROM unnest(p_bodies[known + 1:], p_hashes[known + 1:]) WITH ORDINALITY AS u (body, hash, n);
        count := p_first + given - 1;
        UPDATE leash.chain c SET count = ingest.count, head = ingest.head, changed = now() WHERE c.id = p_chain;
    END IF;
END $$;

-- Keep a signed note. Two different ones about the same records are a fork.
CREATE FUNCTION leash.put_checkpoint(p_chain bigint, p_count bigint, p_note bytea) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    owner text;
    have bigint;
BEGIN
    SELECT c.login, c.count INTO owner, have FROM leash.chain c WHERE c.id = p_chain FOR UPDATE;
    IF owner IS DISTINCT FROM session_user THEN
        RAISE EXCEPTION 'chain % is not yours', p_chain USING ERRCODE = 'LS002';
    END IF;
    IF p_count < 1 OR p_count > have OR length(p_note) > 4096 THEN
        RAISE EXCEPTION 'a checkpoint of % records: % are here', p_count, have USING ERRCODE = 'LS004';
    END IF;
    INSERT INTO leash.checkpoint (chain, count, note) VALUES (p_chain, p_count, p_note)
        ON CONFLICT (chain, count) DO NOTHING;
END $$;

-- What a member may see: its own team, and nothing else.
ALTER TABLE leash.team ENABLE ROW LEVEL SECURITY;
ALTER TABLE leash.member ENABLE ROW LEVEL SECURITY;
ALTER TABLE leash.chain ENABLE ROW LEVEL SECURITY;
ALTER TABLE leash.event ENABLE ROW LEVEL SECURITY;
ALTER TABLE leash.checkpoint ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_team ON leash.team FOR SELECT TO leash_reader USING (id = (SELECT leash.my_team()));
CREATE POLICY own_team ON leash.member FOR SELECT TO leash_reader USING (team = (SELECT leash.my_team()));
CREATE POLICY own_team ON leash.chain FOR SELECT TO leash_reader USING (team = (SELECT leash.my_team()));
CREATE POLICY own_team ON leash.event FOR SELECT TO leash_reader USING (team = (SELECT leash.my_team()));
CREATE POLICY own_team ON leash.checkpoint FOR SELECT TO leash_reader
    USING (EXISTS (SELECT FROM leash.chain c WHERE c.id = checkpoint.chain AND c.team = (SELECT leash.my_team())));

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA leash FROM PUBLIC;
GRANT EXECUTE ON FUNCTION leash.my_team() TO leash_writer, leash_reader;
GRANT EXECUTE ON FUNCTION leash.open_chain(text, text), leash.my_chains(text), leash.ingest(bigint, bigint, bytea[], bytea[]),
    leash.put_checkpoint(bigint, bigint, bytea) TO leash_writer;
GRANT SELECT ON leash.team, leash.member, leash.chain, leash.event, leash.checkpoint, leash.migration TO leash_reader;

SELECT leash.make_partitions(24);
RESET ROLE;
