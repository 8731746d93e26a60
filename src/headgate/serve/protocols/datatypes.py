"""V2's datatypes of the contract's types."""

from headgate.specs.contract import ColumnType

WHOLE = ("INT64", "INT32", "INT16", "INT8", "UINT8", "UINT16", "UINT32", "UINT64")
DATATYPES: dict[ColumnType, tuple[str, ...]] = {
    "integer": WHOLE,
    "number": ("FP64", "FP32", "FP16", *WHOLE),
    "string": ("BYTES",),
    "boolean": ("BOOL",),
    "datetime": ("BYTES",),
    "date": ("BYTES",),
}
"""What a column may be sent as; the first is what the model's metadata lists. Times are ISO 8601."""
