//! What is asked of the catalogues. All of it is about the table `$1.$2` and what is below it.

/// `members`: the table and what is below it.
pub(super) const MEMBERS: &str = "\
WITH RECURSIVE members (oid, parent, depth) AS (
    SELECT c.oid, 0::pg_catalog.oid, 0 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1::pg_catalog.text AND c.relname = $2::pg_catalog.text
    UNION ALL
    SELECT i.inhrelid, m.oid, m.depth + 1 FROM members m JOIN pg_catalog.pg_inherits i ON i.inhparent = m.oid
)";

pub(super) const PLACES: &str = "
SELECT m.oid, m.parent, n.nspname::pg_catalog.text, c.relname::pg_catalog.text, c.relkind = 'p',
       pg_catalog.pg_get_partition_constraintdef(c.oid),
       ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_partitioned_table p
             JOIN pg_catalog.pg_attribute a ON a.attrelid = p.partrelid AND a.attnum > 0 AND (
                 a.attnum = ANY (p.partattrs::pg_catalog.int2[]) OR p.partexprs IS NOT NULL AND EXISTS (
                     SELECT FROM pg_catalog.pg_depend d
                     WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = p.partrelid
                       AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                       AND d.refobjid = p.partrelid AND d.refobjsubid = a.attnum))
             WHERE p.partrelid = m.oid
                OR p.partrelid IN (SELECT l.relid FROM pg_catalog.pg_partition_ancestors(m.oid) l))
FROM members m JOIN pg_catalog.pg_class c ON c.oid = m.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
ORDER BY m.depth";

/// Of every column of the table itself.
pub(super) const COLUMNS: &str = "
, steps (attnum, type, typmod) AS (
    SELECT a.attnum, a.atttypid, a.atttypmod
    FROM members m JOIN pg_catalog.pg_attribute a ON a.attrelid = m.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE m.parent = 0
    UNION ALL
    SELECT s.attnum, t.typbasetype, t.typtypmod FROM steps s JOIN pg_catalog.pg_type t ON t.oid = s.type
    WHERE t.typtype = 'd'
)
SELECT a.attname::pg_catalog.text, pg_catalog.format_type(s.type, s.typmod),
       CASE WHEN a.attcollation <> t.typcollation
            THEN pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(l.collname) END,
       CASE WHEN a.attgenerated <> '' THEN pg_catalog.pg_get_expr(f.adbin, f.adrelid) END,
       ARRAY(SELECT o.attname::pg_catalog.text FROM pg_catalog.pg_depend d
             JOIN pg_catalog.pg_attribute o ON o.attrelid = m.oid AND o.attnum = d.refobjsubid AND o.attnum <> a.attnum
             WHERE a.attgenerated <> '' AND d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = f.oid
               AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = m.oid),
       a.attgenerated <> '' AND a.attnotnull
FROM members m
JOIN pg_catalog.pg_attribute a ON a.attrelid = m.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN steps s ON s.attnum = a.attnum
JOIN pg_catalog.pg_type t ON t.oid = s.type AND t.typtype <> 'd'
LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace
LEFT JOIN pg_catalog.pg_attrdef f ON f.adrelid = m.oid AND f.adnum = a.attnum
WHERE m.parent = 0
ORDER BY a.attnum";

/// CHECK constraints, and foreign keys of several columns that must be NULL together (MATCH FULL). One that
/// a partition inherited is that of the table.
pub(super) const CHECKS: &str = "
SELECT k.conrelid, k.conname::pg_catalog.text, pg_catalog.pg_get_expr(k.conbin, k.conrelid),
       ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)),
       COALESCE(0 >= ANY (k.conkey), false), NOT k.convalidated OR k.conkey IS NULL
FROM members m JOIN pg_catalog.pg_constraint k ON k.conrelid = m.oid
WHERE k.contype = 'c' AND (k.coninhcount = 0 OR m.parent = 0)
UNION ALL
SELECT k.conrelid, k.conname::pg_catalog.text,
       (SELECT pg_catalog.format('pg_catalog.num_nulls(%1$s) IN (0, %2$s)', pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', '), pg_catalog.count(*))
        FROM pg_catalog.pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)),
       ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)),
       false, false
FROM members m JOIN pg_catalog.pg_constraint k ON k.conrelid = m.oid
WHERE k.contype = 'f' AND k.confmatchtype = 'f' AND k.conparentid = 0 AND pg_catalog.cardinality(k.conkey) > 1
ORDER BY 1, 2";

/// Unique indexes, with or without a constraint, valid or not: a new row must be unique either way. Before
/// version 15 there is no column that says NULLS NOT DISTINCT.
pub(super) const INDEXES: &str = "
SELECT i.indrelid, c.relname::pg_catalog.text,
       ARRAY(SELECT pg_catalog.pg_get_indexdef(i.indexrelid, g, false)
             FROM pg_catalog.generate_series(1, i.indnkeyatts::pg_catalog.int4) g ORDER BY g),
       ARRAY(SELECT a.attname::pg_catalog.text
             FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY u (attnum, place)
             LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.attnum AND a.attnum > 0
             WHERE u.place <= i.indnkeyatts ORDER BY u.place),
       pg_catalog.pg_get_expr(i.indpred, i.indrelid),
       COALESCE((pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::pg_catalog.bool, false),
       ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = i.indrelid AND a.attnum > 0 AND (
                 a.attnum = ANY ((i.indkey::pg_catalog.int2[])[0:i.indnkeyatts - 1]) OR EXISTS (
                     SELECT FROM pg_catalog.pg_depend d
                     WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = i.indexrelid
                       AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = i.indrelid
                       AND d.refobjsubid = a.attnum) AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL))),
       ARRAY(SELECT pg_catalog.format('OPERATOR(%I.%s)', n.nspname, o.oprname)
             FROM pg_catalog.unnest(x.conexclop) WITH ORDINALITY u (operator, place)
             JOIN pg_catalog.pg_operator o ON o.oid = u.operator
             JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace ORDER BY u.place),
       NOT i.indisvalid
FROM members m
JOIN pg_catalog.pg_index i ON i.indrelid = m.oid
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
LEFT JOIN pg_catalog.pg_constraint x ON x.conindid = i.indexrelid AND x.contype = 'x'
WHERE i.indisready AND (i.indisunique OR i.indisexclusion)
  AND (m.parent = 0 OR NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid = i.indexrelid))
ORDER BY 1, 2";

/// The domains of the columns that change, those under them too, and what each of them asks.
pub(super) const DOMAINS: &str = "
, steps (attname, declared, type, typmod) AS (
    SELECT a.attname, pg_catalog.format_type(a.atttypid, NULL), a.atttypid, -1
    FROM members m JOIN pg_catalog.pg_attribute a ON a.attrelid = m.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE m.parent = 0 AND a.attname = ANY ($3::pg_catalog.text[])
    UNION ALL
    SELECT s.attname, s.declared, t.typbasetype, t.typtypmod FROM steps s JOIN pg_catalog.pg_type t ON t.oid = s.type
    WHERE t.typtype = 'd'
)
SELECT s.attname::pg_catalog.text, k.conname::pg_catalog.text, pg_catalog.pg_get_expr(k.conbin, 0), NULL::pg_catalog.int4
FROM steps s JOIN pg_catalog.pg_constraint k ON k.contypid = s.type AND k.contype = 'c'
UNION ALL
SELECT s.attname::pg_catalog.text, s.declared, NULL, s.typmod - 4
FROM steps s WHERE s.type IN ('pg_catalog.varchar'::pg_catalog.regtype, 'pg_catalog.bpchar'::pg_catalog.regtype) AND s.typmod > 4
ORDER BY 1, 2";
