"""Forms of the first start."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password

from erp.accounts.models import Company, FiscalEnvironment, User
from erp.documents import STATES, DocumentInvalid, cnpj_parse


class CompanySetupForm(forms.ModelForm[Company]):
    state_code = forms.ChoiceField(
        label="UF",
        choices=[("", "Escolha"), *((code, f"{code} – {name}") for code, (_, name) in STATES.items())],
    )
    tax_id = forms.CharField(label="CNPJ", max_length=18, help_text="Com ou sem pontuação.")
    fiscal_environment = forms.ChoiceField(
        label="Ambiente das notas fiscais",
        choices=FiscalEnvironment.choices,
        initial=FiscalEnvironment.PRODUCTION,
        help_text="Em homologação as notas não têm valor fiscal.",
    )

    class Meta:
        model = Company
        fields = ("name", "trade_name", "tax_id", "state_code", "city", "fiscal_environment")

    def clean_tax_id(self) -> str:
        try:
            return cnpj_parse(self.cleaned_data["tax_id"])
        except DocumentInvalid as error:
            raise forms.ValidationError(str(error), code="invalid") from None


class AdministratorForm(forms.ModelForm[User]):
    email = forms.EmailField(label="E-mail")
    password = forms.CharField(
        label="Senha",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Pelo menos 10 caracteres, diferente do usuário e que não seja uma senha comum.",
    )
    repeated = forms.CharField(
        label="Repita a senha",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    class Meta:
        model = User
        fields = ("username", "email")
        help_texts = {"username": "O nome com que você entra no sistema."}
        widgets = {"username": forms.TextInput(attrs={"autocomplete": "username"})}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        password = data.get("password", "")
        if password and data.get("repeated") and password != data["repeated"]:
            self.add_error("repeated", "As senhas são diferentes: digite a mesma nos dois campos.")
        if password:
            self._validate_password(password, data)
        return data

    def _validate_password(self, password: str, data: dict[str, Any]) -> None:
        user = User(username=data.get("username", ""), email=data.get("email", ""))
        try:
            validate_password(password, user)
        except forms.ValidationError as error:
            self.add_error("password", error)
