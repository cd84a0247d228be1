-- What others than Lethe have written, in the same transactions, and how every row was when it was last
-- looked at: kept by a role that Lethe does not know, in a schema that no data map names.

CREATE SCHEMA beside;

-- Every row there is, as it is now.
CREATE VIEW beside.rows AS
    SELECT 'account'::text AS tab, t.id, t.xmin::text AS x, to_jsonb(t) AS image FROM public.account t
    UNION ALL SELECT 'profile', t.id, t.xmin::text, to_jsonb(t) FROM public.profile t
    UNION ALL SELECT 'message', t.id, t.xmin::text, to_jsonb(t) FROM public.message t
    UNION ALL SELECT 'session', t.id, t.xmin::text, to_jsonb(t) FROM public.session t
    UNION ALL SELECT 'token', t.id, t.xmin::text, to_jsonb(t) FROM public.token t
    UNION ALL SELECT 'orders', t.id, t.xmin::text, to_jsonb(t) FROM public.orders t
    UNION ALL SELECT 'order_line', t.id, t.xmin::text, to_jsonb(t) FROM public.order_line t
    UNION ALL SELECT 'comment', t.id, t.xmin::text, to_jsonb(t) FROM public.comment t
    UNION ALL SELECT 'visit', t.id, t.xmin::text, to_jsonb(t) FROM public.visit t;

CREATE TABLE beside.deleted (tab text PRIMARY KEY);
INSERT INTO beside.deleted VALUES ('session'), ('token'), ('orders'), ('order_line'), ('comment');
CREATE TABLE beside.personal (tab text, col text);
INSERT INTO beside.personal VALUES
    ('account', 'email'), ('account', 'name'), ('account', 'phone'), ('profile', 'born'), ('profile', 'bio'),
    ('message', 'body'), ('visit', 'email'), ('visit', 'page');

-- Whose a row is, for good: the way to them may be erased.
CREATE TABLE beside.whose (tab text, id bigint, org int NOT NULL, account bigint NOT NULL, PRIMARY KEY (tab, id));
CREATE INDEX ON beside.whose (org, account);

CREATE TABLE beside.ledger (
    seq      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tab      text        NOT NULL,
    id       bigint      NOT NULL,
    op       text        NOT NULL,
    -- Who had written the row before, and the transaction that wrote it now.
    before_x text,
    x        text        NOT NULL DEFAULT (pg_current_xact_id()::xid)::text,
    xid      xid8        NOT NULL DEFAULT pg_current_xact_id(),
    began    timestamptz NOT NULL DEFAULT now(),
    before   jsonb,
    after    jsonb);
CREATE INDEX ON beside.ledger (tab, id, seq);
CREATE INDEX ON beside.ledger ((before ->> 'session_id')) WHERE op = 'delete';
CREATE INDEX ON beside.ledger ((before ->> 'order_id')) WHERE op = 'delete';

-- When the commit of a transaction had been answered. Not all are known: servers are killed.
CREATE TABLE beside.committed (xid xid8 PRIMARY KEY, at timestamptz NOT NULL);

-- Every row as it was when nobody wrote.
CREATE TABLE beside.state (tab text, id bigint, x text NOT NULL, image jsonb NOT NULL, PRIMARY KEY (tab, id));

-- The rows under a hold as they were right after it had been answered.
CREATE TABLE beside.held (hold uuid, tab text, id bigint, x text NOT NULL, seen pg_snapshot NOT NULL,
    PRIMARY KEY (hold, tab, id));

-- Inserts a row, and says whose it is.
CREATE FUNCTION beside.make(new_tab text, whose_org int, whose_account bigint, fields jsonb) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    columns text;
    made jsonb;
    key bigint;
BEGIN
    SELECT string_agg(quote_ident(k), ', ' ORDER BY k) INTO columns FROM jsonb_object_keys(fields) k;
    EXECUTE format('INSERT INTO public.%I AS t (%s) SELECT %s FROM jsonb_populate_record(NULL::public.%I, $1) RETURNING to_jsonb(t), id',
                   new_tab, columns, columns, new_tab) INTO made, key USING fields;
    INSERT INTO beside.whose VALUES (new_tab, key, whose_org, CASE new_tab WHEN 'account' THEN key ELSE whose_account END);
    INSERT INTO beside.ledger (tab, id, op, after) VALUES (new_tab, key, 'insert', made);
    RETURN key;
END $$;

-- Changes one column of a row, if it is there.
CREATE FUNCTION beside.change(old_tab text, key bigint, col text, value text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    old jsonb;
    old_x text;
    new jsonb;
BEGIN
    EXECUTE format('SELECT to_jsonb(t), t.xmin::text FROM public.%I t WHERE id = $1 FOR NO KEY UPDATE', old_tab)
        INTO old, old_x USING key;
    IF old IS NULL THEN RETURN false; END IF;
    EXECUTE format('UPDATE public.%I t SET %I = $2 WHERE id = $1 RETURNING to_jsonb(t)', old_tab, col)
        INTO new USING key, value;
    INSERT INTO beside.ledger (tab, id, op, before_x, before, after) VALUES (old_tab, key, 'update', old_x, old, new);
    RETURN true;
END $$;

-- Deletes a row, if it is there, with those that refer to it.
CREATE FUNCTION beside.remove(old_tab text, key bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    old jsonb;
    old_x text;
    child bigint;
BEGIN
    EXECUTE format('SELECT to_jsonb(t), t.xmin::text FROM public.%I t WHERE id = $1 FOR UPDATE', old_tab)
        INTO old, old_x USING key;
    IF old IS NULL THEN RETURN false; END IF;
    IF old_tab = 'session' THEN
        FOR child IN SELECT id FROM public.token WHERE session_id = key ORDER BY id LOOP
            PERFORM beside.remove('token', child);
        END LOOP;
    ELSIF old_tab = 'orders' THEN
        FOR child IN SELECT id FROM public.order_line WHERE order_id = key ORDER BY id LOOP
            PERFORM beside.remove('order_line', child);
        END LOOP;
        FOR child IN SELECT id FROM public.comment WHERE order_id = key ORDER BY id LOOP
            PERFORM beside.remove('comment', child);
        END LOOP;
    END IF;
    EXECUTE format('DELETE FROM public.%I WHERE id = $1', old_tab) USING key;
    INSERT INTO beside.ledger (tab, id, op, before_x, before) VALUES (old_tab, key, 'delete', old_x, old);
    RETURN true;
END $$;

-- A row that an organisation has in a table: the first one from this share of all that it ever had.
CREATE FUNCTION beside.pick(of_tab text, of_org int, share float8) RETURNS TABLE (id bigint, account bigint)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT w.id, w.account FROM beside.whose w JOIN public.%I t ON t.id = w.id
         WHERE w.tab = $1 AND w.org = $2 AND w.id >= (SELECT min(b.id) + floor($3 * (max(b.id) - min(b.id)))
             FROM beside.whose b WHERE b.tab = $1 AND b.org = $2) ORDER BY w.id LIMIT 1', of_tab)
        USING of_tab, of_org, share;
END $$;
CREATE INDEX ON beside.whose (tab, org, id);

-- The address that an account was made with.
CREATE FUNCTION beside.address(of_account bigint) RETURNS text LANGUAGE sql AS $$
    SELECT after ->> 'email' FROM beside.ledger WHERE tab = 'account' AND id = of_account AND op = 'insert'
$$;

-- An organisation with so many people, long ago.
CREATE FUNCTION beside.seed(new_org int, people int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    old timestamptz := now() - interval '400 days';
    a bigint;
    s bigint;
    o bigint;
    mail text;
BEGIN
    INSERT INTO public.org VALUES (new_org, format('Company %s', new_org));
    FOR n IN 1..people LOOP
        mail := format('person%s@company%s.example', n, new_org);
        a := beside.make('account', new_org, 0, jsonb_build_object('org', new_org, 'email', mail, 'name', format('Person %s of %s', n, new_org),
            'phone', lpad((new_org::bigint * 1000000000 + n * 7919)::text, 12, '4'), 'created_at', old));
        PERFORM beside.make('profile', new_org, a, jsonb_build_object('account_id', a, 'born', date '1970-02-03' + n, 'bio', format('Life %s', n)));
        FOR m IN 1..2 LOOP
            PERFORM beside.make('message', new_org, a, jsonb_build_object('org', new_org, 'account_id', a, 'body', format('Words %s of %s', m, n), 'created_at', old));
        END LOOP;
        s := beside.make('session', new_org, a, jsonb_build_object('account_id', a, 'ip', format('192.0.2.%s', n % 250), 'created_at', old));
        PERFORM beside.make('token', new_org, a, jsonb_build_object('session_id', s, 'label', format('Device %s', n), 'created_at', old));
        o := beside.make('orders', new_org, a, jsonb_build_object('org', new_org, 'account_id', a, 'address', format('Street %s', n), 'created_at', old));
        PERFORM beside.make('order_line', new_org, a, jsonb_build_object('order_id', o, 'item', format('Thing %s', n)));
        PERFORM beside.make('comment', new_org, a, jsonb_build_object('org', new_org, 'order_id', o, 'body', format('Remark %s', n), 'created_at', old));
        PERFORM beside.make('visit', new_org, a, jsonb_build_object('org', new_org, 'email', mail, 'page', format('Page %s', n), 'created_at', old));
    END LOOP;
END $$;

-- Keeps how every row is, when nobody writes.
CREATE FUNCTION beside.keep() RETURNS void LANGUAGE sql AS $$
    TRUNCATE beside.state;
    INSERT INTO beside.state SELECT tab, id, x, image FROM beside.rows;
$$;
