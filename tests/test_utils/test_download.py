import hashlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tiny import command_main

from mmseg_incremental.preparation import weights
from mmseg_incremental.utils.download import DownloadError, download

CONTENT = bytes(range(256)) * 3000
MD5 = hashlib.md5(CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        if 'missing' in self.path:
            self.send_error(404)
            return
        self.send_response(200)
        if 'odd' in self.path:
            self.send_header('Content-Length', 'abc')
        elif 'unsized' not in self.path:
            self.send_header('Content-Length', str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: len(CONTENT) // 2] if 'truncated' in self.path else CONTENT)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(('127.0.0.1', 0), Handler) as httpd:
        httpd.requests = []
        httpd.url = f'http://127.0.0.1:{httpd.server_port}'
        thread = threading.Thread(target=httpd.serve_forever, kwargs={'poll_interval': 0.02})
        thread.start()
        yield httpd
        httpd.shutdown()
        thread.join()


@pytest.mark.parametrize(
    'checksum',
    [{'md5': MD5}, {'md5': MD5.upper()}, {'sha256_prefix': SHA256[:8]}, {'sha256_prefix': SHA256}],
)
@pytest.mark.parametrize('name', ['file', 'unsized', 'odd'])
def test_good_file_arrives(server, tmp_path, checksum, name):
    path = tmp_path / 'new/folder/file.bin'
    assert download(f'{server.url}/{name}', path, **checksum) == path
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]


def test_verified_file_is_not_fetched_again(server, tmp_path):
    path = tmp_path / 'file.bin'
    path.write_bytes(CONTENT)
    download(f'{server.url}/file', path, md5=MD5)
    assert server.requests == []


def test_link_that_waits_for_the_download_is_not_followed(server, tmp_path):
    victim = tmp_path / 'victim'
    victim.write_bytes(b'mine')
    (tmp_path / 'file.bin.part').symlink_to(victim)
    download(f'{server.url}/file', tmp_path / 'file.bin', md5=MD5)
    assert victim.read_bytes() == b'mine'
    assert (tmp_path / 'file.bin').read_bytes() == CONTENT


def test_folder_in_the_place_is_told(server, tmp_path):
    with pytest.raises(DownloadError, match='is a folder; give the name of a file'):
        download(f'{server.url}/file', tmp_path, md5=MD5)
    assert server.requests == []


def test_other_file_in_the_place_is_kept(server, tmp_path):
    path = tmp_path / 'file.bin'
    path.write_bytes(b'my own weights')
    with pytest.raises(DownloadError, match=f'exists, but .* expected {MD5}'):
        download(f'{server.url}/file', path, md5=MD5)
    assert path.read_bytes() == b'my own weights'
    assert server.requests == []


@pytest.mark.parametrize(
    ('checksum', 'found'), [({'md5': '0' * 32}, MD5), ({'sha256_prefix': '0' * 8}, SHA256)]
)
def test_wrong_checksum_leaves_nothing(server, tmp_path, checksum, found):
    expected = next(iter(checksum.values()))
    with pytest.raises(DownloadError, match=f'expected .* {expected}, got {found}'):
        download(f'{server.url}/file', tmp_path / 'file.bin', **checksum)
    assert list(tmp_path.iterdir()) == []


def test_truncated_transfer_leaves_nothing(server, tmp_path):
    # Newer Python versions report a broken transfer by themselves, in their own words.
    with pytest.raises(DownloadError, match=f'broke off after {len(CONTENT) // 2} |IncompleteRead'):
        download(f'{server.url}/truncated', tmp_path / 'file.bin', md5=MD5)
    assert list(tmp_path.iterdir()) == []


def test_missing_page_is_a_clear_error(server, tmp_path):
    url = f'{server.url}/missing'
    with pytest.raises(DownloadError, match=f'cannot download {url}: .*404'):
        download(url, tmp_path / 'file.bin', md5=MD5)
    assert list(tmp_path.iterdir()) == []


def test_unreachable_server_is_a_clear_error(tmp_path):
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))
        url = f'http://127.0.0.1:{unused.getsockname()[1]}/file'
        with pytest.raises(DownloadError, match=f'cannot download {url}: '):
            download(url, tmp_path / 'file.bin', md5=MD5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    'checksums',
    [
        {},
        {'md5': MD5, 'sha256_prefix': SHA256},
        {'md5': MD5[:8]},
        {'sha256_prefix': ''},
        {'sha256_prefix': 'not hexadecimal'},
    ],
)
def test_one_real_checksum_is_mandatory(server, tmp_path, checksums):
    with pytest.raises(ValueError, match=r'checksum|exactly one'):
        download(f'{server.url}/file', tmp_path / 'file.bin', **checksums)
    assert server.requests == []


def test_weights_come_from_a_mirror_and_the_option_is_printed(
    server, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(weights.SHA256_PREFIXES, 'resnet18', SHA256[:8])
    command_main('download_weights')(['resnet18', '--base-url', f'{server.url}/models/'])
    assert server.requests == [f'/models/resnet18-{SHA256[:8]}.pth']
    assert (tmp_path / 'weights/resnet18_in1k.pth').read_bytes() == CONTENT
    option = '--cfg-options backbone_weights=weights/resnet18_in1k.pth'
    assert option in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize('address', ['{}/missing', 'no-url'])
def test_weights_tool_fails_with_one_line(server, tmp_path, address):
    options = ['--out', str(tmp_path), '--base-url', address.format(server.url)]
    with pytest.raises(SystemExit, match=r'^error: [^\n]+$'):
        command_main('download_weights')(['resnet18', *options])
    assert list(tmp_path.iterdir()) == []


def test_weights_are_those_of_torchvision():
    models = pytest.importorskip('torchvision.models')
    for name, prefix in weights.SHA256_PREFIXES.items():
        url = models.get_model_weights(name).IMAGENET1K_V1.url
        assert url == f'{weights.BASE_URL}/{name}-{prefix}.pth'
