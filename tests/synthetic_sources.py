"""What the tests of synthetic documents draw from: text written here, the fonts of this machine, and fonts broken on purpose."""

from functools import cache
from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from ocr_synth.synthetic.corpus import Source
from ocr_synth.synthetic.fonts import Catalogue

TEXT = {
    "en": (
        "The harbour was quiet that morning, and the ferry left for Bergen an hour late.",
        "Nobody had counted the boxes twice; seven of them, it turned out, were empty.",
        "Tea, bread and butter",
        "A short walk leads from the old mill (built in 1782) to the bridge over the river.",
        "Opening hours: from ten to six, on Sundays from noon.",
    ),
    "zh": (
        "清晨的港口十分安静，开往对岸的渡船晚了一个小时才出发。",
        "没有人把箱子数过两遍；后来才知道，其中有七个是空的。",
        "从老磨坊走到河上的桥只需要十分钟，沿路种满了柳树。",
        "营业时间：上午十点至下午六点，星期日从中午开始。",
    ),
    "ja": (
        "その朝の港はとても静かで、対岸へ向かうフェリーは一時間遅れて出発した。",
        "誰も箱を二度は数えなかった。あとで分かったことだが、七つは空だった。",
        "古い水車小屋から川にかかる橋までは歩いて十分ほどで、道には柳が植えられている。",
        "営業時間は午前十時から午後六時まで、日曜日は正午からです。",
    ),
    "ru": (
        "В то утро в порту было тихо, и паром на другой берег ушёл на час позже.",
        "Никто не пересчитал ящики дважды; семь из них, как оказалось, были пусты.",
        "От старой мельницы до моста через реку десять минут пешком.",
    ),
    "ar": (
        "كان الميناء هادئا في ذلك الصباح، وتأخرت العبارة المتجهة إلى الضفة الأخرى ساعة كاملة.",
        "لم يعد أحد الصناديق مرتين، وتبين فيما بعد أن سبعة منها كانت فارغة.",
        "من الطاحونة القديمة إلى الجسر عشر دقائق سيرا على الأقدام (عبر Bergen).",
    ),
    "he": (
        "הנמל היה שקט באותו בוקר, והמעבורת לגדה השנייה יצאה באיחור של שעה.",
        "איש לא ספר את הארגזים פעמיים, ושבעה מהם היו ריקים.",
    ),
    "code": ("def area(width: float, height: float) -> float:\n    if width < 0:\n        raise ValueError(width)\n    return width * height",),
}  # fmt: skip


def source(language: str, name: str = "shard") -> Source:
    return Source(name, language, TEXT[language])


@cache
def system_fonts() -> Catalogue:
    """This machine's fonts, looked for once."""
    return Catalogue()


@cache
def languages_here() -> list[str]:
    """Languages of `TEXT` that this machine's fonts draw."""
    catalogue = system_fonts()
    return [name for name, passages in TEXT.items() if catalogue.drawable("".join(passages), name)]


def font_file(path: Path, characters: str, *, blank: str = "", boxes: str = "", family: str = "Test Face") -> Path:
    """Writes a font that draws each of `characters` as a solid square of its own height; those of `blank` have an empty glyph and those
    of `boxes` a copy of `.notdef`'s hollow box, though the character map names both as if they were letters."""
    names = {c: f"u{ord(c):04X}" for c in dict.fromkeys(characters + blank + boxes)}
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", *names.values()])
    builder.setupCharacterMap({ord(c): name for c, name in names.items()})
    glyphs = {".notdef": _box(True, 700)}
    for i, (character, name) in enumerate(names.items()):
        hollow = character in boxes
        glyphs[name] = (
            TTGlyphPen(None).glyph()
            if character in blank or character == " "
            else _box(hollow, 700 if hollow else 400 + i % 300)
        )
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (600, 50)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200)
    builder.setupPost()
    path.parent.mkdir(parents=True, exist_ok=True)
    builder.save(path)
    return path


def _box(hollow: bool, height: int):
    pen = TTGlyphPen(None)
    _square(pen, 50, 0, 550, height)
    if hollow:
        _square(pen, 500, 50, 100, height - 50)
    return pen.glyph()


def _square(pen: TTGlyphPen, left: int, bottom: int, right: int, top: int) -> None:
    pen.moveTo((left, bottom))
    for point in ((left, top), (right, top), (right, bottom)):
        pen.lineTo(point)
    pen.closePath()
