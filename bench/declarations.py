"""N generated declarations: a database role, an AppRole workload and that workload's policy each, and one key in KV."""

from __future__ import annotations

from pathlib import Path

KEY = "bench-key"
"""The one static secret; `svc-0000` reads it, and the stopwatch looks when it no longer can."""

_FIXED = {
    "mount-kv": """\
kind: Mount
metadata: {name: kv}
spec: {path: secret, type: kv, ttl: {default: 1h, max: 24h}}
""",
    "mount-database": """\
kind: Mount
metadata: {name: database}
spec: {path: database, type: database, ttl: {default: 1h, max: 24h}}
""",
    "connection": """\
kind: DatabaseConnection
metadata: {name: tradepulse}
spec:
  mount: database
  urlEnv: PORTCULLIS_PG_TRADEPULSE_VAULT
  username: vault_manager
  passwordEnv: PORTCULLIS_PG_VAULT_PASSWORD
  containmentUrlEnv: PORTCULLIS_PG_TRADEPULSE
""",
    KEY: f"""\
kind: SecretAccessPolicy
metadata: {{name: {KEY}}}
spec:
  description: A generated key.
  owner: team-bench
  tier: standard
  secret: {{kind: kv, mount: secret, path: bench/key}}
  grants: [{{workload: svc-0000, capabilities: [read]}}]
  ttl: {{default: 1h, max: 8h}}
  incident: {{ttl: 15m, access: deny}}
  rotation: {{method: manual, period: 30d}}
  upstream: {{name: bench, account: bench}}
""",
}

_SEPARATED = ("exchange-trading-key", "risk-limits-token", "settlement-readonly")
"""What the rule on separation asks every estate to have; each has a holder of its own."""

for _name in _SEPARATED:
    _FIXED[_name] = _FIXED[KEY].replace(KEY, _name).replace("bench/key", f"bench/{_name}").replace("svc-0000", _name)
    _FIXED[f"workload-{_name}"] = f"""\
kind: Workload
metadata: {{name: {_name}}}
spec: {{owner: team-bench, auth: approle, ttl: {{default: 1h, max: 4h}}}}
"""


def fixed() -> dict[str, str]:
    """What every generated estate has beside its services: mounts, their connection, what is kept apart."""
    return {file: text for file, text in _FIXED.items() if file != KEY}


def name(index: int) -> str:
    return f"svc-{index:04d}"


def generate(folder: Path, count: int) -> None:
    """Write `folder/production/*.yaml`. Each secret denies its class, so that the gate holds a rule for each."""
    production = folder / "production"
    production.mkdir(parents=True)
    for file, text in _FIXED.items():
        _write(production / f"{file}.yaml", text)
    for index in range(count):
        this = name(index)
        _write(
            production / f"{this}.yaml",
            f"""\
kind: SecretAccessPolicy
metadata: {{name: {this}}}
spec:
  description: A generated database role.
  owner: team-bench
  tier: standard
  secret: {{kind: database, mount: database, role: {this}, connection: tradepulse, grant: readonly}}
  grants: [{{workload: {this}, capabilities: [read]}}]
  ttl: {{default: 1h, max: 8h}}
  incident: {{ttl: 15m, access: deny}}
  rotation: {{method: database-lease, period: 1d}}
""",
        )
        _write(
            production / f"workload-{this}.yaml",
            f"""\
kind: Workload
metadata: {{name: {this}}}
spec: {{owner: team-bench, auth: approle, ttl: {{default: 1h, max: 4h}}}}
""",
        )


def _write(file: Path, text: str) -> None:
    file.write_text(f"apiVersion: portcullis/v1\n{text}")
