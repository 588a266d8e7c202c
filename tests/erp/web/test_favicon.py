"""What a browser asks for beside a tab that shows a file."""

from __future__ import annotations

import pytest
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.test import Client


@pytest.mark.django_db
def test_the_icon_of_a_tab_with_a_file_is_found(client: Client) -> None:
    answer = client.get("/favicon.ico")
    assert answer.status_code == 302
    assert answer["Location"] == static("img/favicon.svg")
    assert finders.find("img/favicon.svg")
