"""What is looked up of a thousand identities is what each two of them say."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from policies.load import load
from policies.logins import agree, bound, pairs

BATCH = next(w for w in load().workloads if w.name == "analytics-batch")
CLAIMS = st.fixed_dictionaries(
    {},
    optional={
        "sub": st.sampled_from(["app", "repo:o@1/one@2:ref:main", "repo:o/one:ref:main:actor:x", "repository_owner:o"]),
        "/repository": st.sampled_from(["o/one", "o/two"]),
        "ref": st.sampled_from(["main", "next"]),
        "aud": st.just("a"),
        "department": st.sampled_from(["x", "y"]),
        "workflow_ref": st.just("o/one/f.yml@main"),
    },
)


@given(st.lists(CLAIMS, max_size=6))
def test_each_that_agrees_with_one_before_it_is_found(claims: list[dict[str, str]]) -> None:
    made = [replace(BATCH, name=f"w{n}", bound_claims=tuple(c.items())) for n, c in enumerate(claims)]
    wanted = {b.name for n, b in enumerate(made) if any(agree(bound(a), bound(b)) for a in made[:n])}
    found = {one.name: other for one, other in pairs(made)}
    assert found.keys() == wanted
    for name, other in found.items():
        one = next(m for m in made if m.name == name)
        assert agree(bound(one), bound(other))
        assert agree(bound(other), bound(one))
