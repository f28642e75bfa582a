"""Addresses and telephone numbers are found, and numbers that are neither are left."""

import pytest

from gui_crawl.privacy import masked, personal


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to jane.roe+news@mail.example.org", "email"),
        ("jane＠公司.cn", "email"),
        ("jane (at) example.org", "email"),
        ("+1 (650) 253-0000", "phone"),
        ("电话：010-62781234", "phone"),
        ("13800138000", "phone"),
        ("Rufen Sie an: 030 901820", "phone"),
        ("+44 20 7946 0958 ext. 12", "phone"),
        ("Order #1042339 from 2024-03-12", None),
        ("$1,234,567.00", None),
        ("ISBN 978-3-16-148410-0", None),
        ("2019-2020, 2021-2022", None),
        ("192.168.100.200", None),
        ("version 3.11.4", None),
        ("follow @someone", None),
        ("user@host", None),
    ],
)
def test_found(text: str, kind: str | None):
    assert personal(text) == kind


def test_masked_is_the_rest_unchanged_and_clean():
    text = "Ask jane@roe.org or +1 650 253 0000 (not 13800138000)."
    assert masked(text) == "Ask [e-mail] or [phone] (not [phone])."
    assert personal(masked(text)) is None
    assert masked("nothing here, 12 of 34") == "nothing here, 12 of 34"


def test_regions_say_whose_national_numbers_count():
    assert personal("02 9374 4000", ("AU",)) == "phone"
    assert personal("02 9374 4000", ("US",)) is None


def test_hostile_text_ends_soon():
    assert personal("1 " * 20_000) is None
    assert personal("a" * 50_000 + "@") is None
