"""Who signs in, read together with their company, which every page asks for."""

from __future__ import annotations

from django.contrib.auth.backends import ModelBackend

from erp.accounts.models import User


class CompanyBackend(ModelBackend):
    def get_user(self, user_id: int) -> User | None:
        user = User.objects.select_related("company").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None


# As the settings name it, for who is signed in without being asked for a password.
BACKEND = f"{CompanyBackend.__module__}.{CompanyBackend.__qualname__}"
