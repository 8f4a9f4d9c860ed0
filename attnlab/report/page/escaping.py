"""JSON that may stand in a script."""

import json
from typing import Any


def embedded(value: Any) -> str:
    """JSON that neither ends the script around it nor breaks a line of it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for letter in "<\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text
