"""An item goes out of a list, and nothing else of the text."""

from __future__ import annotations

import pytest

from policies.document import parse
from policies.edit import without

TEXT = """# head
spec:
  grants:
    # first
    - workload: a   # why
      capabilities: [read, list, update]  # what
    - {workload: b, capabilities: [read]}
    # third
    - workload: c
      capabilities:
        - read
        - update  # writes
  secrets: [x, y,   z]
  commented: [x,  # for x
    y]
  one: [q]
"""


@pytest.mark.parametrize(
    ("field", "gone", "put"),
    [
        ("spec.grants[0]", "    - workload: a   # why\n      capabilities: [read, list, update]  # what\n", ""),
        ("spec.grants[1]", "    - {workload: b, capabilities: [read]}\n", ""),
        ("spec.grants[2].capabilities[1]", "        - update  # writes\n", ""),
        ("spec.grants[0].capabilities[0]", "[read, list, update]", "[list, update]"),
        ("spec.grants[0].capabilities[2]", "[read, list, update]", "[read, list]"),
        ("spec.secrets[1]", "[x, y,   z]", "[x, z]"),
        ("spec.one[0]", "[q]", "[]"),
    ],
)
def test_one_item_goes_and_every_comment_stays(field: str, gone: str, put: str) -> None:
    assert TEXT.count(gone) == 1
    text = without(TEXT, field)
    assert text == TEXT.replace(gone, put)
    parse(text)


@pytest.mark.parametrize("indent", ["", "  "])
def test_the_last_item_of_a_block_leaves_an_empty_list(indent: str) -> None:
    text = without(f"grants:\n{indent}- workload: a\n{indent}  capabilities: [read]\nafter: 1\n", "grants[0]")
    assert parse(text).data == {"grants": [], "after": 1}


def test_no_comment_is_cut_in_two() -> None:
    with pytest.raises(ValueError, match="comment"):
        without(TEXT, "spec.commented[0]")
