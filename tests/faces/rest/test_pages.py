"""The pages for people: safe whatever a table is called, and of use without any network."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from hekla import Hekla, everyone
from hekla.faces.rest.pages import ASSETS
from tests.scenarios.client import ask
from tests.servers import Server, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]

SCRIPT = "<script>document.title='owned'</script>"
IMAGE = "<img src=x onerror=\"document.title='owned'\">"
ODD = "line\nbreak "
LONG = "x" * 200
HTML = {"accept": "text/html"}


def build(path: Path) -> None:
    """Books with authors, tables with hostile and odd names, a wide one, and many more."""
    wide = ", ".join(f"c{number} INTEGER" for number in range(1, 121))
    many = "".join(f"CREATE TABLE many_{n:02} (id INTEGER PRIMARY KEY);" for n in range(55))
    db = apsw.Connection(str(path))
    db.execute(
        f"""
        CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT);
        CREATE TABLE books (
          id INTEGER PRIMARY KEY, title TEXT, author_id INTEGER REFERENCES authors (id));
        INSERT INTO authors VALUES (1, 'A'), (2, 'B');
        INSERT INTO books VALUES (1, 'One', 1), (2, 'Two', 1), (3, 'Three', 2), (4, 'Four', 2);
        CREATE TABLE "{SCRIPT}" (id INTEGER PRIMARY KEY, "{IMAGE.replace('"', '""')}" TEXT);
        INSERT INTO "{SCRIPT}" VALUES (1, '{SCRIPT.replace("'", "''")}');
        CREATE TABLE "{ODD}" ("Row ID" INTEGER PRIMARY KEY, "{LONG}" TEXT, note TEXT);
        CREATE TABLE wide (id INTEGER PRIMARY KEY, {wide});
        {many}
        """
    )
    db.close()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages") / "pages.sqlite"
    build(path)
    return path


def application(database: Path, prefix: str = "") -> Hekla:
    app = Hekla(f"sqlite:///{database}", prefix=prefix, title="Books & <b>more</b>")
    app.reflect(read=everyone)
    return app


class Elements(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


# What the server sends


async def test_index_lists_the_resources(database: Path) -> None:
    """A browser gets a page with a link to every list, anything else gets JSON."""
    app = application(database)
    page = await ask(app, "/", HTML)
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Accept" in page.headers["vary"]
    elements = Elements(page.body.decode())
    targets = [link["href"] for link in elements.all("a")]
    assert "/books" in targets
    assert "/docs#/books" in targets
    assert "#r-authors" in targets
    assert "60 resources" in elements.text
    plain = await ask(app, "/")
    assert plain.headers["content-type"] == "application/json"
    assert len(plain.json()["resources"]) == 60


async def test_index_shows_names_that_cannot_be_seen(database: Path) -> None:
    """A line break is written out, and a space at the end is in quotation marks."""
    page = (await ask(application(database), "/", HTML)).body.decode()
    elements = Elements(page)
    assert "“line\\nbreak ”" in elements.text
    assert "Row ID" in elements.text
    assert "/line%0Abreak%20" in [link["href"] for link in elements.all("a")]


async def test_index_holds_no_markup_of_names(database: Path) -> None:
    """Names of tables, and the title, are text on the page whatever is in them."""
    page = (await ask(application(database), "/", HTML)).body.decode()
    elements = Elements(page)
    assert SCRIPT in elements.text
    assert "Books & <b>more</b>" in elements.text
    assert not elements.all("script")
    assert not elements.all("b")
    assert len({element.get("id") for element in elements.all("tr")}) == 61


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_pages_allow_nothing_from_elsewhere(database: Path, path: str) -> None:
    """The policy lets in only what comes from the application, and no inline script."""
    page = await ask(application(database), path, HTML)
    policy = dict(
        part.split(" ", 1) for part in page.headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["style-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert page.headers["x-content-type-options"] == "nosniff"
    elements = Elements(page.body.decode())
    assert all(script["src"] for script in elements.all("script"))
    assert not elements.all("style")
    assert not any(name.startswith("on") for _, each in elements.found for name in each)


async def test_pages_stand_below_the_prefix(database: Path) -> None:
    """Every address on the pages begins with the prefix of the application."""
    app = application(database, "/api")
    for path in ("/api/", "/api/docs", "/api/docs/"):
        page = await ask(app, path, HTML)
        assert page.status == 200
        for _, attributes in Elements(page.body.decode()).found:
            for name in ("href", "src", "data-document"):
                target = attributes.get(name)
                assert target is None or target.startswith(("/api/", "#"))
    document = await ask(app, "/api/openapi.json")
    assert document.json()["servers"] == [{"url": "/api"}]


async def test_files_of_the_pages(database: Path) -> None:
    """Every file that is packed is served, as what it is, and speaks of no other place."""
    packed = files("hekla.faces.rest").joinpath("static")
    assert {entry.name for entry in packed.iterdir()} == set(ASSETS)
    app = application(database)
    types = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
    for name in ASSETS:
        answer = await ask(app, f"/docs/{name}")
        assert answer.status == 200
        assert answer.headers["content-type"].partition(";")[0] == types[name.rpartition(".")[2]]
        assert answer.body == packed.joinpath(name).read_bytes()
        elsewhere = set(re.findall(r"https?://[^\"'\s)]+", answer.body.decode()))
        assert elsewhere <= {"http://www.w3.org/2000/svg"}
    assert (await ask(app, "/docs/other.js")).status == 404
    assert (await ask(app, "/docs/../pages.py")).status == 404


def colours(scheme: str) -> dict[str, str]:
    """The colours of the style sheet in one of its two schemes."""
    text = files("hekla.faces.rest").joinpath("static", "page.css").read_text()
    light, dark = re.findall(r":root \{(.*?)\}", text, re.DOTALL)
    found = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", light))
    if scheme == "dark":
        found |= dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", dark))
    return found


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours (WCAG 2.2, section 1.4.3)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_what_the_standard_says() -> None:
    """Black on white is 21 to 1, and a colour on itself 1 to 1."""
    assert round(contrast("#000000", "#ffffff"), 2) == 21
    assert contrast("#566172", "#566172") == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(scheme: str) -> None:
    """All text has a contrast of at least 4.5 to 1 to what it stands on."""
    found = colours(scheme)
    for ground in ("paper", "raised"):
        for ink in ("ink", "faint", "link", "good", "bad", "text", "number", "word"):
            assert contrast(found[ink], found[ground]) >= 4.5, (ink, ground)
    assert contrast(found["accent"], found["accent-soft"]) >= 4.5
    assert contrast(found["accent-ink"], found["accent"]) >= 4.5


# What a browser makes of it


@pytest.fixture(scope="module")
def server(database: Path) -> Iterator[Server]:
    environment = {"HEKLA_TEST_APP": f"pages:{database}"}
    with running("hekla", "tests.scenarios.served:app", environment) as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if os.environ.get("CI") != "true":
        pytest.importorskip("playwright")
        if not CHROMIUM.exists():
            pytest.skip(f"needs a browser at {CHROMIUM}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A page that fails the test for an error on it, or a request to another place."""
    context = browser.new_context(base_url=server.url, viewport={"width": 1200, "height": 900})
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    requests: list[str] = []
    context.on("request", lambda request: requests.append(request.url))
    yield opened
    context.close()
    # What a try is answered with may be an error: the browser says so.
    assert [each for each in complaints if "status of 400" not in each] == []
    assert requests
    assert all(url.startswith(server.url) for url in requests)


def open_resource(page: Page, name: str) -> None:
    page.goto("/docs")
    page.get_by_role("navigation", name="Resources").get_by_role(
        "link", name=name, exact=True
    ).click()
    page.get_by_role("heading", name=name, exact=True, level=1).wait_for()


def try_operation(page: Page, operation: str) -> Locator:
    section = page.locator(f"#{operation}")
    section.get_by_text("Try it", exact=True).click()
    return section


def test_reference_lists_the_resources(page: Page) -> None:
    """All 60 resources stand in the sidebar and can be narrowed down."""
    page.goto("/docs")
    sidebar = page.get_by_role("navigation", name="Resources")
    sidebar.get_by_role("link", name="books").wait_for()
    links = sidebar.get_by_role("link")
    assert links.count() == 61
    page.get_by_label("Find a resource").fill("auth")
    assert [link.inner_text() for link in links.all() if link.is_visible()] == ["authors"]
    assert page.get_by_role("status").first.inner_text() == "1 found"


def test_reference_shows_a_resource(page: Page) -> None:
    """Columns with their lookups, relations with where they lead, and the three addresses."""
    open_resource(page, "books")
    assert page.title().startswith("books · ")
    columns = page.get_by_role("region", name="Column, Value, Filters")
    assert columns.get_by_role("rowheader").all_inner_texts() == ["id key", "title", "author_id"]
    title = columns.get_by_role("row").filter(has=page.get_by_text("title", exact=True))
    assert "icontains" in title.inner_text()
    relations = page.get_by_role("region", name="Relation, Leads to, Rows")
    relations.get_by_role("link", name="authors").click()
    page.get_by_role("heading", name="authors", exact=True, level=1).wait_for()
    assert page.locator(".operation header h2").all_inner_texts() == [
        "GET /authors",
        "GET /authors/aggregate",
        "GET /authors/{id}",
    ]


def test_reference_shows_names_that_cannot_be_seen(page: Page) -> None:
    """An odd name is made visible, and its key is marked and can be asked for."""
    open_resource(page, "“line\\nbreak ”")
    columns = page.get_by_role("region", name="Column, Value, Filters")
    assert columns.get_by_role("rowheader").all_inner_texts() == ["Row ID key", LONG, "note"]
    section = try_operation(page, page.locator(".operation").last.get_attribute("id") or "")
    section.get_by_label("Row ID", exact=True).fill("7")
    assert section.locator(".address").inner_text() == "GET /line%0Abreak%20/7"


def test_reference_says_once_what_holds_of_many_columns(page: Page) -> None:
    """What is said of several columns stands below the table, and each refers to it."""
    open_resource(page, "wide")
    cells = page.get_by_role("region", name="Column, Value, Filters").get_by_role("cell")
    assert cells.nth(2).inner_text() == "integer1"
    assert page.locator(".notes li").all_inner_texts() == ["Given as the database holds it."]


def test_a_long_name_leaves_room_for_the_rest(page: Page) -> None:
    """The filters of a column stand in the window whatever the columns are called."""
    open_resource(page, "“line\\nbreak ”")
    columns = page.get_by_role("region", name="Column, Value, Filters")
    for lookup in columns.get_by_text("isnull", exact=True).all():
        box = lookup.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 1200


def test_trying_a_list(page: Page) -> None:
    """Filters are put together, sent, and answered with status, headers, body and pages."""
    open_resource(page, "books")
    section = try_operation(page, "list_books")
    section.get_by_role("button", name="Add a filter").click()
    section.get_by_label("Column").select_option(label="title")
    section.get_by_label("Comparison").select_option(label="icontains")
    section.get_by_label("Value", exact=True).fill("o")
    section.get_by_label("limit").fill("2")
    section.get_by_label("fields").fill("id,title")
    assert section.locator(".address").inner_text() == (
        "GET /books?title__icontains=o&limit=2&fields=id,title"
    )
    section.get_by_role("button", name="Send").click()
    section.locator(".status").wait_for()
    assert section.locator(".status").inner_text() == "200 OK"
    body = section.get_by_label("The body of the answer")
    assert re.sub(r"\s", "", body.inner_text()) == (
        '[{"id":1,"title":"One"},{"id":2,"title":"Two"}]'
    )
    section.get_by_text("Headers", exact=True).click()
    section.get_by_role("row", name="content-type application/json").wait_for()
    section.get_by_role("button", name="Next page").click()
    section.get_by_role("button", name="Previous page").wait_for()
    assert re.sub(r"\s", "", body.inner_text()) == '[{"id":4,"title":"Four"}]'


def test_trying_filters_through_relations(page: Page) -> None:
    """A column of a related resource can be chosen too; a filter can be taken away again."""
    open_resource(page, "books")
    section = try_operation(page, "list_books")
    section.get_by_role("button", name="Add a filter").click()
    group = section.locator("optgroup[label=author] option", has_text="name")
    section.get_by_label("Column").select_option(group.get_attribute("value"))
    section.get_by_label("Value", exact=True).fill("B")
    assert section.locator(".address").inner_text() == "GET /books?author.name=B"
    section.get_by_role("button", name="Remove this filter").click()
    assert section.locator(".address").inner_text() == "GET /books"


def test_trying_other_forms(page: Page) -> None:
    """CSV is shown as it came."""
    open_resource(page, "books")
    section = try_operation(page, "list_books")
    section.get_by_label("Accept").select_option("text/csv")
    section.get_by_label("More parameters").fill("author.name=B&order_by=-id&fields=id,title")
    section.get_by_role("button", name="Send").click()
    body = section.get_by_label("The body of the answer")
    body.wait_for()
    assert body.inner_text().split() == ["id,title", "4,Four", "3,Three"]


def test_trying_figures_and_a_row(page: Page) -> None:
    """Figures are asked for by name, an empty one by its box; a row by its key."""
    open_resource(page, "books")
    section = try_operation(page, "aggregate_books")
    section.get_by_label("group_by").fill("author_id")
    section.get_by_label("count without a value").check()
    section.get_by_role("button", name="Send").click()
    body = section.get_by_label("The body of the answer")
    body.wait_for()
    assert re.sub(r"\s", "", body.inner_text()) == (
        '[{"author_id":1,"count":2},{"author_id":2,"count":2}]'
    )
    section = try_operation(page, "read_book")
    section.get_by_label("id", exact=True).fill("3")
    section.get_by_role("button", name="Send").click()
    section.locator(".status").wait_for()
    assert '"Three"' in section.get_by_label("The body of the answer").inner_text()


def test_trying_what_is_wrong(page: Page) -> None:
    """A problem is shown with its status, as any answer is."""
    open_resource(page, "books")
    section = try_operation(page, "list_books")
    section.get_by_label("limit").fill("many")
    section.get_by_role("button", name="Send").click()
    section.locator(".status.bad").wait_for()
    assert section.locator(".status").inner_text() == "400 Bad Request"
    assert "invalid_value" in section.get_by_label("The body of the answer").inner_text()


def test_names_are_text(page: Page) -> None:
    """A table, a column and a value that look like markup are shown, and do nothing."""
    page.goto("/")
    assert page.get_by_role("link", name=SCRIPT, exact=True).is_visible()
    open_resource(page, SCRIPT)
    assert page.get_by_role("region", name="Column, Value, Filters").get_by_text(IMAGE).count()
    section = try_operation(page, page.locator(".operation").first.get_attribute("id") or "")
    section.get_by_role("button", name="Add a filter").click()
    section.get_by_label("Column").select_option(label=IMAGE)
    section.get_by_label("Comparison").select_option(label="contains")
    section.get_by_label("Value", exact=True).fill("<")
    section.get_by_role("button", name="Send").click()
    section.locator(".status").wait_for()
    assert section.locator(".status").inner_text() == "200 OK"
    assert SCRIPT in section.get_by_label("The body of the answer").inner_text()
    assert page.title().startswith(SCRIPT)
    assert page.locator("main script, main img").count() == 0


def test_wide_tables(page: Page) -> None:
    """120 columns are shown, and each can be filtered by."""
    open_resource(page, "wide")
    columns = page.get_by_role("region", name="Column, Value, Filters")
    assert columns.get_by_role("rowheader").count() == 121
    section = try_operation(page, "list_wide")
    section.get_by_role("button", name="Add a filter").click()
    section.get_by_label("Column").select_option(label="c120")
    section.get_by_label("Comparison").select_option(label="in")
    section.get_by_label("Value", exact=True).fill("1,2")
    assert section.locator(".address").inner_text() == "GET /wide?c120__in=1,2"


def test_keyboard(page: Page) -> None:
    """The first tab leads to the content, and choosing a resource moves the focus to it."""
    page.goto("/docs")
    page.get_by_role("link", name="books", exact=True).wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.get_by_role("link", name="books", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="books", exact=True, level=1).wait_for()
    assert page.evaluate("document.activeElement.textContent") == "books"
    landmarks = page.locator("header.head, nav[aria-label], main")
    assert landmarks.count() == 4


def test_no_page_is_wider_than_the_window(browser: Browser, server: Server) -> None:
    """On a phone nothing but tables has to be scrolled sideways."""
    context = browser.new_context(base_url=server.url, viewport={"width": 360, "height": 700})
    page = context.new_page()
    for address in ("/", "/docs#/books", "/docs#/wide", "/docs#/line%0Abreak%20"):
        page.goto("about:blank")
        page.goto(address)
        page.get_by_role("heading", level=1).wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, address
        # What a row is about stands in the window, and not beyond what can be scrolled to.
        lookups = page.get_by_text("isnull", exact=True).or_(page.locator(".more a")).all()
        boxes = [lookup.bounding_box() for lookup in lookups[:20]]
        assert boxes
        assert all(box and box["x"] + box["width"] <= 360 for box in boxes), address
    context.close()
