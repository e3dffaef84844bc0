"""HTTP as Hekla sees it, whatever the server: requests, routes, answers. Knows no database."""
