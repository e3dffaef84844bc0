// Reads the OpenAPI document: its resources, their columns and relations, their filters.

export const LOOKUPS = [
  "exact", "ne", "gt", "gte", "lt", "lte", "in", "not_in", "isnull", "contains", "icontains",
  "startswith", "istartswith", "endswith", "iendswith", "regex", "range",
];

export class Description {
  constructor(document) {
    this.document = document;
    this.base = (document.servers?.[0]?.url ?? "").replace(/\/$/, "");
    const operations = this.#operations();
    this.tags = (document.tags ?? []).map((tag) => ({
      ...tag,
      operations: operations.filter((each) => each.tag === tag.name),
    }));
    // What has a list is a resource, the rest is about the application itself.
    this.resources = this.tags.filter((tag) => tag.operations.some((each) => this.row(each)));
    this.services = this.tags.filter((tag) => !this.resources.includes(tag));
  }

  resolve(node) {
    let found = node ?? {};
    for (let hops = 0; found.$ref && hops < 20; hops += 1) {
      const { $ref, ...beside } = found;
      const steps = $ref.replace(/^#\//, "").split("/");
      const target = steps.reduce(
        (at, step) => at?.[decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~")],
        this.document,
      );
      found = { ...(target ?? {}), ...beside };
    }
    return found;
  }

  #operations() {
    return Object.entries(this.document.paths ?? {}).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({
        path,
        method: method.toUpperCase(),
        operation,
        tag: operation.tags?.[0],
        parameters: (operation.parameters ?? []).map((each) => this.resolve(each)),
      })),
    );
  }

  // The schema of the rows that an operation answers, if it answers rows.
  row(each) {
    const success = this.resolve(each.operation.responses?.["200"]);
    const schema = success.content?.["application/json"]?.schema;
    const reference = schema?.$ref ?? schema?.items?.$ref;
    return reference ? this.resolve({ $ref: reference }) : null;
  }

  // The schema of the documents that an operation takes, if it takes objects.
  documentOf(each) {
    const [content] = Object.values(each.operation.requestBody?.content ?? {});
    let schema = this.resolve(content?.schema);
    if (schema.anyOf) schema = this.resolve(schema.anyOf[0]);
    return schema.properties ? schema : null;
  }

  // A document to begin with: what has to be in it, or else its first field.
  sample(node, depth = 0) {
    const schema = this.resolve(node);
    const either = schema.anyOf ?? schema.allOf;
    if (either) return this.sample(either[0], depth);
    if (schema.enum) return schema.enum[0];
    if (schema.const !== undefined) return schema.const;
    const [type] = [schema.type ?? "object"].flat();
    switch (type) {
      case "array":
        return [this.sample(schema.items, depth + 1)];
      case "object": {
        const names = Object.keys(schema.properties ?? {});
        const wanted = schema.required ?? names.filter((name) => name !== "id").slice(0, 1);
        if (depth > 4) return {};
        return Object.fromEntries(
          wanted.map((name) => [name, this.sample(schema.properties[name], depth + 1)]),
        );
      }
      case "boolean":
        return true;
      case "integer":
      case "number":
        return Math.max(1, schema.minimum ?? 1);
      default:
        return SAMPLES[schema.format] ?? "text";
    }
  }

  rowOf(tag) {
    return tag.operations.map((each) => this.row(each)).find(Boolean) ?? { properties: {} };
  }

  columns(row) {
    return Object.entries(row.properties ?? {})
      .filter(([, schema]) => !relationOf(schema))
      .map(([name, schema]) => ({ name, schema }));
  }

  relations(row) {
    return Object.entries(row.properties ?? {})
      .map(([name, schema]) => ({ name, ...relationOf(schema) }))
      .filter((relation) => relation.$ref);
  }

  // Every filter that an operation takes: a name in the query, the column it is about and how.
  filters(each, row) {
    const queries = each.parameters.filter((parameter) => parameter.in === "query");
    const plain = new Map(queries.map((parameter) => [parameter.name, parameter.schema]));
    const patterns = queries.flatMap((parameter) =>
      Object.entries(this.resolve(parameter.schema).patternProperties ?? {}).map(
        ([pattern, schema]) => [new RegExp(pattern, "u"), schema],
      ),
    );
    const schemaOf = (name) =>
      plain.get(name) ?? patterns.find(([pattern]) => pattern.test(name))?.[1];
    const found = [];
    const collect = (columns, prefix, group) => {
      const names = new Set(columns.map((column) => column.name));
      for (const column of columns) {
        const written = prefix + writtenName(column.name, names);
        const lookups = LOOKUPS.flatMap((lookup) => {
          const spelled = `${written}__${lookup}`;
          // A bare name may be another parameter, whose column is then written with __exact.
          const bare = lookup === "exact" && !schemaOf(spelled) ? written : spelled;
          const name = lookup === "exact" && prefix ? written : bare;
          const schema = schemaOf(name);
          return schema ? [{ lookup, name, schema: this.resolve(schema) }] : [];
        });
        if (lookups.length) found.push({ group, column: column.name, lookups });
      }
    };
    collect(this.columns(row), "", "");
    for (const relation of this.relations(row)) {
      const target = this.resolve({ $ref: relation.$ref });
      collect(this.columns(target), `${quoted(relation.name)}.`, relation.name);
    }
    return found;
  }
}

// What may be written for a schema, to begin with.
const SAMPLES = {
  date: "2026-01-31", "date-time": "2026-01-31T09:30:00Z", email: "name@example.org",
  uri: window.location.origin, uuid: "123e4567-e89b-12d3-a456-426614174000",
};

function relationOf(schema) {
  const one = schema.$ref ?? schema.anyOf?.find((each) => each.$ref)?.$ref;
  if (one) return { $ref: one, many: false };
  return schema.items?.$ref ? { $ref: schema.items.$ref, many: true } : null;
}

// How a name is written in a parameter.
export function quoted(name) {
  const bare = name !== "" && !name.startsWith("-") && !/[=:,.()"]/.test(name);
  return bare ? name : `"${name.replaceAll('"', '""')}"`;
}

function writtenName(name, names) {
  const at = name.lastIndexOf("__");
  const clashes = at > 0 && LOOKUPS.includes(name.slice(at + 2)) && names.has(name.slice(0, at));
  return clashes && quoted(name) === name ? `"${name}"` : quoted(name);
}

// A schema in a few words.
export function inWords(schema) {
  if (!schema || !Object.keys(schema).length) return "any";
  if (schema.enum) {
    const values = schema.enum.map((value) => JSON.stringify(value));
    const more = values.length > 8 ? `, … ${values.length} in all` : "";
    return `one of ${values.slice(0, 8).join(", ")}${more}`;
  }
  if (schema.anyOf) return [...new Set(schema.anyOf.map(inWords))].join(" or ");
  const types = [schema.type ?? "any"].flat();
  const named = schema.format ?? (schema.contentEncoding ? `${schema.contentEncoding} text` : "");
  return types
    .map((type) => (type === "string" ? named || "text" : type))
    .join(" or ");
}
