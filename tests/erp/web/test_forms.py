from __future__ import annotations

from django import forms
from django.test import SimpleTestCase

from erp.stock.models import Warehouse


class MethodForm(forms.Form):
    name = forms.CharField(label="Nome", help_text="Como <b>aparece</b>.")
    kind = forms.ChoiceField(label="Tipo", choices=[("a", "Correios")])
    active = forms.BooleanField(label="Ativa", required=False)
    paper = forms.ChoiceField(label="Papel", choices=[("p", "PDF"), ("z", "ZPL")], widget=forms.RadioSelect)


class TestTablerRenderer(SimpleTestCase):
    def test_controls_have_the_class_of_their_kind(self) -> None:
        html = str(MethodForm())
        assert 'class="form-control"' in html
        assert 'class="form-select"' in html
        assert html.count('class="form-check-input"') == 3

    def test_an_error_stands_by_its_field_and_is_announced(self) -> None:
        html = str(MethodForm({"kind": "a", "paper": "p"}))
        assert 'class="form-control is-invalid"' in html
        assert 'aria-invalid="true"' in html
        assert "Este campo é obrigatório." in html

    def test_no_choice_is_said_in_words(self) -> None:
        for required, words in ((True, "escolha"), (False, "—")):
            form = forms.Form()
            form.fields["kind"] = forms.ModelChoiceField(Warehouse.objects.none(), required=required)
            assert f'<option value="" selected>{words}</option>' in str(form)

    def test_help_text_is_escaped_and_tied_to_its_field(self) -> None:
        html = str(MethodForm())
        assert "&lt;b&gt;aparece" in html
        assert 'aria-describedby="id_name_helptext"' in html
        assert 'id="id_name_helptext"' in html

    def test_every_label_points_to_its_control(self) -> None:
        html = str(MethodForm())
        assert 'for="id_name"' in html
        assert 'id="id_name"' in html
        assert "<legend" in html
