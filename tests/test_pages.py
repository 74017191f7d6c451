"""The JavaScript beside book and decks: pinned, checked, and no more of it than is listed."""

import base64
import io
import json
import re
import tarfile

import pytest

from tools.pages import npm


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "thing-1.0.0.tgz"
    with tarfile.open(path, "w:gz") as package:
        for name in ("package/dist/a.js", "package/dist/b.css", "package/other.js"):
            member = tarfile.TarInfo(name)
            member.size = len(name)
            package.addfile(member, io.BytesIO(name.encode()))
    return path


def test_only_an_archive_with_the_pinned_hash_is_used(archive, tmp_path):
    pinned = npm.integrity(archive)
    assert npm.fetch("thing", "1.0.0", pinned, tmp_path) == archive
    content = bytearray(archive.read_bytes())
    content[-1] ^= 1
    archive.write_bytes(content)
    with pytest.raises(SystemExit, match=r"thing-1\.0\.0\.tgz: its hash is sha512-.* pins sha512-"):
        npm.fetch("thing", "1.0.0", pinned, tmp_path)
    assert not archive.exists()


def test_only_what_is_listed_is_unpacked(archive, tmp_path):
    npm.unpack(archive, ["dist/*.js"], tmp_path / "out")
    files = [p.relative_to(tmp_path / "out").as_posix() for p in tmp_path.glob("out/**/*.*")]
    assert files == ["dist/a.js"]
    with pytest.raises(SystemExit, match=r"thing-1\.0\.0\.tgz has no lib/\*"):
        npm.unpack(archive, ["dist/*", "lib/*"], tmp_path / "out")


def test_every_package_is_pinned_as_npm_does_and_no_registry_named(tmp_path):
    for name, package in npm.PACKAGES.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"]), name
        assert len(base64.b64decode(package["integrity"].removeprefix("sha512-"))) == 64, name
    assert "://" not in json.dumps(npm.PACKAGES)
    (tmp_path / "empty").touch()
    assert npm.integrity(tmp_path / "empty").startswith("sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/")
