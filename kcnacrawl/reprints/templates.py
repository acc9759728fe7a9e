"""Telling templates from stories by how they are built: what recurs with other names and figures is another story each
time. Judged is the text alone, so that two that are the same to the letter are judged alike.
"""

import re
from typing import Final, NamedTuple

from .text import Text

_LEAD: Final = 400
_LONGEST_MESSAGE: Final = {False: 300, True: 800}
_LONGEST: Final = {False: 3_000, True: 1_500}

# Who writes to whom, and that it is a letter, stand in the beginning of a short text.
_MESSAGE: Final = re.compile(
    r"(?:messages?|letters?|telegrams?|cables?|notes?) of (?:\w+ ){0,3}(?:greetings?|congratulations?|condolences?"
    r"|sympathy|thanks)"
    r"|(?:congratulatory|greetings?|condolence|sympathy|reply|thank.you) (?:messages?|letters?|telegrams?|cables?"
    r"|notes?)"
    r"|(?:message|telegram|letter)s? (?:congratulating|greeting|expressing)"
    r"|(?:greetings|congratulations|condolences) (?:\w+ ){0,2}to\b|(?:extend|offer|convey|express|send"
    r"|sent)\w* (?:\w+ ){0,4}"
    r"(?:greetings|congratulations|condolences)"
    r"|축전|축하 ?전문|축하 ?편지|축하 ?인사|축하의 인사|위문 ?전문|조의|조전|답전|회답 ?전문|감사 ?전문|년하장"
    r"|贺电|贺信|贺函|贺年卡|致电祝贺|唁电|慰问电|答谢电|复电|祝電|弔電|答電|慰問電|祝賀文"
    r"|(?:mensajes?|telegramas?|cartas?|notas?) de (?:\w+ ){0,3}(?:felicitaci|salutaci|congratulaci|condolencia"
    r"|pésame|agradecimi|saludo)"
    r"|felicitaciones a\b|(?:messages?|télégrammes?|lettres?) de (?:félicitation|condoléance|sympathie|remerciement"
    r"|réponse)"
    r"|поздравительн\w+ (?:телеграмм|послани|письм|открыт)|(?:телеграмм|послани)\w+ (?:с |со )?(?:соболезн|поздрав)"
    r"|ответн\w+ телеграмм"
)
_SENT: Final = re.compile(
    r"\b(?:sent|sends?|sending|received?|receives|from|to|extend|convey|address|reads?|follows)"
    r"|보내|보내여|받으|받았|드리|드렸|드린|致|收到|发|發|送|受け|\b(?:envi|recib|dirig|remiti|adress|reç|направ"
    r"|посла|присла|получ)"
)


class _Topic(NamedTuple):
    """Words of a form: so many different ones, of which one is a ``sign``, at least so dense."""

    sign: re.Pattern[str]
    words: re.Pattern[str]
    fewest: int
    density: float


_WEATHER: Final = _Topic(
    re.compile(
        r"weather|forecast|temperature|degrees|centigrade|celsius|°|날씨|기온|기상|예보|天气|天氣|气温|気温|天気|预报"
        r"|tiempo|temperatura|grados|pron[oó]stico|météo|погод|температур"
    ),
    re.compile(
        r"\b(?:weather|forecast|temperatures?|degrees?|celsius|cloud|rain|snow|sunny|clear|wind|humid|fog|precipit"
        r"|thunder|storm|overcast"
        r"|sk(?:y|ies)\b|shower|highs?\b|lows?\b|maximum|minimum|tiempo|temperatur|grados|lluvi|nubl|nube|viento"
        r"|soleado|despejad|pron[oó]stic|m[aá]xima"
        r"|m[ií]nima|humedad|niebla|precipita|chubasc|nieve|погод|градус|дожд|снег|облач|вет[ер]|ясн|прогноз|туман"
        r"|осадк)"
        r"|°|날씨|기온|최고|최저|흐리|흐림|개이|맑|비가|비는|눈이|바람|예견|예보|습도|안개|구름|소나기|기상"
        r"|天气|天氣|天気|气温|気温|最高|最低|多云|晴|阴|雨|雪|风|風|预报|湿度|雾"
    ),
    fewest=3,
    density=0.07,
)
_PRESS: Final = _Topic(
    re.compile(
        r"press review|review of the press|(?:news)?papers\b|dailies|신문 ?개관|신문들|报刊|报纸|各报|新聞概観|各紙"
        r"|revista de prensa|reseña de prensa|resumen de prensa|diarios|periódicos|revue de presse|обзор (?:печати"
        r"|прессы)|газет\w* обзор|газеты"
    ),
    re.compile(
        r"\b(?:press|(?:news)?papers?\b|dail(?:y|ies)\b|rodong sinmun|minju (?:joson|choson)|pyongyang (?:sinmun"
        r"|times)|chongnyon jonwi"
        r"|editorial|commentar|articles?\b|carr(?:y|ies|ied)|dedicat|entitled|titled|headlined|page\b|column|prensa"
        r"|diarios?\b|periódicos?"
        r"|artículos?|publica|inserta|titulad|editoriales|comentario|presse|газет|стать|передов|опублик|печат)"
        r"|신문|로동신문|민주조선|청년전위|사설|론설|론평|기사|글을|실었|실렸|싣|게재|편집"
        r"|报刊|报纸|劳动新闻|民主朝鲜|青年前卫|社论|评论|文章|刊登|刊载|发表|労働新聞|民主朝鮮|社説|論説|記事"
    ),
    fewest=3,
    density=0.06,
)
# A programme, a table, a list of results.
_FIGURES: Final = re.compile(r"\d+")
_FEWEST_FIGURES: Final = 12
_FIGURES_DENSITY: Final = 0.3


def is_template(text: Text) -> bool:
    """Return True for greetings and telegrams, weather, reviews of the press, programmes and tables."""
    if len(text.body) > _LONGEST[text.is_glued]:
        return False
    folded = text.body.casefold()
    return _is_message(text, folded) or _is_about(_WEATHER, folded) or _is_about(_PRESS, folded) or _is_table(folded)


def _is_message(text: Text, folded: str) -> bool:
    lead = folded[:_LEAD]
    is_short = len(text.units) <= _LONGEST_MESSAGE[text.is_glued]
    return is_short and all(one.search(lead) for one in (_MESSAGE, _SENT))


def _is_about(topic: _Topic, folded: str) -> bool:
    if not topic.sign.search(folded[:_LEAD]):
        return False
    found = topic.words.findall(folded)
    return len(set(found)) >= topic.fewest and len(found) >= topic.density * _words(folded)


def _is_table(folded: str) -> bool:
    found = len(_FIGURES.findall(folded))
    return found >= _FEWEST_FIGURES and found >= _FIGURES_DENSITY * max(_words(folded), len(folded) // 4)


def _words(folded: str) -> int:
    """Return how many words a text has; of Chinese and Japanese, which do not part them, about as many."""
    return max(folded.count(" ") + folded.count("\n") + 1, len(folded) // 8)
