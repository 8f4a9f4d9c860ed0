"""Settings of a ConfigDict by name: in full, "train.steps", or by the last word."""

from collections.abc import Collection, Mapping

from ml_collections import ConfigDict

from attnlab.parsing import near


def all_values(config: ConfigDict, prefix: str = "") -> dict[str, object]:
    """The settings of a configuration.

    Args:
      config: all settings, in sections.
      prefix: put before each name.

    Returns:
      Their values by their names in full, "train.steps", in order.
    """
    values: dict[str, object] = {}
    for key, value in config.items():
        if isinstance(value, ConfigDict):
            values |= all_values(value, f"{prefix}{key}.")
        else:
            values[prefix + key] = value
    return values


def full_names(
    names: Collection[str], values: Mapping[str, object]
) -> dict[str, object]:
    """Values by the full names of their settings.

    Args:
      names: of all settings, in full.
      values: by names in full, or by last words ("window") where those are unique.

    Returns:
      The same values, in the same order.

    Raises:
      ValueError: for a word that several settings end with, for an unknown name, and
        for a setting that is given twice.
    """
    full: dict[str, object] = {}
    for name, value in values.items():
        setting = _full_name(names, name)
        if setting in full:
            raise ValueError(f"setting {setting!r} is given twice")
        full[setting] = value
    return full


def _full_name(names: Collection[str], name: str) -> str:
    # Full names first: "seed" is one, whatever ends in it elsewhere.
    if name in names:
        return name
    matches = [full for full in names if full.rsplit(".", 1)[-1] == name]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise ValueError(f"setting {name!r} is ambiguous; choose {', '.join(matches)}")
    words = {full.rsplit(".", 1)[-1] for full in names} | set(names)
    hint = near(name, [*words])
    raise ValueError(f"unknown setting {name!r}{hint}")


def _unknown(config: ConfigDict, name: str) -> str:
    return f"unknown setting {name!r}{near(name, [*all_values(config)])}"


def set_value(config: ConfigDict, name: str, value: object) -> None:
    """Change a setting in place.

    Args:
      config: all settings.
      name: of one of them, in full.
      value: of the type that the setting has.

    Raises:
      ValueError: for an unknown setting, and a value of another type.
    """
    *sections, leaf = name.split(".")
    section = config
    for part in sections:
        section = section.get(part)
        if not isinstance(section, ConfigDict):
            raise ValueError(_unknown(config, name))
    if leaf not in section or isinstance(section[leaf], ConfigDict):
        raise ValueError(_unknown(config, name))
    try:
        section[leaf] = value
    except (OverflowError, TypeError) as error:
        reason = " ".join(str(error).split())  # ml_collections' have several lines
        raise ValueError(f"setting {name!r}: {reason}") from None
