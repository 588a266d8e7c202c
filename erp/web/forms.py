"""How forms look: Tabler fields with label, help and error, for every form of the product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from django import forms
from django.db.models import QuerySet
from django.forms.boundfield import BoundField
from django.forms.renderers import TemplatesSetting
from django.utils.safestring import SafeString

from erp.accounts.models import Company
from erp.brazil.documents import DocumentInvalid
from erp.brazil.fiscal import city_code_parse
from erp.brazil.money import MoneyError, money_format, money_parse
from erp.brazil.municipalities import city_code_is_known

Parsed = TypeVar("Parsed")

_DASHES = "---------"  # what Django calls no choice


class TablerRenderer(TemplatesSetting):
    """Named by `FORM_RENDERER`; needs `django.forms` among the installed apps."""

    form_template_name = "components/form.html"
    field_template_name = "components/field.html"
    formset_template_name = "components/formset.html"


def widget_render(field: BoundField) -> SafeString:
    """The field's control with the class Tabler wants for its kind, marked when it holds an error."""
    widget = field.field.widget
    if isinstance(field.field, forms.ModelChoiceField) and field.field.empty_label == _DASHES:
        field.field.empty_label = "escolha" if field.field.required else "—"
    classes = [str(widget.attrs.get("class", "")), _control_class(widget)]
    if field.errors:
        classes.append("is-invalid")
    return field.as_widget(attrs={"class": " ".join(filter(None, classes))})


def rows_offer(form: forms.BaseForm, name: str, rows: QuerySet[Any], empty_label: str = "") -> None:
    """Let a field that picks a row offer these rows; with a label of its own for no choice."""
    field = cast("forms.ModelChoiceField[Any]", form.fields[name])
    field.queryset = rows
    field.empty_label = empty_label or field.empty_label


class CompanyForm(forms.ModelForm[Any]):
    """A form whose rows and choices stay inside one company. A row that is out of use is offered only where
    it is chosen already."""

    def __init__(self, *args: Any, company: Company, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.company = company
        self.instance.company = company
        for name, field in self.fields.items():
            if isinstance(field, forms.ModelChoiceField) and field.queryset is not None:
                own = field.queryset.filter(company=company)
                current = getattr(self.instance, f"{name}_id", None)
                rows_offer(self, name, (own.filter(is_active=True) | own.filter(pk=current)).order_by("name"))

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"]).strip()
        twins = type(self.instance).objects.filter(company=self.company, name=name)
        if twins.exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(f"Já existe um cadastro chamado {name}.")
        return name


def is_check(field: BoundField) -> bool:
    """Whether the label stands beside the control instead of above it."""
    return isinstance(field.field.widget, forms.CheckboxInput)


def is_group(field: BoundField) -> bool:
    """Whether the field is several controls under one legend."""
    return isinstance(field.field.widget, forms.RadioSelect | forms.CheckboxSelectMultiple)


def _control_class(widget: forms.Widget) -> str:
    if isinstance(widget, forms.CheckboxInput | forms.RadioSelect | forms.CheckboxSelectMultiple):
        return "form-check-input"
    return "form-select" if isinstance(widget, forms.Select) else "form-control"


def parsed(parse: Callable[[str], Parsed], typed: str) -> Parsed:
    """What a parser of `erp.brazil` makes of a typed number; its reason becomes the field's error."""
    try:
        return parse(typed)
    except DocumentInvalid as error:
        raise forms.ValidationError(str(error), code="invalid") from None


def city_code_clean(typed: str, state_code: str) -> str:
    """The IBGE code of a municipality of the UF, or an empty text when none was typed."""
    if not typed:
        return ""
    code = parsed(lambda text: city_code_parse(text, state_code), typed)
    if not city_code_is_known(code):
        raise forms.ValidationError("Nenhum município tem este código IBGE: confira os números.")
    return code


def code_choices(codes: Mapping[str, str], empty: str) -> list[tuple[str, str]]:
    """Choices of a fiscal code, each with its number in front; `empty` names having none."""
    return [("", empty), *((code, f"{code} – {text}") for code, text in codes.items())]


class MoneyField(forms.CharField):
    """Typed the Brazilian way (`1.234,56`), cleaned to integer centavos."""

    def prepare_value(self, value: object) -> object:
        return money_format(value).removeprefix("R$ ") if isinstance(value, int) else value

    def to_python(self, value: object) -> int | None:  # type: ignore[override]
        if isinstance(value, int) or value in self.empty_values:
            return cast("int | None", value or None)
        try:
            return money_parse(str(value))
        except MoneyError as error:
            raise forms.ValidationError(str(error), code=error.code) from None

    def has_changed(self, initial: object, data: object) -> bool:
        try:
            return bool(initial or 0) != bool(data) or (bool(data) and money_parse(str(data)) != initial)
        except MoneyError:
            return True
