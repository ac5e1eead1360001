"""Settings: every mistake at once, TLS beyond loopback, no password on any screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from handback.errors import InvalidSettings
from handback.settings import Address, Settings, declarations


def fields_of(refusal: pytest.ExceptionInfo[InvalidSettings]) -> list[str]:
    return [violation.field for violation in refusal.value.violations]


def test_defaults_are_the_embedded_store_on_loopback() -> None:
    settings = Settings.read({})
    assert settings.listen == Address("127.0.0.1", 7470)
    assert settings.store.text == "sqlite:///handback-data/handback.db"
    assert settings.tls is None


def test_the_embedded_store_lies_in_the_chosen_folder(tmp_path: Path) -> None:
    settings = Settings.read({"HANDBACK_HOME": str(tmp_path)})
    assert settings.store.text == f"sqlite:///{tmp_path}/handback.db"
    assert (settings.exchange, settings.landing) == (tmp_path / "exchange", tmp_path / "landing")


def test_every_mistake_is_listed_at_once() -> None:
    given = {
        "HANDBACK_LISTEN": "nowhere",
        "HANDBACK_WORKERS": "-1",
        "HANDBACK_STORE": "mysql://localhost/handback",
        "HANDBACK_PICKUP_S": "soon",
        "HANDBACK_TLS_CERT": "/no/such/file.pem",
        "PATH": "/bin",
    }
    with pytest.raises(InvalidSettings) as refusal:
        Settings.read(given)
    assert sorted(fields_of(refusal)) == sorted(name for name in given if name != "PATH")


@pytest.mark.parametrize("listen", ["0.0.0.0:7470", "[::]:7470", "example.test:7470"])
def test_other_machines_are_let_in_by_certificate_only(listen: str) -> None:
    with pytest.raises(InvalidSettings) as refusal:
        Settings.read({"HANDBACK_LISTEN": listen})
    assert fields_of(refusal) == ["HANDBACK_TLS_CERT", "HANDBACK_TLS_KEY", "HANDBACK_TLS_CLIENT_CA"]


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:0", "localhost:0", "127.8.8.8:0"])
def test_loopback_needs_no_certificate(listen: str) -> None:
    assert Settings.read({"HANDBACK_LISTEN": listen}).listen.is_loopback


def test_half_of_tls_is_refused_even_on_loopback(tmp_path: Path) -> None:
    certificate = tmp_path / "server.pem"
    certificate.touch()
    with pytest.raises(InvalidSettings) as refusal:
        Settings.read({"HANDBACK_TLS_CERT": str(certificate)})
    assert fields_of(refusal) == ["HANDBACK_TLS_KEY", "HANDBACK_TLS_CLIENT_CA"]


@pytest.mark.parametrize(
    "url", ["postgresql://app:hush@host/name", "postgresql://host/name?password=hush&user=app"]
)
def test_no_password_is_ever_printed(url: str) -> None:
    settings = Settings.read({"HANDBACK_STORE": url})
    assert settings.store.text == url
    assert "hush" not in f"{settings} {settings.store} {dict(settings.listed())}"


def test_every_setting_says_what_it_is_for() -> None:
    assert all(setting.says for setting in declarations().values())
    assert Settings.read({}).listed().keys() == declarations().keys()
