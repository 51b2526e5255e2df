"""Numbers in sentences."""


def count(number: int, noun: str) -> str:
    """Return how many of something there are, such as `1 edge` and `2,000 edges`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
