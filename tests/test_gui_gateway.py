"""The gateway: what it lets through is checked at the address it connects to, whatever the name says next time."""

import http.client
import socket
from urllib.parse import urlsplit

import pytest

from gui_crawl.address_rules import AddressRules
from gui_crawl.gateway import Gateway, fetch
from gui_crawl.robots import Manners, Robots, directives, may_follow, opted_out
from tests.hostile_server import hostile_server


@pytest.fixture
def server():
    with hostile_server() as running:
        yield running


def get(gateway, url, method="GET", body=None):
    """(status, body) of a request through the gateway, as a browser makes it."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(gateway.address).port, timeout=10)
    connection.request(method, url, body=body)
    answer = connection.getresponse()
    return answer.status, answer.read()


def loopback(host, port):
    return ["127.0.0.1"]


def test_a_private_address_is_refused_and_noted(server):
    with Gateway(AddressRules(), resolver=loopback) as gateway:
        status, _ = get(gateway, f"http://inside.test:{server.server_port}/good")
        assert status == 403
        assert gateway.meter.refused == {"inside.test"}
    assert not server.seen


def test_it_is_reached_if_the_recipe_names_it(server):
    rules = AddressRules(allow=(f"inside.test:{server.server_port}",))
    with Gateway(rules, resolver=loopback) as gateway:
        status, body = get(gateway, f"http://inside.test:{server.server_port}/good")
    assert status == 200
    assert b"A heading" in body


def test_a_name_that_changes_its_mind_gains_nothing(server):
    """DNS rebinding: each connection is made to an address that was checked, so the second look-up is judged as the first was."""
    answers = [["203.0.113.7"], ["127.0.0.1"]]
    asked = []

    def rebinding(host, port):
        asked.append(host)
        return answers[min(len(asked), 2) - 1]

    class Public(AddressRules):
        def allows(self, host, port, address):
            return address == "203.0.113.7" or super().allows(host, port, address)

    with Gateway(Public(), resolver=rebinding) as gateway:
        connected = []
        gateway_connect = socket.create_connection

        def record(address, timeout=None):
            connected.append(address[0])
            raise OSError("nothing listens there")

        socket.create_connection = record
        try:
            with pytest.raises(OSError, match="nothing listens"):
                gateway.connect("rebind.test", server.server_port)
            assert gateway.connect("rebind.test", server.server_port) is None
        finally:
            socket.create_connection = gateway_connect
        assert connected == ["203.0.113.7"]  # never by name
    assert not server.seen


def test_one_private_address_among_public_ones_is_enough(server):
    with Gateway(AddressRules(), resolver=lambda h, p: ["1.1.1.1", "127.0.0.1"]) as gateway:
        assert gateway.connect("mixed.test", server.server_port) is None


def test_tunnels_are_checked_too(server):
    with Gateway(AddressRules(), resolver=loopback) as gateway:
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(gateway.address).port, timeout=10)
        connection.set_tunnel("inside.test", server.server_port)
        with pytest.raises(OSError, match="403"):
            connection.connect()


def test_bytes_are_counted_and_cut(server):
    rules = AddressRules(allow=("inside.test",))
    with Gateway(rules, resolver=loopback) as gateway:
        gateway.meter.start(1_000_000)
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(gateway.address).port, timeout=10)
        connection.request("GET", f"http://inside.test:{server.server_port}/huge")
        assert len(connection.getresponse().read()) <= 1_000_000
        assert gateway.meter.over


def test_a_folder_is_served_and_nothing_outside_it(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<p>home</p>")
    (tmp_path / "secret.html").write_text("secret")
    (tmp_path / "site" / "link.html").symlink_to(tmp_path / "secret.html")
    with Gateway(AddressRules(), {"site.localhost": tmp_path / "site"}) as gateway:
        assert get(gateway, "http://site.localhost/") == (200, b"<p>home</p>")
        for path in ("/../secret.html", "/%2e%2e/secret.html", "/..%2fsecret.html", "/link.html", "//etc/passwd", "/none"):
            assert get(gateway, f"http://site.localhost{path}")[0] == 404, path
        assert get(gateway, "http://site.localhost/", "POST", b"x")[0] == 404


def test_robots_txt_is_followed_and_fetched_once(server):
    rules = AddressRules(allow=("inside.test",))
    base = f"http://inside.test:{server.server_port}"
    with Gateway(rules, resolver=loopback) as gateway:
        robots = Robots(gateway, Manners(delay=0), "SievelineBot/0.1")
        assert robots.allows(f"{base}/good")
        assert not robots.allows(f"{base}/forbidden/x")
        assert robots.delay(f"{base}/good") == 0
        assert server.seen["/robots.txt"] == 1
        assert Robots(gateway, Manners(robots=False), "x").allows(f"{base}/forbidden")


def test_a_robots_txt_that_cannot_be_had_forbids_all():
    with Gateway(AddressRules(), resolver=lambda h, p: []) as gateway:
        assert not Robots(gateway, Manners(), "x").allows("http://gone.test/")


def test_small_files_come_through_redirects_and_only_so_many(server):
    rules = AddressRules(allow=("inside.test",))
    with Gateway(rules, resolver=loopback) as gateway, pytest.raises(OSError, match="redirects"):
        fetch(gateway, f"http://inside.test:{server.server_port}/redirects", agent="x", limit=10, timeout=5)


def test_opt_outs_are_read_from_headers_and_meta():
    manners = Manners()
    assert opted_out(directives(["noai, noimageai"], "bot"), manners)
    assert opted_out(directives(["", "NoIndex"], "bot"), manners)
    assert opted_out(directives(["bot: noai"], "bot"), manners)
    assert not opted_out(directives(["otherbot: noai"], "bot"), manners)
    assert not opted_out(directives(["index, follow"], "bot"), manners)
    assert not may_follow(directives(["nofollow"], "bot"))
    assert not opted_out({"noai"}, Manners(opt_out=None))
