"""Where a crawl starts: URL lists, CDX and WARC files, folders; canonical URLs, sites and shares."""

import gzip
import io
import json

import pytest

from gui_crawl.address_rules import AddressRules, is_public
from gui_crawl.addresses import canonical, find_shards, folder_host, share_of, shares, site
from sieveline.errors import ConfigError


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("HTTP://Example.COM:80/a?b=2&a=1#top", "http://example.com/a?a=1&b=2"),
        ("https://example.com:443/?utm_source=x&q=1", "https://example.com/?q=1"),
        ("https://example.com:8443/x", "https://example.com:8443/x"),
        ("http://example.com", "http://example.com/"),
        ("http://bücher.example/ä", "http://bücher.example/%C3%A4"),
        ("ftp://example.com/", None),
        ("javascript:alert(1)", None),
        ("http://user:secret@example.com/", None),
        ("http://[::1]:99999/", None),
        ("http://example.com/" + "a" * 3000, None),
    ],
)
def test_urls_have_one_form(given, wanted):
    assert canonical(given) == wanted


def test_canonical_is_idempotent():
    for url in ("http://example.com/a%2Fb?x=%20y", "https://例え.jp/パス?é=1", "http://[2001:db8::1]/x"):
        once = canonical(url)
        assert once is not None
        assert canonical(once) == once


def test_a_site_is_a_registrable_domain():
    assert site("http://a.b.example.co.uk/x") == "example.co.uk"
    assert site("http://127.0.0.1:8000/") == "127.0.0.1"
    assert site("http://localhost/") == "localhost"


def test_a_list_of_urls_is_cut_into_shares_of_one_site(tmp_path):
    path = tmp_path / "urls.txt"
    lines = [
        "# a comment",
        "",
        *(f"http://one.example/{n}" for n in range(5)),
        "http://two.example/",
        "http://one.example/3#again",
        "nonsense",
    ]
    path.write_text("\n".join(lines))
    found = shares(str(path), 2, None)
    assert [(s.id, len(s.urls)) for s in found] == [
        ("one.example-0000", 2),
        ("one.example-0001", 2),
        ("one.example-0002", 1),
        ("two.example-0000", 1),
    ]
    shards = find_shards(str(path), 2, None)
    assert share_of(shards[1], 2, None) == found[1]
    assert sum(len(s.urls) for s in shares(str(path), 2, 3)) == 3


def test_commoncrawl_index_lines_are_read(tmp_path):
    good = {"url": "http://a.example/x", "mime": "text/html", "status": "200"}
    lines = [
        "example,a)/x 20240101000000 " + json.dumps(good),
        "example,a)/y 20240101000000 " + json.dumps(good | {"url": "http://a.example/y", "status": "404"}),
        "example,a)/z 20240101000000 " + json.dumps(good | {"url": "http://a.example/z", "mime": "image/png"}),
        "example,a)/broken 2024 {",
    ]
    for name in ("cdx-00000.gz", "part.cdxj.gz"):
        (tmp_path / name).write_bytes(gzip.compress("\n".join(lines).encode()))
        assert shares(str(tmp_path / name), 10, None)[0].urls == ("http://a.example/x",)
    old = " CDX N b a m s k r M S V g\ncom,b)/ 2024 http://b.example/ text/html 200 X - - 1 2 f.warc.gz\n"
    (tmp_path / "old.cdx").write_text(old)
    assert shares(str(tmp_path / "old.cdx"), 10, None)[0].urls == ("http://b.example/",)


def warc(urls):
    from warcio.statusandheaders import StatusAndHeaders
    from warcio.warcwriter import WARCWriter

    file = io.BytesIO()
    writer = WARCWriter(file, gzip=True)
    for url, kind in urls:
        headers = StatusAndHeaders("200 OK", [("Content-Type", kind)], protocol="HTTP/1.1")
        writer.write_record(
            writer.create_warc_record(url, "response", payload=io.BytesIO(b"<p>x</p>" * 500), http_headers=headers)
        )
    return file.getvalue()


def test_warc_files_are_read_and_a_cut_one_gives_what_it_has(tmp_path):
    content = warc(
        [("http://a.example/1", "text/html"), ("http://a.example/2.png", "image/png"), ("http://a.example/3", "text/html")]
    )
    path = tmp_path / "part.warc.gz"
    path.write_bytes(content)
    assert shares(str(path), 10, None)[0].urls == ("http://a.example/1", "http://a.example/3")
    cut = tmp_path / "cut.warc.gz"
    cut.write_bytes(content[: len(content) * 2 // 3])
    assert shares(str(cut), 10, None)[0].urls == ("http://a.example/1",)


def test_a_folder_is_its_pages(tmp_path):
    folder = tmp_path / "My Site"
    (folder / "sub").mkdir(parents=True)
    (folder / "index.html").write_text("<p>")
    (folder / "sub" / "b c.htm").write_text("<p>")
    (folder / "style.css").write_text("")
    [share] = shares(str(folder), 10, None)
    assert share.site == folder_host(str(folder)) == "my-site.localhost"
    assert share.urls == ("http://my-site.localhost/index.html", "http://my-site.localhost/sub/b%20c.htm")


def test_nothing_to_read_is_said_before_any_work(tmp_path):
    with pytest.raises(ConfigError, match=r"no \.html"):
        shares(str(tmp_path), 10, None)
    with pytest.raises(ConfigError, match="no such file"):
        shares(str(tmp_path / "none*.txt"), 10, None)
    (tmp_path / "empty.txt").write_text("# nothing\n")
    with pytest.raises(ConfigError, match="no http"):
        shares(str(tmp_path / "empty.txt"), 10, None)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
     "::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::101:101",
     "2002:7f00:1::", "::",
     "ff02::1", "not an address"],
)  # fmt: skip
def test_addresses_that_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111"])
def test_addresses_that_are(address):
    assert is_public(address)


def test_a_host_is_allowed_by_name_and_port():
    rules = AddressRules(allow=("inside.test:8000", "open.test"))
    assert rules.allows("inside.test", 8000, "127.0.0.1")
    assert not rules.allows("inside.test", 8001, "127.0.0.1")
    assert rules.allows("OPEN.test", 1, "10.0.0.1")
    assert not rules.allows("other.test", 8000, "127.0.0.1")
