"""Parts of a workbook that openpyxl would lose: it reads a part of Excel's features, and saves only what it has read.

Everything except parts that are known to be kept is refused, so that a future kind of content is refused too.
"""

import io
import re
import zipfile
from collections.abc import Iterator

from strava_pipeline.ingest.spreadsheet.workbook import rows_at_end

_KEPT = re.compile(
    r"\[Content_Types\]\.xml|(?:.*/)?_rels/[^/]*\.rels|docProps/(?:app|core|custom)\.xml"
    r"|xl/(?:workbook|styles|sharedStrings)\.xml|xl/theme/theme\d*\.xml|xl/worksheets/sheet\d*\.xml|xl/tables/table\d*\.xml"
    r"|xl/comments\d*\.xml|xl/comments/comment\d*\.xml|xl/drawings/(?:vmlDrawing|commentsDrawing|legacyDrawing)\d*\.vml"
)
_NEEDLESS = re.compile(r"xl/calcChain\.xml|xl/printerSettings/.*|docProps/thumbnail\..*|xl/persons/.*|.*/")
"""Parts that the next saving program makes again: of a printer, a picture for the folder, authors' ids, or a folder."""
_EMPTY_DRAWING = re.compile(rb"(?:<\?xml[^>]*\?>)?\s*<(?:\w+:)?wsDr\b[^>]*(?:/>|>\s*</(?:\w+:)?wsDr>)\s*")
"""LibreOffice's addition to a sheet with comments, which is empty."""
_SHEET_WORDS = """
    sheetPr dimension sheetViews sheetFormatPr cols sheetProtection scenarios autoFilter mergeCells conditionalFormatting
    dataValidations hyperlinks printOptions pageMargins pageSetup headerFooter rowBreaks colBreaks legacyDrawing tableParts
    ignoredErrors phoneticPr sheetCalcPr drawing
"""
_SHEET_KEPT = frozenset(_SHEET_WORDS.split())
"""Elements of a sheet that are kept, or that only hide green corners and say how kana are shown. A drawing is a part of
its own, and judged as such.
"""
_MOST_FORMATTED = 100_000  # rows and cells below the last content: openpyxl takes seconds and 100 MB for them


def would_be_lost(body: bytes) -> list[str]:
    """The parts of a workbook that would be lost, in words, each once."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return list(dict.fromkeys([*_lost_parts(parts), *_lost_content(parts)]))


def formatted_rows(body: bytes) -> str | None:
    """A sentence about a sheet with very many rows that are only formatted, or None."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                tail = rows_at_end(archive.read(name))
                count = len(re.findall(rb"<(?:\w+:)?(?:row|c)\b", tail))
                if count > _MOST_FORMATTED:
                    return f"has {count:,} formatted but empty rows and cells below its last row. Delete these rows"
    return None


def _lost_parts(parts: dict[str, bytes]) -> Iterator[str]:
    for name, content in parts.items():
        if name.startswith("xl/drawings/") and _EMPTY_DRAWING.fullmatch(content):
            continue
        if not (_KEPT.fullmatch(name) or _NEEDLESS.fullmatch(name)):
            yield name.removeprefix("xl/").partition("/")[0]  # such as charts, pivotTables, media, vbaProject.bin


def _lost_content(parts: dict[str, bytes]) -> Iterator[str]:
    for name, content in parts.items():
        if re.fullmatch(r"xl/worksheets/sheet\d*\.xml", name):
            yield from _lost_of_sheet(content)
        elif name == "xl/sharedStrings.xml" and b"<rPh" in content:
            yield "readings above Japanese text"
        elif name == "xl/workbook.xml" and b"<fileSharing" in content:
            yield "a recommendation to open it read-only"
        elif name.endswith(".vml") and b'ObjectType="' in content.replace(b'ObjectType="Note"', b""):
            yield "buttons or other controls"
        elif name.startswith("xl/tables/") and b"<extLst" in content:
            yield "descriptions of tables"


def _lost_of_sheet(content: bytes) -> Iterator[str]:
    begin, end = content.find(b"sheetData"), content.rfind(b"sheetData")
    around = content[: max(begin, 0)] + b" " + content[max(end, 0) :]
    if b"extLst" in around:
        yield "sparklines, or rules of newer versions of Excel"
    depth = 0
    for closing, raw, empty in re.findall(rb"<(/?)(?:\w+:)?(\w+)\b[^<>]*?(/?)>", around):
        tag = raw.decode()
        if tag in ("worksheet", "sheetData"):
            continue
        if not closing and depth == 0 and tag not in _SHEET_KEPT:
            yield tag
        depth += 0 if empty else -1 if closing else 1
