"""`snc check` of everything that ships."""

import pytest

from snc.check import check_file, failing
from snc.resources import data_dir


@pytest.mark.parametrize(
    "path", sorted(data_dir("specs").rglob("*.snc")), ids=lambda p: "/".join(p.parts[-2:])
)
def test_a_shipped_spec_has_no_mistake(path):
    assert failing(check_file(path)) == []
