"""Names that Korean and other languages have in common: whose they are by rule, and those that no rule gives.

Of the leadership, provinces and cities only the Korean is listed: :mod:`.romanisation` has the Latin. Foreign
countries, ministries and the like are called otherwise in each language.
"""

import re
from collections.abc import Iterator
from typing import Final

from .romanisation import romanise, skeleton

SURNAMES: Final = frozenset(
    "강 고 곽 구 권 기 길 김 남 노 도 동 량 려 렴 로 류 리 림 마 맹 명 모 문 민 박 반 방 배 백 변 봉 서 석 선 설 성 소"
    " 손 송 승 신 심 안 양 엄 여 연 염 오 옥 왕 우 원 위 유 윤 임 장 전 정 제 조 주 지 진 차 채 천 최 추 태 피 하 한 함"
    " 허 현 홍 황".split()
)

# In nearly every article: they tell two stories from each other hardly more than a word does.
_EVERYWHERE: Final = "김정은 김정일 김일성 김정숙 평양 조선 로동당 로동신문 주체 백두 만경대"
_LEADERSHIP: Final = (
    "최룡해 조용원 김덕훈 리병철 박정천 김여정 최선희 리일환 김재룡 전현철 박태성 오수용 정경택 리영길 강순남 김성남"
    " 주창일 김영철 리선권 박명순 김조국 리히용 오일정 김형식 로광철 조춘룡 박명수 리철만 김영남 박봉주 리수용 리용호"
    " 김영춘 김기남 최태복 강석주 김양건 황병서 박도춘 리명수 김수길 태형철 박광호 최부일 정영국"
)
_PLACES: Final = (
    "평안 황해 자강 강원 함경 량강 라선 남포 개성 신의주 사리원 해주 원산 함흥 청진 혜산 강계 평성 안주 순천 덕천 개천"
    " 구성 정주 희천 만포 신포 단천 문천 김책 회령 송림 삼지연 판문점 금강산 백두산 묘향산 칠보산 대동강 압록강 두만강"
    " 청천강 순안 서성 모란봉 보통강 룡성 력포 락랑 사동 형제산 강남 강동 상원 황주 재령 연탄 신천 안악 은률"
    " 연안 배천 옹진 벽성 룡연 온천 증산 천리마 룡강 숙천 문덕 녕변 운산 태천 박천 곽산 선천 철산 염주 룡천"
    " 의주 삭주 창성 벽동 초산 고풍 우시 전천 성간 자성 중강 화평 랑림 룡림 동신 송원 함주 정평 금야 고원 수동"
    " 부전 장진 신흥 락원 홍원 북청 덕성 리원 허천 김정숙 삼수 갑산 풍서 김형직 김형권 운흥 보천 백암 대홍단 길주"
    " 명천 화성 명간 어랑 경성 부령 무산 연사 온성 경원 경흥 화대 안변 고산 통천 회양 창도 김화 철원 평강 세포 이천"
    " 판교 법동 천내 곡산 신계 수안 연산 봉산 은파 린산 서흥 평산 금천 토산 장풍 희천 회창 양덕 맹산 녕원 신양 성천"
    " 평원 증산 북창 은산 대흥 검덕 룡양 무산 황해제철 흥남 순천 상원 중평 련포 강동 온포 마식령 갈마 명사십리"
)

# Korean = English = Spanish; a form is one word or two, several are parted by commas.
_FOREIGN: Final = """
로씨야, 로시야 = Russia, Russian = Rusia, ruso, rusa
중국, 중화 = China, Chinese = China, chino, china
미국, 미제, 미합중국 = US, USA, U.S, United States, America, American = EE, Estados Unidos, yanqui
일본 = Japan, Japanese = Japón, japonés
남조선, 괴뢰, 한국 = ROK, South Korea, South Korean = Corea Sur, RC
윁남, 베트남 = Vietnam, Viet Nam, Vietnamese = Vietnam, Viet Nam
라오스 = Laos, Lao = Laos
꾸바, 쿠바 = Cuba, Cuban = Cuba
몽골 = Mongolia, Mongolian = Mongolia
니까라과, 니카라과 = Nicaragua, Nicaraguan = Nicaragua
수리아, 시리아 = Syria, Syrian = Siria
이란 = Iran, Iranian = Irán
벨라루씨, 벨로루씨 = Belarus, Belarusian = Belarús, Bielorrusia
베네수엘라 = Venezuela, Venezuelan = Venezuela
캄보쟈 = Cambodia, Cambodian = Camboya
타이, 타일랜드 = Thailand, Thai = Tailandia
인도네시아 = Indonesia, Indonesian = Indonesia
말레이시아 = Malaysia, Malaysian = Malasia
싱가포르 = Singapore = Singapur
먄마 = Myanmar = Myanmar
인디아 = India, Indian = India
네팔 = Nepal, Nepalese = Nepal
방글라데슈 = Bangladesh = Bangladesh
파키스탄 = Pakistan = Pakistán
아프가니스탄 = Afghanistan = Afganistán
이라크 = Iraq = Irak
팔레스티나 = Palestine, Palestinian = Palestina
이스라엘 = Israel, Israeli = Israel
뛰르끼예, 토이기 = Turkey, Türkiye, Turkish = Turquía
에짚트 = Egypt, Egyptian = Egipto
리비아 = Libya = Libia
알제리 = Algeria, Algerian = Argelia
에티오피아 = Ethiopia, Ethiopian = Etiopía
우간다 = Uganda, Ugandan = Uganda
탄자니아 = Tanzania, Tanzanian = Tanzania
나이제리아 = Nigeria, Nigerian = Nigeria
적도기네 = Equatorial Guinea = Guinea Ecuatorial
기네 = Guinea = Guinea
앙골라 = Angola = Angola
모잠비끄 = Mozambique = Mozambique
짐바브웨 = Zimbabwe = Zimbabue
나미비아 = Namibia = Namibia
남아프리카 = South Africa = Sudáfrica
콩고 = Congo = Congo
세네갈 = Senegal = Senegal
브라질 = Brazil, Brazilian = Brasil
메히꼬, 메히코 = Mexico, Mexican = México
볼리비아 = Bolivia, Bolivian = Bolivia
뻬루 = Peru, Peruvian = Perú
에꽈도르 = Ecuador = Ecuador
아르헨띠나 = Argentina = Argentina
칠레 = Chile = Chile
영국 = Britain, British, UK, United Kingdom = Reino Unido, Inglaterra
프랑스 = France, French = Francia
도이췰란드, 독일 = Germany, German = Alemania
이딸리아 = Italy, Italian = Italia
에스빠냐 = Spain, Spanish = España
뽀르뚜갈 = Portugal = Portugal
스위스 = Switzerland, Swiss = Suiza
스웨리예, 스웨덴 = Sweden, Swedish = Suecia
단마르크 = Denmark = Dinamarca
핀란드 = Finland = Finlandia
뽈스까 = Poland, Polish = Polonia
웽그리아 = Hungary = Hungría
체스꼬 = Czech = Checa
로므니아 = Romania = Rumania
벌가리아 = Bulgaria = Bulgaria
쎄르비아 = Serbia, Serbian = Serbia
우크라이나 = Ukraine, Ukrainian = Ucrania
카자흐스탄 = Kazakhstan = Kazajstán
우즈베끼스딴 = Uzbekistan = Uzbekistán
끼르기즈스딴 = Kyrgyzstan = Kirguistán
따쥐끼스딴 = Tajikistan = Tayikistán
오스트랄리아 = Australia, Australian = Australia
뉴질랜드 = New Zealand = Nueva Zelanda
카나다 = Canada, Canadian = Canadá
유럽동맹 = European Union, EU = Unión Europea
유엔 = UN, United Nations = ONU, Naciones Unidas
나토 = NATO = OTAN
아세안 = ASEAN = ASEAN
아랍 = Arab = árabe
외무성 = Foreign Ministry, Ministry Foreign = Ministerio Relaciones
국방성, 인민무력성 = Ministry National, Defence Ministry, Ministry Defence = Ministerio Defensa
국가보위성 = Ministry State = Seguridad Estado
사회안전성 = Ministry Social, Public Security = Seguridad Pública
보건성 = Public Health, Ministry Public = Salud Pública
교육성, 교육위원회 = Education Commission, Ministry Education = Comisión Educación, Ministerio Educación
농업성, 농업위원회 = Agricultural Commission, Ministry Agriculture = Comisión Agrícola, Ministerio Agricultura
철도성 = Ministry Railways = Ministerio Ferrocarriles
전력공업성 = Electric Power, Ministry Electric = Energía Eléctrica
석탄공업성 = Coal Industry, Ministry Coal = Industria Carbonífera
금속공업성 = Metallurgical Industry, Ministry Metallurgical = Industria Metalúrgica
화학공업성 = Chemical Industry, Ministry Chemical = Industria Química
경공업성 = Light Industry, Ministry Light = Industria Ligera
수산성 = Ministry Fisheries = Ministerio Pesca
문화성 = Ministry Culture = Ministerio Cultura
체육성 = Ministry Physical = Ministerio Deportes
대외경제성 = External Economic, Ministry External = Economía Externa
내각 = Cabinet = Gabinete
최고인민회의 = Supreme People's, SPA = Asamblea Popular, Asamblea Suprema
국무위원회 = State Affairs = Asuntos Estado, Asuntos Estatales
청년동맹, 사회주의애국청년동맹 = Youth League = Unión Juventud, Liga Juventud
직업총동맹, 직맹 = General Federation, Trade Unions = Federación General
농업근로자동맹, 농근맹 = Union Agricultural, Agricultural Workers = Unión Trabajadores
녀성동맹, 녀맹 = Women's Union, Socialist Women's = Unión Mujeres
국가과학원 = State Academy, Academy Sciences = Academia Ciencias
총련 = Chongryon = Chongryon
재일 = Koreans Japan = coreanos Japón
적십자 = Red Cross = Cruz Roja
"""


def _by_rule(listed: str) -> frozenset[str]:
    return frozenset(skeleton(romanise(one)) for one in listed.split())


EVERYWHERE: Final = _by_rule(_EVERYWHERE) | {skeleton("Kim Il Sung"), skeleton("Korea"), skeleton("Korean")}
"""Names that tell next to nothing, by their :func:`~.romanisation.skeleton`."""
KNOWN: Final = _by_rule(f"{_LEADERSHIP} {_PLACES}") - EVERYWHERE
"""Names of the North that are listed, by their skeleton."""
HANGUL: Final = {
    **{one: skeleton(romanise(one)) for one in f"{_EVERYWHERE} {_LEADERSHIP} {_PLACES}".split()},
    "김일성": skeleton("Kim Il Sung"),
}
"""The same, by their Korean."""


def _foreign() -> Iterator[tuple[list[str], str]]:
    """Yield the forms of a name in each language, and the name that stands for all."""
    for line in _FOREIGN.strip().splitlines():
        forms = [one.split(", ") for one in line.split(" = ")]
        yield [form for language in forms for form in language], forms[0][0]


FOREIGN: Final = {re.sub(r"[’']", "'", form).casefold(): name for forms, name in _foreign() for form in forms}
"""Names of one or two words that are other words in each language: to one that stands for all of them."""
