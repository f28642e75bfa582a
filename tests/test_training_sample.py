"""The training sample's contract."""

import json

import pytest

from sieveline.stages.write import members
from sieveline.training_sample import encode, media_files, validate


def sample(**changes) -> dict:
    content = [{"type": "image", "file": "0.jpg"}, {"type": "text", "text": "Füchse", "loss": True}]
    return {"id": "ab", "line": "caption", "content": content, "provenance": {"url": None}} | changes


def test_equal_samples_are_equal_bytes():
    shuffled = dict(reversed(sample().items()))
    assert encode(sample()) == encode(shuffled)
    assert json.loads(encode(sample())) == sample()
    assert "Füchse".encode() in encode(sample())
    assert b": " not in encode(sample())


def test_lone_surrogates_do_not_stop_a_shard():
    text = {"type": "text", "text": "a\ud800b", "loss": True}
    assert json.loads(encode(sample(content=[text])))["content"][0]["text"] == "a?b"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"line": "poems"}, "line is 'poems'"),
        ({"id": ""}, "id must be"),
        ({"id": 7}, "id must be"),
        ({"provenance": None}, "provenance must be"),
        ({"content": []}, "content is empty"),
        ({"content": [{"type": "sound"}]}, r"content\[0\].type is 'sound'"),
        ({"content": [{"type": "text", "text": "a"}]}, r"content\[0\]: a text part"),
        ({"content": [{"type": "text", "text": None, "loss": True}]}, r"content\[0\]: a text part"),
        (
            {"content": [{"type": "text", "text": "a", "loss": True}, {"type": "image", "file": "a/b"}]},
            r"content\[1\]: a media part",
        ),
        ({"content": [{"type": "video"}]}, r"content\[0\]: a media part"),
        ({"extra": 1}, "a training sample has id, line, content, provenance, not"),
    ],
)
def test_broken_samples_are_named(changes, said):
    with pytest.raises(ValueError, match=said):
        validate(sample(**changes))


def test_media_files_are_named_once_and_in_order():
    parts = [{"type": "image", "file": f} for f in ("1.png", "0.jpg", "1.png")]
    assert media_files(sample(content=[*parts, {"type": "video", "file": "v.mp4"}])) == ["1.png", "0.jpg", "v.mp4"]


def test_members_of_a_caption_sample():
    (json_name, content), (image_name, image) = members("ab", b"bytes", "jpeg", "A fox", {"url": "u"})
    assert (json_name, image_name, image) == ("ab.json", "ab.0.jpeg", b"bytes")
    assert [f"ab.{file}" for file in media_files(json.loads(content))] == [image_name]
