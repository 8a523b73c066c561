"""Checks manifests against the schemas of the Kubernetes API: no unknown field, no wrong type, no missing key."""

import json
import re
import sys

import kubernetes_validate
import yaml

# Kinds that no API server has by itself; their schemas are not among those of Kubernetes.
CUSTOM = {"HTTPRoute", "PodMonitor", "PrometheusRule", "RealtimeCluster"}


class Loader(yaml.SafeLoader):
    """YAML 1.2, as it was written: `off` is a text, and so is a time."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith((":bool", ":timestamp"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))


def check(path, version):
    """Checks each document of a file; returns how many there were by kind."""
    counts = {}
    with open(path, encoding="utf-8") as file:
        documents = [document for document in yaml.load_all(file, Loader) if document]
    for document in documents:
        kind = document["kind"]
        counts[kind] = counts.get(kind, 0) + 1
        if kind in CUSTOM:
            continue
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            name = document["metadata"]["name"]
            where = ".".join(str(step) for step in error.path)
            sys.exit(f"{path}: {kind} {name} by Kubernetes {version}: {where}: {error.message}")
    return counts


def main():
    parameters = json.loads(sys.argv[1])
    totals = {}
    for version in parameters["versions"]:
        for path in parameters["files"]:
            for kind, count in check(path, version).items():
                totals[kind] = totals.get(kind, 0) + count
    print(json.dumps(totals))


main()
