"""Pulumi's own gate, a policy pack: OPA is asked about each resource before Pulumi creates or updates it.

It goes by the declarations alone, so code that writes what nobody declared is stopped, by whomever it was changed. A
lock-down is told and not stopped: tightening waits for nobody's word. Pulumi's policy SDK for Python needs another
release of protobuf than Pulumi itself (docs/adr/0013), so the protocol, `pulumirpc.Analyzer`, is spoken here.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import analyzer_pb2 as messages
from pulumi.runtime.proto import analyzer_pb2_grpc, plugin_pb2

from containment import estates
from containment.adapters.github import GithubHost
from containment.adapters.opa import Decision, Opa
from containment.adapters.vault import HvacVault
from containment.compiled import planned, resources
from containment.folder.decisions import Judge
from containment.incidents import lost
from containment.incidents.incident import Mode
from containment.judgement import opa_url
from policies.errors import PortcullisError
from policies.load import load

NAME, VERSION = "portcullis", "1.0.0"
_PACKAGE = "portcullis.resource"
_MARK = "4dabf18193072939515e22adb298388d"
"""Key of what Pulumi holds for secret, in its messages."""
_LARGEST = 400 * 1024 * 1024
"""Bytes of a message, as Pulumi itself has it."""


class Pack(analyzer_pb2_grpc.AnalyzerServicer):
    """`judge`: None asks the OPA server that the environment names."""

    def __init__(self, judge: Judge | None = None) -> None:
        self._judge = judge
        self._mode = ""
        self._away: PortcullisError | None = None
        """Why nobody can be asked: once is enough, of thousands of resources."""

    def GetAnalyzerInfo(self, *_: object) -> messages.AnalyzerInfo:
        info = messages.AnalyzerInfo(name=NAME, displayName="Portcullis", version=VERSION, supportsConfig=False)
        info.policies.append(
            messages.PolicyInfo(
                name=_PACKAGE,
                description="What is declared, and nothing else, reaches the vault and GitHub.",
                enforcementLevel=messages.MANDATORY,
            )
        )
        return info

    def GetPluginInfo(self, *_: object) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=VERSION)

    def Handshake(self, *_: object) -> messages.AnalyzerHandshakeResponse:
        return messages.AnalyzerHandshakeResponse()

    def Configure(self, *_: object) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def ConfigureStack(self, request: Any, context: Any) -> messages.AnalyzerStackConfigureResponse:  # noqa: ARG002
        self._mode = request.config.get("portcullis:incident", "")
        return messages.AnalyzerStackConfigureResponse()

    def Analyze(self, request: Any, context: Any) -> messages.AnalyzeResponse:  # noqa: ARG002
        """Whatever keeps OPA from a word is a denial, as its silence is."""
        try:
            decision = self._decided(request.type, request.name, _masked(json_format.MessageToDict(request.properties)))
            reasons = tuple(f"{v.rule}: {v.message} — {v.remedy}" for v in decision.violations) or decision.reasons
        except PortcullisError as error:
            self._away, reasons = error, (str(error),)
        return messages.AnalyzeResponse(diagnostics=[self._told(reason, request.urn) for reason in reasons])

    def AnalyzeStack(self, *_: object) -> messages.AnalyzeResponse:
        return messages.AnalyzeResponse()

    def Remediate(self, *_: object) -> messages.RemediateResponse:
        return messages.RemediateResponse()

    @cached_property
    def _tightens(self) -> bool:
        """A lock-down, and any update while one is in force that does not lift it: it locks again what came loose."""
        if self._mode in (Mode.LOCK, Mode.LIFT):
            return self._mode == Mode.LOCK
        try:
            return bool(lost.in_force(HvacVault.for_containment()))
        except PortcullisError:
            return False

    @cached_property
    def _declared(self) -> tuple[dict[str, dict[str, list[str]]], resources.Resources]:
        """In an incident with what the last apply declared besides, as the program declares it then."""
        estate, vault = load(), HvacVault.for_containment()
        incident = self._mode == Mode.LOCK or bool(lost.in_force(vault))
        if incident:
            estate = estates.with_kept(estate, vault.compiled() or estate)
        return planned.policies(estate), resources.resources(estate, os.environ, incident=incident)

    def _decided(self, kind: str, name: str, inputs: dict[str, Any]) -> Decision:
        if self._away is not None:
            raise self._away
        policies, known = self._declared
        step = {"op": "update", "type": kind, "name": name, "source": {"file": "", "line": 0}, "old": {}, "new": inputs}
        judge = self._judge or Opa(opa_url())
        return judge.decide(
            _PACKAGE,
            {
                "steps": [step],
                "policies": {name: policies[name]} if name in policies else {},
                "resources": {kind: _imported(inputs, resources.of_one(known, kind, name))} if kind in known else {},
            },
        )

    def _told(self, message: str, urn: str) -> messages.AnalyzeDiagnostic:
        return messages.AnalyzeDiagnostic(
            policyName=_PACKAGE,
            policyPackName=NAME,
            policyPackVersion=VERSION,
            description="what is declared, and nothing else",
            message=message,
            enforcementLevel=messages.ADVISORY if self._tightens else messages.MANDATORY,
            urn=urn,
        )


def _imported(inputs: dict[str, Any], declared: dict[str, resources.Inputs]) -> dict[str, resources.Inputs]:
    for wanted in declared.values():
        names = wanted.get("repositoryId", [])
        if names and inputs.get("repositoryId") not in names:
            return resources.with_repository(declared, GithubHost.from_environment().repository_node_id(names[0]))
    return declared


def _masked(value: Any) -> Any:
    """Without the values that Pulumi holds for secret: no rule needs one."""
    if isinstance(value, dict):
        return "[secret]" if _MARK in value else {key: _masked(one) for key, one in value.items()}
    return [_masked(one) for one in value] if isinstance(value, list) else value


def serve() -> None:
    """Until Pulumi ends this process; it reads the port from stdout."""
    server = grpc.server(
        ThreadPoolExecutor(4),
        options=[("grpc.max_receive_message_length", _LARGEST), ("grpc.max_send_message_length", _LARGEST)],
    )
    analyzer_pb2_grpc.add_AnalyzerServicer_to_server(Pack(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    over.wait()
    server.stop(0)


if __name__ == "__main__":
    serve()
