"""How forms look: Tabler fields with label, help and error, for every form of the product."""

from __future__ import annotations

from typing import cast

from django import forms
from django.forms.boundfield import BoundField
from django.forms.renderers import TemplatesSetting
from django.utils.safestring import SafeString

from erp.money import MoneyError, money_format, money_parse


class TablerRenderer(TemplatesSetting):
    """Named by `FORM_RENDERER`; needs `django.forms` among the installed apps."""

    form_template_name = "components/form.html"
    field_template_name = "components/field.html"
    formset_template_name = "components/formset.html"


def widget_render(field: BoundField) -> SafeString:
    """The field's control with the class Tabler wants for its kind, marked when it holds an error."""
    widget = field.field.widget
    classes = [str(widget.attrs.get("class", "")), _control_class(widget)]
    if field.errors:
        classes.append("is-invalid")
    return field.as_widget(attrs={"class": " ".join(filter(None, classes))})


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
