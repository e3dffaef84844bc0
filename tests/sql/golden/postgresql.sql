-- case: one
SELECT CAST(row_to_json((SELECT hekla_row FROM (SELECT t1.id AS "id", t1.title AS "title", t1.completed AS "completed", t1.priority AS "priority", t1.shared AS "shared", t1.owner_id AS "owner_id") AS hekla_row)) AS JSON) AS body
FROM tasks AS t1
WHERE (t1.owner_id = $1::INTEGER OR t1.shared) AND t1.id = $2::BIGINT

-- case: one with owner and comments
SELECT CAST(row_to_json((SELECT hekla_row FROM (SELECT t1.id AS "id", t1.title AS "title", t1.completed AS "completed", t1.priority AS "priority", t1.shared AS "shared", t1.owner_id AS "owner_id", CASE WHEN (t2.id IS NOT NULL) THEN row_to_json((SELECT hekla_row FROM (SELECT t2.id AS "id", t2.name AS "name") AS hekla_row)) END AS "owner", (SELECT coalesce(json_agg(row_to_json((SELECT hekla_row FROM (SELECT p4.id AS "id", p4.body AS "body", p4.task_id AS "task_id", p4.author_id AS "author_id", CASE WHEN (t5.id IS NOT NULL) THEN row_to_json((SELECT hekla_row FROM (SELECT t5.name AS "name") AS hekla_row)) END AS "author") AS hekla_row)) ORDER BY p4.c4), '[]'::json) AS coalesce_1
FROM (SELECT t3.id AS id, t3.body AS body, t3.task_id AS task_id, t3.author_id AS author_id, row_number() OVER (ORDER BY t3.id DESC) AS c4
FROM comments AS t3
WHERE t3.task_id = t1.id ORDER BY t3.id DESC
 LIMIT $1::BIGINT) AS p4 LEFT OUTER JOIN users AS t5 ON t5.id = p4.author_id) AS "comments") AS hekla_row)) AS JSON) AS body
FROM tasks AS t1 LEFT OUTER JOIN users AS t2 ON t2.id = t1.owner_id
WHERE (t1.owner_id = $2::INTEGER OR t1.shared) AND t1.id = $3::BIGINT

-- case: list
SELECT CAST(coalesce(json_agg(row_to_json((SELECT hekla_row FROM (SELECT p2.id AS "id", p2.title AS "title") AS hekla_row))), '[]'::json) AS JSON) AS body, count(*) AS size, (SELECT count(*) AS count_1
FROM tasks AS t3
WHERE t3.owner_id = $1::INTEGER OR t3.shared) AS total
FROM (SELECT t1.id AS id, t1.title AS title
FROM tasks AS t1
WHERE t1.owner_id = $2::INTEGER OR t1.shared ORDER BY t1.id ASC
 LIMIT $3::BIGINT OFFSET $4::BIGINT) AS p2

-- case: filters
SELECT CAST(coalesce(json_agg(row_to_json((SELECT hekla_row FROM (SELECT p2.id AS "id") AS hekla_row))), '[]'::json) AS JSON) AS body, count(*) AS size
FROM (SELECT t1.id AS id
FROM tasks AS t1
WHERE (t1.owner_id = $1::INTEGER OR t1.shared) AND (t1.completed = $2::BOOLEAN) AND (t1.priority >= $3::BIGINT OR t1.priority IS NULL) AND (t1.id = ANY ($4::BIGINT[])) IS NOT true AND (t1.title ILIKE $5::VARCHAR ESCAPE '\') ORDER BY t1.id ASC
 LIMIT $6::BIGINT) AS p2

-- case: through relations
SELECT CAST(coalesce(json_agg(row_to_json((SELECT hekla_row FROM (SELECT p7.id AS "id") AS hekla_row))), '[]'::json) AS JSON) AS body, count(*) AS size
FROM (SELECT t1.id AS id
FROM tasks AS t1
WHERE (t1.owner_id = $1::INTEGER OR t1.shared) AND (EXISTS (SELECT 1
FROM users AS t2
WHERE t2.id = t1.owner_id AND (starts_with(t2.name, $2::VARCHAR)))) AND (EXISTS (SELECT 1
FROM task_labels AS t4 JOIN labels AS t3 ON t3.id = t4.label_id
WHERE t4.task_id = t1.id AND t3."order" = $3::VARCHAR)) AND NOT (EXISTS (SELECT 1
FROM comments AS t5
WHERE t5.task_id = t1.id AND (t5.author_id = $4::BIGINT) IS NOT true)) AND NOT (EXISTS (SELECT 1
FROM comments AS t6
WHERE t6.task_id = t1.id AND t6.body = $5::VARCHAR)) ORDER BY t1.id ASC
 LIMIT $6::BIGINT) AS p7

-- case: ordering
SELECT CAST(coalesce(json_agg(row_to_json((SELECT hekla_row FROM (SELECT p3.id AS "id", p3.priority AS "priority") AS hekla_row))), '[]'::json) AS JSON) AS body, count(*) AS size
FROM (SELECT t1.id AS id, t1.priority AS priority
FROM tasks AS t1
WHERE t1.owner_id = $1::INTEGER OR t1.shared ORDER BY t1.priority DESC NULLS LAST, (SELECT t2.name
FROM users AS t2
WHERE t2.id = t1.owner_id
 LIMIT 1) ASC NULLS FIRST, t1.id ASC
 LIMIT $2::BIGINT) AS p3

-- case: cursor
SELECT CAST(coalesce(json_agg(row_to_json((SELECT hekla_row FROM (SELECT p2.id AS "id", p2.priority AS "priority") AS hekla_row))), '[]'::json) AS JSON) AS body, count(*) AS size, coalesce(json_agg(json_build_array(CAST(p2.c2 AS TEXT), CAST(p2.c3 AS TEXT))), '[]'::json) AS last
FROM (SELECT t1.id AS id, t1.priority AS priority, t1.priority AS c2, t1.id AS c3
FROM tasks AS t1
WHERE (t1.owner_id = $1::INTEGER OR t1.shared) AND (t1.priority < CAST($2::VARCHAR AS INTEGER) OR t1.priority IS NULL OR t1.priority = CAST($3::VARCHAR AS INTEGER) AND t1.id > CAST($4::VARCHAR AS INTEGER)) ORDER BY t1.priority DESC NULLS LAST, t1.id ASC
 LIMIT $5::BIGINT) AS p2

-- case: cursor after null
SELECT CAST(coalesce(json_agg(row_to_json((SELECT hekla_row FROM (SELECT p2.id AS "id") AS hekla_row))), '[]'::json) AS JSON) AS body, count(*) AS size, coalesce(json_agg(json_build_array(CAST(p2.c1 AS TEXT), CAST(p2.c2 AS TEXT))), '[]'::json) AS last
FROM (SELECT t1.id AS id, t1.priority AS c1, t1.id AS c2
FROM tasks AS t1
WHERE (t1.owner_id = $1::INTEGER OR t1.shared) AND (t1.priority IS NOT NULL OR t1.priority IS NULL AND t1.id > CAST($2::VARCHAR AS INTEGER)) ORDER BY t1.priority ASC NULLS FIRST, t1.id ASC
 LIMIT $3::BIGINT) AS p2

-- case: many to many
SELECT CAST(coalesce(json_agg(row_to_json((SELECT hekla_row FROM (SELECT p2.id AS "id", (SELECT coalesce(json_agg(row_to_json((SELECT hekla_row FROM (SELECT p5.id AS "id", p5."order" AS "order") AS hekla_row))), '[]'::json) AS coalesce_1
FROM (SELECT t3.id AS id, t3."order" AS "order"
FROM task_labels AS t4 JOIN labels AS t3 ON t3.id = t4.label_id
WHERE t4.task_id = p2.id ORDER BY t3.id ASC
 LIMIT $1::BIGINT) AS p5) AS "labels") AS hekla_row)) ORDER BY p2.c1), '[]'::json) AS JSON) AS body, count(*) AS size
FROM (SELECT t1.id AS id, row_number() OVER (ORDER BY t1.id ASC) AS c1
FROM tasks AS t1
WHERE t1.owner_id = $2::INTEGER OR t1.shared ORDER BY t1.id ASC
 LIMIT $3::BIGINT) AS p2

-- case: distinct
SELECT CAST(coalesce(json_agg(row_to_json((SELECT hekla_row FROM (SELECT p2.completed AS "completed") AS hekla_row))), '[]'::json) AS JSON) AS body, count(*) AS size
FROM (SELECT DISTINCT t1.completed AS completed
FROM tasks AS t1
WHERE t1.owner_id = $1::INTEGER OR t1.shared ORDER BY 1 ASC
 LIMIT $2::BIGINT) AS p2

-- case: search
SELECT CAST(coalesce(json_agg(row_to_json((SELECT hekla_row FROM (SELECT p2.id AS "id") AS hekla_row))), '[]'::json) AS JSON) AS body, count(*) AS size
FROM (SELECT t1.id AS id
FROM tasks AS t1
WHERE (t1.owner_id = $1::INTEGER OR t1.shared) AND NOT (EXISTS (SELECT 1
FROM json_array_elements_text(CAST($2::VARCHAR AS JSON)) AS word
WHERE NOT coalesce(CAST(t1.title AS TEXT) ILIKE word.value ESCAPE '\', false))) ORDER BY (SELECT sum(CASE WHEN (CAST(t1.title AS TEXT) ILIKE word.value ESCAPE '\') THEN 1 ELSE 0 END) AS sum_1
FROM json_array_elements_text(CAST($3::VARCHAR AS JSON)) AS word) DESC, t1.id ASC
 LIMIT $4::BIGINT) AS p2

-- case: aggregate
SELECT CAST(coalesce(json_agg(row_to_json((SELECT hekla_row FROM (SELECT g.g0 AS "completed", g.m0 AS "count", CASE WHEN g.m1 BETWEEN -9007199254740991 AND 9007199254740991 THEN to_json(g.m1) ELSE to_json(CAST(g.m1 AS TEXT)) END AS "sum_priority", CASE WHEN g.m2 BETWEEN -9007199254740991 AND 9007199254740991 THEN to_json(g.m2) ELSE to_json(CAST(g.m2 AS TEXT)) END AS "max_id") AS hekla_row))), '[]'::json) AS JSON) AS body, count(*) AS size
FROM (SELECT t1.completed AS g0, count(*) AS m0, sum(t1.priority) AS m1, max(t1.id) AS m2
FROM tasks AS t1
WHERE t1.owner_id = $1::INTEGER OR t1.shared GROUP BY 1
HAVING count(*) >= $2::BIGINT ORDER BY 1 ASC NULLS FIRST
 LIMIT $3::BIGINT) AS g
