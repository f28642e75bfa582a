"""What the web does to captions: light noise, which a reader would repair, and heavy noise, which leaves no caption.

Every function is pure: what it draws comes from the generator it is given.
"""

import numpy as np

from demo.sources import Item

LIGHT = ("file_suffix", "stock", "entities", "file_name", "tag", "capitals", "spaces", "mojibake")
"""Names of the light noises."""


def light(text: str, rng: np.random.Generator) -> tuple[str, str]:
    """`text` with one noise that a reader would repair: (text, its name). Mojibake only where the text has accents for it."""
    accented = sum(c > "\x7f" for c in text)
    names = [name for name in LIGHT if name != "mojibake" or 0 < accented <= 4]
    name = "mojibake" if 0 < accented <= 4 and rng.random() < 0.5 else str(rng.choice(names))
    if name == "file_suffix":
        text += "." + str(rng.choice(["jpg", "JPG", "png", "jpeg"]))
    elif name == "stock":
        text += str(rng.choice([" | Stock photo", " - Stock Photo", " | Free images", " - Wikimedia"]))
    elif name == "entities":
        text = _entities(text, rng)
    elif name == "file_name":
        text += " " + _file_name(rng)
    elif name == "tag":
        text = f"[{rng.choice(['HD', 'Photo', 'PIC', 'NEW'])}] {text}"
    elif name == "capitals":
        text = text.upper()
    elif name == "spaces":
        text = text.replace(" ", "  ").replace(",", " ,")
    else:
        text = text.encode().decode("latin-1")
    return text, name


def _entities(text: str, rng: np.random.Generator) -> str:
    noisy = text.replace("&", "&amp;").replace("'", "&#39;").replace("’", "&rsquo;").replace('"', "&quot;")
    noisy = noisy.replace(" and ", " &amp; ").replace(" y ", " &amp; ")
    return noisy if noisy != text else text.replace(" ", "&nbsp;", 1) + str(rng.choice(["&nbsp;", " &raquo;", ""]))


def _file_name(rng: np.random.Generator) -> str:
    number = int(rng.integers(0, 10_000))
    return str(
        rng.choice(
            [
                f"IMG_{number:04d}.JPG",
                f"DSC{number:05d}",
                f"DSCN{number:04d}.jpg",
                f"P10{number:05d}.JPG",
                f"image{number % 1000:03d}.png",
                f"Screenshot_2019-{1 + number % 12:02d}-{1 + number % 28:02d}-{number:06d}.png",
                f"{number:04x}{int(rng.integers(0, 2**32)):08x}{int(rng.integers(0, 2**32)):08x}.jpg",
                f"photo-{number}-large",
                f"WhatsApp Image 2020-{1 + number % 12:02d}-{1 + number % 28:02d} at 10.{number % 60:02d}.12.jpeg",
            ]
        )
    )


def boilerplate(rng: np.random.Generator) -> tuple[str, str]:
    """An alt text that says nothing of its picture: (text, kind); kinds `file_name`, `counter`, `shop`, `site`."""
    kind = str(rng.choice(["file_name", "counter", "shop", "site"]))
    n, m = int(rng.integers(1, 9)), int(rng.integers(9, 30))
    if kind == "file_name":
        return _file_name(rng), kind
    if kind == "counter":
        text = rng.choice(
            [f"image {n} of {m}", f"Image {n} of {m}", f"Photo {n}/{m}", f"Slide {n} of {m}", f"imagen {n} de {m}"]
        )
        return str(text), kind
    if kind == "shop":
        text = rng.choice(
            [
                "Buy online now! Free shipping on orders over $50",
                "Best price guaranteed - Add to cart - Fast delivery",
                f"Product image {n} - click to enlarge",
                "Click here to view larger image",
                f"Sale! Save up to {m}% off, free shipping worldwide, buy now",
                "Compra online con envío gratis, mejor precio garantizado",
                f"SKU {int(rng.integers(10_000, 99_999))} product photo, add to cart",
                "No image available",
            ]
        )
        return str(text), kind
    text = rng.choice(
        [
            "Share on Facebook", "Click to share on Twitter (Opens in new window)", "Home page banner", "logo", "Advertisement",
            "default placeholder image", "Loading... please wait", "thumbnail image", "Profile picture", "Pin it on Pinterest",
            "Read more: click here", "Featured image for this post", "Subscribe to our newsletter",
            "Imagen destacada de la entrada",
        ]
    )  # fmt: skip
    return str(text), kind


def heavy_mojibake(text: str, rng: np.random.Generator) -> str:
    """`text`, which has letters beyond ASCII, with its bytes read as another code page and what did not fit lost.

    Nothing repairs it: the replaced characters are gone.
    """
    if rng.random() < 0.5:
        return text.encode().decode("cp1252", "replace").encode().decode("cp1252", "replace")
    return text.encode().decode("ascii", "replace")


def special_characters(text: str, rng: np.random.Generator) -> str:
    """`text` lost among markup or ornament."""
    word = text.split(maxsplit=1)[0]
    ornament = str(rng.choice(["★☆", "►◄", "=-", "~*", "#@", "}{"]))
    return str(
        rng.choice(
            [
                f"<img src=&quot;{word}&quot; />&lt;/p&gt;&lt;/div&gt;&lt;/td&gt; %%%% $$ {{{{alt}}}}",
                f"{ornament * 8} {word} {ornament * 8} !!! {ornament * 4}",
                f"{{{{ {word} }}}} [[[[ ]]]] %%%_{word}_%%% ||| /// ***",
            ]
        )
    )


def repetition(text: str, rng: np.random.Generator) -> str:
    """The words of `text` over and over, as stuffed for a search engine."""
    words = text.replace(":", ",").split(",")[0].split()[:3]
    return " ".join(words * int(rng.integers(8, 16)))


def short(rng: np.random.Generator) -> str:
    """A caption of a character or two."""
    return str(rng.choice(["-", "a", "1", "..", "ok", "x", "II", "."]))


FLOOD_TEMPLATES = 3


def flood(template: int, rng: np.random.Generator) -> str:
    """One caption pattern over many pictures, with only a number and a month that change."""
    n, month = int(rng.integers(1, 999)), str(rng.choice(["January", "April", "June", "October"]))
    return (
        f"Picture taken by our community members during the annual summer meeting of {month}, gallery entry number {n}",
        f"This beautiful wallpaper in high definition is available for every desktop and mobile phone, download {n} times",
        f"Our reporters bring you the latest stories of the day with this archive picture from {month}, reference {n}",
    )[template]


def phrase(item: Item, language: str) -> str:
    """What `item` shows, as a noun phrase to build a longer caption from."""
    text = item.captions[language]
    if item.source == "emoji":
        return text.split(":")[0]
    return text.split(" (")[0].split(", ")[0].strip(" .!")


TRUE_ENOUGH = {"en": 3, "es": 3}
"""Words a caption of the pool has at least, by language; shorter ones may rightly be dropped for their length."""


def long_enough(text: str, language: str) -> bool:
    """Whether `text` is a caption no sensible length rule drops."""
    return len(text.split()) >= TRUE_ENOUGH.get(language, 1) and 10 <= len(text) <= 200
