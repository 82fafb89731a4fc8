"""Where the rotation's database may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies.errors import InputError
from rotation import hold


def test_a_file_in_a_folder_that_is_not_there_is_refused_with_the_remedy(tmp_path: Path) -> None:
    missing = tmp_path / "portculis"
    url = f"sqlite:///{missing}/steps.sqlite"
    with pytest.raises(InputError, match=rf"PORTCULLIS_ROTATION_DATABASE: no folder {missing}.*mkdir -m 700 -p"):
        hold.database_url({hold.DATABASE: url})
    assert not missing.exists()
    missing.mkdir()
    assert hold.database_url({hold.DATABASE: url}) == url


def test_the_default_is_made(tmp_path: Path) -> None:
    url = hold.database_url({"XDG_STATE_HOME": str(tmp_path)})
    with hold.held(url, ["INC-1"], lambda _: None):
        assert (tmp_path / "portcullis" / "rotation.sqlite").exists()
