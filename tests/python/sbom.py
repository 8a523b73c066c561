"""Checks a list of components against the JSON Schema of CycloneDX, strictly."""

import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def main():
    with open(json.loads(sys.argv[1])["file"], encoding="utf-8") as file:
        text = file.read()
    version = SchemaVersion.from_version(json.loads(text)["specVersion"])
    fault = JsonStrictValidator(version).validate_str(text)
    print(fault or "valid")


main()
