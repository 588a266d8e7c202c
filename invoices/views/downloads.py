"""Files that came from outside, handed out so that no browser ever opens them as a page of ours."""

from __future__ import annotations

from django.http import HttpResponse


def file_response(content: bytes, *, name: str, content_type: str) -> HttpResponse:
    """`content` as an attachment called `name`, which is ours and never the sender's."""
    return HttpResponse(
        content,
        content_type=content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cache-Control": "private, no-store",
        },
    )
