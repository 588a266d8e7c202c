"""Forms of the first start, of the company's data and of its users."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator

from erp import channels
from erp.accounts.issuers import issuer_choices
from erp.accounts.models import Branch, Company, FiscalEnvironment, Role, Store, User
from erp.accounts.users import password_set
from erp.brazil.documents import STATES, cnpj_parse, postal_code_parse
from erp.brazil.fiscal import ORIGINS, cfop_parse, icms_code_check, icms_codes, state_registration_parse
from erp.web.forms import city_code_clean, code_choices, parsed
from erp.web.requests import id_of

STATE_CHOICES = [("", "Escolha"), *((code, f"{code} – {name}") for code, (_, name) in STATES.items())]


class CompanySetupForm(forms.ModelForm[Company]):
    state_code = forms.ChoiceField(label="UF", choices=STATE_CHOICES)
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
        return parsed(cnpj_parse, self.cleaned_data["tax_id"])


class CompanyDataForm(forms.ModelForm[Company]):
    """What a nota fiscal says of its issuer. Everything but the name may stay empty until a note is made."""

    state_code = forms.ChoiceField(label="UF", choices=STATE_CHOICES)
    state_registration = forms.CharField(
        label="Inscrição estadual (IE)", max_length=20, required=False, help_text="ISENTO se não houver."
    )
    postal_code = forms.CharField(label="CEP", max_length=10, required=False)
    intermediary_tax_id = forms.CharField(
        label="CNPJ do intermediador",
        max_length=18,
        required=False,
        help_text=channels.worded(
            "O CNPJ do marketplace ({channel}), que a nota cita nas vendas feitas por ele."
        ),
    )
    invoice_issuer = forms.ChoiceField(label="Emissão das notas")
    default_origin = forms.ChoiceField(label="Origem", required=False)
    default_icms_code = forms.ChoiceField(
        label="CST/CSOSN", required=False, help_text="CSOSN no Simples Nacional e no MEI, CST nos outros."
    )

    class Meta:
        model = Company
        fields = (
            "name",
            "trade_name",
            "state_registration",
            "tax_regime",
            "fiscal_environment",
            "postal_code",
            "street",
            "number",
            "complement",
            "district",
            "city",
            "state_code",
            "city_code",
            "invoice_issuer",
            "invoice_series",
            "intermediary_tax_id",
            "default_origin",
            "default_icms_code",
            "default_cfop",
            "default_cfop_interstate",
        )
        help_texts = {
            "city_code": "Vazio, é buscado pela cidade; preencha se não for encontrado.",
            "invoice_series": "De 0 a 889.",
            "default_cfop": "5102 na revenda, 5101 na produção própria.",
            "default_cfop_interstate": "A consumidor final: 6108 na revenda, 6107 na produção própria.",
        }

    def __init__(self, *args: Any, demo: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.demo = demo
        choices = {
            "invoice_issuer": issuer_choices(),
            "default_origin": code_choices(ORIGINS, "Escolha"),
            "default_icms_code": code_choices(icms_codes(""), "Escolha"),
        }
        for name, offered in choices.items():
            cast(forms.ChoiceField, self.fields[name]).choices = offered
        if self.instance.invoice_issuer not in dict(issuer_choices()):
            self.initial["invoice_issuer"] = issuer_choices()[0][0]

    def clean_fiscal_environment(self) -> str:
        environment = str(self.cleaned_data["fiscal_environment"])
        if self.demo and environment == FiscalEnvironment.PRODUCTION:
            raise forms.ValidationError("Na demonstração a empresa fica em homologação.")
        return environment

    def clean_state_registration(self) -> str:
        return _optional(state_registration_parse, self.cleaned_data["state_registration"])

    def clean_postal_code(self) -> str:
        return _optional(postal_code_parse, self.cleaned_data["postal_code"])

    def clean_intermediary_tax_id(self) -> str:
        return _optional(cnpj_parse, self.cleaned_data["intermediary_tax_id"])

    def clean_city_code(self) -> str:
        state_code = str(self.cleaned_data.get("state_code", ""))
        return city_code_clean(str(self.cleaned_data["city_code"]), state_code)

    def clean_invoice_series(self) -> int:
        series = int(self.cleaned_data["invoice_series"])
        if series >= 890:
            raise forms.ValidationError("A série vai de 0 a 889: as outras são de notas avulsas.")
        return series

    def clean_default_icms_code(self) -> str:
        code = str(self.cleaned_data["default_icms_code"])
        regime = str(self.cleaned_data.get("tax_regime", ""))
        return parsed(lambda typed: icms_code_check(typed, regime), code) if code else ""

    def clean_default_cfop(self) -> str:
        return _optional(lambda typed: cfop_parse(typed, "5"), self.cleaned_data["default_cfop"])

    def clean_default_cfop_interstate(self) -> str:
        return _optional(lambda typed: cfop_parse(typed, "6"), self.cleaned_data["default_cfop_interstate"])


class BranchForm(forms.ModelForm[Branch]):
    tax_id = forms.CharField(label="CNPJ", max_length=18)
    state_code = forms.ChoiceField(label="UF", choices=STATE_CHOICES)

    class Meta:
        model = Branch
        fields = ("name", "tax_id", "city", "state_code")

    def clean_tax_id(self) -> str:
        tax_id = parsed(cnpj_parse, self.cleaned_data["tax_id"])
        if Company.objects.filter(tax_id=tax_id).exists():
            raise forms.ValidationError("Este CNPJ já é de uma empresa cadastrada.")
        return tax_id


BranchFormSet = forms.inlineformset_factory(Company, Branch, form=BranchForm, extra=1, can_delete=False)


def _optional(parse: Callable[[str], str], typed: str) -> str:
    return parsed(parse, typed) if typed else ""


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


class PasswordForm(SetPasswordForm):  # type: ignore[type-arg]
    """The page of the password link: `save`, which Django's view calls, is the service."""

    def save(self, commit: bool = True) -> User:
        user: User = self.user
        password_set(user=user, password=self.cleaned_data["new_password1"])
        return user


class StoresField(forms.ModelMultipleChoiceField[Store]):
    """Refuses a key longer than any, which Django would hand to the database to choke on."""

    def clean(self, value: Any) -> Any:
        for text in value or ():
            if id_of(str(text)) is None:
                raise forms.ValidationError(
                    self.error_messages["invalid_choice"], "invalid_choice", {"value": text}
                )
        return super().clean(value)


class UserForm(forms.Form):
    """One user of the company."""

    first_name = forms.CharField(label="Nome", max_length=150)
    username = forms.CharField(
        label="Usuário",
        max_length=150,
        validators=[UnicodeUsernameValidator()],
        help_text="O nome com que a pessoa entra no sistema.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    email = forms.EmailField(
        label="E-mail",
        required=False,
        help_text="Administradores recebem nele os avisos sobre a autorização das lojas.",
    )
    role = forms.ChoiceField(
        label="Papel",
        choices=[
            (Role.ADMIN, "Administrador: tudo, com cadastros, integrações e usuários, em todas as lojas"),
            (Role.OPERATOR, "Operador: o trabalho do dia a dia nas lojas marcadas"),
            (Role.VIEWER, "Consulta: vê as lojas marcadas e não altera nada"),
        ],
        widget=forms.RadioSelect,
    )
    stores = StoresField(
        label="Lojas",
        queryset=Store.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Quem é administrador vê todas.",
    )
    is_active = forms.BooleanField(
        label="Pode entrar no sistema",
        required=False,
        help_text="Sem esta marca a pessoa sai no próximo clique; o que ela fez continua no histórico.",
    )

    def __init__(self, *args: Any, company: Company, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stores = cast(StoresField, self.fields["stores"])
        stores.queryset = company.stores.order_by("name")

    def clean_username(self) -> str:
        return str(User.normalize_username(self.cleaned_data["username"]))
