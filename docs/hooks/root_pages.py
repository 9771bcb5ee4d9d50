"""Pages of the site that lie at the root of the repository, where people look for them."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

NAMES = ('CHANGELOG', 'CONTRIBUTING', 'REPRODUCIBILITY')
_UPWARDS = re.compile(rf'\]\(((?:\.\./)*)\.\./({"|".join(NAMES)})\.md')
_ROOT = Path(__file__).resolve().parents[2]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add each of them under its name in lower case."""
    for name in NAMES:
        text = (_ROOT / f'{name}.md').read_text(encoding='utf-8').replace('](docs/', '](')
        files.append(File.generated(config, f'{name.lower()}.md', content=text))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Let links to them, which lead out of the folder in the repository, lead to these pages."""
    return _UPWARDS.sub(lambda link: f']({link[1]}{link[2].lower()}.md', markdown)
