"""Pictures from addresses: those that come, and those that are slow, large or not there."""

import http.server
import io
import threading
import time

import pytest
from PIL import Image
from test_image import COLOURS, one_sentence, pixels

from nst_utils import image as images
from nst_utils.errors import NSTError
from nst_utils.image import load_image


@pytest.fixture(scope="module")
def server():
    picture = io.BytesIO()
    Image.fromarray(COLOURS).save(picture, "PNG")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path not in ("/good.png", "/f%C3%AAte%20x.png", "/large", "/drip", "/silent"):
                return self.send_error(404)
            if self.path == "/silent":
                return stop.wait(5)
            self.send_response(200)
            self.end_headers()
            try:
                if self.path == "/large":
                    self.wfile.write(bytes(100_000))
                elif self.path == "/drip":
                    while not stop.wait(0.02):
                        self.wfile.write(b"x")
                else:
                    self.wfile.write(picture.getvalue())
            except OSError:
                pass  # the reader hung up, as it should

        def log_message(self, *arguments):
            pass

    stop = threading.Event()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        stop.set()
        running.shutdown()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


@pytest.mark.parametrize("name", ["good.png", "fête x.png"])
def test_address(server, name):
    assert pixels(load_image(f"{server}/{name}")) == pytest.approx(COLOURS, abs=0.01)


@pytest.mark.parametrize("name", ["silent", "drip"])
def test_slow_address_is_given_up(server, name):
    start = time.monotonic()
    with pytest.raises(NSTError, match=r"within 0\.2 seconds") as error:
        load_image(f"{server}/{name}", timeout=0.2)
    assert time.monotonic() - start < 2
    assert one_sentence(error)


def test_large_download_is_given_up(server, monkeypatch):
    monkeypatch.setattr(images, "MAX_DOWNLOAD", 99_999)
    with pytest.raises(NSTError, match="over 0.099999 MB"):
        load_image(f"{server}/large")


def test_addresses_that_do_not_work(server):
    cases = {
        f"{server}/none.png": "404",
        f"{server}/large": "not a picture",
        "http://127.0.0.1:9/x.png": "cannot be reached",
        "http://": "cannot be reached",
        "http://[broken/x.png": "cannot be reached",
        "http://127.0.0.1:port/x.png": "cannot be reached",
        "ftp://127.0.0.1/x.png": "http:// or https://",
        "file:///etc/hosts": "http:// or https://",
    }
    for address, problem in cases.items():
        with pytest.raises(NSTError, match=problem) as error:
            load_image(address, timeout=2)
        assert one_sentence(error)
