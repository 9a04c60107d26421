"""Documents as DOCX and as HTML."""

from __future__ import annotations

import base64
import io
from functools import lru_cache
from pathlib import Path
from typing import Any

from docx import Document as new_document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt
from jinja2 import Environment, FileSystemLoader

from gis_service.reports.document import Cell, Document, Line, Section, cell

TEMPLATES = Path(__file__).parent / "templates"
LATIN, HAN = "Times New Roman", "Noto Sans CJK SC"
WIDTH = Cm(14.0)
LINK = "1558B0"


def as_docx(document: Document, origin: str) -> bytes:
    """A Word document on A4; links lead to ``origin`` (scheme and host) of this service."""
    book = new_document()
    page = book.sections[0]
    page.page_width, page.page_height = Cm(21.0), Cm(29.7)
    page.left_margin = page.right_margin = Cm(2.5)
    page.top_margin = page.bottom_margin = Cm(2.2)
    _fonts(book)
    title = book.add_heading(document.title, 0)
    title.alignment = WD_ALIGN_PARAGRAPH.CENTER
    for note in document.notes:
        paragraph = book.add_paragraph(note)
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    for section in document.sections:
        _section(book, section, origin)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _fonts(book: Any) -> None:
    """One family for Chinese in every style: Word keeps it apart from the Latin one."""
    for style in book.styles:
        fonts = getattr(style, "font", None)
        if fonts is None or (style.element.rPr is None and style.name != "Normal"):
            continue
        fonts.name = LATIN
        style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), HAN)
    book.styles["Normal"].font.size = Pt(11)


def _section(book: Any, section: Section, origin: str) -> None:
    book.add_heading(section.title, 1)
    for line in section.lines:
        _line(book.add_paragraph(), line, origin)
    for picture in section.pictures:
        book.add_picture(io.BytesIO(picture.png), width=WIDTH)
        book.paragraphs[-1].alignment = WD_ALIGN_PARAGRAPH.CENTER
        book.paragraphs[-1].paragraph_format.keep_with_next = True
        for line in filter(None, (picture.caption, picture.numbers)):
            below = book.add_paragraph()
            below.alignment = WD_ALIGN_PARAGRAPH.CENTER
            _line(below, line, origin, Pt(9))
    for table in section.tables:
        heading = book.add_paragraph()
        heading.add_run(table.title).bold = True
        heading.paragraph_format.keep_with_next = True
        grid = book.add_table(rows=1, cols=len(table.head))
        grid.style = "Table Grid"
        for place, words in zip(grid.rows[0].cells, table.head, strict=True):
            run = place.paragraphs[0].add_run(words)
            run.bold, run.font.size = True, Pt(9.5)
        # the head stands again on every page that the table reaches, and no row is cut in two
        _mark(grid.rows[0], "w:tblHeader")
        for row in table.rows:
            added = grid.add_row()
            _mark(added, "w:cantSplit")
            for place, value in zip(added.cells, row, strict=True):
                _line(place.paragraphs[0], [value], origin, Pt(9.5))
        book.add_paragraph()


def _mark(row: Any, name: str) -> None:
    mark = OxmlElement(name)
    mark.set(qn("w:val"), "true")
    row._tr.get_or_add_trPr().append(mark)


def _line(paragraph: Any, line: Line, origin: str, size: Any = None) -> None:
    for part in map(cell, line):
        run = _link(paragraph, part, origin) if part.href else paragraph.add_run(part.text)
        if size is not None:
            run.font.size = size


def _link(paragraph: Any, part: Cell, origin: str) -> Any:
    number = paragraph.part.relate_to(
        f"{origin}{part.href}", RELATIONSHIP_TYPE.HYPERLINK, is_external=True
    )
    link = OxmlElement("w:hyperlink")
    link.set(qn("r:id"), number)
    run = paragraph.add_run(part.text)
    colour = OxmlElement("w:color")
    colour.set(qn("w:val"), LINK)
    run._r.get_or_add_rPr().append(colour)
    run.font.underline = True
    link.append(run._r)
    paragraph._p.append(link)
    return run


@lru_cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )


def as_html(document: Document, other: str, docx: str) -> str:
    """A page; ``other`` is its address in the other language, ``docx`` the document's."""
    return _environment().get_template("review.html").render(
        document=document, cell=cell, other=other, docx=docx,
        data=lambda png: base64.b64encode(png).decode(),
    )  # fmt: skip
