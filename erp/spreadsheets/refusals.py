"""Why a spreadsheet as a whole is not read."""

from __future__ import annotations

from erp.refusals import Refusal, RefusedError


class SpreadsheetRefused(RefusedError):
    """The file is not read, or not to its end."""


TOO_LARGE = Refusal(
    "spreadsheet.too_large",
    "A planilha passa de {most} MB. Divida-a em partes menores.",
    "The spreadsheet is larger than {most} MB. Split it.",
)
TOO_MANY_ROWS = Refusal(
    "spreadsheet.too_many_rows",
    "A planilha passa de {most} linhas. Divida-a em partes menores.",
    "The spreadsheet has more than {most} rows. Split it.",
)
UNREADABLE = Refusal(
    "spreadsheet.unreadable",
    "O texto não pôde ser separado em colunas. Confira as aspas e os separadores.",
    "The text cannot be parted into columns. Check quotes and delimiters.",
)
OTHER_FORMAT = Refusal(
    "spreadsheet.other_format",
    "O arquivo não é CSV nem XLSX. Salve a planilha como CSV ou XLSX e envie de novo.",
    "The file is neither CSV nor XLSX. Save the spreadsheet as one of them.",
)
OLD_OR_PASSWORD = Refusal(
    "spreadsheet.old_or_password",
    "A planilha está no formato XLS antigo ou protegida por senha. Salve-a sem senha, como XLSX ou CSV.",
    "The spreadsheet is an old XLS or protected by a password. Save it without one, as XLSX or CSV.",
)
MACROS = Refusal(
    "spreadsheet.macros",
    "A planilha contém macros. Salve-a como XLSX, sem macros, e envie de novo.",
    "The spreadsheet holds macros. Save it as XLSX, without them.",
)
BROKEN = Refusal(
    "spreadsheet.broken",
    "A planilha está danificada ou incompleta. Salve-a de novo e envie outra vez.",
    "The spreadsheet is damaged or incomplete. Save it again.",
)
BOMB = Refusal(
    "spreadsheet.bomb",
    "A planilha ocupa demais depois de aberta. Copie só os dados para uma planilha nova e envie-a.",
    "The spreadsheet takes too much room once opened. Copy its data alone into a new one.",
)
