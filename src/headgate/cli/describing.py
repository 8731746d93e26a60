"""serving/open_inference.proto to what the server reads its messages by; needs the compiler of `dev`."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from headgate.errors import PermanentError

PROTO = Path("serving") / "open_inference.proto"
DESCRIPTOR = "src/headgate/serve/grpc/descriptor.json"


def descriptor(root: Path) -> dict[str, str]:
    """Return the descriptor of the gRPC messages as JSON, a message a line."""
    from google.protobuf import descriptor_pb2, json_format
    from grpc_tools import protoc

    with TemporaryDirectory() as folder:
        made = Path(folder) / "descriptor"
        words = ["protoc", f"-I{root / PROTO.parent}", f"--descriptor_set_out={made}", str(root / PROTO)]
        if protoc.main(words):
            raise PermanentError(f"protoc refused {str(PROTO)!r}; its reason is above")
        described = json_format.MessageToDict(descriptor_pb2.FileDescriptorSet.FromString(made.read_bytes()))
    (file,) = described["file"]
    messages = ",\n".join(json.dumps(message) for message in file.pop("messageType"))
    return {DESCRIPTOR: f'{{"file": [{json.dumps(file)[:-1]}, "messageType": [\n{messages}\n]}}]}}\n'}
