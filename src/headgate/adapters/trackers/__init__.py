"""Where do people look at runs? MLflow, or plain files where MLflow is not installed."""
