"""What an agreement says of quantities that differ, and of credits that come back."""

from __future__ import annotations

import pytest

from agreements import source_of
from handback.errors import InvalidAgreement
from handback.partners.agreement import Agreement, Quantity
from handback.partners.reading import parse
from handback.partners.vocabulary import Fee, Partial


def agreed(quantity: str = "", answers: str = "") -> Agreement:
    """An example with these terms besides."""
    source = source_of("skyways").replace('style = "full"', f'style = "full"\n{answers}')
    return parse(source.replace("[payout]", f"{quantity}\n[payout]", 1))


def test_by_default_every_difference_is_for_a_person_and_returns_come_for_ever() -> None:
    agreement = agreed()
    assert agreement.quantity == Quantity(Partial.REVIEW, {}, Fee.CREDITED)
    assert agreement.answers.return_days is None


def test_what_is_written_is_what_is_read() -> None:
    terms = '[quantity]\npartial = "resubmit"\nfee = "short"\n[quantity.tolerance]\nmiles = 3'
    agreement = agreed(terms, "return_days = 60")
    assert agreement.quantity == Quantity(Partial.RESUBMIT, {"miles": 3}, Fee.SHORT)
    assert agreement.answers.return_days == 60


@pytest.mark.parametrize(
    ("terms", "place"),
    [
        ('[quantity]\npartial = "keep"', "quantity.partial"),
        ("[quantity]\nfee = 1", "quantity.fee"),
        ("[quantity.tolerance]\nmiles = 0", "quantity.tolerance.miles"),
        ("[quantity.tolerance]\nnights = 1", "quantity.tolerance.nights"),
        ("[quantity]\ntolerance = 1", "quantity.tolerance"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(terms: str, place: str) -> None:
    with pytest.raises(InvalidAgreement) as refused:
        agreed(terms)
    assert [wrong.field for wrong in refused.value.violations] == [place]


NAMES_QUANTITY = '{ name = "quantity", at = 4, type = "integer", required = true },'
SUMS_QUANTITY = ', type = "integer", sum = "quantity" }'


@pytest.mark.parametrize(
    ("quantity", "fee", "expected"),
    [
        ("decimal", "integer", "a `fee` of the same scale as the quantity"),
        ("decimal", "decimal", None),
        ("integer", "integer", None),
        (None, "integer", "no `fee`, as the layout has no quantity"),
    ],
)
def test_a_fee_is_of_the_parts_of_a_quantity(
    quantity: str | None, fee: str, expected: str | None
) -> None:
    types = {"integer": 'type = "integer"', "decimal": 'type = "decimal", scale = 2'}
    fields = f'{{ name = "{"quantity" if quantity else "free"}", at = 4, '
    fields += f'{types[quantity or "integer"]} }}, {{ name = "fee", at = 8, {types[fee]} }},'
    head, inbound = source_of("skyways").split("[formats.handback]")
    summed = ', type = "integer" }' if quantity != "integer" else SUMS_QUANTITY
    inbound = inbound.replace(NAMES_QUANTITY, fields).replace(SUMS_QUANTITY, summed)
    head = head.replace('["reference", "quantity", "member"]', '["reference"]')
    source = f"{head}[formats.handback]{inbound}"
    if expected is None:
        assert parse(source).quantity.fee is Fee.CREDITED
        return
    with pytest.raises(InvalidAgreement) as refused:
        parse(source)
    (wrong,) = refused.value.violations
    assert wrong.field == "formats.handback"
    assert wrong.expected.startswith(expected)
