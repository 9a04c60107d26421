"""What leaves the page: a link, files, paper."""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import Image
from pypdf import PdfReader

from tests.browser.map_page import MapPage

Open = Callable[..., MapPage]
