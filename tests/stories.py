"""Articles of which it is known who tells the same story: invented, in four languages, a function of a seed.

A story is some sentences, each of slots and of more than one wording. Outlets print it as it is, retitled, cut, reworked
(other wordings, sentences left out and added, paragraphs moved), or merged with another. Beside them: stories that share
stock phrases, reports that are one form filled in twice, and templates: greetings to other addressees, weather, reviews
of the press, of which some are printed by others to the letter.
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from kcnacrawl.archive.ledger import body_sha256
from kcnacrawl.items import Article

LANGUAGES: Final = ("en", "ko", "zh", "es")


@dataclass(frozen=True, slots=True)
class Printed:
    """An article, what it tells, and in which way it was printed."""

    article: Article
    stories: frozenset[int]
    way: str
    is_template: bool


@dataclass
class Score:
    """How many links were made and right, and how many there were to make and found; both by what is missing."""

    made: int = 0
    right: int = 0
    to_make: int = 0
    found: int = 0
    wrong: list[tuple[str, str, str]] = field(default_factory=list)
    missed: list[tuple[str, str]] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Of the links that were made, those that are right."""
        return self.right / self.made if self.made else 1.0

    @property
    def recall(self) -> float:
        """Of the links that there were to make, those that were made."""
        return self.found / self.to_make if self.to_make else 1.0


def judge(printed: list[Printed], links: list[dict[str, Any]]) -> dict[str, Score]:
    """Compare links with the truth: by ``prose`` and ``templates``.

    A link is right if both tell a story that is one. To be made is one for each story in an article that another told
    before it within the window; to whichever.
    """
    scores = {"prose": Score(), "templates": Score()}
    by_id = {one.article.id: one for one in printed}
    linked = defaultdict[str, set[int]](set)
    for link in links:
        here, there = by_id[link["id"]], by_id[link["of_id"]]
        score = scores["templates" if here.is_template or there.is_template else "prose"]
        score.made += 1
        if common := here.stories & there.stories:
            score.right += 1
            linked[here.article.id] |= common
        else:
            score.wrong.append((link["id"], link["of_id"], f"{here.way} / {there.way}"))
    earlier = defaultdict[int, list[tuple[date, str]]](list)
    for one in printed:
        for story in one.stories:
            earlier[story].append(_order(one))
    for one in printed:
        score = scores["templates" if one.is_template else "prose"]
        window = timedelta(days=1 if one.is_template else 14)
        for story in one.stories:
            if any(other < _order(one) and _order(one)[0] - other[0] <= window for other in earlier[story]):
                score.to_make += 1
                if story in linked[one.article.id]:
                    score.found += 1
                else:
                    score.missed.append((one.article.id, one.way))
    return scores


def _order(one: Printed) -> tuple[date, str]:
    return date.fromisoformat(str(one.article.date_published)), one.article.id


# Words

_SYLLABLES: Final = [
    *(("Chong", "청", "清"), ("Su", "수", "水"), ("Ryong", "룡", "龙"), ("Hwa", "화", "和"), ("Son", "선", "先")),
    *(("Kang", "강", "江"), ("Tae", "대", "大"), ("Song", "송", "松"), ("Nam", "남", "南"), ("Pyong", "평", "平")),
    *(("Un", "운", "云"), ("Ha", "하", "河"), ("Il", "일", "一"), ("Jae", "재", "载"), ("Mun", "문", "文")),
    *(("Chol", "철", "铁"), ("Ok", "옥", "玉"), ("Hui", "희", "熙"), ("San", "산", "山"), ("Won", "원", "元")),
    *(("Kum", "금", "金"), ("Pom", "봄", "春"), ("To", "도", "道"), ("Ri", "리", "里"), ("Paek", "백", "白")),
]
_COUNTRIES: Final = [
    *(("Laos", "라오스", "老挝", "Laos"), ("Cuba", "꾸바", "古巴", "Cuba"), ("Vietnam", "윁남", "越南", "Vietnam")),
    *(("Mongolia", "몽골", "蒙古", "Mongolia"), ("Nicaragua", "니까라과", "尼加拉瓜", "Nicaragua")),
    *(
        ("Syria", "수리아", "叙利亚", "Siria"),
        ("Russia", "로씨야", "俄罗斯", "Rusia"),
        ("Iran", "이란", "伊朗", "Irán"),
    ),
    *(("Tanzania", "탄자니아", "坦桑尼亚", "Tanzania"), ("Belarus", "벨라루씨", "白俄罗斯", "Belarús")),
    *(("Algeria", "알제리", "阿尔及利亚", "Argelia"), ("Ethiopia", "에티오피아", "埃塞俄比亚", "Etiopía")),
    *(("Palestine", "팔레스티나", "巴勒斯坦", "Palestina"), ("Indonesia", "인도네시아", "印度尼西亚", "Indonesia")),
    *(("Venezuela", "베네수엘라", "委内瑞拉", "Venezuela"), ("Serbia", "쎄르비아", "塞尔维亚", "Serbia")),
]
_PERSONS: Final = [
    *(("Thongloun Sisoulith", "통룬 씨쑤릿", "通伦·西苏里", "Thongloun Sisoulith"),),
    *(("Miguel Diaz-Canel", "미겔 디아스 까넬", "迪亚斯·卡内尔", "Miguel Díaz-Canel"),),
    *(("Bashar Assad", "바샤르 알 아싸드", "巴沙尔·阿萨德", "Bashar Al Assad"),),
    *(("Daniel Ortega", "다니엘 오르떼가", "丹尼尔·奥尔特加", "Daniel Ortega"),),
    *(("Vo Van Thuong", "보 반 트엉", "武文赏", "Vo Van Thuong"),),
    *(("Alyaksandr Lukashenka", "알렉싼드르 루까쉔꼬", "亚历山大·卢卡申科", "Alexandr Lukashenko"),),
    *(
        ("Samia Hassan", "싸미아 하싼", "萨米娅·哈桑", "Samia Hassan"),
        ("Joko Widodo", "죠꼬 위도도", "佐科·维多多", "Joko Widodo"),
    ),
    *(("Aleksandar Vucic", "알렉싼다르 부치치", "亚历山大·武契奇", "Aleksandar Vucic"),),
    *(("Nicolas Maduro", "니꼴라스 마두로", "尼古拉斯·马杜罗", "Nicolás Maduro"),),
]
_WORDS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "facility": "Machine Factory|Textile Mill|Power Station|Cement Complex|Fishery Station|Fruit Farm|Silk Mill|Ore Dressing"
        " Plant|Shoe Factory|Tree Nursery|Chicken Farm|Steel Works|Kindergarten|Teachers Training College|Salt Works|Stockfarm",
        "who": "workers|engineers|officials|technicians|young employees|women|veteran builders|researchers|shock brigades|students",
        "what": "the remodelling of the casting line|the replacement of worn conveyors|a new way of saving coke|the digging of drainage"
        " channels|the laying of water pipes|the breeding of goats|the making of rice-planting machines|the printing of textbooks"
        "|the loading of freight wagons|the sowing of maize|the repair of trawlers|the sinking of a new shaft|the curing of bricks"
        "|the drying of silk cocoons|the building of terraced houses|the grafting of apple trees|the testing of pumps|the pouring of"
        " concrete for the dam|the collecting of medicinal herbs|the tuning of generators|the teaching of chemistry|the spinning of wool",
        "how": "by night shifts|despite heavy snow|with scrap from nearby works|after a study tour|in close touch with scientists"
        "|by dint of careful book-keeping|under a five-stage programme|with borrowed cranes|ahead of the thaw|without a single accident",
        "stock": "The participants laid bouquets before the statues and paid tribute to the great leaders.|All the speakers stressed the need"
        " to carry through the decisions of the plenary meeting of the Party Central Committee.|A joint performance was given to celebrate"
        " the day and it was acclaimed by the audience.|Present there were officials concerned, working people and students.|They were full"
        " of firm resolve to hasten the building of a powerful socialist country.|The event took place in an atmosphere of friendship.",
    },
    "ko": {
        "facility": "기계공장|방직공장|발전소|세멘트련합기업소|수산사업소|과수농장|견직공장|선광장|신발공장|양묘장|닭공장|제강소|유치원|교원대학|제염소|목장",
        "who": "로동자들은|기술자들은|일군들은|기능공들은|청년들은|녀성들은|건설자들은|연구사들은|돌격대원들은|대학생들은",
        "what": "주물공정개조를|낡은 콘베아교체를|콕스를 절약하는 새 방법을|배수로파기를|상수도관늘이기를|염소기르기를|모내는기계생산을|교과서인쇄를"
        "|화차짐싣기를|강냉이씨뿌리기를|고기배수리를|새 수갱굴진을|벽돌굽기를|누에고치말리기를|다락식살림집건설을|사과나무접하기를|뽐프시험을"
        "|언제콩크리트치기를|약초캐기를|발전기조정을|화학교수를|양털실뽑기를",
        "how": "교대를 늘여|많은 눈이 내리는 속에서도|이웃공장의 파철을 모아|참관을 다녀온 뒤|과학자들과 손잡고|장부정리를 꼼꼼히 하여"
        "|다섯단계계획을 세우고|기중기를 빌려|해토되기 전에|사고 한번 없이",
        "stock": "참가자들은 위대한 수령님들의 동상에 꽃다발을 드리고 삼가 인사를 올리였다.|토론자들은 당중앙위원회 전원회의 결정을 철저히 관철할데 대하여"
        " 강조하였다.|이날을 경축하여 합동공연이 진행되여 관중들의 절찬을 받았다.|여기에는 관계부문 일군들과 근로자들, 청년학생들이 참가하였다."
        "|그들은 사회주의강국건설을 앞당길 굳은 결의에 넘쳐있었다.|행사는 친선의 정이 넘치는 분위기속에서 진행되였다.",
    },
    "zh": {
        "facility": "机械厂|纺织厂|发电站|水泥联合企业|水产事业所|果树农场|丝绸厂|选矿厂|鞋厂|苗圃|养鸡厂|炼钢厂|幼儿园|师范大学|盐场|牧场",
        "who": "工人们|工程师们|干部们|技术员们|青年职工|妇女们|老建设者们|研究员们|突击队员们|大学生们",
        "what": "铸造生产线的改造|旧传送带的更换|节约焦炭的新方法|排水沟的开挖|自来水管的铺设|山羊的饲养|插秧机的制造|教科书的印刷|货车的装载|玉米的播种"
        "|渔船的修理|新竖井的掘进|砖块的烧制|蚕茧的烘干|梯级住宅的建设|苹果树的嫁接|水泵的试验|水坝混凝土的浇筑|药草的采集|发电机的调试|化学的教学|羊毛的纺织",
        "how": "增加夜班|不顾大雪|收集附近工厂的废铁|参观学习之后|同科学家们密切合作|细致地整理账目|制定五个阶段的计划|借用起重机|在解冻之前|没有发生一次事故",
        "stock": "与会者们向伟大领袖们的铜像敬献了花束并致以崇高的敬意。|发言者们强调必须彻底贯彻党中央委员会全体会议的决定。|为庆祝这一天举行了联合演出，受到观众好评。"
        "|有关部门干部、劳动者和青年学生参加了活动。|他们充满了加快建设社会主义强国的坚定决心。|活动在充满友谊的气氛中进行。",
    },
    "es": {
        "facility": "Fábrica de Máquinas|Hilandería|Central Eléctrica|Complejo de Cemento|Estación Pesquera|Granja Frutícola|Fábrica de Seda"
        "|Planta de Minerales|Fábrica de Calzado|Vivero|Granja Avícola|Acería|Jardín Infantil|Escuela Normal|Salina|Granja Ganadera",
        "who": "los obreros|los ingenieros|los funcionarios|los técnicos|los empleados jóvenes|las mujeres|los constructores veteranos"
        "|los investigadores|las brigadas de choque|los estudiantes",
        "what": "la renovación de la línea de fundición|el cambio de las cintas gastadas|un nuevo modo de ahorrar coque|la apertura de canales"
        "|el tendido de tuberías|la cría de cabras|la fabricación de trasplantadoras|la impresión de manuales|la carga de vagones"
        "|la siembra de maíz|la reparación de barcos|la perforación de otro pozo|la cocción de ladrillos|el secado de capullos"
        "|la construcción de viviendas|el injerto de manzanos|la prueba de bombas|el vertido de hormigón en la presa"
        "|la recogida de hierbas medicinales|el ajuste de generadores|la enseñanza de química|el hilado de lana",
        "how": "con turnos nocturnos|pese a la fuerte nevada|con chatarra de talleres vecinos|tras un viaje de estudio|junto con los científicos"
        "|gracias a cuentas cuidadosas|según un programa de cinco etapas|con grúas prestadas|antes del deshielo|sin un solo accidente",
        "stock": "Los participantes depositaron ramos de flores ante las estatuas y rindieron homenaje a los grandes líderes.|Todos los oradores"
        " subrayaron la necesidad de cumplir las decisiones del pleno del Comité Central del Partido.|Se ofreció una función conjunta con"
        " motivo del día, que fue aplaudida por el público.|Asistieron funcionarios, trabajadores y estudiantes.|Estaban llenos de firme"
        " decisión de acelerar la construcción de un poderoso país socialista.|El acto transcurrió en un ambiente de amistad.",
    },
}
# Of each sentence two wordings and a third that is a rewriting.
_SENTENCES: Final = {
    "en": [
        [
            "The {who} of the {place} {facility} have finished {what} {how}.",
            "{how:c}, the {who} at the {place} {facility} brought {what} to an end.",
            "{what:c} has been completed by the {who} of the {place} {facility} {how}.",
        ],
        [
            "They turned out {n} tons in {m} days, said {person}, manager of the unit.",
            "According to manager {person}, {n} tons came out within {m} days.",
            "Manager {person} put the output at {n} tons in {m} days.",
        ],
        [
            "{person} told {person2} that {what} would save {n} kilowatt-hours a month.",
            "{n} kilowatt-hours a month are to be saved by {what}, {person} told {person2}.",
            "Thanks to {what}, {n} kilowatt-hours would be saved monthly, {person2} heard from {person}.",
        ],
        [
            "In {place} County {who} set about {what} on {m} hectares {how}.",
            "{how:c}, {who} of {place} County took up {what} on {m} hectares.",
            "{what:c} on {m} hectares was begun by {who} in {place} County.",
        ],
        [
            "Visitors from {place} City watched {what} and asked how the {who} had managed it {how}.",
            "{what:c} was shown to visitors from {place} City, who asked about work {how}.",
            "Guests of {place} City saw {what} and were told by the {who} how it was done.",
        ],
        [
            "A course on {what} is held every {m} days for {who} of {n} households around {place}.",
            "For {who} of {n} households near {place} there is a course on {what} each {m} days.",
            "{who:c} of {n} households about {place} attend a course on {what}.",
        ],
    ],
    "ko": [
        ["{place}{facility} {who} {how} {what} 끝냈다.", "{how} {place}{facility} {who} {what} 완성하였다.", "{what} {place}{facility} {who} 끝마쳤다."],
        ["지배인 {person}은 {m}일동안에 {n}t을 생산하였다고 말하였다.", "{person}지배인의 말에 의하면 {n}t이 {m}일사이에 나왔다.", "{m}일간의 생산량은 {n}t이라고 {person}지배인이 이야기하였다."],
        ["{person}은 {person2}에게 {what} 하면 한달에 {n}kWh를 절약할수 있다고 하였다.", "한달에 {n}kWh를 절약할 {what} 두고 {person}이 {person2}에게 설명하였다.", "{person2}은 {what} 통하여 매달 {n}kWh가 남는다는것을 {person}에게서 들었다."],
        ["{place}군에서 {who} {how} {m}정보에 {what} 시작하였다.", "{how} {place}군의 {who} {m}정보에서 {what} 벌리였다.", "{m}정보에서의 {what} {place}군 {who} 착수하였다."],
        ["{place}시에서 온 손님들이 {what} 보고 {who} {how} 해낸 비결을 물었다.", "{what} {place}시 손님들에게 보여주니 {how} 한 일을 물어보았다.", "{place}시의 참관자들은 {what} 돌아보며 {who} 들려주는 이야기를 들었다."],
        ["{place}주변 {n}세대의 {who} {m}일마다 {what} 배운다.", "{m}일에 한번씩 {place}부근 {n}세대에서 {who} {what} 학습한다.", "{n}세대의 {place}지구 {who} {what} 강습에 참가한다."],
    ],
    "zh": [
        ["{place}{facility}的{who}{how}，完成了{what}。", "{how}，{place}{facility}{who}结束了{what}。", "{what}由{place}{facility}的{who}完成。"],
        ["经理{person}说，{m}天内生产了{n}吨。", "据经理{person}介绍，{n}吨产品在{m}天里出厂。", "{person}经理表示，{m}天的产量为{n}吨。"],
        ["{person}对{person2}说，{what}每月可节约{n}千瓦时电力。", "每月节约{n}千瓦时电力的{what}，由{person}向{person2}作了说明。", "{person2}从{person}那里得知，{what}使每月省下{n}千瓦时。"],
        ["在{place}郡，{who}{how}，在{m}公顷土地上开始了{what}。", "{how}，{place}郡的{who}着手进行{m}公顷的{what}。", "{m}公顷的{what}在{place}郡由{who}展开。"],
        ["来自{place}市的客人观看了{what}，并询问{who}如何{how}。", "{what}展示给{place}市的客人，他们问起{how}的情况。", "{place}市的参观者看了{what}，听了{who}的介绍。"],
        ["{place}一带{n}户的{who}每{m}天学习{what}。", "每隔{m}天，{place}附近{n}户的{who}举办{what}讲习班。", "{n}户{who}在{place}参加{what}的讲座。"],
    ],
    "es": [
        [
            "En la {facility} de {place}, {who} terminaron {what} {how}.",
            "{how:c}, {who} de la {facility} de {place} dieron fin a {what}.",
            "{what:c} fue obra de {who} de la {facility} de {place}.",
        ],
        [
            "Produjeron {n} toneladas en {m} días, dijo {person}, gerente de la entidad.",
            "Según el gerente {person}, salieron {n} toneladas en {m} días.",
            "El gerente {person} cifró la producción en {n} toneladas y {m} días.",
        ],
        [
            "{person} dijo a {person2} que {what} ahorraría {n} kilovatios hora al mes.",
            "Se ahorrarán {n} kilovatios hora al mes con {what}, explicó {person} a {person2}.",
            "{person2} supo por {person} que {what} dejará {n} kilovatios hora mensuales.",
        ],
        [
            "En el distrito de {place} {who} comenzaron {what} en {m} hectáreas {how}.",
            "{how:c}, {who} del distrito de {place} emprendieron {what} en {m} hectáreas.",
            "{what:c} en {m} hectáreas corre a cargo de {who} en {place}.",
        ],
        [
            "Visitantes de la ciudad de {place} vieron {what} y preguntaron cómo {who} lo lograron {how}.",
            "{what:c} se mostró a visitantes de la ciudad de {place}, que preguntaron por el trabajo {how}.",
            "Los huéspedes de {place} contemplaron {what} y escucharon a {who}.",
        ],
        [
            "Cada {m} días hay un curso sobre {what} para {who} de {n} familias de {place}.",
            "Para {who} de {n} familias cerca de {place} se da cada {m} días un curso sobre {what}.",
            "{who:c} de {n} familias de {place} asisten a un curso sobre {what}.",
        ],
    ],
}  # fmt: skip
_GREETINGS: Final = {
    "en": [
        "Kim Jong Un, general secretary of the Workers' Party of Korea and president of the State Affairs, sent a message of {occasion} to {person},"
        " president of {country}, on {day}.\n\nThe message said that the relations of friendship and cooperation between the two countries would"
        " develop in conformity with the desire of the two peoples.\n\nIt wished the president success in his responsible work for the country.",
        "The premier of the DPRK received a {reply} telegram from the prime minister of {country}.\n\n{person} in the telegram expressed thanks for"
        " the kind words sent to him and hoped that the bonds between the two governments would grow stronger on {day} and after.",
        "Your Excellency {person}, President of {country},\n\nI extend my warm greetings to you and your people on {day}. I take this opportunity"
        " to wish you good health and your country prosperity.\n\nKim Jong Un",
        "Choe Son Hui, minister of Foreign Affairs, sent condolences to the minister of Foreign Affairs of {country} on the death of {person}"
        " reported on {day}.\n\nShe expressed deep sympathy to the bereaved family.",
    ],
    "ko": [
        "경애하는 김정은동지께서 {country} 대통령 {person}각하에게 {day}에 즈음하여 축전을 보내시였다.\n\n축전은 두 나라사이의 친선협조관계가 두 나라"
        " 인민들의 념원에 맞게 발전하리라는 확신을 표명하였다.\n\n축전은 대통령이 책임적인 사업에서 성과를 거둘것을 축원하였다.",
        "내각총리는 {country} 수상 {person}으로부터 답전을 받았다.\n\n답전은 {day}에 보내준 따뜻한 말에 사의를 표하고 두 정부사이의 뉴대가 강화되기를 바랐다.",
        "외무상은 {person}의 서거와 관련하여 {country} 외무상에게 {day} 위문전문을 보내였다.\n\n전문은 유가족들에게 심심한 애도의 뜻을 표하였다.",
    ],
    "zh": [
        "敬爱的金正恩同志{day}向{country}总统{person}致贺电。\n\n贺电相信，两国之间的友好合作关系将按照两国人民的愿望发展，并祝总统在责任重大的工作中取得成果。",
        "内阁总理{day}收到{country}总理{person}的复电。\n\n复电对所致的热情问候表示感谢，并希望两国政府之间的纽带更加牢固，两国人民的友谊长存。",
        "外务相就{person}逝世，{day}向{country}外交部长致唁电。\n\n唁电对死者家属表示深切的哀悼和慰问，希望他们早日从悲痛中走出来。",
    ],
    "es": [
        "El estimado compañero Kim Jong Un envió un mensaje de felicitación a {person}, presidente de {country}, el {day}.\n\nEl mensaje expresa la"
        " convicción de que las relaciones entre los dos países se desarrollarán según el deseo de ambos pueblos.",
        "El primer ministro recibió un telegrama de agradecimiento de {person}, primer ministro de {country}.\n\nEl telegrama, fechado el {day},"
        " desea que se estrechen los lazos entre los dos gobiernos y pueblos.",
        "La ministra de Relaciones Exteriores envió el {day} una carta de condolencias a su colega de {country} por el fallecimiento de"
        " {person} y expresó su profunda solidaridad a la familia.",
    ],
}
_WEATHER: Final = {
    "en": [
        "The weather will be {sky} in most parts of the country on {day}. The highest temperature will be {a} degrees in {place} and {b} degrees in"
        " {place2}. Wind of {c} meters per second is forecast on the coast.",
        "Weather forecast for {day}: {place} {sky}, low {c}°C, high {a}°C; {place2} {sky2}, low {c}°C, high {b}°C; humidity {n} percent.",
        "{sky:c} skies and a light wind are expected around {place} on {day}, with rain later in {place2}. The morning low is put at {c} and the"
        " daytime high at {a} degrees centigrade.",
    ],
    "ko": [
        "{day} 우리 나라의 대부분지역에서 {sky} 날씨가 예견된다. 낮최고기온은 {place}에서 {a}℃, {place2}에서 {b}℃로 예견된다. 바람은 초당 {c}m로 불겠다.",
        "날씨예보. {day} {place}지방은 {sky}, 아침최저기온 {c}℃, 낮최고기온 {a}℃, {place2}지방은 {sky2}, 낮최고기온 {b}℃, 습도 {n}%.",
    ],
    "zh": [
        "{day}全国大部分地区{sky}。最高气温{place}为{a}度，{place2}为{b}度，沿海风速每秒{c}米。",
        "天气预报：{day}，{place}{sky}，最低气温{c}℃，最高气温{a}℃；{place2}{sky2}，最高气温{b}℃，湿度{n}%。",
    ],
    "es": [
        "El {day} el tiempo será {sky} en la mayor parte del país. La temperatura máxima será de {a} grados en {place} y de {b} grados en {place2},"
        " con viento de {c} metros por segundo.",
        "Pronóstico del {day}: {place}, {sky}, mínima {c}°C, máxima {a}°C; {place2}, {sky2}, máxima {b}°C, humedad del {n} por ciento.",
    ],
}
_SKY: Final = {
    "en": "cloudy|fine|overcast|clear|rainy|foggy|partly cloudy|sunny".split("|"),
    "ko": "흐린|개인|대체로 흐린|맑은|비가 내리는|안개낀|구름많은|해빛이 나는".split("|"),
    "zh": "多云|晴|阴|晴间多云|有雨|有雾|多云转阴|阴转晴".split("|"),
    "es": "nublado|bueno|cubierto|despejado|lluvioso|con niebla|parcialmente nublado|soleado".split("|"),
}
_PRESS: Final = {
    "en": [
        "Papers here on {day} carry articles.\n\nRodong Sinmun carries an editorial titled {title}. Minju Joson dedicates an article to {title2}."
        " Chongnyon Jonwi introduces, on page {m}, {title3}.",
        "Press review of {day}. Rodong Sinmun: editorial {title}; commentary {title2}. Pyongyang Sinmun: article {title3}.",
        "On {day} the dailies dedicate editorials to {title}. Also carried is a commentary entitled {title2}. Papers give reports on {title3}.",
    ],
    "ko": [
        "{day}부 신문들은 다음과 같은 글들을 실었다.\n\n《로동신문》은 사설 《{title}》을, 《민주조선》은 론설 《{title2}》을, 《청년전위》는 {m}면에 기사 《{title3}》을 편집하였다.",
        "신문개관 {day}. 로동신문 사설 {title}, 론평 {title2}. 평양신문 기사 {title3}.",
    ],
    "zh": [
        "{day}各报刊登文章。《劳动新闻》刊登题为《{title}》的社论，《民主朝鲜》在第{m}版刊载题为《{title2}》的文章，《青年前卫》发表评论《{title3}》。",
        "报刊综述（{day}）：《劳动新闻》社论《{title}》、评论《{title2}》；《平壤新闻》文章《{title3}》。",
    ],
    "es": [
        "Los diarios del {day} publican artículos.\n\nRodong Sinmun inserta un editorial titulado {title}. Minju Joson publica un artículo sobre {title2}"
        " y Chongnyon Jonwi, en la página {m}, sobre {title3}.",
        "Revista de prensa del {day}. Rodong Sinmun: editorial {title}; comentario {title2}. Pyongyang Sinmun: artículo {title3}.",
    ],
}
# Spellings of the same that nothing was chosen by: for the figures that are told.
_UNSEEN_GREETINGS: Final = {
    "en": [
        "{person}, head of state of {country}, got a warm letter from Kim Jong Un on {day}.\n\nIn the letter Kim Jong Un congratulated him on the national day of"
        " {country} and said he believed the ties of the two nations would be strengthened in the common struggle for independence and peace.",
        "On the occasion of {day} Kim Jong Un cabled felicitations to {person} of {country}.\n\nThe cable reads: I wish you, Comrade, and the fraternal people of"
        " {country} greater success in the building of a prosperous society.",
        "A congratulatory message came to Kim Jong Un from {person}, leader of {country}, dated {day}.\n\nThe sender hoped that he would be in good health and that"
        " the Korean people would win new victories under his guidance.",
    ],
    "ko": [
        "{country} 국가수반 {person}이 {day} 김정은동지께 축하의 편지를 보내여왔다.\n\n편지는 조선인민이 새로운 승리를 이룩하기를 바란다고 하면서 두 나라 관계가 더욱 강화되리라고 하였다.",
        "최고인민회의 상임위원회 위원장은 {day} {country} 국회의장 {person}에게 축전을 보냈다.\n\n축전은 의장이 맡은 사업에서 성과가 있기를 바라며 두 나라 국회사이의 래왕이 잦아지기를 기대하였다.",
    ],
    "zh": [
        "{country}国家元首{person}{day}向金正恩同志发来贺信。信中祝愿朝鲜人民取得新的胜利，并表示相信两国关系将在共同事业中更加巩固和发展。",
        "最高人民会议常任委员会委员长{day}致电{country}议会议长{person}，祝贺他当选，祝他在工作中取得成就，希望两国议会之间的往来更加频繁。",
    ],
    "es": [
        "{person}, jefe de Estado de {country}, remitió el {day} una carta de felicitación a Kim Jong Un.\n\nEn ella desea nuevas victorias al pueblo coreano y afirma que las"
        " relaciones bilaterales se fortalecerán en la causa común.",
        "Con motivo del {day}, Kim Jong Un felicitó a {person}, de {country}, por medio de un cable.\n\nLe deseó éxitos en la construcción de una sociedad próspera y buena"
        " salud, y bienestar al pueblo hermano.",
    ],
}
_UNSEEN_WEATHER: Final = {
    "en": [
        "{day} outlook: {sky} in the north, {sky2} in the south; {place} {a} degrees, {place2} {b} degrees at noon; seas moderate with winds of {c} meters a second.",
        "The Hydro-meteorological Administration says that it will be {sky} on {day}. Mercury is to rise to {a} degrees in {place} and to {b} in {place2}, and rain may fall"
        " in the mountains.",
    ],
    "ko": [
        "기상수문국의 통보에 의하면 {day} {place}에서는 {sky} 날씨가 계속되고 기온은 {c}℃부터 {a}℃사이에 있게 된다. {place2}의 한낮기온은 {b}℃이다.",
        "{day}의 날씨: 북부 {sky}, 남부 {sky2}. {place} {a}도, {place2} {b}도. 바다물결 {c}m, 북서풍이 분다.",
    ],
    "zh": [
        "据气象水文局通报，{day}{place}天气{sky}，气温在{c}℃至{a}℃之间，{place2}中午气温为{b}℃。",
        "{day}天气：北部{sky}，南部{sky2}。{place}{a}度，{place2}{b}度，浪高{c}米，有西北风。",
    ],
    "es": [
        "Previsión para el {day}: norte {sky}, sur {sky2}; {place} {a} grados, {place2} {b} grados; vientos de {c} metros por segundo en la costa.",
        "El Servicio Hidrometeorológico informa que el {day} habrá cielo {sky}. Los termómetros subirán a {a} grados en {place} y a {b} en {place2}, con lluvias débiles.",
    ],
}
_UNSEEN_PRESS: Final = {
    "en": [
        "What the papers say, {day}: Rodong Sinmun writes about {title} in its leading article; Minju Joson comments on {title2}; Youth Vanguard prints a report on {title3}.",
        "Pyongyang newspapers on {day} gave wide space to {title}. An article in Rodong Sinmun deals with {title2}, another in Minju Joson with {title3}.",
    ],
    "ko": [
        "{day} 중앙신문들이 《{title}》라는 제목의 글들을 게재하였다. 《로동신문》 {m}면에는 《{title2}》, 《민주조선》에는 《{title3}》이 실렸다.",
        "오늘호 신문에서({day}): 로동신문 정론 {title}, 기사 {title2}; 민주조선 단평 {title3}.",
    ],
    "zh": [
        "{day}中央各报登载题为《{title}》的文章，《劳动新闻》第{m}版登载《{title2}》，《民主朝鲜》登载《{title3}》。",
        "今日报纸要目（{day}）：《劳动新闻》政论《{title}》、文章《{title2}》；《民主朝鲜》短评《{title3}》。",
    ],
    "es": [
        "Lo que dicen los periódicos del {day}: Rodong Sinmun escribe sobre {title} en su artículo de fondo; Minju Joson comenta {title2}; otro diario informa sobre {title3}.",
        "La prensa de Pyongyang dedicó el {day} amplio espacio a {title}. Un artículo de Rodong Sinmun trata de {title2} y otro, en Minju Joson, de {title3}.",
    ],
}
_FORMS: Final = {
    "en": "The {place} {facility} carried out its plan for the first quarter at {n} percent.\n\nThe {who} of the unit worked {how} and improved the equipment one"
    " after another under the guidance of {person}, its manager. The quality of goods was also raised, and the people in the area are pleased with them."
    " A congratulatory meeting took place in the hall of culture, where the advanced workers were awarded.",
    "ko": "{place}{facility}에서 1.4분기계획을 {n}%로 수행하였다.\n\n지배인 {person}의 지도밑에 이곳 {who} {how} 설비들을 하나하나 개조하였다. 제품의 질도 높아져 지역인민들이"
    " 좋아하고있다. 문화회관에서는 축하모임이 있었으며 혁신자들에게 표창이 수여되였다.",
    "zh": "{place}{facility}以{n}%的成绩完成了第一季度计划。在经理{person}的领导下，该单位的{who}{how}，逐一改造了设备。产品质量也有提高，受到当地居民的欢迎。在文化会馆举行了"
    "祝贺会，向先进工人颁发了奖状。",
    "es": "La {facility} de {place} cumplió su plan del primer trimestre al {n} por ciento.\n\nBajo la dirección de {person}, su gerente, {who} del lugar trabajaron {how}"
    " y mejoraron uno tras otro los equipos. También subió la calidad de los productos, que agradan a los vecinos. En la casa de cultura tuvo lugar un acto"
    " de felicitación y se premió a los trabajadores destacados.",
}
_DATELINES: Final = {
    "en": ["", "Pyongyang, {month} {d} (KCNA) -- ", "Pyongyang, {month} {d} (KCNA) — ", "PYONGYANG, {month} {d} -- "],
    "ko": ["", "(평양 {m}월 {d}일발 조선중앙통신) ", "【평양 {m}월 {d}일발 조선중앙통신】"],
    "zh": ["", "朝中社平壤{m}月{d}日电 ", "平壤{m}月{d}日电（朝中社）"],
    "es": ["", "Pyongyang, {d} de {mes} (ACNC) -- ", "Pyongyang, {d} de {mes} (ACNC).- "],
}
_ENDS: Final = ["", "", " -0-", "\n\nwww.kcna.kp (Juche{juche}.{m}.{d}.)", "\n\n({y}.{mm}.{dd}.)", "\n\nKCNA"]
_MONTHS: Final = "January February March April May June July August September October November December".split()
_MESES: Final = "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split()
_TITLES: Final = {"en": "Progress", "ko": "새 소식", "zh": "新进展", "es": "Progresos"}
_OTHERS: Final = {
    "en": "moreover also nearly lately thereby fully jointly again newly soon duly ably".split(),
    "es": "además también casi luego plenamente otra nuevamente pronto bien debidamente".split(),
    "ko": "또한 더욱 훌륭히 빨리 다시 함께 새로 모두 잘 적극".split(),
}
_SEAM: Final = {"zh": ""}


@dataclass
class _Story:
    """Sentences of some wording each, in paragraphs."""

    number: int
    language: str
    day: date
    sentences: list[list[str]] = field(default_factory=list)


class Stories:
    """Everything that a seed makes: ``count`` stories, so many ``a_day``, of which a share of the sentences are ``stock``
    phrases; ``unseen``: with spellings of templates that the recognition was not chosen by.
    """

    def __init__(
        self,
        seed: int,
        count: int,
        begin: date = date(2021, 1, 1),
        a_day: int = 12,
        stock: float = 0.15,
        *,
        unseen: bool = False,
    ) -> None:
        self._choose = random.Random(seed)
        self._count = count
        self._begin = begin
        self._a_day = a_day
        self._stock = stock
        self._is_unseen = unseen
        self._made = 0
        self._numbers = 0
        self._serial = 0
        self._told = set[str]()

    def printed(self) -> Iterator[Printed]:
        """Yield articles, not in the order of days."""
        makers = [self._prose] * 6 + [self._form] + [self._template] * 3
        for _ in range(self._count):
            self._made += 1
            day = self._begin + timedelta(days=self._made // self._a_day)
            yield from self._choose.choice(makers)(day)

    # Prose

    def _prose(self, day: date) -> Iterator[Printed]:
        choose = self._choose
        story = self._story(day)
        plain = [wordings[0] for wordings in story.sentences]
        yield self._print(story, plain, day, "first", {story.number})
        ways = ["same", "same", "cut", "cut", "reworked", "merged", "tail"]
        for _ in range(choose.choice([0, 1, 1, 2, 3, 5])):
            way = choose.choice(ways)
            later = day + timedelta(days=choose.choice([0, 0, 1, 1, 2, 3, 6, 12]))
            numbers = {story.number}
            match way:
                case "cut":
                    printed = plain[: max(3, int(len(plain) * choose.uniform(0.25, 0.8)))]
                case "tail":
                    printed = plain[-max(4, int(len(plain) * choose.uniform(0.5, 0.8))) :]
                case "reworked":
                    printed = self._reworked(story)
                case "merged":
                    other = self._story(day, story.language)
                    first = [wordings[0] for wordings in other.sentences]
                    yield self._print(other, first, day, "first", {other.number})
                    printed, numbers = plain + first, {story.number, other.number}
                case _:
                    printed = plain
            yield self._print(story, printed, later, way, numbers)

    def _story(self, day: date, language: str | None = None) -> _Story:
        self._numbers += 1
        story = _Story(self._numbers, language or self._choose.choice(LANGUAGES), day)
        for _ in range(self._choose.randrange(6, 18)):
            if self._choose.random() < self._stock:
                stock = self._choose.choice(_WORDS[story.language]["stock"].split("|"))
                story.sentences.append([stock] * 3)
            else:
                slots = self._slots(story.language)
                wordings = self._choose.choice(_SENTENCES[story.language])
                story.sentences.append([_fill(one, slots) for one in wordings])
        return story

    def _reworked(self, story: _Story) -> list[str]:
        choose = self._choose
        reworded = choose.uniform(0.1, 0.35)
        printed = [
            wordings[choose.choice([1, 2])] if choose.random() < reworded else wordings[0]
            for wordings in story.sentences
        ]
        for _ in range(choose.randrange(len(printed) // 5 + 1)):
            printed.pop(choose.randrange(len(printed)))
        for _ in range(choose.randrange(3)):
            slots = self._slots(story.language)
            more = _fill(choose.choice(_SENTENCES[story.language])[0], slots)
            printed.insert(choose.randrange(len(printed) + 1), more)
        if choose.random() < 0.4:
            changed = choose.uniform(0.03, 0.1)
            printed = [self._other_words(one, story.language, changed) for one in printed]
        if choose.random() < 0.3:
            middle = len(printed) // 2
            printed = printed[middle:] + printed[:middle]
        return printed

    def _other_words(self, sentence: str, language: str, changed: float) -> str:
        """Return a sentence some of whose words an editor has replaced: no names, no numbers."""
        words = sentence.split(" ")
        for at, word in enumerate(words):
            if word.isalpha() and word.islower() | (language == "ko") and self._choose.random() < changed:
                words[at] = self._choose.choice(_OTHERS.get(language, [word]))
        return " ".join(words)

    # What is no story, or another each time

    def _form(self, day: date) -> Iterator[Printed]:
        """Yield the same report of some places, each of which is another story."""
        language = self._choose.choice(LANGUAGES)
        how, who = (self._choose.choice(_WORDS[language][name].split("|")) for name in ("how", "who"))
        for _ in range(self._choose.choice([2, 3, 4])):
            self._numbers += 1
            story = _Story(self._numbers, language, day)
            text = _fill(_FORMS[language], self._slots(language) | {"how": how, "who": who})
            for way in ["first", "same"][: self._choose.choice([1, 1, 2])]:
                later = day + timedelta(days=self._choose.choice([0, 1, 2]))
                yield self._print(story, [text], later, f"form, {way}", {story.number})

    def _template(self, day: date) -> Iterator[Printed]:
        choose, language = self._choose, self._choose.choice(LANGUAGES)
        name = choose.choice(["greeting", "greeting", "weather", "press"])
        form = choose.choice((_UNSEEN if self._is_unseen else _TEMPLATES)[name][language])
        for _ in range(choose.choice([1, 2, 3, 4])):
            self._numbers += 1
            story = _Story(self._numbers, language, day)
            text = _fill(form, self._slots(language) | self._of_the_day(day, language))
            if text in self._told:
                continue
            self._told.add(text)
            yield self._print(story, [text], day, f"{name}, first", {story.number}, is_template=True)
            for _ in range(choose.choice([0, 0, 1, 2])):
                later = day + timedelta(days=choose.choice([0, 1]))
                yield self._print(story, [text], later, f"{name}, same", {story.number}, is_template=True)
            if choose.random() < 0.15:
                # The same words once more, which are another day's.
                self._numbers += 1
                again = _Story(self._numbers, language, day)
                later = day + timedelta(days=choose.choice([4, 7, 10]))
                yield self._print(again, [text], later, f"{name}, again", {again.number}, is_template=True)
            day += timedelta(days=choose.choice([0, 0, 1]))

    def _of_the_day(self, day: date, language: str) -> dict[str, str]:
        choose = self._choose
        told = {
            "en": f"{_MONTHS[day.month - 1]} {day.day}",
            "ko": f"{day.month}월 {day.day}일",
            "zh": f"{day.month}月{day.day}日",
            "es": f"{day.day} de {_MESES[day.month - 1]}",
        }[language]
        titles = [choose.choice(_WORDS[language]["what"].split("|")) for _ in range(3)]
        at = LANGUAGES.index(language)
        return {
            "day": told,
            "country": choose.choice(_COUNTRIES)[at],
            "person": choose.choice(_PERSONS)[at],
            "occasion": choose.choice(["greetings", "congratulations"]),
            "reply": choose.choice(["reply", "congratulatory"]),
            "sky": choose.choice(_SKY[language]),
            "sky2": choose.choice(_SKY[language]),
            "place2": self._place(language),
            **{name: str(choose.randrange(low, low + 15)) for name, low in (("a", 10), ("b", 10), ("c", 1))},
            **dict(zip(("title", "title2", "title3"), titles, strict=True)),
        }

    # Words

    def _slots(self, language: str) -> dict[str, str]:
        choose = self._choose
        chosen = {name: choose.choice(words.split("|")) for name, words in _WORDS[language].items()}
        people = {name: self._person(language) for name in ("person", "person2")}
        numbers = {"n": str(choose.randrange(20, 9_000)), "m": str(choose.randrange(2, 90))}
        return chosen | people | numbers | {"place": self._place(language)}

    def _syllables(self, language: str, number: int) -> list[str]:
        at = {"ko": 1, "zh": 2}.get(language, 0)
        return [one[at] for one in self._choose.sample(_SYLLABLES, number)]

    def _place(self, language: str) -> str:
        first, second = self._syllables(language, 2)
        return f"{first}{second.lower() if language in {'en', 'es'} else second}"

    def _person(self, language: str) -> str:
        return ("" if language in {"ko", "zh"} else " ").join(self._syllables(language, 3))

    # Print

    def _print(
        self, story: _Story, sentences: list[str], day: date, way: str, numbers: set[int], *, is_template: bool = False
    ) -> Printed:
        choose, language = self._choose, story.language
        paragraphs, at = list[str](), 0
        while at < len(sentences):
            size = 1 + at % 3
            paragraphs.append(_SEAM.get(language, " ").join(sentences[at : at + size]))
            at += size
        marks = {
            "month": _MONTHS[day.month - 1],
            "mes": _MESES[day.month - 1],
            "m": day.month,
            "d": day.day,
            "mm": f"{day.month:02}",
            "dd": f"{day.day:02}",
            "y": day.year,
            "juche": day.year - 1911,
        }
        body = choose.choice(_DATELINES[language]).format_map(marks) + "\n\n".join(paragraphs)
        body += choose.choice(_ENDS).format_map(marks)
        source = choose.randrange(20)
        self._serial += 1
        second = int((day - date(1970, 1, 1)).total_seconds()) + (
            0 if "first" in way else choose.randrange(40_000, 80_000)
        )
        identity = f"{second}-{100_000_000 + self._serial}"
        article = Article(
            id=identity,
            revision=1,
            status="live",
            url=f"https://kcnawatch.org/newstream/{identity}/headline",
            headline=f"{_TITLES[language]} {choose.randrange(10_000)}",
            date_published=day.isoformat(),
            date_published_raw=f"{day:%d/%m/%Y}",
            date_listed=None,
            date_listed_raw=None,
            url_time=f"{day.isoformat()}T00:00:00+00:00",
            date_conflict=False,
            source_id=150 + source,
            source_label=f"Source {source} ({language.title()})",
            source_name=f"Source {source}",
            source_language=language,
            in_language=language,
            description=None,
            article_body=body,
            access="full",
            original_url=None,
            images=(),
            body_sha256=body_sha256(body),
            date_downloaded="2026-01-01T00:00:00+00:00",
            listing_url=None,
            run_id="20260101T000000Z-source-000000",
        )
        return Printed(article, frozenset(numbers), way, is_template)


_TEMPLATES: Final = {"greeting": _GREETINGS, "weather": _WEATHER, "press": _PRESS}
_UNSEEN: Final = {"greeting": _UNSEEN_GREETINGS, "weather": _UNSEEN_WEATHER, "press": _UNSEEN_PRESS}


class _Word(str):
    """What fills a slot; ``{name:c}`` stands at the beginning of a sentence."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return self[:1].upper() + self[1:] if spec == "c" else str(self)


def _fill(wording: str, slots: dict[str, str]) -> str:
    return wording.format_map({name: _Word(one) for name, one in slots.items()})
