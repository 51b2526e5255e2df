"""English word lists for agreement tasks. No noun or verb stands in both splits."""

from dataclasses import dataclass

Forms = tuple[str, str]  # singular, plural


@dataclass(frozen=True)
class Words:
    """What one split may use; verbs are (third person singular, plural)."""

    people: tuple[Forms, ...]
    things: tuple[Forms, ...]
    verbs: tuple[Forms, ...]


def _nouns(text: str) -> tuple[Forms, ...]:
    """`key box/boxes` -> (("key", "keys"), ("box", "boxes"))."""
    pairs = (word.split("/") if "/" in word else (word, word + "s") for word in text.split())
    return tuple((singular, plural) for singular, plural in pairs)


def _verbs(text: str) -> tuple[Forms, ...]:
    pairs = (word.split("/") if "/" in word else (word + "s", word) for word in text.split())
    return tuple((singular, plural) for singular, plural in pairs)


TRAIN = Words(
    people=_nouns(
        "author teacher doctor lawyer senator manager student writer soldier parent neighbor king player worker "
        "scientist judge pilot engineer poet visitor owner boy friend brother guest"
    ),
    things=_nouns(
        "key table book car tree letter box/boxes chair phone ship train bridge garden road computer ring plate "
        "flower dog horse machine wall shop hill island"
    ),
    verbs=_verbs("like see know help follow need call remember"),
)
TEST = Words(
    people=_nouns(
        "guard farmer officer actor driver artist customer queen singer leader expert nurse priest tourist girl "
        "uncle sister hunter dancer coach/coaches"
    ),
    things=_nouns(
        "cabinet house door window picture cup lamp bag boat truck building river stone clock coin bottle shirt cat "
        "bird tower"
    ),
    verbs=_verbs("love want meet watches/watch trust avoid hear support"),
)

DETERMINERS = ("The", "My", "Your", "Our", "Their", "His", "Her", "Its")
PREPOSITIONS = ("behind", "near", "beside", "above", "below", "with", "from", "under")

# Third person singular and plural of verbs that follow any subject.
SINGULAR_ANSWERS = (" is", " was", " has")
PLURAL_ANSWERS = (" are", " were", " have")
