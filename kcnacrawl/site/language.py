"""Telling the language of a text by its script and a few stop words: enough for the languages state media use."""

import re
from collections import Counter
from typing import Final

_SCRIPTS: Final = {
    "ko": re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]+"),
    "ja": re.compile(r"[\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff]+"),
    "zh": re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+"),
    "ru": re.compile(r"[\u0400-\u04ff]+"),
    "ar": re.compile(r"[\u0600-\u06ff]+"),
    "latin": re.compile(r"[\u00c0-\u024f]+"),
}
_STOP_WORDS: Final = {
    "en": frozenset("the of and to in for on at by with that is was he his are as from it".split()),
    "es": frozenset("el la los las de del y en que por para con una un se su al es".split()),
    "fr": frozenset("le la les des du de et en que pour avec une un dans est au aux sur".split()),
    "de": frozenset("der die das und in den von zu mit dem des ein eine ist für auf im nicht".split()),
}
# A syllable or an ideograph stands for some letters of an alphabet.
_WEIGHT: Final = {"ko": 2, "ja": 2, "zh": 2}
_SAMPLE: Final = 2_000
_BEYOND_ASCII: Final = re.compile(r"[^\x00-\x7f]+")
_ASCII_LETTERS: Final = re.compile(r"[A-Za-z]+")
_WORD: Final = re.compile(r"[^\W\d_]+")


def detect(headline: str, body: str) -> str | None:
    """Return an ISO 639-1 code, or ``None`` if there are no letters to go by."""
    sample = f"{headline}\n{body[:_SAMPLE]}"
    if sample.isascii():
        return _latin(sample) if _ASCII_LETTERS.search(sample) else None
    beyond_ascii = "".join(_BEYOND_ASCII.findall(sample))
    counts = {name: _WEIGHT.get(name, 1) * _count(pattern, beyond_ascii) for name, pattern in _SCRIPTS.items()}
    counts["latin"] += _count(_ASCII_LETTERS, sample)
    # Japanese is written with ideographs as well; Chinese never with kana.
    if counts["ja"]:
        counts["ja"] += counts["zh"]
    script = max(counts, key=lambda name: counts[name])
    if not counts[script]:
        return None
    return _latin(sample) if script == "latin" else script


def _count(letters: re.Pattern[str], text: str) -> int:
    """Return how many characters of a text are in runs of letters."""
    return sum(map(len, letters.findall(text)))


def _latin(sample: str) -> str | None:
    words = _WORD.findall(sample.lower())
    often = Counter(words)
    hits = {name: sum(often[word] for word in stop & often.keys()) for name, stop in _STOP_WORDS.items()}
    best = max(hits, key=lambda name: hits[name])
    # A short title may have no stop word; the languages other than English rarely do without accents.
    return best if hits[best] else ("en" if all(map(str.isascii, words)) else None)
