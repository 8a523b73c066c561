"""Checks YAML documents against a JSON Schema; prints every fault, or nothing."""

import json
import sys

import yaml
from jsonschema import validators


def main():
    parameters = json.loads(sys.argv[1])
    with open(parameters["schema"], encoding="utf-8") as file:
        schema = json.load(file)
    validator = validators.validator_for(schema)(schema)
    with open(parameters["file"], encoding="utf-8") as file:
        document = yaml.safe_load(file)
    for fault in validator.iter_errors(document):
        print(f"{'.'.join(map(str, fault.path))}: {fault.message}")


main()
