"""The real tools answer, and the plugins speak the names of the published Python SDKs."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import subprocess
import time
import typing
from typing import Any

import pulumi_github
import pulumi_vault
import pytest
from pulumi import _types as sdk_types

from tools.bootstrap import Toolbox, ensure

SDKS = {"vault": pulumi_vault, "github": pulumi_github}

NEWER_IN_SDK = {
    "vault:identity/entityAlias:EntityAlias": {"issuer", "externalId"},
    "vault:index/policy:Policy": {"allowOverwrite"},
    "vault:pkiSecret/secretBackendCert:SecretBackendCert": {
        "jksPassword",
        "jksPrivateKeyAlias",
        "pkcs12Encoder",
        "pkcs12Password",
    },
    "vault:pkiSecret/secretBackendRole:SecretBackendRole": {"parameterSet"},
    "vault:pkiSecret/secretBackendRootCert:SecretBackendRootCert": {
        "jksPassword",
        "jksPrivateKeyAlias",
        "parameterSet",
        "pkcs12Encoder",
        "pkcs12Password",
    },
}
"""Inputs that the SDK has and the newest provider that can be built has not: the product must not use them."""


@pytest.fixture(scope="module")
def toolbox() -> Toolbox:
    return ensure(lambda _: None)


def names(toolbox: Toolbox, provider: str) -> dict[str, Any]:
    binary = toolbox.path(f"pulumi-resource-{provider}")
    done = subprocess.run([binary, "-names"], capture_output=True, text=True, timeout=60, check=True)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def input_class(provider: str, token: str) -> type:
    _, module, name = token.split(":")
    package = module.partition("/")[0].lower()
    root = SDKS[provider]
    holder = root if package == "index" else importlib.import_module(f"{root.__name__}.{package}")
    found: type = getattr(holder, f"{name}Args")
    return found


def input_classes_in(hint: object) -> list[type]:
    if inspect.isclass(hint) and sdk_types.is_input_type(hint):
        return [hint]
    return [found for argument in typing.get_args(hint) for found in input_classes_in(argument)]


def mismatches(where: str, sdk: type, plugin: dict[str, Any]) -> list[str]:
    """Each input whose name, list-or-single shape, or nested names differ."""
    hints = sdk_types.input_type_types(sdk)
    wire = set(sdk_types.input_type_py_to_pulumi_names(sdk).values())
    unknown = wire - set(plugin) - NEWER_IN_SDK.get(where, set())
    unheard = {name for name, p in plugin.items() if p["input"]} - wire
    wrong = [f"{where}.{n}: only in the SDK" for n in sorted(unknown)]
    wrong += [f"{where}.{n}: only in the plugin" for n in sorted(unheard)]
    for name in sorted(wire & set(plugin)):
        if ("Sequence" in str(hints[name])) != plugin[name]["list"]:
            wrong.append(f"{where}.{name}: the SDK says {hints[name]}")
        if nested := plugin[name].get("nested"):
            classes = input_classes_in(hints[name])
            wrong += mismatches(f"{where}.{name}", classes[0], nested) if classes else [f"{where}.{name}: no class"]
    return wrong


@pytest.mark.parametrize("provider", sorted(SDKS))
def test_every_mapped_resource_has_the_sdks_names(toolbox: Toolbox, provider: str) -> None:
    described = names(toolbox, provider)
    wrong = [
        line
        for token, plugin in described["resources"].items()
        for line in mismatches(token, input_class(provider, token), plugin)
    ]
    wrong += mismatches(f"{provider} configuration", SDKS[provider].ProviderArgs, described["config"])
    assert wrong == []


def test_the_real_tools_answer_and_a_second_start_is_quick(toolbox: Toolbox) -> None:
    env = {**os.environ, **toolbox.environ()}
    for argv, said in (
        (["pulumi", "version"], "3.259"),
        (["opa", "version"], "1.22"),
        (["gitleaks", "--help"], "gitleaks"),
        (["bao", "version"], "OpenBao"),
        (["pulumi", "plugin", "ls", "--json"], '"7.14.0"'),
        (["pulumi", "plugin", "ls", "--json"], '"6.15.0"'),
    ):
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{argv}: {done.stderr[-500:]}"
        assert said in done.stdout, argv
    start = time.monotonic()
    ensure(lambda message: pytest.fail(f"a second start did work: {message}"))
    assert time.monotonic() - start < 5
