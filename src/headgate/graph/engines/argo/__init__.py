"""How does a graph run on a cluster? As an Argo WorkflowTemplate, each step a pod of one image."""
