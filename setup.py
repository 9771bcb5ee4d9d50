"""What setup.cfg cannot say: the wheel holds configs and tools too, where mim and we look."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

BESIDE_THE_PACKAGE = ('configs', 'tools', 'projects/incremental_bisenet')


class BuildWithConfigs(build_py):
    """Copies what stands beside the package in a clone into its folder ``.mim``."""

    def run(self) -> None:
        """Build the package."""
        super().run()
        if self.editable_mode:  # the clone itself is used
            return
        target = Path(self.build_lib, 'mmseg_incremental', '.mim')
        shutil.rmtree(target, ignore_errors=True)  # of an earlier build
        for folder in BESIDE_THE_PACKAGE:
            shutil.copytree(folder, target / folder, ignore=shutil.ignore_patterns('__pycache__'))
        shutil.copy('model-index.yml', target)


setup(cmdclass={'build_py': BuildWithConfigs})
