"""Caption measures: words by script, language, repetition, special characters, mojibake, entities."""

import pytest

from classifiers.caption_quality import HAN_CONFIDENCE, character_repetition, detect_language, measure_caption, word_repetition


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("a red car", 3),
        ("don't touch well-known 3.5", 4),
        ("红色的汽车", 5),
        ("今日は食べる", 5),
        ("サッカーボール", 1),
        ("한국어 문장 입니다", 3),
        ("हिन्दी में लिखा", 3),
        ("Tēvzeme un Brīvība", 3),
        ("résumé – naïve", 2),
        ("iPhone 手机", 3),
        ("!!! ???", 0),
        ("سيارة حمراء", 2),
    ],
)
def test_words_by_script(text, words):
    assert measure_caption(text).words == words


def test_spaces_and_entities_are_resolved_before_measuring():
    found = measure_caption("  Fish &amp; chips \n\t caf&#233; &lt;b&gt; ")
    assert found.html_entities == 4
    assert found.characters == len("Fish & chips café <b>")
    assert measure_caption("AT&T").html_entities == 0


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("A red car is parked on the street in the evening", "en"),
        ("Ein rotes Auto steht am Abend auf der Straße", "de"),
        ("Un coche rojo está aparcado en la calle", "es"),
        ("Une voiture rouge est garée dans la rue", "fr"),
        ("红色的汽车停在街上", "zh"),
        ("赤い車が道に止まっている", "ja"),
        ("빨간 차가 길에 서 있다", "ko"),
        ("Красная машина стоит на улице", "ru"),
    ],
)
def test_languages_of_sentences(text, language):
    found, confidence = detect_language(text)
    assert found == language
    assert confidence is not None
    assert confidence > 0.5


def test_what_has_no_letters_has_no_language():
    for text in ("", "1974", "!?", "🎉🎉"):
        assert detect_language(text) == (None, None)
    assert detect_language("苹果") == ("zh", HAN_CONFIDENCE)


def test_repetition():
    assert word_repetition(["the", "cat", "and", "the", "dog", "on", "the", "mat"]) == 0
    assert word_repetition(["cheap", "shoes", "Cheap", "SHOES", "cheap", "shoes"]) == pytest.approx(0.6)
    assert character_repetition("a fox in the snow beside a birch") == 0
    assert character_repetition("hahahahahahahahahahahaha") > 0.7
    assert measure_caption("sale " * 20).word_repetition > 0.9


def test_special_characters_are_neither_letters_marks_digits_nor_spaces():
    assert measure_caption("हिन्दी में लिखा").special_ratio == 0
    assert measure_caption("a car, 1974").special_ratio == pytest.approx(1 / 11)
    assert measure_caption("★★★ >>> !!!").special_ratio == pytest.approx(9 / 11)


def test_mojibake_is_told_from_accents():
    for good in ("café in Paris", "Straße in München", "niño pequeño", "“quoted” – dash", "日本語の文", "Ærøskøbing"):
        assert measure_caption(good).mojibake == 0
        broken = good.encode().decode("cp1252", "replace").replace("�", "")
        assert measure_caption(broken).mojibake > 0, broken


def test_a_lone_surrogate_or_control_character_is_measured_too():
    assert measure_caption("a\x00b\x1b[0m c").words >= 2
