"""Pairs that are drawn where not all are used: by the seed, from the whole file, answers in equal shares."""

from collections import Counter

from sparse_circuits.tasks.drawn import drawn
from sparse_circuits.tasks.pair import Pair

# A file in which the first pairs are all of one kind, as files of users are.
SORTED = [Pair(f"s{i}", "a", "b", [" is"], [" are"]) for i in range(60)] + [
    Pair(f"p{i}", "b", "a", [" are"], [" is"]) for i in range(20)
]


def test_pairs_are_drawn_from_the_whole_file_with_answers_in_equal_shares() -> None:
    for count in (8, 21, 40):
        shares = Counter(pair.answers[0] for pair in drawn(SORTED, count, 0))
        assert abs(shares[" is"] - shares[" are"]) <= 1
    assert Counter(pair.answers[0] for pair in drawn(SORTED, 70, 0)) == {" is": 50, " are": 20}, "all plurals are taken"
    assert len({pair.id for pair in drawn(SORTED, 40, 0)}) == 40
    assert max(int(pair.id[1:]) for pair in drawn(SORTED, 8, 0) if pair.id[0] == "s") > 8


def test_the_seed_decides_and_fewer_pairs_are_the_first_of_more() -> None:
    assert drawn(SORTED, 8, 0) == drawn(SORTED, 8, 0) == drawn(SORTED, 40, 0)[:8]
    assert drawn(SORTED, 8, 0) != drawn(SORTED, 8, 1)
    assert drawn(SORTED, None, 0) == SORTED
    assert len(drawn(SORTED, 1000, 0)) == 80


def test_pairs_with_answers_of_their_own_are_drawn_at_random() -> None:
    own = [Pair(f"{i}", "a", "b", [f" {i}"], [" x"]) for i in range(1000)]
    numbers = [int(pair.id) for pair in drawn(own, 100, 0)]
    assert 400 < sum(numbers) / 100 < 600
