-- case: one
SELECT json_object('id', t1.id, 'title', t1.title, 'completed', json_compact(CASE t1.completed WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE CAST(t1.completed AS CHAR) END), 'priority', t1.priority, 'shared', json_compact(CASE t1.shared WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE CAST(t1.shared AS CHAR) END), 'owner_id', t1.owner_id) AS body
FROM tasks AS t1
WHERE (t1.owner_id = %s OR t1.shared = 1) AND t1.id = %s

-- case: one with owner and comments
SELECT json_object('id', t1.id, 'title', t1.title, 'completed', json_compact(CASE t1.completed WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE CAST(t1.completed AS CHAR) END), 'priority', t1.priority, 'shared', json_compact(CASE t1.shared WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE CAST(t1.shared AS CHAR) END), 'owner_id', t1.owner_id, 'owner', CASE WHEN (t2.id IS NOT NULL) THEN json_object('id', t2.id, 'name', t2.name) END, 'comments', json_compact((SELECT coalesce(json_arrayagg(json_object('id', p4.id, 'body', p4.body, 'task_id', p4.task_id, 'author_id', p4.author_id, 'author', CASE WHEN (t5.id IS NOT NULL) THEN json_object('name', t5.name) END) ORDER BY p4.c4), '[]') AS coalesce_1
FROM (SELECT t3.id AS id, t3.body AS body, t3.task_id AS task_id, t3.author_id AS author_id, row_number() OVER (PARTITION BY t3.task_id ORDER BY t3.id DESC) AS c4, t3.task_id AS c5
FROM comments AS t3) AS p4 LEFT OUTER JOIN users AS t5 ON t5.id = p4.author_id
WHERE p4.c5 = t1.id AND p4.c4 > 0 AND p4.c4 <= 0 + %s))) AS body
FROM tasks AS t1 LEFT OUTER JOIN users AS t2 ON t2.id = t1.owner_id
WHERE (t1.owner_id = %s OR t1.shared = 1) AND t1.id = %s

-- case: list
SELECT coalesce(json_arrayagg(json_object('id', p2.id, 'title', p2.title) ORDER BY p2.c2), '[]') AS body, count(*) AS size, (SELECT count(*) AS count_1
FROM tasks AS t3
WHERE t3.owner_id = %s OR t3.shared = 1) AS total
FROM (SELECT t1.id AS id, t1.title AS title, row_number() OVER (ORDER BY t1.id ASC) AS c2
FROM tasks AS t1
WHERE t1.owner_id = %s OR t1.shared = 1 ORDER BY t1.id ASC
 LIMIT %s, %s) AS p2

-- case: filters
SELECT coalesce(json_arrayagg(json_object('id', p2.id) ORDER BY p2.c1), '[]') AS body, count(*) AS size
FROM (SELECT t1.id AS id, row_number() OVER (ORDER BY t1.id ASC) AS c1
FROM tasks AS t1
WHERE (t1.owner_id = %s OR t1.shared = 1) AND (t1.completed = %s) AND (t1.priority >= %s OR t1.priority IS NULL) AND (t1.id IN (SELECT value FROM JSON_TABLE(%s, '$[*]' COLUMNS (value BIGINT PATH '$')) AS listed)) IS NOT true AND (LOWER(CONVERT(t1.title USING utf8mb4) COLLATE utf8mb4_bin) LIKE LOWER(%s) ESCAPE '|') ORDER BY t1.id ASC
 LIMIT %s) AS p2

-- case: through relations
SELECT coalesce(json_arrayagg(json_object('id', p7.id) ORDER BY p7.c1), '[]') AS body, count(*) AS size
FROM (SELECT t1.id AS id, row_number() OVER (ORDER BY t1.id ASC) AS c1
FROM tasks AS t1
WHERE (t1.owner_id = %s OR t1.shared = 1) AND (EXISTS (SELECT 1
FROM users AS t2
WHERE t2.id = t1.owner_id AND (CONVERT(t2.name USING utf8mb4) COLLATE utf8mb4_bin LIKE %s ESCAPE '|'))) AND (EXISTS (SELECT 1
FROM task_labels AS t4 INNER JOIN labels AS t3 ON t3.id = t4.label_id
WHERE t4.task_id = t1.id AND (t3.`order` = %s AND CAST(CONVERT(t3.`order` USING utf8mb4) AS BINARY) = CAST(%s AS BINARY)))) AND NOT (EXISTS (SELECT 1
FROM comments AS t5
WHERE t5.task_id = t1.id AND (t5.author_id = %s) IS NOT true)) AND NOT (EXISTS (SELECT 1
FROM comments AS t6
WHERE t6.task_id = t1.id AND (t6.body = %s AND CAST(CONVERT(t6.body USING utf8mb4) AS BINARY) = CAST(%s AS BINARY)))) ORDER BY t1.id ASC
 LIMIT %s) AS p7

-- case: ordering
SELECT coalesce(json_arrayagg(json_object('id', p3.id, 'priority', p3.priority) ORDER BY p3.c2), '[]') AS body, count(*) AS size
FROM (SELECT t1.id AS id, t1.priority AS priority, row_number() OVER (ORDER BY t1.priority DESC, (SELECT t2.name
FROM users AS t2
WHERE t2.id = t1.owner_id
 LIMIT 1) ASC, t1.id ASC) AS c2
FROM tasks AS t1
WHERE t1.owner_id = %s OR t1.shared = 1 ORDER BY t1.priority DESC, (SELECT t2.name
FROM users AS t2
WHERE t2.id = t1.owner_id
 LIMIT 1) ASC, t1.id ASC
 LIMIT %s) AS p3

-- case: cursor
SELECT coalesce(json_arrayagg(json_object('id', p2.id, 'priority', p2.priority) ORDER BY p2.c4), '[]') AS body, count(*) AS size, coalesce(json_arrayagg(json_array(CAST(p2.c2 AS CHAR), CAST(p2.c3 AS CHAR)) ORDER BY p2.c4), '[]') AS last
FROM (SELECT t1.id AS id, t1.priority AS priority, t1.priority AS c2, t1.id AS c3, row_number() OVER (ORDER BY t1.priority DESC, t1.id ASC) AS c4
FROM tasks AS t1
WHERE (t1.owner_id = %s OR t1.shared = 1) AND (t1.priority < CAST(%s AS SIGNED) OR t1.priority IS NULL OR t1.priority = CAST(%s AS SIGNED) AND t1.id > CAST(%s AS SIGNED)) ORDER BY t1.priority DESC, t1.id ASC
 LIMIT %s) AS p2

-- case: cursor after null
SELECT coalesce(json_arrayagg(json_object('id', p2.id) ORDER BY p2.c3), '[]') AS body, count(*) AS size, coalesce(json_arrayagg(json_array(CAST(p2.c1 AS CHAR), CAST(p2.c2 AS CHAR)) ORDER BY p2.c3), '[]') AS last
FROM (SELECT t1.id AS id, t1.priority AS c1, t1.id AS c2, row_number() OVER (ORDER BY t1.priority ASC, t1.id ASC) AS c3
FROM tasks AS t1
WHERE (t1.owner_id = %s OR t1.shared = 1) AND (t1.priority IS NOT NULL OR t1.priority IS NULL AND t1.id > CAST(%s AS SIGNED)) ORDER BY t1.priority ASC, t1.id ASC
 LIMIT %s) AS p2

-- case: many to many
SELECT coalesce(json_arrayagg(json_object('id', p2.id, 'labels', json_compact((SELECT coalesce(json_arrayagg(json_object('id', p5.id, 'order', p5.`order`) ORDER BY p5.c2), '[]') AS coalesce_1
FROM (SELECT t3.id AS id, t3.`order` AS `order`, row_number() OVER (PARTITION BY t4.task_id ORDER BY t3.id ASC) AS c2, t4.task_id AS c3
FROM task_labels AS t4 INNER JOIN labels AS t3 ON t3.id = t4.label_id) AS p5
WHERE p5.c3 = p2.id AND p5.c2 > 0 AND p5.c2 <= 0 + %s))) ORDER BY p2.c1), '[]') AS body, count(*) AS size
FROM (SELECT t1.id AS id, row_number() OVER (ORDER BY t1.id ASC) AS c1
FROM tasks AS t1
WHERE t1.owner_id = %s OR t1.shared = 1 ORDER BY t1.id ASC
 LIMIT %s) AS p2

-- case: distinct
SELECT coalesce(json_arrayagg(json_object('completed', json_compact(CASE p2.completed WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE CAST(p2.completed AS CHAR) END)) ORDER BY p2.completed ASC), '[]') AS body, count(*) AS size
FROM (SELECT DISTINCT t1.completed AS completed
FROM tasks AS t1
WHERE t1.owner_id = %s OR t1.shared = 1 ORDER BY t1.completed ASC
 LIMIT %s) AS p2

-- case: search
SELECT coalesce(json_arrayagg(json_object('id', p2.id) ORDER BY p2.c1), '[]') AS body, count(*) AS size
FROM (SELECT t1.id AS id, row_number() OVER (ORDER BY (SELECT sum(CASE WHEN (lower(CAST(t1.title AS CHAR)) LIKE lower(word.value) ESCAPE '\\') THEN 1 ELSE 0 END) AS sum_1
FROM json_table(%s, '$[*]' COLUMNS (value TEXT PATH '$')) AS word) DESC, t1.id ASC) AS c1
FROM tasks AS t1
WHERE (t1.owner_id = %s OR t1.shared = 1) AND NOT (EXISTS (SELECT 1
FROM json_table(%s, '$[*]' COLUMNS (value TEXT PATH '$')) AS word
WHERE coalesce(lower(CAST(t1.title AS CHAR)) LIKE lower(word.value) ESCAPE '\\', false) = 0)) ORDER BY (SELECT sum(CASE WHEN (lower(CAST(t1.title AS CHAR)) LIKE lower(word.value) ESCAPE '\\') THEN 1 ELSE 0 END) AS sum_1
FROM json_table(%s, '$[*]' COLUMNS (value TEXT PATH '$')) AS word) DESC, t1.id ASC
 LIMIT %s) AS p2

-- case: aggregate
SELECT coalesce(json_arrayagg(json_object('completed', json_compact(CASE g.g0 WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE CAST(g.g0 AS CHAR) END), 'count', g.m0, 'sum_priority', json_compact(CASE WHEN g.m1 BETWEEN -9007199254740991 AND 9007199254740991 THEN CAST(g.m1 AS CHAR) ELSE json_quote(CAST(g.m1 AS CHAR)) END), 'max_id', json_compact(CASE WHEN g.m2 BETWEEN -9007199254740991 AND 9007199254740991 THEN CAST(g.m2 AS CHAR) ELSE json_quote(CAST(g.m2 AS CHAR)) END))), '[]') AS body, count(*) AS size
FROM (SELECT t1.completed AS g0, count(*) AS m0, sum(t1.priority) AS m1, max(t1.id) AS m2
FROM tasks AS t1
WHERE t1.owner_id = %s OR t1.shared = 1 GROUP BY 1
HAVING count(*) >= %s ORDER BY 1 ASC
 LIMIT %s) AS g
