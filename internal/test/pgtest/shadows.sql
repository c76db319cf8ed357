-- Shadows of all that pg_catalog has: see shadows.go. Run with search_path = pg_catalog, before the migrations.
CREATE SCHEMA shadow;
GRANT USAGE ON SCHEMA shadow TO PUBLIC;

CREATE FUNCTION shadow.refuse() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a shadow was used'; END $$;

CREATE FUNCTION shadow.final(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a shadow was used: an aggregate'; END $$; -- there may be no row

-- What a type of a signature is where the polymorphic ones stand for element; null where it cannot be written in PL/pgSQL.
CREATE FUNCTION shadow.concrete(type oid, element oid) RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT CASE
        WHEN t.typname IN ('any', 'anyelement', 'anynonarray', 'anycompatible', 'anycompatiblenonarray') THEN format_type(element, NULL)
        WHEN t.typname IN ('anyarray', 'anycompatiblearray') THEN format_type(element, NULL) || '[]'
        WHEN t.typname IN ('anyrange', 'anycompatiblerange') THEN (SELECT format_type(r.rngtypid, NULL) FROM pg_range r WHERE r.rngsubtype = element)
        WHEN t.typname IN ('void', 'record') THEN t.typname
        WHEN t.typtype = 'p' THEN NULL
        ELSE format_type(type, NULL) END
    FROM pg_type t WHERE t.oid = type
$$;

CREATE FUNCTION shadow.make(what text) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    EXECUTE what;
    RETURN true;
EXCEPTION WHEN duplicate_function OR duplicate_object OR invalid_function_definition OR syntax_error OR feature_not_supported OR datatype_mismatch THEN
    RETURN false;
END
$$;

DO $do$
DECLARE
    body constant text := $$ LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''a shadow was used: %s''; END' $$;
    elements constant oid[] := '{text,integer,bigint,boolean,uuid,jsonb,xid8,name,oid,"timestamp with time zone"}'::regtype[]::oid[];
    made int := 0;
    r record;
BEGIN
    SET LOCAL check_function_bodies = off;
    FOR r IN
        SELECT DISTINCT p.proname, p.prokind, p.proretset, a.arguments, shadow.concrete(p.prorettype, e.element) AS result
        FROM pg_proc p
        JOIN unnest(elements) e (element) ON e.element = 'text'::regtype
            OR EXISTS (SELECT FROM pg_type t WHERE t.oid = ANY (p.proargtypes) AND t.typtype = 'p')
        CROSS JOIN LATERAL (SELECT coalesce(string_agg(CASE WHEN p.provariadic <> 0 AND i = p.pronargs
                    THEN 'VARIADIC ' || rtrim(shadow.concrete(p.proargtypes[i - 1], e.element), '[]') || '[]'
                    ELSE shadow.concrete(p.proargtypes[i - 1], e.element) END, ', ' ORDER BY i), '') AS arguments,
                coalesce(bool_and(shadow.concrete(p.proargtypes[i - 1], e.element) IS NOT NULL), true) AS writable
            FROM generate_series(1, p.pronargs) i) a
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND a.writable AND shadow.concrete(p.prorettype, e.element) IS NOT NULL
    LOOP
        IF r.prokind <> 'a' THEN
            made := made + shadow.make(format('CREATE FUNCTION shadow.%I(%s) RETURNS %s%s', r.proname, r.arguments,
                CASE WHEN r.proretset THEN 'SETOF ' ELSE '' END, r.result) || format(body, r.proname))::int;
        ELSIF r.arguments NOT LIKE '%VARIADIC%' THEN
            PERFORM shadow.make(format('CREATE FUNCTION shadow.step(%s) RETURNS int', concat_ws(', ', 'int', nullif(r.arguments, '')))
                || format(body, 'an aggregate'));
            made := made + shadow.make(format($$CREATE AGGREGATE shadow.%I(%s) (SFUNC = shadow.step, STYPE = int, INITCOND = '0', FINALFUNC = shadow.final)$$, r.proname,
                coalesce(nullif(r.arguments, ''), '*')))::int;
        END IF;
    END LOOP;
    FOR r IN
        SELECT DISTINCT o.oprname, nullif(o.oprleft, 0) IS NULL AS prefix, shadow.concrete(o.oprleft, e.element) AS lhs,
            shadow.concrete(o.oprright, e.element) AS rhs, shadow.concrete(o.oprresult, e.element) AS result
        FROM pg_operator o
        JOIN unnest(elements) e (element) ON e.element = 'text'::regtype
            OR EXISTS (SELECT FROM pg_type t WHERE t.oid IN (o.oprleft, o.oprright) AND t.typtype = 'p')
        WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND shadow.concrete(o.oprright, e.element) IS NOT NULL
            AND (o.oprleft = 0 OR shadow.concrete(o.oprleft, e.element) IS NOT NULL) AND shadow.concrete(o.oprresult, e.element) IS NOT NULL
    LOOP
        PERFORM shadow.make(format('CREATE FUNCTION shadow.%I(%s) RETURNS %s', 'operator ' || r.result, concat_ws(', ', r.lhs, r.rhs), r.result)
            || format(body, 'an operator'));
        made := made + shadow.make(format('CREATE OPERATOR shadow.%s (%sRIGHTARG = %s, FUNCTION = shadow.%I)', r.oprname,
            CASE WHEN r.prefix THEN '' ELSE format('LEFTARG = %s, ', r.lhs) END, r.rhs, 'operator ' || r.result))::int;
    END LOOP;
    FOR r IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind IN ('r', 'v') LOOP
        made := made + shadow.make(format('CREATE VIEW shadow.%I AS SELECT shadow.refuse() AS shadow', r.relname))::int;
    END LOOP;
    FOR r IN SELECT t.oid, t.typname FROM pg_type t WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype IN ('b', 'r', 'e') AND t.typcategory <> 'A' LOOP
        made := made + shadow.make(format('CREATE DOMAIN shadow.%I AS pg_catalog.%I CHECK (shadow.refuse())', r.typname, r.typname))::int;
    END LOOP;
    IF made < 4000 THEN
        RAISE EXCEPTION 'only % shadows were made', made;
    END IF;
END
$do$;
