"""Configurations: equal ones have one name, and what differs is said field by field."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from trading.domain.configuration import compare, digest

FIELDS = st.dictionaries(
    st.sampled_from("abc"), st.sampled_from([None, True, False, 0, 1, 7, "", "1", "ä"]), max_size=3
)
CONFIGURATIONS = st.dictionaries(st.sampled_from("xy"), st.dictionaries(st.sampled_from("pq"), FIELDS))


def _without_empty(configuration: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: section for name, section in configuration.items() if section}


@given(CONFIGURATIONS, CONFIGURATIONS)
def test_nothing_differs_exactly_where_the_digest_is_the_same(before: Any, after: Any) -> None:
    before, after = _without_empty(before), _without_empty(after)

    # A truth value and a number are equal in Python, and not in JSON.
    if str(before) != str(after) and before == after:
        return
    assert (compare(before, after) == []) == (digest(before) == digest(after))


def test_a_difference_names_section_thing_and_field() -> None:
    before: dict[str, dict[str, dict[str, Any]]] = {"workers": {"A": {"budget": "100", "is_on": True}}}
    after: dict[str, dict[str, dict[str, Any]]] = {
        "workers": {"A": {"budget": "200", "is_on": True}, "B": {"budget": "5"}}
    }

    assert [str(each) for each in compare(before, after)] == [
        "workers.A.budget: 100 → 200",
        'workers.B: absent → {"budget": "5"}',
    ]
