"""What a Grafana dashboard is made of: variables, and panels placed left to right, row by row."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

HEIGHT, WIDTH = 8, 24
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


class Panel(msgspec.Struct, frozen=True):
    """One panel: its title, its queries by legend, its unit; what it is for in a sentence."""

    title: str
    queries: dict[str, str]
    unit: str = "short"
    about: str = ""
    kind: str = "timeseries"
    width: int = 12


class Dashboard(msgspec.Struct, frozen=True):
    """One dashboard: which variables choose what it shows, and its panels, left to right."""

    title: str
    variables: dict[str, str]
    panels: tuple[Panel, ...]


def files(dashboards: Mapping[str, Dashboard]) -> dict[str, str]:
    """Return dashboards as files: path → JSON."""
    return {
        f"monitoring/dashboards/{name}.json": json.dumps(rendered(name, found), indent=1, ensure_ascii=False) + "\n"
        for name, found in dashboards.items()
    }


def rendered(name: str, dashboard: Dashboard) -> dict[str, Any]:
    """Return a dashboard as Grafana imports it."""
    return {
        "uid": f"headgate-{name}",
        "title": dashboard.title,
        "tags": ["headgate"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [SOURCES, *(variable(key, query) for key, query in dashboard.variables.items())]},
        "panels": list(placed(dashboard.panels)),
    }


SOURCES = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def variable(name: str, query: str) -> dict[str, Any]:
    return {"name": name, "type": "query", "datasource": SOURCE, "query": query, "refresh": 2, "sort": 1}


def placed(panels: tuple[Panel, ...]) -> Iterator[dict[str, Any]]:
    """Yield the panels with their places, left to right, row by row."""
    x = y = 0
    for number, one in enumerate(panels, 1):
        if x + one.width > WIDTH:
            x, y = 0, y + HEIGHT
        yield {
            "id": number,
            "type": one.kind,
            "title": one.title,
            "description": one.about,
            "datasource": SOURCE,
            "gridPos": {"x": x, "y": y, "w": one.width, "h": HEIGHT},
            "fieldConfig": {"defaults": {"unit": one.unit, "min": 0}, "overrides": []},
            "targets": [
                {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": query, "legendFormat": legend}
                for index, (legend, query) in enumerate(one.queries.items())
            ],
        }
        x += one.width
