"""V2's protobuf messages, in a pool of their own: other packages bring messages of the same names."""

from importlib.resources import files
from typing import Any

from google.protobuf import descriptor_pb2, json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from headgate.serve.refusal import RefusalError

SERVICE = "inference.GRPCInferenceService"
DESCRIPTOR = "descriptor.json"
"""What `make render` makes of serving/open_inference.proto."""


def pool() -> DescriptorPool:
    """Return a pool that holds V2's messages and nothing else."""
    text = files(__package__).joinpath(DESCRIPTOR).read_text(encoding="utf-8")
    filled = DescriptorPool()
    for file in json_format.Parse(text, descriptor_pb2.FileDescriptorSet()).file:
        filled.Add(file)
    return filled


MESSAGES = pool()


def kind(name: str) -> Any:
    """Return a message's class, by its name in the .proto."""
    return message_factory.GetMessageClass(MESSAGES.FindMessageTypeByName(f"inference.{name}"))


InferRequest = kind("ModelInferRequest")
InferResponse = kind("ModelInferResponse")


def parse(kind: Any, content: bytes) -> Any:
    """Return the message in `content`; RefusalError when it is none of its kind."""
    try:
        return kind.FromString(content)
    except DecodeError as err:
        raise RefusalError(f"the message is no {kind.DESCRIPTOR.name}: {str(err)[:200].lower()}") from err
