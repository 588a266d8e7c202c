"""Write the icon sprite from an unpacked @tabler/icons package.

Usage: python scripts/icons.py FOLDER, where FOLDER is what `npm pack @tabler/icons` unpacks to.
Only the icons named here are kept; `{% icon "name" %}` shows one. To add an icon, add its name and run again.
"""

import re
import sys
from pathlib import Path

ICONS = """
adjustments alert-circle alert-triangle archive arrow-back-up arrow-down arrow-left arrow-right
arrow-up ban barcode bell bolt box briefcase building building-store calendar cash check checkbox
checklist chevron-down chevron-left chevron-right chevron-up circle-check circle-x clipboard
clipboard-check clock cloud-download cloud-upload copy credit-card database dots dots-vertical
download edit external-link eye eye-off file-code file-invoice file-spreadsheet file-text filter
flag folder hand-stop help-circle history home hourglass inbox info-circle key link list list-check
lock login logout mail map-pin menu-2 message minus notes package package-export package-import
packages paperclip percentage photo player-pause player-play plug plug-connected plug-x plus printer
qrcode receipt receipt-refund refresh rotate scan search send settings shield-check shopping-bag
shopping-cart stack-2 tag tags tool trash truck truck-delivery truck-return unlink upload user
user-circle users wallet webhook world x
""".split()  # noqa: SIM905
SPRITE = Path(__file__).resolve().parent.parent / "static/vendor/tabler-icons/icons.svg"
SYMBOL = (
    '<symbol id="{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor"'
    ' stroke-linecap="round" stroke-linejoin="round">{paths}</symbol>'
)


def symbol(folder: Path, name: str) -> str:
    """The drawing of one icon without its frame and without the invisible box every Tabler icon carries."""
    drawing = (folder / "icons/outline" / f"{name}.svg").read_text()
    paths = re.sub(r"\s*\n\s*", "", drawing.partition(">")[2].rpartition("</svg>")[0])
    return SYMBOL.format(name=name, paths=re.sub(r'<path stroke="none"[^>]*/>', "", paths))


def main(folder: Path) -> None:
    symbols = "\n".join(symbol(folder, name) for name in ICONS)
    SPRITE.write_text(f'<svg xmlns="http://www.w3.org/2000/svg">\n{symbols}\n</svg>\n')
    sys.stdout.write(f"{len(ICONS)} icons, {SPRITE.stat().st_size} bytes\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
