"""Situations with the colour their badge has."""

from __future__ import annotations

from typing import Self

from django.db import models


class ColouredChoices(models.TextChoices):
    """Members are `value, colour, label` or, with an icon, `value, colour, icon, label`.

    The colour is one of Tabler's names, grey where a member has none.
    """

    colour: str
    icon: str

    def __new__(cls, value: str, colour: str = "secondary", icon: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.colour, member.icon = colour, icon
        return member
