"""What was approved is what is applied: stack `prod`, which takes only a token that was made for its declarations."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from containment.incidents.incident import State
from policies.digest import digest, of_file
from tests.integration.production import Production, contained, copied

RISK = "pc-w-risk-engine"


@pytest.fixture
def wider(tmp_path: Path) -> Path:
    """Declarations by which the risk engine may list its secret too."""
    folder = copied(tmp_path)
    file = folder / "production" / "risk-limits-token.yaml"
    assert "capabilities: [read]" in file.read_text()
    file.write_text(file.read_text().replace("capabilities: [read]", "capabilities: [read, list]"))
    return folder


def standing(prod: Production) -> str:
    """The operator's token that an administrator made: it was approved for nothing."""
    return prod.box.environ_unchecked()["VAULT_TOKEN"]


def everything(prod: Production) -> Any:
    """Policies, roles and what the product keeps on the server."""
    bao, root = prod.box.openbao, prod.box.openbao.root_token()

    def held(folder: str, path: str) -> dict[str, Any]:
        names = bao.call("LIST", folder, token=root)["data"]["keys"]
        return {n: bao.call("GET", f"{path}/{n}", token=root)["data"] for n in names if not n.endswith("/")}

    folders = ["sys/policies/acl", "auth/approle/role", "auth/jwt/role", "auth/token/roles", "database/roles"]
    found = {folder: held(folder, folder) for folder in folders}
    found["sys/policies/acl"].pop("root", None)
    return {**found, "store": held("portcullis/metadata", "portcullis/metadata")}


def lists(prod: Production) -> bool:
    text = prod.vault().read_policy(RISK) or ""
    assert "read" in text
    return "list" in text


def unwrapped(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join(done.stdout.split())


def test_a_token_for_other_declarations_changes_nothing(prod: Production, wider: Path) -> None:
    before = everything(prod)
    done = prod.up("incident=keep", declarations=wider, token=prod.bound())
    assert done.returncode != 0
    assert f"with the declarations {digest(Path('policies/access'))}, and these are {digest(wider)}" in unwrapped(done)
    assert "--token-file" in unwrapped(done)
    assert everything(prod) == before
    assert prod.output("mode") == "open"


def test_one_that_was_made_for_nothing_changes_nothing(prod: Production, wider: Path) -> None:
    before = everything(prod)
    for folder in (None, wider):
        done = prod.up("incident=keep", declarations=folder, token=standing(prod))
        assert (done.returncode != 0, "was made for no approval" in unwrapped(done)) == (True, True), done.stdout
    assert everything(prod) == before


def test_one_that_has_ended_changes_nothing(prod: Production) -> None:
    token, before = prod.bound(ttl=1), everything(prod)
    time.sleep(1.5)
    done = prod.up("incident=keep", token=token)
    assert (done.returncode != 0, "has the token ended?" in unwrapped(done)) == (True, True), done.stdout
    assert everything(prod) == before


def test_a_plan_that_was_approved_is_the_one_that_is_applied(prod: Production, wider: Path, tmp_path: Path) -> None:
    plan, other = tmp_path / "plan.json", tmp_path / "other.json"
    keep = prod.argv("incident=keep")

    def preview(folder: Path | None, to: Path) -> None:
        argv = ["preview" if word == "up" else word for word in keep if word not in ("--yes", "--skip-preview")]
        done = prod.run([*argv, "--save-plan", str(to)], prod.environ(folder, standing(prod)))
        assert done.returncode == 0, done.stdout
        assert "an update would be refused" in unwrapped(done), "a preview changes nothing, and says it"

    preview(wider, plan)
    preview(None, other)
    token = prod.bound(wider, plan=of_file(plan))
    before = everything(prod)

    def apply(folder: Path, named: Path | None, given: Path | None) -> subprocess.CompletedProcess[str]:
        environ = {**prod.environ(folder, token), **({"PORTCULLIS_PLAN": str(named)} if named else {})}
        return prod.run([*keep, *(("--plan", str(given)) if given else ())], environ)

    done = apply(wider, None, plan)
    assert (done.returncode != 0, "PORTCULLIS_PLAN=FILE" in unwrapped(done)) == (True, True), done.stdout
    done = apply(wider, other, other)
    assert (done.returncode != 0, f"and this is {of_file(other)}" in unwrapped(done)) == (True, True), done.stdout
    assert everything(prod) == before
    done = apply(wider, plan, other)
    assert (done.returncode != 0, "violates plan" in unwrapped(done), lists(prod)) == (True, True, False), done.stdout
    done = apply(wider, plan, plan)
    assert (done.returncode, lists(prod)) == (0, True), done.stdout


def test_a_token_applies_what_it_was_made_for(prod: Production, wider: Path) -> None:
    done = prod.up("incident=keep", declarations=wider, token=prod.bound(wider))
    assert (done.returncode, lists(prod)) == (0, True), done.stdout
    done = prod.up("incident=keep", token=prod.bound())
    assert (done.returncode, lists(prod)) == (0, False), done.stdout


def test_containment_needs_no_approval_and_widens_nothing(prod: Production, wider: Path) -> None:
    token, incident = standing(prod), ("incidentId=INC-A", "incidentScope=exchange-trading-key")
    done = prod.up("incident=true", *incident, token=token)
    assert done.returncode == 0, done.stdout
    assert contained("INC-A")
    done = prod.up("incident=keep", "incidentId=", "incidentScope=", token=token)
    assert done.returncode == 0, done.stdout
    for config in (("incident=keep", "incidentId=", "incidentScope="), ("incident=true", *incident)):
        done = prod.up(*config, declarations=wider, token=token)
        assert done.returncode != 0
        assert "the estate of the last apply was used: this stack applies what was approved" in unwrapped(done)
        assert (contained("INC-A"), lists(prod)) == (True, False)
    prod.prove("INC-A")
    lift = ("incident=false", "incidentId=INC-A", "incidentScope=")
    for folder, refused in ((None, token), (wider, token), (wider, prod.bound())):
        done = prod.up(*lift, declarations=folder, token=refused)
        assert (done.returncode != 0, prod.open()) == (True, ["INC-A"]), done.stdout
    done = prod.up(*lift, token=prod.bound())
    assert done.returncode == 0, done.stdout
    assert [i.state for i in prod.vault().incidents() if i.id == "INC-A"] == [State.LIFTED]
