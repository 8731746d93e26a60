"""The end of the demo on a terminal."""

from rich.console import Console

from headgate.records.story import Story


def show(story: Story, console: Console) -> None:
    """Print what happened when, the env repo's history, AUC by month, and what it cost."""
    console.print(story.git_log, markup=False, highlight=False)
    for month, auc in story.auc["ring"].items():
        console.print(f"{month}  ring {auc:.3f}  frozen {story.auc['frozen'][month]:.3f}", highlight=False)
    console.print(f"report {story.report}  {story.seconds} s, {story.peak_rss_mb} MB", highlight=False)
