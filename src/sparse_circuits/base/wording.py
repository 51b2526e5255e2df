"""Numbers in sentences and in files."""

DIGITS = 4  # significant ones


def count(number: int, noun: str) -> str:
    """Return how many of something there are, such as `1 edge` and `2,000 edges`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def rounded(value: float) -> float:
    """Return a number with four significant digits."""
    return float(f"{float(value):.{DIGITS}g}")
