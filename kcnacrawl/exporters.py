"""Scrapy's XML feed, which any reader of XML takes."""

import re
from collections.abc import Mapping
from typing import Any, Final

from scrapy import Field
from scrapy.exporters import XmlItemExporter

# All but the characters of XML 1.0, section 2.2.
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class XmlExporter(XmlItemExporter):
    """Puts the replacement character in the place of those that XML forbids, even as references."""

    def serialize_field(self, field: Mapping[str, Any] | Field, name: str, value: Any) -> Any:
        return _allowed(super().serialize_field(field, name, value))


def _allowed(value: Any) -> Any:
    if isinstance(value, str):
        return _FORBIDDEN.sub("\ufffd", value)
    return [_allowed(one) for one in value] if isinstance(value, list | tuple) else value
