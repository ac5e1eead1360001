"""Reading what follows a rejection: `[policy]` of an agreement, and that of a built-in format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from handback.formats.document import Section
from handback.partners import keys
from handback.partners.codes import CodeMap, ReasonClass
from handback.partners.document import dotted
from handback.partners.policy import (
    CHOICES,
    Action,
    Policies,
    Reference,
    RetryPolicy,
    default_policy,
)

MEMBER_REF: Final = "member_ref"
_CODES: Final = "codes"

OfCode = dict[tuple[str, ReasonClass], RetryPolicy]


@dataclass(frozen=True, slots=True)
class Around:
    """What of the rest of an agreement its policies depend on."""

    references: Sequence[Reference]
    """What further attempts can go out under, the default first."""
    fields: Sequence[str]
    codes: CodeMap


def read_policies(section: Section, around: Around, brought: Mapping[str, Any]) -> Policies:
    """A policy for every class, and those of codes: the document's own tables, else those that a
    built-in format brings, as far as the rest of the agreement allows them.

    Mistakes are noted with the section's.
    """
    reading = _Reading(around)
    of_class = {
        reason_class: reading.of_class(reason_class, section, brought)
        for reason_class in ReasonClass
    }
    of_code: OfCode = {}
    own = section.value(_CODES) or {}
    if not isinstance(own, dict):
        section.mistake(_CODES, "a table")
        own = {}
    for code, table in brought.get(_CODES, {}).items():
        if code not in own:
            of_code |= reading.of_code(code, Section(table, "", []), of_class)
    for code, table in own.items():
        path = f"{section.path}.{_CODES}.{dotted((code,))}"
        of_code |= reading.of_code(code, Section(table, path, section.mistakes), of_class)
    section.refuse_unknown()
    return Policies(of_class, of_code)


class _Reading:
    def __init__(self, around: Around) -> None:
        self._around = around
        self._names = (MEMBER_REF, *around.fields)

    def of_class(
        self, reason_class: ReasonClass, section: Section, brought: Mapping[str, Any]
    ) -> RetryPolicy:
        """The policy of a class."""
        default = self._default(reason_class)
        if reason_class not in CHOICES:
            return default
        name = str(reason_class)
        if (table := section.section(name)) is not None:
            return self._policy(table, reason_class, default)
        told = Section(brought.get(name, {}), "", [])
        policy = self._policy(told, reason_class, default)
        return default if told.mistakes else policy

    def of_code(
        self, code: str, section: Section, of_class: Mapping[ReasonClass, RetryPolicy]
    ) -> OfCode:
        """The policy of a code for each of its classes that allows what it does."""
        classes = sorted(self._around.codes.classes_of(code) & CHOICES.keys())
        if not classes:
            section.mistake("", "the policy of a code that [codes] has, and that rejects")
            return {}
        do = section.value("do")
        fitting = [one for one in classes if do in (None, *map(str, CHOICES[one]))]
        found: OfCode = {}
        for reason_class in fitting or classes[:1]:
            told = section.again()
            found[code, reason_class] = self._policy(told, reason_class, of_class[reason_class])
            if told.mistakes:
                # What is wrong is told once, whatever the number of classes.
                section.mistakes.extend(told.mistakes)
                return {}
        return found

    def _default(self, reason_class: ReasonClass, do: Action | None = None) -> RetryPolicy:
        """What stands where nothing is said; what is wrong with a member has to change."""
        policy = default_policy(reason_class)
        policy = replace(policy, do=do or policy.do, reference=self._around.references[0])
        if reason_class is ReasonClass.FIX_MEMBER and policy.do is Action.REVIEW:
            return replace(policy, changed=self._names)
        return policy

    def _policy(
        self, section: Section, reason_class: ReasonClass, base: RetryPolicy
    ) -> RetryPolicy:
        """A policy that says some things otherwise than another one."""
        values = keys.read(section, keys.sparse_policy(reason_class))
        section.refuse_unknown()
        do = values["do"] or base.do
        self._check(section, values, do)
        base = base if do is base.do else self._default(reason_class, do)
        return replace(base, **{name: one for name, one in values.items() if one is not None})

    def _check(self, section: Section, values: Mapping[str, Any], do: Action) -> None:
        for key in keys.RETRY:
            if section.has(key.name) and do not in keys.BESIDE[key.name]:
                beside = " or ".join(f'"{one}"' for one in keys.BESIDE[key.name])
                section.mistake(key.name, f"nothing of this name without do = {beside}")
        first, *_ = self._around.references
        if values["reference"] not in (None, *self._around.references):
            section.mistake("reference", f"`{first}`, as the template has it")
        if any(name not in self._names for name in values["changed"] or ()):
            section.mistake("changed", f"some of {', '.join(self._names)}")
