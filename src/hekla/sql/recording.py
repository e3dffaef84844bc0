"""The change log of a database server: triggers that belong to it, and record for whoever writes.

The trigger of a table is deferred: it runs when a transaction commits, once for each row that
was changed, in the order of the changes. Only then a change takes its number, under a lock that
is held until the commit is done; so numbers come in the order of commits, although many write
at once. See docs/explanation/change-log.md for what else was thought of.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import sha256

import sqlalchemy as sa

from hekla.sql.plan import sqlalchemy_dialect

__all__ = ["MERGE_PATCH", "PREFIX", "record_table", "record_tables"]

MERGE_PATCH = """DO $do$ BEGIN
IF to_regprocedure(current_schema() || '.hekla_merge_patch(jsonb, jsonb)') IS NULL THEN
  CREATE FUNCTION hekla_merge_patch(target jsonb, patch jsonb) RETURNS jsonb
  LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $body$
  DECLARE
    member text;
    given jsonb;
    result jsonb;
  BEGIN
    IF patch IS NULL OR jsonb_typeof(patch) <> 'object' THEN RETURN patch; END IF;
    result := CASE WHEN jsonb_typeof(target) = 'object' THEN target ELSE '{}' END;
    FOR member, given IN SELECT key, value FROM jsonb_each(patch) LOOP
      IF jsonb_typeof(given) = 'null' THEN
        result := result - member;
      ELSE
        result := result
          || jsonb_build_object(member, hekla_merge_patch(result -> member, given));
      END IF;
    END LOOP;
    RETURN result;
  END $body$;
END IF; END $do$"""
"""PostgreSQL: the function that applies a JSON merge patch (RFC 7396), unless it is there."""

PREFIX = "hekla_record_"

# Which lock of the database it is: "hekl" in ASCII, beside a number for the schema.
_LOCK = int.from_bytes(b"hekl")

_FUNCTION = """CREATE OR REPLACE FUNCTION {schema}.{name}() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS ${name}_body$
DECLARE
  moment text;
  actor text := nullif(current_setting('hekla.actor', true), '');
  request text := nullif(current_setting('hekla.request', true), '');
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF OLD *= NEW THEN RETURN NULL; END IF;
  END IF;
  PERFORM pg_advisory_xact_lock({lock}, hashtext({schema_text}));
  moment := to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
  IF TG_OP = 'INSERT' THEN
    {create};
  ELSIF TG_OP = 'DELETE' THEN
    {delete};
  ELSIF {moved} THEN
    {delete};
    {create};
  ELSE
    {update};
  END IF;
  RETURN NULL;
END ${name}_body$"""

_INSTALL = """DO ${name}_do$
DECLARE
  found record;
BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_trigger
    WHERE tgrelid = {table}::pg_catalog.regclass AND tgname = '{name}' AND tgenabled <> 'D')
  THEN RETURN; END IF;
  -- Those of an older definition go with what they call.
  FOR found IN SELECT tgfoid::pg_catalog.regprocedure AS called FROM pg_catalog.pg_trigger
    WHERE tgrelid = {table}::pg_catalog.regclass AND NOT tgisinternal
    AND pg_catalog.starts_with(tgname::text, '{prefix}')
  LOOP EXECUTE 'DROP FUNCTION ' || found.called || ' CASCADE'; END LOOP;
  EXECUTE pg_catalog.format(${name}_text${function}${name}_text$, current_schema());
  EXECUTE pg_catalog.format(
    'CREATE CONSTRAINT TRIGGER {name} AFTER INSERT OR UPDATE OR DELETE ON %2$s'
    ' DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION %1$I.{name}()',
    current_schema(), {table}::pg_catalog.regclass);
END ${name}_do$"""

_SCHEMA, _SCHEMA_TEXT = "\0schema\0", "\0text\0"


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def record_tables(tables: Mapping[sa.Table, Collection[str]]) -> list[str]:
    """The statements that have the changes of ``tables`` recorded, each with secret columns."""
    return [record_table(table, secret) for table, secret in tables.items()]


def record_table(table: sa.Table, secret: Collection[str]) -> str:
    """PostgreSQL: the statement that makes the trigger of a table, unless it is there already.

    Its name tells its definition, so a start of the application that changes nothing takes no
    lock of the table.
    """
    keys = [_quote(column.name) for column in table.primary_key.columns]
    steps = {
        action: _insertion(table, secret, action, keys) for action in ("create", "update", "delete")
    }
    moved = " OR ".join(f"OLD.{key} IS DISTINCT FROM NEW.{key}" for key in keys) or "false"
    definition = "\0".join([table.fullname, _FUNCTION, moved, *steps.values()])
    name = PREFIX + sha256(definition.encode()).hexdigest()[:16]
    function = _FUNCTION.format(
        name=name, lock=_LOCK, schema=_SCHEMA, schema_text=_SCHEMA_TEXT, moved=moved, **steps
    )
    # It is a pattern of format(), which fills in the schema that the log is in.
    function = function.replace("%", "%%")
    function = function.replace(_SCHEMA, "%1$I").replace(_SCHEMA_TEXT, "%1$L")
    where = _text(sqlalchemy_dialect("postgresql").identifier_preparer.format_table(table))
    return _INSTALL.format(name=name, table=where, function=function, prefix=PREFIX)


def _insertion(table: sa.Table, secret: Collection[str], action: str, keys: list[str]) -> str:
    row = "OLD" if action == "delete" else "NEW"
    parts = ", ".join(f"{row}.{key}" for key in keys)
    key = f"jsonb_build_array({parts})::text" if keys else "NULL"
    before = _document("OLD", secret) if action != "create" else "NULL"
    after = _document("NEW", secret) if action != "delete" else "NULL"
    columns = '"at", actor, request, "table", "key", action, "before", "after"'
    values = f"moment, actor, request, {_text(table.fullname)}, {key}, {_text(action)}"
    insert = f"INSERT INTO {_SCHEMA}.hekla_changes ({columns})"
    return f"{insert} VALUES ({values}, {before}, {after})"


def _document(row: str, secret: Collection[str]) -> str:
    if not secret:
        return f"row_to_json({row})::text"
    names = ", ".join(map(_text, sorted(secret)))
    return f"(to_jsonb({row}) - ARRAY[{names}])::text"
