-- Acts that wait for a person, offered to the whole team; answers are signed statements that the asking machine checks.
-- The store carries and orders them; it decides nothing and could not forge one.

DO $$
BEGIN
    CREATE ROLE leash_reviewer NOLOGIN;
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;
GRANT USAGE ON SCHEMA leash TO leash_reviewer;
SET LOCAL ROLE leash_owner;

-- body: the exact bytes of the record that asked, number seq of the session's log. needed: how many must say yes.
CREATE TABLE leash.ask (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    team    integer NOT NULL REFERENCES leash.team,
    login   text NOT NULL,
    device  text NOT NULL CHECK (device ~ '^[0-9a-f]{16}$'),
    session text NOT NULL,
    name    text NOT NULL CHECK (length(name) BETWEEN 1 AND 40),
    seq     bigint NOT NULL,
    body    bytea NOT NULL CHECK (length(body) <= 1048576),
    bundle  text NOT NULL,
    needed  integer NOT NULL CHECK (needed BETWEEN 1 AND 9),
    asked   timestamptz NOT NULL DEFAULT now(),
    expires timestamptz NOT NULL,
    closed  timestamptz,
    outcome text,
    UNIQUE (team, device, session, name, seq)
);
CREATE INDEX ask_open ON leash.ask (team) WHERE closed IS NULL;

CREATE TABLE leash.answer (
    ask       bigint NOT NULL REFERENCES leash.ask,
    login     text NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    verdict   text NOT NULL CHECK (verdict IN ('allow', 'deny')),
    statement bytea NOT NULL CHECK (length(statement) <= 8192),
    signature bytea NOT NULL CHECK (length(signature) <= 8192),
    PRIMARY KEY (ask, login)
);
CREATE TRIGGER answer_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON leash.answer
    FOR EACH STATEMENT EXECUTE FUNCTION leash.refuse();
CREATE TRIGGER ask_stays BEFORE DELETE OR TRUNCATE ON leash.ask FOR EACH STATEMENT EXECUTE FUNCTION leash.refuse();

CREATE FUNCTION leash.offer(p_device text, p_session text, p_name text, p_seq bigint, p_body bytea, p_bundle text,
                            p_needed integer, p_seconds integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    mine integer := leash.my_team();
    made bigint;
    owner text;
BEGIN
    IF mine IS NULL THEN
        RAISE EXCEPTION 'login % belongs to no team', session_user USING ERRCODE = 'LS002';
    END IF;
    INSERT INTO leash.ask (team, login, device, session, name, seq, body, bundle, needed, expires)
        VALUES (mine, session_user, p_device, p_session, p_name, p_seq, p_body, p_bundle, p_needed,
                now() + make_interval(secs => least(p_seconds, 604800)))
        ON CONFLICT (team, device, session, name, seq) DO NOTHING RETURNING id INTO made;
    IF made IS NOT NULL THEN
        PERFORM pg_notify('leash_ask', made::text);
        RETURN made;
    END IF;
    SELECT a.id, a.login INTO made, owner FROM leash.ask a WHERE a.team = mine AND a.device = p_device
        AND a.session = p_session AND a.name = p_name AND a.seq = p_seq;
    IF owner <> session_user THEN
        RAISE EXCEPTION 'that ask belongs to another login' USING ERRCODE = 'LS002';
    END IF;
    RETURN made;
END $$;

CREATE FUNCTION leash.close_ask(p_ask bigint, p_outcome text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    UPDATE leash.ask SET closed = now(), outcome = left(p_outcome, 200)
        WHERE id = p_ask AND login = session_user AND closed IS NULL;
    IF FOUND THEN
        PERFORM pg_notify('leash_ask', p_ask::text);
    END IF;
END $$;

-- A reviewer's answer. The first that settles an ask wins; who comes later is told what it was.
CREATE FUNCTION leash.decide(p_ask bigint, p_verdict text, p_statement bytea, p_signature bytea) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    one leash.ask;
    denied text;
    allows integer;
    before bytea;
BEGIN
    SELECT * INTO one FROM leash.ask a WHERE a.id = p_ask AND a.team = leash.my_team() FOR UPDATE;
    IF one.id IS NULL THEN
        RAISE EXCEPTION 'there is no ask %', p_ask USING ERRCODE = 'LS002';
    END IF;
    SELECT statement INTO before FROM leash.answer a WHERE a.ask = p_ask AND a.login = session_user;
    IF before = p_statement THEN
        RETURN 0;  -- the same answer again, after a cut connection
    END IF;
    SELECT min(a.login) FILTER (WHERE a.verdict = 'deny'), count(*) FILTER (WHERE a.verdict = 'allow')
        INTO denied, allows FROM leash.answer a WHERE a.ask = p_ask;
    IF one.closed IS NOT NULL THEN
        RAISE EXCEPTION 'ask % is closed: %', p_ask, one.outcome USING ERRCODE = 'LS007';
    ELSIF denied IS NOT NULL THEN
        RAISE EXCEPTION 'ask % was denied by % first', p_ask, denied USING ERRCODE = 'LS007';
    ELSIF allows >= one.needed THEN
        RAISE EXCEPTION 'ask % was allowed by another reviewer first', p_ask USING ERRCODE = 'LS007';
    ELSIF one.expires < now() THEN
        RAISE EXCEPTION 'ask % has expired', p_ask USING ERRCODE = 'LS008';
    ELSIF before IS NOT NULL THEN
        RAISE EXCEPTION 'you answered ask % already', p_ask USING ERRCODE = 'LS007';
    END IF;
    INSERT INTO leash.answer (ask, login, verdict, statement, signature)
        VALUES (p_ask, session_user, p_verdict, p_statement, p_signature);
    PERFORM pg_notify('leash_answer', p_ask::text);
    RETURN one.needed - allows - (p_verdict = 'allow')::integer;
END $$;

-- What was answered to the open asks of a device, for the login that asked.
CREATE FUNCTION leash.my_answers(p_device text)
    RETURNS TABLE (ask bigint, session text, name text, login text, statement bytea, signature bytea)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT a.id, a.session, a.name, r.login, r.statement, r.signature
        FROM leash.ask a JOIN leash.answer r ON r.ask = a.id
        WHERE a.team = leash.my_team() AND a.login = session_user AND a.device = p_device AND a.closed IS NULL
        ORDER BY r.at
$$;

-- The asks of a device that are open here, so that what ended while it was away can be closed.
CREATE FUNCTION leash.my_asks(p_device text) RETURNS TABLE (ask bigint, session text, name text, seq bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT a.id, a.session, a.name, a.seq FROM leash.ask a
        WHERE a.team = leash.my_team() AND a.login = session_user AND a.device = p_device AND a.closed IS NULL
$$;

ALTER TABLE leash.ask ENABLE ROW LEVEL SECURITY;
ALTER TABLE leash.answer ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_team ON leash.ask FOR SELECT TO leash_reader, leash_reviewer
    USING (team = (SELECT leash.my_team()));
CREATE POLICY own_team ON leash.answer FOR SELECT TO leash_reader, leash_reviewer
    USING (EXISTS (SELECT FROM leash.ask a WHERE a.id = answer.ask AND a.team = (SELECT leash.my_team())));
GRANT SELECT ON leash.ask, leash.answer TO leash_reader, leash_reviewer;
REVOKE ALL ON FUNCTION leash.offer(text, text, text, bigint, bytea, text, integer, integer),
    leash.close_ask(bigint, text), leash.decide(bigint, text, bytea, bytea), leash.my_answers(text),
    leash.my_asks(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION leash.my_team() TO leash_reviewer;
GRANT EXECUTE ON FUNCTION leash.offer(text, text, text, bigint, bytea, text, integer, integer),
    leash.close_ask(bigint, text), leash.my_answers(text), leash.my_asks(text) TO leash_writer;
GRANT EXECUTE ON FUNCTION leash.decide(bigint, text, bytea, bytea) TO leash_reviewer;
RESET ROLE;
