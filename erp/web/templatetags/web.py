"""The small pieces pages are written with; a template builtin, so nothing to load (`docs/screens.md`)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.forms.boundfield import BoundField, BoundWidget
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from erp.brazil.documents import postal_code_format, tax_id_format
from erp.brazil.money import money_format
from erp.channels import Badge
from erp.web import forms

register = template.Library()
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
NOTHING = "—"
MINUTE, HOUR, DAY = 60, 3600, 86_400
LONGEST_AGO = 30 * DAY
TONES = {
    "debug": ("secondary", "info-circle"),
    "info": ("blue", "info-circle"),
    "success": ("green", "circle-check"),
    "warning": ("yellow", "alert-triangle"),
    "error": ("red", "alert-circle"),
}


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """`{% icon "printer" %}`: a drawing of the sprite; screen readers skip it, so text stands beside."""
    return _icon(name, css, static("vendor/tabler-icons/icons.svg"))


@cache
def _icon(name: str, css: str, sprite: str) -> SafeString:
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        css,
        sprite,
        name,
    )


@register.simple_tag
def badge(status: Any = None, label: str = "", colour: str = "") -> SafeString:
    """`{% badge situation %}` (has `label` and `colour`) or `{% badge label="x" colour="red" %}`."""
    text = label or getattr(status, "label", status)
    if not text:
        return SafeString(NOTHING)
    tone = colour or getattr(status, "colour", "secondary")
    return format_html(
        '<span class="badge bg-{0}-lt"><span class="badge-dot bg-{0}"></span>{1}</span>', tone, text
    )


@register.inclusion_tag("components/markers.html")
def markers(badges: Iterable[Badge] | None) -> dict[str, object]:
    """`{% markers order.badges %}`: what a channel or a room says about a row (`erp.channels.Badge`)."""
    return {"markers": badges or ()}


@register.simple_tag
def marker_icons(badges: Iterable[Badge] | None) -> SafeString:
    """`{% marker_icons row.extra.markers %}`: markers in one line of icons, their words on hover and for
    screen readers."""
    return SafeString("".join(_marker_icon(badge) for badge in badges or ()))


def _marker_icon(badge: Badge) -> str:
    title = f"{badge.label}: {badge.title}" if badge.title else badge.label
    name = badge.symbol or badge.icon or "check"
    inside = format_html('{}<span class="visually-hidden">{}</span>', icon(name), badge.label)
    css = f"marker-icon text-{badge.colour}"
    if badge.link:
        return format_html('<a class="{}" href="{}" title="{}">{}</a>', css, badge.link, title, inside)
    return format_html('<span class="{}" title="{}">{}</span>', css, title, inside)


@register.simple_tag
def hint(name: str, text: str, colour: str = "secondary") -> SafeString:
    """`{% hint "hand-stop" reason "red" %}`: an icon that says its text on hover and to screen readers."""
    return format_html(
        '<span class="marker-icon text-{}" title="{}">{}<span class="visually-hidden">{}</span></span>',
        colour,
        text,
        icon(name),
        text,
    )


@register.inclusion_tag("components/copy.html")
def copy(value: object, label: str = "Copiar", show: bool = True) -> dict[str, object]:
    """`{% copy invoice.access_key %}`: the value with a button that copies it."""
    return {"value": value, "label": label, "show": show}


@register.simple_block_tag
def card(content: str, title: str = "", css: str = "", table: bool = False) -> SafeString:
    """`{% card "Transporte" %}…{% endcard %}`; `table=True` leaves out the padding, for a table or facts."""
    head = (
        format_html('<div class="card-header"><h2 class="card-title">{}</h2></div>', title) if title else ""
    )
    body = content if table else format_html('<div class="card-body">{}</div>', SafeString(content))
    return format_html('<section class="card mb-3 {}">{}{}</section>', css, head, SafeString(body))


@register.simple_block_tag
def empty_state(content: str, title: str, icon: str = "inbox", link: object = None) -> SafeString:
    """`{% empty_state "Nenhum pedido" icon="package" %}…{% endempty_state %}`: an empty place and what to do
    next; `link` has `label`, `url` and `icon`."""
    text = SafeString(content.strip())
    context = {"title": title, "text": text, "icon": icon, "link": link}
    return render_to_string("components/empty.html", context)


@register.simple_block_tag
def facts(content: str) -> SafeString:
    """`{% facts %}{% fact "CPF" %}…{% endfact %}{% endfacts %}`: names and values in two columns."""
    return format_html('<dl class="facts">{}</dl>', SafeString(content))


@register.simple_block_tag
def fact(content: str, label: str) -> SafeString:
    value = SafeString(content.strip() or NOTHING)
    return format_html('<div class="fact"><dt>{}</dt><dd>{}</dd></div>', label, value)


@register.filter
def money(centavos: int | None) -> str:
    """Integer centavos as `R$ 1.234,56`; None as a dash."""
    return money_format(centavos) if isinstance(centavos, int) else NOTHING


@register.filter
def moment(value: datetime | None) -> str:
    """An aware datetime in São Paulo as `23/11/2026 14:05`; None as a dash."""
    return value.astimezone(SAO_PAULO).strftime("%d/%m/%Y %H:%M") if value else NOTHING


@register.filter
def day(value: date | datetime | None) -> str:
    """A date, or the day of an aware datetime in São Paulo, as `23/11/2026`; None as a dash."""
    if not value:
        return NOTHING
    local = value.astimezone(SAO_PAULO) if isinstance(value, datetime) else value
    return local.strftime("%d/%m/%Y")


@register.filter
def timestamp(value: datetime | None) -> SafeString | str:
    """As `moment`, in a `<time>` that machines can read too."""
    if not value:
        return NOTHING
    return format_html('<time datetime="{}">{}</time>', value.isoformat(timespec="seconds"), moment(value))


@register.filter
def ago(value: datetime | None) -> SafeString | str:
    """A past instant as `há 5 min`, with the whole of it on hover; from a month on the day itself."""
    if not value:
        return NOTHING
    seconds = (timezone.now() - value).total_seconds()
    text = day(value) if seconds < 0 or seconds >= LONGEST_AGO else _ago_text(int(seconds))
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>',
        value.isoformat(timespec="seconds"),
        moment(value),
        text,
    )


def _ago_text(seconds: int) -> str:
    if seconds < MINUTE:
        return "agora"
    if seconds < HOUR:
        return f"há {seconds // MINUTE} min"
    if seconds < DAY:
        return f"há {seconds // HOUR} h"
    days = seconds // DAY
    return "há 1 dia" if days == 1 else f"há {days} dias"


@register.filter
def due(value: datetime | None) -> SafeString | str:
    """A deadline that still has to be met as `em 5 h`, or `atrasado 2 h` in red, with the whole of it on
    hover."""
    if not value:
        return NOTHING
    left = int((value - timezone.now()).total_seconds())
    size = abs(left)
    if size < HOUR:
        text = f"{size // MINUTE} min"
    else:
        text = f"{size // HOUR} h" if size < 2 * DAY else f"{size // DAY} dias"
    return format_html(
        '<time datetime="{}" title="prazo {}" data-due class="{}">{}</time>',
        value.isoformat(timespec="seconds"),
        moment(value),
        "is-late" if left < 0 else "",
        f"atrasado {text}" if left < 0 else f"em {text}",
    )


@register.filter
def tax_id(value: str) -> str:
    """A CPF or CNPJ with its punctuation; anything else unchanged."""
    return tax_id_format(value)


@register.filter
def person(name: str | None) -> str:
    """A buyer's name; one that a platform hides whole (`***`) says until when, none is a dash."""
    if not name:
        return NOTHING
    return name if any(character.isalnum() for character in name) else "oculto até o pagamento"


@register.filter
def postal_code(value: str) -> str:
    """A CEP as `01310-100`; anything else unchanged."""
    return postal_code_format(value)


@register.simple_tag
def control(field: BoundField) -> SafeString:
    """A form field's control alone; `{{ field.as_field_group }}` brings label, help and errors too."""
    return forms.widget_render(field)


@register.simple_tag
def choice(option: BoundWidget) -> SafeString:
    """One radio button or box of a group, which Django renders without the class of the whole field."""
    option.data["attrs"]["class"] = "form-check-input"
    return option.tag()


@register.filter
def is_check(field: BoundField) -> bool:
    return forms.is_check(field)


@register.filter
def is_group(field: BoundField) -> bool:
    return forms.is_group(field)


@register.filter
def tone(level_tag: str) -> str:
    """The colour of a Django message level."""
    return TONES.get(level_tag, TONES["info"])[0]


@register.filter
def tone_icon(level_tag: str) -> str:
    return TONES.get(level_tag, TONES["info"])[1]
