"""Builds what the blocks are compiled against and what they run."""
import subprocess

from .markdown import ROOT

# The one package here that may depend on others, so the one that has swift-log.
EXAMPLE = "Examples/HummingbirdServer"
AGENT = "Examples/Agent"
# Its files are what docs/integrations.md shows.
INTEGRATIONS = "Examples/Integrations"


def build(package="."):
    """Returns the problem, if there is one."""
    command = ["swift", "build", "--package-path", package]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if result.returncode:
        return [f"{' '.join(command)} failed\n{result.stdout[-3000:]}{result.stderr[-3000:]}"]
    return []
