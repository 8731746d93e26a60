"""The node: containerd with CNI, kubelet, kube-proxy and the resolver of the cluster's names."""

import json
from pathlib import Path

import yaml

from cluster import answers
from cluster.process import await_ready, start
from cluster.site import BRIDGE, DOMAIN, Site, program

NAME = "headgate"
CGROUP = "/headgate"
PAUSE = "headgate.test/pause:1"
CNI = "/usr/lib/cni"


def containerd(site: Site) -> None:
    """Everything it mounts and writes lies in its room, so that nothing is left on the machine."""
    room = site.room("containerd")
    (room / "config.toml").write_text(_containerd(site))
    (room / "net.d").mkdir(exist_ok=True)
    (room / "net.d" / "10-headgate.conflist").write_text(json.dumps(_cni(site), indent=1))
    await_ready(
        start("containerd", ["containerd", "--config", str(room / "config.toml")]), (room / "containerd.sock").exists
    )


def kubelet(site: Site) -> None:
    """Register the node; its cgroups stand below one of ours."""
    for hierarchy in Path("/sys/fs/cgroup").iterdir():
        if hierarchy.is_dir() and hierarchy.name != "unified":
            (hierarchy / CGROUP[1:]).mkdir(exist_ok=True)
    room = site.room("kubelet")
    (room / "config.yaml").write_text(yaml.safe_dump(_kubelet(site, room)))
    where = [
        f"--root-dir={room}",
        f"--cert-dir={room / 'pki'}",
        f"--hostname-override={NAME}",
        f"--node-ip={site.gateway}",
    ]
    command = [program("kubelet"), f"--config={room / 'config.yaml'}", f"--kubeconfig={site.kubeconfig}", *where]
    await_ready(start("kubelet", command), answers.http(f"http://127.0.0.1:{site.port('kubelet-health')}/healthz"))


def proxy(site: Site) -> None:
    """Make the services' addresses work, from this machine too."""
    room = site.room("kube-proxy")
    health = f"127.0.0.1:{site.port('kube-proxy-health')}"
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(site.kubeconfig)},
        "mode": "iptables",
        "clusterCIDR": site.pods,
        "hostnameOverride": NAME,
        "nodePortAddresses": ["127.0.0.0/8"],
        "healthzBindAddress": health,
        "metricsBindAddress": f"127.0.0.1:{site.port('kube-proxy')}",
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
    (room / "config.yaml").write_text(yaml.safe_dump(config))
    process = start("kube-proxy", [program("kube-proxy"), f"--config={room / 'config.yaml'}"])
    await_ready(process, answers.http(f"http://{health}/healthz"))


def names(site: Site) -> None:
    """Resolve the cluster's names and no others; port 53, as a resolver's address has no port."""
    room, health = site.room("coredns"), f"127.0.0.1:{site.port('coredns-health')}"
    (room / "Corefile").write_text(
        f""".:53 {{
  bind {site.gateway}
  errors
  health {health}
  kubernetes {DOMAIN} in-addr.arpa {{
    kubeconfig {site.kubeconfig}
    pods insecure
    ttl 1
  }}
}}
"""
    )
    process = start("coredns", [program("coredns"), "-conf", str(room / "Corefile")])
    await_ready(process, answers.http(f"http://{health}/health"))


def _containerd(site: Site) -> str:
    room = site.room("containerd")
    return f"""version = 2
root = "{room}/root"
state = "{room}/state"
oom_score = 0
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "{room}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI}"
    conf_dir = "{room}/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = "{room}/runc"
"""


def _cni(site: Site) -> dict[str, object]:
    ipam = {
        "type": "host-local",
        "dataDir": str(site.folder / "ipam"),
        "ranges": [[{"subnet": site.pods, "gateway": site.gateway}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    wire = {"type": "bridge", "bridge": BRIDGE, "isGateway": True, "ipMasq": True, "hairpinMode": True, "ipam": ipam}
    mapped = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": "headgate", "plugins": [wire, mapped]}


def _kubelet(site: Site, room: Path) -> dict[str, object]:
    pki = site.folder / "pki"
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": site.gateway,
        "port": site.port("kubelet"),
        "healthzPort": site.port("kubelet-health"),
        "tlsCertFile": str(pki / "server.crt"),
        "tlsPrivateKeyFile": str(pki / "server.key"),
        "authentication": {"x509": {"clientCAFile": str(pki / "ca.crt")}, "webhook": {"enabled": True}},
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{site.room('containerd')}/containerd.sock",
        "podLogsDir": str(room / "pod-logs"),
        "volumePluginDir": str(room / "volume-plugins"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": CGROUP,
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "failCgroupV1": False,
        "featureGates": {"KubeletInUserNamespace": True},
        "localStorageCapacityIsolation": False,
        "clusterDomain": DOMAIN,
        "clusterDNS": [site.gateway],
        "resolvConf": "",  # pods resolve the cluster's names only: no traffic leaves this machine
        "evictionHard": {"memory.available": "200Mi", "nodefs.available": "1Gi", "imagefs.available": "1Gi"},
        "imageGCHighThresholdPercent": 100,  # what was imported can't be pulled again
        "imageMaximumGCAge": "0s",
        "nodeStatusUpdateFrequency": "4s",
        "shutdownGracePeriod": "0s",
        "serializeImagePulls": False,
    }
