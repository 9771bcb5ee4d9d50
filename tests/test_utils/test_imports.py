import subprocess
import sys
from pathlib import Path

import pytest

from mmseg_incremental.utils.imports import absent, put_off


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that can be imported, and a file that tells that it was."""
    folder, mark = tmp_path / 'waiting_package', tmp_path / 'imported'
    folder.mkdir()
    code = f'from pathlib import Path\nPath({str(mark)!r}).touch()\nvalue = 3\n'
    (folder / '__init__.py').write_text(code)
    (folder / 'part.py').write_text('value = 4\n')
    monkeypatch.syspath_prepend(tmp_path)
    yield mark
    for name in [name for name in sys.modules if name.startswith('waiting_package')]:
        del sys.modules[name]


def test_put_off_waits_until_something_is_asked_for(package: Path) -> None:
    with put_off('waiting_package'):
        import waiting_package
    assert not package.exists()
    assert not hasattr(waiting_package, '__file__')
    assert not package.exists()
    assert waiting_package.value == 3
    assert package.exists()


def test_put_off_ends(package: Path) -> None:
    with put_off('waiting_package'):
        pass
    from waiting_package.part import value

    assert value == 4
    assert package.exists()


def test_put_off_of_what_is_not_installed() -> None:
    with put_off('waiting_package_that_is_not_there'), pytest.raises(ImportError):
        import waiting_package_that_is_not_there  # noqa: F401


def test_absent(package: Path) -> None:
    with absent('waiting_package'), pytest.raises(ImportError):
        import waiting_package
    import waiting_package

    assert waiting_package.value == 3


def test_a_start_imports_neither_timm_nor_mmpretrain() -> None:
    pytest.importorskip('timm')
    code = (
        'import sys, types, mmseg_incremental.apis\n'
        'assert "mmpretrain" not in sys.modules\n'
        'assert "timm.models" not in sys.modules\n'
        'from mmseg.registry import MODELS\n'
        'backbone = dict(type="TIMMBackbone", model_name="resnet18", pretrained=False)\n'
        'MODELS.build(backbone)\n'
        'assert "timm.models" in sys.modules\n'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-1000:]
