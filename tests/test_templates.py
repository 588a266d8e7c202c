"""Templates that can be read: `make lint` runs djlint's rules, which know no bound of a line."""

from __future__ import annotations

from django.conf import settings

FOLDERS = ("templates", "kwai_sandbox/templates")
LONGEST = 120


def test_no_line_of_a_template_is_longer_than_a_screen() -> None:
    files = [path for folder in FOLDERS for path in (settings.BASE_DIR / folder).rglob("*.html")]
    too_long = {
        f"{path.relative_to(settings.BASE_DIR)}:{number}": len(line)
        for path in files
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if len(line) > LONGEST
    }
    assert len(files) > 100
    assert too_long == {}
