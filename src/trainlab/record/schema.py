"""The form of a claim, as a notebook shows it, and of a record: `schema.json`, a JSON Schema."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["CLAIM_ID", "SCHEMA", "of_claim"]

SCHEMA = json.loads(Path(__file__).with_name("schema.json").read_text(encoding="utf-8"))
CLAIM_ID: str = SCHEMA["$defs"]["id"]["pattern"]


def of_claim() -> dict:
    """Return the schema of one claim as JSON data; `SCHEMA` is that of a whole record."""
    return {"$schema": SCHEMA["$schema"], "$ref": "#/$defs/claim", "$defs": SCHEMA["$defs"]}
