"""Forms and receipts: labels beside values, item and price, set as slips are set."""

from dataclasses import replace

from ocr_synth.synthetic.elements import Column, Composer
from ocr_synth.synthetic.page import Block, Line, Rule
from ocr_synth.synthetic.sampling import happens, one_of, uniform, whole
from ocr_synth.synthetic.vocabulary import FORM, RECEIPT


def form(c: Composer, column: Column) -> tuple[Block | None, float]:
    """Labels with values on lines or in boxes; some with a box to tick."""
    ranges, size = c.sampling.form, c.body.size
    names = list(FORM.get(c.page.language, FORM["en"]))
    order = [names[i] for i in c.rng.permutation(len(names))]
    boxed, colon = happens(c.rng, ranges.boxed_share), one_of(c.rng, (":", ":", ""))
    label = replace(c.body, bold=happens(c.rng, c.sampling.text.bold_share))
    labels = [f"{n}{colon}" for n in order[: whole(c.rng, ranges.fields)]]
    label_width = min(max(c.typesetter.width(text, label) for text in labels) + size, 0.5 * column.width)
    lines: list[Line] = []
    texts, markdown, top = [], [], column.top
    for text in labels:
        low = top + 1.9 * size
        if low > c.limit:
            break
        value_width = column.width - label_width
        left = column.left if c.typesetter.rtl else column.left + label_width
        value = _value(c, value_width - size)
        lines.append(c.typesetter.line(text, label, column.left, top + 0.3 * size, width=column.width))
        lines.append(c.typesetter.line(value, c.body, left + 0.5 * size, top + 0.3 * size, width=value_width - size))
        bottom = max(line.y + line.shaped.descent for line in lines[-2:]) + 0.15 * size
        colour, thick = c.page.palette.faint, max(1.0, 0.06 * size)
        if boxed:
            c.page.rules.append(Rule(left, top + 0.1 * size, left + value_width, bottom, colour, thick))
        else:
            c.page.rules.append(Rule(left, bottom, left + value_width, bottom, colour, thick))
        texts.append(f"{text} {value}")
        markdown.append(f"**{text}** {value}")
        top = bottom + uniform(c.rng, (0.3, 0.9)) * size
    if happens(c.rng, ranges.checkbox_share):
        top = _ticks(c, column, top, lines, texts, markdown)
    return (Block("form", lines, "\n".join(texts), "\n".join(markdown)) if lines else None), top + size


def _value(c: Composer, room: float) -> str:
    kind = int(c.rng.integers(5))
    made = (c.numbers.date, c.numbers.serial, c.numbers.figure)
    text = made[kind]() if kind < 3 else c.reader.phrase(whole(c.rng, (1, 4)))
    while c.typesetter.width(text, c.body) > room and len(text) > 1:
        text = text.rsplit(" ", 1)[0] if " " in text else text[: len(text) // 2]
    return text


def _ticks(c: Composer, column: Column, top: float, lines: list[Line], texts: list[str], markdown: list[str]) -> float:
    """Boxes to tick, with a phrase each; the tick is drawn, not written."""
    size, thick = c.body.size, max(1.2, 0.07 * c.body.size)
    for _ in range(whole(c.rng, (2, 4))):
        text = c.reader.phrase(whole(c.rng, (1, 3)))
        if top + 1.6 * size > c.limit or c.typesetter.width(text, c.body) > column.width - 2 * size:
            break
        line = c.typesetter.line(
            text, c.body, column.left if c.typesetter.rtl else column.left + 1.6 * size, top, width=column.width - 1.6 * size
        )
        side, left = 0.9 * size, column.left + column.width - 1.0 * size if c.typesetter.rtl else column.left
        low = line.y + 0.1 * size
        c.page.rules.append(Rule(left, low - side, left + side, low, c.page.palette.ink, thick))
        ticked = happens(c.rng, 0.5)
        if ticked:
            inset = 0.25 * side
            c.page.rules.append(Rule(left + inset, low - side + inset, left + side - inset, low - inset, c.page.palette.ink, 0))
        lines.append(line)
        texts.append(text)
        markdown.append(f"- [{'x' if ticked else ' '}] {text}")
        top += 1.6 * size
    return top


def receipt(c: Composer, column: Column) -> tuple[Block | None, float]:
    """A shop's name, date and number, items with prices, sums; in one column of fixed width."""
    size = c.body.size
    words = RECEIPT.get(c.page.language, RECEIPT["en"])
    subtotal, tax, total, cash, change, date, number = words
    lines: list[Line] = []
    texts: list[str] = []
    top = column.top

    def row(left_text: str, right_text: str, bold: bool = False) -> None:
        nonlocal top
        style = replace(c.body, bold=bold)
        room = column.width - c.typesetter.width(right_text, style) - size
        while c.typesetter.width(left_text, style) > room and len(left_text) > 1:
            left_text = left_text[:-1].rstrip()
        lines.append(c.typesetter.line(left_text, style, column.left, top, width=column.width, align="start"))
        lines.append(c.typesetter.line(right_text, style, column.left, top, width=column.width, align="end"))
        texts.append(f"{left_text}\t{right_text}")
        top += c.leading * size

    def rule() -> None:
        nonlocal top
        top += 0.25 * size
        c.page.rules.append(
            Rule(column.left, top, column.left + column.width, top, c.page.palette.faint, max(1.0, 0.05 * size))
        )
        top += 0.35 * size

    name = c.typesetter.paragraph(
        c.reader.phrase(whole(c.rng, (1, 3))), replace(c.heading, size=1.35 * size, underline=False), column.left, top, column.width,
        leading=1.25, align="centre",
    )  # fmt: skip
    lines += name.lines
    texts.append(name.text)
    top = name.bottom + 0.4 * size
    row(date, c.numbers.date())
    row(number, c.numbers.serial())
    rule()
    cents = [int(v) for v in c.rng.integers(50, 9999, whole(c.rng, c.sampling.receipt.items))]
    paid = []
    for value in cents:
        if top + 8 * c.leading * size > c.limit:
            break
        row(c.reader.phrase(whole(c.rng, (1, 3))), c.numbers.amount(value))
        paid.append(value)
    rule()
    due = sum(paid)
    extra = round(due * float(c.rng.choice([0.05, 0.08, 0.1, 0.2])))
    row(subtotal, c.numbers.amount(due))
    row(tax, c.numbers.amount(extra))
    row(total, c.numbers.amount(due + extra), bold=True)
    if happens(c.rng, 0.6):
        given = -(-(due + extra) // 1000) * 1000
        row(cash, c.numbers.amount(given))
        row(change, c.numbers.amount(given - due - extra))
    if happens(c.rng, 0.5):
        rule()
        thanks = c.typesetter.paragraph(
            c.reader.phrase(whole(c.rng, (2, 5))), c.body, column.left, top, column.width, leading=c.leading, align="centre"
        )  # fmt: skip
        lines += thanks.lines
        texts.append(thanks.text)
        top = thanks.bottom
    text = "\n".join(texts)
    return Block("receipt", lines, text, text.replace("\t", " ")), top
