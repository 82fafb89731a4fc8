"""Which tools, in which version, how they are recognised and how they are built. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

GO_SOURCES = Path(__file__).resolve().parent / "go"
_SDK = "github.com/pulumi/pulumi/sdk/v3"


@dataclass(frozen=True, slots=True)
class Tool:
    """`package`: what Go builds. `module`: our own module folder under tools/go, else `package@version` is installed,
    else (`source`) a package inside another module is built from that module's folder."""

    name: str
    version: str
    package: str
    module: str | None = None
    shared: str | None = field(default=None, repr=False)
    """A folder under tools/go whose files are compiled into `module`, and belong to its recipe."""
    source: str | None = None
    ldflags: str = "-s -w"
    scripts: tuple[str, ...] = ()
    version_argv: tuple[str, ...] = ()
    """How a copy on PATH tells its version; empty: a copy on PATH is never taken."""
    plugin: str | None = None


CATALOGUE: tuple[Tool, ...] = (
    Tool(
        "pulumi",
        "3.259.0",
        "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
        module="pulumi",
        ldflags=f"-s -w -X {_SDK}/go/common/version.Version=v3.259.0",
        version_argv=("version",),
    ),
    Tool(
        "pulumi-language-python",
        "3.79.0",
        "./python/cmd/pulumi-language-python",
        source=f"{_SDK}@v3.79.0",
        scripts=("python/cmd/pulumi-language-python-exec",),
    ),
    Tool("pulumi-resource-vault", "7.14.0", ".", module="pulumi-resource-vault", shared="bridge", plugin="vault"),
    Tool("pulumi-resource-github", "6.15.0", ".", module="pulumi-resource-github", shared="bridge", plugin="github"),
    Tool("opa", "1.22.2", "github.com/open-policy-agent/opa", version_argv=("version",)),
    Tool("gitleaks", "8.30.1", "github.com/zricethezav/gitleaks/v8", version_argv=("version",)),
)

LINTERS: tuple[Tool, ...] = (
    Tool(
        "regal",
        "0.42.0",
        ".",
        source="github.com/open-policy-agent/regal@v0.42.0",
        ldflags="-s -w -X github.com/open-policy-agent/regal/pkg/version.Version=0.42.0",
        version_argv=("version",),
    ),
    Tool("actionlint", "1.7.12", "github.com/rhysd/actionlint/cmd/actionlint", version_argv=("-version",)),
)
"""What only the tests use: the first drill does not wait for them."""
