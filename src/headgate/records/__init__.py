"""What does each step leave behind? One frozen, versioned JSON document.

In order of the flow: dataset, model, judgement, change, live.
"""
