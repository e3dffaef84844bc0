-- case: one
SELECT CAST(json_object('id', t1.id, 'title', CAST(t1.title AS TEXT), 'completed', CASE t1.completed WHEN 1 THEN json('true') WHEN 0 THEN json('false') WHEN t1.completed THEN hekla_stored(t1.completed) END, 'priority', t1.priority, 'shared', CASE t1.shared WHEN 1 THEN json('true') WHEN 0 THEN json('false') WHEN t1.shared THEN hekla_stored(t1.shared) END, 'owner_id', t1.owner_id) AS BLOB) AS body
FROM tasks AS t1
WHERE (t1.owner_id = ? OR t1.shared = 1) AND t1.id = ?

-- case: one with owner and comments
SELECT CAST(concat(rtrim(json_object('id', t1.id, 'title', CAST(t1.title AS TEXT), 'completed', CASE t1.completed WHEN 1 THEN json('true') WHEN 0 THEN json('false') WHEN t1.completed THEN hekla_stored(t1.completed) END, 'priority', t1.priority, 'shared', CASE t1.shared WHEN 1 THEN json('true') WHEN 0 THEN json('false') WHEN t1.shared THEN hekla_stored(t1.shared) END, 'owner_id', t1.owner_id, 'owner', CASE WHEN (t2.id IS NOT NULL) THEN json_object('id', t2.id, 'name', CAST(t2.name AS TEXT)) END, 'comments', 0), '0}'), (SELECT json_group_array(json_object('id', p4.id, 'body', CAST(p4.body AS TEXT), 'task_id', p4.task_id, 'author_id', p4.author_id, 'author', CASE WHEN (t5.id IS NOT NULL) THEN json_object('name', CAST(t5.name AS TEXT)) END)) AS json_group_array_1
FROM (SELECT t3.id AS id, t3.body AS body, t3.task_id AS task_id, t3.author_id AS author_id
FROM comments AS t3
WHERE t3.task_id = t1.id ORDER BY t3.id DESC
 LIMIT ? OFFSET 0) AS p4 LEFT OUTER JOIN users AS t5 ON t5.id = p4.author_id), '}') AS BLOB) AS body
FROM tasks AS t1 LEFT OUTER JOIN users AS t2 ON t2.id = t1.owner_id
WHERE (t1.owner_id = ? OR t1.shared = 1) AND t1.id = ?

-- case: list
SELECT CAST(json_group_array(json_object('id', p2.id, 'title', CAST(p2.title AS TEXT))) AS BLOB) AS body, count(*) AS size, (SELECT count(*) AS count_1
FROM tasks AS t3
WHERE t3.owner_id = ? OR t3.shared = 1) AS total
FROM (SELECT t1.id AS id, t1.title AS title
FROM tasks AS t1
WHERE t1.owner_id = ? OR t1.shared = 1 ORDER BY t1.id ASC
 LIMIT ? OFFSET ?) AS p2

-- case: filters
SELECT CAST(json_group_array(json_object('id', p2.id)) AS BLOB) AS body, count(*) AS size
FROM (SELECT t1.id AS id
FROM tasks AS t1
WHERE (t1.owner_id = ? OR t1.shared = 1) AND (t1.completed = ?) AND (t1.priority >= ? OR t1.priority IS NULL) AND (t1.id IN (SELECT value FROM json_each(?))) IS NOT 1 AND (CASE WHEN ? AND length(t1.title) = octet_length(t1.title) THEN t1.title LIKE ? ESCAPE '\' ELSE hekla_icontains(CAST(t1.title AS BLOB), CAST('a' AS BLOB), ?) END) ORDER BY t1.id ASC
 LIMIT ? OFFSET 0) AS p2

-- case: through relations
SELECT CAST(json_group_array(json_object('id', p7.id)) AS BLOB) AS body, count(*) AS size
FROM (SELECT t1.id AS id
FROM tasks AS t1
WHERE (t1.owner_id = ? OR t1.shared = 1) AND (EXISTS (SELECT 1
FROM users AS t2
WHERE t2.id = t1.owner_id AND (t2.name COLLATE BINARY >= ? AND t2.name COLLATE BINARY < ? AND substr(t2.name, 1, length(?)) = ?))) AND (EXISTS (SELECT 1
FROM task_labels AS t4 JOIN labels AS t3 ON t3.id = t4.label_id
WHERE t4.task_id = t1.id AND t3."order" = ?)) AND NOT (EXISTS (SELECT 1
FROM comments AS t5
WHERE t5.task_id = t1.id AND (t5.author_id = ?) IS NOT 1)) AND NOT (EXISTS (SELECT 1
FROM comments AS t6
WHERE t6.task_id = t1.id AND t6.body = ?)) ORDER BY t1.id ASC
 LIMIT ? OFFSET 0) AS p7

-- case: ordering
SELECT CAST(json_group_array(json_object('id', p3.id, 'priority', p3.priority)) AS BLOB) AS body, count(*) AS size
FROM (SELECT t1.id AS id, t1.priority AS priority
FROM tasks AS t1
WHERE t1.owner_id = ? OR t1.shared = 1 ORDER BY t1.priority DESC, (SELECT t2.name
FROM users AS t2
WHERE t2.id = t1.owner_id
 LIMIT 1 OFFSET ?) ASC, t1.id ASC
 LIMIT ? OFFSET 0) AS p3

-- case: cursor
SELECT CAST(json_group_array(json_object('id', p2.id, 'priority', p2.priority)) AS BLOB) AS body, count(*) AS size, json_group_array(json_array(CASE WHEN p2.c2 >= x'' THEN json_object('base64', hekla_base64(p2.c2)) WHEN p2.c2 IN (9e999, -9e999) THEN json_object('infinity', p2.c2 > 0) ELSE p2.c2 END, CASE WHEN p2.c3 >= x'' THEN json_object('base64', hekla_base64(p2.c3)) WHEN p2.c3 IN (9e999, -9e999) THEN json_object('infinity', p2.c3 > 0) ELSE p2.c3 END)) AS last
FROM (SELECT t1.id AS id, t1.priority AS priority, t1.priority AS c2, t1.id AS c3
FROM tasks AS t1
WHERE (t1.owner_id = ? OR t1.shared = 1) AND (t1.priority < ? OR t1.priority IS NULL OR t1.priority = ? AND t1.id > ?) ORDER BY t1.priority DESC, t1.id ASC
 LIMIT ? OFFSET 0) AS p2

-- case: cursor after null
SELECT CAST(json_group_array(json_object('id', p2.id)) AS BLOB) AS body, count(*) AS size, json_group_array(json_array(CASE WHEN p2.c1 >= x'' THEN json_object('base64', hekla_base64(p2.c1)) WHEN p2.c1 IN (9e999, -9e999) THEN json_object('infinity', p2.c1 > 0) ELSE p2.c1 END, CASE WHEN p2.c2 >= x'' THEN json_object('base64', hekla_base64(p2.c2)) WHEN p2.c2 IN (9e999, -9e999) THEN json_object('infinity', p2.c2 > 0) ELSE p2.c2 END)) AS last
FROM (SELECT t1.id AS id, t1.priority AS c1, t1.id AS c2
FROM tasks AS t1
WHERE (t1.owner_id = ? OR t1.shared = 1) AND (t1.priority IS NOT NULL OR t1.priority IS NULL AND t1.id > ?) ORDER BY t1.priority ASC, t1.id ASC
 LIMIT ? OFFSET 0) AS p2

-- case: many to many
SELECT CAST(concat('[', group_concat(concat(rtrim(json_object('id', p2.id, 'labels', 0), '0}'), (SELECT json_group_array(json_object('id', p5.id, 'order', CAST(p5."order" AS TEXT))) AS json_group_array_1
FROM (SELECT t3.id AS id, t3."order" AS "order"
FROM task_labels AS t4 JOIN labels AS t3 ON t3.id = t4.label_id
WHERE t4.task_id = p2.id ORDER BY t3.id ASC
 LIMIT ? OFFSET 0) AS p5), '}')), ']') AS BLOB) AS body, count(*) AS size
FROM (SELECT t1.id AS id
FROM tasks AS t1
WHERE t1.owner_id = ? OR t1.shared = 1 ORDER BY t1.id ASC
 LIMIT ? OFFSET 0) AS p2

-- case: distinct
SELECT CAST(json_group_array(json_object('completed', CASE p2.completed WHEN 1 THEN json('true') WHEN 0 THEN json('false') WHEN p2.completed THEN hekla_stored(p2.completed) END)) AS BLOB) AS body, count(*) AS size
FROM (SELECT DISTINCT t1.completed AS completed
FROM tasks AS t1
WHERE t1.owner_id = ? OR t1.shared = 1 ORDER BY t1.completed ASC
 LIMIT ? OFFSET 0) AS p2

-- case: search
SELECT CAST(json_group_array(json_object('id', p2.id)) AS BLOB) AS body, count(*) AS size
FROM (SELECT t1.id AS id
FROM tasks AS t1
WHERE (t1.owner_id = ? OR t1.shared = 1) AND NOT (EXISTS (SELECT 1
FROM json_each(?) AS word
WHERE coalesce((CASE WHEN word.value ->> 0 IS NOT NULL AND length(t1.title) = octet_length(t1.title) THEN t1.title LIKE (word.value ->> 0) ESCAPE '\' ELSE hekla_icontains(CAST(t1.title AS BLOB), CAST('a' AS BLOB), word.value ->> 1) END), 0) = 0)) ORDER BY (SELECT sum(CASE WHEN (CASE WHEN word.value ->> 0 IS NOT NULL AND length(t1.title) = octet_length(t1.title) THEN t1.title LIKE (word.value ->> 0) ESCAPE '\' ELSE hekla_icontains(CAST(t1.title AS BLOB), CAST('a' AS BLOB), word.value ->> 1) END) THEN 1 ELSE 0 END) AS sum_1
FROM json_each(?) AS word) DESC, t1.id ASC
 LIMIT ? OFFSET 0) AS p2

-- case: aggregate
SELECT CAST(json_group_array(json_object('completed', CASE g.g0 WHEN 1 THEN json('true') WHEN 0 THEN json('false') WHEN g.g0 THEN hekla_stored(g.g0) END, 'count', g.m0, 'sum_priority', CASE WHEN g.m1 BETWEEN -9007199254740991 AND 9007199254740991 THEN g.m1 ELSE CASE WHEN g.m1 IS NOT NULL THEN hekla_stored(g.m1) END END, 'max_id', CASE WHEN g.m2 BETWEEN -9007199254740991 AND 9007199254740991 THEN g.m2 ELSE CASE WHEN g.m2 IS NOT NULL THEN hekla_stored(g.m2) END END)) AS BLOB) AS body, count(*) AS size
FROM (SELECT t1.completed AS g0, count(*) AS m0, sum(t1.priority) AS m1, max(t1.id) AS m2
FROM tasks AS t1
WHERE t1.owner_id = ? OR t1.shared = 1 GROUP BY 1
HAVING count(*) >= ? ORDER BY 1 ASC
 LIMIT ? OFFSET ?) AS g
