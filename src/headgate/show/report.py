"""The story as one page."""

from headgate.records.story import Story


def render(story: Story) -> str:
    """Return the report: one self-contained HTML page."""
    return f"<!doctype html><title>{story.service}</title>"
