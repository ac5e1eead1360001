"""What is said of a hand-back file on arrival: accepted, refused, or kept in quarantine."""

from __future__ import annotations

import io
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan

from agreements import SKYWAYS, apply_example, source_of
from fake_clock import FakeClock
from handback import telemetry
from handback.errors import LimitReached, RequestKeyReused
from handback.exchange.streams import fingerprint
from handback.formats.findings import Severity
from handback.ids import Prefix, public_id
from handback.intake import findings, queries
from handback.intake.prepare import prepare, spooled
from handback.intake.receive import Origin, ReceivedFile, receive
from handback.intake.states import FileState, Verdict
from handback.partners import registry
from handback.store.bulk import table_of
from handback.store.requests import Command
from handback.store.session import Store
from handback.store.tables import PayoutBatch
from intake_files import InTray, handback, row, with_terms

GOOD = handback([row(1), row(2, 250), row(3, code="0201")])


@pytest.fixture
def tray(tmp_path: Path, store: Store, clock: FakeClock) -> InTray:
    apply_example(store, clock, SKYWAYS)
    return InTray.at(tmp_path, store, clock)


def upload(
    tray: InTray, content: bytes, name: str = "answer.csv", key: str | None = None
) -> ReceivedFile:
    """Take a file in as one that was sent over the wire."""
    with tray.desk.store.read() as tx:
        terms = tray.desk.agreements.current(tx, "aurora", "skyways")
    command = Command("operator", request_key=key)
    return receive(tray.desk, terms, io.BytesIO(content), Origin(name, "upload"), command)


def verdict(tray: InTray, content: bytes) -> Verdict | None:
    return upload(tray, content).file.verdict


def amended(tray: InTray, clock: FakeClock, *replacements: tuple[str, str]) -> None:
    """Apply the airline's agreement with other terms."""
    source = with_terms(source_of(SKYWAYS), *replacements)
    registry.apply(tray.desk.store, clock, source, "tests")


class TestAccepted:
    def test_a_sound_file_is_ready_with_its_records_spooled(
        self, tray: InTray, clock: FakeClock
    ) -> None:
        file = upload(tray, GOOD).file
        assert (file.state, file.verdict) == (FileState.RECEIVED, Verdict.ACCEPTED)
        assert (file.programme, file.partner, file.name) == ("aurora", "skyways", "answer.csv")
        assert (file.source, file.actor) == ("upload", "operator")
        assert (file.record_count, file.finding_count, file.file_sequence) == (3, 0, "1")
        assert (file.agreement_version, file.received_at) == (1, clock.now())
        assert file.closed_at is None
        contents = spooled(tray.desk, file.file_id)
        assert (contents.chunks, contents.records, contents.rejected) == (1, 3, 0)
        details = tray.desk.spool.read(file.file_id, 0)
        assert details["redemption_id"].to_list() == [1, 2, 3]
        assert details["quantity"].to_list() == [100, 250, 100]
        with tray.desk.store.read() as tx:
            assert queries.ready(tx) == [file.file_id]

    def test_its_bytes_are_landed_untouched(self, tray: InTray) -> None:
        file = upload(tray, GOOD).file
        assert file.fingerprint == fingerprint(io.BytesIO(GOOD)).sha256
        assert file.size_bytes == len(GOOD)
        with tray.desk.landing.open(file.landing_key) as landed:
            assert landed.read() == GOOD

    def test_a_file_that_says_nothing_today_is_an_answer(self, tray: InTray) -> None:
        file = upload(tray, handback([])).file
        assert (file.verdict, file.record_count) == (Verdict.ACCEPTED, 0)

    def test_rows_that_cannot_be_read_may_be_left_out(self, tray: InTray, clock: FakeClock) -> None:
        amended(tray, clock, ('complete = "rename"', 'row_trouble = "reject"'))
        file = upload(tray, handback([row(1), row(2, 77).replace("77", "many")], total=177)).file
        assert file.verdict is Verdict.ACCEPTED_WITH_FINDINGS
        contents = spooled(tray.desk, file.file_id)
        assert (contents.records, contents.rejected) == (2, 1)
        assert tray.desk.spool.read(file.file_id, 0)["ordinal"].to_list() == [1]
        rejects = [f for f in tray.findings(file.file_id) if f.severity is Severity.REJECT]
        assert [(f.ordinal, f.line, f.field, f.code) for f in rejects] == [
            (2, 3, "quantity", "bad_integer")
        ]

    def test_receiving_and_decoding_are_one_trace_that_the_file_keeps(
        self, tray: InTray, spans: InMemorySpanExporter
    ) -> None:
        file = upload(tray, GOOD).file
        decoding, receiving = spans.get_finished_spans()
        assert (receiving.name, decoding.name) == ("receive file", "decode file")
        assert decoding.parent is not None
        assert decoding.parent.span_id == receiving.context.span_id
        assert dict(receiving.attributes or {}) == {
            "handback.file_id": public_id(Prefix.HANDBACK_FILE, file.file_id),
            "handback.verdict": "ACCEPTED",
        }
        assert file.trace_context == telemetry.traceparent_of(NonRecordingSpan(receiving.context))

    def test_a_name_is_shown_as_one_line_of_text(self, tray: InTray) -> None:
        file = upload(tray, GOOD, name="../a\0b\nc" + "x" * 300 + ".csv").file
        assert len(file.name) == 255 and file.name.endswith("xxx.csv")
        assert upload(tray, GOOD, name="a\0b\n.csv").file.name == "a\ufffdb\ufffd.csv"


class TestRefused:
    @pytest.mark.parametrize("content", [b"", b"\n", b"\r\n \r\n"])
    def test_an_empty_file(self, tray: InTray, clock: FakeClock, content: bytes) -> None:
        file = upload(tray, content).file
        assert (file.state, file.verdict) == (FileState.REFUSED, Verdict.EMPTY)
        assert file.closed_at == clock.now()
        assert verdict(tray, content) is Verdict.EMPTY

    @pytest.mark.parametrize("name", ["answer.csv", "renamed.csv"])
    def test_an_exact_repeat_under_whatever_name(self, tray: InTray, name: str) -> None:
        first = upload(tray, GOOD).file
        for _ in range(2):
            again = upload(tray, GOOD, name=name).file
            assert (again.state, again.verdict) == (FileState.REFUSED, Verdict.REPEAT)
            assert again.repeats_file_id == first.file_id
        with tray.desk.store.read() as tx:
            assert queries.ready(tx) == [first.file_id]

    def test_the_same_bytes_from_another_partner_are_no_repeat(
        self, tray: InTray, clock: FakeClock
    ) -> None:
        upload(tray, GOOD)
        other = source_of(SKYWAYS).replace('partner = "skyways"', 'partner = "windways"')
        registry.apply(tray.desk.store, clock, other, "tests")
        with tray.desk.store.read() as tx:
            terms = tray.desk.agreements.current(tx, "aurora", "windways")
        origin, command = Origin("answer.csv", "upload"), Command("operator")
        received = receive(tray.desk, terms, io.BytesIO(GOOD), origin, command)
        assert received.file.verdict is Verdict.ACCEPTED

    def test_an_echo_of_our_own_payout_file(self, tray: InTray, clock: FakeClock) -> None:
        with tray.desk.store.write() as tx:
            terms = tray.desk.agreements.current(tx, "aurora", "skyways")
            tx.execute(
                sa.insert(table_of(PayoutBatch)).values(
                    batch_id=1,
                    programme_id=terms.programme_id,
                    partner_id=terms.partner_id,
                    unit_id=terms.unit_ids["miles"],
                    sequence=1,
                    agreement_version=1,
                    state=1,
                    record_count=3,
                    quantity=450,
                    file_name="SKY_20260302_000001.csv",
                    fingerprint=fingerprint(io.BytesIO(GOOD)).sha256,
                    size_bytes=len(GOOD),
                    due_by=clock.now(),
                    sealed_at=clock.now(),
                )
            )
        for _ in range(2):
            file = upload(tray, GOOD).file
            assert (file.state, file.verdict) == (FileState.REFUSED, Verdict.ECHO)

    def test_a_file_above_the_limit_leaves_nothing(self, tray: InTray) -> None:
        tray.desk = type(tray.desk)(
            tray.desk.store,
            tray.desk.landing,
            tray.desk.spool,
            tray.desk.agreements,
            tray.desk.clock,
            max_file_bytes=len(GOOD) - 1,
        )
        with pytest.raises(LimitReached):
            upload(tray, GOOD)
        assert tray.files() == []


class TestQuarantined:
    def test_a_file_cut_at_any_byte(self, tray: InTray) -> None:
        for size_bytes in range(1, len(GOOD) - 1):  # without its last line end it is still whole
            file = upload(tray, GOOD[:size_bytes]).file
            assert file.state is FileState.QUARANTINED, size_bytes
            assert file.verdict in (Verdict.TRUNCATED, Verdict.CONTROL_MISMATCH), size_bytes
        assert verdict(tray, GOOD) is Verdict.ACCEPTED

    @pytest.mark.parametrize(
        "content",
        [
            bytes(range(256)) * 40,
            b"\x00" * 5000,
            b"PK\x03\x04" + b"\x07" * 100,
            b"%PDF-1.7\n",
            b"\xff\xfe" + "H,aurora".encode("utf-16-le"),
            b"dear partner,\nno file today\n",
            GOOD.replace(b"H,", b"X,"),
        ],
        ids=["bytes", "zeros", "zip", "pdf", "utf-16", "letter", "headless"],
    )
    def test_rubbish(self, tray: InTray, content: bytes) -> None:
        file = upload(tray, content).file
        assert (file.state, file.verdict) == (FileState.QUARANTINED, Verdict.UNREADABLE)
        assert tray.findings(file.file_id)

    @pytest.mark.parametrize(("count", "total"), [(4, 450), (2, 450), (3, 451), (3, 0)])
    def test_wrong_totals(self, tray: InTray, count: int, total: int) -> None:
        rows = [row(1), row(2, 250), row(3)]
        file = upload(tray, handback(rows, count=count, total=total)).file
        assert (file.state, file.verdict) == (FileState.QUARANTINED, Verdict.CONTROL_MISMATCH)
        (finding,) = tray.findings(file.file_id)
        assert finding.line == 5 and finding.severity is Severity.QUARANTINE

    def test_rows_that_cannot_be_read(self, tray: InTray) -> None:
        file = upload(tray, handback([row(1), row(2, 77).replace("77", "many")], total=177)).file
        assert (file.state, file.verdict) == (FileState.QUARANTINED, Verdict.ROWS_REJECTED)

    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            ("H,SKY,IN,P,1", Verdict.ACCEPTED),
            ("H,OTHER,IN,P,1", Verdict.OTHER_PARTNER),
            ("H,,IN,P,1", Verdict.OTHER_PARTNER),
            ("H,SKY,OUT,P,1", Verdict.OTHER_DIRECTION),
            ("H,SKY,IN,T,1", Verdict.OTHER_ENVIRONMENT),
            ("H,OTHER,OUT,T,1", Verdict.OTHER_PARTNER),
        ],
    )
    def test_a_file_that_says_it_is_not_for_us(
        self, tray: InTray, clock: FakeClock, header: str, expected: Verdict
    ) -> None:
        constants = [("partner", 2, "SKY"), ("direction", 3, "IN"), ("environment", 4, "P")]
        fields = "".join(
            f'{{ name = "{name}", at = {at}, type = "constant", value = "{value}" }},\n'
            for name, at, value in constants
        )
        outbound, mark, inbound = source_of(SKYWAYS).partition("[formats.handback]")
        for old, new in (
            ('  { name = "programme", at = 2 },\n', fields),
            ('{ name = "sequence", at = 3', '{ name = "sequence", at = 5'),
            ('  { name = "created_on", at = 4, type = "date", pattern = "YYYYMMDD" },\n', ""),
        ):
            assert old in inbound
            inbound = inbound.replace(old, new)
        registry.apply(tray.desk.store, clock, outbound + mark + inbound, "tests")
        assert verdict(tray, GOOD.replace(b"H,aurora,1,20260303", header.encode())) is expected

    def test_a_sequence_that_another_accepted_file_had(self, tray: InTray) -> None:
        assert verdict(tray, handback([row(1)], sequence=7)) is Verdict.ACCEPTED
        file = upload(tray, handback([row(2)], sequence=7)).file
        assert (file.state, file.verdict) == (FileState.QUARANTINED, Verdict.SEQUENCE_REUSED)
        assert verdict(tray, handback([row(2)], sequence=8)) is Verdict.ACCEPTED

    def test_a_sequence_is_free_again_where_the_file_that_had_it_was_held_back(
        self, tray: InTray
    ) -> None:
        assert verdict(tray, handback([row(1)], sequence=7, count=9)) is Verdict.CONTROL_MISMATCH
        assert verdict(tray, handback([row(1)], sequence=7)) is Verdict.ACCEPTED

    def test_a_sequence_may_come_again_where_the_agreement_says_so(
        self, tray: InTray, clock: FakeClock
    ) -> None:
        amended(tray, clock, ('complete = "rename"', 'duplicate_sequence = "accept"'))
        for number in (1, 2):
            assert verdict(tray, handback([row(number)], sequence=7)) is Verdict.ACCEPTED

    def test_a_repeat_of_a_quarantined_file_names_it(self, tray: InTray) -> None:
        broken = handback([row(1)], count=9)
        first = upload(tray, broken).file
        again = upload(tray, broken).file
        assert (again.verdict, again.repeats_file_id) == (Verdict.REPEAT, first.file_id)


class TestFindings:
    def test_of_very_many_only_so_many_are_stored_and_all_are_counted(
        self, tray: InTray, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(findings, "KEPT_PER_SEVERITY", 3)
        rows = [row(number, 50).replace(",50,", ",x,") for number in range(1, 21)]
        file = upload(tray, handback(rows, count=21, total=0)).file
        assert file.verdict is Verdict.CONTROL_MISMATCH
        stored = tray.findings(file.file_id)
        assert [f.number for f in stored] == list(range(1, len(stored) + 1))
        severities = [f.severity for f in stored]
        assert severities.count(Severity.REJECT) == 3
        assert severities.count(Severity.QUARANTINE) == 1
        assert file.finding_count is not None and file.finding_count >= 21

    def test_they_come_in_pages(self, tray: InTray) -> None:
        rows = [row(number, 50).replace(",50,", ",x,") for number in range(1, 6)]
        file = upload(tray, handback(rows, total=0)).file
        whole = tray.findings(file.file_id)
        with tray.desk.store.read() as tx:
            first = queries.findings_page(tx, "aurora", file.file_id, 0, 2)
            rest = queries.findings_page(tx, "aurora", file.file_id, first[-1].number, 100)
        assert first + rest == whole and len(first) == 2

    def test_bytes_that_no_store_takes_are_shown_otherwise(
        self, tray: InTray, clock: FakeClock
    ) -> None:
        content = GOOD + b"D,\x00\xff,\x00\n"
        file = upload(tray, content).file
        assert file.state is FileState.QUARANTINED
        assert all("\0" not in (f.raw or "") for f in tray.findings(file.file_id))


class TestAgain:
    def test_the_same_request_is_answered_with_the_same_file(self, tray: InTray) -> None:
        first = upload(tray, GOOD, key="k1")
        again = upload(tray, GOOD, key="k1")
        assert (first.replayed, again.replayed) == (False, True)
        assert again.file == first.file
        assert len(tray.files()) == 1

    def test_a_request_key_with_another_file_is_refused(self, tray: InTray) -> None:
        upload(tray, GOOD, key="k1")
        for content, name in ((handback([row(9)]), "answer.csv"), (GOOD, "other.csv")):
            with pytest.raises(RequestKeyReused):
                upload(tray, content, name, key="k1")
        assert len(tray.files()) == 1

    def test_a_file_with_its_verdict_is_not_decoded_again(self, tray: InTray) -> None:
        file = upload(tray, GOOD).file
        assert prepare(tray.desk, file.file_id) == file

    def test_a_lost_spool_is_decoded_again_to_the_same_chunks(self, tray: InTray) -> None:
        file = upload(tray, GOOD).file
        before = tray.desk.spool.read(file.file_id, 0)
        tray.desk.spool.remove(file.file_id)
        contents = spooled(tray.desk, file.file_id)
        assert contents.chunks == 1
        assert tray.desk.spool.read(file.file_id, 0).equals(before)

    def test_the_same_file_brought_by_many_at_once_is_taken_once(self, tray: InTray) -> None:
        with ThreadPoolExecutor(8) as pool:
            files = [one.file for one in pool.map(lambda _: upload(tray, GOOD), range(8))]
        verdicts = Counter(file.verdict for file in files)
        assert verdicts == {Verdict.ACCEPTED: 1, Verdict.REPEAT: 7}
        (accepted,) = (file for file in files if file.verdict is Verdict.ACCEPTED)
        repeated = {file.repeats_file_id for file in files} - {None}
        assert repeated == {accepted.file_id}

    def test_one_request_sent_by_many_at_once_is_done_once(self, tray: InTray) -> None:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: upload(tray, GOOD, key="k1"), range(8)))
        assert len({answer.file.file_id for answer in answers}) == 1
        assert sorted(answer.replayed for answer in answers) == [False] + [True] * 7
        assert len(tray.files()) == 1
