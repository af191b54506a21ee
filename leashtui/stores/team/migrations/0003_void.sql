-- An answer that the asking machine did not believe (its key is no reviewer's there, it fits another act) settles
-- nothing: the machine says so, and others may answer, its author with another signature too. Nothing is taken away.

SET LOCAL ROLE leash_owner;

ALTER TABLE leash.answer DROP CONSTRAINT answer_pkey;
ALTER TABLE leash.answer ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;
CREATE INDEX answer_ask ON leash.answer (ask);

CREATE TABLE leash.void (
    answer bigint PRIMARY KEY REFERENCES leash.answer,
    at     timestamptz NOT NULL DEFAULT now(),
    reason text NOT NULL
);
CREATE TRIGGER void_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON leash.void
    FOR EACH STATEMENT EXECUTE FUNCTION leash.refuse();

CREATE FUNCTION leash.void_answer(p_answer bigint, p_reason text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    of_ask bigint;
BEGIN
    SELECT a.id INTO of_ask FROM leash.ask a JOIN leash.answer r ON r.ask = a.id
        WHERE r.id = p_answer AND a.login = session_user AND a.team = leash.my_team() FOR UPDATE OF a;
    IF of_ask IS NULL THEN
        RAISE EXCEPTION 'answer % is not to an ask of yours', p_answer USING ERRCODE = 'LS002';
    END IF;
    INSERT INTO leash.void (answer, reason) VALUES (p_answer, left(p_reason, 400)) ON CONFLICT DO NOTHING;
    PERFORM pg_notify('leash_ask', of_ask::text);
END $$;

CREATE OR REPLACE FUNCTION leash.decide(p_ask bigint, p_verdict text, p_statement bytea, p_signature bytea)
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
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
    PERFORM FROM leash.answer a WHERE a.ask = p_ask AND a.login = session_user AND a.statement = p_statement;
    IF FOUND THEN
        RETURN 0;  -- the same answer again, after a cut connection
    END IF;
    SELECT statement INTO before FROM leash.answer a WHERE a.ask = p_ask AND a.login = session_user
        AND NOT EXISTS (SELECT FROM leash.void v WHERE v.answer = a.id);
    SELECT min(a.login) FILTER (WHERE a.verdict = 'deny'), count(*) FILTER (WHERE a.verdict = 'allow')
        INTO denied, allows FROM leash.answer a WHERE a.ask = p_ask
        AND NOT EXISTS (SELECT FROM leash.void v WHERE v.answer = a.id);
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

DROP FUNCTION leash.my_answers(text);
CREATE FUNCTION leash.my_answers(p_device text)
    RETURNS TABLE (ask bigint, session text, name text, login text, statement bytea, signature bytea, answer bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT a.id, a.session, a.name, r.login, r.statement, r.signature, r.id
        FROM leash.ask a JOIN leash.answer r ON r.ask = a.id
        WHERE a.team = leash.my_team() AND a.login = session_user AND a.device = p_device AND a.closed IS NULL
        AND NOT EXISTS (SELECT FROM leash.void v WHERE v.answer = r.id)
        ORDER BY r.at
$$;

-- What waits for a reviewer: open, not too late, not denied by an answer that counts.
CREATE FUNCTION leash.waiting()
    RETURNS TABLE (id bigint, device text, login text, session text, name text, seq bigint, body bytea, bundle text,
                   needed integer, asked double precision, allows bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT a.id, a.device, a.login, a.session, a.name, a.seq, a.body, a.bundle, a.needed,
            extract(epoch FROM a.asked)::float8, count(r.id) FILTER (WHERE r.verdict = 'allow')
        FROM leash.ask a LEFT JOIN leash.answer r ON r.ask = a.id
            AND NOT EXISTS (SELECT FROM leash.void v WHERE v.answer = r.id)
        WHERE a.team = leash.my_team() AND a.closed IS NULL AND a.expires > now()
        GROUP BY a.id HAVING count(r.id) FILTER (WHERE r.verdict = 'deny') = 0
        ORDER BY a.id
$$;

ALTER TABLE leash.void ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_team ON leash.void FOR SELECT TO leash_reader, leash_reviewer
    USING (EXISTS (SELECT FROM leash.answer r JOIN leash.ask a ON a.id = r.ask
                   WHERE r.id = void.answer AND a.team = (SELECT leash.my_team())));
GRANT SELECT ON leash.void TO leash_reader, leash_reviewer;
REVOKE ALL ON FUNCTION leash.void_answer(bigint, text), leash.my_answers(text), leash.waiting() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION leash.void_answer(bigint, text), leash.my_answers(text) TO leash_writer;
GRANT EXECUTE ON FUNCTION leash.waiting() TO leash_reviewer;
RESET ROLE;
