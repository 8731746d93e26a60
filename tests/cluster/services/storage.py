"""S3: a folder of this machine behind rclone's S3 server, as `http://s3.storage:9000`."""

from cluster import answers
from cluster.kubectl import apply, door, namespace
from cluster.process import await_ready, start
from cluster.site import Site, program

SPACE = "storage"
KEY = "headgate"
BUCKETS = ("headgate",)


def storage(site: Site) -> None:
    """Serve the buckets to the key `headgate` with the secret `site.password("s3")`."""
    room = site.room("storage")
    for bucket in BUCKETS:
        (room / "buckets" / bucket).mkdir(parents=True, exist_ok=True)
    access = ["--addr", site.address("s3"), "--auth-key", f"{KEY},{site.password('s3')}"]
    # Minutes, and a HEAD right after a PUT answers 404; none at all, and each level of a key doubles the work.
    fresh = ["--dir-cache-time", "10ms"]
    own = ["--config", str(room / "rclone.conf"), "--cache-dir", str(room / "cache")]
    command = [program("rclone"), "serve", "s3", *access, *fresh, *own, str(room / "buckets")]
    await_ready(start("s3", command), answers.port(site.address("s3")))


def storage_door(site: Site) -> None:
    """Give it its name in the cluster."""
    apply(site, namespace(SPACE), *door(site, "s3", SPACE, 9000, "s3"))
