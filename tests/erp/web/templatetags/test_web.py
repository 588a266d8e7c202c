from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.conf import settings
from django.template import engines
from django.urls import resolve

from erp.accounts.models import Role, StoreLifecycle, User
from erp.attention.register import rows_sources
from erp.channels import Badge
from erp.web import registry
from erp.web.lists import ListPage
from erp.web.templatetags.web import day, moment, money, person

SHELVES: tuple[dict[str, Any], ...] = (registry._sidebar, registry._sources)
AFTER_MIDNIGHT_UTC = datetime(2026, 11, 24, 1, 5, tzinfo=UTC)


def rendered(template: str, **context: Any) -> str:
    return engines["django"].from_string(template).render(context)


@pytest.mark.parametrize(
    ("name", "text"),
    [("Ana", "Ana"), ("A** S***", "A** S***"), ("***", "oculto até o pagamento"), ("", "—"), (None, "—")],
)
def test_person(name: str | None, text: str) -> None:
    assert person(name) == text


@pytest.mark.parametrize(
    ("centavos", "text"), [(0, "R$ 0,00"), (123456789, "R$ 1.234.567,89"), (-5, "-R$ 0,05"), (None, "—")]
)
def test_money(centavos: int | None, text: str) -> None:
    assert money(centavos).replace("\u00a0", " ") == text


def test_times_are_those_of_sao_paulo() -> None:
    assert moment(AFTER_MIDNIGHT_UTC) == "23/11/2026 22:05"
    assert day(AFTER_MIDNIGHT_UTC) == "23/11/2026"
    assert day(date(2026, 11, 24)) == "24/11/2026"
    assert moment(None) == day(None) == "—"


@pytest.mark.parametrize("name", ["moment", "day", "timestamp", "money"])
def test_what_is_missing_is_a_dash(name: str) -> None:
    """Django hands a filter an empty text for an attribute of None."""
    assert rendered("{{ row.field|" + name + " }}", row=None) == "—"


def test_badge_carries_label_colour_and_dot() -> None:
    html = rendered("{% badge status %}", status=StoreLifecycle.ACTIVE)
    assert "bg-green-lt" in html
    assert "badge-dot" in html
    assert "Ativa" in html


def test_badge_of_nothing_is_a_dash() -> None:
    assert rendered("{% badge status %}", status=None) == "—"


def test_markers_escape_what_a_platform_wrote() -> None:
    html = rendered("{% markers badges %}", badges=[Badge("<b>x", "green", "send", title='"y"')])
    assert "&lt;b&gt;x" in html
    assert "&quot;y&quot;" in html


def test_copy_button_holds_the_value() -> None:
    assert 'data-copy="35&quot;26"' in rendered("{% copy value %}", value='35"26')


def test_card_and_facts_escape_their_values() -> None:
    html = rendered(
        "{% card title %}{% facts %}{% fact 'CPF' %}{{ v }}{% endfact %}{% fact 'Vazio' %} {% endfact %}"
        "{% endfacts %}{% endcard %}",
        title="<i>",
        v="<b>",
    )
    assert "&lt;i&gt;" in html
    assert "&lt;b&gt;" in html
    assert "<dd>—</dd>" in html


def known_icons() -> set[str]:
    sprite = (settings.BASE_DIR / "static/vendor/tabler-icons/icons.svg").read_text()
    return set(re.findall(r'symbol id="([^"]+)"', sprite))


def test_every_icon_named_in_a_template_is_in_the_sprite() -> None:
    paths = (settings.BASE_DIR / "templates").rglob("*.html")
    named = {name for path in paths for name in re.findall(r'{% icon "([^"]+)"', path.read_text())}
    assert named - known_icons() == set()


def lists_below(page: type[ListPage[Any]]) -> set[type[ListPage[Any]]]:
    children = set(page.__subclasses__())
    return children.union(*(lists_below(child) for child in children))


def test_every_cell_is_drawn_by_a_template_or_a_value_and_no_template_is_left_over() -> None:
    resolve("/")  # imports every room's views
    own = [page for page in lists_below(ListPage) if not page.__module__.startswith("tests.")]
    cells = {column.cell for page in own for column in page.columns}
    files = {cell for cell in cells if cell.endswith(".html")}
    for value in cells - files:
        rendered(f"{{{{ object.{value} }}}}")  # an unknown filter is an error
    root = settings.BASE_DIR / "templates"
    named = {
        name
        for path in root.rglob("*.html")
        for name in re.findall(r'{% include "([^"]+)"', path.read_text())
    }
    there = {str(path.relative_to(root)) for path in root.glob("*/cells/*.html")}
    assert len(own) > 10
    assert files - there == set()
    assert there - files - named == set()


def test_every_icon_of_an_action_or_entry_is_in_the_sprite() -> None:
    resolve("/")  # imports every room's views
    actions = {action.icon for page in lists_below(ListPage) for action in page.actions}
    entries = {each.icon for shelf in SHELVES for each in shelf.values()}
    waiting = {source.icon for source in rows_sources(User(company_id=1, role=Role.ADMIN))}
    assert len(actions) > 3
    assert len(waiting) > 3
    assert (actions | entries | waiting) - {""} - known_icons() == set()
