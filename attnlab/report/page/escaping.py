"""JSON that may stand in a script."""

import json


def embedded(value: object) -> str:
    """JSON that neither ends the script around it nor breaks a line of it.

    Args:
      value: of JSON's own types.

    Returns:
      JSON without "<" and line separators.

    Raises:
      ValueError: for a number that is not finite.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # "</script>" ends a script wherever it stands; the others are ends of lines
    # to older JavaScript.
    for letter in "<\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text
