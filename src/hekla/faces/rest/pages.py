"""The pages for people: the list of resources and the reference.

The reference is made in the browser, from the OpenAPI document, by scripts of its own: it needs
no network but the application, and nothing on it is run that does not come from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from hekla.schema.names import path_segment
from hekla.web.pages import page_headers
from hekla.web.response import Response

__all__ = ["ASSETS", "asset", "index_page", "reference_page"]

# The names of the files, each at /docs/<name>.
ASSETS = ("page.css", "icon.svg", "page.js", "document.js", "elements.js", "form.js", "json.js")

_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}

_HEADERS = page_headers(scripts=True)

# Each control character and how it is written.
_SIGNS = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F)}
_SIGNS |= {ord("\t"): "\\t", ord("\n"): "\\n", ord("\r"): "\\r"}

_SHELL = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="{base}/docs/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="{base}/docs/page.css">
{head}</head>
<body{data}>
<a class="skip" href="#main">Skip to the content</a>
<header class="head">
<p class="name"><img class="mark" src="{base}/docs/icon.svg" alt="">
<a href="{base}/">{title}</a></p>
<nav aria-label="Application"><a href="{base}/docs"{current}>Reference</a>
<a href="{base}/openapi.json">OpenAPI</a></nav>
</header>
{body}</body>
</html>
"""

_REFERENCE = """\
<div class="reference">
<nav class="sidebar" aria-label="Resources">
<label class="field"><span>Find a resource</span><input id="find" type="search" autocomplete="off">
</label>
<p id="found" class="visually-hidden" role="status"></p>
<ul id="resources"></ul>
</nav>
<main class="content" id="main">
<p class="faint">Reading the description …</p>
<noscript><p>This page needs JavaScript; the description itself is at
<a href="{base}/openapi.json">openapi.json</a>.</p></noscript>
</main>
</div>
"""


@cache
def asset(name: str) -> Response:
    """One file of the pages."""
    body = Path(__file__).with_name("static").joinpath(name).read_bytes()
    headers = [
        ("content-type", _TYPES[name.rpartition(".")[2]]),
        ("cache-control", "no-cache"),
        ("content-security-policy", "default-src 'none'"),
    ]
    return Response(200, body, headers)


def index_page(
    title: str,
    resources: Sequence[Mapping[str, Any]],
    columns: Mapping[str, int],
    links: Mapping[str, Mapping[str, str]],
    base: str,
) -> Response:
    """The list of resources, for a browser.

    ``columns`` says how many there are of each resource, ``links`` which resource each relation
    leads to, ``base`` under which path the application is.
    """
    rows = "".join(
        _row(entry, columns[entry["name"]], links[entry["name"]], base) for entry in resources
    )
    head = "".join(
        f'<th scope="col">{name}</th>'
        for name in ("Resource", "Columns", "Key", "Relations", "Reference")
    )
    count = f"{len(resources)} resource{'' if len(resources) == 1 else 's'}"
    body = (
        f'<main class="index" id="main">\n<h1>{escape(title)}</h1>\n'
        f'<p class="faint">{count}. Each name leads to its rows; the'
        f' <a href="{escape(base)}/docs">reference</a> tells what can be asked of'
        " them.</p>\n"
        f'<div class="scroll"><table class="resources"><thead><tr>{head}</tr></thead>\n'
        f"<tbody>{rows}</tbody></table></div>\n</main>\n"
    )
    page = _SHELL.format(
        title=escape(title), base=escape(base), head="", data="", current="", body=body
    )
    return Response(200, page.encode(), [*_HEADERS, ("vary", "Accept")])


def _row(entry: Mapping[str, Any], columns: int, links: Mapping[str, str], base: str) -> str:
    name = entry["name"]
    key = ", ".join(f"<code>{escape(_visible(part))}</code>" for part in entry["key"])
    relations = "".join(
        f'<li><a href="#{escape(_anchor(target))}">{escape(_visible(relation))}</a></li>'
        for relation, target in links.items()
    )
    related = f'<ul class="tags">{relations}</ul>' if relations else ""
    docs = f"{base}/docs#/{path_segment(name)}"
    return (
        f'<tr id="{escape(_anchor(name))}">'
        f'<th scope="row"><a href="{escape(entry["url"])}">{escape(_visible(name))}</a></th>'
        f'<td class="count">{columns}</td>'
        f'<td class="keys">{key or "<span class=faint>none</span>"}</td>'
        f'<td class="leads">{related}</td>'
        f'<td class="more"><a href="{escape(docs)}"'
        f' aria-label="Reference of {escape(_visible(name))}">Reference</a></td>'
        "</tr>\n"
    )


def _visible(name: str) -> str:
    r"""A name as it can be seen: a line break as ``\n``, in quotes with spaces at its ends."""
    marked = name.translate(_SIGNS)
    return marked if marked and marked == marked.strip() else f"“{marked}”"


def _anchor(name: str) -> str:
    """The id of a row, which may hold no white space."""
    return f"r-{path_segment(name)}"


def reference_page(title: str, base: str) -> Response:
    """The reference, made from the OpenAPI document by a script that needs no network."""
    page = _SHELL.format(
        title=escape(title),
        base=escape(base),
        head=f'<script type="module" src="{escape(base)}/docs/page.js"></script>\n',
        data=f' data-document="{escape(base)}/openapi.json"',
        current=' aria-current="page"',
        body=_REFERENCE.format(base=escape(base)),
    )
    return Response(200, page.encode(), list(_HEADERS))
