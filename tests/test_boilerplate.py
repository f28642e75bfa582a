"""Template patterns: what they cover, what they must leave alone, and that no text makes them slow."""

import re
import time

import pytest

from classifiers.boilerplate import PATTERNS, boilerplate

TEMPLATES = {
    "camera_file": [
        "IMG_2034.JPG",
        "DSC00012",
        "DSC_0012-edited.jpg",
        "P1010101.JPG",
        "PXL_20230101_123456789",
        "IMG-20190412-WA0003",
    ],
    "file_name": ["banner-home_2x.png", "71kX-aBcL._AC_SL1500_.jpg", "header-bg_final.webp", "Tomato-Soup-Recipe-1.jpg"],
    "identifier": [
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "20190412_153012",
        "1600x900",
        "2034",
        "123e4567-e89b-12d3-a456-426614174000",
    ],
    "counter": [
        "image 1 of 5",
        "Image #12",
        "Bild 3 von 12",
        "foto 3/10",
        "图片 2",
        "第3张图片",
        "Imagen 4 de 8",
        "photo 2 sur 7",
        "Figure 3",
    ],
    "placeholder": [
        *("untitled", "Untitled design 3", "image", "Photo", "placeholder", "no image available", "alt text", "Featured image"),
        *(
            "sin título",
            "Kein Bild verfügbar",
            "sans titre",
            "ohne Titel",
            "无标题",
            "暂无图片",
            "click to enlarge",
            "logo",
            "N/A",
        ),
    ],
    "shop": [
        *(
            "Buy cheap red shoes online | Free shipping | ShopXYZ.com",
            "Red shoes - Buy Red shoes Online at Best Price - Shop.com",
        ),
        *("Jetzt günstig online kaufen", "comprar zapatos rojos online - envío gratis", "acheter chaussures en ligne pas cher"),
        *("厂家直销 正品保证 包邮", "Add to cart", "Free worldwide shipping - best deals in stock"),
    ],
    "seo": [
        *(
            "Free HD wallpaper download",
            "stock photo royalty free",
            "Getty Images",
            "高清图片素材下载",
            "fondos de pantalla gratis",
        ),
        *("lizenzfreie Stockfotos", "fond d'écran télécharger gratuitement"),
    ],
    "site": [
        "Advertisement",
        "Subscribe to our newsletter",
        "Loading... please wait",
        "Imagen destacada de la entrada",
        "Beitragsbild",
    ],
    "address": ["https://example.org/a/b.html", "www.example.com", "shop@example.com"],
}

DESCRIPTIONS = [
    *("a red fox in the snow", "picture of a red fox", "photo of 2 cats", "Photo 3: the tower of Pisa", "flag of Cuba", "Bank"),
    *(
        "Apple logo",
        "shopping cart",
        "credit card",
        "a man reading a book in the library",
        "delivery truck",
        "camera with flash",
    ),
    *(
        "framed picture on a wall",
        "mobile phone",
        "input numbers",
        "keycap: 10",
        "top 10 hits of 1974",
        "a sign that says sold out",
    ),
    *(
        "现代汽车",
        "红色的汽车停在路边",
        "eine Frau liest ein Buch",
        "Blick auf den Bahnhof",
        "una foto antigua de Madrid",
        "le marché de Noël",
    ),
    *("A fly (insects).png", "crutch on a red background.JPG", "searching for gold", "a placeholder bird"),
    *(
        "A Boeing 747 at gate 12 of the airport",
        "Apollo 11 lift-off in 1969",
        "No U-turn",
        "The Sale of Louisiana",
        "Amazon river at dawn",
    ),
]


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in TEMPLATES.items() for text in texts])
def test_templates_are_covered(name, text):
    share, found = boilerplate(text)
    assert share > 0.6, found
    assert found in PATTERNS
    if name not in ("camera_file", "identifier", "shop"):  # these overlap with other patterns on purpose
        assert found == name


@pytest.mark.parametrize("text", DESCRIPTIONS)
def test_descriptions_are_not(text):
    assert boilerplate(text)[0] <= 0.6


def test_a_template_behind_a_description_costs_its_share_only():
    share, name = boilerplate("A red fox in the snow near Helsinki, IMG_2034.JPG")
    assert name == "camera_file"
    assert 0.1 < share < 0.4


def test_text_without_letters_measures_zero():
    assert boilerplate("") == (0.0, None)
    assert boilerplate("... !!!") == (0.0, None)


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_are_lower_case_and_name_no_groups(name):
    assert re.compile(PATTERNS[name]).groups == 0
    literal = re.sub(r"\\.", "", PATTERNS[name])
    assert literal == literal.lower()


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "a.",
        "1-",
        "a1",
        "photo ",
        "buy ",
        "buy a a ",
        "-",
        "img_",
        "图片",
        "a'",
        "@",
        "a@",
        "a.com/",
        "image-_ :",
        "untitled_",
        " ",
    ],
)
def test_no_text_makes_the_search_slow(unit):
    start = time.process_time()
    boilerplate(unit * (8192 // len(unit)))
    assert time.process_time() - start < 1.0  # linear: some milliseconds; a quadratic pattern takes many seconds
